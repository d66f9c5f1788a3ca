"""Open-loop load on one server: requests leave by the clock, and latency counts from the moment they were due.

A single thread that never sleeps, on a core of its own: it makes tens of thousands of requests a second, which is more
than `locustfile` can. It says how late it sent requests itself: if that is not far below the latencies, it was the
limit. Run it as `python -m loadtests.openloop URL FEED --rate 10000`.
"""

import argparse
import gc
import os
import select
import socket
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from loadtests.arrivals import arrivals_within
from loadtests.feeds import read_feed
from loadtests.latencies import PERCENTILES, Latencies

CONNECTIONS: Final = 64
GRACE_SECONDS: Final = 10.0
"""How long answers are awaited once the last request was due."""
EVENTS_AT_A_TIME: Final = 4
"""Few, so that no request that is due waits for many answers to be read."""
READ_BYTES: Final = 65_536
HEAD_END: Final = b"\r\n\r\n"
LENGTHS_KEPT: Final = 64


@dataclass(frozen=True, slots=True)
class Plan:
    """How a server is loaded."""

    per_second: float
    seconds: float
    seed: int = 0
    connections: int = CONNECTIONS
    grace_seconds: float = GRACE_SECONDS

    def due(self) -> list[int]:
        """When each request is due, in nanoseconds since the beginning."""
        return arrivals_within(self.per_second, self.seconds, self.seed)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a load."""

    latencies: Latencies
    """From the moment a request was due until its answer was read whole."""
    lateness: Latencies
    """How long requests that were due stayed unsent though a connection was free: the fault of the load."""
    per_second: float
    """Requests that were due."""
    errors: int
    """Requests that were never answered."""
    non_2xx: int

    @property
    def kept_up(self) -> bool:
        """Whether the load was far quicker than what it measures."""
        return self.lateness.count > 0 and self.lateness.percentile_us(50) < self.latencies.percentile_us(50) / 2


class _Connection:
    """A connection to the server, with at most one request under way."""

    __slots__ = ("due", "fileno", "free_since", "received", "socket")

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address, timeout=GRACE_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.fileno = self.socket.fileno()
        self.due = 0
        self.free_since = 0
        self.received = b""


@dataclass(slots=True)
class _Recorded:
    latencies: list[int] = field(default_factory=list)
    lateness: list[int] = field(default_factory=list)
    errors: int = 0
    non_2xx: int = 0


class _Load:
    """One load, from its first request to its last answer."""

    def __init__(self, url: str, requests: Sequence[bytes], plan: Plan) -> None:
        target = urlsplit(url)
        self.recorded = _Recorded()
        self._address = (target.hostname or "127.0.0.1", target.port or 80)
        self._requests = requests
        self._due = plan.due()
        self._sent = 0
        self._poll = select.epoll()
        self._idle: deque[_Connection] = deque()
        self._by_fileno: dict[int, _Connection] = {}
        self._lengths: dict[bytes, int] = {}
        """Of whole answers, by their heads, which are mostly the same."""
        for _ in range(plan.connections):
            self._connect()

    def run(self, grace_seconds: float) -> None:
        """Send what is due, read what comes, until all is answered or the grace is over."""
        start = time.perf_counter_ns()
        self._due = due = [start + moment for moment in self._due]
        end = (due[-1] if due else start) + int(grace_seconds * 1e9)
        poll, by_fileno, idle, now = self._poll.poll, self._by_fileno, self._idle, start
        while now < end and (self._sent < len(due) or len(idle) < len(by_fileno)):
            now = self._send_due()
            for fileno, _ in poll(0, EVENTS_AT_A_TIME):
                self._read(by_fileno[fileno])
        self._give_up(now)

    def _send_due(self) -> int:
        """HOT PATH: send what is due, as far as connections are free; the time it is then."""
        now = time.perf_counter_ns()
        idle, due, requests = self._idle, self._due, self._requests
        while idle and self._sent < len(due) and due[self._sent] <= now:
            connection = idle.popleft()
            connection.due = due[self._sent]
            request = requests[self._sent % len(requests)]
            self._sent += 1
            self.recorded.lateness.append(now - max(connection.due, connection.free_since))
            self._send(connection, request)
            now = time.perf_counter_ns()
        return now

    def _send(self, connection: _Connection, request: bytes) -> None:
        try:
            whole = connection.socket.send(request) == len(request)
        except OSError:
            whole = False
        if not whole:
            self._failed(connection)

    def _read(self, connection: _Connection) -> None:
        """HOT PATH: read what came; with the answer whole, the connection is free again."""
        try:
            data = connection.socket.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            return self._failed(connection)
        if connection.received:
            data = connection.received + data
        if len(data) < self._length(data):
            connection.received = data
            return None
        connection.received = b""
        connection.free_since = now = time.perf_counter_ns()
        self.recorded.latencies.append(now - connection.due)
        if data[9:10] != b"2":
            self.recorded.non_2xx += 1
        self._idle.append(connection)
        return None

    def _length(self, data: bytes) -> int:
        """How long the answer is that begins so; more than there is while its head is not whole."""
        end = data.find(HEAD_END)
        if end < 0:
            return len(data) + 1
        head = data[:end]
        length = self._lengths.get(head)
        if length is None:
            if len(self._lengths) >= LENGTHS_KEPT:
                self._lengths.clear()
            length = self._lengths[head] = end + len(HEAD_END) + content_length(head)
        return length

    def _connect(self) -> None:
        connection = _Connection(self._address)
        self._by_fileno[connection.fileno] = connection
        self._poll.register(connection.fileno, select.EPOLLIN)
        self._idle.append(connection)

    def _failed(self, connection: _Connection) -> None:
        """Replace a connection that broke; its request is never answered."""
        self.recorded.errors += 1
        self._drop(connection)
        self._connect()

    def _drop(self, connection: _Connection) -> None:
        self._by_fileno.pop(connection.fileno, None)
        connection.socket.close()

    def _give_up(self, now: int) -> None:
        """Whatever is not answered has waited until now at least: it counts, and as an error too."""
        idle = set(map(id, self._idle))
        waiting = [found.due for found in self._by_fileno.values() if id(found) not in idle] + self._due[self._sent :]
        self.recorded.latencies.extend(now - moment for moment in waiting)
        self.recorded.errors += len(waiting)
        for connection in list(self._by_fileno.values()):
            self._drop(connection)
        self._poll.close()


def content_length(head: bytes) -> int:
    """The length of the body that a head of an answer announces; 0 if it announces none."""
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line[15:])
    return 0


def open_loop(url: str, requests: Sequence[bytes], plan: Plan) -> Outcome:
    """Load a server with requests by the clock, over and over the same ones."""
    load = _Load(url, requests, plan)
    gc.collect()
    gc.disable()  # of this process: a pause here would be taken for one of the server's
    try:
        load.run(plan.grace_seconds)
    finally:
        gc.enable()
    found = load.recorded
    latencies, lateness = Latencies.of(found.latencies), Latencies.of(found.lateness)
    return Outcome(latencies, lateness, latencies.count / plan.seconds, found.errors, found.non_2xx)


def main() -> None:
    """Load a server, and print percentiles."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("feed", type=Path, help="requests as `python -m loadtests.traffic` writes them")
    parser.add_argument("--rate", type=float, default=10_000, help="requests a second")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--connections", type=int, default=CONNECTIONS)
    parser.add_argument("--core", type=int, help="the core to run on; any unless said")
    options = parser.parse_args()
    if options.core is not None:
        os.sched_setaffinity(0, {options.core})
    plan = Plan(options.rate, options.seconds, connections=options.connections)
    found = open_loop(options.url, read_feed(options.feed), plan)
    print(f"{found.per_second:,.0f}/s, {found.errors} errors, {found.non_2xx} not 2xx, kept up: {found.kept_up}")
    for percentile in PERCENTILES:
        late, took = found.lateness.percentile_us(percentile), found.latencies.percentile_us(percentile)
        print(f"p{percentile:<6g} {took:12,.1f} µs   sent {late:10,.1f} µs late")


if __name__ == "__main__":
    main()
