"""Counters and gauges of what runs beside the decisions, read when they are asked for: nothing hot writes them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from service.decision_log.recorder import LogState

DROPPED = ("full", "disk", "unfit", "stopping", "fault")


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
