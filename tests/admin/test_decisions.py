"""To delete the records of an account is done once, however often it is asked for under one key."""

from pathlib import Path

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

PATH = "/admin/v1/decisions?account=acct-half"


def actions(asker: Asker) -> list[str]:
    with asker.admin.database.reading() as connection:
        return list(connection.execute(select(audit.c.action).order_by(audit.c.number)).scalars())


def test_a_repeated_deletion_deletes_nothing_that_was_recorded_since(
    sqlite_database: Database, clock: Clock, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    asker = served(sqlite_database, clock, (router,), decisions=DecisionReader(DecisionSearch(log), of_then))
    record(log, answers(4))
    first = asker.delete(PATH, headers={"idempotency-key": "k"})
    assert (first.status_code, first.json()["records"]) == (200, 2)
    record(log, answers(4))
    kept = recorded_ids(log)
    again = asker.delete(PATH, headers={"idempotency-key": "k"})
    assert (again.content, again.headers["idempotent-replayed"]) == (first.content, "true")
    assert recorded_ids(log) == kept
    assert actions(asker) == ["decisions.delete", "decisions.deleted"]
    assert asker.delete(f"{PATH}2", headers={"idempotency-key": "k"}).status_code == 422
    assert asker.delete(PATH, headers={"idempotency-key": "other"}).json()["records"] == 2
