"""Attribution by cascade: a stake passes whole through a held owner, and not at all through one that is not.

Source: OFAC's Revised Guidance on Entities Owned by Persons Whose Property and Interests in Property Are Blocked
(2014-08-13), FAQ 398 to 402; seen 2026-11-22. The held entities are the least fixed point: each is held because the
holders, and entities held already, have enough of it. So cross-holdings are safe and the order of walking is nothing.

Both closures are worklists: every interest of a counted owner is looked at once.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain

from rules.amounts import Amount, Side
from rules.language import HoldingTest
from rules.shares import WHOLE
from rules.upstream import TARGET, Disclosed, Holding, Upstream


def cascade_lower(upstream: Upstream, holders: Iterable[int], test: HoldingTest) -> Side:
    """What certainly follows: every share at its lower bound."""
    threshold, least = test.threshold, test.threshold.share
    outgoing = upstream.outgoing
    sums: dict[int, int] = {}
    strict: set[int] = set()
    counted = set(holders)
    work = list(counted)
    while work:
        for holding in outgoing[work.pop()]:
            subject = holding.subject
            total = sums[subject] = sums.get(subject, 0) + holding.lower
            if holding.above_lower:
                strict.add(subject)
            if subject in counted:
                continue
            if (total >= least and threshold.met_by_lower(total, subject in strict)) or _controls(holding, test):
                counted.add(subject)
                if subject != TARGET:
                    work.append(subject)
    return Side(TARGET in counted, Amount(sums.get(TARGET, 0), TARGET in strict), counted)


@dataclass(frozen=True, slots=True)
class Undisclosed:
    """What the undisclosed parts alone may hold, whoever the holders are: where every upper closure begins."""

    counted: frozenset[int]
    tallies: Mapping[int, "_UpperTally"]


NOTHING_UNDISCLOSED = Undisclosed(frozenset(), {})


def undisclosed_alone(upstream: Upstream, test: HoldingTest) -> Undisclosed:
    """Close over the undisclosed parts, once for all holders that are tested after."""
    if not test.undisclosed:
        return NOTHING_UNDISCLOSED
    tallies: dict[int, _UpperTally] = {}
    reached: list[int] = []
    for subject in filter(upstream.may_be_undisclosed, range(len(upstream.entities))):
        tally = tallies[subject] = _UpperTally(upstream.disclosed[subject])
        tally.upper = WHOLE
        if tally.meets(test):
            reached.append(subject)
    closure = _UpperClosure(upstream, test, NOTHING_UNDISCLOSED)
    closure.tallies = tallies
    closure.count(reached)
    return Undisclosed(frozenset(closure.counted), closure.tallies)


def cascade_upper(
    upstream: Upstream, holders: Iterable[int], test: HoldingTest, undisclosed: Undisclosed = NOTHING_UNDISCLOSED
) -> Side:
    """What may follow: every share at its upper bound, none above what the others leave.

    `undisclosed`: of the same upstream and test, where the test counts undisclosed parts. What it counts is counted.
    """
    closure = _UpperClosure(upstream, test, undisclosed)
    closure.count(holders)
    return Side(closure.has(TARGET), closure.tally(TARGET).amount(), closure.counted)


class _UpperClosure:
    """A worklist over upper bounds, on top of what the undisclosed parts have reached already."""

    def __init__(self, upstream: Upstream, test: HoldingTest, base: Undisclosed) -> None:
        self.upstream = upstream
        self.test = test
        self.base = base
        self.counted: set[int] = set()
        self.tallies: dict[int, _UpperTally] = {}

    def has(self, number: int) -> bool:
        return number in self.counted or number in self.base.counted

    def tally(self, subject: int) -> "_UpperTally":
        """The tally of one entity, as the undisclosed parts left it."""
        known = self.tallies.get(subject)
        if known is None:
            before = self.base.tallies.get(subject)
            known = _UpperTally(self.upstream.disclosed[subject]) if before is None else before.copy()
            self.tallies[subject] = known
        return known

    def count(self, owners: Iterable[int]) -> None:
        """Count these owners, and everything that follows."""
        least = self.test.threshold.share
        work = [owner for owner in owners if not self.has(owner)]
        self.counted.update(work)
        while work:
            owner = work.pop()
            if owner == TARGET:
                continue
            for holding in self.upstream.outgoing[owner]:
                tally = self.tally(holding.subject)
                tally.add(holding)
                if self.has(holding.subject):
                    continue
                if (tally.upper >= least and tally.meets(self.test)) or _controls(holding, self.test):
                    self.counted.add(holding.subject)
                    work.append(holding.subject)


def may_hold_anything(
    upstream: Upstream, members: Iterable[int], test: HoldingTest, undisclosed: Undisclosed = NOTHING_UNDISCLOSED
) -> bool:
    """Whether what these alone have could meet the threshold anywhere; a filter that costs little."""
    total = 0
    tallies: dict[int, _UpperTally] = {}
    for holding in chain.from_iterable(upstream.outgoing[member] for member in members):
        if _controls(holding, test):
            return True
        before = undisclosed.tallies.get(holding.subject)
        if before is None:
            total += holding.upper
        else:
            tallies.setdefault(holding.subject, before.copy()).add(holding)
    return total >= test.threshold.share or any(tally.meets(test) for tally in tallies.values())


def _controls(holding: Holding, test: HoldingTest) -> bool:
    return holding.control and test.control


class _UpperTally:
    """Upper bounds of what counted owners have in one entity.

    The sum is at most the sum of the upper bounds, and at most the whole less the lower bounds of all others; either
    limit is strict if a bound that makes it is.
    """

    __slots__ = ("disclosed", "lower", "strict", "strict_lowers", "upper")

    def __init__(self, disclosed: Disclosed) -> None:
        self.disclosed = disclosed
        self.lower = 0
        self.strict_lowers = 0
        self.upper = 0
        self.strict = False

    def add(self, holding: Holding) -> None:
        self.lower += holding.lower
        self.upper += holding.upper
        if holding.above_lower:
            self.strict_lowers += 1
        if holding.below_upper:
            self.strict = True

    def copy(self) -> "_UpperTally":
        twin = _UpperTally(self.disclosed)
        twin.lower, twin.strict_lowers = self.lower, self.strict_lowers
        twin.upper, twin.strict = self.upper, self.strict
        return twin

    def meets(self, test: HoldingTest) -> bool:
        amount = self.amount()
        return test.threshold.within_upper(amount.value, amount.strict)

    def amount(self) -> Amount:
        left = WHOLE - (self.disclosed.lower - self.lower)
        others_strict = self.disclosed.strict_count > self.strict_lowers
        if self.upper < left:
            return Amount(self.upper, self.strict)
        if left < self.upper:
            return Amount(left, others_strict)
        return Amount(left, self.strict or others_strict)
