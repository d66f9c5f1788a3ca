"""Every route of the admin API for every role: exactly what this table says is allowed, and nothing else."""

import asyncio
import importlib
import pkgutil
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.routing import Route

import service.admin
from service.admin.api import DESCRIPTION_PATH, ROUTERS
from service.admin.calls import Requires
from service.admin.permissions import FUNCTIONS, GRANTS
from service.admin.principals import ROLES
from service.admin.roles import somebody
from service.storage.database import open_database
from service.storage.key_records import SCOPES
from tests.admin.conftest import Asker, served
from tests.databases import Clock
from tests.pages import ROOT

EVERYONE = "viewer editor approver operator auditor"
ALLOWED = {
    "facts.read": EVERYONE,
    "facts.edit": "editor",
    "imports.run": "editor operator",
    "rulesets.read": EVERYONE,
    "drafts.edit": "editor",
    "drafts.review": "approver",
    "cases.edit": "editor",
    "rulesets.publish": "approver",
    "rulesets.rollback": "approver operator",
    "rulesets.break_glass": "operator",
    "keys.manage": "operator",
    "roles.manage": "operator",
    "instances.read": EVERYONE,
    "audit.read": "auditor",
    "decisions.read": "auditor",
    "decisions.export": "auditor",
    "decisions.delete": "operator",
}
"""Written down a second time: a change of who may do what is to be meant."""

FOR_ANYBODY = {("GET", "/admin/v1/me")}
"""Asks for a credential that counts, and for no role."""
READS_BY_POST = {("POST", "/admin/v1/audit/verify"), ("POST", "/admin/v1/drafts/{id}/check")}
"""Change nothing, though their method does not say so."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method of one path."""

    method: str
    path: str
    functions: tuple[str, ...]
    """What its route declares."""

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def place(self) -> tuple[str, str]:
        return self.method, self.path

    @property
    def url(self) -> str:
        """A path that the route matches, of something that there is not."""
        return re.sub(r"\{[^}]+\}", "1", self.path)


def routers() -> list[APIRouter]:
    """Every router of the package, whether it is served or not."""
    modules = (
        importlib.import_module(f"service.admin.{found.name}") for found in pkgutil.iter_modules(service.admin.__path__)
    )
    return [value for module in modules for value in vars(module).values() if isinstance(value, APIRouter)]


def endpoints() -> Iterator[Endpoint]:
    for router in routers():
        for route in router.routes:
            assert isinstance(route, APIRoute), f"{route} is no route that declares a function"
            calls = [dependency.call for dependency in route.dependant.dependencies]
            functions: list[str] = [call.function for call in calls if isinstance(call, Requires)]
            functions += ["anybody" for call in calls if call is somebody]
            for method in sorted(route.methods or ()):
                yield Endpoint(method, route.path, tuple(functions))


ENDPOINTS = sorted(set(endpoints()), key=str)


@pytest.fixture(scope="module")
def asker(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asker]:
    path = tmp_path_factory.mktemp("roles") / "cordon.db"
    shutil.copy(sqlite_template, path)
    clock = Clock()
    database = open_database(f"sqlite:///{path}", clock.read)
    yield served(database, clock, routers())
    database.close()


def roles_let_in(asker: Asker, endpoint: Endpoint) -> set[str]:
    """The roles that are not stopped at the door; what comes of the call behind it does not matter."""
    statuses = asyncio.run(statuses_of(asker, endpoint))
    assert 401 not in statuses.values()
    return {role for role, status in statuses.items() if status != 403}


async def statuses_of(asker: Asker, endpoint: Endpoint) -> dict[str, int]:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(asker.app), base_url="http://cordon.test", trust_env=False
    ) as client:
        return {
            role: (await client.request(endpoint.method, endpoint.url, headers={"authorization": role})).status_code
            for role in (*ROLES, "nobody")
        }


def test_the_table_in_force_is_this_one() -> None:
    assert {function: set(roles.split()) for function, roles in ALLOWED.items()} == {
        function: set(GRANTS[function]) for function in FUNCTIONS
    }


def test_every_router_is_served() -> None:
    assert {id(router) for router in routers()} == {id(router) for router in ROUTERS}


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=str)
def test_a_route_declares_one_function(endpoint: Endpoint) -> None:
    assert len(endpoint.functions) == 1
    assert (endpoint.functions == ("anybody",)) == (endpoint.place in FOR_ANYBODY)


@pytest.mark.parametrize("endpoint", [each for each in ENDPOINTS if each.method != "GET"], ids=str)
def test_a_route_that_changes_something_asks_for_more_than_to_read(endpoint: Endpoint) -> None:
    assert endpoint.functions[0].endswith(".read") == (endpoint.place in READS_BY_POST)


@pytest.mark.parametrize("endpoint", [each for each in ENDPOINTS if each.place not in FOR_ANYBODY], ids=str)
def test_a_route_lets_in_exactly_the_roles_of_its_function(asker: Asker, endpoint: Endpoint) -> None:
    assert roles_let_in(asker, endpoint) == set(ALLOWED[endpoint.functions[0]].split())


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=str)
def test_no_route_answers_without_a_credential(asker: Asker, endpoint: Endpoint) -> None:
    answer = asker.send(endpoint.method, endpoint.url, who="")
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize("place", sorted(FOR_ANYBODY), ids=" ".join)
def test_who_has_no_role_may_ask_who_they_are(asker: Asker, place: tuple[str, str]) -> None:
    assert asker.send(*place, who="nobody").status_code == 200


def test_beside_the_routers_nothing_is_served_but_the_description(asker: Asker) -> None:
    described = asker.send("GET", DESCRIPTION_PATH, who="").json()["paths"]
    assert {endpoint.path.replace(":path", "") for endpoint in ENDPOINTS} == set(described)
    assert [route.path for route in asker.app.routes if isinstance(route, Route)] == [DESCRIPTION_PATH]


def test_the_reference_shows_this_table_and_every_scope() -> None:
    page = (ROOT / "docs" / "reference" / "access.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`\w+\.\w+`[^|]*) \| ([a-z, ]+) \|$", page, re.MULTILINE)
    shown = {name: roles for names, roles in rows for name in re.findall(r"`([\w.]+)`", names)}
    assert {
        name: EVERYONE if roles == "every one" else roles.replace(",", "") for name, roles in shown.items()
    } == ALLOWED
    assert set(re.findall(r"`(decide(?::\w+)?|role:\w+)`", page)) == set(SCOPES)
