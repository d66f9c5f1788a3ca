"""The least non-negative solution of v = c + A v, for the loops of an ownership graph.

Exact (fractions), sparse, by elimination of one unknown after another; all coefficients are shares of at least zero.
"""

from dataclasses import dataclass
from fractions import Fraction

from rules.shares import WHOLE


@dataclass(frozen=True, slots=True)
class Row:
    """One equation: v = constant + sum of coefficient * v[other]; the constant in millionths."""

    constant: Fraction
    coefficients: dict[int, Fraction]


def least_solution(rows: dict[int, Row], *, round_up: bool) -> dict[int, Fraction]:
    """Solve; no value exceeds the whole. What no constant flows to has nothing, however the loop is closed.

    `round_up` is the direction for the rounding that keeps large loops affordable; see `integrated.trimmed`.
    """
    fed = _fed(rows)
    system = _System({key: row for key, row in rows.items() if key in fed}, round_up)
    for key in sorted(system.constants, key=lambda key: len(system.coefficients[key]) * len(system.users[key])):
        system.eliminate(key)
    found = dict.fromkeys(rows, Fraction(0))
    found.update(system.substitute())
    return found


def _fed(rows: dict[int, Row]) -> set[int]:
    """Unknowns that a constant above zero flows to."""
    users: dict[int, list[int]] = {key: [] for key in rows}
    for key, row in rows.items():
        for other in row.coefficients:
            users[other].append(key)
    fed = {key for key, row in rows.items() if row.constant > 0}
    work = list(fed)
    while work:
        for user in users[work.pop()]:
            if user not in fed:
                fed.add(user)
                work.append(user)
    return fed


class _System:
    def __init__(self, rows: dict[int, Row], round_up: bool) -> None:
        self.round_up = round_up
        self.constants = {key: row.constant for key, row in rows.items()}
        self.coefficients = {
            key: {other: share for other, share in row.coefficients.items() if other in rows}
            for key, row in rows.items()
        }
        self.users: dict[int, set[int]] = {key: set() for key in rows}
        for key, coefficients in self.coefficients.items():
            for other in coefficients:
                self.users[other].add(key)
        self.solved: list[tuple[int, Fraction, dict[int, Fraction]]] = []

    def eliminate(self, key: int) -> None:
        """Express one unknown by those that are left, and put that in their equations."""
        constant, coefficients = self.constants[key], self.coefficients[key]
        itself = coefficients.pop(key, Fraction(0))
        if itself >= 1:
            # Only where more than the whole is recorded as owned: the unknown has no bound but the whole.
            constant, coefficients = Fraction(WHOLE), {}
        elif itself:
            constant = self._trimmed(constant / (1 - itself))
            coefficients = {other: self._trimmed(share / (1 - itself)) for other, share in coefficients.items()}
        for other in self.coefficients.pop(key):
            self.users[other].discard(key)
        for user in self.users[key] - {key}:
            self._insert(user, self.coefficients[user].pop(key), constant, coefficients)
        self.solved.append((key, constant, coefficients))

    def _insert(self, user: int, weight: Fraction, constant: Fraction, coefficients: dict[int, Fraction]) -> None:
        self.constants[user] = self._trimmed(self.constants[user] + weight * constant)
        row = self.coefficients[user]
        for other, share in coefficients.items():
            row[other] = self._trimmed(row.get(other, Fraction(0)) + weight * share)
            self.users[other].add(user)

    def substitute(self) -> dict[int, Fraction]:
        values: dict[int, Fraction] = {}
        for key, constant, coefficients in reversed(self.solved):
            value = constant + sum(share * values[other] for other, share in coefficients.items())
            values[key] = self._trimmed(min(value, Fraction(WHOLE)))
        return values

    def _trimmed(self, value: Fraction) -> Fraction:
        return trimmed(value, self.round_up)


PRECISION_BITS = 512


def trimmed(value: Fraction, up: bool) -> Fraction:
    """The value, rounded outwards once its denominator passes `PRECISION_BITS`.

    Exact for some dozens of tiers; beyond that the bound is safe (an answer may become unknown, never wrong).
    """
    if value.denominator.bit_length() <= PRECISION_BITS:
        return value
    scaled = value.numerator << (PRECISION_BITS // 2)
    rounded = -(-scaled // value.denominator) if up else scaled // value.denominator
    return Fraction(rounded, 1 << (PRECISION_BITS // 2))
