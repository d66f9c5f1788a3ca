"""Attribution by cascade: a stake passes whole through a held owner, and not at all through one that is not.

Source: OFAC's Revised Guidance on Entities Owned by Persons Whose Property and Interests in Property Are Blocked
(2014-08-13), FAQ 398 to 402; seen 2026-11-22. The held entities are the least fixed point: each is held because the
holders, and entities held already, have enough of it. So cross-holdings are safe and the order of walking is nothing.

Both closures are worklists: every interest of a counted owner is looked at once.
"""

from collections.abc import Iterable

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


def cascade_upper(upstream: Upstream, holders: Iterable[int], test: HoldingTest) -> Side:
    """What may follow: every share at its upper bound, none above what the others leave."""
    least = test.threshold.share
    tallies: dict[int, _UpperTally] = {}
    counted = set(holders)
    work = list(counted)
    if test.undisclosed:
        work += _reached_by_undisclosed(upstream, counted, tallies, test)
    while work:
        for holding in upstream.outgoing[work.pop()]:
            subject = holding.subject
            tally = tallies.get(subject)
            if tally is None:
                tally = tallies[subject] = _UpperTally(upstream.disclosed[subject])
            tally.add(holding)
            if subject in counted:
                continue
            if (tally.upper >= least and tally.meets(test)) or _controls(holding, test):
                counted.add(subject)
                if subject != TARGET:
                    work.append(subject)
    amount = tallies[TARGET].amount() if TARGET in tallies else Amount(0)
    return Side(TARGET in counted, amount, counted)


def may_hold_anything(upstream: Upstream, members: Iterable[int], test: HoldingTest) -> bool:
    """Whether what these alone have could meet the threshold anywhere; a filter that costs little."""
    if test.undisclosed:
        return True
    total = 0
    for member in members:
        for holding in upstream.outgoing[member]:
            total += holding.upper
            if _controls(holding, test):
                return True
    return total >= test.threshold.share


def _controls(holding: Holding, test: HoldingTest) -> bool:
    return holding.control and test.control


def _reached_by_undisclosed(
    upstream: Upstream, counted: set[int], tallies: dict[int, "_UpperTally"], test: HoldingTest
) -> list[int]:
    """Entities that the undisclosed part alone may hold; every tally starts with that part."""
    reached = []
    for subject in range(len(upstream.entities)):
        if not upstream.may_be_undisclosed(subject):
            continue
        tally = tallies[subject] = _UpperTally(upstream.disclosed[subject])
        tally.upper = WHOLE
        if subject not in counted and tally.meets(test):
            counted.add(subject)
            reached.append(subject)
    return [subject for subject in reached if subject != TARGET]


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
