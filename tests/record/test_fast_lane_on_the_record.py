"""The fast lane over the record: it answers only who may ask, and only from facts that hold."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from rules.facts import Entity, EntityId
from rules.geography import Jurisdiction
from service.clocks import utc_now
from service.fast_lane.protocol import FastLaneProtocol
from service.settings import Settings
from service.storage import keys
from service.storage.database import Database, open_database
from service.storage.facts import put_entity
from service.storage.key_records import NewKey
from tests.record.conftest import fill
from tests.record.worker import Worker, now, working
from tests.service.connections import JSON, plain_question, plain_request
from tests.valkey_server import wait_until

UNTIL_KNOWN = 6
"""Asked so often, a request is known by its bytes."""
REFUSED = (401, 429)
"""A key that does not count; the same, where one was asked for too often before it counted."""


@dataclass
class Clock:
    """The time, or that much later."""

    later: timedelta = field(default_factory=timedelta)

    def __call__(self) -> datetime:
        return utc_now() + self.later


@dataclass(frozen=True, slots=True)
class Kept:
    """A worker over the small world that wants keys, with its clock and its database."""

    worker: Worker
    clock: Clock
    database: Database

    def key(self, expires_at: datetime | None = None) -> tuple[str, str]:
        """The id and the text of a key that the worker knows."""
        with self.database.writing() as writing:
            record, text = keys.create(writing, NewKey("gateway", frozenset({"decide"}), expires_at), "cli:test")
        wait_until(lambda: self.status(text) == 200, "a key that counts")
        return record.id, text

    def used_at(self, id: str) -> datetime:
        """When a key was last used, as far as that is written down."""
        with self.database.reading() as connection:
            record = keys.get(connection, id)
        assert record is not None
        return record.used_at or utc_now() - timedelta(days=1)

    def ask(self, text: str, account: str = "acct-half") -> tuple[int, bytes]:
        body = plain_question(account, "tool", "use", "8.8.8.8")
        return self.worker.answer(plain_request(body, JSON, b"Authorization: Bearer " + text.encode()))

    def status(self, text: str) -> int:
        return self.ask(text)[0]

    def make_known(self, text: str) -> None:
        """Ask until the request is known by its bytes."""
        assert [self.status(text) for _ in range(UNTIL_KNOWN)] == [200] * UNTIL_KNOWN

    def effect(self, text: str) -> str:
        status, answer = self.ask(text)
        assert status == 200, answer
        return str(json.loads(answer)["context"]["effect"])

    def is_fast(self, act: Callable[[], object]) -> bool:
        """Whether the fast lane answers what is asked here."""
        protocol = self.worker.service.protocol
        assert protocol is not None
        assert issubclass(protocol, FastLaneProtocol)
        before = protocol.lane.answered
        act()
        return protocol.lane.answered > before


@pytest.fixture
def kept(sqlite_url: str, tmp_path: Path) -> Iterator[Kept]:
    fill(sqlite_url, tmp_path / "world")
    clock = Clock()
    settings = Settings(database=sqlite_url, ruleset="small-world", decision_log=tmp_path / "log")
    database = open_database(sqlite_url, now)
    try:
        with working(settings, clock) as worker:
            yield Kept(worker, clock, database)
    finally:
        database.close()


def test_a_known_key_is_answered_by_the_fast_lane_until_it_is_revoked(kept: Kept) -> None:
    id, text = kept.key()
    kept.make_known(text)
    assert kept.is_fast(lambda: kept.status(text))
    with kept.database.writing() as writing:
        record = keys.get(writing.connection, id)
        assert record is not None
        keys.revoke(writing, record, "cli:test")
    wait_until(lambda: kept.status(text) in REFUSED, "a key that no longer counts")
    assert not kept.is_fast(lambda: kept.status(text))


def test_a_key_is_refused_from_the_moment_that_it_expires(kept: Kept) -> None:
    _, text = kept.key(expires_at=utc_now() + timedelta(hours=1))
    kept.make_known(text)
    assert kept.is_fast(lambda: kept.status(text))
    kept.clock.later = timedelta(minutes=59)
    assert kept.is_fast(lambda: kept.status(text))
    kept.clock.later = timedelta(hours=1)
    assert kept.status(text) in REFUSED


def test_a_key_that_may_not_decide_and_a_bad_one_are_refused(kept: Kept) -> None:
    _, text = kept.key()
    with kept.database.writing() as writing:
        _, reader = keys.create(writing, NewKey("reader", frozenset({"viewer"})), "cli:test")
    wait_until(lambda: kept.status(reader) == 403, "a key that is known, and may not")
    assert kept.status(text) == 200
    for bad in (text[:-1] + "x", ""):
        assert kept.status(bad) in REFUSED


def test_a_change_of_an_owner_is_in_force_for_the_fast_lane_too(kept: Kept) -> None:
    _, text = kept.key()
    assert [kept.effect(text) for _ in range(UNTIL_KNOWN)] == ["deny"] * UNTIL_KNOWN
    assert kept.is_fast(lambda: kept.effect(text))
    with kept.database.writing() as writing:
        seat = frozenset({Jurisdiction("DE")})
        put_entity(writing, Entity(EntityId("far"), seats={"headquarters": seat, "incorporation": seat}))
    wait_until(lambda: kept.effect(text) == "allow", "the owner's new seat")
    assert kept.is_fast(lambda: kept.effect(text))


def test_the_use_of_a_key_is_noted_when_the_fast_lane_answers(kept: Kept) -> None:
    id, text = kept.key()
    kept.make_known(text)
    kept.clock.later = timedelta(minutes=5)
    assert kept.is_fast(lambda: kept.status(text))
    wait_until(lambda: kept.used_at(id) >= utc_now() + timedelta(minutes=4), "the last use, in the database")


def test_an_answer_that_must_wait_for_its_record_takes_the_ordinary_way(sqlite_url: str, tmp_path: Path) -> None:
    fill(sqlite_url, tmp_path / "world")
    settings = Settings(
        database=sqlite_url,
        keys="none",
        decision_log=tmp_path / "log",
        decision_log_required=True,
        ruleset="small-world",
    )
    with working(settings) as worker:
        assert worker.service.protocol is None
