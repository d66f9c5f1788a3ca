"""Waits for facts that are not at hand: whoever asks for the same waits for one reading, and many are read as one.

What is asked for in one turn of the event loop, or while others are asked for, is one question to Redis. What is not
found there waits for the database, which one thread reads for all who wait. What reaches very much is read apart, and
holds up nobody else.

INVARIANT: decisions at hand go first. Readings have their share of the time and no more; those who waited are let go a
few in each turn of the loop, which sees to its connections in between; and no more wait than can be served.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias, TypeVar

from service.dossiers import Dossier
from service.lanes import Lane, Pace
from service.screenings import Kind, Unreachable
from service.storage.closure import TooMuch

Key: TypeAlias = tuple[Kind, str]

WAITING_LIMIT = 10_000
"""More facts than these are not waited for at once: the database is too far behind to answer in time."""

FACTS_SECONDS = 1.0
"""How long a decision waits for facts; a database that is frozen holds its readers for as long as it pleases."""

FETCHES = 4
"""How often facts are fetched that are old once they are there, before they are given up."""

REACHED_LIMIT = 2_048
"""What reaches more entities than these, together with all that is read with it, is read in parts, or apart."""

LARGE_LIMIT = 4_096
"""So many are remembered that reach more than that alone."""

LATE_LIMIT = 64
"""Facts that came when nobody waited for them any more, and are kept for who asks next."""

LET_GO_AT_ONCE = 4
"""Decisions that go on in one turn of the event loop."""

ASKING = Pace(at_once=256, every=0.002, ahead=0.02)
"""Of what others left. One question takes some 100 µs of the event loop, and each of its keys 3 µs."""
TOGETHER, ALONE = Pace(at_once=128, at_least=16), Pace(at_once=1)
"""Of the database."""

LATE, SILENT = "the database does not answer in time", "the database does not answer"

T = TypeVar("T")


class Supplier(Protocol):
    """Where facts come from."""

    @property
    def is_silent(self) -> bool:
        """Whether the database has said nothing for so long that waiting for it helps nobody."""

    async def remembered(self, keys: Sequence[Key]) -> Mapping[Key, Dossier]:
        """What others left of these, as far as it holds. Never raises."""

    def read(self, keys: Collection[Key], at_most: int | None) -> Mapping[Key, Dossier]:
        """What the database says of all of them, in one state of it. From any thread.

        Raises:
            TooMuch: they reach more entities than `at_most`.
            Exception: it cannot be read.
        """

    def holds(self, dossier: Dossier) -> bool:
        """Whether no change that has been seen makes it old."""

    def keep(self, key: Key, dossier: Dossier) -> None:
        """Leave to others what the database said. Never raises, never waits."""


@dataclass(slots=True, eq=False)
class _Flight:
    """One account or resource, and everyone who waits for it."""

    key: Key
    waiters: list["asyncio.Future[Dossier]"] = field(default_factory=list)
    tries: int = 0
    outcome: Dossier | str | None = None
    """A text says why it cannot be had; None: it is not known yet."""
    is_served: bool = False

    @property
    def is_awaited(self) -> bool:
        return any(not waiter.done() for waiter in self.waiters)

    def let_go(self, most: int) -> int:
        """Have so many of them go on; how many did."""
        leaving, self.waiters = self.waiters[:most], self.waiters[most:]
        for waiter in leaving:
            if waiter.done():
                continue
            self.is_served = True
            if isinstance(self.outcome, Dossier):
                waiter.set_result(self.outcome)
            else:
                waiter.set_exception(Unreachable(self.outcome))
        return len(leaving)


class Patience:
    """Lets everyone go who has waited for so long: as all wait alike, one timer serves all. For one event loop."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._waiting: deque[tuple[float, asyncio.Future[Dossier]]] = deque()
        self._timer: asyncio.Handle | None = None

    def waiter(self) -> "asyncio.Future[Dossier]":
        """One more who waits."""
        loop, waiting = asyncio.get_running_loop(), self._waiting
        while waiting and waiting[0][1].done():
            waiting.popleft()
        waiter: asyncio.Future[Dossier] = loop.create_future()
        waiting.append((loop.time() + self._seconds, waiter))
        if self._timer is None:
            self._timer = loop.call_later(self._seconds, self._expire, loop)
        return waiter

    def _expire(self, loop: asyncio.AbstractEventLoop) -> None:
        now, waiting, room = loop.time(), self._waiting, LET_GO_AT_ONCE
        while waiting and room and (waiting[0][0] <= now or waiting[0][1].done()):
            waiter = waiting.popleft()[1]
            if not waiter.done():
                waiter.set_exception(Unreachable(LATE))
                room -= 1
        self._timer = None
        if waiting:
            self._timer = loop.call_at(max(now, waiting[0][0]), self._expire, loop)


class Misses:
    """Fetches what is not at hand. For one event loop."""

    def __init__(
        self,
        supplier: Supplier,
        threads: Executor,
        landed: Callable[[Key, Dossier], None],
        *,
        seconds: float = FACTS_SECONDS,
    ) -> None:
        """`landed` is told of all that was fetched, on the event loop; nobody waits for longer than `seconds`."""
        self._supplier = supplier
        self._threads = threads
        self._landed = landed
        self._flights: dict[Key, _Flight] = {}
        self._leaving: deque[_Flight] = deque()
        self._late: dict[Key, Dossier] = {}
        self._large: dict[Key, None] = {}
        self._patience = Patience(seconds)
        self._asking = Lane(self._ask, ASKING)
        self._together = Lane(self._read_together, TOGETHER)
        self._alone = Lane(self._read_alone, ALONE)

    def late(self, key: Key) -> Dossier | None:
        """What came when nobody waited for it any more, if it still holds."""
        dossier = self._late.pop(key, None)
        return dossier if dossier is not None and self._supplier.holds(dossier) else None

    def fetched(self, key: Key) -> "asyncio.Future[Dossier]":
        """What is known of it, as far as changes are followed here. Fails as `Unreachable`.

        Raises:
            Unreachable: too many wait already.
        """
        flight = self._flights.get(key)
        if flight is None:
            flight = self._take_off(key)
        waiter = self._patience.waiter()
        flight.waiters.append(waiter)
        return waiter

    def _take_off(self, key: Key) -> _Flight:
        if len(self._flights) >= WAITING_LIMIT:
            raise Unreachable("too many facts are waited for")
        flight = self._flights[key] = _Flight(key)
        self._asking.add((flight,))
        return flight

    async def _ask(self, flights: Sequence[_Flight]) -> float:
        """Take what others left, and have the rest read."""
        found = await self._supplier.remembered([flight.key for flight in flights])
        for flight in flights:
            if (dossier := found.get(flight.key)) is not None:
                self._land(flight, dossier)
        self._queue([flight for flight in flights if flight.outcome is None])
        return 0.0

    def _queue(self, flights: Sequence[_Flight]) -> None:
        if not self._is_hopeless(flights):
            self._together.add(flight for flight in flights if flight.key not in self._large)
            self._alone.add(flight for flight in flights if flight.key in self._large)

    def _is_hopeless(self, flights: Sequence[_Flight]) -> bool:
        """Whether nobody need wait, because the database says nothing: they are told so at once."""
        if not self._supplier.is_silent:
            return False
        for flight in flights:
            self._land(flight, SILENT)
        return True

    async def _read_together(self, flights: Sequence[_Flight]) -> float:
        flights = self._awaited(flights)
        seconds, is_whole = await self._read(flights, REACHED_LIMIT)
        if not is_whole and len(flights) > 1:
            self._together.halve(flights)
        elif not is_whole:
            _remember(self._large, flights[0].key, None, LARGE_LIMIT)
            self._alone.add(flights)
        return seconds

    async def _read_alone(self, flights: Sequence[_Flight]) -> float:
        seconds, _ = await self._read(self._awaited(flights), None)
        return seconds

    def _awaited(self, flights: Sequence[_Flight]) -> Sequence[_Flight]:
        """Those that somebody still waits for; the others are given up."""
        for flight in flights:
            if not flight.is_awaited:
                self._land(flight, LATE)
        return [flight for flight in flights if flight.is_awaited]

    async def _read(self, flights: Sequence[_Flight], at_most: int | None) -> tuple[float, bool]:
        """Seconds of a processor that it took, and whether it was not too much."""
        if not flights or self._is_hopeless(flights):
            return 0.0, True
        keys = [flight.key for flight in flights]
        loop = asyncio.get_running_loop()
        try:
            found, seconds = await loop.run_in_executor(self._threads, self._timed, keys, at_most)
        except Exception as error:  # whatever it is, they are told that it cannot be read
            for flight in flights:
                self._land(flight, str(error) or type(error).__name__)
            return 0.0, True
        if found is not None:
            self._settle(flights, found)
        return seconds, found is not None

    def _timed(self, keys: Collection[Key], at_most: int | None) -> tuple[Mapping[Key, Dossier] | None, float]:
        """In a thread: what is read, or None if that is too much; seconds of a processor."""
        began = time.thread_time()
        try:
            found: Mapping[Key, Dossier] | None = self._supplier.read(keys, at_most)
        except TooMuch:
            found = None
        return found, time.thread_time() - began

    def _settle(self, flights: Sequence[_Flight], found: Mapping[Key, Dossier]) -> None:
        """Let go whose facts still hold; the others are read again, a few times."""
        again = []
        for flight in flights:
            dossier = found[flight.key]
            flight.tries += 1
            if self._supplier.holds(dossier):
                self._supplier.keep(flight.key, dossier)
                self._land(flight, dossier)
            elif flight.tries < FETCHES:
                again.append(flight)
            else:
                self._land(flight, "it changes faster than it can be read")
        self._queue(again)

    def _land(self, flight: _Flight, outcome: Dossier | str) -> None:
        flight.outcome = outcome
        if isinstance(outcome, Dossier):
            self._landed(flight.key, outcome)
        if not self._leaving:
            asyncio.get_running_loop().call_soon(self._let_go)
        self._leaving.append(flight)

    def _let_go(self) -> None:
        room = LET_GO_AT_ONCE
        while self._leaving and room > 0:
            flight = self._leaving[0]
            room -= max(1, flight.let_go(room))
            if not flight.waiters:
                self._leaving.popleft()
                del self._flights[flight.key]
                self._keep_if_late(flight)
        if self._leaving:
            asyncio.get_running_loop().call_soon(self._let_go)

    def _keep_if_late(self, flight: _Flight) -> None:
        """It was fetched for nothing, if whoever asks next had to wait for as long."""
        if not flight.is_served and isinstance(flight.outcome, Dossier):
            _remember(self._late, flight.key, flight.outcome, LATE_LIMIT)


def _remember(kept: dict[Key, T], key: Key, value: T, limit: int) -> None:
    """Keep one more; of too many, the one that came first goes."""
    if key not in kept and len(kept) >= limit:
        kept.pop(next(iter(kept)))
    kept[key] = value
