"""Supplies dossiers from the record: from Redis where that still holds, else from the database. Single flight.

What is fetched says of which state of the record it is; whether it still holds is asked of the changes followed since,
never of who wrote it. A database that does not answer makes facts unreachable, and nothing else.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Protocol

from rules.facts import Account, AccountId, EntityId, Resource
from service.dossiers import Dossier
from service.follow import Follower
from service.screenings import Kind, Known, Unreachable
from service.storage.database import Database
from service.storage.dossiers import read_account, read_resource, read_with_entity

WAITING_LIMIT = 10_000
GIVEN_LIMIT = 64
"""So many facts with an entity that the caller gave are read at once."""
"""More facts than these are not waited for at once: the database is too far behind to answer in time."""

FACTS_SECONDS = 1.0
"""How long a decision waits for facts; a database that is frozen holds its readers for as long as it pleases."""

REMEMBERED_RESOURCES = 10_000
"""Resources that are remembered for when the database cannot be reached."""

FETCHES = 4
"""How often facts are fetched that are old once they are there, before they are given up."""


class FactsCache(Protocol):
    """The level between the process and the database."""

    async def get(self, kind: Kind, id: str) -> Dossier | None:
        """What somebody left there; it may be old. Never raises."""

    def put(self, kind: Kind, id: str, dossier: Dossier) -> None:
        """Leave it there, some time. Never raises, never waits."""


@dataclass(frozen=True, slots=True)
class NoCache:
    """There is no level between the process and the database."""

    async def get(self, kind: Kind, id: str) -> Dossier | None:
        return None

    def put(self, kind: Kind, id: str, dossier: Dossier) -> None:
        """Leave nothing anywhere."""


Reading = Callable[[], Dossier]


class RecordedDossiers:
    """Supplies what the record knows."""

    def __init__(self, database: Database, follower: Follower, cache: FactsCache, threads: Executor) -> None:
        self._database = database
        self._follower = follower
        self._cache = cache
        self._threads = threads
        self._flights: dict[tuple[Kind, str], asyncio.Task[Dossier]] = {}
        self._resources: dict[str, Dossier] = {}
        self._given = 0

    @property
    def is_stale(self) -> bool:
        return self._follower.is_stale

    def at_hand(self, kind: Kind, id: str) -> Known | None:
        return None

    async def fetched(self, kind: Kind, id: str) -> Known:
        """What the record knows, as far as its changes are followed here; many that ask for the same wait for one."""
        flight = self._flights.get((kind, id)) or self._take_off(kind, id)
        try:
            async with asyncio.timeout(FACTS_SECONDS):
                return await asyncio.shield(flight)
        except TimeoutError:
            raise Unreachable("the database does not answer in time") from None

    def _take_off(self, kind: Kind, id: str) -> "asyncio.Task[Dossier]":
        if len(self._flights) >= WAITING_LIMIT:
            raise Unreachable("too many facts are waited for")
        flight = asyncio.create_task(self._fetch(kind, id))
        self._flights[kind, id] = flight
        flight.add_done_callback(lambda done: self._landed(kind, id, done))
        return flight

    def _landed(self, kind: Kind, id: str, flight: "asyncio.Task[Dossier]") -> None:
        del self._flights[kind, id]
        if flight.cancelled() or flight.exception() is not None or kind != "resource":
            return
        if len(self._resources) >= REMEMBERED_RESOURCES:
            self._resources.pop(next(iter(self._resources)))
        self._resources[id] = flight.result()

    def last_known(self, resource: str) -> Known | None:
        """What was known of a resource when it was last read; None if it never was."""
        return self._resources.get(resource)

    async def with_entity(self, account: str, entity: EntityId) -> Known:
        def read() -> Dossier:
            with self._database.reading() as connection:
                return read_with_entity(connection, account, entity)

        if self._follower.is_silent or self._given >= GIVEN_LIMIT:
            raise Unreachable("the database does not answer, or has too much to do")
        self._given += 1
        try:
            async with asyncio.timeout(FACTS_SECONDS):
                return await self._read(read)
        except TimeoutError:
            raise Unreachable("the database does not answer in time") from None
        finally:
            self._given -= 1

    def stranger(self, account: str) -> Known:
        position = self._follower.facts
        return Dossier(position.epoch, position.seq, Account(AccountId(account), registered=False))

    def holds(self, known: Known) -> bool:
        if not isinstance(known, Dossier):
            return True
        subject = known.subject
        own = ("account" if isinstance(subject, Account) else "resource", subject.id)
        return self._follower.changes.holds(known.epoch, known.seq, own, known.reached)

    async def _fetch(self, kind: Kind, id: str) -> Dossier:
        cached = await self._cache.get(kind, id)
        if cached is not None and _is_of(cached, kind, id) and self.holds(cached):
            return cached
        if self._follower.is_silent:
            raise Unreachable("the database does not answer")
        for _ in range(FETCHES):
            dossier = await self._read(lambda: self._from_database(kind, id))
            if self.holds(dossier):
                self._cache.put(kind, id, dossier)
                return dossier
        raise Unreachable("it changes faster than it can be read")

    def _from_database(self, kind: Kind, id: str) -> Dossier:
        with self._database.reading() as connection:
            return read_account(connection, id) if kind == "account" else read_resource(connection, id)

    async def _read(self, read: Reading) -> Dossier:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, read)
        except Exception as error:
            raise Unreachable(str(error)) from error


def _is_of(dossier: Dossier, kind: Kind, id: str) -> bool:
    """Whether it is about what was asked for: Redis is not believed to have kept its keys apart."""
    expected = Account if kind == "account" else Resource
    return isinstance(dossier.subject, expected) and dossier.subject.id == id
