"""The decision log as the deciding thread sees it: told of every decision, it never raises and never blocks.

Where the log is required, it gives back what the answer must wait for.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from service.decide import Answer, Hits
from service.decision_log.queue import Awaited, Queue
from service.decision_log.writer import Options, Writer
from service.errors import NotRecorded

FULL = "the decision could not be recorded: the queue of the decision log is full"


class Repeated(Protocol):
    """Has decisions recorded that were given again."""

    def __call__(self, hits: Hits) -> None: ...


@dataclass(frozen=True, slots=True)
class LogState:
    """What became of the decisions so far, in this process."""

    required: bool
    recorded: int
    dropped: Mapping[str, int]
    """By reason: `full` (the queue), `disk`, `unfit` (text that is no Unicode), `stopping`, `fault` (of its own)."""
    waiting: int
    """Decisions in the queue."""
    waiting_bytes: int
    written_bytes: int
    torn: int
    """Segments found whose writer was killed within a line."""
    deleted: int
    """Segments deleted for their age."""
    error: str | None
    """Why nothing can be written at present; None if it can, as far as is known."""
    keeping_error: str | None
    """Why segments can neither be closed nor deleted at present."""


class DecisionLog:
    """Records the decisions of one event loop."""

    def __init__(self, options: Options, clock: Callable[[], datetime]) -> None:
        self.options = options
        self._queue = Queue(options.queue_records, options.queue_bytes)
        self._writer = Writer(options, self._queue, clock)
        self._put = self._queue.put
        self.repeated: Repeated = self._queue.put_repeated
        """HOT PATH: have decisions recorded that were given again, where no answer waits for its record. One call."""

    def decided(self, answer: Answer) -> Awaitable[None] | None:
        """HOT PATH: have a decision recorded. What is given back ends once the record is on the disk.

        Raises (when awaited):
            NotRecorded: it could not be brought there.
        """
        if self.options.required:
            return self._awaited(answer)
        self._put(answer)
        return None

    def _awaited(self, answer: Answer) -> Awaitable[None]:
        loop = asyncio.get_running_loop()
        written: asyncio.Future[None] = loop.create_future()
        if self._queue.put_awaited(Awaited(answer, written, loop)):
            self._writer.wake.set()
        else:
            written.set_exception(NotRecorded(FULL))
        return written

    def start(self) -> None:
        """Begin to write, and to keep the directory."""
        self._writer.start()

    def close(self) -> None:
        """Write what is queued, and end."""
        self._writer.stop()

    @property
    def state(self) -> LogState:
        """How it goes. From any thread."""
        counts = self._writer.counts
        dropped = {"full": self._queue.full, **dict(counts.dropped)}
        return LogState(
            required=self.options.required,
            recorded=counts.recorded,
            dropped={reason: count for reason, count in dropped.items() if count},
            waiting=len(self._queue),
            waiting_bytes=self._queue.waiting_bytes,
            written_bytes=counts.written_bytes,
            torn=counts.torn,
            deleted=counts.deleted,
            error=counts.error,
            keeping_error=counts.keeping_error,
        )
