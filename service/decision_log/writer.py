"""The thread that writes: takes what is queued, and appends it to this worker's segment in one go.

A batch is written whole or not at all, and tried again until it is; meanwhile the queue fills, and what finds no place
in it is counted. Whoever waits for a record is told at once.
"""

import errno
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from service.decide import Answer
from service.decision_log.keeping import asked_to_turn, tend
from service.decision_log.queue import Awaited, Queue, settle
from service.decision_log.records import Addresses, Records
from service.decision_log.segments import OpenSegment

WRITE_SECONDS = 0.05
"""How long an answer that nobody waits for may stay in the queue."""
RETRY_SECONDS = 0.5
"""How long the writer waits after a failure."""
TEND_SECONDS = 60.0
LOOK_SECONDS = 1.0
"""How often the writer looks whether its segment should end."""
AGE_SECONDS = 60.0
SLICE = 64
"""Answers made into lines before the deciding thread is let on."""


@dataclass(frozen=True, slots=True)
class Options:
    """How one worker keeps its log."""

    directory: Path
    worker: str
    """Name of the worker among those that write to the directory."""
    required: bool = False
    """An answer waits for its record."""
    addresses: Addresses = "masked"
    days: int | None = 90
    """How long a record is kept; None: for ever."""
    queue_records: int = 16_384
    queue_bytes: int = 64 * 1024 * 1024
    segment_bytes: int = 64 * 1024 * 1024
    segment_age: timedelta = timedelta(hours=1)


@dataclass(slots=True)
class Counts:
    """What the writer did so far. Written by its thread alone."""

    recorded: int = 0
    written_bytes: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    torn: int = 0
    """Segments whose writer was killed within a line."""
    deleted: int = 0
    """Segments that were old."""
    error: str | None = None
    """Why the last write failed; None once one succeeds."""
    keeping_error: str | None = None

    def drop(self, reason: str, count: int) -> None:
        self.dropped[reason] = self.dropped.get(reason, 0) + count


class Writer:
    """Writes one queue until it is stopped."""

    def __init__(self, options: Options, queue: Queue, clock: Callable[[], datetime]) -> None:
        self.counts = Counts()
        self.wake = threading.Event()
        """Set to have the queue written now."""
        self._options = options
        self._queue = queue
        self._clock = clock
        self._records = Records(options.worker, options.addresses)
        self._segment: OpenSegment | None = None
        self._held: list[Answer | Awaited] = []
        """What could not be written yet."""
        self._turned = 0
        self._aged_at = self._looked_at = time.monotonic()
        self._is_stopping = False
        self._keeper = _Keeper(options, clock, self.counts)
        self._thread = threading.Thread(target=self._run, name="decision-log", daemon=True)

    def start(self) -> None:
        self._turned = asked_to_turn(self._options.directory)
        self._thread.start()
        self._keeper.start()

    def stop(self, seconds: float = 10.0) -> None:
        """Write what is queued, and end; what cannot be written within that time is dropped."""
        self._is_stopping = True
        self.wake.set()
        if self._thread.ident is not None:
            self._thread.join(seconds)
        self._keeper.stop()

    def _run(self) -> None:
        while not self._is_stopping:
            self.wake.wait(RETRY_SECONDS if self._held else WRITE_SECONDS)
            self.wake.clear()
            self._write_all()
        self._write_all()
        self._give_up(self._held)
        while left := self._queue.take():
            self._give_up(left)
        self._end_segment()

    def _write_all(self) -> None:
        """Write until nothing is queued, or it fails."""
        self._look()
        while batch := self._held or self._queue.take():
            self._held = []
            try:
                self._write(batch)
            except OSError as error:
                self._refuse(batch, error)
                if self._held:
                    return
            except Exception as error:  # whatever it is, the next batch must be written
                self._records.lost()
                self.counts.error = f"a fault of its own: {type(error).__name__}: {error}"
                self.counts.drop("fault", len(batch))
                _tell(batch, self.counts.error)

    def _write(self, batch: list[Answer | Awaited]) -> None:
        segment = self._segment_for(batch)
        lines, unfit = self._lines(batch)
        is_awaited = any(isinstance(item, Awaited) for item in batch)
        segment.append(lines, durably=is_awaited)
        self._records.written()
        self.counts.recorded += len(batch) - len(unfit)
        self.counts.written_bytes += len(lines)
        self.counts.error = None
        if unfit:
            self.counts.drop("unfit", len(unfit))
            _tell(unfit, "the decision could not be recorded: it holds text that is no Unicode")
            batch = [item for item in batch if item not in unfit]
        _tell(batch, None)

    def _lines(self, batch: list[Answer | Awaited]) -> tuple[bytes, list[Answer | Awaited]]:
        """The lines of a batch, and what cannot be made into any."""
        lines: list[bytes] = []
        unfit: list[Answer | Awaited] = []
        for number, item in enumerate(batch):
            if number % SLICE == SLICE - 1:
                time.sleep(0)  # lets the deciding thread on, which would else wait for its turn for milliseconds
            try:
                lines.append(self._records.lines(item.answer if isinstance(item, Awaited) else item))
            except UnicodeError:
                unfit.append(item)
        return b"".join(lines), unfit

    def _refuse(self, batch: list[Answer | Awaited], error: OSError) -> None:
        """Hold what nobody waits for; tell those who wait."""
        self._records.lost()
        reason = self.counts.error = f"{error.strerror or error}".lower()
        waiting = [item for item in batch if isinstance(item, Awaited)]
        if waiting:
            self.counts.drop("disk", len(waiting))
            _tell(waiting, f"the decision could not be recorded: {reason}")
        self._held = [item for item in batch if not isinstance(item, Awaited)]
        if self._segment is not None and (error.errno == errno.EFBIG or not self._segment.is_usable):
            self._end_segment()  # another file may take it

    def _give_up(self, batch: list[Answer | Awaited]) -> None:
        if batch:
            self.counts.drop("stopping", len(batch))
            _tell(batch, "the decision could not be recorded: the service is stopping")

    def _segment_for(self, batch: list[Answer | Awaited]) -> OpenSegment:
        if self._segment is not None and self._segment.size_bytes >= self._options.segment_bytes:
            self._end_segment()
        if self._segment is None:
            begun_at = min([self._clock(), *_asked_at(batch)])  # a batch that was held is older than its segment
            self._segment = OpenSegment.begin(self._options.directory, self._options.worker, begun_at)
            self._records.begin_segment()
        return self._segment

    def _look(self) -> None:
        """End the segment if it is old, or gone, or somebody asks for it; let go of what is no longer used."""
        now = time.monotonic()
        if now - self._aged_at >= AGE_SECONDS:
            self._aged_at = now
            self._records.age()
        if now - self._looked_at < LOOK_SECONDS:
            return
        self._looked_at = now
        turned = asked_to_turn(self._options.directory)
        segment = self._segment
        is_old = segment is not None and self._clock() - segment.begun_at >= self._options.segment_age
        if segment is not None and (is_old or turned != self._turned or not segment.is_usable):
            self._end_segment()
        self._turned = turned

    def _end_segment(self) -> None:
        if self._segment is not None:
            self._segment.close()
            self._segment = None
            self._keeper.wake.set()


def _asked_at(batch: Sequence[Answer | Awaited]) -> Iterator[datetime]:
    for item in batch:
        asked_at = (item.answer if isinstance(item, Awaited) else item).request.asked_at
        if asked_at is not None:
            yield asked_at


def _tell(batch: Sequence[Answer | Awaited], error: str | None) -> None:
    settle((item for item in batch if isinstance(item, Awaited)), error)


class _Keeper:
    """Keeps the directory, beside the writer: compressing a segment takes seconds."""

    def __init__(self, options: Options, clock: Callable[[], datetime], counts: Counts) -> None:
        self.wake = threading.Event()
        self._options = options
        self._clock = clock
        self._counts = counts
        self._is_stopping = False
        self._thread = threading.Thread(target=self._run, name="decision-log-keeper", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._is_stopping = True
        self.wake.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        self._tend()
        while not self._is_stopping:
            self.wake.wait(TEND_SECONDS)
            self.wake.clear()
            self._tend()

    def _tend(self) -> None:
        try:
            tended = tend(self._options.directory, self._clock(), self._options.days)
        except (OSError, EOFError) as error:
            self._counts.keeping_error = str(error).lower()
            return
        self._counts.keeping_error = None
        self._counts.torn += tended.torn
        self._counts.deleted += tended.deleted
