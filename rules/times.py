"""Moments and durations as documents write them.

A moment is RFC 3339 with its offset, or a bare date for its first moment in UTC. A duration is ISO 8601 in days, hours,
minutes and seconds: years and months have no fixed length.
"""

import re
from datetime import UTC, datetime, timedelta

_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
# SOURCE: RFC 3339 section 5.6, `date-time`; digits beyond the microsecond are dropped.
_CLOCK = r"[0-9]{2}:[0-9]{2}:[0-9]{2}"
_INSTANT = re.compile(rf"({_DATE})(?:[Tt ]({_CLOCK})(?:\.([0-9]+))?([Zz]|[+-][0-9]{{2}}:[0-9]{{2}}))?", re.ASCII)
_LOCAL = re.compile(rf"{_DATE}[Tt ][0-9:.]+", re.ASCII)

_DURATION = re.compile(
    r"P(?:([0-9]+)W)?(?:([0-9]+)D)?(?:T(?=[0-9])(?:([0-9]+)H)?(?:([0-9]+)M)?(?:([0-9]+)S)?)?", re.ASCII
)
_CALENDAR = re.compile(r"P[0-9]+[YM].*", re.ASCII)


def parse_instant(text: str) -> datetime:
    """Read `2026-01-31T12:00:00Z` or `2026-01-31`; the answer is aware and in UTC.

    Raises:
        ValueError: with a message for people, naming what is wrong.
    """
    found = _INSTANT.fullmatch(text)
    if not found and _LOCAL.fullmatch(text):
        raise ValueError(f"`{text}` is not a moment without its offset: write `2026-01-31T12:00:00Z`")
    if not found:
        raise ValueError(f"`{text}` is not a time: write `2026-01-31` or `2026-01-31T12:00:00Z`")
    date, clock, fraction, offset = found.groups()
    micros = (fraction or "")[:6].ljust(6, "0")
    zone = "+00:00" if offset in (None, "Z", "z") else offset
    try:
        return datetime.fromisoformat(f"{date}T{clock or '00:00:00'}.{micros}{zone}").astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"`{text}` is not a time: there is no such moment") from None


def parse_duration(text: str) -> timedelta:
    """Read `PT24H` or `P7D`.

    Raises:
        ValueError: with a message for people, naming what is wrong.
    """
    found = _DURATION.fullmatch(text)
    if not found and _CALENDAR.fullmatch(text):
        raise ValueError(f"`{text}` has no fixed length: write days and hours, such as `P30D`")
    if not found or not any(found.groups()) or len(text) > 40:
        raise ValueError(f"`{text}` is not a duration: write `PT24H` or `P7D`")
    weeks, days, hours, minutes, seconds = (int(number or 0) for number in found.groups())
    try:
        duration = timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
    except OverflowError:
        raise ValueError(f"`{text}` is longer than any time that could be counted") from None
    if not duration:
        raise ValueError(f"`{text}` is no time at all")
    return duration
