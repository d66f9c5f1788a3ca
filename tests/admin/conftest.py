"""The admin API over a real database, for people whose credential is their name."""

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Request

from service.admin.api import ROUTERS, make_admin_api
from service.admin.context import Admin
from service.admin.principals import ROLES, Principal, Role
from service.errors import NotAuthenticated
from service.storage.database import Database, Position
from tests.databases import Clock

PEOPLE: Mapping[str, frozenset[Role]] = {
    "viewer": frozenset({"viewer"}),
    "editor": frozenset({"editor"}),
    "other-editor": frozenset({"editor"}),
    "approver": frozenset({"approver"}),
    "other-approver": frozenset({"approver"}),
    "operator": frozenset({"operator"}),
    "auditor": frozenset({"auditor"}),
    "author-and-approver": frozenset({"editor", "approver"}),
    "everything": frozenset(ROLES),
    "nobody": frozenset(),
}
ADDRESS = "192.0.2.7"


def by_name(request: Request) -> Principal:
    """Whoever the bearer token names."""
    name = request.headers.get("authorization", "").removeprefix("Bearer ")
    if name not in PEOPLE:
        raise NotAuthenticated("no credential that counts")
    return Principal(f"test:{name}", name, PEOPLE[name], ADDRESS)


@dataclass(frozen=True, slots=True)
class Asker:
    """Speaks HTTP with the application, in the same process. Whom it speaks for, `who` says; empty for nobody."""

    app: FastAPI
    admin: Admin
    positions: list[Position] = field(default_factory=list)
    """What the service was told of, in order."""

    def send(
        self,
        method: str,
        path: str,
        document: object = None,
        *,
        who: str = "everything",
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """One request; `document` is sent as JSON, or as it is if it is bytes."""
        sent = {"authorization": f"Bearer {who}"} if who else {}
        content = document if isinstance(document, bytes) else b""
        if document is not None and not isinstance(document, bytes):
            content, sent["content-type"] = json.dumps(document).encode(), "application/json"
        request = httpx.Request(
            method, f"http://cordon.test{path}", content=content, headers=sent | dict(headers or {})
        )
        return asyncio.run(self._sent(request))

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.send("GET", path, **options)

    def post(self, path: str, document: object = None, **options: Any) -> httpx.Response:
        return self.send("POST", path, document, **options)

    def put(self, path: str, document: object = None, **options: Any) -> httpx.Response:
        return self.send("PUT", path, document, **options)

    def patch(self, path: str, document: object = None, **options: Any) -> httpx.Response:
        return self.send("PATCH", path, document, **options)

    def delete(self, path: str, **options: Any) -> httpx.Response:
        return self.send("DELETE", path, **options)

    async def _sent(self, request: httpx.Request) -> httpx.Response:
        transport = httpx.ASGITransport(self.app, client=(ADDRESS, 40_000))
        async with httpx.AsyncClient(transport=transport) as client:
            return await client.send(request)


def served(database: Database, clock: Clock, routers: Iterable[APIRouter] = ROUTERS, **context: Any) -> Asker:
    """The routers over a database; `context` sets other members of `Admin`."""
    positions: list[Position] = []
    given: dict[str, Any] = {"authenticate": by_name, "changed": positions.append, **context}
    admin = Admin(database=database, clock=clock.read, **given)
    return Asker(make_admin_api(admin, routers), admin, positions)


@pytest.fixture
def asker(database: Database, clock: Clock) -> Asker:
    """Every router of the admin API, over each kind of database."""
    return served(database, clock)
