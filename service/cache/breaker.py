"""A circuit breaker: after several failures nothing is asked for a while, then one probe, and all again if it succeeds.

Failures that come together are one sign, since one stall fails whatever is under way. The pause doubles each time the
circuit opens again soon after it was closed: a server that fails every other question is not asked every second.
"""

import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BreakerLimits:
    """When it opens, and for how long. Seconds."""

    failures: int = 5
    window: float = 30.0
    """Failures further back are forgotten."""
    together: float = 0.05
    """Failures no further apart than this are one."""
    pause: float = 1.0
    longest_pause: float = 10.0
    calm: float = 30.0
    """After so long a time without opening, pauses are short again."""


class Breaker:
    """Open: nothing is asked. For one event loop."""

    def __init__(
        self,
        limits: BreakerLimits | None = None,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._limits = limits or BreakerLimits()
        self._clock = clock
        self._jitter = jitter
        self._failures: deque[float] = deque(maxlen=self._limits.failures)
        self._pause = 0.0
        self._closed_at = float("-inf")
        self._probe_at = 0.0
        self.is_closed = True
        self.openings = 0

    def failed(self) -> bool:
        """Take note of a failure; True if it opens the circuit."""
        now = self._clock()
        if not self.is_closed or (self._failures and now - self._failures[-1] <= self._limits.together):
            return False
        self._failures.append(now)
        if len(self._failures) < self._limits.failures or now - self._failures[0] > self._limits.window:
            return False
        self._open(now)
        return True

    def takes_probe(self) -> bool:
        """Whether the caller is to probe now: one caller at the end of each pause, who tells how it ended."""
        if self.is_closed or self._clock() < self._probe_at:
            return False
        self._probe_at = float("inf")
        return True

    def probed(self, succeeded: bool) -> None:
        """Close the circuit, or pause for longer."""
        now = self._clock()
        if not succeeded:
            self._rest(now)
            return
        self.is_closed = True
        self._closed_at = now

    def _open(self, now: float) -> None:
        self.is_closed = False
        self.openings += 1
        self._failures.clear()
        if now - self._closed_at > self._limits.calm:
            self._pause = 0.0
        self._rest(now)

    def _rest(self, now: float) -> None:
        """Probe again after twice the last pause, spread by up to a quarter so that workers do not probe as one."""
        self._pause = min(max(self._pause * 2, self._limits.pause), self._limits.longest_pause)
        self._probe_at = now + self._pause * (1 + (self._jitter() - 0.5) / 2)
