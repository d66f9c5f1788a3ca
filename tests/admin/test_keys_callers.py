"""Who may ask for decisions: keys in memory, refused credentials counted and written down, last uses noted."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import text

from service.attempts import Attempts, source_of
from service.callers import Callers, CallerTerms, Uses
from service.errors import NotAllowed, NotAuthenticated, TooManyRequests
from service.refusals import ENTRIES_LIMIT, RefusalWriter
from service.storage import keys
from service.storage.audit import Entry
from service.storage.database import Database, Unavailable
from service.storage.key_records import KeyRecord, NewKey
from tests.databases import START, Clock

PEER = "192.0.2.7"
UNKNOWN = b"Bearer cordon_abc_" + b"x" * 43
Refused = list[tuple[str, str, str]]


def made(database: Database, *scopes: str, ends_in: timedelta | None = None) -> tuple[KeyRecord, bytes]:
    with database.writing() as writing:
        new = NewKey("edge", frozenset(scopes), None if ends_in is None else START + ends_in)
        record, secret = keys.create(writing, new, "cli:root")
    return record, secret.encode()


def callers_of(
    database: Database, refused: Refused | None = None, *, limit: int = 100, uses: Uses | None = None
) -> Callers:
    note: Refused = [] if refused is None else refused
    callers = Callers(
        CallerTerms(keys_required=True, unkeyed=frozenset()),
        Attempts(limit, 60),
        uses or Uses(),
        lambda reason, peer, claimed: note.append((reason, peer, claimed)),
    )
    with database.reading() as connection:
        callers.reload(connection)
    return callers


def refused_by(callers: Callers, authorization: bytes | None, api_key: bytes | None = None) -> str:
    with pytest.raises(NotAuthenticated) as refusal:
        callers.identify(authorization, api_key, peer=PEER, now=START)
    return str(refusal.value).partition(":")[0]


def test_a_decision_key_may_what_its_scopes_say_in_either_header(sqlite_database: Database) -> None:
    _, plain = made(sqlite_database, "decide")
    _, trusted = made(sqlite_database, "decide", "decide:time", "decide:explain")
    callers = callers_of(sqlite_database)
    assert callers.identify(b"Bearer " + plain, None, peer=PEER, now=START) == frozenset()
    assert callers.identify(b"bearer  " + trusted, None, peer=PEER, now=START) == {"time", "explain"}
    assert callers.identify(None, trusted, peer=PEER, now=START) == {"time", "explain"}
    assert callers.identify(b"Basic dTpw", plain, peer=PEER, now=START) == frozenset()


def test_what_is_no_key_in_force_is_refused_with_what_was_claimed(sqlite_database: Database) -> None:
    revoked, text_of_revoked = made(sqlite_database, "decide")
    expired, text_of_expired = made(sqlite_database, "decide", ends_in=timedelta(0))
    with sqlite_database.writing() as writing:
        keys.revoke(writing, revoked, "cli:root")
    refused: Refused = []
    callers = callers_of(sqlite_database, refused)
    assert refused_by(callers, None) == "no key"
    assert refused_by(callers, UNKNOWN) == "unknown or revoked key"
    assert refused_by(callers, b"Bearer \xff") == "unknown or revoked key"
    assert refused_by(callers, b"Bearer " + text_of_revoked) == "unknown or revoked key"
    assert refused_by(callers, b"Bearer " + text_of_expired) == "expired key"
    assert [claimed for _, _, claimed in refused] == ["", "key:abc", "", f"key:{revoked.id}", f"key:{expired.id}"]
    assert {peer for _, peer, _ in refused} == {PEER}


def test_a_key_with_a_role_may_not_ask(sqlite_database: Database) -> None:
    _, secret = made(sqlite_database, "role:operator")
    with pytest.raises(NotAllowed):
        callers_of(sqlite_database).identify(b"Bearer " + secret, None, peer=PEER, now=START)


def test_a_key_ends_while_it_is_in_memory(sqlite_database: Database) -> None:
    _, secret = made(sqlite_database, "decide", ends_in=timedelta(hours=1))
    callers = callers_of(sqlite_database)
    last = START + timedelta(hours=1) - timedelta(microseconds=1)
    assert callers.identify(b"Bearer " + secret, None, peer=PEER, now=last) == frozenset()
    with pytest.raises(NotAuthenticated):
        callers.identify(b"Bearer " + secret, None, peer=PEER, now=START + timedelta(hours=1))


def test_a_revoked_key_is_refused_once_the_keys_are_read_again(sqlite_database: Database) -> None:
    record, secret = made(sqlite_database, "decide")
    callers = callers_of(sqlite_database)
    with sqlite_database.writing() as writing:
        keys.revoke(writing, record, "cli:root")
    assert callers.identify(b"Bearer " + secret, None, peer=PEER, now=START) == frozenset()
    with sqlite_database.reading() as connection:
        callers.reload(connection)
    assert refused_by(callers, b"Bearer " + secret) == "unknown or revoked key"


def test_where_no_key_is_required_everyone_may_what_is_set() -> None:
    terms = CallerTerms(keys_required=False, unkeyed=frozenset(("time",)))
    callers = Callers(terms, Attempts(1, 60), Uses(), lambda *_: None)
    assert callers.identify(None, None, peer=PEER, now=START) == {"time"}


def test_after_too_many_failures_a_peer_must_wait_and_a_good_key_need_not(sqlite_database: Database) -> None:
    _, secret = made(sqlite_database, "decide")
    refused: Refused = []
    callers = callers_of(sqlite_database, refused, limit=3)
    for _ in range(3):
        refused_by(callers, UNKNOWN)
    with pytest.raises(TooManyRequests) as wait:
        callers.identify(UNKNOWN, None, peer=PEER, now=START)
    assert 1 <= wait.value.retry_after_seconds <= 61
    assert len(refused) == 4
    assert callers.identify(b"Bearer " + secret, None, peer=PEER, now=START) == frozenset()
    with pytest.raises(NotAuthenticated):
        callers.identify(UNKNOWN, None, peer="192.0.2.8", now=START)


def test_the_wait_ends() -> None:
    attempts = Attempts(1, 1)
    attempts.failed(PEER)
    assert attempts.wait_seconds(PEER) >= 1
    ended = threading.Event()
    while attempts.wait_seconds(PEER):
        attempts.failed(PEER)
        assert not ended.wait(0.05)


@pytest.mark.parametrize(
    ("peer", "source"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", "local"),
    ],
)
def test_of_ipv6_a_network_counts_as_one(peer: str, source: str) -> None:
    assert source_of(peer) == source


def test_a_last_use_is_written_at_most_once_a_minute(database: Database) -> None:
    record, secret = made(database, "decide")
    callers = callers_of(database)

    def noted_after(at: timedelta) -> object:
        callers.identify(b"Bearer " + secret, None, peer=PEER, now=START + at)
        callers.flush(database)
        with database.reading() as connection:
            found = keys.get(connection, record.id)
        return found and found.used_at and found.used_at - START

    assert noted_after(timedelta(0)) == timedelta(0)
    assert noted_after(timedelta(seconds=59)) == timedelta(0)
    assert noted_after(timedelta(seconds=60)) == timedelta(seconds=60)


def entries(database: Database) -> list[tuple[str, str, str, str]]:
    with database.reading() as connection:
        rows = connection.execute(text("SELECT actor, address, reason, after FROM audit ORDER BY number")).all()
    return [(row.actor, row.address, row.reason, row.after) for row in rows]


def no_failure(error: Exception) -> None:
    raise AssertionError from error


@pytest.fixture
def writer(sqlite_database: Database, clock: Clock) -> RefusalWriter:
    return RefusalWriter(sqlite_database, clock.read, no_failure)


def test_refusals_that_are_alike_are_one_entry_with_their_number(
    writer: RefusalWriter, sqlite_database: Database, clock: Clock
) -> None:
    for number in range(1_000):
        writer("unknown or revoked key", PEER, f"key:k{number % 3}")
    clock.advance()
    writer("unknown or revoked key", PEER, "")
    writer.refuse(Entry("key:abc", "auth.refused", "function:facts.edit", address=PEER, reason="no role"))
    assert writer.flush() == 2
    first, second = entries(sqlite_database)
    assert first == (
        "unknown",
        PEER,
        "unknown or revoked key",
        '{"claimed":["key:k0","key:k1","key:k2"],"count":1001,"first":"2026-11-22T12:00:00Z","last":"2026-11-22T12:00:01Z"}',
    )
    assert second[:3] == ("key:abc", PEER, "no role")
    assert writer.flush() == 0


def test_a_flood_from_everywhere_writes_few_entries_and_counts_all(
    writer: RefusalWriter, sqlite_database: Database
) -> None:
    for number in range(5_000):
        writer("unknown or revoked key", f"10.0.{number // 250}.{number % 250}", f"key:{number}")
    assert writer.flush() == ENTRIES_LIMIT + 1
    counts = [int(after.partition('"count":')[2].partition(",")[0]) for *_, after in entries(sqlite_database)]
    assert sum(counts) == 5_000
    assert max(map(len, (after for *_, after in entries(sqlite_database)))) < 300


def test_what_cannot_be_written_is_kept_for_later(
    writer: RefusalWriter, sqlite_database: Database, failing: Callable[[], None]
) -> None:
    writer("no key", PEER, "key:a")
    failing()
    with pytest.raises(Unavailable):
        writer.flush()
    writer("no key", PEER, "key:b")
    with sqlite_database.engine.begin() as connection:
        connection.execute(text("ALTER TABLE audit_away RENAME TO audit"))
    assert writer.flush() == 1
    assert '"claimed":["key:a","key:b"],"count":2' in entries(sqlite_database)[0][3]


@pytest.fixture
def failing(sqlite_database: Database) -> Callable[[], None]:
    """Takes the table away that is written to."""

    def fail() -> None:
        with sqlite_database.engine.begin() as connection:
            connection.execute(text("ALTER TABLE audit RENAME TO audit_away"))

    return fail


def test_the_writer_writes_by_itself_and_to_the_end(writer: RefusalWriter, sqlite_database: Database) -> None:
    writer.start()
    writer("no key", PEER, "")
    writer.close()
    assert [reason for _, _, reason, _ in entries(sqlite_database)] == ["no key"]
