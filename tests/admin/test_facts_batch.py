"""Many changes of facts in one call: all of them, or none."""

from typing import Any

import pytest
from sqlalchemy import func, select

from service.storage.database import Database
from service.storage.schema import audit
from tests.admin.conftest import Asker
from tests.admin.facts_app import create, etag, facts, ids, pointers, read, sqlite_facts

__all__ = ["facts", "sqlite_facts"]


def op(op: str, kind: str, id: str | None = None, body: object = None, **members: Any) -> dict[str, Any]:
    """One operation, without what is not given."""
    given = {"op": op, "kind": kind, "id": id, "body": body, **members}
    return {name: value for name, value in given.items() if value is not None}


def batch(facts: Asker, *operations: object, **members: Any) -> Any:
    return facts.post("/admin/v1/facts/batch", {"operations": list(operations), **members})


HALF = {"owner": "acme", "subject": "beta", "share": "50%"}


def test_a_batch_does_all_that_it_says_in_one_change(facts: Asker, database: Database) -> None:
    create(facts, "accounts/old", {"tags": ["x"]})
    create(facts, "interests/i1", HALF)
    seq = database.position().seq
    answer = batch(
        facts,
        op("put", "entity", "acme", {"name": "Acme", "acts_with": ["beta"]}),
        op("put", "entity", "beta", {"name": "Beta", "acts_with": ["acme"]}),
        op("put", "interest", None, HALF),
        op("end", "interest", "i1", {"end": "2026-01-01"}, if_match="*"),
        op("delete", "account", "old", if_match=etag(facts, "accounts/old")["If-Match"]),
        reason="ticket 7",
    )
    assert answer.status_code == 200, answer.text
    assert answer.headers["cordon-position"] == str(database.position())
    assert database.position().seq == seq + 1
    items = answer.json()["items"]
    assert items[0]["etag"] == etag(facts, "entities/acme")["If-Match"]
    assert (items[4]["id"], items[4]["etag"]) == ("old", None)
    assert read(facts, "interests/i1")["end"] == "2026-01-01T00:00:00Z"
    assert read(facts, "entities/beta")["acts_with"] == ["acme"]
    assert len(ids(read(facts, "interests"))) == 2
    assert facts.get("/admin/v1/accounts/old").status_code == 404
    with database.reading() as connection:
        statement = select(audit.c.object).where(audit.c.reason == "ticket 7").order_by(audit.c.number)
        objects = list(connection.scalars(statement))
    assert objects == ["entity:acme", "entity:beta", f"interest:{items[2]['id']}", "interest:i1", "account:old"]


REFUSED = {
    "there already": (op("put", "entity", "acme", {}), 412),
    "changed": (op("put", "entity", "acme", {}, if_match='"x"'), 412),
    "gone": (op("put", "entity", "new", {}, if_match='"x"'), 412),
    "which state": (op("delete", "entity", "acme"), 428),
    "not there": (op("delete", "entity", "nobody", if_match="*"), 404),
    "before it starts": (op("end", "interest", "i1", {"end": "2020-01-01"}, if_match="*"), 422),
}


@pytest.mark.parametrize("name", REFUSED)
def test_of_a_batch_with_one_operation_that_fails_nothing_is_done(facts: Asker, database: Database, name: str) -> None:
    operation, status = REFUSED[name]
    create(facts, "entities/acme", {"name": "Acme"})
    create(facts, "interests/i1", {**HALF, "start": "2024-01-01"})
    before = database.position()
    answer = batch(facts, op("put", "entity", "beta", {"name": "Beta"}), operation)
    assert answer.status_code == status
    assert "/operations/1" in answer.text
    assert database.position() == before
    assert ids(read(facts, "entities")) == ["acme"]
    with database.reading() as connection:
        assert connection.execute(select(func.count()).select_from(audit)).scalar() == 2


def test_every_fault_of_every_operation_is_found_at_once(sqlite_facts: Asker) -> None:
    answer = batch(
        sqlite_facts,
        op("put", "interest", "i1", {"owner": "a", "share": "half"}),
        op("put", "entity", None, {}),
        op("end", "account", "a1", {"end": "2026-01-01"}),
        op("delete", "entity", "e1", {}, if_match="*"),
        op("put", "listing", "l1"),
        op("put", "resource", "r1", {}),
        op("put", "resource", "r1", {}),
    )
    assert answer.status_code == 422
    assert set(pointers(answer)) == {
        "/operations/0/body/subject",
        "/operations/0/body/share",
        "/operations/1/id",
        "/operations/2/op",
        "/operations/3/body",
        "/operations/4/body",
        "/operations/6",
    }


def test_a_batch_holds_one_to_a_thousand_operations(sqlite_facts: Asker) -> None:
    assert batch(sqlite_facts).status_code == 422
    many = [op("put", "account", f"a{number}", {"tags": ["x"]}) for number in range(1_001)]
    assert batch(sqlite_facts, *many).status_code == 422
    assert batch(sqlite_facts, *many[:-1]).status_code == 200
    assert len(ids(read(sqlite_facts, "accounts?limit=500&tag=x"))) == 500
