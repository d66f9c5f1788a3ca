"""Bounds of attribution are sound and tight: held against every extreme choice of the shares that they allow."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from fractions import Fraction
from itertools import islice, permutations, product

from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from rules.facts import Entity, EntityId, Interest, OwnershipGraph
from rules.language import HoldingTest
from rules.ownership import attribution, owned
from rules.shares import NO_SHARE, WHOLE, Bounds, Share, Threshold
from rules.truth import Truth
from rules.upstream import upstream_of
from tests.rules.concrete_ownership import World

AT = datetime(2026, 11, 22, tzinfo=UTC)
EPSILON = Fraction(1, 10**9)
TENTH = WHOLE // 10


@dataclass(frozen=True)
class Puzzle:
    """A small graph with bounds; entity 0 is the target."""

    matched: tuple[Truth, ...]
    bounds: dict[tuple[int, int], Bounds]
    control: frozenset[tuple[int, int]]

    def graph(self) -> OwnershipGraph:
        interests = [
            Interest(_id(owner), _id(subject), bounds) for (owner, subject), bounds in sorted(self.bounds.items())
        ]
        interests += [
            Interest(_id(owner), _id(subject), NO_SHARE, control=True) for owner, subject in sorted(self.control)
        ]
        return OwnershipGraph.of([Entity(_id(number)) for number in range(len(self.matched))], interests)

    def matches(self, entity: Entity) -> Truth:
        return self.matched[int(entity.id[1:])]


def _id(number: int) -> EntityId:
    return EntityId(f"e{number}")


@st.composite
def bounds(draw: st.DrawFn) -> Bounds:
    lower = draw(st.integers(0, 10))
    upper = draw(st.one_of(st.just(lower), st.integers(lower, 10), st.just(10)))
    strict = upper > lower
    return Bounds(
        Share(lower * TENTH),
        Share(upper * TENTH),
        strict and draw(st.booleans()),
        strict and draw(st.booleans()),
    )


@st.composite
def puzzles(draw: st.DrawFn) -> Puzzle:
    count = draw(st.integers(2, 5))
    pairs = [(owner, subject) for owner in range(count) for subject in range(count)]
    chosen = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=7))
    found = {pair: draw(bounds()) for pair in chosen}
    for subject in range(count):
        held = [bound for (_, held_in), bound in found.items() if held_in == subject]
        least = sum(bound.lower for bound in held)
        assume(least < WHOLE or (least == WHOLE and not any(bound.above_lower for bound in held)))
    assume(sum(bound.upper > bound.lower for bound in found.values()) <= 4)
    control = draw(st.frozensets(st.sampled_from(pairs), max_size=2))
    return Puzzle(tuple(draw(st.sampled_from([True, False, False, None])) for _ in range(count)), found, control)


tests = st.builds(
    HoldingTest,
    threshold=st.builds(Threshold, st.integers(1, 10).map(lambda tenths: Share(tenths * TENTH)), st.booleans()),
    attribution=st.sampled_from(["cascade", "proportional", "hybrid"]),
    aggregate=st.booleans(),
    control=st.booleans(),
)


def extremes(puzzle: Puzzle) -> Iterator[World]:
    """Worlds at the corners of what the bounds allow: filled greedily, in every order, or left at the least."""
    subjects = range(len(puzzle.matched))
    per_subject = [list(_allocations(puzzle, subject)) for subject in subjects]
    for choice in product(*per_subject):
        shares = {pair: share for allocation in choice for pair, share in allocation.items()}
        yield World(len(puzzle.matched), shares, puzzle.control)


def _allocations(puzzle: Puzzle, subject: int) -> Iterator[dict[tuple[int, int], Fraction]]:
    held = {pair: bound for pair, bound in puzzle.bounds.items() if pair[1] == subject}
    low = {pair: _low(bound) for pair, bound in held.items()}
    yield low
    movable = [pair for pair, bound in held.items() if bound.upper > bound.lower]
    for order in permutations(movable):
        filled, room = dict(low), 1 - sum(low.values())
        for pair in order:
            extra = min(_high(held[pair]) - low[pair], room)
            filled[pair] += max(extra, Fraction(0))
            room -= max(extra, Fraction(0))
        yield filled


def _low(bound: Bounds) -> Fraction:
    return Fraction(bound.lower, WHOLE) + (EPSILON if bound.above_lower else 0)


def _high(bound: Bounds) -> Fraction:
    return Fraction(bound.upper, WHOLE) - (EPSILON if bound.below_upper else 0)


def holder_choices(puzzle: Puzzle, test: HoldingTest) -> Iterator[list[frozenset[int]]]:
    """Whom the rule names, for the least and the most that `unknown` allows; one set for each holder tested alone."""
    for unsure in (False, True):
        holders = frozenset(
            number for number, truth in enumerate(puzzle.matched) if number and (truth or (truth is None and unsure))
        )
        yield [holders] if test.aggregate else [frozenset({holder}) for holder in holders]


def answers(puzzle: Puzzle, test: HoldingTest) -> set[bool]:
    return {
        any(world.owned(holders, test) for holders in choice)
        for choice in holder_choices(puzzle, test)
        for world in islice(extremes(puzzle), 400)
    }


@settings(max_examples=500)
@given(puzzles(), tests)
def test_bounds_give_true_false_or_unknown_as_the_extremes_do(puzzle: Puzzle, test: HoldingTest) -> None:
    truth = owned(upstream_of(puzzle.graph(), _id(0), AT), puzzle.matches, test)
    found = answers(puzzle, test)
    expected = None if len(found) == 2 else found.pop()
    event(f"{test.attribution} {truth}")
    assert truth == expected


@settings(max_examples=300)
@given(puzzles(), tests, st.booleans())
def test_evidence_tells_the_same_answer(puzzle: Puzzle, test: HoldingTest, undisclosed: bool) -> None:
    test = replace(test, undisclosed=undisclosed)
    upstream = upstream_of(puzzle.graph(), _id(0), AT)
    found = attribution(upstream, puzzle.matches, test)
    assert found.truth == owned(upstream, puzzle.matches, test)
    if found.truth:
        assert any(holding.subject == 0 for holding in found.steps)
