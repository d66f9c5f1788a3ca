"""The decision log over HTTP: searched page by page, explained, taken away and cleared, by those who may."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from service.admin.decisions import router
from service.decision_log.search import DecisionSearch
from service.decision_log.why import DecisionReader
from service.storage.database import Database
from service.storage.schema import audit
from tests.admin.conftest import Asker, served
from tests.databases import Clock
from tests.log.answers import answers, record, recorded_ids
from tests.log.test_log_replay import of_then

PATH = "/admin/v1/decisions"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Ten decisions of two accounts."""
    record(tmp_path / "log", answers(10))
    return tmp_path / "log"


@pytest.fixture
def asker(sqlite_database: Database, clock: Clock, log: Path) -> Asker:
    return served(sqlite_database, clock, (router,), decisions=DecisionReader(DecisionSearch(log), of_then))


def body(response: httpx.Response, status: int = 200) -> Mapping[str, Any]:
    assert response.status_code == status, response.text
    document: Mapping[str, Any] = response.json()
    return document


def audited(asker: Asker) -> list[tuple[str, str, Any]]:
    with asker.admin.database.reading() as connection:
        rows = connection.execute(select(audit).order_by(audit.c.number)).all()
    return [(row.action, row.object, row.after and json.loads(row.after)) for row in rows]


def test_pages_show_every_decision_once_the_latest_first(asker: Asker) -> None:
    found, path = [], f"{PATH}?limit=4"
    while True:
        page = body(asker.get(path, who="auditor"))
        found += [item["id"] for item in page["items"]]
        if page["next"] is None:
            break
        path = f"{PATH}?limit=4&cursor={page['next']}"
    assert found == [f"decision-{number}" for number in reversed(range(10))]


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("account=acct-half", [8, 6, 4, 2, 0]),
        ("effect=allow&since=2026-11-22T12:00:05Z", [9, 7, 5]),
        ("rule=owned-from-afar&until=2026-11-22T12:00:03Z", [2, 0]),
        ("id=decision-4", [4]),
        ("unknown=entity.missing", []),
        ("resource=other", []),
    ],
)
def test_a_filter_finds_what_fits(asker: Asker, query: str, numbers: list[int]) -> None:
    page = body(asker.get(f"{PATH}?{query}", who="auditor"))
    assert [item["id"] for item in page["items"]] == [f"decision-{number}" for number in numbers]


@pytest.mark.parametrize(
    ("query", "status"), [("effect=maybe", 422), ("colour=red", 422), ("since=soon", 422), ("cursor=x", 400)]
)
def test_what_is_no_filter_is_refused(asker: Asker, query: str, status: int) -> None:
    assert asker.get(f"{PATH}?{query}", who="auditor").status_code == status


def test_one_decision_is_shown_with_its_facts(asker: Asker) -> None:
    shown = body(asker.get(f"{PATH}/decision-2", who="auditor"))
    assert shown["decision"]["account"] == "acct-half"
    assert {line["type"] for line in shown["facts"]} == {"facts", "location"}
    assert asker.get(f"{PATH}/decision-99", who="auditor").status_code == 404


def test_a_denial_is_explained(asker: Asker) -> None:
    explained = body(asker.get(f"{PATH}/decision-2/why", who="auditor"))
    assert explained["text"][0] == "deny: rule `owned-from-afar` holds (owner.afar)"
    steps = explained["trace"]["rules"][0]["condition"]["ownership"]["steps"]
    assert [step["owner"] for step in steps] == ["far"]


def test_an_export_is_audited_before_its_first_line(asker: Asker) -> None:
    response = asker.get(f"{PATH}/export?account=acct-near", who="auditor")
    lines = [json.loads(line) for line in response.text.splitlines()]
    assert [line["id"] for line in lines if line["type"] == "decision"] == [
        f"decision-{number}" for number in range(1, 10, 2)
    ]
    assert response.headers["content-type"] == "application/x-ndjson"
    assert audited(asker) == [("decisions.export", "decisions:", {"account": "acct-near"})]


def test_a_deletion_takes_one_account_out_of_the_log_and_is_audited_before_and_after(asker: Asker, log: Path) -> None:
    deleted = {"records": 5, "segments": 1, "unreached": 0}
    assert body(asker.delete(f"{PATH}?account=acct-half", who="operator")) == deleted
    assert recorded_ids(log) == [f"decision-{number}" for number in range(1, 10, 2)]
    assert audited(asker) == [
        ("decisions.delete", "account:acct-half", None),
        ("decisions.deleted", "account:acct-half", deleted),
    ]


@pytest.mark.parametrize(
    ("method", "path", "who"),
    [
        ("GET", PATH, "viewer"),
        ("GET", f"{PATH}/decision-1", "editor"),
        ("GET", f"{PATH}/export", "operator"),
        ("GET", f"{PATH}/decision-1/why", "nobody"),
        ("DELETE", f"{PATH}?account=acct-half", "auditor"),
    ],
)
def test_who_may_not_is_refused(asker: Asker, log: Path, method: str, path: str, who: str) -> None:
    assert asker.send(method, path, who=who).status_code == 403
    assert asker.send(method, path, who="").status_code == 401
    assert len(recorded_ids(log)) == 10


def test_without_a_log_there_is_nothing_to_find(sqlite_database: Database, clock: Clock) -> None:
    asker = served(sqlite_database, clock, (router,))
    problem = body(asker.get(PATH, who="auditor"), 404)
    assert problem["detail"] == "there is no decision log: set `CORDON_DECISION_LOG`"
