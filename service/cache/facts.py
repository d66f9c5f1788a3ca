"""Supplies dossiers from Redis, and leaves them there for other processes.

Never raises. Whoever asks waits 50 ms at most, and not at all while the circuit is open; whoever leaves something does
not wait. What is found may be old: it says of which change it is, and whether that still holds is for the caller to
ask. See docs/explanation/caching.md.
"""

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import TypeVar

from rules.facts import Account
from service.cache.batches import Batches
from service.cache.breaker import Breaker
from service.cache.codec import SHAPE, NotADossier, decoded, encoded
from service.cache.connections import TIMEOUT_SECONDS, Connections
from service.cache.guarded import GuardedRedis
from service.dossiers import Dossier

K = TypeVar("K", bound=tuple[str, str])
"""Kind and id."""

NAMESPACE = "cordon"
DECODED_AT_ONCE = 32
"""Values that are decoded in one turn of the event loop."""


@dataclass(frozen=True, slots=True)
class CacheLimits:
    """What is kept in Redis, and how much waits to go there."""

    kept: timedelta = timedelta(hours=24)
    value_bytes: int = 256 * 1024
    """Decoding holds up the event loop, for some 5 ms at this length."""
    entities: int = 1_000
    """Larger dossiers are not even encoded."""
    waiting: int = 256
    """Dossiers that wait to be written; what comes beyond is not written."""
    written_at_once: int = 32


@dataclass(slots=True)
class CacheCounts:
    """What became of everything, since the process began."""

    hits: int = 0
    misses: int = 0
    """Not there, or not to be had in time."""
    refused: int = 0
    """Values that are no dossier, or not of whom the key says; each is a miss as well."""
    written: int = 0
    dropped: int = 0
    """Dossiers that were not written: too large, too many at once, or Redis did not take them."""


class RedisFacts:
    """The level between the processes and the database. For one event loop."""

    def __init__(
        self,
        connections: Connections,
        epoch: Callable[[], str],
        *,
        namespace: str = NAMESPACE,
        limits: CacheLimits | None = None,
        breaker: Breaker | None = None,
    ) -> None:
        """`epoch` says of which database the facts are; empty while that is not known, when nothing is asked."""
        self._epoch = epoch
        self._prefix = f"{namespace}:{SHAPE}"
        self._limits = limits or CacheLimits()
        self._redis = GuardedRedis(connections, breaker or Breaker(), f"{self._prefix}:probe")
        self._batches = Batches(self._fetch, TIMEOUT_SECONDS, self._redis.failed)
        self._waiting: dict[str, Dossier] = {}
        self._writer: asyncio.Task[None] | None = None
        self.counts = CacheCounts()

    @property
    def is_open(self) -> bool:
        """Whether Redis is left alone for now."""
        return not self._redis.breaker.is_closed

    @property
    def openings(self) -> int:
        """How often that began."""
        return self._redis.breaker.openings

    @property
    def failures(self) -> int:
        """Questions and writes that failed, or took too long."""
        return self._redis.failures

    async def connect(self) -> None:
        """Connect before the first decision waits for it: a cluster has to be learnt."""
        await self._redis.connect()

    async def find(self, keys: Sequence[K]) -> Mapping[K, Dossier]:
        """What somebody left there of these kinds and ids; it may be old."""
        epoch = self._epoch()
        found: dict[K, Dossier] = {}
        if epoch and self._redis.is_usable():
            names = {self._key(epoch, *key): key for key in keys}
            held = await self._batches.find(tuple(names))
            found = {key: held[name] for name, key in names.items() if name in held}
        self.counts.hits += len(found)
        self.counts.misses += len(keys) - len(found)
        return found

    def put(self, kind: str, id: str, dossier: Dossier) -> None:
        """Leave it there, some time. What is not registered is not left: made-up ids push nothing out."""
        if not _is_recorded(dossier):
            return
        key = self._key(dossier.epoch, kind, id)
        before = self._waiting.get(key)
        if before is not None and before.seq > dossier.seq:
            return
        is_too_much = before is None and len(self._waiting) >= self._limits.waiting
        if is_too_much or len(dossier.reached) > self._limits.entities or not self._redis.is_usable():
            self.counts.dropped += 1
            return
        self._waiting[key] = dossier
        if self._writer is None:
            self._writer = asyncio.create_task(self._write())

    async def close(self) -> None:
        """Let everyone go who waits, and close every connection."""
        self._waiting.clear()
        await self._redis.close()
        await self._batches.close()
        if self._writer is not None:
            await self._writer

    def _key(self, epoch: str, kind: str, id: str) -> str:
        """Ids may hold anything and be of any length; no two have one digest."""
        return f"{self._prefix}:{epoch}:{kind}:{hashlib.sha256(id.encode('utf-8', 'surrogatepass')).hexdigest()}"

    async def _fetch(self, keys: Sequence[str]) -> Mapping[str, Dossier]:
        values = await self._redis.read(keys)
        found: dict[str, Dossier] = {}
        held = [(key, value) for key, value in zip(keys, values, strict=False) if value]
        for number, (key, value) in enumerate(held, 1):
            dossier = self._dossier(key, value)
            if dossier is not None:
                found[key] = dossier
            if number % DECODED_AT_ONCE == 0:
                await asyncio.sleep(0)  # decisions that wait for nothing go first
        return found

    def _dossier(self, key: str, value: bytes) -> Dossier | None:
        """What the value says of whom the key names, and of nobody else: a reply can go astray too."""
        try:
            dossier = decoded(value)
        except NotADossier:
            self.counts.refused += 1
            return None
        kind = "account" if isinstance(dossier.subject, Account) else "resource"
        if self._key(dossier.epoch, kind, dossier.subject.id) == key:
            return dossier
        self.counts.refused += 1
        return None

    async def _write(self) -> None:
        while self._waiting:
            await asyncio.sleep(0)  # let more come, and decisions go first
            values = dict(self._taken())
            if values and await self._redis.write(values, self._limits.kept):
                self.counts.written += len(values)
            else:
                self.counts.dropped += len(values)
        self._writer = None

    def _taken(self) -> Mapping[str, bytes]:
        taken = list(islice(self._waiting, self._limits.written_at_once))
        values = {key: self._value(self._waiting.pop(key)) for key in taken}
        kept = {key: value for key, value in values.items() if value and len(value) <= self._limits.value_bytes}
        self.counts.dropped += len(values) - len(kept)
        return kept

    @staticmethod
    def _value(dossier: Dossier) -> bytes:
        try:
            return encoded(dossier)
        except NotADossier:
            return b""


def _is_recorded(dossier: Dossier) -> bool:
    subject = dossier.subject
    return subject.registered if isinstance(subject, Account) else bool(subject.tags or subject.provider)
