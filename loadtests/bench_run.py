"""A run of the bench while it goes on: what it is to do, what it has found, and what had to be left out."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from loadtests.addresses import Addresses
from loadtests.ceiling import Sample
from loadtests.feeds import Script, write_script
from loadtests.results import LatencyFigure, Results, ScalingFigure, ServerFigure
from loadtests.rounds import Loaded, Say, Spread
from loadtests.servers import NotInstalled, NotStarted, Running, Server, running
from loadtests.traffic import CACHED, FIRST_SEEN, Mix, Traffic, as_http
from loadtests.world import WorldSize, write_world
from service.locations import open_locations


@dataclass(frozen=True, slots=True)
class Forms:
    """How long a run takes."""

    rounds: int = 4
    lesser_rounds: int = 3
    """Of latency, of two workers, and of the others."""
    seconds: float = 2
    warm_up_seconds: float = 1
    latency_seconds: float = 3
    parts: tuple[float, ...] = (0.5,)
    """Of the ceiling, at which latency is measured; a half is what the budget asks for."""
    beside_the_budget: bool = False
    """Also with metrics alone, and without the fast lane, which no line of the budget asks for."""
    peers: tuple[str, ...] = ("cerbos", "nginx-geoip2", "fastapi-geoip2")
    """Empty: all of them."""


FEEDS: Final[Mapping[str, tuple[Mix, int, int]]] = {
    "cached": (CACHED, 30_000, 10_000),
    "few-accounts": (CACHED, 10_000, 500),
    "first-seen": (FIRST_SEEN, 150_000, 500),
}
"""Mix, requests and accounts.

Few accounts where there are 10,000 rules, since settling what the rules say of an account takes its time, once; and
where addresses are new, so that nothing else is. Of those there are several times as many as are remembered: an address
that comes round again has been forgotten, and the question that it is in differs from the one before.
"""


def fault_of(samples: Sequence[Sample]) -> str:
    """What went wrong under load; empty if nothing did."""
    errors, refused = sum(one.errors for one in samples), sum(one.non_2xx for one in samples)
    if not samples:
        return "never loaded"
    return f"{errors} connections failed and {refused} answers were no 2xx under load" if errors or refused else ""


class Run:
    """What the stages share."""

    def __init__(self, forms: Forms, scratch: Path, say: Say) -> None:
        self.forms = forms
        self.scratch = scratch
        self.say = say
        self.servers: list[ServerFigure] = []
        self.latencies: list[LatencyFigure] = []
        self.scaling: list[ScalingFigure] = []
        self.ratios: dict[str, Spread] = {}
        self.left_out: dict[str, str] = {}
        self.peers: Mapping[str, Any] | None = None
        self._scripts: dict[str, Script] = {}
        self._logs = 0

    def start(self, server: Server, stack: ExitStack) -> Running | None:
        """The server, or None with the reason noted."""
        try:
            started = stack.enter_context(running(server))
        except (NotInstalled, NotStarted) as reason:
            self.leave_out(str(reason), server.name)
            return None
        self.say(f"{server.name} is ready")
        return started

    def leave_out(self, why: str, *names: str) -> None:
        """Note what is not measured."""
        for name in names:
            self.left_out.setdefault(name, why)
            self.say(f"not measured: {name}: {why}")

    def is_sound(self, loaded: Loaded) -> bool:
        """Whether every answer was one; if not, it is left out."""
        faults = fault_of(loaded.samples)
        if faults:
            self.leave_out(faults, loaded.name)
        return not faults

    def world(self, rules: int) -> Path:
        """The directory of data with so many rules."""
        directory = self.scratch / f"rules-{rules}"
        return directory if directory.exists() else write_world(directory, WorldSize(rules=rules))

    def log_directory(self) -> Path:
        """Another one for each server, since each keeps its own."""
        self._logs += 1
        return self.scratch / f"decisions-{self._logs}"

    @cached_property
    def _addresses(self) -> Addresses:
        return Addresses(open_locations())

    def script(self, name: str) -> Script:
        """The requests of this name: `cached`, `few-accounts` or `first-seen`."""
        mix, count, accounts = FEEDS[name]
        feed = self.scratch / f"{name}.requests"
        if name not in self._scripts:
            self.say(f"drawing {count:,} requests: {name}")
            traffic = Traffic(self._addresses, mix, size=WorldSize(accounts=accounts))
            script = write_script(feed, map(as_http, traffic.questions(count)))
            self._scripts[name] = replace(script, never_same=mix is FIRST_SEEN)
        return self._scripts[name]

    def results(self, facts: Mapping[str, str]) -> Results:
        """Everything, to be reported."""
        options = {name: str(value) for name, value in asdict(self.forms).items()}
        return Results(
            machine=facts,
            options=options,
            servers=tuple(self.servers),
            latencies=tuple(self.latencies),
            scaling=tuple(self.scaling),
            ratios=self.ratios,
            left_out=self.left_out,
            peers=self.peers,
        )
