"""What a file says, row by row, in the form in which it is recorded.

Records are tuples in the order of the columns that take them: a million of them go to the database as they are.
"""

import hashlib
from typing import Literal, NamedTuple, TypeAlias

UNKNOWN_PREFIX = "unknown:"
"""Begins the id of an owner of whom a source says only that there is, or may be, one."""


class EntityRecord(NamedTuple):
    """An entity; `seats` is JSON."""

    id: str
    name: str
    kind: str | None
    seats: str
    source: str


class InterestRecord(NamedTuple):
    """An interest; times in microseconds, `details` is JSON."""

    id: str
    owner: str
    subject: str
    kind: str
    share: str
    control: bool
    valid_from: int | None
    valid_to: int | None
    source: str
    details: str = "{}"


class ListingRecord(NamedTuple):
    """An entity on a list; times in microseconds."""

    id: str
    entity: str
    list: str
    valid_from: int | None
    valid_to: int | None
    source: str


class ActingRecord(NamedTuple):
    """Two entities that act together: `one` < `other`."""

    one: str
    other: str
    source: str


class AccountRecord(NamedTuple):
    """An account; `tags` and `declared` are JSON."""

    id: str
    entity: str | None
    tags: str
    declared: str


class ResourceRecord(NamedTuple):
    """A resource; `tags` is JSON."""

    id: str
    tags: str
    provider: str | None


class Whole(NamedTuple):
    """A source says all of something in one place: what bears its key is numbered from 0 up to `size`, and no more."""

    what: Literal["interest", "listing"]
    key: str
    size: int


class Ending(NamedTuple):
    """The interests that bear the key end at `at`, if not before: the source closed its record and repeats none."""

    key: str
    at: int


Record: TypeAlias = (
    EntityRecord | InterestRecord | ListingRecord | ActingRecord | AccountRecord | ResourceRecord | Whole | Ending
)


class Fault(NamedTuple):
    """Why a row, or one value of it, is not taken over."""

    column: str
    """Column or member; empty for the whole row."""
    message: str


class Row(NamedTuple):
    """One row, line or statement of a file."""

    line: int
    records: tuple[Record, ...] = ()
    faults: tuple[Fault, ...] = ()
    left_out: str = ""
    """Why a sound row says nothing that Cordon records."""
    notes: tuple[str, ...] = ()
    """What of a row that is taken over could not be read, counted by kind."""


class BrokenFile(Exception):
    """A file that cannot be read on from here, in words for whoever gave it."""

    def __init__(self, line: int, message: str, column: str = "") -> None:
        super().__init__(message)
        self.line = line
        self.column = column


def stable_id(*parts: str) -> str:
    """The id of what a source says without naming it: the same for the same parts.

    128 bits of their SHA-256.
    """
    # INVARIANT: no part holds NUL, which every reader refuses; else two different sequences would be one.
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def numbered(key: str, number: int) -> str:
    """The id of one of the things that bear a key."""
    return f"{key}.{number}"
