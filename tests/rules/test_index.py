"""Conditions filed by facet: what the facts select, and that nothing else needs to be looked at."""

from collections.abc import Collection, Hashable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.compile import compile_ruleset
from rules.evaluate import evaluate, screen, screen_resource
from rules.explain import explain
from rules.facets import ANYTHING, Facet, blocks_around, filing, spread
from rules.facts import (
    Account,
    AccountFacts,
    AccountId,
    Address,
    Entity,
    EntityId,
    Interest,
    OwnershipGraph,
    Request,
    Resource,
    ResourceFacts,
    ResourceId,
)
from rules.geography import Jurisdiction, Region, country_of
from rules.index import Index
from rules.iso3166 import COUNTRIES, SUBDIVISIONS
from rules.language import (
    AccountTagged,
    AllOf,
    AnyOf,
    Condition,
    DeclaredIn,
    EntityCondition,
    EntityIs,
    EntityMatches,
    HoldingTest,
    ListedOn,
    NetworkRange,
    NotOf,
    OwnedBy,
    Rule,
    RuleSet,
    SeatIn,
)
from rules.profiles import MAX_REMEMBERED
from rules.selections import Selection, names_near
from rules.shares import WHOLE, Bounds, Share, Threshold
from rules.verdicts import FALSE, TRUE
from tests import strategies

AT = datetime(2026, 11, 22, tzinfo=UTC)
NOTHING = OwnershipGraph(revision="facts-1")
CODES = [*map(Jurisdiction, COUNTRIES)] + [
    Jurisdiction(f"{country}-{province}") for country in SUBDIVISIONS for province in SUBDIVISIONS[country]
]
RESOURCE = ResourceFacts(Resource(ResourceId("r")), NOTHING)
Question = tuple[AccountFacts, ResourceFacts, Request]


def tagged(*tags: str) -> Condition:
    return AccountTagged(frozenset(tags))


def region(codes: str) -> Region:
    return Region(frozenset(map(Jurisdiction, codes.split())))


def denials(*conditions: Condition) -> RuleSet:
    rules = [Rule(f"r{number}", "deny", when, "challenge", f"r{number}") for number, when in enumerate(conditions)]
    return RuleSet("test", "0" * 12, "allow", tuple(rules))


def with_denied(conditions: list[Condition]) -> RuleSet:
    """A rule for each condition, then one for each denial."""
    return denials(*conditions, *(NotOf(condition) for condition in conditions))


class Told:
    """A subject of which all is told by hand; it counts how often it is asked."""

    def __init__(self, told: Mapping[str, Selection]) -> None:
        self.told = told
        self.asked: list[Facet] = []

    def select(self, facet: Facet, filed: Collection[Hashable]) -> Selection:
        self.asked.append(facet)
        return self.told[facet.name]


@pytest.mark.parametrize("rules", [1, 10, 3_000])
def test_a_subject_is_asked_as_often_as_it_has_facets_whatever_the_number_of_rules(rules: int) -> None:
    conditions: dict[Condition, tuple[int, ...]] = {
        AllOf((tagged(f"tag-{number}"), EntityMatches(ListedOn(frozenset({f"list-{number}"}))))): (number,)
        for number in range(rules)
    }
    told = Told({"tags": Selection(FALSE, [("tag-0", TRUE)], 1), "lists": Selection(FALSE, [("list-0", TRUE)], 1)})
    profile = Index(conditions, rules).read(told)
    assert profile.true == profile.possible == 1
    assert sorted(facet.name for facet in told.asked) == ["lists", "tags"]


@given(st.lists(strategies.rule_sets(max_rules=6), min_size=8, max_size=12), strategies.questions())
@settings(max_examples=20)
def test_a_rule_means_among_many_what_it_means_alone(parts: list[RuleSet], question: Question) -> None:
    rules = [rule for part in parts for rule in part.rules]
    together = replace(parts[0], rules=tuple(replace(rule, id=f"r{n}") for n, rule in enumerate(rules)))
    program = compile_ruleset(together)
    account, resource, request = question
    screenings = screen(program, account, request.at), screen_resource(program, resource, request.at)
    assert evaluate(program, *screenings, request) == explain(together, *question).decision


def test_screenings_stay_right_when_tables_are_full_and_start_anew() -> None:
    count = MAX_REMEMBERED.bit_length()
    program = compile_ruleset(denials(*(tagged(f"t{number}") for number in range(count))))
    for number in (*range(MAX_REMEMBERED + 10), *range(20)):
        tags = frozenset(f"t{bit}" for bit in range(count) if number >> bit & 1)
        profile = screen(program, AccountFacts(Account(AccountId("a"), tags=tags), NOTHING), AT).profile
        assert (profile.true, profile.possible, profile.unknown) == (number, number, ())


def test_accounts_that_no_rule_tells_apart_share_one_profile() -> None:
    program = compile_ruleset(denials(tagged("t1"), EntityMatches(ListedOn(frozenset({"list"})))))
    one, other = (
        screen(program, AccountFacts(Account(AccountId(id), tags=frozenset({"t1", id})), NOTHING), AT) for id in "ab"
    )
    assert one.profile is other.profile
    assert one.profile.unknown == (("entity.missing", 0b10),)


@pytest.mark.parametrize("country", sorted(COUNTRIES))
def test_a_code_that_may_cover_a_place_is_near_it_or_one_of_its_provinces(country: str) -> None:
    places = [code for code in CODES if country_of(code) == country]
    for place in places:
        near = names_near(place)
        for named in (*COUNTRIES, *places, *near, "US-PR", "CN-HK", "FR-973", "UA-43", "NL-BQ1"):
            if Region(frozenset({Jurisdiction(named)})).covers(place) is not False:
                assert named in near or named.startswith(place), (place, named)


@given(st.sets(st.sampled_from(CODES), min_size=1, max_size=4), st.sampled_from(CODES), strategies.resolved)
def test_a_region_covers_what_one_of_its_codes_covers(
    codes: set[Jurisdiction], place: Jurisdiction, resolves: frozenset[Jurisdiction]
) -> None:
    alone = [Region(frozenset({code})).covers(place, resolves) for code in codes]
    joined = True if True in alone else (None if None in alone else False)
    assert Region(frozenset(codes)).covers(place, resolves) is joined


@given(st.integers(0, 300), st.integers(0, 300), st.integers(0, 310))
def test_an_address_is_in_a_block_of_every_range_that_it_lies_in_and_of_no_other(one: int, two: int, at: int) -> None:
    first, last = sorted((one, two))
    values = set(filing(NetworkRange(((Address(first), Address(last)),))).values)
    assert (not values.isdisjoint(blocks_around(Address(at)))) == (first <= at <= last)


def test_the_whole_space_of_addresses_is_one_block() -> None:
    assert list(filing(NetworkRange(((Address(0), Address(2**128 - 1)),))).values) == [(128, 0)]


def test_what_is_asked_of_an_entity_is_taken_apart_but_for_nothing_at_all() -> None:
    seat, ids = SeatIn(Region(frozenset({Jurisdiction("DE")})), ("headquarters",)), EntityIs(frozenset({"e"}))
    assert spread(EntityMatches(AllOf((seat, NotOf(ids))))) == AllOf((EntityMatches(seat), NotOf(EntityMatches(ids))))
    assert spread(EntityMatches(AllOf(()))) == EntityMatches(AllOf(()))
    assert list(filing(EntityMatches(AllOf(()))).values) == [ANYTHING]
    assert list(filing(EntityMatches(AnyOf(()))).values) == []


@pytest.mark.parametrize("kind", ["any", "all"])
@pytest.mark.parametrize("codes", [(), ("DE",), ("DE", "FR"), ("UA",), ("UA", "DE"), ("UA", "UA-43"), ("UA-43", "DE")])
def test_places_that_an_account_declares_count_one_by_one(kind: Literal["any", "all"], codes: tuple[str, ...]) -> None:
    signals = {f"signal-{number}": Jurisdiction(code) for number, code in enumerate(codes)}
    regions = [region(names) for names in ("DE", "FR DE", "UA-43", "UA-43 DE", "UA", "US")]
    asked: list[Condition] = [DeclaredIn(region, None, kind) for region in regions]
    account = AccountFacts(Account(AccountId("a"), declared=signals), NOTHING)
    same_as_explained(with_denied(asked), account)


def whole(owner: str, subject: str, share: int = WHOLE) -> Interest:
    return Interest(EntityId(owner), EntityId(subject), Bounds(Share(share), Share(share)))


OWNERS = [
    Entity(EntityId("X"), listed=frozenset({"one"}), acts_with=frozenset({EntityId("Z")})),
    Entity(EntityId("Y"), listed=frozenset({"two"}), seats={"headquarters": frozenset({Jurisdiction("RU")})}),
    Entity(EntityId("Z"), listed=frozenset({"three"}), kind="person"),
]
HELD = OwnershipGraph.of(OWNERS, [whole("X", "A", 400_000), whole("Y", "B"), whole("B", "A", 500_000)], "facts-2")


@pytest.mark.parametrize("aggregate", [True, False])
@pytest.mark.parametrize("undisclosed", [True, False])
@pytest.mark.parametrize("attribution", ["cascade", "proportional", "hybrid"])
@pytest.mark.parametrize("at_least", [0, 300_000, 500_000])
def test_owners_are_looked_at_once_and_answer_for_every_rule(
    aggregate: bool, undisclosed: bool, attribution: str, at_least: int
) -> None:
    test = HoldingTest(
        Threshold(Share(at_least), strict=False),
        attribution=attribution,  # type: ignore[arg-type]
        aggregate=aggregate,
        undisclosed=undisclosed,
    )
    lists: list[EntityCondition] = [
        ListedOn(frozenset(names.split())) for names in ("one", "two", "three", "nobody", "one two")
    ]
    seats: list[EntityCondition] = [SeatIn(region(code), ("headquarters",)) for code in ("RU", "DE", "UA-43")]
    one = EntityIs(frozenset({"X"}))
    others: list[EntityCondition] = [one, NotOf(one), AllOf((lists[0], NotOf(seats[0])))]
    asked: list[Condition] = [OwnedBy(by, test) for by in (*lists, *seats, *others)]
    account = AccountFacts(Account(AccountId("a"), entity=EntityId("A")), HELD)
    same_as_explained(with_denied(asked), account)


def same_as_explained(ruleset: RuleSet, account: AccountFacts) -> None:
    """Each rule has the truth, and what left it unknown, that `explain` finds."""
    program = compile_ruleset(ruleset)
    profile = screen(program, account, AT).profile
    for number, trace in enumerate(explain(ruleset, account, RESOURCE, Request(AT)).rules):
        truth, causes = profile.verdict(number)
        assert (truth, sorted(causes)) == (trace.truth, sorted(trace.unknown)), trace.condition.text
