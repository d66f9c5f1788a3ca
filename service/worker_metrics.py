"""The figures of all workers, from whichever of them is asked.

A board of shared memory has one slot a worker, and no more however many of them come and go. Each worker writes its
figures into its own slot every second, marked with its number; whoever is asked joins the slots. A worker that has
ended has no figures until its successor writes some: its counters then begin anew, as Prometheus expects.
"""

import asyncio
import mmap
import struct
import zlib
from collections.abc import Iterable, Iterator

from prometheus_client import Metric, generate_latest
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

SLOT_BYTES = 1 << 18
"""Of address space: no more memory is used than what is written takes."""
PUBLISH_SECONDS = 1.0
READ_ATTEMPTS = 5

_HEAD = struct.Struct("<II")
"""Length of the text, and its checksum: a text that is just being written does not match."""


class Board:
    """A text a worker, in memory that processes share which were forked after it was made."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._memory = mmap.mmap(-1, workers * SLOT_BYTES)

    def write(self, worker: int, text: bytes) -> None:
        """Put a text in place of a worker's last one. One that is longer than a slot is left out."""
        if _HEAD.size + len(text) > SLOT_BYTES:
            text = b""
        start = worker * SLOT_BYTES
        body = start + _HEAD.size
        self._memory[body : body + len(text)] = text
        _HEAD.pack_into(self._memory, start, len(text), zlib.crc32(text))

    def read(self, worker: int) -> bytes:
        """A worker's last text; nothing if it has none, or died while it wrote one."""
        for _ in range(READ_ATTEMPTS):
            start = worker * SLOT_BYTES
            length, checksum = _HEAD.unpack_from(self._memory, start)
            body = start + _HEAD.size
            text = self._memory[body : body + length]
            if zlib.crc32(text) == checksum:
                return text
        return b""

    def clear(self, worker: int) -> None:
        """Take a worker's text away."""
        self.write(worker, b"")


class Figures:
    """A worker's own figures on the board, and those of all."""

    def __init__(self, board: Board, worker: int, restarts: int, registry: Collector) -> None:
        self._board = board
        self._worker = worker
        self._marked = _Marked(registry, worker, restarts)

    def publish(self) -> None:
        """Write down how this worker is now."""
        self._board.write(self._worker, generate_latest(self._marked))

    def keep_published(self) -> None:
        """The same every second from now on, as long as the running event loop runs."""
        self.publish()
        asyncio.get_running_loop().call_later(PUBLISH_SECONDS, self.keep_published)

    def exposition(self) -> bytes:
        """Everything of every worker in the text format of Prometheus: the others' at most as old as their turn."""
        self.publish()
        return merged(self._board.read(worker) for worker in range(self._board.workers))


class _Marked(Collector):
    """The figures of a worker, each marked as its own."""

    def __init__(self, registry: Collector, worker: int, restarts: int) -> None:
        self._registry = registry
        self._mark = {"worker": str(worker)}
        self._restarts = restarts

    def collect(self) -> Iterator[Metric]:
        """Each figure once, with the number of the worker."""
        restarts = CounterMetricFamily("cordon_worker_restarts", "Workers put in place of one that ended.")
        restarts.add_metric([], self._restarts)
        for metric in (*self._registry.collect(), restarts):
            metric.samples = [sample._replace(labels=self._mark | sample.labels) for sample in metric.samples]
            yield metric


def merged(texts: Iterable[bytes]) -> bytes:
    """One exposition of several: the samples of each family together, under its heading."""
    families: dict[bytes, list[bytes]] = {}
    for text in texts:
        for family in (b"\n" + text).split(b"\n# HELP ")[1:]:
            documentation, kind, samples = (family.rstrip(b"\n") + b"\n").split(b"\n", 2)
            families.setdefault(b"# HELP %b\n%b\n" % (documentation, kind), []).append(samples)
    return b"".join(heading + b"".join(samples) for heading, samples in families.items())
