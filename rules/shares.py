"""Shares of ownership: exact, with a lower and an upper bound, each strict or not.

Integers in millionths, never floats: the law turns on `>=` against `>` at exactly one half, and 5.17 + 15.73 + 25.73 +
3.37 is 49.99999999999999 in binary floating point.
"""

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import NewType

Share = NewType("Share", int)
"""Millionths of the whole: 500_000 is one half."""

WHOLE = Share(1_000_000)
MILLIONTHS_PER_PERCENT = 10_000

_PERCENT = r"([0-9]{1,3})(?:\.([0-9]+))?\s*%"
_EXACT = re.compile(_PERCENT, re.ASCII)
_INTERVAL = re.compile(rf"([(\[])\s*{_PERCENT}\s*,\s*{_PERCENT}\s*([)\]])", re.ASCII)
_THRESHOLD = re.compile(rf"(>=|>)\s*{_PERCENT}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is known of a share: it lies between `lower` and `upper`."""

    lower: Share
    upper: Share
    above_lower: bool = False
    """Strict: the share is greater than `lower`, never equal to it."""
    below_upper: bool = False
    """Strict: the share is less than `upper`, never equal to it."""

    def __str__(self) -> str:
        if self.lower == self.upper:
            return percent(self.lower)
        opening, closing = "(" if self.above_lower else "[", ")" if self.below_upper else "]"
        return f"{opening}{percent(self.lower)}, {percent(self.upper)}{closing}"


UNKNOWN_SHARE = Bounds(Share(0), WHOLE)
NO_SHARE = Bounds(Share(0), Share(0))


@dataclass(frozen=True, slots=True)
class Threshold:
    """What a rule asks of a share: at least `share`, or more than it."""

    share: Share
    strict: bool
    """True for `>`, false for `>=`."""

    def met_by_lower(self, lower: int | Fraction, above_lower: bool) -> bool:
        """Whether everything at or above this lower bound (in millionths) meets the threshold."""
        return lower > self.share or (lower == self.share and (above_lower or not self.strict))

    def within_upper(self, upper: int | Fraction, below_upper: bool) -> bool:
        """Whether anything at or below this upper bound (in millionths) meets the threshold."""
        return upper > self.share or (upper == self.share and not below_upper and not self.strict)

    def __str__(self) -> str:
        return f"{'>' if self.strict else '>='} {percent(self.share)}"


def percent(share: int) -> str:
    """`33.3%` from 333_000, without needless zeros."""
    whole, rest = divmod(share, MILLIONTHS_PER_PERCENT)
    return f"{whole}.{rest:04d}".rstrip("0").rstrip(".") + "%"


def parse_bounds(text: str) -> Bounds:
    """Read `51%` or an interval such as `(25%, 50%]`.

    Raises:
        ValueError: with a message for people, naming what is wrong.
    """
    exact = _EXACT.fullmatch(text.strip())
    if exact:
        share = _share(exact[1], exact[2], text)
        return Bounds(share, share)
    interval = _INTERVAL.fullmatch(text.strip())
    if not interval:
        raise ValueError(f"`{text}` is not a share: write `51%` or an interval such as `(25%, 50%]`")
    lower, upper = _share(interval[2], interval[3], text), _share(interval[4], interval[5], text)
    bounds = Bounds(lower, upper, interval[1] == "(", interval[6] == ")")
    if lower > upper or (lower == upper and (bounds.above_lower or bounds.below_upper)):
        raise ValueError(f"`{text}` is empty: no share lies in it")
    return bounds


def parse_threshold(text: str) -> Threshold:
    """Read `>= 50%` or `> 50%`.

    Raises:
        ValueError: with a message for people, naming what is wrong.
    """
    found = _THRESHOLD.fullmatch(text.strip())
    if not found:
        raise ValueError(f"`{text}` is not a threshold: write `>= 50%` or `> 50%`")
    return Threshold(_share(found[2], found[3], text), found[1] == ">")


def _share(whole: str, decimals: str | None, text: str) -> Share:
    digits = (decimals or "").rstrip("0")
    if len(digits) > 4:
        raise ValueError(f"`{text}` is finer than a millionth of the whole: give at most four decimals")
    share = int(whole) * MILLIONTHS_PER_PERCENT + int(digits.ljust(4, "0"))
    if share > WHOLE:
        raise ValueError(f"`{text}` is more than 100%")
    return Share(share)
