"""Between the thread that decides and the thread that writes: a bounded queue without a lock.

One thread puts and one takes; each counts for itself, and the other only reads.
"""

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from service.decide import AccessRequest, Answer
from service.errors import NotRecorded

FIXED_BYTES = 1_000
"""About what an answer takes that waits, the texts of its caller apart."""
TAKEN_RECORDS = 4_096
TAKEN_BYTES = 8 * 1024 * 1024
"""About the most that is written at once."""


@dataclass(frozen=True, slots=True)
class Awaited:
    """An answer that waits for its record."""

    answer: Answer
    written: "asyncio.Future[None]"
    loop: asyncio.AbstractEventLoop


class Queue:
    """Answers to be written, in the order they were given."""

    __slots__ = ("_items", "_limit_bytes", "_limit_records", "_put_bytes", "_taken_bytes", "full")

    def __init__(self, limit_records: int, limit_bytes: int) -> None:
        self._items: deque[Answer | Awaited] = deque()
        self._limit_records = limit_records
        self._limit_bytes = limit_bytes
        self._put_bytes = 0
        self._taken_bytes = 0
        self.full = 0
        """Answers that found no place."""

    def put(self, answer: Answer) -> None:
        """HOT PATH: queue an answer, or count it as dropped."""
        request = answer.request
        size = FIXED_BYTES + len(request.account) + len(request.resource) + len(request.action)
        if request.address is not None:
            size += len(request.address)
        if request.inline is not None:
            size += _inline_bytes(request)
        if len(self._items) >= self._limit_records or self._put_bytes - self._taken_bytes + size > self._limit_bytes:
            self.full += 1
            return
        self._put_bytes += size
        self._items.append(answer)

    def put_awaited(self, awaited: Awaited) -> bool:
        """Queue an answer that waits; False if there is no place."""
        size = size_of(awaited.answer)
        if len(self._items) >= self._limit_records or self.waiting_bytes + size > self._limit_bytes:
            self.full += 1
            return False
        self._put_bytes += size
        self._items.append(awaited)
        return True

    def take(self) -> list[Answer | Awaited]:
        """The next answers to write: some, if there are any."""
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
        """About what the queued answers take."""
        return self._put_bytes - self._taken_bytes

    def __len__(self) -> int:
        return len(self._items)


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
