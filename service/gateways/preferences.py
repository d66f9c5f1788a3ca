"""What a client prefers, of what there is: the headers `Accept` and `Accept-Language`.

SOURCE: RFC 9110, sections 12.4.2, 12.5.1 and 12.5.4; RFC 4647, section 3.4 (lookup). What is not understood is passed
over: a client that says nothing plain gets what comes first.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

_QUALITY: Final = re.compile(r"(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)")
LENGTH_LIMIT: Final = 1024
"""Longer headers are not looked at."""


@lru_cache(maxsize=512)
def preferred_type(accept: str, offered: Sequence[str]) -> str:
    """The media type that is accepted most; of those that are accepted alike, the first. For hashable `offered`."""
    ranges = list(_weighted(accept)) or [("*/*", 1.0)]
    return max(offered, key=lambda each: (_type_quality(each, ranges), -offered.index(each)))


@lru_cache(maxsize=512)
def preferred_language(accepted: str, offered: Sequence[str], fallback: str) -> str:
    """The language that is asked for first, whatever its script or region; the fallback if there is none of them."""
    asked = sorted(_weighted(accepted), key=lambda each: -each[1])  # stable: alike in quality, in the order given
    for tag, quality in asked:
        language = tag.partition("-")[0]
        if quality and language in offered:
            return language
    return fallback


def _weighted(text: str) -> Iterator[tuple[str, float]]:
    for part in text.split(",") if len(text) <= LENGTH_LIMIT else ():
        value, *parameters = (each.strip().lower() for each in part.split(";"))
        quality = _quality(parameters)
        if value and quality is not None:
            yield value, quality


def _quality(parameters: Sequence[str]) -> float | None:
    """None: it is none."""
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            return float(value) if _QUALITY.fullmatch(value.strip()) else None
    return 1.0


def _type_quality(offered: str, ranges: Sequence[tuple[str, float]]) -> float:
    """That of the range which names it most precisely."""
    major = offered.partition("/")[0]
    for wanted in (offered, f"{major}/*", "*/*"):
        for media_range, quality in ranges:
            if media_range == wanted:
                return quality
    return 0.0
