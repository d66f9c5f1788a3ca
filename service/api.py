"""The framework's application: routes, their description, and errors as problem documents."""

import html
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TypeAlias

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.exceptions import HTTPException

from service.errors import FAILURE, PROBLEM_MEDIA_TYPE, problem
from service.gateways.authzen import CONFIGURATION_PATH, EVALUATION_PATH, EVALUATIONS_PATH, AuthZen, configuration
from service.gateways.authzen_search import SEARCH_PATHS, AuthZenSearch, Kind
from service.gateways.check_endpoints import CHECK, WIRES, CheckEndpoints
from service.gateways.wire import AsgiApp, Receive, Scope, Send
from service.openapi import (
    complete,
    gateway_request,
    json_answer,
    permission,
    problems,
    question,
    search,
    stopped,
)
from service.status import Status
from service.version import own_version

Lifespan: TypeAlias = Callable[[FastAPI], AbstractAsyncContextManager[None]]

METRICS_MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_HOST = re.compile(r"[A-Za-z0-9.-]+(?::[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](?::[0-9]{1,5})?", re.ASCII)

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Cordon</title></head><body>
<h1>Cordon</h1>
<p>May this account, from this address, use this resource now? Ask <code>POST {evaluation}</code>.</p>
<ul>
<li><a href="/openapi.json">/openapi.json</a>: every endpoint</li>
<li><a href="{configuration}">{configuration}</a>: AuthZEN metadata</li>
<li><a href="/readyz">/readyz</a>: the rules and data in force</li>
<li><a href="/metrics">/metrics</a>: counters for Prometheus</li>
</ul>
<p>{state}</p>
<p><a href='https://db-ip.com'>IP Geolocation by DB-IP</a></p>
</body></html>
"""

_ADMIN_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Cordon, administration</title></head><body>
<h1>Cordon, administration</h1>
<ul>
<li><a href="/admin/v1/openapi.json">/admin/v1/openapi.json</a>: the admin API</li>
<li><a href="/readyz">/readyz</a>: the rules and data in force</li>
<li><a href="/metrics">/metrics</a>: counters for Prometheus</li>
</ul>
<p>{state}</p>
</body></html>
"""


_SEARCHES: Mapping[Kind, tuple[str, str, str]] = {
    "subject": ("SubjectSearch", "MembersFound", "Find the accounts that may use a resource"),
    "resource": ("ResourceSearch", "MembersFound", "Find the resources that an account may use"),
    "action": ("ActionSearch", "ActionsFound", "Find what an account may do with a resource"),
}
"""Body, answer and summary of each search."""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """What the routes lead to."""

    authzen: AuthZen
    search: AuthZenSearch
    checks: CheckEndpoints
    status: Status
    exposition: Callable[[], bytes]
    """The metrics."""
    public_url: str | None
    """None: what the request says."""


class _Handed(Response):
    """Hands the request on to an ASGI application."""

    def __init__(self, app: AsgiApp) -> None:
        super().__init__()
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)


def make_api(endpoints: Endpoints, lifespan: Lifespan) -> FastAPI:
    """The application of the listeners of decisions, with all its routes."""
    api = _bare_api(
        "Cordon",
        "May this account, from this address, use this resource now? [IP Geolocation by DB-IP](https://db-ip.com).",
        lifespan,
    )
    _add_decisions(api, endpoints)
    _add_searches(api, endpoints)
    _add_checks(api, endpoints)
    _add_metadata(api, endpoints)
    _add_state(api, endpoints)
    return api


def make_state_api(endpoints: Endpoints) -> FastAPI:
    """What is answered beside the admin API, on its listener: the state of the service, and no question."""
    api = _bare_api("Cordon, state", "Beside the admin API, which /admin/v1/openapi.json describes.")

    async def index() -> Response:
        return HTMLResponse(_ADMIN_PAGE.format(state=_state(endpoints.status)))

    api.add_api_route("/", index, operation_id="index", summary="Where to look", response_class=HTMLResponse)
    _add_state(api, endpoints)
    return api


def _bare_api(title: str, description: str, lifespan: Lifespan | None = None) -> FastAPI:
    api = FastAPI(
        title=title,
        version=own_version(),
        description=description,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    api.add_exception_handler(HTTPException, _refused)
    api.add_exception_handler(Exception, _failed)
    document = api.openapi
    api.openapi = lambda: complete(document())  # type: ignore[method-assign]
    return api


def _add_decisions(api: FastAPI, endpoints: Endpoints) -> None:
    errors = problems((400, 403, 413, 503))
    api.add_api_route(
        EVALUATION_PATH,
        _handing(endpoints.authzen.evaluation),
        methods=["POST"],
        operation_id="evaluation",
        summary="Answer one question",
        status_code=200,
        response_class=_Handed,
        responses={200: json_answer("EvaluationAnswer", "The decision; a denial too."), **errors},
        openapi_extra=question("Evaluation"),
    )
    api.add_api_route(
        EVALUATIONS_PATH,
        _handing(endpoints.authzen.evaluations),
        methods=["POST"],
        operation_id="evaluations",
        summary="Answer several questions",
        status_code=200,
        response_class=_Handed,
        responses={200: json_answer("EvaluationsAnswer", "The decisions, in order."), **errors},
        openapi_extra=question("EvaluationsDocument"),
    )


def _add_searches(api: FastAPI, endpoints: Endpoints) -> None:
    for kind, (model, found, summary) in _SEARCHES.items():
        path = SEARCH_PATHS[kind]
        api.add_api_route(
            path,
            _handing(endpoints.search.apps[path]),
            methods=["POST"],
            operation_id=f"search_{kind}",
            summary=summary,
            status_code=200,
            response_class=_Handed,
            responses={200: json_answer(found, "One page of what was found."), **problems((400, 403, 413, 503))},
            openapi_extra=search(model),
        )


def _add_checks(api: FastAPI, endpoints: Endpoints) -> None:
    for name, wire in WIRES.items():
        api.add_api_route(
            f"{CHECK}{name}/{{route}}",
            _handing(endpoints.checks),
            methods=["GET"],
            operation_id=f"check_{name.replace('-', '_')}",
            summary=wire.summary,
            status_code=200,
            response_class=_Handed,
            responses={**permission(), **stopped(wire.stopped_by)},
            openapi_extra=gateway_request(),
        )


def _handing(app: AsgiApp) -> Callable[[Request], Awaitable[Response]]:
    async def handed(request: Request) -> Response:
        return _Handed(app)

    return handed


def _add_metadata(api: FastAPI, endpoints: Endpoints) -> None:
    async def authzen_configuration(request: Request) -> Response:
        return JSONResponse(configuration(endpoints.public_url or _base_url(request)))

    async def index() -> Response:
        return HTMLResponse(_page(endpoints.status))

    api.add_api_route(
        CONFIGURATION_PATH,
        authzen_configuration,
        operation_id="configuration",
        summary="Where the endpoints are",
        responses={200: json_answer("Configuration", "The metadata of this decision point.")},
    )
    api.add_api_route("/", index, operation_id="index", summary="Where to look", response_class=HTMLResponse)


def _base_url(request: Request) -> str:
    """Where the request was sent to; a Host header that names no host does not count."""
    scheme = request.scope.get("scheme", "http")
    host = request.headers.get("host", "")
    if not _HOST.fullmatch(host):
        name, port = request.scope.get("server") or ("localhost", None)
        host = name if port is None else f"{name}:{port}"
    return f"{scheme}://{host}"


def _page(status: Status) -> str:
    return _PAGE.format(evaluation=EVALUATION_PATH, configuration=CONFIGURATION_PATH, state=_state(status))


def _state(status: Status) -> str:
    """What is in force, in a sentence of HTML."""
    ruleset = status.readiness().get("ruleset")
    return html.escape(f"In force: {ruleset['id']}, revision {ruleset['revision']}." if ruleset else "Not ready yet.")


def _add_state(api: FastAPI, endpoints: Endpoints) -> None:
    async def livez() -> Response:
        return PlainTextResponse("alive\n")

    async def readyz() -> Response:
        readiness = endpoints.status.readiness()
        return JSONResponse(readiness, 200 if readiness["ready"] else 503)

    async def metrics() -> Response:
        return Response(endpoints.exposition(), media_type=METRICS_MEDIA_TYPE)

    plain = PlainTextResponse
    api.add_api_route("/livez", livez, operation_id="livez", summary="Whether it answers", response_class=plain)
    api.add_api_route("/metrics", metrics, operation_id="metrics", summary="Counters", response_class=plain)
    api.add_api_route(
        "/readyz",
        readyz,
        operation_id="readyz",
        summary="Whether decisions can be made, and from what",
        responses={200: json_answer("Readiness", "Ready."), 503: json_answer("Readiness", "Not ready yet.")},
    )


async def _refused(request: Request, error: Exception) -> Response:
    """What the framework refuses (no such path, no such method), as a problem document."""
    assert isinstance(error, HTTPException)
    document = problem(error.status_code, error.detail.lower())
    return JSONResponse(document, error.status_code, error.headers, PROBLEM_MEDIA_TYPE)


async def _failed(request: Request, error: Exception) -> Response:
    """A fault of the service itself; `Front` reports it."""
    return JSONResponse(problem(500, FAILURE), 500, media_type=PROBLEM_MEDIA_TYPE)
