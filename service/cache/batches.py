"""Gathers what is asked for in one turn of the event loop into one question, since it is the questions that cost.

Whoever asks waits no longer than `within`, whatever becomes of the question: that is left to end by itself, because a
command that is cancelled takes its connection with it. So a server that is slow to fail costs a caller no more than one
that is quick.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

UNDER_WAY_LIMIT = 8
"""Questions at once; what is asked meanwhile waits for the next, and no longer than it may."""
GATHERED_LIMIT = 1_024
"""Keys of one question; what is asked beyond is not answered."""

T = TypeVar("T")


@dataclass(slots=True)
class _Batch(Generic[T]):
    waiting: dict[str, list[asyncio.Future[T | None]]] = field(default_factory=dict)
    is_sent: bool = False
    is_over: bool = False

    def answer(self, found: Mapping[str, T]) -> None:
        self.is_over = True
        for key, futures in self.waiting.items():
            for future in futures:
                if not future.done():
                    future.set_result(found.get(key))


class Batches(Generic[T]):
    """Asks for many keys at once. For one event loop."""

    def __init__(
        self, fetch: Callable[[Sequence[str]], Awaitable[Mapping[str, T]]], within: float, late: Callable[[], None]
    ) -> None:
        """`fetch` never raises; `late` is told of every question that took too long."""
        self._fetch = fetch
        self._within = within
        self._late = late
        self._gathering: _Batch[T] | None = None
        self._flights: set[asyncio.Task[None]] = set()

    async def get(self, key: str) -> T | None:
        """What is found under the key; None if nothing is, or not in time."""
        loop = asyncio.get_running_loop()
        batch = self._gathering or self._begin(loop)
        if len(batch.waiting) >= GATHERED_LIMIT and key not in batch.waiting:
            return None
        future: asyncio.Future[T | None] = loop.create_future()
        batch.waiting.setdefault(key, []).append(future)
        return await future

    async def close(self) -> None:
        """Let everyone go, and wait for what is under way."""
        if self._gathering is not None:
            self._gathering.answer({})
            self._gathering = None
        await asyncio.gather(*self._flights, return_exceptions=True)

    def _begin(self, loop: asyncio.AbstractEventLoop) -> _Batch[T]:
        batch = self._gathering = _Batch()
        loop.call_soon(self._depart)
        loop.call_at(loop.time() + self._within, self._expire, batch)
        return batch

    def _depart(self) -> None:
        batch = self._gathering
        if batch is None or len(self._flights) >= UNDER_WAY_LIMIT:
            return
        self._gathering = None
        batch.is_sent = True
        flight = asyncio.ensure_future(self._fly(batch))
        self._flights.add(flight)
        flight.add_done_callback(self._landed)

    async def _fly(self, batch: _Batch[T]) -> None:
        found: Mapping[str, T] = {}
        try:
            found = await self._fetch(tuple(batch.waiting))
        finally:
            batch.answer(found)

    def _landed(self, flight: asyncio.Task[None]) -> None:
        self._flights.discard(flight)
        self._depart()

    def _expire(self, batch: _Batch[T]) -> None:
        if batch.is_over:
            return
        if self._gathering is batch:
            self._gathering = None
        if batch.is_sent:
            self._late()
        batch.answer({})
