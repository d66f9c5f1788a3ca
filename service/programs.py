"""Supplies the program in force: rules read, checked and compiled, then swapped in as one reference.

A state of the data that is faulty is refused and reported; the last good one goes on serving. Nothing here runs on
the event loop for longer than a swap.
"""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from rules.compile import Program, compile_ruleset
from rules.language import RuleSet
from service.catalogue import Catalogue
from service.decide import SourceState
from service.documents import Fault, InvalidData
from service.errors import NotReady, Unavailable
from service.memo import MemoState
from service.screenings import Dossiers, Limits, Screenings


class LoadedWorld(Protocol):
    """One checked state of the data."""

    @property
    def ruleset(self) -> RuleSet: ...
    @property
    def dossiers(self) -> Dossiers: ...
    @property
    def catalogue(self) -> Catalogue: ...
    @property
    def revision(self) -> str:
        """What tells this state from another, as far as a program depends on it."""

    def state(self) -> SourceState:
        """The data as decisions name it, as it is now."""

    def example(self) -> tuple[str, str]:
        """An account and a resource to ask about."""


class Source(Protocol):
    """Where the data comes from."""

    def stamp(self) -> object:
        """What tells one state from another without reading it. Never raises."""

    def load(self) -> LoadedWorld:
        """The data of now.

        Raises:
            InvalidData: with every fault.
        """


class Reporter(Protocol):
    """Is told how each reading of the data ended."""

    def published(self, snapshot: "Snapshot") -> None: ...
    def restated(self, snapshot: "Snapshot") -> None: ...
    def refused(self, refusal: "Refusal") -> None: ...


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A program, the data it is applied to, and the screenings made of both: they come and go together."""

    program: Program
    world: LoadedWorld
    screenings: Screenings
    sources: tuple[SourceState, ...]

    @property
    def ruleset(self) -> RuleSet:
        return self.world.ruleset


@dataclass(frozen=True, slots=True)
class Refusal:
    """A state of the data that is not served."""

    at: datetime
    faults: tuple[Fault, ...]
    reason: str = ""
    """In place of faults, when the reading itself failed."""
    may_pass: bool = False
    """Nothing is known to be wrong with the data: reading it again may succeed."""


def snapshot_of(world: LoadedWorld, other_sources: tuple[SourceState, ...], limits: Limits | None = None) -> Snapshot:
    """Compile the rule set of a state of the data. `limits`: of its screenings."""
    program = compile_ruleset(world.ruleset)
    return Snapshot(program, world, Screenings(program, world.dossiers, limits), (world.state(), *other_sources))


class Programs:
    """Holds the snapshot in force, and looks for a newer one."""

    def __init__(
        self,
        source: Source,
        reporter: Reporter,
        clock: Callable[[], datetime],
        other_sources: Callable[[], tuple[SourceState, ...]] = tuple,
        limits: Limits | None = None,
    ) -> None:
        self._source = source
        self._reporter = reporter
        self._clock = clock
        self._other_sources = other_sources
        self._limits = limits
        self.newest: Snapshot | None = None
        """HOT PATH: the snapshot in force; None before the first one."""
        self._swapping = threading.Lock()
        """Rules are loaded in a thread, and sources restated on the event loop: neither may undo the other's swap."""
        self._read_stamp: object = None
        self._seen_stamp: object = None
        self.refusal: Refusal | None = None
        """Why the newest state of the data is not the one in force; None if it is."""

    @property
    def current(self) -> Snapshot:
        """The snapshot in force. Read it once per request.

        Raises:
            NotReady: before the first one.
        """
        if self.newest is None:
            raise NotReady("no rules are loaded yet")
        return self.newest

    @property
    def is_ready(self) -> bool:
        return self.newest is not None

    @property
    def memo(self) -> MemoState | None:
        """How full the memo of screenings is; None before the first snapshot."""
        return None if self.newest is None else self.newest.screenings.state

    def load(self) -> None:
        """Read the data and put it in force, or record why not. A state that changes meanwhile is left for later.

        Raises:
            Unavailable: the database cannot be reached, so that nothing is known of the data.
        """
        before = self._source.stamp()
        found = self._made_or_refused()
        if self._source.stamp() != before:
            return
        self._read_stamp = self._seen_stamp = before
        if isinstance(found, Refusal):
            self.refusal = found
            self._reporter.refused(found)
        else:
            self._publish(found)

    async def look(self) -> None:
        """Load the data if it has changed since it was read, and has been still since the last look."""
        stamp = await asyncio.to_thread(self._source.stamp)
        if stamp == self._seen_stamp != self._read_stamp:
            await asyncio.to_thread(self.load)
        self._seen_stamp = stamp

    def restate_sources(self) -> None:
        """Name the sources as they are now; rules and screenings stay."""
        with self._swapping:
            if self.newest is not None:
                sources = (self.newest.world.state(), *self._other_sources())
                self.newest = replace(self.newest, sources=sources)
                self._reporter.restated(self.newest)

    def _made_or_refused(self) -> Snapshot | Refusal:
        try:
            return self._made()
        except Unavailable:
            raise
        except NotReady as missing:
            return Refusal(self._clock(), (), str(missing))
        except InvalidData as invalid:
            return Refusal(self._clock(), invalid.faults)
        except Exception as error:  # whatever it is, the last good snapshot must go on serving
            return Refusal(self._clock(), (), f"the data could not be read: {error}", may_pass=True)

    def _made(self) -> Snapshot:
        return snapshot_of(self._source.load(), self._other_sources(), self._limits)

    def _publish(self, snapshot: Snapshot) -> None:
        """Swap one reference: requests under way go on with the snapshot that they began with."""
        self.refusal = None
        with self._swapping:
            if self.newest is None or self.newest.world.revision != snapshot.world.revision:
                self.newest = snapshot
        self._reporter.published(self.newest)
