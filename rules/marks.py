"""Three-valued logic on many conditions at once: each has a place, and what is known of all of them is a few integers.

Bit n of a mask speaks of the condition at place n. Joining marks is exact, causes included: it is what `conjunction`
and `disjunction` say at every place.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeAlias

from rules.verdicts import FALSE, TRUE, Verdict

Unknown: TypeAlias = tuple[tuple[str, int], ...]
"""By what left them unknown, sorted: the places at which it did."""


class Marks(NamedTuple):
    """What is known of every place: true, possible (true or unknown), and why it is unknown."""

    true: int
    possible: int
    unknown: Unknown


Places: TypeAlias = int | tuple[int, ...]
"""A set of places, as a mask or one by one: whichever takes less room."""


def mask_of(places: Iterable[int]) -> int:
    """One mask of places given one by one."""
    marked = bytearray()
    for place in places:
        byte = place >> 3
        if byte >= len(marked):
            marked.extend(bytes(byte + 1 - len(marked) + len(marked) // 2))
        marked[byte] |= 1 << (place & 7)
    return int.from_bytes(marked, "little")


def packed(places: Sequence[int]) -> Places:
    """The places in the form that takes less room."""
    return mask_of(places) if len(places) * 64 > max(places, default=0) else tuple(places)


def union(sets: Iterable[Places]) -> int:
    """One mask of many sets of places."""
    masks = 0
    single: list[int] = []
    for places in sets:
        if isinstance(places, int):
            masks |= places
        else:
            single += places
    return masks | mask_of(single) if single else masks


def places_in(mask: int) -> list[int]:
    """The places of a mask, lowest first."""
    digits = bin(mask)[:1:-1]
    found = []
    place = digits.find("1")
    while place >= 0:
        found.append(place)
        place = digits.find("1", place + 1)
    return found


def verdict_at(place: int, marks: Marks) -> Verdict:
    """What is known of one place."""
    if marks.true >> place & 1:
        return TRUE
    if not marks.possible >> place & 1:
        return FALSE
    return (None, frozenset(cause for cause, places in marks.unknown if places >> place & 1))


EVERYWHERE = Marks(-1, -1, ())
NOWHERE = Marks(0, 0, ())


def all_of(parts: Sequence[Marks]) -> Marks:
    """What is known of the conjunctions of what stands at the same place."""
    true, possible, _ = parts[0] if parts else EVERYWHERE
    for part in parts[1:]:
        true &= part.true
        possible &= part.possible
    return marks(true, possible, parts)


def any_of(parts: Sequence[Marks]) -> Marks:
    """The same of disjunctions."""
    true, possible, _ = parts[0] if parts else NOWHERE
    for part in parts[1:]:
        true |= part.true
        possible |= part.possible
    return marks(true, possible, parts)


def none_of(part: Marks) -> Marks:
    """The same of denials."""
    return Marks(~part.possible, ~part.true, part.unknown)


def marks(true: int, possible: int, why: Iterable[Marks]) -> Marks:
    """What is known, where places are left unknown by all that left one of these so."""
    undecided = possible & ~true
    if not undecided:
        return Marks(true, true, ())
    causes: dict[str, int] = {}
    for part in why:
        for cause, places in part.unknown:
            causes[cause] = causes.get(cause, 0) | places
    unknown = ((cause, places & undecided) for cause, places in causes.items())
    return Marks(true, possible, tuple(sorted((cause, places) for cause, places in unknown if places)))
