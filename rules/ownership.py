"""Who owns an entity: attribution of interests to the holders that a rule names, with bounds, and its evidence.

Three ways of attributing (`cascade`, `integrated`) under one question: do parties that match own the target, directly
or indirectly, to the threshold? True if the lower bounds meet it, false if the upper bounds do not, unknown between.
The target itself is never among the holders.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from typing import NamedTuple

from rules.amounts import Amount, Side
from rules.cascade import NOTHING_UNDISCLOSED, cascade_lower, cascade_upper, may_hold_anything, undisclosed_alone
from rules.facts import Entity, EntityId
from rules.integrated import Integrated
from rules.language import HoldingTest
from rules.truth import Truth, some
from rules.upstream import TARGET, Holding, Upstream

Matches = Callable[[Entity], Truth]
"""Whether an entity is one of those that the rule names; unknown counts towards upper bounds only."""

NOT_AT_ALL = Side(False, Amount(0), frozenset())

MAX_STEPS = 200
"""Evidence is for people: more interests than this are counted, not listed."""


class Holder(NamedTuple):
    """Parties that count as one holder, by number."""

    members: frozenset[int]
    matched: Truth


@dataclass(frozen=True, slots=True)
class Attribution:
    """The answer to one ownership question."""

    truth: Truth
    lower: Amount
    upper: Amount
    steps: tuple[Holding, ...] = ()
    """Interests through which the share is attributed, from the target upwards; at most `MAX_STEPS`, those of the
    holders that the rule names before others."""
    omitted: int = 0
    """How many more there are."""


def owned(upstream: Upstream, matches: Matches, test: HoldingTest) -> Truth:
    """Whether parties that match own the target to the threshold."""
    if _asks_nothing(test):
        return True
    question = _Question(upstream, matches, test, only_truth=True)
    if question.lower().met:
        return True
    return None if question.upper().met else False


def attribution(upstream: Upstream, matches: Matches, test: HoldingTest) -> Attribution:
    """The same, with the bounds of the share and the interests that make it."""
    question = _Question(upstream, matches, test, only_truth=False)
    lower, upper = question.lower(), question.upper()
    truth: Truth = True if lower.met or _asks_nothing(test) else (None if upper.met else False)
    shown = lower if truth else upper
    steps = list(_steps(upstream, shown, question.matched))
    listed = _listed(steps, question.matched)
    return Attribution(truth, lower.amount, upper.amount, listed, len(steps) - len(listed))


def _asks_nothing(test: HoldingTest) -> bool:
    """Whether holding nothing at all meets the threshold: `>= 0%`."""
    return test.threshold.met_by_lower(0, False)


class _Question:
    def __init__(self, upstream: Upstream, matches: Matches, test: HoldingTest, *, only_truth: bool) -> None:
        self.upstream = upstream
        self.test = test if upstream.has_control or not test.control else replace(test, control=False)
        self.matches = matches
        self.only_truth = only_truth
        """Nobody asks how near an answer is: single holders who cannot meet the threshold are left out."""
        self.matched: list[Truth] = [matches(entity) for entity in upstream.entities]
        self.matched[TARGET] = False
        self.integrated = None if test.attribution == "cascade" else Integrated(upstream, self.test)
        self.undisclosed = NOTHING_UNDISCLOSED if self.integrated else undisclosed_alone(upstream, self.test)

    def lower(self) -> Side:
        if self.test.aggregate:
            return self._lower(number for number, matched in enumerate(self.matched) if matched)
        return self._best([holder.members for holder in self._holders if holder.matched], self._lower)

    def upper(self) -> Side:
        if self.test.aggregate:
            return self._upper(number for number, matched in enumerate(self.matched) if matched is not False)
        candidates = [holder.members for holder in self._holders]
        if self.test.undisclosed:
            candidates.append(frozenset())
        if self.only_truth:
            together = self._upper(frozenset().union(*candidates))
            if not together.met:
                return together
        return self._best(candidates, self._upper)

    def _lower(self, holders: Iterable[int]) -> Side:
        return self.integrated.lower(holders) if self.integrated else cascade_lower(self.upstream, holders, self.test)

    def _upper(self, holders: Iterable[int]) -> Side:
        if self.integrated:
            return self.integrated.upper(holders)
        side = cascade_upper(self.upstream, holders, self.test, self.undisclosed)
        if self.only_truth or not self.undisclosed.counted:
            return side
        return replace(side, counted={*side.counted, *self.undisclosed.counted})

    def _best(self, candidates: Iterable[frozenset[int]], side_of: Callable[[frozenset[int]], Side]) -> Side:
        """The first single holder who meets the threshold, else the one who comes nearest."""
        best = NOT_AT_ALL
        passed: set[int] = set()
        for members in self._likeliest_first(candidates):
            if members and members <= passed:
                continue
            side = side_of(members)
            if side.met:
                return side
            if not self.integrated:
                passed.update(side.counted)
            if side.amount.value > best.amount.value:
                best = side
        return best

    def _may_own(self, members: frozenset[int]) -> bool:
        if self.integrated is None:
            return may_hold_anything(self.upstream, members, self.test, self.undisclosed)
        return self.integrated.may_reach(members)

    def _likeliest_first(self, candidates: Iterable[frozenset[int]]) -> list[frozenset[int]]:
        """An order that ends early; in proportion it leaves out who cannot meet the threshold.

        In a cascade the farthest comes first: whatever it holds, directly or not, passes on no more than it does, so
        that holder needs no closure of its own. In proportion the largest comes first.
        """
        if self.integrated is None:
            return sorted(candidates, key=lambda members: -max(members, default=0))
        candidates = list(candidates)
        if not candidates or self.test.attribution == "hybrid" or self.test.control or self.test.undisclosed:
            return candidates
        caps = self.integrated.at_most
        most = {members: sum(caps[member] for member in members) for members in candidates}
        within = self.test.threshold.within_upper
        able = [members for members in candidates if not self.only_truth or within(most[members], False)]
        return sorted(able, key=lambda members: -most[members])

    @cached_property
    def _holders(self) -> list[Holder]:
        holders = [holder for holder in self._single_holders() if holder.matched is not False]
        if self.only_truth:
            return [holder for holder in holders if self._may_own(holder.members)]
        return holders

    def _single_holders(self) -> Iterator[Holder]:
        """Single holders; those recorded as acting together, directly or through others, are one.

        SOURCE: Sanctions and Anti-Money Laundering regulations of the United Kingdom, schedule 1 (joint arrangements):
        each party is treated as holding the combined shares of both. So one that matches is enough.
        """
        grouped: set[int] = set()
        concerts = _concerts(self.upstream)
        for number, matched in enumerate(self.matched):
            if number == TARGET or number in grouped:
                continue
            concert = concerts.get(self.upstream.entities[number].id)
            if concert is None:
                yield Holder(frozenset((number,)), matched)
                continue
            members = frozenset(concert.numbers)
            grouped |= members
            yield Holder(members, some(map(self.matches, concert.entities)))


@dataclass(frozen=True, slots=True)
class _Concert:
    """Everyone recorded as acting together, and the numbers of those above the target."""

    entities: tuple[Entity, ...]
    numbers: tuple[int, ...]


def _concerts(upstream: Upstream) -> dict[EntityId, _Concert]:
    if not upstream.graph.acting_together:
        return {}
    numbers = {entity.id: number for number, entity in enumerate(upstream.entities) if number != TARGET}
    target = upstream.entities[TARGET].id
    partners: dict[EntityId, set[EntityId]] = defaultdict(set)
    for entity in upstream.graph.acting_together:
        for partner in entity.acts_with:
            partners[entity.id].add(partner)
            partners[partner].add(entity.id)
    partners.pop(target, None)
    found: dict[EntityId, _Concert] = {}
    for start in partners:
        if start in found:
            continue
        members = _connected(start, partners, target)
        concert = _Concert(
            tuple(upstream.graph.entity(member) for member in members),
            tuple(numbers[member] for member in members if member in numbers),
        )
        found.update(dict.fromkeys(members, concert))
    return found


def _connected(start: EntityId, partners: dict[EntityId, set[EntityId]], target: EntityId) -> list[EntityId]:
    members = [start]
    seen = {start, target}
    for member in members:
        fresh = partners.get(member, set()) - seen
        seen |= fresh
        members.extend(sorted(fresh))
    return members


def _steps(upstream: Upstream, side: Side, matched: list[Truth]) -> Iterator[Holding]:
    """Interests by which something reaches the target, each once, from the target upwards."""
    seen = {TARGET}
    work = [TARGET]
    for subject in work:
        for holding in upstream.incoming[subject]:
            if holding.owner not in side.counted or holding.owner == TARGET:
                continue
            yield holding
            if holding.owner not in seen and not matched[holding.owner]:
                work.append(holding.owner)
            seen.add(holding.owner)


def _listed(steps: list[Holding], matched: list[Truth]) -> tuple[Holding, ...]:
    """As many as people read: half for the holders that the rule names, the rest from the target upwards."""
    if len(steps) <= MAX_STEPS:
        return tuple(steps)
    named = [place for place, holding in enumerate(steps) if matched[holding.owner] is not False][: MAX_STEPS // 2]
    kept = set(named)
    kept.update(islice((place for place in range(len(steps)) if place not in kept), MAX_STEPS - len(named)))
    return tuple(steps[place] for place in sorted(kept))
