"""Values as files write them, in the form in which they are recorded: shares, moments, codes, texts.

Shares are exact to a millionth. What is finer is kept as the interval between its two neighbours, never rounded.
"""

import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from functools import lru_cache

import msgspec

from rules.geography import MISTAKEN_CODES, PSEUDO_CODES, fault_of
from rules.shares import Bounds, Share, parse_bounds
from rules.times import parse_instant
from service.storage.database import micros

_FINE = re.compile(r"([0-9]{1,3}\.[0-9]{4}[0-9]+)(\s*%)", re.ASCII)
_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_SHOWN_LENGTH = 300
_PARTIAL_DATE = re.compile(r"([0-9]{4})(?:-([0-9]{2}))?", re.ASCII)

encode_sorted = msgspec.json.Encoder(order="deterministic").encode


def json_text(value: object) -> str:
    """JSON with sorted keys, compact."""
    return encode_sorted(value).decode()


@lru_cache(maxsize=65_536)
def share_text(text: str) -> str:
    """`51%`, or an interval such as `(25%, 50%]`, as it is recorded; empty stays empty.

    Raises:
        ValueError: it is no share; with a message for people.
    """
    if not text:
        return ""
    if not _FINE.search(text):
        return str(parse_bounds(text))
    return str(_fine_bounds(text))


def _fine_bounds(text: str) -> Bounds:
    """The smallest interval that can be recorded and holds a share written more finely than a millionth."""
    bare = text.strip()
    if bare[:1] not in ("(", "["):
        return bounds_of(_number(bare), _number(bare))
    lower, _, upper = bare[1:-1].partition(",")
    parse_bounds(_FINE.sub(lambda found: found[1][: found[1].index(".") + 5] + found[2], text))
    return bounds_of(_number(lower), _number(upper), above_lower=bare[0] == "(", below_upper=bare[-1] == ")")


def _number(text: str) -> Decimal:
    number = Decimal(text.strip().rstrip("%").strip())
    if number > 100:
        raise ValueError(f"`{text.strip()}` is more than 100%")
    return number


def bounds_of(lower: Decimal, upper: Decimal, *, above_lower: bool = False, below_upper: bool = False) -> Bounds:
    """The bounds between two percentages; what is finer than a millionth moves outwards and becomes strict.

    Raises:
        ValueError: no share lies between them, or they are outside 0 and 100.
    """
    if not 0 <= lower <= upper <= 100 or (lower == upper and (above_lower or below_upper)):
        raise ValueError(f"no share lies between {lower}% and {upper}%")
    low, high = lower * 10_000, upper * 10_000
    floor, ceiling = int(low), int(high.to_integral_value(ROUND_CEILING))
    return Bounds(Share(floor), Share(ceiling), above_lower or floor != low, below_upper or ceiling != high)


@lru_cache(maxsize=65_536)
def moment(text: str) -> int | None:
    """`2026-01-31` or an RFC 3339 time, in microseconds; empty is open.

    Raises:
        ValueError: it is none; with a message for people.
    """
    return micros(parse_instant(text)) if text else None


@lru_cache(maxsize=65_536)
def first_moment(text: str) -> int | None:
    """The same, of a year or a month too: its first moment."""
    return micros(_first(text)) if _PARTIAL_DATE.fullmatch(text) else moment(text)


@lru_cache(maxsize=65_536)
def last_moment(text: str) -> int | None:
    """The same, of a year or a month too: the moment that it is over."""
    found = _PARTIAL_DATE.fullmatch(text)
    if not found:
        return moment(text)
    try:
        later = _first(text) + timedelta(days=32 if found[2] else 366)
    except OverflowError:
        return None
    return micros(later.replace(day=1) if found[2] else later.replace(month=1, day=1))


def _first(text: str) -> datetime:
    year, _, month = text.partition("-")
    try:
        return datetime(int(year), int(month or 1), 1, tzinfo=UTC)
    except ValueError:
        raise ValueError(f"`{text}` is not a time: there is no such moment") from None


@lru_cache(maxsize=65_536)
def code_fault(code: str) -> str | None:
    """Why this is no place, in words for the author of a file; None if it is one."""
    return fault_of(code)


@lru_cache(maxsize=65_536)
def known_code(code: str) -> str | None:
    """The place that a foreign source means by `gb` or `GB-SCT`; None if Cordon knows none by that name."""
    upper = code.strip().upper()
    upper = MISTAKEN_CODES.get(upper, upper)
    return upper if upper not in PSEUDO_CODES and fault_of(upper) is None else None


def seats_text(seats: Mapping[str, Collection[str]]) -> str:
    """Seats by basis as they are recorded; a basis without codes is not known."""
    known = {basis: sorted(set(codes)) for basis, codes in seats.items() if codes}
    return json_text(known) if known else "{}"


def is_fit(text: str) -> bool:
    """Whether every database takes the text: no control characters, no halves of characters."""
    return text.isprintable() or not _UNFIT.search(text)


def plain_text(value: object) -> str:
    """A text of a foreign source without what no database takes; empty if it is no text."""
    text = value.strip() if isinstance(value, str) else ""
    return text if is_fit(text) else _UNFIT.sub("\ufffd", text)


def shown(text: str) -> str:
    """A text of anybody's on one line that is not too long."""
    line = " ".join(plain_text(text).split())
    return line if len(line) <= _SHOWN_LENGTH else f"{line[: _SHOWN_LENGTH - 1]}…"
