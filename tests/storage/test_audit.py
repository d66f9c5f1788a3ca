"""The audit trail: appended to by many at once, changed by nobody, and every change of it found."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, delete, insert, select, text, update
from sqlalchemy.exc import SQLAlchemyError

from service.storage import audit as trail
from service.storage.audit import BEGINNING, DIGESTED, Entry, append, digest_of, document_of, end_of, entries
from service.storage.audit_chain import Finding
from service.storage.audit_triggers import editable
from service.storage.audit_verification import sign_head, verify
from service.storage.database import Database
from service.storage.schema import audit
from tests.databases import Clock


def write(database: Database, *names: str) -> None:
    """An entry for each name, each in a transaction of its own."""
    for name in names:
        with database.writing() as writing:
            append(
                writing.connection, Entry("test:a", "entity.put", f"entity:{name}", after={"id": name}), database.now()
            )


def findings(database: Database) -> list[Finding]:
    with database.reading() as connection:
        return list(verify(connection).findings)


@pytest.fixture
def ten(database: Database) -> Database:
    """Ten entries, a to j."""
    write(database, *"abcdefghij")
    return database


def as_owner(database: Database, change: Callable[[Connection], object]) -> None:
    """Change the trail with the rights of whoever owns the database."""
    with database.writing() as writing:
        for statement in editable(database.engine.dialect.name):
            writing.connection.execute(text(statement))
        change(writing.connection)


def test_entries_are_numbered_without_a_gap_and_bound_to_the_one_before(ten: Database) -> None:
    with ten.reading() as connection:
        rows = list(entries(connection))
        assert end_of(connection) == (10, rows[-1].digest)
    assert [row.number for row in rows] == list(range(1, 11))
    assert [row.previous for row in rows] == [BEGINNING, *(row.digest for row in rows[:-1])]
    assert findings(ten) == []


def test_an_empty_trail_holds(database: Database) -> None:
    assert findings(database) == []
    with database.reading() as connection:
        assert end_of(connection) == (0, BEGINNING)


def test_an_entry_is_shown_as_it_was_written(database: Database, clock: Clock) -> None:
    before, after = {"b": [1, 2.5, None, True], "a": "ü\u0000"}, ["\ud800", {"x": 10**30}]
    entry = Entry("oidc:https://i#s", "draft.edit", "draft:1", "2001:db8::1", before, after, "why: ü")
    with database.writing() as writing:
        append(writing.connection, entry, clock.now)
    with database.reading() as connection:
        [row] = entries(connection)
    shown = document_of(row)
    assert (shown["before"], shown["after"]) == (before, after)
    assert (shown["actor"], shown["address"], shown["reason"]) == ("oidc:https://i#s", "2001:db8::1", "why: ü")
    assert shown["at"] == "2026-11-22T12:00:00.000000Z"
    assert findings(database) == []


def test_what_no_database_takes_is_written_with_a_mark_in_its_place(database: Database, clock: Clock) -> None:
    with database.writing() as writing:
        append(writing.connection, Entry("a\0b", "x.y", "entity:\ud800", reason="\udfff"), clock.now)
    with database.reading() as connection:
        [row] = entries(connection)
    assert (row.actor, row.object, row.reason) == ("a\ufffdb", "entity:\ufffd", "\ufffd")
    assert findings(database) == []


def test_what_is_undone_leaves_no_entry(database: Database, clock: Clock) -> None:
    with suppress(LookupError), database.writing() as writing:
        append(writing.connection, Entry("a", "x.y", "z:1"), clock.now)
        raise LookupError
    write(database, "a")
    assert findings(database) == []


def test_many_writers_at_once_leave_no_gap(database: Database) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda worker: write(database, *(f"{worker}-{number}" for number in range(15))), range(8)))
    with database.reading() as connection:
        rows = list(entries(connection))
    assert [row.number for row in rows] == list(range(1, 121))
    assert len({row.object for row in rows}) == 120
    assert findings(database) == []


def test_a_long_trail_is_followed_over_the_pages_it_is_read_in(ten: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trail, "PAGE", 3)
    assert findings(ten) == []
    with ten.reading() as connection:
        assert [row.number for row in entries(connection, after=2, until=9)] == list(range(3, 10))


CHANGES = (
    "UPDATE audit SET actor = 'x' WHERE number = 3",
    "DELETE FROM audit WHERE number = 10",
    "DELETE FROM audit",
    "INSERT INTO audit SELECT 12, at, actor, address, action, object, before, after, reason, previous, digest "
    "FROM audit WHERE number = 1",
    "UPDATE audit_heads SET digest = 'x'",
    "DELETE FROM audit_heads",
)


def test_the_database_itself_refuses_to_change_the_trail(ten: Database) -> None:
    sign_head(ten, Ed25519PrivateKey.generate())
    for statement in CHANGES:
        with pytest.raises(SQLAlchemyError, match="append-only"), ten.writing() as writing:
            writing.connection.execute(text(statement))
    assert findings(ten) == []


def test_sqlite_refuses_to_replace_an_entry(sqlite_database: Database) -> None:
    write(sqlite_database, "a", "b")
    replace = (
        "INSERT OR REPLACE INTO audit SELECT number, at, 'x', address, action, object, before, after, reason, "
        "previous, digest FROM audit WHERE number = 1"
    )
    with pytest.raises(SQLAlchemyError, match="append-only"), sqlite_database.writing() as writing:
        writing.connection.execute(text(replace))


def test_postgresql_refuses_to_truncate_the_trail(postgresql_database: Database) -> None:
    with pytest.raises(SQLAlchemyError, match="append-only"), postgresql_database.writing() as writing:
        writing.connection.execute(text("TRUNCATE audit"))


EDITS = {
    "number": 11,
    "at": 1,
    "actor": "test:b",
    "address": "192.0.2.1",
    "action": "entity.get",
    "object": "entity:x",
    "before": "{}",
    "after": '{"id": "d"}',
    "reason": "because",
    "previous": "0" * 64,
    "digest": "f" * 64,
}


@pytest.mark.parametrize("column", [column for column in EDITS if column != "number"])
def test_an_edited_entry_is_found_whatever_was_edited(sqlite_database: Database, column: str) -> None:
    write(sqlite_database, *"abcdefghij")
    as_owner(
        sqlite_database,
        lambda owner: owner.execute(update(audit).where(audit.c.number == 4).values({column: EDITS[column]})),
    )
    found = findings(sqlite_database)
    assert (found[0].number, found[0].kind) == (4, "edited")
    assert {finding.number for finding in found} <= {4, 5}


def test_an_edited_entry_is_found(ten: Database) -> None:
    as_owner(ten, lambda owner: owner.execute(update(audit).where(audit.c.number == 4).values(actor="test:b")))
    assert [(finding.number, finding.kind) for finding in findings(ten)] == [(4, "edited")]


def test_an_entry_that_is_edited_with_its_digest_is_found_by_the_next_one(ten: Database) -> None:
    def edit(owner: Connection) -> None:
        row = owner.execute(select(audit).where(audit.c.number == 4)).one()
        fields = {name: getattr(row, name) for name in DIGESTED} | {"actor": "test:b"}
        edited = {"actor": "test:b", "digest": digest_of(row.previous, fields)}
        owner.execute(update(audit).where(audit.c.number == 4).values(edited))

    as_owner(ten, edit)
    [finding] = findings(ten)
    assert (finding.number, finding.kind) == (5, "moved")
    assert finding.message == "entry 5 does not follow entry 4"


@pytest.mark.parametrize(("first", "last"), [(4, 6), (1, 1)])
def test_removed_entries_are_found(ten: Database, first: int, last: int) -> None:
    as_owner(ten, lambda owner: owner.execute(delete(audit).where(audit.c.number.between(first, last))))
    [finding] = findings(ten)
    assert (finding.number, finding.kind) == (first, "missing")
    assert finding.message in (f"entry {first} is missing", f"entries {first} to {last} are missing")


def test_a_removed_entry_whose_place_is_closed_up_is_found(ten: Database) -> None:
    def remove(owner: Connection) -> None:
        owner.execute(delete(audit).where(audit.c.number == 4))
        for number in range(5, 11):
            owner.execute(update(audit).where(audit.c.number == number).values(number=number - 1))

    as_owner(ten, remove)
    assert (findings(ten)[0].number, findings(ten)[0].kind) == (4, "edited")


def test_entries_that_change_places_are_found(ten: Database) -> None:
    def swap(owner: Connection) -> None:
        for old, new in ((4, -4), (7, 4), (-4, 7)):
            owner.execute(update(audit).where(audit.c.number == old).values(number=new))

    as_owner(ten, swap)
    assert {4, 7} <= {finding.number for finding in findings(ten)}


def test_an_inserted_entry_is_found(ten: Database) -> None:
    def insert_one(owner: Connection) -> None:
        rows = owner.execute(select(audit).where(audit.c.number >= 4).order_by(audit.c.number.desc())).all()
        for row in rows:
            owner.execute(update(audit).where(audit.c.number == row.number).values(number=row.number + 1))
        new = {name: getattr(rows[-1], name) for name in DIGESTED}
        digest = digest_of(rows[-1].previous, new)
        owner.execute(insert(audit).values(**new, previous=rows[-1].previous, digest=digest))

    as_owner(ten, insert_one)
    assert findings(ten)[0].number == 5


@pytest.mark.parametrize("number", [0])
def test_an_entry_before_the_first_is_found(ten: Database, number: int) -> None:
    def insert_one(owner: Connection) -> None:
        row = owner.execute(select(audit).where(audit.c.number == 1)).one()
        owner.execute(insert(audit).values({**row._mapping, "number": number}))

    as_owner(ten, insert_one)
    [finding] = findings(ten)
    assert finding.kind == "inserted"
    assert f"`{number}`" in finding.message


def test_no_more_is_said_than_anyone_reads(ten: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.storage.audit_verification.FINDINGS_LIMIT", 3)
    as_owner(ten, lambda owner: owner.execute(update(audit).values(actor="x")))
    assert [finding.number for finding in findings(ten)] == [1, 2, 3]


def test_values_of_a_kind_that_no_entry_has_are_found(sqlite_database: Database) -> None:
    write(sqlite_database, *"abc")
    as_owner(sqlite_database, lambda owner: owner.execute(text("UPDATE audit SET before = x'ff' WHERE number = 2")))
    with sqlite_database.writing() as writing:
        writing.connection.execute(text("UPDATE audit SET number = 'x' WHERE number = 3"))
    found = findings(sqlite_database)
    assert [(finding.number, finding.kind) for finding in found] == [(2, "edited"), (3, "inserted")]
