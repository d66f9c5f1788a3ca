"""Attribution in proportion: shares multiply along every chain and add over chains (integrated ownership).

With y the attributed share and w the shares: y[s] = sum of w[o, s] * (1 if o passes its stakes whole, else y[o]), in
the least solution: a closed loop without a holder has nothing. A holder passes whole; under *hybrid* attribution
so does an entity held above 50 %. Source: M. Brioschi, L. Buzzacchi, M. Colombo, Journal of Banking and Finance 13
(1989) 747; 31 CFR 850.206(b); seen 2026-11-22.

Upper bounds are the largest y that any shares within their bounds allow: at each entity what is not yet disclosed goes
to the owners with the largest y. In a loop that choice is improved until it no longer changes (policy iteration; from
below, so that it ends at the least solution).
"""

from collections.abc import Iterable
from fractions import Fraction
from functools import cached_property
from typing import NamedTuple

from rules.amounts import Amount, Side
from rules.elimination import Row, least_solution, trimmed
from rules.language import HoldingTest
from rules.shares import WHOLE, Share, Threshold
from rules.upstream import TARGET, Holding, Upstream, components

MAJORITY = Threshold(Share(WHOLE // 2), strict=True)
"""SOURCE: 31 CFR 850.206(b): above this a stake passes whole."""

MAX_IMPROVEMENTS = 200
"""Choices tried in one loop before its upper bound is given up as the whole; a handful is usual."""

NOTHING = Amount(0)
ALL = Amount(WHOLE)


class Flow(NamedTuple):
    """What comes to an entity through one holding."""

    holding: Holding
    weight: int
    """The share it counts for, in millionths."""
    passed: Amount
    """What its owner passes of each share."""


class Integrated:
    """Proportional and hybrid attribution over one upstream graph."""

    def __init__(self, upstream: Upstream, test: HoldingTest) -> None:
        self.upstream = upstream
        self.test = test
        self.components = components(upstream)
        self.place = [0] * len(upstream.entities)
        self.in_loop = bytearray(len(upstream.entities))
        """Entities that own themselves, directly or through each other."""
        for place, members in enumerate(self.components):
            for member in members:
                self.place[member] = place
            if len(members) > 1:
                for member in members:
                    self.in_loop[member] = 1
        for held in upstream.incoming:
            for holding in held:
                if holding.owner == holding.subject:
                    self.in_loop[holding.owner] = 1

    def lower(self, holders: Iterable[int]) -> Side:
        """What certainly follows: every share at its lower bound."""
        return Solution(self, frozenset(holders), upper=False).side()

    def upper(self, holders: Iterable[int]) -> Side:
        """What may follow: the shares within their bounds that give most."""
        return Solution(self, frozenset(holders), upper=True).side()

    def may_reach(self, members: Iterable[int]) -> bool:
        """Whether what these alone have could meet the threshold at the target; a filter that costs little.

        Where nothing goes in circles, nobody has more of the target than the sum of all that they hold anywhere, unless
        a majority passes whole.
        """
        if self.test.control or (self._has_loops and not self.test.undisclosed):
            return True
        if self.test.undisclosed:
            most = self._undisclosed_alone + sum(self.at_most[member] for member in members)
            return self.test.attribution == "hybrid" or self.test.threshold.within_upper(most, False)
        total = sum(holding.upper for member in members for holding in self.upstream.outgoing[member])
        if self.test.attribution == "hybrid" and total > MAJORITY.share:
            return True
        return self.test.threshold.within_upper(total, False)

    @cached_property
    def _undisclosed_alone(self) -> int | Fraction:
        return self.upper(()).amount.value

    @cached_property
    def _has_loops(self) -> bool:
        return any(self.in_loop)

    @cached_property
    def at_most(self) -> list[int]:
        """For each entity, no less than what it has of the target were it the only holder; in millionths.

        A filter: chains multiply, and a loop passes on no more than what leaves it.
        """
        caps = [0] * len(self.upstream.entities)
        caps[TARGET] = WHOLE
        for place in range(self.place[TARGET], -1, -1):
            members = self.components[place]
            passed = {member: self._passed(member, caps, place) for member in members if member != TARGET}
            if len(members) > 1:
                together = sum(passed.values()) + (WHOLE if TARGET in members else 0)
                passed = dict.fromkeys(passed, together)
            for member, cap in passed.items():
                caps[member] = min(WHOLE, cap)
        return caps

    def _passed(self, owner: int, caps: list[int], place: int) -> int:
        total = 0
        for holding in self.upstream.outgoing[owner]:
            if self.place[holding.subject] != place:
                total += -(-self._room(holding) * caps[holding.subject] // WHOLE)
        return total

    def _room(self, holding: Holding) -> int:
        if self.in_loop[holding.subject]:
            return WHOLE
        others = self.upstream.disclosed[holding.subject].lower - holding.lower
        return max(holding.lower, min(holding.upper, WHOLE - others))


class Solution:
    """The least solution for one set of holders and one side of the bounds."""

    def __init__(self, system: Integrated, holders: frozenset[int], *, upper: bool) -> None:
        self.system = system
        self.upstream = system.upstream
        self.test = system.test
        self.upper = upper
        self.holders = holders
        self.passes_whole = set(holders)
        self.controlled: set[int] = set()
        self.amounts: dict[int, Amount] = {}
        self.received: dict[int, list[Holding]] = {}
        """By subject: the holdings through which anything can come to it."""
        self._spread()

    def side(self) -> Side:
        by_place: dict[int, list[int]] = {}
        for number in self.received:
            by_place.setdefault(self.system.place[number], []).append(number)
        for place in sorted(by_place):
            self._settle(by_place[place])
        amount = self.amounts.get(TARGET, NOTHING)
        counted = {number for number, found in self.amounts.items() if _positive(found)}
        return Side(self.is_owned(TARGET), amount, counted | self.passes_whole)

    def is_owned(self, member: int) -> bool:
        """By share or, where that counts, by control."""
        return member in self.controlled or self._meets(self.amounts.get(member, NOTHING), self.test.threshold)

    def _meets(self, amount: Amount, threshold: Threshold) -> bool:
        check = threshold.within_upper if self.upper else threshold.met_by_lower
        return check(amount.value, amount.strict)

    def _spread(self) -> None:
        """Find the entities that anything of the holders, or of the undisclosed, can flow to."""
        sources = set(self.holders)
        if self.upper and self.test.undisclosed:
            for number in filter(self.upstream.may_be_undisclosed, range(len(self.upstream.entities))):
                sources.add(number)
                if number not in self.holders:
                    self.received[number] = []
        work = list(sources)
        while work:
            for holding in self.upstream.outgoing[work.pop()]:
                subject = holding.subject
                if subject in self.holders:
                    continue
                self.received.setdefault(subject, []).append(holding)
                if subject not in sources:
                    sources.add(subject)
                    work.append(subject)

    def _settle(self, members: list[int]) -> None:
        """Solve one component, again while an entity in it turns out to pass stakes whole or to be controlled."""
        while True:
            self._solve([member for member in members if member not in self.controlled])
            changed = False
            for member in members:
                changed |= self._is_newly_controlled(member)
                changed |= self._newly_passes_whole(member)
            if not changed or not self.system.in_loop[members[0]]:
                return

    def _is_newly_controlled(self, member: int) -> bool:
        if not self.test.control or member in self.controlled:
            return False
        if not any(holding.control and self._counts(holding.owner) for holding in self.received[member]):
            return False
        self.controlled.add(member)
        self.amounts[member] = ALL
        return True

    def _counts(self, owner: int) -> bool:
        return owner in self.holders or self.is_owned(owner)

    def _newly_passes_whole(self, member: int) -> bool:
        if self.test.attribution != "hybrid" or member in self.passes_whole:
            return False
        if not self._meets(self.amounts.get(member, NOTHING), MAJORITY):
            return False
        self.passes_whole.add(member)
        return True

    def _solve(self, members: list[int]) -> None:
        if not members:
            return
        if not self.system.in_loop[members[0]]:
            self.amounts[members[0]] = self._amount(members[0])
            return
        for member in members:
            self.amounts[member] = NOTHING
        self._improve(members)
        self._settle_strictness(members)

    def _improve(self, members: list[int]) -> None:
        """Solve the loop, choose anew who gets what is not yet disclosed, until the choice stands."""
        inside = set(members)
        rows: dict[int, Row] = {}
        for _ in range(MAX_IMPROVEMENTS):
            previous, rows = rows, {member: self._row(member, inside) for member in members}
            if rows == previous:
                return
            solved = least_solution(rows, round_up=self.upper)
            for member in members:
                self.amounts[member] = Amount(solved[member])
        for member in members:
            self.amounts[member] = ALL

    def _settle_strictness(self, members: list[int]) -> None:
        changed = True
        while changed:
            changed = False
            for member in members:
                amount = self.amounts[member]
                if not amount.strict and self._is_strict(member, self._flows(member)):
                    self.amounts[member] = Amount(amount.value, True)
                    changed = True

    def _amount(self, member: int) -> Amount:
        flows = self._flows(member)
        value: int | Fraction = self._undisclosed(member, flows)
        value += sum(flow.weight for flow in flows if flow.passed is ALL)
        for _, weight, passed in flows:
            if passed is not ALL and passed.value:
                value += Fraction(weight * passed.value, WHOLE)
        if isinstance(value, Fraction):
            value = trimmed(value, self.upper)
        return Amount(min(value, WHOLE), self._is_strict(member, flows))

    def _row(self, member: int, inside: set[int]) -> Row:
        """One linear equation: a constant, and the coefficients of the others inside the loop."""
        flows = self._flows(member)
        constant = Fraction(self._undisclosed(member, flows))
        coefficients: dict[int, Fraction] = {}
        for holding, weight, passed in flows:
            owner = holding.owner
            if owner in inside and owner not in self.passes_whole:
                coefficients[owner] = coefficients.get(owner, Fraction(0)) + Fraction(weight, WHOLE)
            else:
                constant += Fraction(weight * passed.value, WHOLE)
        return Row(constant, {owner: share for owner, share in coefficients.items() if share})

    def _flows(self, member: int) -> list[Flow]:
        """What comes to an entity, each holding with the share that it counts for."""
        held = self.received[member]
        if not self.upper:
            return [Flow(holding, holding.lower, self._passed(holding.owner)) for holding in held]
        room = max(0, WHOLE - self.upstream.disclosed[member].lower)
        # Whoever may hold an undisclosed part passes it whole: owners who may not get none of it.
        only_whole = self._takes_undisclosed(member)
        # INVARIANT: the order of before stands among equals. In a loop, an owner who has something only through this
        # very entity would else take the place of the one whom both have it from, and the loop would feed itself.
        held.sort(key=lambda holding: -self._passed(holding.owner).value)
        flows = []
        for holding in held:
            passed = self._passed(holding.owner)
            extra = 0 if only_whole and passed is not ALL else min(holding.upper - holding.lower, room)
            room -= extra
            flows.append(Flow(holding, holding.lower + extra, passed))
        return flows

    def _passed(self, owner: int) -> Amount:
        return ALL if owner in self.passes_whole else self.amounts.get(owner, NOTHING)

    def _takes_undisclosed(self, member: int) -> bool:
        return self.upper and self.test.undisclosed and self.upstream.may_be_undisclosed(member)

    def _undisclosed(self, member: int, flows: list[Flow]) -> int:
        if not self._takes_undisclosed(member):
            return 0
        return max(0, WHOLE - self.upstream.disclosed[member].lower - _extra(flows))

    def _is_strict(self, member: int, flows: list[Flow]) -> bool:
        if self.upper:
            return self._upper_is_strict(member, flows)
        return any(
            (holding.above_lower and _positive(passed)) or (passed.strict and (weight > 0 or holding.above_lower))
            for holding, weight, passed in flows
        )

    def _upper_is_strict(self, member: int, flows: list[Flow]) -> bool:
        """Some bound that makes the sum what it is cannot be reached."""
        if any(passed.strict and weight > 0 for _, weight, passed in flows):
            return True
        slack = max((passed.value for holding, weight, passed in flows if weight < holding.upper), default=0)
        if self._takes_undisclosed(member):
            slack = WHOLE
        if any(
            holding.below_upper and weight == holding.upper and weight > holding.lower and passed.value > slack
            for holding, weight, passed in flows
        ):
            return True
        spent = _extra(flows) + self._undisclosed(member, flows)
        return spent >= WHOLE - self.upstream.disclosed[member].lower and self._others_take_more(member, flows)

    def _others_take_more(self, member: int, flows: list[Flow]) -> bool:
        """The room is used up, yet an owner who passes less than those who use it must hold more than its bound."""
        least = min((passed.value for holding, weight, passed in flows if weight > holding.lower), default=WHOLE)
        strict = [flow for flow in flows if flow.holding.above_lower]
        if least > 0 and self.upstream.disclosed[member].strict_count > len(strict):
            return True
        return any(passed.value < least for _, _, passed in strict)


def _positive(amount: Amount) -> bool:
    return amount.value > 0 or amount.strict


def _extra(flows: list[Flow]) -> int:
    return sum(flow.weight - flow.holding.lower for flow in flows)
