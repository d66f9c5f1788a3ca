"""What one subject leaves of every clause of a program, and what a program has worked out so far."""

from dataclasses import dataclass, field
from datetime import datetime

from rules.facts import Location
from rules.language import Decision
from rules.verdicts import Verdict

MAX_REMEMBERED = 8_192
"""Entries of one table of a memo; the table starts anew beyond that."""


@dataclass(frozen=True, slots=True)
class Profile:
    """Clauses by what is known of one subject; a clause that does not speak of it stands in both masks."""

    true: int
    possible: int
    verdicts: dict[int, Verdict]
    """By atom number."""
    unknown: tuple[tuple[int, frozenset[str]], ...]
    """Numbers of the atoms that are unknown, each with what left it so."""


NEUTRAL = Profile(-1, -1, {}, ())
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
