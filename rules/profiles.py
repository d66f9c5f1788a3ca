"""What one subject leaves of every clause of a program, and what a program has worked out so far."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from rules.facts import Location
from rules.language import Decision
from rules.marks import Marks, Unknown, verdict_at
from rules.verdicts import Verdict

MAX_REMEMBERED = 8_192
"""Entries of one table of a memo; the table starts anew beyond that."""

MIN_REMEMBERED = 256

MASKS_BYTES = 16 * 2**20
"""About what the masks of one table may take: of a large program fewer are remembered."""

Key = TypeVar("Key")
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Profile:
    """Clauses by what is known of one subject; a clause that does not speak of it stands in both masks.

    Equal facts, as far as a program asks for them, have one and the same profile.
    """

    true: int
    possible: int
    unknown: Unknown
    """What left clauses unknown, each with those clauses."""
    doubt: int = 0
    """A number for `unknown`, the same for the same within a program and subject; 0 if nothing is unknown."""

    def verdict(self, place: int) -> Verdict:
        """What is known at one place of the masks."""
        return verdict_at(place, Marks(self.true, self.possible, self.unknown))


NEUTRAL = Profile(-1, -1, ())
"""Of a subject that no rule speaks of."""


@dataclass(frozen=True, slots=True)
class Screening:
    """A program with one account's or resource's facts burnt in; right while `since` <= time < `until`."""

    profile: Profile
    since: datetime | None
    until: datetime | None
    revision: str
    """Of the graph that it was made from."""


@dataclass(frozen=True, slots=True)
class Memo:
    """Pure values that a program has worked out: a cache that nothing but time can tell from none.

    INVARIANT: every key holds all that its value depends on, the program itself apart.
    """

    locations: dict[int, tuple[Location, Profile]] = field(default_factory=dict)
    """By identity of the location, which the entry keeps alive: hashing its claims costs more than all the rest."""
    actions: dict[str, Profile] = field(default_factory=dict)
    segments: dict[int, Profile] = field(default_factory=dict)
    """By place between `Program.address_edges`; -1 for an address that is not known."""
    decisions: dict[tuple[object, ...], Decision] = field(default_factory=dict)
    """By the clauses left, what is unknown of every subject, and the end of every span that the decision rests on."""


def room(places: int) -> int:
    """How many entries of masks of so many places a table may hold."""
    return max(MIN_REMEMBERED, min(MAX_REMEMBERED, MASKS_BYTES // (places // 3 + 1)))


def remember(table: dict[Key, Value], key: Key, value: Value, limit: int = MAX_REMEMBERED) -> None:
    """Add an entry; a table that is full starts anew."""
    if len(table) >= limit:
        table.clear()
    table[key] = value
