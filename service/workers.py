"""Several workers on one address, and the parent that starts them, replaces those that die, and ends them.

Workers are forked: what was loaded before (modules, address databases) is loaded once, and shared as far as nobody
writes to it. INVARIANT: the parent has one thread, and neither connections nor anything else that a copy of it could
hold half-alive. It answers nobody: the kernel spreads connections over the sockets of the workers.

The first worker starts alone, so that what is wrong with the settings or the data is found and said once; it ends
everything. A worker that dies later is replaced, after a time that grows with each death and not by a busy loop. When
the parent is gone, however it went, the workers find the end of a pipe that it alone had open, and stop.
"""

import json
import math
import os
import select
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType
from typing import NoReturn

import structlog

from service.server import GRACE_SECONDS
from service.worker_metrics import Board

FIRST_DELAY_SECONDS = 0.1
LONGEST_DELAY_SECONDS = 10.0
STEADY_SECONDS = 60.0
"""A worker that lived for so long was well: its death is the first again."""
PATIENCE = GRACE_SECONDS + 5.0
"""Seconds after which a worker is killed that was asked to stop: what it answers still, and then its farewells."""

STOPS = (signal.SIGTERM, signal.SIGINT)
HANDLED = (*STOPS, signal.SIGCHLD)


def restart_delay(deaths: int) -> float:
    """Seconds to wait before a worker is started that has died so many times in a row."""
    return min(FIRST_DELAY_SECONDS * 2.0 ** (deaths - 1), LONGEST_DELAY_SECONDS)


@dataclass(frozen=True, slots=True)
class Worker:
    """This process, one of several."""

    number: int
    """From 0: its own as long as it lives, and then its successor's."""
    restarts: int
    """How many held the number before."""
    greets: bool
    """What it has to say when it is ready is said to whoever started the service."""
    report: int
    """Descriptor of a pipe to the parent."""

    def tell_ready(self, greeting: Sequence[str]) -> None:
        """Tell the parent that connections are answered."""
        with suppress(BrokenPipeError), os.fdopen(self.report, "w", encoding="utf-8") as pipe:
            pipe.write(json.dumps(greeting) + "\n")


@dataclass(slots=True)
class _Seat:
    """A worker's number, and the process that has it now."""

    number: int
    due_at: float = math.inf
    """When a process is to be started."""
    process: int | None = None
    began_at: float = 0.0
    restarts: int = 0
    deaths: int = 0
    """In a row."""
    report: int | None = None
    told: bytes = b""
    is_ready: bool = False


class Supervisor:
    """The parent, until the last worker has ended."""

    def __init__(
        self, count: int, board: Board, greet: Callable[[Sequence[str]], None], *, patience_seconds: float = PATIENCE
    ) -> None:
        """`greet` is called once all are ready, with what the first had to say."""
        self._seats = [_Seat(number) for number in range(count)]
        self._board = board
        self._greet = greet
        self._greeting: list[str] | None = None
        self._is_complete = False
        """All were ready at one time."""
        self._kill_at: float | None = None
        """None: nobody was asked to stop."""
        self._patience_seconds = patience_seconds
        self._code = 0
        self._log = structlog.get_logger("cordon")

    def run(self) -> Worker | int:
        """Return in every worker what it is, and in the parent, once all have ended, the code to exit with."""
        self._signals, self._life = _Signals(), os.pipe()
        self._seats[0].due_at = time.monotonic()
        try:
            while self._kill_at is None or any(seat.process for seat in self._seats):
                for seat in self._seats:
                    worker = self._start(seat) if seat.due_at <= time.monotonic() else None
                    if worker is not None:
                        return worker
                self._wait()
                self._bury()
        finally:
            self._signals.close()
        return self._code

    def _start(self, seat: _Seat) -> Worker | None:
        """Fork a worker; None in the parent."""
        reading, writing = os.pipe()
        seat.due_at, seat.began_at, seat.told = math.inf, time.monotonic(), b""
        with _signals_held():
            try:
                seat.process = os.fork()
            except OSError as error:
                os.close(reading)
                os.close(writing)
                self._try_again(seat, error=error.strerror)
                return None
            if not seat.process:
                os.close(reading)
                self._leave()
                return Worker(seat.number, seat.restarts, seat.number == 0 and self._greeting is None, writing)
        os.close(writing)
        seat.report = reading
        return None

    def _leave(self) -> None:
        """Be a process of one's own: nothing that is the parent's is open, and signals of its terminal are its own."""
        os.setpgid(0, 0)
        self._signals.close()
        os.close(self._life[1])
        for seat in self._seats:
            _close_report(seat)
        threading.Thread(target=_end_with, args=(self._life[0],), name="parent", daemon=True).start()

    def _wait(self) -> None:
        """Until something has happened, or is due."""
        wakes_at = min(self._kill_at or math.inf, *(seat.due_at for seat in self._seats))
        timeout = None if wakes_at == math.inf else max(wakes_at - time.monotonic(), 0)
        reports = {seat.report: seat for seat in self._seats if seat.report is not None}
        readable, _, _ = select.select([self._signals.readable, *reports], [], [], timeout)
        for number in self._signals.caught():
            if number in STOPS:
                self._stop(number)
        for report in set(readable) & set(reports):
            self._hear(reports[report])
        if self._kill_at is not None and time.monotonic() >= self._kill_at:
            self._kill()

    def _hear(self, seat: _Seat) -> None:
        assert seat.report is not None
        told = os.read(seat.report, 65536)
        seat.told += told
        if told:
            return
        _close_report(seat)
        seat.is_ready = seat.told.endswith(b"\n")
        if seat.is_ready:
            self._became_ready(seat)

    def _became_ready(self, seat: _Seat) -> None:
        if self._greeting is None:
            self._greeting = json.loads(seat.told)
            for other in self._seats[1:]:
                other.due_at = time.monotonic()
        if self._is_complete:
            self._log.info("worker ready", worker=seat.number, process=seat.process)
        elif all(each.is_ready for each in self._seats):
            self._is_complete = True
            self._greet(self._greeting)

    def _bury(self) -> None:
        for seat in self._seats:
            ended, status = os.waitpid(seat.process, os.WNOHANG) if seat.process else (0, 0)
            if ended:
                self._died(seat, os.waitstatus_to_exitcode(status))

    def _died(self, seat: _Seat, code: int) -> None:
        """Have it replaced; but a fault before all were ready is one that the next would find too."""
        process, seat.process, seat.is_ready = seat.process, None, False
        _close_report(seat)
        self._board.clear(seat.number)
        if self._kill_at is not None:
            return
        if code > 0 and not self._is_complete:
            self._code = code
            self._stop(signal.SIGTERM)
            return
        self._try_again(seat, process=process, code=code)

    def _try_again(self, seat: _Seat, **why: object) -> None:
        now = time.monotonic()
        seat.deaths = 1 if now - seat.began_at >= STEADY_SECONDS else seat.deaths + 1
        seat.restarts += 1
        delay = restart_delay(seat.deaths)
        seat.due_at = now + delay
        self._log.error("worker ended", worker=seat.number, again_after_seconds=delay, **why)

    def _stop(self, number: int) -> None:
        """Ask all to stop, by the signal that asked the parent."""
        for seat in self._seats:
            seat.due_at = math.inf
            if seat.process:
                os.kill(seat.process, number)
        if self._kill_at is None:
            self._kill_at = time.monotonic() + self._patience_seconds

    def _kill(self) -> None:
        self._kill_at = math.inf
        for seat in self._seats:
            if seat.process:
                self._log.warning("worker killed: it did not stop in time", worker=seat.number, process=seat.process)
                os.kill(seat.process, signal.SIGKILL)


class _Signals:
    """The signals of the parent, as something to wait for."""

    def __init__(self) -> None:
        self.readable, self._writable = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._wakeup = signal.set_wakeup_fd(self._writable, warn_on_full_buffer=False)
        self._before = {number: signal.signal(number, _noted) for number in HANDLED}
        self._is_open = True

    def caught(self) -> bytes:
        """The numbers of those that came since."""
        with suppress(BlockingIOError):
            return os.read(self.readable, 4096)
        return b""

    def close(self) -> None:
        """Handle signals as before."""
        if self._is_open:
            self._is_open = False
            for number, handler in self._before.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(self._wakeup)
            os.close(self.readable)
            os.close(self._writable)


def _noted(number: int, frame: FrameType | None) -> None:
    """Do nothing: that it came is written to the pipe."""


@contextmanager
def _signals_held() -> Iterator[None]:
    """Signals that come meanwhile come afterwards."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _close_report(seat: _Seat) -> None:
    if seat.report is not None:
        os.close(seat.report)
        seat.report = None


def _end_with(life: int) -> NoReturn:
    """Wait until the parent is gone; then stop, if need be at once."""
    os.read(life, 1)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(PATIENCE)
    os._exit(1)
