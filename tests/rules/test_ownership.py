"""Attribution by table: what the sources and the language say, one claim a test."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction

import pytest
from hypothesis import given

from rules.amounts import Amount
from rules.elimination import PRECISION_BITS, Row, least_solution, trimmed
from rules.facts import Entity, EntityId, Interest, OwnershipGraph
from rules.language import Attribution, HoldingTest
from rules.ownership import MAX_STEPS, attribution, owned
from rules.shares import NO_SHARE, UNKNOWN_SHARE, WHOLE, Bounds, Share, parse_bounds, parse_threshold
from rules.truth import Truth, some
from rules.upstream import TARGET, components, upstream_of
from tests.rules.test_ownership_bounds import AT, Puzzle, puzzles, tests

ATTRIBUTIONS: tuple[Attribution, ...] = ("cascade", "proportional", "hybrid")


def graph(*interests: str, entities: Iterable[Entity] = ()) -> OwnershipGraph:
    """From texts such as `X -> A: 50%`, `X -> A: control`, `X -> A: unknown`."""
    read = []
    for text in interests:
        pair, share = text.split(": ")
        owner, subject = pair.split(" -> ")
        control = share == "control"
        bounds = NO_SHARE if control else UNKNOWN_SHARE if share == "unknown" else parse_bounds(share)
        read.append(Interest(EntityId(owner), EntityId(subject), bounds, control))
    return OwnershipGraph.of(entities, read)


def ask(world: OwnershipGraph, target: str, share: str, *, holders: str = "X", **test: object) -> Truth:
    named = holders.split()
    question = HoldingTest(parse_threshold(share), **test)  # type: ignore[arg-type]
    return owned(upstream_of(world, EntityId(target), AT), lambda entity: entity.id in named, question)


@pytest.mark.parametrize("how", ATTRIBUTIONS)
def test_the_entity_itself_is_never_among_the_holders(how: Attribution) -> None:
    loop = graph("X -> B: 100%", "B -> X: 60%")
    assert ask(loop, "X", ">= 1%", attribution=how) is False
    assert ask(loop, "B", ">= 50%", attribution=how) is True


@pytest.mark.parametrize("how", ATTRIBUTIONS)
@pytest.mark.parametrize("aggregate", [True, False])
def test_a_closed_loop_without_a_holder_belongs_to_nobody(how: Attribution, aggregate: bool) -> None:
    world = graph("A -> B: 100%", "B -> A: 100%", "X -> C: 100%")
    assert ask(world, "A", ">= 1%", attribution=how, aggregate=aggregate) is False


def test_a_stake_that_an_entity_holds_in_itself_dilutes_the_others_in_proportion_only() -> None:
    world = graph("X -> A: 40%", "A -> A: 20%", "Y -> A: 40%")
    assert ask(world, "A", ">= 50%", attribution="cascade") is False
    assert ask(world, "A", ">= 50%", attribution="proportional") is True
    assert ask(world, "A", "> 50%", attribution="proportional") is False


def test_a_share_in_a_loop_is_its_exact_limit() -> None:
    """X 30 in A, A 40 in B, B 40 in A: A = 0.3 + 0.16 A."""
    world = graph("X -> A: 30%", "B -> A: 40%", "A -> B: 40%")
    found = attribution(
        upstream_of(world, EntityId("A"), AT),
        lambda entity: entity.id == "X",
        HoldingTest(parse_threshold("> 50%"), "proportional"),
    )
    assert found.lower == found.upper == Amount(Fraction(WHOLE * 3, 10) / Fraction(84, 100))


@pytest.mark.parametrize("how", ["proportional", "hybrid"])
def test_a_loop_has_no_more_than_what_comes_into_it_however_its_shares_lie(how: Attribution) -> None:
    world = graph("A -> B: unknown", "O -> B: unknown", "B -> A: unknown", "X -> O: 50%", "P -> O: 50%")
    assert ask(world, "B", ">= 60%", attribution=how) is False
    assert ask(world, "B", ">= 50%", attribution=how) is None


def test_neither_cascade_nor_proportion_bounds_the_other() -> None:
    by_proportion = graph("X -> T: 40%", "X -> H: 45%", "H -> T: 60%")
    assert [ask(by_proportion, "T", ">= 50%", attribution=how) for how in ATTRIBUTIONS] == [False, True, True]
    by_cascade = graph("X -> A: 50%", "X -> B: 50%", "A -> C: 25%", "B -> C: 25%")
    assert [ask(by_cascade, "C", ">= 50%", attribution=how) for how in ATTRIBUTIONS] == [True, False, False]


def test_hybrid_passes_whole_above_a_half_whatever_the_rule_asks() -> None:
    world = graph("U -> S: 51%", "S -> T: 30%", "U -> V: 50%", "V -> W: 30%")
    assert ask(world, "T", ">= 30%", holders="U", attribution="hybrid") is True
    assert ask(world, "W", ">= 30%", holders="U", attribution="hybrid") is False
    assert ask(world, "S", ">= 60%", holders="U", attribution="hybrid") is False, "its own share is what it is"


@pytest.mark.parametrize("how", ATTRIBUTIONS)
@pytest.mark.parametrize("aggregate", [True, False])
def test_control_counts_only_where_it_is_included(how: Attribution, aggregate: bool) -> None:
    world = graph("X -> A: control", "A -> B: control", "Z -> B: 100%")
    assert ask(world, "B", "> 50%", attribution=how, aggregate=aggregate, control=True) is True
    assert ask(world, "B", "> 50%", attribution=how, aggregate=aggregate) is False


@pytest.mark.parametrize("how", ATTRIBUTIONS)
def test_control_without_a_share_is_no_share_of_unknown_size(how: Attribution) -> None:
    assert ask(graph("X -> A: control"), "A", ">= 50%", attribution=how) is False
    assert ask(graph("X -> A: unknown"), "A", ">= 50%", attribution=how) is None


@pytest.mark.parametrize("how", ATTRIBUTIONS)
def test_two_strict_bands_of_a_quarter_are_more_than_a_half(how: Attribution) -> None:
    """UK register of persons with significant control: the band 25-50 is more than 25 and not more than 50."""
    world = graph("X -> A: (25%, 50%]", "Y -> A: (25%, 50%]")
    assert ask(world, "A", "> 50%", holders="X Y", attribution=how) is True
    assert ask(world, "A", ">= 50%", attribution=how) is None
    assert ask(world, "A", "> 50%", attribution=how) is False


@pytest.mark.parametrize("how", ATTRIBUTIONS)
def test_an_upper_bound_leaves_the_others_what_is_certainly_theirs(how: Attribution) -> None:
    assert ask(graph("X -> A: unknown", "Z -> A: 50%"), "A", ">= 50%", attribution=how) is None
    assert ask(graph("X -> A: unknown", "Z -> A: 50%"), "A", "> 50%", attribution=how) is False
    assert ask(graph("X -> A: unknown", "Z -> A: (50%, 75%]"), "A", ">= 50%", attribution=how) is False
    assert ask(graph("X -> A: [25%, 50%)", "Z -> A: 50%"), "A", ">= 50%", attribution=how) is False
    assert ask(graph("X -> A: [25%, 50%]", "Z -> A: (50%, 75%]"), "A", ">= 50%", attribution=how) is False
    assert ask(graph("X -> A: [25%, 50%]", "Z -> A: [50%, 75%]"), "A", ">= 50%", attribution=how) is None


@pytest.mark.parametrize("how", ATTRIBUTIONS)
def test_undisclosed_parts_are_nobodys_unless_the_rule_says_so(how: Attribution) -> None:
    world = graph("X -> A: 30%", "Z -> A: 30%", entities=[Entity(EntityId("Z"), kind="person")])
    assert ask(world, "A", ">= 50%", attribution=how) is False
    assert ask(world, "A", ">= 50%", attribution=how, undisclosed=True) is None
    assert ask(world, "A", "> 70%", attribution=how, undisclosed=True) is False
    assert ask(world, "Z", ">= 1%", attribution=how, undisclosed=True) is False, "nobody owns a person"


@pytest.mark.parametrize("how", ATTRIBUTIONS)
def test_a_single_holder_may_have_the_undisclosed_part_too(how: Attribution) -> None:
    people = [Entity(EntityId(name), kind="person") for name in "XZ"]
    world = graph("X -> A: 30%", "Z -> A: 40%", entities=people)
    assert ask(world, "A", "> 50%", attribution=how, aggregate=False, undisclosed=True) is None
    assert ask(world, "A", "> 50%", holders="Y", attribution=how, aggregate=False, undisclosed=True) is False
    assert ask(world, "A", "> 60%", attribution=how, aggregate=False, undisclosed=True) is False


def test_parties_acting_together_are_one_holder_though_only_one_is_named() -> None:
    partners = [Entity(EntityId("P"), acts_with=frozenset({EntityId("Q")}))]
    world = graph("P -> A: 30%", "Q -> A: 25%", entities=partners)
    assert ask(world, "A", "> 50%", holders="Q", aggregate=False) is True
    assert ask(graph("P -> A: 30%", "Q -> A: 25%"), "A", "> 50%", holders="P Q", aggregate=False) is False
    assert ask(world, "A", "> 50%", holders="Q", aggregate=True) is False, "adding up needs no partners"


def test_acting_together_passes_on_through_parties_that_hold_nothing() -> None:
    partners = [
        Entity(EntityId("P"), acts_with=frozenset({EntityId("middle")})),
        Entity(EntityId("Q"), acts_with=frozenset({EntityId("middle")})),
    ]
    assert ask(graph("P -> A: 30%", "Q -> A: 25%", entities=partners), "A", "> 50%", holders="P", aggregate=False)


def test_partners_of_the_entity_itself_are_not_one_holder_with_it() -> None:
    partners = [Entity(EntityId("A"), acts_with=frozenset({EntityId("P")}))]
    world = graph("P -> A: 60%", entities=partners)
    assert ask(world, "A", "> 50%", holders="A", aggregate=False) is False


def test_a_single_holder_may_hold_through_another_that_is_named_too() -> None:
    chain = graph("X -> Y: 100%", "Y -> A: 30%", "X -> A: 30%")
    for how in ATTRIBUTIONS:
        assert ask(chain, "A", "> 50%", holders="X Y", aggregate=False, attribution=how) is True


def test_more_than_the_whole_recorded_is_no_reason_to_clear() -> None:
    world = graph("X -> A: 60%", "Z -> A: 60%", "A -> B: 70%", "B -> A: 70%")
    for how in ATTRIBUTIONS:
        assert ask(world, "A", ">= 50%", attribution=how) is True
    itself = graph("X -> A: 10%", "A -> A: 100%")
    assert ask(itself, "A", ">= 50%", attribution="cascade") is False
    assert ask(itself, "A", ">= 50%", attribution="proportional") is True, "nothing bounds it but the whole"


@pytest.mark.parametrize("how", ATTRIBUTIONS)
@pytest.mark.parametrize("length", [12, 3_000])
def test_no_tier_is_too_deep(how: Attribution, length: int) -> None:
    world = graph(*(f"n{tier} -> n{tier + 1}: 60%" for tier in range(length)))
    expected = how != "proportional"
    assert ask(world, f"n{length}", "> 50%", holders="n0", attribution=how) is expected


@pytest.mark.parametrize("how", ATTRIBUTIONS)
def test_a_large_ring_is_solved(how: Attribution) -> None:
    ring = [f"n{number} -> n{(number + 1) % 500}: 90%" for number in range(500)]
    world = graph("X -> n0: 10%", *ring)
    assert ask(world, "n0", "> 5%", attribution=how) is True
    assert ask(world, "n499", "> 60%", attribution=how) is False


def test_interests_count_from_their_start_until_before_their_end() -> None:
    start, end = datetime(2024, 1, 1, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=UTC)
    interest = Interest(EntityId("X"), EntityId("A"), Bounds(Share(WHOLE), Share(WHOLE)), start=start, end=end)
    world = OwnershipGraph.of([], [interest])
    spans = {}
    for at in (start.replace(year=2023), start, end.replace(year=2024, month=12), end):
        upstream = upstream_of(world, EntityId("A"), at)
        spans[at] = (len(upstream.incoming[TARGET]), upstream.since, upstream.until)
    assert list(spans.values()) == [(0, None, start), (1, start, end), (1, start, end), (0, end, None)]


def test_components_stand_behind_their_owners() -> None:
    upstream = upstream_of(graph("X -> B: 1%", "B -> A: 1%", "C -> B: 1%", "B -> C: 1%"), EntityId("A"), AT)
    names = [{upstream.entities[number].id for number in members} for members in components(upstream)]
    assert names == [{"X"}, {"B", "C"}, {"A"}]


def test_evidence_names_the_interests_from_the_entity_upwards_and_nothing_beside_them() -> None:
    world = graph("X -> H: 60%", "H -> T: 60%", "Z -> T: 40%", "X -> Z: 10%")
    found = attribution(
        upstream_of(world, EntityId("T"), AT), lambda entity: entity.id == "X", HoldingTest(parse_threshold("> 50%"))
    )
    assert [(step.interest.owner, step.interest.subject) for step in found.steps] == [("H", "T"), ("X", "H")]
    assert (str(found.lower), str(found.upper)) == ("60%", "60%")


@pytest.mark.parametrize("how", ATTRIBUTIONS)
def test_evidence_of_single_holders_is_that_of_the_nearest_one(how: Attribution) -> None:
    upstream = upstream_of(graph("P -> A: 30%", "Q -> A: 25%"), EntityId("A"), AT)
    test = HoldingTest(parse_threshold("> 50%"), how, aggregate=False)
    found = attribution(upstream, lambda entity: entity.id in ("P", "Q"), test)
    assert (found.truth, str(found.lower), str(found.upper)) == (False, "30%", "30%")


@pytest.mark.parametrize("how", ["cascade", "hybrid"])
def test_evidence_of_a_long_chain_still_names_the_holder_at_its_end(how: Attribution) -> None:
    world = graph(*(f"n{tier} -> n{tier + 1}: 60%" for tier in range(1_000)))
    upstream = upstream_of(world, EntityId("n1000"), AT)
    found = attribution(upstream, lambda entity: entity.id == "n0", HoldingTest(parse_threshold("> 50%"), how))
    owners = [step.interest.owner for step in found.steps]
    assert (owners[0], owners[-1], len(owners), found.omitted) == ("n999", "n0", MAX_STEPS, 1_000 - MAX_STEPS)


def test_evidence_of_a_wide_star_is_bounded_and_counted() -> None:
    world = graph(*(f"o{number} -> A: 0.2%" for number in range(500)))
    named = {f"o{number}" for number in range(400)}
    upstream = upstream_of(world, EntityId("A"), AT)
    found = attribution(upstream, lambda entity: entity.id in named, HoldingTest(parse_threshold("> 50%")))
    assert (str(found.lower), len(found.steps), found.omitted) == ("80%", MAX_STEPS, 400 - MAX_STEPS)


def test_rounding_only_ever_widens() -> None:
    third = Fraction(1, 3) + Fraction(1, 7 ** (PRECISION_BITS // 2))
    assert trimmed(third, up=False) < third < trimmed(third, up=True)
    assert trimmed(third, up=True) - trimmed(third, up=False) < Fraction(1, 2**200)
    assert trimmed(Fraction(1, 3), up=True) == Fraction(1, 3)


def test_an_unknown_that_nothing_feeds_is_zero() -> None:
    rows = {1: Row(Fraction(0), {2: Fraction(1)}), 2: Row(Fraction(0), {1: Fraction(1)})}
    assert least_solution(rows, round_up=False) == {1: 0, 2: 0}


def with_strangers(puzzle: Puzzle) -> OwnershipGraph:
    """The same world with a party of whom nothing is known in every entity that may have an undisclosed part."""
    world = puzzle.graph()
    strangers = [
        Interest(EntityId(f"stranger{number}"), EntityId(f"e{number}"), UNKNOWN_SHARE)
        for number in range(len(puzzle.matched))
        if number == 0 or EntityId(f"e{number}") in world.owners
    ]
    recorded = [interest for held in world.owners.values() for interest in held]
    return OwnershipGraph.of(world.entities.values(), recorded + strangers)


def ask_with_strangers(puzzle: Puzzle, holders: Iterable[int], test: HoldingTest) -> Truth:
    """Whether these holders together, and whoever the strangers are, own the target."""
    named = {f"e{number}": puzzle.matched[number] for number in holders}

    def matches(entity: Entity) -> Truth:
        return None if entity.id.startswith("stranger") else named.get(entity.id, False)

    return owned(upstream_of(with_strangers(puzzle), EntityId("e0"), AT), matches, replace(test, aggregate=True))


@given(puzzles(), tests)
def test_an_undisclosed_part_is_as_a_party_of_whom_nothing_is_known(puzzle: Puzzle, test: HoldingTest) -> None:
    test = replace(test, undisclosed=True)
    told = owned(upstream_of(puzzle.graph(), EntityId("e0"), AT), puzzle.matches, test)
    everyone = range(1, len(puzzle.matched))
    if test.aggregate:
        assert told == ask_with_strangers(puzzle, everyone, replace(test, undisclosed=False))
    else:
        alone = [[number] for number in everyone if puzzle.matched[number] is not False]
        assert told == some(ask_with_strangers(puzzle, each, replace(test, undisclosed=False)) for each in [[], *alone])


@given(puzzles(), tests)
def test_adding_up_holders_never_finds_less_than_one_alone(puzzle: Puzzle, test: HoldingTest) -> None:
    upstream = upstream_of(puzzle.graph(), EntityId("e0"), AT)
    order = {False: 0, None: 1, True: 2}
    alone = owned(upstream, puzzle.matches, replace(test, aggregate=False))
    together = owned(upstream, puzzle.matches, replace(test, aggregate=True))
    assert order[together] >= order[alone]
