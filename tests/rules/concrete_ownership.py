"""Attribution over shares that are exactly known, written as plainly as the definitions: what bounds are held against.

Entities are small integers, 0 is the target. No bounds, no worklists, dense arithmetic.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from fractions import Fraction

from rules.language import HoldingTest
from rules.shares import WHOLE

Shares = Mapping[tuple[int, int], Fraction]
"""By owner and subject, in parts of one."""


@dataclass(frozen=True)
class World:
    count: int
    shares: Shares
    control: Set[tuple[int, int]]

    def owned(self, holders: Set[int], test: HoldingTest) -> bool:
        """Whether these holders together own the target."""
        holders = holders - {0}
        return 0 in (self._cascade(holders, test) if test.attribution == "cascade" else self._integrated(holders, test))

    def _meets(self, share: Fraction, test: HoldingTest) -> bool:
        threshold = Fraction(test.threshold.share, WHOLE)
        return share > threshold if test.threshold.strict else share >= threshold

    def _cascade(self, holders: Set[int], test: HoldingTest) -> Set[int]:
        held: Set[int] = frozenset()
        while True:
            counted = holders | held
            more = {
                subject
                for subject in range(self.count)
                if self._meets(sum((self.shares.get((o, subject), Fraction(0)) for o in counted), Fraction(0)), test)
                or (test.control and any((o, subject) in self.control for o in counted))
            }
            if more == held:
                return held
            held = more

    def _integrated(self, holders: Set[int], test: HoldingTest) -> Set[int]:
        whole, controlled = set(holders), set[int]()
        while True:
            amounts = self._solve(holders, whole, controlled)
            met = {entity for entity in range(self.count) if self._meets(amounts[entity], test)} | controlled
            majority = {e for e in range(self.count) if test.attribution == "hybrid" and amounts[e] > Fraction(1, 2)}
            grown = {s for o, s in self.control if test.control and (o in holders or o in met)} - holders
            if grown <= controlled and majority <= whole:
                return met - holders
            controlled |= grown
            whole |= majority

    def _solve(self, holders: Set[int], whole: Set[int], controlled: Set[int]) -> list[Fraction]:
        """Gauss-Jordan on y = c + A y, over what the constants feed."""
        fixed = {**dict.fromkeys(holders, Fraction(1)), **dict.fromkeys(controlled, Fraction(1))}
        free = [entity for entity in range(self.count) if entity not in fixed]
        constant = {e: Fraction(0) for e in free}
        matrix = {e: dict.fromkeys(free, Fraction(0)) for e in free}
        for (owner, subject), share in self.shares.items():
            if subject not in constant:
                continue
            if owner in whole or owner in fixed:
                constant[subject] += share
            else:
                matrix[subject][owner] += share
        fed = {e for e in free if constant[e] > 0}
        while more := {e for e in free if e not in fed and any(matrix[e][o] > 0 for o in fed)}:
            fed |= more
        solved = self._eliminate(constant, matrix, sorted(fed))
        return [fixed.get(e, solved.get(e, Fraction(0))) for e in range(self.count)]

    def _eliminate(
        self, constant: dict[int, Fraction], matrix: dict[int, dict[int, Fraction]], fed: list[int]
    ) -> dict[int, Fraction]:
        table = [[Fraction(int(i == j)) - matrix[i][j] for j in fed] + [constant[i]] for i in fed]
        for k in range(len(fed)):
            pivot = table[k][k]
            table[k] = [value / pivot for value in table[k]]
            for i in range(len(fed)):
                if i != k:
                    factor = table[i][k]
                    table[i] = [value - factor * base for value, base in zip(table[i], table[k], strict=True)]
        return {entity: table[place][-1] for place, entity in enumerate(fed)}
