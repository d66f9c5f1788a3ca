"""What was known then: every earlier state of the record can be read, exactly as it was."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeAlias

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from rules.facts import Account, AccountId, Entity, EntityId, Interest
from rules.shares import parse_bounds
from service.dossiers import Dossier, Listing
from service.storage import facts, schema
from service.storage.database import Database, Writing
from service.storage.dossiers import read_account
from service.storage.fact_rows import Acting, RecordedInterest, RecordedListing
from tests.databases import Clock

FACT_TABLES = (schema.entities, schema.acting, schema.interests, schema.listings, schema.accounts)
HEALTH = [HealthCheck.function_scoped_fixture]
MANY = settings(max_examples=30, suppress_health_check=HEALTH)
FEW = settings(max_examples=6, suppress_health_check=HEALTH)

Value: TypeAlias = Account | Entity | Acting | RecordedInterest | RecordedListing

ids = st.sampled_from("abc").map(EntityId)
shares = st.sampled_from(["30%", "51%", "(25%, 50%]"]).map(parse_bounds)


@dataclass(frozen=True, slots=True)
class Write:
    """One thing recorded, or removed, under one key."""

    key: tuple[str, ...]
    value: Value | None


def _writes(key: tuple[str, ...], value: st.SearchStrategy[Value]) -> st.SearchStrategy[Write]:
    return st.builds(Write, st.just(key), st.none() | value)


writes: st.SearchStrategy[Write] = st.one_of(
    _writes(("account",), st.builds(Account, st.just(AccountId("acct")), st.just(True), st.none() | ids)),
    ids.flatmap(
        lambda id: _writes(("entity", id), st.builds(Entity, st.just(id), st.sampled_from(["", "one", "two"])))
    ),
    st.sampled_from(["ab", "ac", "bc"]).flatmap(
        lambda pair: _writes(("acting", *pair), st.just(Acting(EntityId(pair[0]), EntityId(pair[1]))))
    ),
    st.sampled_from("123").flatmap(
        lambda id: _writes(
            ("interest", id),
            st.builds(RecordedInterest, st.just(id), st.builds(Interest, ids, ids, shares, source=st.just("register"))),
        )
    ),
    st.sampled_from("12").flatmap(
        lambda id: _writes(
            ("listing", id),
            st.builds(RecordedListing, st.just(id), ids, st.builds(Listing, st.sampled_from(["sdn", "eu"]))),
        )
    ),
)
transactions = st.lists(st.lists(writes, min_size=1, max_size=4), max_size=6)


@dataclass(slots=True)
class Oracle:
    """Everything that was ever written, replayed from the beginning for every question."""

    log: list[tuple[int, list[Write]]] = field(default_factory=list)

    def known(self, at: int) -> dict[tuple[str, ...], Value]:
        found: dict[tuple[str, ...], Value] = {}
        for recorded_at, written in self.log:
            for write in written if recorded_at <= at else ():
                if write.value is None:
                    found.pop(write.key, None)
                else:
                    found[write.key] = write.value
        return found

    def dossier(self, at: int) -> tuple[Account, frozenset[str], object, object, object]:
        """What a dossier says, by the plainest means there are."""
        values = list(self.known(at).values())
        account = next((each for each in values if isinstance(each, Account)), None)
        account = account or Account(AccountId("acct"), registered=False)
        held = [each.interest for each in values if isinstance(each, RecordedInterest)]
        acting = [each for each in values if isinstance(each, Acting)]
        edges = [(each.subject, each.owner) for each in held]
        edges += [pair for each in acting for pair in ((each.one, each.other), (each.other, each.one))]
        reached = set() if account.entity is None else {account.entity}
        while fresh := {end for start, end in edges if start in reached} - reached:
            reached |= fresh
        lists = [each for each in values if isinstance(each, RecordedListing) and each.entity in reached]
        listed = sorted((each.entity, each.listing.list) for each in lists)
        names = {id: "" for each in acting for id in (each.one, each.other)} | {each.entity: "" for each in lists}
        names |= {each.id: each.name for each in values if isinstance(each, Entity)}
        names = {id: name for id, name in names.items() if id in reached}
        interests = sorted((each.owner, each.subject, str(each.share)) for each in held if each.subject in reached)
        return account, frozenset(reached), names, listed, interests


def said(dossier: Dossier) -> tuple[object, frozenset[str], object, object, object]:
    """The same of what was read."""
    recorded = {entity.id: entity.name for entity in dossier.entities}
    listed = sorted((id, each.list) for id, listings in dossier.listings.items() for each in listings)
    interests = sorted((each.owner, each.subject, str(each.share)) for each in dossier.interests)
    return dossier.subject, dossier.reached, recorded, listed, interests


def write(writing: Writing, change: Write) -> None:
    match change.key, change.value:
        case _, Account() as account:
            facts.put_account(writing, account)
        case _, Entity() as entity:
            facts.put_entity(writing, entity)
        case _, Acting() as acting:
            facts.put_acting(writing, acting)
        case _, RecordedInterest() as interest:
            facts.put_interest(writing, interest)
        case _, RecordedListing() as listing:
            facts.put_listing(writing, listing)
        case key, None:
            remove(writing, key)


def remove(writing: Writing, key: tuple[str, ...]) -> None:
    match key:
        case ("account",):
            facts.remove_account(writing, "acct")
        case ("entity", id):
            facts.remove_entity(writing, id)
        case ("acting", one, other):
            facts.remove_acting(writing, one, other)
        case ("interest", id):
            facts.retract_interest(writing, id)
        case ("listing", id):
            facts.retract_listing(writing, id)
        case _:
            raise AssertionError(key)


def every_earlier_state_is_read_as_it_was(database: Database, clock: Clock, log: list[list[Write]]) -> None:
    with database.noting() as connection:
        for table in FACT_TABLES:
            connection.execute(delete(table))
    oracle = Oracle()
    for written in log:
        clock.advance(timedelta(seconds=1))
        with database.writing() as writing:
            for change in written:
                write(writing, change)
            oracle.log.append((writing.recorded_at, written))
    with database.reading() as connection:
        for recorded_at, _ in oracle.log:
            for at in (recorded_at - 1, recorded_at):
                assert said(read_account(connection, "acct", at)) == oracle.dossier(at)
        if oracle.log:
            now = oracle.log[-1][0]
            assert read_account(connection, "acct") == read_account(connection, "acct", now)


@MANY
@given(transactions)
def test_every_earlier_state_can_be_read_in_sqlite(
    sqlite_database: Database, clock: Clock, log: list[list[Write]]
) -> None:
    every_earlier_state_is_read_as_it_was(sqlite_database, clock, log)


@FEW
@given(transactions)
def test_every_earlier_state_can_be_read_in_postgresql(
    postgresql_database: Database, clock: Clock, log: list[list[Write]]
) -> None:
    every_earlier_state_is_read_as_it_was(postgresql_database, clock, log)
