"""Reading dossiers: all that a decision depends on, and nothing that costs more for what else is recorded."""

from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, text

from rules.compile import compile_ruleset
from rules.evaluate import evaluate, screen, screen_resource
from rules.explain import explain
from rules.facts import (
    Account,
    AccountFacts,
    AccountId,
    Entity,
    EntityId,
    Interest,
    OwnershipGraph,
    Request,
    Resource,
    ResourceFacts,
    ResourceId,
)
from rules.language import Decision, RuleSet
from rules.shares import parse_bounds
from service.dossiers import Listing
from service.storage import facts, schema
from service.storage.closure import TooMuch, closure_query
from service.storage.database import FOREVER, Database
from service.storage.dossiers import read_account, read_accounts, read_resource, read_resources, read_with_entity
from service.storage.fact_rows import (
    ACCOUNTS,
    ACTING,
    ENTITIES,
    INTERESTS,
    LISTINGS,
    RESOURCES,
    Acting,
    RecordedEntity,
    RecordedInterest,
    RecordedListing,
    texts_value,
)
from tests.strategies import accounts, graphs, names, requests, resources, rule_sets

JUNE, JULY = datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)
FACT_TABLES = (schema.entities, schema.acting, schema.interests, schema.listings, schema.accounts, schema.resources)
REUSED = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
"""The database is the same for all examples, and emptied before each."""

CHAIN, STAR = 10_000, 20_000


def held(id: str, owner: str, subject: str, share: str = "60%") -> RecordedInterest:
    return RecordedInterest(id, Interest(EntityId(owner), EntityId(subject), parse_bounds(share)))


def account_of(entity: str) -> Account:
    return Account(AccountId("acct"), True, EntityId(entity))


def empty(database: Database) -> None:
    with database.noting() as connection:
        for table in FACT_TABLES:
            connection.execute(delete(table))


dates = st.none() | st.sampled_from([JUNE, JULY])
dated_listings = st.lists(
    st.tuples(st.sampled_from("abcd").map(EntityId), st.builds(Listing, names, dates, dates)), max_size=5
)


def record(database: Database, graph: OwnershipGraph, listings: list[tuple[EntityId, Listing]]) -> None:
    """Put a whole graph on record."""
    pairs = {(min(one.id, other), max(one.id, other)) for one in graph.entities.values() for other in one.acts_with}
    interests = [interest for owned in graph.owners.values() for interest in owned]
    with database.writing() as writing:
        facts.put_all(writing, ENTITIES, map(RecordedEntity, graph.entities.values()))
        facts.put_all(writing, ACTING, (Acting(*pair) for pair in pairs))
        facts.put_all(writing, INTERESTS, (RecordedInterest(str(n), each) for n, each in enumerate(interests)))
        facts.put_all(writing, LISTINGS, (RecordedListing(str(n), *each) for n, each in enumerate(listings)))


def whole(
    graph: OwnershipGraph, listings: list[tuple[EntityId, Listing]], at: datetime, revision: str
) -> OwnershipGraph:
    """The graph that a dossier at that time is a part of."""
    ids = {*graph.entities, *(id for id, _ in listings)}
    lists = {id: frozenset(each.list for of, each in listings if of == id and each.covers(at)) for id in ids}
    known = (graph.entity(id) for id in sorted(ids))
    entities = [Entity(each.id, each.name, each.kind, each.seats, lists[each.id], each.acts_with) for each in known]
    return OwnershipGraph.of(entities, [each for owned in graph.owners.values() for each in owned], revision)


@REUSED
@given(rule_sets(), graphs(), dated_listings, accounts, resources, requests)
def test_a_dossier_decides_and_explains_as_everything_that_is_recorded_would(
    sqlite_database: Database,
    ruleset: RuleSet,
    graph: OwnershipGraph,
    listings: list[tuple[EntityId, Listing]],
    account: Account,
    resource: Resource,
    request: Request,
) -> None:
    empty(sqlite_database)
    record(sqlite_database, graph, listings)
    with sqlite_database.writing() as writing:
        if account.registered:
            facts.put_account(writing, account)
        facts.put_resource(writing, resource)
    with sqlite_database.reading() as connection:
        ours = read_account(connection, account.id).at(request.at).facts
        its = read_resource(connection, resource.id).at(request.at).facts
    assert isinstance(ours, AccountFacts)
    assert isinstance(its, ResourceFacts)
    everything = whole(graph, listings, request.at, ours.graph.revision)
    wanted = AccountFacts(account, everything), ResourceFacts(resource, everything)
    assert decided(ruleset, ours, its, request) == decided(ruleset, *wanted, request)
    assert explain(ruleset, ours, its, request) == explain(ruleset, *wanted, request)


def decided(ruleset: RuleSet, account: AccountFacts, resource: ResourceFacts, request: Request) -> Decision:
    program = compile_ruleset(ruleset)
    screenings = screen(program, account, request.at), screen_resource(program, resource, request.at)
    return evaluate(program, *screenings, request)


@REUSED
@given(graphs(), dated_listings)
def test_several_dossiers_read_at_once_are_those_read_one_by_one(
    sqlite_database: Database, graph: OwnershipGraph, listings: list[tuple[EntityId, Listing]]
) -> None:
    empty(sqlite_database)
    record(sqlite_database, graph, listings)
    with sqlite_database.writing() as writing:
        facts.put_all(writing, ACCOUNTS, (Account(AccountId(id), True, EntityId(id)) for id in "abc"))
    with sqlite_database.reading() as connection:
        assert read_accounts(connection, "abcd") == {id: read_account(connection, id) for id in "abcd"}


@REUSED
@given(graphs(), dated_listings, st.integers(0, 6))
def test_several_dossiers_are_read_whole_or_not_at_all_where_they_reach_more_than_they_may(
    sqlite_database: Database, graph: OwnershipGraph, listings: list[tuple[EntityId, Listing]], at_most: int
) -> None:
    empty(sqlite_database)
    record(sqlite_database, graph, listings)
    with sqlite_database.writing() as writing:
        facts.put_all(writing, RESOURCES, (Resource(ResourceId(id), frozenset(), EntityId(id)) for id in "abc"))
    with sqlite_database.reading() as connection:
        one_by_one = {id: read_resource(connection, id) for id in "abcd"}
        reached = frozenset[str]().union(*(dossier.reached for dossier in one_by_one.values()))
        if len(reached) <= at_most:
            assert read_resources(connection, "abcd", at_most=at_most) == one_by_one
        else:
            with pytest.raises(TooMuch):
                read_resources(connection, "abcd", at_most=at_most)


def test_a_dossier_holds_all_that_is_recorded_above_its_entity_and_nothing_else(database: Database) -> None:
    with database.writing() as writing:
        facts.put_all(writing, ENTITIES, (RecordedEntity(Entity(EntityId(id), id.upper())) for id in "abcdef"))
        facts.put_all(writing, INTERESTS, [held("1", "b", "a"), held("2", "d", "c"), held("3", "a", "f")])
        facts.put_acting(writing, Acting(EntityId("c"), EntityId("b")))
        facts.put_listing(writing, RecordedListing("1", EntityId("d"), Listing("us-sdn", JUNE, JULY)))
        facts.put_account(writing, account_of("a"))
        position = writing.position
    with database.reading() as connection:
        dossier = read_account(connection, "acct")
    assert (dossier.epoch, dossier.seq) == (position.epoch, position.seq)
    assert dossier.subject == account_of("a")
    assert dossier.reached == {"a", "b", "c", "d"}
    assert [(entity.id, entity.name) for entity in dossier.entities] == [(id, id.upper()) for id in "abcd"]
    assert {entity.id: set(entity.acts_with) for entity in dossier.entities if entity.acts_with} == {
        "b": {"c"},
        "c": {"b"},
    }
    assert {(each.owner, each.subject) for each in dossier.interests} == {("b", "a"), ("d", "c")}
    assert dossier.listings == {"d": (Listing("us-sdn", JUNE, JULY),)}


def test_an_account_that_is_not_registered_reaches_nobody(database: Database) -> None:
    with database.reading() as connection:
        dossier = read_account(connection, "nobody")
        resource = read_resource(connection, "nothing")
    assert dossier.subject == Account(AccountId("nobody"), registered=False)
    assert resource.subject.id == "nothing"
    assert dossier.reached == resource.reached == frozenset()


def test_an_entity_of_whom_nothing_is_recorded_is_reached_so_that_news_of_it_count(database: Database) -> None:
    with database.writing() as writing:
        facts.put_account(writing, account_of("a"))
    with database.reading() as connection:
        assert read_account(connection, "acct").reached == {"a"}


def test_a_listing_counts_of_an_entity_of_whom_nothing_else_is_recorded(database: Database) -> None:
    with database.writing() as writing:
        facts.put_account(writing, account_of("a"))
        facts.put_listing(writing, RecordedListing("1", EntityId("a"), Listing("us-sdn", JUNE)))
    with database.reading() as connection:
        graph = read_account(connection, "acct").at(JULY).facts.graph
    assert graph.entity(EntityId("a")).listed == {"us-sdn"}


def test_another_entity_stands_in_for_the_recorded_one_if_anything_is_known_of_it(database: Database) -> None:
    with database.writing() as writing:
        facts.put_account(writing, account_of("a"))
        facts.put_interest(writing, held("1", "c", "b"))
    with database.reading() as connection:
        of_b, of_z = (read_with_entity(connection, "acct", entity) for entity in "bz")
        of_nobody = read_with_entity(connection, "nobody", "b")
    assert of_b.subject == account_of("b")
    assert of_b.reached == {"b", "c"}
    assert of_z.subject == Account(AccountId("acct"))
    assert of_z.reached == {"z"}
    assert of_nobody.subject == Account(AccountId("nobody"), registered=False, entity=EntityId("b"))


def test_ranks_decide_which_source_a_dossier_believes(database: Database) -> None:
    def by(id: str, share: str, source: str) -> RecordedInterest:
        return RecordedInterest(id, Interest(EntityId("o"), EntityId("a"), parse_bounds(share), source=source))

    with database.writing() as writing:
        facts.put_account(writing, account_of("a"))
        facts.put_all(writing, INTERESTS, [by("1", "10%", "first"), by("2", "20%", "second")])
    for rank, share in ((2_000, "20%"), (500, "10%")):
        with database.writing() as writing:
            facts.put_source(writing, "first", rank)
        with database.reading() as connection:
            assert [each.share for each in read_account(connection, "acct").interests] == [parse_bounds(share)]


NUMBERED = """
INSERT INTO interests (id, owner, subject, share, recorded_from)
WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < :count)
SELECT {id}, {owner}, {subject}, '60%', 1 FROM numbers
"""
CROWD = {
    "a chain": (CHAIN, NUMBERED.format(id="'c' || n", owner="'c' || (n + 1)", subject="'c' || n")),
    "its loop": (1, NUMBERED.format(id="'loop'", owner="'c0'", subject=f"'c{CHAIN}'")),
    "a star": (STAR, NUMBERED.format(id="'s' || n", owner="'s' || n", subject="'star'")),
}


@pytest.fixture
def crowded(database: Database) -> Database:
    """A long chain that ends in a loop, a wide star, and enough partners for statistics to say something."""
    times = {"recorded_from": 1, "recorded_to": FOREVER}
    with database.noting() as connection:
        for count, statement in CROWD.values():
            connection.execute(text(statement), {"count": count})
        partners = [{"one": f"c{number}", "other": f"p{number}", **times} for number in range(1_000)]
        connection.execute(insert(schema.acting), partners)
        connection.execute(insert(schema.accounts), [{"id": id, "entity": id, **times} for id in ("c0", "star")])
        connection.execute(text("ANALYZE"))
    return database


def test_a_long_chain_a_wide_star_and_a_loop_are_read_whole(crowded: Database) -> None:
    with crowded.reading() as connection:
        found = read_accounts(connection, ["c0", "star"])
    assert len(found["c0"].reached) == CHAIN + 1 + 1_000
    assert len(found["c0"].interests) == CHAIN + 1
    assert len(found["star"].reached) == len(found["star"].interests) + 1 == STAR + 1


def test_what_is_too_much_is_not_read(crowded: Database) -> None:
    with crowded.reading() as connection:
        for account, reached in (("c0", CHAIN + 1 + 1_000), ("star", STAR + 1)):
            assert len(read_accounts(connection, [account], at_most=reached)[account].reached) == reached
            with pytest.raises(TooMuch):
                read_accounts(connection, [account], at_most=reached - 1)


@pytest.mark.parametrize("is_past", [False, True])
def test_every_step_is_looked_up_by_an_index_whatever_the_statistics_say(crowded: Database, is_past: bool) -> None:
    plan = plan_of(crowded, is_past)
    steps = [line for line in plan if " interests" in line or " acting" in line]
    assert len(steps) == 3
    assert [line for line in steps if "SEARCH" not in line and "Index" not in line] == []
    assert "ix_interests_subject_recorded_to" in steps[0]


def plan_of(database: Database, is_past: bool) -> list[str]:
    """How the database looks for those who are reached."""
    compiled = closure_query(database.engine.dialect.name, is_past).compile(dialect=database.engine.dialect)
    values = {**compiled.params, "ids": texts_value(database.engine.dialect.name, ["c0"]), "known_at": 1, "at_most": 1}
    values = {name: values[name] for name in compiled.params}
    given = tuple(values[name] for name in compiled.positiontup or ()) if compiled.positional else values
    explaining = "EXPLAIN QUERY PLAN" if database.is_sqlite else "EXPLAIN"
    with database.reading() as connection:
        return [str(line) for line in connection.exec_driver_sql(f"{explaining} {compiled}", given)]
