"""What would have been answered then: by the rules that were in force, from the facts that were known."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from rules.facts import EntityId
from service.dossiers import Listing
from service.storage.database import open_database
from service.storage.fact_rows import RecordedListing
from service.storage.facts import put_listing
from service.storage.rulesets import publish_imported
from tests.record.conftest import asker_of, fill, settings_for
from tests.record.worker import working
from tests.service.conftest import Asker, question

EXPLAIN = "/access/v1/evaluation?explain=true"
LATER = timedelta(microseconds=1)
STRICT = """
language: 1
ruleset: small-world
default: allow
if_unknown: challenge
rules:
  - id: listed
    effect: deny
    when: {entity: {listed: [black]}}
    reason: listed
"""


class Clock:
    """Goes on by a second each time it is asked."""

    def __init__(self) -> None:
        self.shown = datetime.fromisoformat("2026-03-01T00:00:00+00:00")

    def __call__(self) -> datetime:
        self.shown += timedelta(seconds=1)
        return self.shown


@pytest.fixture
def times(sqlite_url: str, tmp_path: Path) -> dict[str, datetime]:
    """The small world; then stricter rules; then an entity on a list since January: when each became known."""
    fill(sqlite_url, tmp_path / "world")
    found: dict[str, datetime] = {}
    database = open_database(sqlite_url, Clock())
    for name in ("rules", "listing"):
        with database.writing() as writing:
            if name == "rules":
                publish_imported(writing, "small-world", STRICT, "yaml", "cli:test")
            else:
                since = datetime.fromisoformat("2026-01-01T00:00:00+00:00")
                put_listing(writing, RecordedListing("l", EntityId("near"), Listing("black", since)))
            found[name] = datetime.fromisoformat("1970-01-01T00:00:00+00:00") + timedelta(
                microseconds=writing.recorded_at
            )
    database.close()
    return found


def explained(asker: Asker, **context: object) -> dict[str, Any]:
    response = asker.post(EXPLAIN, question(**context))
    assert response.status_code == 200, response.text
    return dict(response.json()["context"])


def test_rules_and_facts_are_those_of_the_time_that_is_named(sqlite_url: str, times: dict[str, datetime]) -> None:
    with working(settings_for(sqlite_url)) as worker:
        asker = asker_of(worker)
        before = explained(asker, known_at=(times["rules"] - LATER).isoformat())
        between = explained(asker, known_at=(times["listing"] - LATER).isoformat())
        after = explained(asker, known_at=times["listing"].isoformat())
        assert before["ruleset"]["revision"] != between["ruleset"]["revision"]
        assert (between["effect"], between["rule"]) == ("allow", None)
        assert (after["effect"], after["rule"]) == ("deny", "listed")
        assert after["data"][0]["date"].startswith(times["listing"].strftime("%Y-%m-%dT%H:%M:%S"))


def test_the_time_that_is_decided_for_is_another(sqlite_url: str, times: dict[str, datetime]) -> None:
    with working(settings_for(sqlite_url)) as worker:
        asker = asker_of(worker)
        known_at = times["listing"].isoformat()
        assert explained(asker, known_at=known_at, time="2025-12-31T00:00:00Z")["effect"] == "allow"
        assert explained(asker, known_at=known_at, time="2026-01-01T00:00:00Z")["effect"] == "deny"


def test_what_was_not_recorded_then_or_is_not_known_yet_is_refused(sqlite_url: str, times: dict[str, datetime]) -> None:
    with working(settings_for(sqlite_url)) as worker:
        asker = asker_of(worker)
        for known_at in ("2020-01-01T00:00:00Z", "2999-01-01T00:00:00Z", "yesterday"):
            assert asker.post(EXPLAIN, question(known_at=known_at)).status_code == 400
        known_at = times["listing"].isoformat()
        assert asker.post("/access/v1/evaluation", question(known_at=known_at)).status_code == 400
