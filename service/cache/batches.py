"""Gathers what is asked for in one turn of the event loop into one question, since it is the questions that cost.

Whoever asks waits no longer than `within`, whatever becomes of the question: that is left to end by itself, because a
command that is cancelled takes its connection with it. So a server that is slow to fail costs a caller no more than one
that is quick.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

UNDER_WAY_LIMIT = 8
"""Questions at once; what is asked meanwhile waits for the next, and no longer than it may."""
KEYS_LIMIT = 256
"""Keys of one question: answers hold up the event loop for as long as it takes to read them."""
GATHERED_LIMIT = 8
"""Questions that wait; what is asked beyond is not answered."""

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class _Question(Generic[T]):
    keys: dict[str, None] = field(default_factory=dict)
    waiting: list[asyncio.Future[Mapping[str, T]]] = field(default_factory=list)
    is_sent: bool = False
    is_over: bool = False

    def answer(self, found: Mapping[str, T]) -> None:
        self.is_over = True
        for future in self.waiting:
            if not future.done():
                future.set_result(found)


class Batches(Generic[T]):
    """Asks for many keys at once. For one event loop."""

    def __init__(
        self, fetch: Callable[[Sequence[str]], Awaitable[Mapping[str, T]]], within: float, late: Callable[[], None]
    ) -> None:
        """`fetch` never raises; `late` is told of every question that took too long."""
        self._fetch = fetch
        self._within = within
        self._late = late
        self._gathering: deque[_Question[T]] = deque()
        self._flights: set[asyncio.Task[None]] = set()

    async def find(self, keys: Sequence[str]) -> Mapping[str, T]:
        """What is found under these keys in time; perhaps more than was asked for, by others."""
        parts = [keys[start : start + KEYS_LIMIT] for start in range(0, len(keys), KEYS_LIMIT)]
        answers = [self._joined(part) for part in parts]
        found: dict[str, T] = {}
        for answer in answers:
            if answer is not None:
                found.update(await answer)
        return found

    async def close(self) -> None:
        """Let everyone go, and wait for what is under way."""
        while self._gathering:
            self._gathering.popleft().answer({})
        await asyncio.gather(*self._flights, return_exceptions=True)

    def _joined(self, keys: Sequence[str]) -> "asyncio.Future[Mapping[str, T]] | None":
        """The answer to a question about these; None if too many wait already."""
        last = self._gathering[-1] if self._gathering else None
        if last is None or len(last.keys) + len(keys) > KEYS_LIMIT:
            if len(self._gathering) >= GATHERED_LIMIT:
                return None
            last = self._begin()
        last.keys.update(dict.fromkeys(keys))
        answer: asyncio.Future[Mapping[str, T]] = asyncio.get_running_loop().create_future()
        last.waiting.append(answer)
        return answer

    def _begin(self) -> _Question[T]:
        loop, question = asyncio.get_running_loop(), _Question[T]()
        self._gathering.append(question)
        loop.call_soon(self._depart)
        loop.call_at(loop.time() + self._within, self._expire, question)
        return question

    def _depart(self) -> None:
        if not self._gathering or len(self._flights) >= UNDER_WAY_LIMIT:
            return
        question = self._gathering.popleft()
        question.is_sent = True
        flight = asyncio.ensure_future(self._fly(question))
        self._flights.add(flight)
        flight.add_done_callback(self._landed)

    async def _fly(self, question: _Question[T]) -> None:
        found: Mapping[str, T] = {}
        try:
            found = await self._fetch(tuple(question.keys))
        finally:
            question.answer(found)

    def _landed(self, flight: asyncio.Task[None]) -> None:
        self._flights.discard(flight)
        self._depart()

    def _expire(self, question: _Question[T]) -> None:
        if question.is_over:
            return
        if question.is_sent:
            self._late()
        else:
            self._gathering.remove(question)
        question.answer({})
