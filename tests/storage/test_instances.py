"""What instances say of themselves, and who of them lags: on both databases."""

import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert

from service.cli_instances import instances_command
from service.cli_output import Output
from service.decide import SourceState
from service.fleet import SILENT_AFTER, Fleet, read_fleet
from service.storage.database import Database, micros
from service.storage.instances import REMEMBERED, InstanceState, beat, fleet, forget
from service.storage.schema import rulesets

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
GEO = SourceState("geo", "2026-11", datetime(2026, 11, 1, tzinfo=UTC))


def instance(id: str, seq: int = 0, revision: str = "") -> InstanceState:
    return InstanceState(
        id=id,
        host=f"host-{id}",
        process=4711,
        version="1.2",
        started_at=NOW - timedelta(hours=3),
        seq=seq,
        confirmed_at=NOW,
        ruleset="ai-provider" if revision else "",
        revision=revision,
        data=(GEO,),
        notice="",
    )


def at(database: Database, moment: datetime) -> Database:
    """The same database, where the clock says so."""
    return replace(database, now=lambda: moment)


def seen(database: Database, moment: datetime = NOW) -> Fleet:
    with database.reading() as connection:
        return read_fleet(connection, moment)


def change(database: Database, times: int = 1) -> None:
    for _ in range(times):
        with database.writing() as writing:
            writing.touch_everything()


def publish(database: Database, ruleset: str, revision: str) -> None:
    with database.writing() as writing:
        row = {"id": ruleset, "revision": revision, "created_at": micros(NOW), "created_by": "key:x"}
        writing.connection.execute(insert(rulesets).values(row))


def test_what_an_instance_said_last_is_what_is_shown_of_it(database: Database) -> None:
    beat(at(database, NOW - timedelta(seconds=1)), instance("a"))
    said = replace(instance("a", seq=7, revision="r1"), notice="the geo database is old", confirmed_at=None)
    beat(at(database, NOW), said)
    with database.reading() as connection:
        (found,) = fleet(connection)
    assert found.state == said
    assert found.seen_at == NOW


def test_one_that_stops_as_it_should_is_shown_no_more(database: Database) -> None:
    for id in ("a", "b"):
        beat(at(database, NOW), instance(id))
    forget(database, "a")
    forget(database, "a")
    assert [each.state.id for each, _ in seen(database).instances] == ["b"]


def test_one_that_was_killed_is_shown_as_silent_then_forgotten(database: Database) -> None:
    beat(at(database, NOW), instance("killed"))
    later = NOW + SILENT_AFTER + timedelta(seconds=1)
    beat(at(database, later), instance("alive"))
    silent = {each.state.id: lag.silent for each, lag in seen(database, later).instances}
    assert silent == {"alive": False, "killed": True}
    much_later = NOW + REMEMBERED + timedelta(seconds=1)
    beat(at(database, much_later), instance("alive"))
    assert [each.state.id for each, _ in seen(database, much_later).instances] == ["alive"]


def test_a_beat_is_no_change_of_the_record(database: Database) -> None:
    before = database.position()
    beat(at(database, NOW), instance("a"))
    assert database.position() == before


def test_an_instance_is_behind_by_the_changes_that_it_has_not_seen(database: Database) -> None:
    change(database, 3)
    seq = database.position().seq
    for id, known in (("level", seq), ("slow", seq - 2), ("restored", seq + 40)):
        beat(at(database, NOW), instance(id, seq=known))
    behind = {each.state.id: (lag.changes, lag.behind) for each, lag in seen(database).instances}
    assert behind == {"level": (0, False), "slow": (2, True), "restored": (0, False)}


def test_an_instance_with_another_revision_than_the_published_one_is_behind(database: Database) -> None:
    publish(database, "ai-provider", "new")
    seq = database.position().seq
    for id, revision in (("level", "new"), ("old", "old"), ("empty", "")):
        beat(at(database, NOW), instance(id, seq, revision))
    expected = {each.state.id: lag.expected_revision for each, lag in seen(database).instances}
    assert expected == {"level": None, "old": "new", "empty": None}


def test_an_instance_with_a_notice_is_level_all_the_same(database: Database) -> None:
    beat(at(database, NOW), replace(instance("a"), notice="break-glass publication"))
    ((_, lag),) = seen(database).instances
    assert not lag.behind
    assert lag.notice == "break-glass publication"


def test_the_command_shows_who_lags(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    change(database, 2)
    beat(database, instance("slow"))
    beat(database, instance("level", database.position().seq))
    url = database.engine.url.render_as_string(hide_password=False)
    instances_command(url, Output.JSON)
    items = json.loads(capsys.readouterr().out)["items"]
    assert {item["id"]: item["lag"]["changes"] for item in items} == {"level": 0, "slow": 2}
    instances_command(url, Output.TEXT)
    shown = capsys.readouterr().out
    assert "2 changes behind" in shown
    assert f"the record is at {database.position()}" in shown


def test_the_command_says_what_is_wrong_with_a_database_in_one_line(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/none.db"
    command = [sys.executable, "-m", "service.cli", "instances", "--database", url]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == f"cordon: there is no database `{tmp_path}/none.db`: run `cordon migrate`\n"
    assert not (tmp_path / "none.db").exists()
