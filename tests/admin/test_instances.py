"""The fleet through the admin API: two instances, one of which stopped answering."""

from datetime import timedelta

from service.storage.database import Database
from service.storage.instances import InstanceState, beat
from tests.admin.conftest import Asker
from tests.admin.facts_app import create, facts, read
from tests.databases import START, Clock

__all__ = ["facts"]


def state(id: str, seq: int) -> InstanceState:
    return InstanceState(id, "host", 1, "1.0", START, seq, confirmed_at=START)


def test_the_fleet_shows_who_lags(facts: Asker, database: Database, clock: Clock) -> None:
    beat(database, state("stopped", database.position().seq))
    create(facts, "entities/acme")
    clock.advance(timedelta(minutes=1))
    beat(database, state("alive", database.position().seq))
    shown = read(facts, "instances")
    assert shown["position"] == str(database.position())
    lags = {item["id"]: item["lag"] for item in shown["items"]}
    assert (lags["alive"]["behind"], lags["alive"]["unseen_seconds"]) == (False, 0)
    assert (lags["stopped"]["silent"], lags["stopped"]["changes"]) == (True, 1)
    assert lags["stopped"]["unseen_seconds"] == 60


def test_nobody_without_a_role_sees_the_fleet(facts: Asker) -> None:
    assert facts.get("/admin/v1/instances", who="nobody").status_code == 403
