"""Puts the admin API together: its routers, its context, its answers to faults, the bound of its bodies."""

from collections.abc import Iterable
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Security
from fastapi.responses import Response
from fastapi.security import APIKeyHeader, HTTPBearer

from service.admin import (
    accounts,
    audit,
    case_files,
    decisions,
    drafts,
    entities,
    fact_batch,
    imports,
    instances,
    interests,
    keys,
    listings,
    resources,
    roles,
    rulesets,
    sources,
)
from service.admin.bodies import BoundedBodies
from service.admin.context import Admin
from service.admin.description import complete
from service.admin.problems import add_problem_handlers, failure
from service.version import own_version

DESCRIPTION_PATH = "/admin/v1/openapi.json"
ROUTERS: tuple[APIRouter, ...] = (
    rulesets.router,
    case_files.router,
    drafts.router,
    entities.router,
    interests.router,
    interests.excess_router,
    listings.router,
    accounts.router,
    resources.router,
    sources.router,
    fact_batch.router,
    imports.router,
    keys.router,
    roles.router,
    decisions.router,
    audit.router,
    instances.router,
)

_BEARER = HTTPBearer(auto_error=False, description="An API key, or an access token of the issuer.")
_KEY = APIKeyHeader(name="X-API-Key", auto_error=False, description="An API key.")
"""Both for the description alone: what a credential allows is found out by `requires`."""


class AdminApi(FastAPI):
    """The application, with a description of everything that it answers."""

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document, made once."""
        is_new = self.openapi_schema is None
        document = super().openapi()
        return complete(document) if is_new else document


def make_admin_api(admin: Admin, routers: Iterable[APIRouter] = ROUTERS) -> FastAPI:
    """The application that answers everything under `/admin/`."""
    api = AdminApi(
        title="Cordon, administration",
        version=own_version(),
        description="Through which people and automation change what Cordon decides by.",
        openapi_url=DESCRIPTION_PATH,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    api.state.admin = admin
    api.state.routes = []
    for router in routers:
        api.include_router(router, dependencies=[Security(_BEARER), Security(_KEY)])
        api.state.routes += router.routes
    add_problem_handlers(api)
    api.add_exception_handler(Exception, _failed)
    api.add_middleware(BoundedBodies)
    return api


async def _failed(request: Request, error: Exception) -> Response:
    """A fault of the service itself; `Front` reports it."""
    return failure()
