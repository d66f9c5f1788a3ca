"""Interleaved rounds over several servers, so that whatever else the machine does weighs on all of them alike.

A B C, B C A, C A B …: ratios are taken within a round, and only then their median over the rounds.
"""

import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeAlias, TypeVar

from loadtests.ceiling import CONNECTIONS, Sample, Script, load
from loadtests.servers import Running

WARM_UP_MOST_SECONDS: Final = 20.0
UNTIL_KEPT: Final = 3
"""So often a question is asked before Cordon knows it by its bytes: it is kept when it comes again to the fast lane."""

Say: TypeAlias = Callable[[str], None]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure as several rounds found it."""

    median: float
    low: float
    high: float
    count: int

    @classmethod
    def of(cls, values: Iterable[float]) -> "Spread":
        """The spread of at least one value."""
        found = sorted(values)
        return cls(statistics.median(found), found[0], found[-1], len(found))

    @property
    def width(self) -> float:
        """From the lowest to the highest, as a part of the median."""
        return (self.high - self.low) / self.median if self.median else 0.0


class Loaded(Protocol):
    """Something that is loaded in rounds."""

    @property
    def name(self) -> str: ...
    @property
    def samples(self) -> list[Sample]: ...
    def warm_up(self, seconds: float) -> None: ...
    def run(self, seconds: float) -> Sample: ...


@dataclass(slots=True)
class Contender:
    """A server in the rounds, and what it is loaded with."""

    running: Running
    script: Script
    connections: int = CONNECTIONS
    goes_on: bool = False
    """Each round begins with the request after the last one sent, instead of with the first."""
    times: int = 1
    """That the warm-up goes round."""
    warmed_by: Script | None = None
    """What the warm-up sends instead, where the requests of the rounds are to be new."""
    samples: list[Sample] = field(default_factory=list)
    sent: int = 0
    """Requests so far, without those of the warm-up."""

    @property
    def name(self) -> str:
        return self.running.name

    def rps(self) -> Spread:
        return rps(self.samples)

    def server_cpu_us(self) -> Spread | None:
        return server_cpu_us(self.samples)

    def warm_up(self, seconds: float) -> None:
        """Load it until it has seen every request so many times, or for long enough."""
        deadline, sent = time.monotonic() + WARM_UP_MOST_SECONDS, 0
        script = self.warmed_by or self.script
        while sent < self.times * script.count and time.monotonic() < deadline:
            sent += load(self.running, script.beginning(sent), seconds, self.connections).requests

    def run(self, seconds: float) -> Sample:
        """Load it once."""
        script = self.script.beginning(self.sent) if self.goes_on else self.script
        sample = load(self.running, script, seconds, self.connections)
        self.sent += sample.requests
        return sample


def interleave(
    contenders: Sequence[Loaded], *, rounds: int, seconds: float, warm_up_seconds: float, say: Say = print
) -> None:
    """Load all of them in turn, as many rounds; the warm-up is not kept.

    Raises:
        LoadFailed: wrk could not load one.
    """
    for contender in contenders:
        contender.warm_up(warm_up_seconds)
    for number in range(rounds):
        for contender in rotated(contenders, number):
            sample = contender.run(seconds)
            contender.samples.append(sample)
            say(f"round {number + 1}: {contender.name}: {sample.rps:,.0f}/s")


def rotated(contenders: Sequence[T], number: int) -> list[T]:
    """The order of a round."""
    first = number % len(contenders) if contenders else 0
    return [*contenders[first:], *contenders[:first]]


def ratio(over: Loaded, under: Loaded) -> Spread:
    """Requests a second of one by those of another, round by round."""
    pairs = zip(over.samples, under.samples, strict=True)
    return Spread.of(one.rps / other.rps for one, other in pairs)


def rps(samples: Sequence[Sample]) -> Spread:
    """Requests a second."""
    return Spread.of(sample.rps for sample in samples)


def server_cpu_us(samples: Sequence[Sample]) -> Spread | None:
    """CPU time of the server for one request; None if it was not measured."""
    found = [sample.server_cpu_us for sample in samples if sample.server_cpu_us is not None]
    return Spread.of(found) if found else None
