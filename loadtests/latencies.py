"""Latencies from the moment a request was meant to be sent, in an HDR histogram: three digits from 0.1 µs to a minute.

Meant, not sent: a request that had to wait since the server did not answer others has waited all the same. A load test
that forgets that hides outages (coordinated omission).
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped]

UNIT_NS: Final = 100
LONGEST_SECONDS: Final = 60
DIGITS: Final = 3
PERCENTILES: Final = (50.0, 75.0, 90.0, 95.0, 99.0, 99.9, 99.99, 100.0)


class Latencies:
    """A histogram that can be merged with those of other processes."""

    def __init__(self) -> None:
        self._histogram = HdrHistogram(1, LONGEST_SECONDS * 10**9 // UNIT_NS, DIGITS)

    @classmethod
    def of(cls, nanoseconds: Iterable[int]) -> "Latencies":
        """The histogram of these."""
        latencies = cls()
        latencies.record_all(nanoseconds)
        return latencies

    @classmethod
    def decoded(cls, text: str) -> "Latencies":
        """What `encoded` wrote."""
        latencies = cls()
        latencies.merge(text)
        return latencies

    def record(self, nanoseconds: int) -> None:
        """Count one; what is longer than the longest counts as the longest."""
        self._record(nanoseconds // UNIT_NS, 1)

    def record_all(self, nanoseconds: Iterable[int]) -> None:
        """Count many."""
        for units, count in Counter(value // UNIT_NS for value in nanoseconds).items():
            self._record(units, count)

    def merge(self, text: str) -> None:
        """Add what another process encoded."""
        self._histogram.decode_and_add(text)

    def encoded(self) -> str:
        """For another process, or a file: the compressed form that all HDR libraries read."""
        text: bytes = self._histogram.encode()
        return text.decode("ascii")

    def clear(self) -> None:
        """Forget everything."""
        self._histogram.reset()

    @property
    def count(self) -> int:
        return int(self._histogram.get_total_count())

    def percentile_us(self, percentile: float) -> float:
        """The latency that so many percent do not exceed, in microseconds."""
        return int(self._histogram.get_value_at_percentile(percentile)) * UNIT_NS / 1000

    def percentiles_us(self, percentiles: Sequence[float] = PERCENTILES) -> dict[float, float]:
        """Several at once."""
        return {percentile: self.percentile_us(percentile) for percentile in percentiles}

    def _record(self, units: int, count: int) -> None:
        longest = LONGEST_SECONDS * 10**9 // UNIT_NS
        self._histogram.record_value(min(max(units, 1), longest), count)
