"""What a run of the load tests found: plain values, written as JSON and read back to be reported again."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from loadtests.latencies import Latencies
from loadtests.openloop import Outcome
from loadtests.rounds import Loaded, Spread, rps, server_cpu_us


@dataclass(frozen=True, slots=True)
class ServerFigure:
    """A server at its ceiling."""

    name: str
    rps: Spread
    cpu_us: Spread | None
    """CPU time of all its processes for one request: on a noisy machine steadier than `rps`."""
    p50_us: Spread
    """Closed loop, so without what waits outside."""
    load_cpu: Spread
    """Share of its core that the load generator used."""

    @classmethod
    def of(cls, loaded: Loaded) -> "ServerFigure":
        """Of what was measured at least once."""
        samples = loaded.samples
        return cls(
            loaded.name,
            rps(samples),
            server_cpu_us(samples),
            Spread.of(sample.p50_us for sample in samples),
            Spread.of(sample.load_cpu for sample in samples),
        )


@dataclass(frozen=True, slots=True)
class LatencyFigure:
    """A server under an open loop of so many requests a second, all rounds together."""

    name: str
    part_of_ceiling: float
    per_second: float
    percentiles_us: Mapping[str, float]
    lateness_us: Mapping[str, float]
    """By how much the load generator was late itself."""
    errors: int
    kept_up: bool
    """Whether the load generator was far quicker than what it measured, in every round."""
    histogram: str
    """In the compressed form that all HDR libraries read; its unit is a tenth of a microsecond."""


@dataclass(frozen=True, slots=True)
class ScalingFigure:
    """A server with two workers, against itself with one."""

    name: str
    layout: str
    """Which cores the server had, and which the load generators."""
    ratio: Spread
    one: ServerFigure
    two: ServerFigure
    busiest: Spread
    """Share of the workers' CPU time that the busier one spent: a half is even."""
    connections: tuple[int, ...]
    """Of each worker, in the last round."""
    failed: int
    """Requests that failed, or were answered by an error."""


@dataclass(frozen=True, slots=True)
class Results:
    """Everything."""

    machine: Mapping[str, str]
    options: Mapping[str, str]
    servers: tuple[ServerFigure, ...] = ()
    latencies: tuple[LatencyFigure, ...] = ()
    scaling: tuple[ScalingFigure, ...] = ()
    ratios: Mapping[str, Spread] = field(default_factory=dict)
    """By the measures of the budget."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """What was not measured, and why: measures of the budget, and servers."""
    peers: Mapping[str, Any] | None = None
    """What `loadtests.peers` found, as it wrote it."""

    def encoded(self) -> bytes:
        """As JSON."""
        return msgspec.json.format(msgspec.json.encode(self), indent=1)

    @classmethod
    def read(cls, path: Path) -> "Results":
        """What `encoded` wrote."""
        return msgspec.json.decode(path.read_bytes(), type=cls)


def latency_figure(name: str, part: float, per_second: float, outcomes: list[Outcome]) -> LatencyFigure:
    """Several rounds together."""
    latencies, lateness = Latencies(), Latencies()
    for outcome in outcomes:
        latencies.merge(outcome.latencies.encoded())
        lateness.merge(outcome.lateness.encoded())
    return LatencyFigure(
        name,
        part,
        per_second,
        _by_text(latencies),
        _by_text(lateness),
        sum(outcome.errors + outcome.non_2xx for outcome in outcomes),
        all(outcome.kept_up for outcome in outcomes),
        latencies.encoded(),
    )


def _by_text(latencies: Latencies) -> dict[str, float]:
    return {f"{percentile:g}": value for percentile, value in latencies.percentiles_us().items()}
