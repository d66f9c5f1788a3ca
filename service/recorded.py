"""Supplies dossiers from the record: from Redis where that still holds, else from the database.

What is fetched says of which state of the record it is; whether it still holds is asked of the changes followed since,
never of who wrote it. A database that does not answer makes facts unreachable, and nothing else.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Protocol

from rules.facts import Account, AccountId, EntityId, Resource
from service.dossiers import Dossier
from service.follow import Follower
from service.misses import FACTS_SECONDS, LATE, Key, Misses
from service.screenings import Kind, Known, Unreachable
from service.storage.database import Database
from service.storage.dossiers import read_accounts, read_resources, read_with_entity
from service.strangers import is_nameless

GIVEN_LIMIT = 64
"""So many facts with an entity that the caller gave are waited for at once."""
GIVEN_AT_ONCE = 2
"""So many of these are read at once, each by a thread: the others are left to what is asked for by id."""

REMEMBERED_RESOURCES = 10_000
"""Resources that are remembered for when the database cannot be reached; as many again of which nothing is recorded."""


class FactsCache(Protocol):
    """The level between the process and the database."""

    async def find(self, keys: Sequence[Key]) -> Mapping[Key, Dossier]:
        """What somebody left there of these; it may be old. Never raises."""

    def put(self, kind: Kind, id: str, dossier: Dossier) -> None:
        """Leave it there, some time. Never raises, never waits."""


@dataclass(frozen=True, slots=True)
class NoCache:
    """There is no level between the process and the database."""

    async def find(self, keys: Sequence[Key]) -> Mapping[Key, Dossier]:
        return {}

    def put(self, kind: Kind, id: str, dossier: Dossier) -> None:
        """Leave nothing anywhere."""


@dataclass(frozen=True, slots=True)
class FactsOfRecord:
    """Where facts come from: what others left, and the database; and how far its changes are followed."""

    database: Database
    follower: Follower
    cache: FactsCache

    @property
    def is_silent(self) -> bool:
        return self.follower.is_silent

    async def remembered(self, keys: Sequence[Key]) -> Mapping[Key, Dossier]:
        found = await self.cache.find(keys)
        return {key: dossier for key, dossier in found.items() if _is_of(dossier, key) and self.holds(dossier)}

    def read(self, keys: Collection[Key], at_most: int | None) -> Mapping[Key, Dossier]:
        accounts = [id for kind, id in keys if kind == "account"]
        resources = [id for kind, id in keys if kind == "resource"]
        found: dict[Key, Dossier] = {}
        with self.database.reading() as connection:
            if accounts:
                read = read_accounts(connection, accounts, at_most=at_most)
                found.update((("account", id), dossier) for id, dossier in read.items())
            if resources:
                read = read_resources(connection, resources, at_most=at_most)
                found.update((("resource", id), dossier) for id, dossier in read.items())
        return found

    def holds(self, dossier: Dossier) -> bool:
        subject = dossier.subject
        own = ("account" if isinstance(subject, Account) else "resource", subject.id)
        return self.follower.changes.holds(dossier.epoch, dossier.seq, own, dossier.reached)

    def keep(self, key: Key, dossier: Dossier) -> None:
        self.cache.put(*key, dossier)


class RecordedDossiers:
    """Supplies what the record knows."""

    def __init__(self, database: Database, follower: Follower, cache: FactsCache, threads: Executor) -> None:
        self._record = FactsOfRecord(database, follower, cache)
        self._follower = follower
        self._threads = threads
        self._misses = Misses(self._record, threads, self._remember)
        self._resources: dict[str, Dossier] = {}
        self._unrecorded: dict[str, Dossier] = {}
        """Resources too, apart: made-up ids push nothing out of which something is known."""
        self._given: set[asyncio.Task[Dossier]] = set()
        self._reading_given = asyncio.Semaphore(GIVEN_AT_ONCE)

    @property
    def is_stale(self) -> bool:
        return self._follower.is_stale

    def at_hand(self, kind: Kind, id: str) -> Known | None:
        """What came too late for those who had waited for it."""
        return self._misses.late((kind, id))

    async def fetched(self, kind: Kind, id: str) -> Known:
        """What the record knows, as far as its changes are followed here; many that ask for the same wait for one."""
        return await self._misses.fetched((kind, id))

    def last_known(self, resource: str) -> Known | None:
        """What was known of a resource when it was last read; None if it never was."""
        return self._resources.get(resource) or self._unrecorded.get(resource)

    async def with_entity(self, account: str, entity: EntityId) -> Known:
        if self._follower.is_silent or len(self._given) >= GIVEN_LIMIT:
            raise Unreachable("the database does not answer, or has too much to do")
        reading = asyncio.create_task(self._read_with(account, entity))
        self._given.add(reading)
        reading.add_done_callback(self._given_ended)
        done, _ = await asyncio.wait((reading,), timeout=FACTS_SECONDS)
        if not done:  # it goes on: whoever reads keeps the others from reading at once
            raise Unreachable(LATE)
        return reading.result()

    def stranger(self, account: str) -> Known:
        position = self._follower.facts
        return Dossier(position.epoch, position.seq, Account(AccountId(account), registered=False))

    def holds(self, known: Known) -> bool:
        return self._record.holds(known) if isinstance(known, Dossier) else True

    async def _read_with(self, account: str, entity: EntityId) -> Dossier:
        def read() -> Dossier:
            with self._record.database.reading() as connection:
                return read_with_entity(connection, account, entity)

        async with self._reading_given:
            try:
                return await asyncio.get_running_loop().run_in_executor(self._threads, read)
            except Exception as error:  # whatever it is, the facts cannot be had
                raise Unreachable(str(error)) from error

    def _given_ended(self, reading: "asyncio.Task[Dossier]") -> None:
        self._given.discard(reading)
        if not reading.cancelled():
            reading.exception()  # it may be that nobody waits any more to be told

    def _remember(self, key: Key, dossier: Dossier) -> None:
        """Resources are needed when the database cannot be reached: without its tags, one might be open to everyone."""
        subject = dossier.subject
        if not isinstance(subject, Resource):
            return
        kept, other = self._resources, self._unrecorded
        if is_nameless(subject):
            kept, other = other, kept
        other.pop(subject.id, None)
        if len(kept) >= REMEMBERED_RESOURCES and subject.id not in kept:
            kept.pop(next(iter(kept)))
        kept[subject.id] = dossier


def _is_of(dossier: Dossier, key: Key) -> bool:
    """Whether it is about what was asked for: Redis is not believed to have kept its keys apart."""
    kind, id = key
    expected = Account if kind == "account" else Resource
    return isinstance(dossier.subject, expected) and dossier.subject.id == id
