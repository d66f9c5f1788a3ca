"""Writing facts: nothing is overwritten, nothing is written twice, and whoever is concerned is named."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TypeAlias

import pytest
from sqlalchemy import select

from rules.facts import Account, AccountId, Entity, EntityId, Interest, Resource, ResourceId
from rules.geography import Jurisdiction
from rules.shares import NO_SHARE, UNKNOWN_SHARE, Bounds, parse_bounds
from service.dossiers import Listing
from service.storage import facts, schema
from service.storage.database import FOREVER, Database, Writing
from service.storage.fact_rows import (
    ACCOUNTS,
    ENTITIES,
    INTERESTS,
    LISTINGS,
    RESOURCES,
    Acting,
    RecordedEntity,
    RecordedInterest,
    RecordedListing,
)

JUNE = datetime(2026, 6, 1, tzinfo=UTC)
A, B = EntityId("a"), EntityId("b")

Put: TypeAlias = Callable[[Writing], bool]

ACME = Entity(A, "Acme", "company", {"headquarters": frozenset({Jurisdiction("DE")})})
HELD = RecordedInterest(
    "i1", Interest(A, B, parse_bounds("(25%, 50%]"), source="register"), "shareholding", {"page": 3}
)
LISTED = RecordedListing("l1", A, Listing("us-sdn", JUNE, None, "ofac"))
ACCOUNT = Account(AccountId("acct"), True, A, frozenset({"trial", "eu"}), {"billing": Jurisdiction("DE")})
RESOURCE = Resource(ResourceId("tool"), frozenset({"risky"}), B)

PUTS: dict[str, Put] = {
    "entity": lambda writing: facts.put_entity(writing, ACME, "register"),
    "acting": lambda writing: facts.put_acting(writing, Acting(B, A)),
    "interest": lambda writing: facts.put_interest(writing, HELD),
    "listing": lambda writing: facts.put_listing(writing, LISTED),
    "account": lambda writing: facts.put_account(writing, ACCOUNT),
    "resource": lambda writing: facts.put_resource(writing, RESOURCE),
    "source": lambda writing: facts.put_source(writing, "register", 10),
}

REMOVALS: dict[str, Put] = {
    "entity": lambda writing: facts.remove_entity(writing, "a"),
    "acting": lambda writing: facts.remove_acting(writing, "b", "a"),
    "interest": lambda writing: facts.retract_interest(writing, "i1"),
    "listing": lambda writing: facts.retract_listing(writing, "l1"),
    "account": lambda writing: facts.remove_account(writing, "acct"),
    "resource": lambda writing: facts.remove_resource(writing, "tool"),
    "source": lambda writing: facts.remove_source(writing, "register"),
}

TOUCHED = {
    "entity": {("entity", "a")},
    "acting": {("entity", "a"), ("entity", "b")},
    "interest": {("entity", "a"), ("entity", "b")},
    "listing": {("entity", "a")},
    "account": {("account", "acct")},
    "resource": {("resource", "tool")},
    "source": {("everything", "")},
}


@contextmanager
def touching(database: Database, expected: set[tuple[str, str]]) -> Iterator[Writing]:
    """One transaction, of which exactly these are touched."""
    before = database.position().seq
    with database.writing() as writing:
        yield writing
    with database.reading() as connection:
        rows = connection.execute(select(schema.changes).where(schema.changes.c.seq > before))
        assert {(row.subject, row.id) for row in rows} == expected


@pytest.mark.parametrize("kind", PUTS)
def test_a_fact_that_is_put_or_removed_touches_whom_it_concerns(database: Database, kind: str) -> None:
    for change in (PUTS[kind], REMOVALS[kind]):
        with touching(database, TOUCHED[kind]) as writing:
            assert change(writing)


@pytest.mark.parametrize("kind", PUTS)
def test_what_is_recorded_already_changes_nothing_and_takes_no_number(database: Database, kind: str) -> None:
    with database.writing() as writing:
        PUTS[kind](writing)
    before = database.position()
    with database.writing() as writing:
        assert not PUTS[kind](writing)
    assert database.position() == before


@pytest.mark.parametrize("kind", REMOVALS)
def test_what_is_not_recorded_is_removed_without_a_change(database: Database, kind: str) -> None:
    before = database.position()
    with database.writing() as writing:
        assert not REMOVALS[kind](writing)
    assert database.position() == before


def test_what_is_read_is_what_was_put(database: Database) -> None:
    with database.writing() as writing:
        for put in PUTS.values():
            put(writing)
    with database.reading() as connection:
        assert facts.current(connection, ENTITIES, "a") == RecordedEntity(ACME, "register")
        assert facts.current(connection, INTERESTS, "i1") == HELD
        assert facts.current(connection, LISTINGS, "l1") == LISTED
        assert facts.current(connection, ACCOUNTS, "acct") == ACCOUNT
        assert facts.current(connection, RESOURCES, "tool") == RESOURCE
        assert facts.current(connection, RESOURCES, "other") is None


@pytest.mark.parametrize("control", [False, True])
@pytest.mark.parametrize("share", [NO_SHARE, UNKNOWN_SHARE, parse_bounds("51%"), parse_bounds("[0%, 12.5%)")])
def test_every_share_is_kept_exactly(database: Database, share: Bounds, control: bool) -> None:
    recorded = RecordedInterest("i1", Interest(A, B, share, control))
    with database.writing() as writing:
        facts.put_interest(writing, recorded)
    with database.reading() as connection:
        assert facts.current(connection, INTERESTS, "i1") == recorded


def account_versions(database: Database) -> list[tuple[str | None, int, int]]:
    with database.reading() as connection:
        table = schema.accounts
        rows = connection.execute(select(table).order_by(table.c.recorded_from))
        return [(row.entity, row.recorded_from, row.recorded_to) for row in rows]


def put_account_of(writing: Writing, entity: str) -> bool:
    return facts.put_account(writing, Account(AccountId("acct"), True, EntityId(entity)))


def test_a_new_version_begins_when_the_one_before_it_ends(database: Database) -> None:
    for entity in "ab":
        with database.writing() as writing:
            put_account_of(writing, entity)
    (first, second) = account_versions(database)
    assert first == ("a", first[1], second[1])
    assert second == ("b", second[1], FOREVER)


def test_several_writes_of_one_id_in_one_transaction_leave_one_version(database: Database) -> None:
    with database.writing() as writing:
        for entity in "abc":
            put_account_of(writing, entity)
        facts.remove_account(writing, "acct")
        put_account_of(writing, "d")
    assert [(entity, end) for entity, _, end in account_versions(database)] == [("d", FOREVER)]


def test_what_one_transaction_puts_and_removes_was_never_recorded(database: Database) -> None:
    with database.writing() as writing:
        put_account_of(writing, "a")
        facts.remove_account(writing, "acct")
    assert account_versions(database) == []


def test_what_a_transaction_that_fails_wrote_was_never_recorded(database: Database) -> None:
    before = database.position()
    with pytest.raises(ZeroDivisionError), database.writing() as writing:  # noqa: PT012  the fault comes after the write
        put_account_of(writing, "a")
        _ = 1 / 0
    assert account_versions(database) == []
    assert database.position() == before


def test_an_interest_ends_in_the_world_and_stays_on_record(database: Database) -> None:
    with database.writing() as writing:
        facts.put_interest(writing, HELD)
    with touching(database, TOUCHED["interest"]) as writing:
        assert facts.end_interest(writing, "i1", JUNE)
        assert not facts.end_interest(writing, "i1", JUNE)
        assert not facts.end_interest(writing, "i2", JUNE)
    with database.reading() as connection:
        ended = facts.current(connection, INTERESTS, "i1")
        rows = connection.execute(select(schema.interests)).all()
    assert ended is not None
    assert ended.interest.end == JUNE
    assert min(rows, key=lambda row: row.recorded_to).valid_to is None


def test_an_interest_that_changes_hands_touches_the_former_owner_too(database: Database) -> None:
    with database.writing() as writing:
        facts.put_interest(writing, HELD)
    with touching(database, {("entity", "a"), ("entity", "b"), ("entity", "c")}) as writing:
        facts.put_interest(writing, RecordedInterest("i1", Interest(EntityId("c"), B, parse_bounds("50%"))))


def test_many_facts_are_put_in_batches_and_only_the_new_ones_count(database: Database) -> None:
    def numbered(count: int) -> list[Account]:
        return [Account(AccountId(f"acct-{number}")) for number in range(count)]

    with database.writing() as writing:
        assert facts.put_all(writing, ACCOUNTS, numbered(facts.BATCH + 10)) == facts.BATCH + 10
    with database.writing() as writing:
        assert facts.put_all(writing, ACCOUNTS, numbered(facts.BATCH + 12)) == 2
    with database.writing() as writing:
        assert facts.put_all(writing, ACCOUNTS, [*numbered(2), Account(AccountId("acct-0"), True, A)]) == 1
    with database.reading() as connection:
        assert facts.current(connection, ACCOUNTS, "acct-0") == Account(AccountId("acct-0"), True, A)


def test_ids_with_anything_in_them_are_told_apart(database: Database) -> None:
    ids = ["a", "A", "a ", "%", "_", "'", '"', "[", "{a}", "ä", "🜁", "a,b", "\\"]
    with database.writing() as writing:
        facts.put_all(writing, ACCOUNTS, [Account(AccountId(id), True, EntityId(id)) for id in ids])
    with database.reading() as connection:
        for id in ids:
            assert facts.current(connection, ACCOUNTS, id) == Account(AccountId(id), True, EntityId(id))
