"""What a second worker brings: decisions a second with two workers by those with one.

The load generator must not be the limit. With four cores or more, server and load have cores of their own. With fewer,
a core is the unit: one core with a worker and a load generator on it, against two such cores. The generator then takes
the same part of every core in both, so that the ratio is the server's, unless its workers are in each other's way.
nginx, whose workers share nothing, goes through the same beside it and says what the machine itself allows.
"""

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Final, TypeAlias
from urllib.parse import urlsplit

from loadtests.ceiling import Sample, Script, requests_per_second
from loadtests.results import ScalingFigure, ServerFigure
from loadtests.rounds import UNTIL_KEPT, WARM_UP_MOST_SECONDS, Say, Spread, interleave, ratio
from loadtests.servers import (
    NotInstalled,
    NotStarted,
    Running,
    Server,
    await_listeners,
    connections_of,
    cpu_seconds,
    pin,
    running,
)

CONNECTIONS: Final = 128
"""Of each load generator: the more there are, the more evenly the kernel spreads them over the workers' sockets."""

Make: TypeAlias = Callable[[int, str], Server]
"""Describes a server with so many workers on these cores."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Cores of a server with one worker and with two, and those of the load generators of each."""

    text: str
    server: tuple[str, str]
    load: tuple[tuple[str, ...], tuple[str, ...]]


APART: Final = Layout("server on cores 0 and 1, load on cores 2 and 3", ("0", "0,1"), (("2", "3"), ("2", "3")))
TOGETHER: Final = Layout(
    "one core with a worker and a load generator on it, against two such cores", ("0", "0,1"), (("0",), ("0", "1"))
)


def layout_here() -> Layout | None:
    """What this machine allows; None: a machine of one core shows nothing."""
    cores = len(os.sched_getaffinity(0))
    return APART if cores >= 4 else TOGETHER if cores >= 2 else None


@dataclass(frozen=True, slots=True)
class Scaling:
    """How workers are compared."""

    script: Script
    layout: Layout
    rounds: int
    seconds: float
    warm_up_seconds: float
    say: Say = print


@dataclass(slots=True)
class Workers:
    """A server with some workers, loaded from every load generator at once."""

    running: Running
    script: Script
    load_cores: Sequence[str]
    workers: list[int]
    """Ids of the processes that answer."""
    samples: list[Sample] = field(default_factory=list)
    busiest: list[float] = field(default_factory=list)
    """Of each load, the share of the workers' CPU time that the busiest one spent."""
    connections: tuple[int, ...] = ()
    """Of each worker, in the midst of the last load."""

    @property
    def name(self) -> str:
        return f"{self.running.name}, {len(self.workers)} worker{'s'[len(self.workers) == 1 :]}"

    def warm_up(self, seconds: float) -> None:
        """Load it until each worker may have seen every request often enough, or for long enough."""
        deadline = time.monotonic() + WARM_UP_MOST_SECONDS
        asked, wanted = self.run(seconds).requests, UNTIL_KEPT * self.script.count * len(self.workers)
        while asked < wanted and time.monotonic() < deadline:
            asked += self.run(seconds).requests
        self.busiest.clear()

    def run(self, seconds: float) -> Sample:
        """Load it once."""
        before, all_before = self._spent(), self.running.cpu_seconds()
        with ThreadPoolExecutor(len(self.load_cores) + 1) as threads:
            counted = threads.submit(self._count_connections, seconds / 2)
            samples = list(threads.map(lambda cores: self._load(seconds, cores), self.load_cores))
        spent = [now - start for now, start in zip(self._spent(), before, strict=True)]
        self.connections = counted.result()
        self.busiest.append(max(spent) / (sum(spent) or 1.0))
        return together(samples, self.running.cpu_seconds() - all_before)

    def _load(self, seconds: float, cores: str) -> Sample:
        return requests_per_second(self.running.url, self.script, seconds, CONNECTIONS, cores=cores)

    def _count_connections(self, after: float) -> tuple[int, ...]:
        time.sleep(after)
        port = urlsplit(self.running.url).port or 80
        return tuple(connections_of(pid, port) for pid in self.workers)

    def _spent(self) -> list[float]:
        return [cpu_seconds(pid) for pid in self.workers]


def measure_scaling(makes: Sequence[Make], plan: Scaling, leave_out: Callable[[str, str], None]) -> list[ScalingFigure]:
    """Each server with one worker and with two, all in turn; who does not come up is left out.

    Raises:
        LoadFailed: wrk could not load one.
    """
    pairs: list[tuple[Workers, Workers]] = []
    with ExitStack() as stack:
        for make in makes:
            try:
                pairs.append((_started(make, 1, plan, stack), _started(make, 2, plan, stack)))
            except (NotInstalled, NotStarted) as reason:
                leave_out(str(reason), "two workers")
        interleave(
            [one for pair in pairs for one in pair],
            rounds=plan.rounds,
            seconds=plan.seconds,
            warm_up_seconds=plan.warm_up_seconds,
            say=plan.say,
        )
    return [_figure(one, two, plan.layout) for one, two in pairs]


def together(samples: Sequence[Sample], server_cpu_seconds: float) -> Sample:
    """What several load generators found of one server at the same time."""
    requests = sum(sample.requests for sample in samples)
    return Sample(
        rps=sum(sample.rps for sample in samples),
        p50_us=max(sample.p50_us for sample in samples),
        p99_us=max(sample.p99_us for sample in samples),
        errors=sum(sample.errors for sample in samples),
        non_2xx=sum(sample.non_2xx for sample in samples),
        requests=requests,
        seconds=max(sample.seconds for sample in samples),
        load_cpu=max(sample.load_cpu for sample in samples),
        server_cpu_us=server_cpu_seconds * 1e6 / requests if requests else None,
    )


def _started(make: Make, count: int, plan: Scaling, stack: ExitStack) -> Workers:
    """The server, each worker on a core of its own."""
    server = stack.enter_context(running(make(count, plan.layout.server[count - 1])))
    await_listeners(urlsplit(server.url).port or 80, count)
    everyone = server.processes()
    workers = everyone[-count:]  # whoever looks after them was there first
    for core, pid in enumerate(workers):
        pin(pid, core)
    return Workers(server, plan.script, plan.layout.load[count - 1], workers)


def _figure(one: Workers, two: Workers, layout: Layout) -> ScalingFigure:
    return ScalingFigure(
        name=one.running.name,
        layout=layout.text,
        ratio=ratio(two, one),
        one=ServerFigure.of(one),
        two=ServerFigure.of(two),
        busiest=Spread.of(two.busiest),
        connections=two.connections,
        failed=sum(sample.errors + sample.non_2xx for sample in (*one.samples, *two.samples)),
    )
