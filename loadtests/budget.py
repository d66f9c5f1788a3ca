"""The budget of the hot path, as data: ratios of one interleaved run, so that it holds on any machine.

What was not measured is said to be so. It never counts as held.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from loadtests.results import Results
from loadtests.rounds import Spread

Verdict: TypeAlias = Literal["held", "broken", "not measured"]


@dataclass(frozen=True, slots=True)
class Limit:
    """A line of the budget."""

    key: str
    measure: str
    bound: float
    is_most: bool = False
    """The ratio may be at most so much; else it must be at least so much."""

    def holds(self, value: float) -> bool:
        return value <= self.bound if self.is_most else value >= self.bound

    @property
    def bound_text(self) -> str:
        return f"{'≤' if self.is_most else '≥'} {self.bound:g}"


BUDGET: Final = (
    Limit("nginx", "cached decisions ÷ nginx `return 200` fed the same requests", 0.75),
    Limit("asgi", "cached decisions ÷ uvicorn with a constant raw ASGI answer", 1.7),
    Limit("recording", "cached decisions with decision log and metrics ÷ without", 0.90),
    Limit("cerbos", "decisions ÷ Cerbos CheckResources over HTTP, equal question", 20),
    Limit("rules", "decisions with 10,000 rules ÷ with 10 rules", 0.95),
    Limit("latency", "p99 ÷ p50 at half the ceiling, open loop, decision log on", 5, is_most=True),
    Limit("workers", "two workers ÷ one worker", 1.8),
    Limit("first_seen", "decisions on first-seen addresses ÷ cached", 0.6),
)


@dataclass(frozen=True, slots=True)
class Judged:
    """A line of the budget, and what became of it."""

    limit: Limit
    verdict: Verdict
    found: Spread | None
    why: str = ""
    """Why it was not measured."""

    @property
    def is_close(self) -> bool:
        """Whether some rounds say otherwise."""
        limit, found = self.limit, self.found
        return found is not None and limit.holds(found.low) != limit.holds(found.high)

    def __str__(self) -> str:
        if self.found is None:
            return f"{self.verdict}: {self.limit.measure} ({self.limit.bound_text}): {self.why}"
        found = f"{self.found.median:.2f} ({self.found.low:.2f} to {self.found.high:.2f})"
        return f"{self.verdict}: {self.limit.measure}: {found}, {self.limit.bound_text}"


def judge(ratios: Mapping[str, Spread], left_out: Mapping[str, str]) -> tuple[Judged, ...]:
    """Every line of the budget, by the medians."""
    return tuple(_judged(limit, ratios.get(limit.key), left_out) for limit in BUDGET)


def broken(results: Results) -> Iterator[Judged]:
    """The lines that do not hold."""
    return (line for line in judge(results.ratios, results.left_out) if line.verdict == "broken")


def _judged(limit: Limit, found: Spread | None, left_out: Mapping[str, str]) -> Judged:
    if found is None:
        return Judged(limit, "not measured", None, left_out.get(limit.key, "this run did not try"))
    return Judged(limit, "held" if limit.holds(found.median) else "broken", found)
