"""Between the thread that decides and the thread that writes: a bounded queue without a lock.

One thread puts and one takes; each counts for itself, and the other only reads. Hits stand in a list, to which one
thread appends, and off the beginning of which the other cuts: each is one step that no other thread can see half of.
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from service.decide import AccessRequest, Answer, Hits, NewHits
from service.errors import NotRecorded

FIXED_BYTES = 1_000
"""About what an answer takes that waits, the texts of its caller apart."""
HIT_BYTES = 512
"""About what a hit takes that waits: what it shares with others apart."""
TAKEN_RECORDS = 4_096
TAKEN_HITS = 1_024
TAKEN_BYTES = 8 * 1024 * 1024
"""About the most that is written at once."""


@dataclass(frozen=True, slots=True)
class Awaited:
    """An answer that waits for its record."""

    answer: Answer
    written: "asyncio.Future[None]"
    loop: asyncio.AbstractEventLoop


@dataclass(frozen=True, slots=True)
class Batch:
    """What is written at once."""

    answers: list[Answer | Awaited]
    hits: list[Hits]

    @property
    def hit_count(self) -> int:
        return sum(len(each.ids) for each in self.hits)

    def __len__(self) -> int:
        return len(self.answers) + self.hit_count

    def asked_at(self) -> Iterator[datetime]:
        """When each was asked."""
        for item in self.answers:
            asked_at = (item.answer if isinstance(item, Awaited) else item).request.asked_at
            if asked_at is not None:
                yield asked_at
        for hits in self.hits:
            yield hits.at


class Queue:
    """Answers to be written, in the order they were given; and hits, likewise."""

    __slots__ = (
        "_hits",
        "_items",
        "_limit_bytes",
        "_limit_hits",
        "_limit_records",
        "_put_bytes",
        "_put_hits",
        "_taken_bytes",
        "_taken_hits",
        "full",
    )

    def __init__(self, limit_records: int, limit_bytes: int) -> None:
        self._items: deque[Answer | Awaited] = deque()
        self._hits: list[Hits] = []
        self._limit_records = limit_records
        self._limit_hits = min(limit_records, limit_bytes // HIT_BYTES)
        self._limit_bytes = limit_bytes
        self._put_bytes = 0
        self._taken_bytes = 0
        self._put_hits = 0
        self._taken_hits = 0
        self.full = 0
        """Decisions that found no place."""

    def put_repeated(self, hits: Hits) -> None:
        """HOT PATH: queue hits, and count those as dropped that find no place."""
        count = len(hits.ids)
        room = self._limit_hits - len(self)
        if room < count:
            self.full += count - max(0, room)
            count = max(0, room)
            hits = first_of(hits, count)
        if count:
            self._put_hits += count
            self._hits.append(hits)

    def put(self, answer: Answer) -> None:
        """HOT PATH: queue an answer, or count it as dropped."""
        request = answer.request
        size = FIXED_BYTES + len(request.account) + len(request.resource) + len(request.action)
        if request.address is not None:
            size += len(request.address)
        if request.inline is not None:
            size += _inline_bytes(request)
        hits = self._put_hits - self._taken_hits
        waiting_bytes = self._put_bytes - self._taken_bytes + hits * HIT_BYTES
        if len(self._items) + hits >= self._limit_records or waiting_bytes + size > self._limit_bytes:
            self.full += 1
            return
        self._put_bytes += size
        self._items.append(answer)

    def put_awaited(self, awaited: Awaited) -> bool:
        """Queue an answer that waits; False if there is no place."""
        size = size_of(awaited.answer)
        if len(self) >= self._limit_records or self.waiting_bytes + size > self._limit_bytes:
            self.full += 1
            return False
        self._put_bytes += size
        self._items.append(awaited)
        return True

    def take(self) -> Batch:
        """The next to write: some answers and some hits, if there are any."""
        hits = next(slices(self._hits[:TAKEN_HITS], TAKEN_HITS), [])
        batch = Batch(self._take_answers(), hits)
        del self._hits[: len(hits)]
        self._taken_hits += batch.hit_count
        return batch

    def _take_answers(self) -> list[Answer | Awaited]:
        taken: list[Answer | Awaited] = []
        size = 0
        while self._items and len(taken) < TAKEN_RECORDS and size < TAKEN_BYTES:
            item = self._items.popleft()
            size += size_of(item.answer if isinstance(item, Awaited) else item)
            taken.append(item)
        self._taken_bytes += size
        return taken

    @property
    def waiting_bytes(self) -> int:
        """About what everything in the queue takes."""
        return self._put_bytes - self._taken_bytes + (self._put_hits - self._taken_hits) * HIT_BYTES

    def __len__(self) -> int:
        return len(self._items) + self._put_hits - self._taken_hits


def size_of(answer: Answer) -> int:
    """About what a waiting answer takes: what its caller can make as long as a body may be counts in full."""
    request = answer.request
    texts = len(request.account) + len(request.resource) + len(request.action) + len(request.address or "")
    return FIXED_BYTES + texts + (_inline_bytes(request) if request.inline is not None else 0)


def _inline_bytes(request: AccessRequest) -> int:
    inline = request.inline
    if inline is None:
        return 0
    declared = inline.declared or {}
    return len(inline.entity or "") + sum(100 + len(signal) for signal in declared)


def first_of(hits: Hits, count: int) -> Hits:
    """So many of them."""
    ids = hits.ids[:count]
    if isinstance(hits, NewHits):
        return hits._replace(ids=ids, settled=hits.settled.part(slice(count)))
    return hits._replace(ids=ids, settled=hits.settled[:count], numbers=hits.numbers[:count])


def slices(hits: Iterable[Hits], count: int) -> Iterator[list[Hits]]:
    """Those of some moments each, as many moments as it takes to make so many hits."""
    some: list[Hits] = []
    left = count
    for each in hits:
        some.append(each)
        left -= len(each.ids)
        if left <= 0:
            yield some
            some, left = [], count
    if some:
        yield some


def settle(waiting: Iterable[Awaited], error: str | None) -> None:
    """Tell those who wait that their records are written, or why not. From any thread."""
    by_loop: dict[asyncio.AbstractEventLoop, list[Awaited]] = {}
    for awaited in waiting:
        by_loop.setdefault(awaited.loop, []).append(awaited)
    for loop, those in by_loop.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_settle, those, error)


def _settle(waiting: list[Awaited], error: str | None) -> None:
    for awaited in waiting:
        if awaited.written.done():
            continue
        if error is None:
            awaited.written.set_result(None)
        else:
            awaited.written.set_exception(NotRecorded(error))
