"""`cordon decisions` and the rules of then: from a database, from a directory of data, or from neither."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from typer.testing import CliRunner, Result

from service.cli import app
from service.past_rules import DirectoryPast, RecordedPast
from service.storage.database import Database
from service.storage.directory import load_directory
from service.storage.rulesets import Publication, Text, publish
from service.storage.schema import audit
from tests.databases import Clock
from tests.log.answers import SECOND, START, Located, answer, answered, answers, record, recorded_ids
from tests.service.conftest import write_world

RULES = """
language: 1
ruleset: small-world
default: {default}
if_unknown: challenge
include: [beside]
rules: []
"""
BESIDE = """
language: 1
ruleset: beside
default: allow
if_unknown: challenge
rules:
  - {id: located-afar, effect: deny, when: {location: {in: [CN]}}, reason: location.afar}
"""


def run(*arguments: object, code: int = 0) -> Result:
    result = CliRunner().invoke(
        app, ["decisions", *map(str, arguments)], env={"CORDON_DATABASE": "", "CORDON_DATA": ""}
    )
    assert result.exit_code == code, result.output
    return result


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Six decisions by rules that nobody has any more."""
    record(tmp_path / "log", answers(6))
    return tmp_path / "log"


def test_a_search_prints_a_line_for_each_decision(log: Path) -> None:
    found = run("search", "--log", log, "--effect", "deny", "--since", "2026-11-22T12:00:01Z").stdout.splitlines()
    assert found == [
        f"2026-11-22T12:00:0{number}.000000Z  decision-{number}  deny      owned-from-afar  acct-half  tool"
        for number in (4, 2)
    ]
    assert len(json.loads(run("search", "--log", log, "--limit", 3, "-o", "json").stdout)) == 3


def test_a_record_is_shown_and_explained(log: Path) -> None:
    shown = json.loads(run("show", "--log", log, "decision-0").stdout)
    assert shown["decision"]["rule"] == "owned-from-afar"
    assert "deny: rule `owned-from-afar` holds (owner.afar)" in run("why", "--log", log, "decision-0").stdout
    assert "no record of a decision `none`" in run("why", "--log", log, "none", code=1).stderr


def test_an_account_is_deleted(log: Path) -> None:
    assert run("delete", "--log", log, "--account", "acct-half").stdout == "3 records deleted from 1 segment\n"
    assert recorded_ids(log) == [f"decision-{number}" for number in (1, 3, 5)]


def test_an_export_holds_what_fits(log: Path) -> None:
    exported = [json.loads(line) for line in run("export", "--log", log, "--account", "acct-near").stdout.splitlines()]
    assert {line["id"] for line in exported if line["type"] == "decision"} == {"decision-1", "decision-3", "decision-5"}


def test_a_replay_by_other_rules_says_what_they_change(log: Path, tmp_path: Path) -> None:
    path = tmp_path / "other.yaml"
    path.write_text("{language: 1, ruleset: other, default: deny, if_unknown: challenge, rules: []}")
    printed = run("replay", "--log", log, "--ruleset", path).stdout.splitlines()
    assert printed[0] == (
        "2026-11-22T12:00:00.000000Z  decision-0  acct-half  rules: deny (owned-from-afar) -> deny (default)"
    )
    assert printed[-2:] == ["6 decisions made again, 6 changed (6 by rules)", "3 with another effect"]
    counted = json.loads(run("replay", "--log", log, "--ruleset", path, "-o", "json").stdout)
    assert (counted["decided"], counted["effects"], counted["changed"]) == (6, 3, {"rules": 6})
    assert len(counted["changes"]) == 6


@pytest.mark.parametrize(
    "arguments",
    [("search", "--since", "soon"), ("replay",), ("search", "--limit", "0")],
)
def test_a_command_that_is_not_used_as_it_should_be_says_so(log: Path, arguments: tuple[str, ...]) -> None:
    run(arguments[0], "--log", log, *arguments[1:], code=2)


def test_a_log_that_is_not_there_is_said(tmp_path: Path) -> None:
    assert "is no directory" in run("search", "--log", tmp_path / "none", code=1).stderr


def test_a_directory_explains_what_was_decided_by_its_rules(tmp_path: Path) -> None:
    directory = write_world(tmp_path / "data")
    world = load_directory(directory)
    made = answer(0, "acct-half")
    located = Located(made.located.address, made.located.location)
    known = world.account_facts("acct-half"), world.resource_facts("tool")
    record(tmp_path / "log", [answered("d", made.request, located, known, world.ruleset)])
    printed = run("why", "--log", tmp_path / "log", "d", "--data", directory).stdout
    assert "far (Far Ltd) holds 50% of half (Half SA)" in printed
    past = DirectoryPast.at(directory)
    assert past.ruleset_of(world.ruleset.id, world.ruleset.revision, START) == world.ruleset
    assert past.ruleset_of(world.ruleset.id, "another", START) is None
    assert past.facts_of("acct-half", "tool", START) == known
    (directory / "interests.csv").write_text("owner,subject,share\nfar,half,40%\n")
    replayed = run("replay", "--log", tmp_path / "log", "--data", directory).stdout
    assert "d  acct-half  data: deny (owned-from-afar) -> allow (default)" in replayed


def publish_rules(database: Database, text: str, id: str = "small-world") -> None:
    with database.writing() as writing:
        publish(writing, Publication(Text(id, text), "approved", "test:editor"))


def test_the_rules_of_then_are_found_in_the_record_by_their_revision(sqlite_database: Database, clock: Clock) -> None:
    publish_rules(sqlite_database, BESIDE, "beside")
    past = RecordedPast(sqlite_database, "small-world")
    revisions = []
    for default in ("allow", "deny", "allow"):
        clock.advance(timedelta(hours=1))
        publish_rules(sqlite_database, RULES.format(default=default))
        revisions.append((past.current_ruleset(), clock.now))
    for ruleset, at in revisions:
        found = past.ruleset_of("small-world", ruleset.revision, at + SECOND)
        assert found == ruleset
    assert past.ruleset_of("small-world", "0" * 12, clock.now) is None
    late = RecordedPast(sqlite_database).ruleset_of("small-world", revisions[0][0].revision, revisions[1][1] + SECOND)
    assert late == revisions[0][0]


def test_exports_and_deletions_stand_in_the_audit_trail_of_the_database(
    log: Path, sqlite_database: Database, sqlite_url: str
) -> None:
    run("export", "--log", log, "--database", sqlite_url, "--effect", "deny")
    run("delete", "--log", log, "--database", sqlite_url, "--account", "acct-half")
    with sqlite_database.reading() as connection:
        rows = connection.execute(select(audit).order_by(audit.c.number)).all()
    assert [row.action for row in rows] == ["decisions.export", "decisions.delete", "decisions.deleted"]
    assert all(row.actor.startswith("cli:") for row in rows)


def test_facts_of_the_record_are_those_of_now(sqlite_database: Database) -> None:
    account, resource = RecordedPast(sqlite_database).facts_of("nobody", "tool", START)
    assert (account.account.registered, resource.resource.id) == (False, "tool")
