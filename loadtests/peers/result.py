"""What a run found, as a table and as JSON. The shape of the JSON is stable: `report` reads it."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from loadtests.rounds import Spread

OWN = "cordon"
OWN_RULES_ALONE = "cordon-evaluate"
"""What engines that look nothing up are compared with."""


@dataclass(frozen=True, slots=True)
class OverHttp:
    """A peer as it answers over HTTP."""

    version: str
    requests_per_second: Spread
    cpu_us: Spread | None
    """Of the server, for one request."""
    p50_us: Spread
    """At full load, closed loop."""
    load_cpu: Spread
    """Share of its core that the load generator used: near 1, it was the limit."""
    ratio: Spread
    """Requests a second of Cordon by those of this peer, round by round."""
    cpu_ratio: Spread | None
    """This peer's CPU time for a request by Cordon's: the steadier where other work shares the core."""


@dataclass(frozen=True, slots=True)
class InProcess:
    """A peer as it decides in process."""

    version: str
    us: Spread
    """CPU time for one decision."""
    ratio: Spread
    """This peer's time by that of Cordon's rules alone, round by round."""


@dataclass(frozen=True, slots=True)
class NotMeasured:
    """Who is missing, and why."""

    name: str
    why: str
    disagrees: bool = False
    """It decides otherwise than it should."""


@dataclass(frozen=True, slots=True)
class Result:
    """Everything that a run found."""

    cases: int
    """Questions that everybody measured decided rightly, and was then measured with."""
    allowed: float
    """The share of them that is allowed."""
    http: Mapping[str, OverHttp]
    in_process: Mapping[str, InProcess]
    country_lookup_us: Spread | None
    """What engines in process leave to the caller; part of every figure over HTTP but that of Cerbos."""
    not_measured: tuple[NotMeasured, ...]

    @property
    def is_agreed(self) -> bool:
        return not any(one.disagrees for one in self.not_measured)

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def lines(result: Result) -> Iterator[str]:
    """For people."""
    yield f"{result.cases:,} questions, {result.allowed:.0%} of them allowed; all below decide each as they should"
    if result.http:
        yield ""
        head = f"{'over HTTP':<28}{'version':<10}{'requests/s':>11}{'CPU µs':>8}"
        yield f"{head}{'cordon ÷ it':>26}{'CPU, it ÷ cordon':>26}"
    for name, http in _fastest_first(result):
        cpu = f"{http.cpu_us.median:.0f}" if http.cpu_us else "?"
        rate, ratios = http.requests_per_second.median, f"{_ratio(http.ratio):>26}{_ratio(http.cpu_ratio):>26}"
        yield f"{name:<28}{http.version:<10}{rate:>11,.0f}{cpu:>8}{ratios}"
    if result.in_process:
        yield ""
        yield f"{'in process':<28}{'version':<10}{'':>11}{'CPU µs':>8}{'it ÷ ' + OWN_RULES_ALONE:>26}"
    for name, inside in sorted(result.in_process.items(), key=lambda row: row[1].us.median):
        yield f"{name:<28}{inside.version:<10}{'':>11}{inside.us.median:>8.2f}{_ratio(inside.ratio):>26}"
    if result.country_lookup_us:
        yield f"{'country of an address':<49}{result.country_lookup_us.median:>8.2f}"
    for missing in result.not_measured:
        yield f"not measured: {missing.name}: {missing.why}"


def markdown(result: Result) -> Iterator[str]:
    """For `docs/explanation/compared.md`."""
    yield "| over HTTP | version | requests/s | CPU µs/request | requests/s, Cordon ÷ it | CPU, it ÷ Cordon |"
    yield "|---|---|---|---|---|---|"
    for name, http in _fastest_first(result):
        cpu, rate = f"{http.cpu_us.median:.0f}" if http.cpu_us else "?", http.requests_per_second.median
        yield f"| {name} | {http.version} | {rate:,.0f} | {cpu} | {_ratio(http.ratio)} | {_ratio(http.cpu_ratio)} |"
    yield ""
    yield f"| in process | version | CPU µs/decision | it ÷ {OWN_RULES_ALONE} |"
    yield "|---|---|---|---|"
    for name, inside in sorted(result.in_process.items(), key=lambda row: row[1].us.median):
        yield f"| {name} | {inside.version} | {inside.us.median:.2f} | {_ratio(inside.ratio)} |"
    if result.country_lookup_us:
        yield f"| looking up a country, which is none of theirs | | {result.country_lookup_us.median:.2f} | |"
    for missing in result.not_measured:
        yield f"\nNot measured: {missing.name}, {missing.why}"


def _fastest_first(result: Result) -> list[tuple[str, OverHttp]]:
    return sorted(result.http.items(), key=lambda row: -row[1].requests_per_second.median)


def _ratio(spread: Spread | None) -> str:
    if spread is None:
        return "?"
    return f"{spread.median:.2f} ({spread.low:.2f} to {spread.high:.2f})"
