"""The thread that writes: takes what is queued, and appends it to this worker's segment in one go.

A batch is written whole or not at all, and tried again until it is; meanwhile the queue fills, and what finds no place
in it is counted. Whoever waits for a record is told at once.

The thread shares its core with the one that decides, and the interpreter: it works in short slices, more often where
there is much, and lets the other on after each.
"""

import errno
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from service.decide import Answer
from service.decision_log.keeping import asked_to_turn, tend
from service.decision_log.queue import Awaited, Batch, Queue, settle, slices
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
ANSWERS_AT_ONCE = 8
"""Answers made into lines before the deciding thread is let on, at least, and one part in `ANSWERS_SHARE` of many."""
ANSWERS_SHARE = 32
HITS_AT_ONCE = 512
"""The same for hits: some tenths of a millisecond."""
FEW_HITS = 64
"""Where more than so many come at once, hits are written `OFTEN` times as often, a slice at a time: shorter slices keep
nobody waiting, but to wake up costs as much as to write a hundred."""
OFTEN = 2

let_on = partial(time.sleep, 0)
"""Lets the deciding thread on, which would else wait for its turn for milliseconds."""


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
    queue_records: int = 131_072
    """Decisions that may wait: those of a second and a half, if all are hits that come as fast as they can."""
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
        self._records = Records(options.worker, options.addresses, let_on)
        self._segment: OpenSegment | None = None
        self._held: Batch | None = None
        """What could not be written yet."""
        self._taken_hits = 0
        """In the last round."""
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
            self._rest()
            self._look()
            self._write_some()
        while self._queue or self._held:
            self._write_some()
            if self._held:
                break
        self._give_up()
        self._end_segment()

    def _rest(self) -> None:
        """Wait until there is something to do."""
        if self._taken_hits > FEW_HITS and not self._held:
            time.sleep(WRITE_SECONDS / OFTEN)
        else:
            self.wake.wait(RETRY_SECONDS if self._held else WRITE_SECONDS)
            self.wake.clear()

    def _write_some(self) -> None:
        """Write what waits now, unless it fails; what comes meanwhile has time."""
        left = len(self._queue) + len(self._held or ())
        self._taken_hits = 0
        while left > 0 and (batch := self._next()):
            left -= len(batch)
            self._taken_hits += batch.hit_count
            try:
                self._write(batch)
            except OSError as error:
                self._refuse(batch, error)
            except Exception as error:  # whatever it is, the next batch must be written
                self._records.lost()
                self.counts.error = f"a fault of its own: {type(error).__name__}: {error}"
                self.counts.drop("fault", len(batch))
                _tell(batch.answers, self.counts.error)
            if self._held:
                return

    def _next(self) -> Batch:
        held, self._held = self._held, None
        return held or self._queue.take()

    def _write(self, batch: Batch) -> None:
        segment = self._segment_for(batch)
        lines, unfit = self._lines(batch.answers)
        repeated, unfit_hits = self._repeated(batch)
        is_awaited = any(isinstance(item, Awaited) for item in batch.answers)
        segment.append(lines + repeated, durably=is_awaited)
        self._records.written()
        self.counts.recorded += len(batch) - len(unfit) - unfit_hits
        self.counts.written_bytes += len(lines) + len(repeated)
        self.counts.error = None
        if unfit or unfit_hits:
            self.counts.drop("unfit", len(unfit) + unfit_hits)
        _tell(unfit, "the decision could not be recorded: it holds text that is no Unicode")
        _tell([item for item in batch.answers if item not in unfit] if unfit else batch.answers, None)

    def _lines(self, answers: list[Answer | Awaited]) -> tuple[bytes, list[Answer | Awaited]]:
        """The lines of answers, and what cannot be made into any."""
        lines: list[bytes] = []
        unfit: list[Answer | Awaited] = []
        at_once = max(ANSWERS_AT_ONCE, len(answers) // ANSWERS_SHARE)
        for number, item in enumerate(answers, 1):
            try:
                lines.append(self._records.lines(item.answer if isinstance(item, Awaited) else item))
            except UnicodeError:
                unfit.append(item)
            if number % at_once == 0:
                let_on()
        return b"".join(lines), unfit

    def _repeated(self, batch: Batch) -> tuple[bytes, int]:
        """The lines of hits, and how many cannot be made into any."""
        lines: list[bytes] = []
        unfit = 0
        for number, some in enumerate(slices(batch.hits, HITS_AT_ONCE)):
            if number or batch.answers:
                let_on()
            text, unfit_here = self._records.of_hits(some)
            lines.append(text)
            unfit += unfit_here
        return b"".join(lines), unfit

    def _refuse(self, batch: Batch, error: OSError) -> None:
        """Hold what nobody waits for; tell those who wait."""
        self._records.lost()
        reason = self.counts.error = f"{error.strerror or error}".lower()
        waiting = [item for item in batch.answers if isinstance(item, Awaited)]
        if waiting:
            self.counts.drop("disk", len(waiting))
            _tell(waiting, f"the decision could not be recorded: {reason}")
        held = Batch([item for item in batch.answers if not isinstance(item, Awaited)], batch.hits)
        self._held = held if len(held) else None
        if self._segment is not None and (error.errno == errno.EFBIG or not self._segment.is_usable):
            self._end_segment()  # another file may take it

    def _give_up(self) -> None:
        """Count what could not be written before the end."""
        while left := self._next():
            self.counts.drop("stopping", len(left))
            _tell(left.answers, "the decision could not be recorded: the service is stopping")

    def _segment_for(self, batch: Batch) -> OpenSegment:
        if self._segment is not None and self._segment.size_bytes >= self._options.segment_bytes:
            self._end_segment()
        if self._segment is None:
            begun_at = min([self._clock(), *batch.asked_at()])  # a batch that was held is older than its segment
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


def _tell(answers: Iterable[Answer | Awaited], error: str | None) -> None:
    settle((item for item in answers if isinstance(item, Awaited)), error)


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
