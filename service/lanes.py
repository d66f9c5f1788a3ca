"""Reads what waits, as much of it at once as may be, one reading at a time, with pauses: decisions at hand go first.

Whatever comes while a reading is under way, or while there is a pause, goes together into the next one. So the more is
asked for, the less each costs, and readings never take more than their share of the processor.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

SIZE_STEP = 8
"""By so much each reading is larger than the one before, up to the most."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Pace:
    """How much of the time readings may take."""

    at_once: int
    """So much goes into one reading at most."""
    at_least: int = 1
    """So much may go into one, however often that was too much."""
    every: float = 0.01
    """Seconds from one reading to the next, in the long run: each costs much, however little it reads."""
    share: float = 0.5
    """Of the time of one processor, in the long run."""
    ahead: float = 0.04
    """Seconds by which readings may be ahead of that: a few that come seldom wait for nothing."""


class Lane(Generic[T]):
    """One reading at a time. For one event loop."""

    def __init__(self, read: Callable[[Sequence[T]], Awaitable[float]], pace: Pace) -> None:
        """`read` never raises, and says how many seconds of a processor it took."""
        self._read = read
        self._pace = pace
        self._waiting: deque[T] = deque()
        self._parts: list[Sequence[T]] = []
        """What was too much for one reading, in halves: it goes first, and each on its own."""
        self._size = pace.at_once
        """What goes into the next reading: half of what was too much, and slowly more again."""
        self._work: asyncio.Task[None] | None = None
        self._paid_until = float("-inf")
        """By the clock of the loop: the time that readings so far were due."""

    def add(self, waiting: Iterable[T]) -> None:
        """Have these read soon."""
        self._waiting.extend(waiting)
        if self._waiting and self._work is None:
            self._work = asyncio.create_task(self._run())

    def halve(self, batch: Sequence[T]) -> None:
        """Have each half of what was too much read again, by itself. For `read`."""
        middle = len(batch) // 2
        self._parts += [batch[middle:], batch[:middle]]
        self._size = max(self._pace.at_least, min(self._size, middle))

    async def _run(self) -> None:
        try:
            while self._parts or self._waiting:
                await self._pause()
                began = asyncio.get_running_loop().time()
                seconds = await self._read(self._taken())
                due = max(self._pace.every, seconds / self._pace.share)
                self._paid_until = max(self._paid_until, began) + due
        finally:
            self._work = None

    async def _pause(self) -> None:
        seconds = self._paid_until - self._pace.ahead - asyncio.get_running_loop().time()
        if seconds > 0:
            await asyncio.sleep(seconds)

    def _taken(self) -> Sequence[T]:
        if self._parts:
            return self._parts.pop()
        taken = [self._waiting.popleft() for _ in range(min(self._size, len(self._waiting)))]
        self._size = min(self._pace.at_once, self._size + SIZE_STEP)
        return taken
