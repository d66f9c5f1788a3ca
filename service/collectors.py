"""Counters and gauges of what runs beside the decisions, read when they are asked for: nothing hot writes them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from service.decision_log.recorder import LogState
from service.memo import MemoState

DROPPED = ("full", "disk", "unfit", "stopping", "fault")


EFFECTS = ("allow", "challenge", "deny")


class DecisionCollector(Collector):
    """The decisions made."""

    def __init__(self, decisions: Mapping[str, int]) -> None:
        """`decisions`: by effect."""
        self._decisions = decisions

    def collect(self) -> Iterator[Metric]:
        """How many there were of each effect."""
        made = CounterMetricFamily("cordon_decisions", "Decisions made.", labels=["effect"])
        for effect, count in self._decisions.items():
            made.add_metric([effect], count)
        yield made


class LogCollector(Collector):
    """The decision log."""

    def __init__(self, state: Callable[[], LogState]) -> None:
        self._state = state

    def collect(self) -> Iterator[Metric]:
        """What became of the decisions so far."""
        state = self._state()
        yield CounterMetricFamily("cordon_decisions_recorded", "Decisions recorded.", value=state.recorded)
        dropped = CounterMetricFamily("cordon_decisions_dropped", "Decisions not recorded.", labels=["reason"])
        for reason in DROPPED:
            dropped.add_metric([reason], state.dropped.get(reason, 0))
        yield dropped
        yield CounterMetricFamily("cordon_decision_log_bytes", "Bytes written.", value=state.written_bytes)
        yield GaugeMetricFamily("cordon_decision_log_waiting", "Decisions in the queue.", value=state.waiting)
        failing = GaugeMetricFamily("cordon_decision_log_failing", "Whether something fails.", labels=["what"])
        failing.add_metric(["writing"], bool(state.error))
        failing.add_metric(["keeping"], bool(state.keeping_error))
        yield failing


@dataclass(frozen=True, slots=True)
class FollowingState:
    """How this process follows the record."""

    seq: int
    """Of the last change that is in force here."""
    is_stale: bool
    is_failing: bool
    screenings: int
    """Memorised now."""
    cache: "CacheState | None"


@dataclass(frozen=True, slots=True)
class CacheState:
    """What became of questions to Redis."""

    hits: int
    misses: int
    failures: int
    openings: int
    """How often Redis was left alone."""
    is_open: bool
    """Redis is left alone for now."""


class FollowingCollector(Collector):
    """The record, as this process follows it."""

    def __init__(self, state: Callable[[], FollowingState]) -> None:
        self._state = state

    def collect(self) -> Iterator[Metric]:
        """How far it has come, and what keeps it."""
        state = self._state()
        yield GaugeMetricFamily("cordon_record_change", "Number of the last change in force here.", value=state.seq)
        yield GaugeMetricFamily("cordon_record_stale", "Whether accounts are unknown for it.", value=state.is_stale)
        yield GaugeMetricFamily("cordon_record_failing", "Whether the last poll failed.", value=state.is_failing)
        yield GaugeMetricFamily("cordon_screenings", "Screenings memorised.", value=state.screenings)
        if state.cache is not None:
            yield from _of_cache(state.cache)


def _of_cache(cache: CacheState) -> Iterator[Metric]:
    found = CounterMetricFamily("cordon_facts_cache", "Facts asked of Redis.", labels=["result"])
    found.add_metric(["hit"], cache.hits)
    found.add_metric(["miss"], cache.misses)
    yield found
    yield CounterMetricFamily(
        "cordon_facts_cache_failures", "Questions that Redis did not answer.", value=cache.failures
    )
    yield CounterMetricFamily("cordon_facts_cache_openings", "How often Redis was left alone.", value=cache.openings)
    yield GaugeMetricFamily("cordon_facts_cache_open", "Whether Redis is left alone.", value=cache.is_open)


class MemoCollector(Collector):
    """The memo of screenings of the rules in force."""

    def __init__(self, state: Callable[[], MemoState | None]) -> None:
        """`state`: None before there are rules."""
        self._state = state

    def collect(self) -> Iterator[Metric]:
        """How full it is, and what became of what was in it; with other rules it begins anew."""
        state = self._state()
        if state is None:
            return
        yield GaugeMetricFamily("cordon_memo_entries", "Screenings memorised.", value=state.entries)
        yield GaugeMetricFamily("cordon_memo_bytes", "Bytes that they take, about.", value=state.size_bytes)
        yield GaugeMetricFamily("cordon_memo_limit_bytes", "Bytes that they may take.", value=state.limit_bytes)
        yield CounterMetricFamily("cordon_memo_misses", "Screenings made.", value=state.misses)
        yield CounterMetricFamily("cordon_memo_evictions", "Screenings that made room.", value=state.evictions)


class LaneCollector(Collector):
    """The fast lane."""

    def __init__(self, answered: Callable[[], int], questions: Callable[[], int]) -> None:
        self._answered = answered
        self._questions = questions

    def collect(self) -> Iterator[Metric]:
        """How many requests it answered, and how many questions it knows by their bytes."""
        yield CounterMetricFamily("cordon_fast_lane_answers", "Requests answered at once.", value=self._answered())
        yield GaugeMetricFamily(
            "cordon_fast_lane_questions", "Questions known by their bytes.", value=self._questions()
        )
