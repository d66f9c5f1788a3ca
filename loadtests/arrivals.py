"""When requests arrive: by the clock, whatever became of those before (open loop).

A Poisson process, as many independent callers together make it: gaps are exponentially distributed, so that arrivals
come in bursts. Deterministic for one seed.
"""

from collections.abc import Iterator
from itertools import takewhile
from random import Random


def arrivals_ns(per_second: float, seed: int) -> Iterator[int]:
    """Moments of arrival without end, in nanoseconds since the beginning."""
    draw = Random(seed).expovariate
    moment = 0.0
    while True:
        moment += draw(per_second)
        yield int(moment * 1e9)


def arrivals_within(per_second: float, seconds: float, seed: int) -> list[int]:
    """Those of so many seconds."""
    return list(takewhile(lambda moment: moment < seconds * 1e9, arrivals_ns(per_second, seed)))
