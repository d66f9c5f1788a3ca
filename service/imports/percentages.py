"""Percentages as people write them in registers: `50`, `50 %`, `25-50`, `> 25`, `ca. 33 %`.

What says how large a share is becomes its bounds. What says it roughly becomes nothing: how rough is anybody's guess.
"""

import re
from collections.abc import Iterable
from decimal import Decimal
from functools import lru_cache

from rules.shares import WHOLE, Bounds, Share
from service.imports.values import bounds_of

_NUMBER = r"([0-9]{1,3}(?:[.,][0-9]+)?)"
_EXACT = re.compile(rf"{_NUMBER} ?%?", re.ASCII)
_RANGE = re.compile(rf"{_NUMBER} ?%? ?(?:-|\u2013|\u2014|to|bis) ?{_NUMBER} ?%?")
_COMPARED = re.compile(rf"(>=|>|<=|<|\u2265|\u2264|[a-z ]+?) ?{_NUMBER} ?%?(?: (or more|or less))?")
_WORDS = {
    ">": ">",
    "over": ">",
    "more than": ">",
    "above": ">",
    "exceeding": ">",
    ">=": ">=",
    "\u2265": ">=",
    "at least": ">=",
    "min": ">=",
    "<": "<",
    "under": "<",
    "less than": "<",
    "below": "<",
    "<=": "<=",
    "\u2264": "<=",
    "up to": "<=",
    "at most": "<=",
    "max": "<=",
}
_HUNDRED = Decimal(100)


@lru_cache(maxsize=16_384)
def read_percentage(text: str) -> Bounds | None:
    """The bounds that a text gives; None if it gives none."""
    plain = " ".join(text.lower().split())
    try:
        if found := _EXACT.fullmatch(plain):
            return bounds_of(_decimal(found[1]), _decimal(found[1]))
        if found := _RANGE.fullmatch(plain):
            return bounds_of(_decimal(found[1]), _decimal(found[2]))
        if found := _COMPARED.fullmatch(plain):
            return _compared(_WORDS.get(found[1].strip(), ""), _decimal(found[2]))
    except ValueError:
        return None
    return None


def _compared(word: str, number: Decimal) -> Bounds | None:
    match word:
        case ">" | ">=":
            return bounds_of(number, _HUNDRED, above_lower=word == ">")
        case "<" | "<=":
            return bounds_of(Decimal(0), number, below_upper=word == "<")
        case _:
            return None


def _decimal(text: str) -> Decimal:
    return Decimal(text.replace(",", "."))


def spanning(all_bounds: Iterable[Bounds]) -> Bounds | None:
    """The bounds that hold whichever of several texts is right; None if there are none."""
    several = list(all_bounds)
    if not several:
        return None
    lower, upper = min(each.lower for each in several), max(each.upper for each in several)
    above = all(each.above_lower for each in several if each.lower == lower)
    below = all(each.below_upper for each in several if each.upper == upper)
    return Bounds(Share(lower), Share(min(upper, WHOLE)), above, below)
