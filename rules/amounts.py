"""Amounts that attribution computes: one bound of an attributed share, and what reached it."""

from collections.abc import Collection
from dataclasses import dataclass
from fractions import Fraction

from rules.shares import MILLIONTHS_PER_PERCENT, WHOLE, percent


@dataclass(frozen=True, slots=True)
class Amount:
    """A bound of an attributed share, in millionths."""

    value: int | Fraction
    strict: bool = False
    """A lower bound that the share exceeds, or an upper bound that it stays below."""

    def __str__(self) -> str:
        if self.value == int(self.value):
            return percent(max(0, min(int(self.value), WHOLE)))
        return f"{float(self.value) / MILLIONTHS_PER_PERCENT:.4f}%"


@dataclass(frozen=True, slots=True)
class Side:
    """What follows for the target from one side of the bounds."""

    met: bool
    """The threshold is met, by share or (where that counts) by control."""
    amount: Amount
    counted: Collection[int]
    """Numbers of the holders, and of all through whom something passes."""
