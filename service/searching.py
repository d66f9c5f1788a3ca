"""Finds what the decision point would allow: looks at one candidate after another, by the program in force.

Decides nothing: no result is recorded, and none is memorised, so that a search through everything there is pushes
nothing out that decisions need. One request looks at a bounded number of candidates. Decisions go first: while there
are any, searches take a part of the time and no more, and what nobody else wants.
"""

import asyncio
import time
from bisect import bisect_right
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeAlias, TypeVar

from rules.evaluate import evaluate
from rules.facts import Request
from rules.language import DEFAULT_ACTION
from service.catalogue import Candidate
from service.decide import AccessRequest, History, Locations
from service.errors import NotAvailable
from service.gateways.authzen_search import Found, Stretch
from service.programs import Snapshot

CANDIDATES_LIMIT = 1_000
"""Candidates that one request looks at."""
CANDIDATES_AT_ONCE = 100
"""So many are read at once."""
CANDIDATES_BETWEEN = 2
"""After so many, others may go on. One takes some 100 µs where there is ownership to walk."""
SEARCHES_WAITING = 8
"""One search goes on at a time. So many more wait for their turn."""

OTHERS_SHARE = 3
"""So many times as long as a search, others go on before it does."""
IDLE_SECONDS = 0.000_1
"""A turn of the event loop that takes less has nothing to do."""


class Programs(Protocol):
    """Supplies the program in force."""

    @property
    def current(self) -> Snapshot: ...


class Named(Protocol):
    """What has a name that it is enumerated by."""

    @property
    def id(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Action:
    """One action that may be found."""

    id: str


T = TypeVar("T", bound=Named)
Read: TypeAlias = Callable[[str, int], Awaitable[Sequence[T]]]
"""The next so many behind an id; fewer only at the end."""
Allows: TypeAlias = Callable[[T], Awaitable[bool]]


class Turns:
    """Lets one search go on at a time, and some more wait. For one event loop."""

    def __init__(self, waiting: int = SEARCHES_WAITING) -> None:
        self._running = asyncio.Lock()
        self._room = 1 + waiting

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """One search's.

        Raises:
            NotAvailable: too many wait already.
        """
        if self._room <= 0:
            raise NotAvailable("too many searches are under way: ask again")
        self._room -= 1
        try:
            async with self._running:
                yield
        finally:
            self._room += 1


@dataclass(frozen=True, slots=True)
class Searcher:
    """Finds accounts, resources and actions."""

    programs: Programs
    locations: Locations
    history: History
    turns: Turns = field(default_factory=Turns)

    async def accounts(self, request: AccessRequest, stretch: Stretch) -> Found:
        """Registered accounts that may do what is asked. Of subjects of another kind none is registered."""
        async with self._begun(request):
            snapshot = self.programs.current  # read once: a publication meanwhile changes nothing
            screenings, moment = snapshot.screenings, self._moment(request)
            resource = (await screenings.resource(request)).screening

            async def allows(candidate: Candidate) -> bool:
                account = await screenings.passing_account(candidate.known, request.at)
                return evaluate(snapshot.program, account, resource, moment).effect == "allow"

            return Found() if request.foreign else await _sifted(snapshot.world.catalogue.accounts, allows, stretch)

    async def resources(self, request: AccessRequest, stretch: Stretch) -> Found:
        """Registered resources that what is asked may be done with."""
        async with self._begun(request):
            snapshot = self.programs.current
            screenings, moment = snapshot.screenings, self._moment(request)
            account = (await screenings.account(request)).screening

            async def allows(candidate: Candidate) -> bool:
                resource = await screenings.passing_resource(candidate.known, request.at)
                return evaluate(snapshot.program, account, resource, moment).effect == "allow"

            return await _sifted(snapshot.world.catalogue.resources, allows, stretch)

    async def actions(self, request: AccessRequest, stretch: Stretch) -> Found:
        """Actions that are named by a rule, or meant where none is named, and may be done."""
        async with self._begun(request):
            snapshot = self.programs.current
            account, resource = await snapshot.screenings.screened(request)
            names = sorted(snapshot.program.actions | {DEFAULT_ACTION})

            async def named(after: str, most: int) -> Sequence[Action]:
                start = bisect_right(names, after)
                return [Action(name) for name in names[start : start + most]]

            async def allows(action: Action) -> bool:
                moment = self._moment(request, action.id)
                return evaluate(snapshot.program, account.screening, resource.screening, moment).effect == "allow"

            return await _sifted(named, allows, stretch)

    @asynccontextmanager
    async def _begun(self, request: AccessRequest) -> AsyncIterator[None]:
        """One search, in its turn, once the data has seen what the caller says that it must have seen."""
        if request.at_least is not None:
            await self.history.reach(request.at_least)
        async with self.turns.turn():
            yield

    def _moment(self, request: AccessRequest, action: str | None = None) -> Request:
        located = self.locations.locate(request.address)
        action = request.action if action is None else action
        return Request(request.at, located.location, located.address, action, request.activity)


async def _sifted(read: Read[T], allows: Allows[T], stretch: Stretch) -> Found:
    """What is allowed among the next candidates.

    Where there are as many as there may be, it looks on for one more: only then is there a page behind this one.
    """
    sieve = _Sieve(allows, stretch.most, stretch.after)
    while sieve.looked < CANDIDATES_LIMIT:
        began = time.perf_counter()
        candidates = await read(sieve.after, CANDIDATES_AT_ONCE)
        await _give_way(time.perf_counter() - began)
        if not await sieve.takes(candidates):
            break
        if len(candidates) < CANDIDATES_AT_ONCE:
            return Found(tuple(sieve.found), None)
    return Found(tuple(sieve.found), sieve.after)


@dataclass(slots=True)
class _Sieve(Generic[T]):
    """What was found so far, and where."""

    allows: Allows[T]
    most: int
    after: str
    """The last that was looked at, and is done with."""
    found: list[str] = field(default_factory=list)
    looked: int = 0

    async def takes(self, candidates: Sequence[T]) -> bool:
        """Look at these. False: one is allowed that there is no room for, and is left for the next page."""
        began = time.perf_counter()
        for candidate in candidates:
            if await self.allows(candidate):
                if len(self.found) == self.most:
                    return False
                self.found.append(candidate.id)
            self.after = candidate.id
            self.looked += 1
            if self.looked % CANDIDATES_BETWEEN == 0:
                await _give_way(time.perf_counter() - began)
                began = time.perf_counter()
        return True


async def _give_way(seconds: float) -> None:
    """Let others go on, until they had their share after so many seconds of ours, or want nothing."""
    owed = seconds * OTHERS_SHARE
    while owed > 0:
        began = time.perf_counter()
        await asyncio.sleep(0)
        taken = time.perf_counter() - began
        if taken < IDLE_SECONDS:
            return
        owed -= taken
