"""Measures how long this machine let nobody run: what no program can be blamed for."""

import threading
import time
from collections import deque

STEP_SECONDS = 0.02


class Stalls:
    """A thread that wants to wake often, and notes how late it is let."""

    def __init__(self) -> None:
        self._late: deque[tuple[float, float]] = deque(maxlen=10_000)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ending.set()
        self._thread.join()

    def since(self, moment: float) -> float:
        """How long in all it woke late after that moment of the monotonic clock."""
        return sum(late for at, late in tuple(self._late) if at >= moment)

    def _run(self) -> None:
        before = time.monotonic()
        while not self._ending.wait(STEP_SECONDS):
            now = time.monotonic()
            if (late := now - before - STEP_SECONDS) > STEP_SECONDS:
                self._late.append((now, late))
            before = now
