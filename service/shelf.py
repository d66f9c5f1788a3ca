"""What is memorised of accounts, or of resources: their screenings by id, in memos of bounded bytes.

What nothing is recorded of lies apart, in a bound of its own: made-up ids push out one another, and nothing else. So do
ids of another kind, which may be spelt like ours. Screenings that decide alike share a face and a profile.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from sys import getsizeof
from typing import Generic, Protocol, TypeVar

from rules.compile import Program
from rules.facts import AccountFacts, ResourceFacts
from rules.profiles import Screening
from service.decide import Screened
from service.dependants import Dependants
from service.dossiers import Dated
from service.faces import Faces
from service.memo import Bound, Goings, Memo
from service.strangers import Naming, Strangers, is_unknown

F = TypeVar("F", AccountFacts, ResourceFacts)

MIB = 1024 * 1024

ENTRY_BYTES = 192
"""An entry, a screened and its facts, what is known apart."""


class Known(Protocol):
    """What is known of one account or resource, with no rule in it."""

    @property
    def reached(self) -> frozenset[str]:
        """Ids of the entities that it depends on."""

    @property
    def size_bytes(self) -> int:
        """About how much memory it takes, with its facts of one time, that nothing else holds."""

    def at(self, moment: datetime) -> Dated: ...


@dataclass(frozen=True, slots=True)
class Limits:
    """How much memory screenings may take."""

    registered_bytes: int
    strangers_bytes: int
    """For what nothing is recorded of."""
    profiles_bytes: int
    """For what screenings that decide alike share."""

    @property
    def whole_bytes(self) -> int:
        return self.registered_bytes + self.strangers_bytes + self.profiles_bytes

    @classmethod
    def of(cls, whole_bytes: int) -> "Limits":
        """Three quarters for what is registered, which is all that is worth keeping for long."""
        part = whole_bytes // 8
        return cls(whole_bytes - 2 * part, part, part)


@dataclass(frozen=True, slots=True)
class Entry(Generic[F]):
    """A screening, with what it was made from."""

    screened: Screened[F]
    known: Known
    is_dated: bool
    """It is not right for ever."""

    @property
    def reached(self) -> frozenset[str]:
        return self.known.reached

    def is_right(self, at: datetime) -> bool:
        since, until = self.screened.screening.since, self.screened.screening.until
        return (since is None or since <= at) and (until is None or at < until)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the memos of all kinds share."""

    registered: Bound
    strangers: Bound
    faces_bytes: int
    """For each kind."""
    goings: Goings
    """Of both bounds, and of the answers that the fast lane works out from what lies here."""

    @classmethod
    def of(cls, limits: Limits) -> "Bounds":
        goings = Goings()
        registered, strangers = Bound(limits.registered_bytes, goings), Bound(limits.strangers_bytes, goings)
        return cls(registered, strangers, limits.profiles_bytes // 2, goings)


Screen = Callable[[Program, F, datetime], Screening]


class Shelf(Generic[F]):
    """The screenings of one kind, made under one program."""

    def __init__(self, program: Program, naming: Naming, screen: "Screen[F]", bounds: Bounds) -> None:
        self._program = program
        self._screen: Screen[F] = screen
        self._dependants = Dependants()
        self.registered: Memo[str, Entry[F]] = Memo(bounds.registered, self._dependants)
        self.strangers: Memo[str, Entry[F]] = Memo(bounds.strangers)
        self.foreign: Memo[str, Entry[F]] = Memo(bounds.strangers)
        """Apart from all others: an id of another kind may be spelt like one of ours."""
        self.faces = Faces(bounds.faces_bytes)
        self._strangers: Strangers[F] = Strangers(program, naming)

    def find(self, id: str, at: datetime, *, foreign: bool = False) -> Entry[F] | None:
        """What is memorised and right at that time."""
        entry = self.foreign.get(id) if foreign else self.registered.get(id) or self.strangers.get(id)
        return entry if entry is not None and entry.is_right(at) else None

    def screened(self, facts: F, at: datetime) -> tuple[F, Screening]:
        """The facts and their screening; that of strangers is known from the first one on. From any thread."""
        known = self._strangers.like_the_first(facts)
        if known is not None:
            return known
        screening = self._screen(self._program, facts, at)
        self._strangers.screened(facts, screening)
        return facts, screening

    def entry(self, known: Known, facts: F, screening: Screening) -> "tuple[Entry[F], int]":
        """What can be kept, and how many bytes it takes."""
        shared, face, own_bytes = self.faces.faced(screening)
        is_dated = shared.since is not None or shared.until is not None
        entry = Entry(Screened(shared, facts, face=face), known, is_dated)
        return entry, ENTRY_BYTES + own_bytes + known.size_bytes

    def keep(self, id: str, entry: Entry[F], size_bytes: int, *, foreign: bool = False) -> None:
        """Memorise a screening."""
        size_bytes += getsizeof(id)
        if foreign:
            return self.foreign.put(id, entry, size_bytes)
        is_stranger = is_unknown(entry.screened.facts) and not entry.reached
        here, elsewhere = (self.strangers, self.registered) if is_stranger else (self.registered, self.strangers)
        elsewhere.drop(id)
        return here.put(id, entry, size_bytes)

    def drop(self, ids: Collection[str], entities: Collection[str]) -> None:
        """Forget these, and what depends on these entities."""
        for id in ids:
            self.registered.drop(id)
            self.strangers.drop(id)
        if entities:
            for id in self._dependants.of(entities):
                self.registered.drop(id)

    def clear(self) -> None:
        """Forget everything."""
        for memo in (self.registered, self.strangers, self.foreign):
            memo.clear()
        self.faces.clear()

    def __len__(self) -> int:
        return len(self.registered) + len(self.strangers) + len(self.foreign)
