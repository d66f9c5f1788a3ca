"""The endpoints of facts and of the fleet over a database, and short words for what tests send them."""

from typing import Any

import pytest

from service.admin import accounts, entities, fact_batch, instances, interests, listings, resources, sources
from service.storage.database import Database
from tests.admin.conftest import Asker, served
from tests.databases import Clock

ROUTERS = (
    fact_batch.router,
    entities.router,
    interests.router,
    interests.excess_router,
    listings.router,
    accounts.router,
    resources.router,
    sources.router,
    instances.router,
)
NEW = {"If-None-Match": "*"}


@pytest.fixture
def facts(database: Database, clock: Clock) -> Asker:
    """The endpoints of facts over each kind of database."""
    return served(database, clock, ROUTERS)


@pytest.fixture
def sqlite_facts(sqlite_database: Database, clock: Clock) -> Asker:
    """The same over SQLite alone, for what no database sees."""
    return served(sqlite_database, clock, ROUTERS)


def create(facts: Asker, path: str, body: object = None, **options: Any) -> str:
    """Create what is not there yet; its entity tag."""
    answer = facts.put(f"/admin/v1/{path}", body or {}, headers=NEW, **options)
    assert answer.status_code == 201, answer.text
    return answer.headers["etag"]


def post(facts: Asker, path: str, body: object) -> dict[str, Any]:
    """Create under an id that the service gives; as it is recorded."""
    answer = facts.post(f"/admin/v1/{path}", body)
    assert answer.status_code == 201, answer.text
    created: dict[str, Any] = answer.json()
    return created


def read(facts: Asker, path: str) -> Any:
    """What a path answers, which must be there."""
    answer = facts.get(f"/admin/v1/{path}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def etag(facts: Asker, path: str) -> dict[str, str]:
    """The header that means the state that something is in now."""
    return {"If-Match": facts.get(f"/admin/v1/{path}").headers["etag"]}


def ids(page: Any) -> list[str]:
    """The ids on a page."""
    return [item["id"] for item in page["items"]]


def pointers(answer: Any) -> dict[str, str]:
    """The faults of an answer by their places."""
    return {fault["at"]: fault["message"] for fault in answer.json()["errors"]}
