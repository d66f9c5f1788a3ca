"""Locust with an open loop: requests by the clock, latency from the moment each was due, in an HDR histogram.

Alone: `locust -f loadtests/locustfile.py --headless -u 4 -t 30s --host URL --feed FILE --rate 250`; each user is a
stream of `--rate` requests a second, so that is 1,000 a second. Over several processes or machines add `--processes N`,
or `--master` here and `--worker` there: histograms are merged, not averaged. A process manages a few thousand requests
a second on a core; for more use more workers, or `openloop`.
"""

import itertools
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import gevent  # type: ignore[import-untyped]
from gevent.pool import Pool  # type: ignore[import-untyped]
from locust import FastHttpUser, constant, events, runners, task
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner

from loadtests.arrivals import arrivals_ns
from loadtests.feeds import read_feed
from loadtests.latencies import PERCENTILES, Latencies

CONNECTIONS: Final = 64
"""Of one user."""
SEED: Final = 20_261_122
SPIN_NS: Final = 1_500_000
"""Sleeping is exact to a millisecond: what is left of a wait is waited for awake."""
LAST_ANSWERS_SECONDS: Final = 0.1
"""Short, since a master awaits the last reports of its workers for half a second, and loses those that come later."""

runners.WORKER_REPORT_INTERVAL = 0.5  # so that little is lost with a worker that dies

LATENCIES: Final = Latencies()
"""Of this process since it last reported; of a master, of all its workers."""
_streams = itertools.count()


class OpenLoopUser(FastHttpUser):
    """A stream of requests that leave by the clock, whatever became of those before."""

    concurrency = CONNECTIONS
    wait_time = constant(0)

    def on_start(self) -> None:
        """Read the requests."""
        options = self.environment.parsed_options
        assert options is not None
        self._requests = [_parted(request) for request in read_feed(Path(options.feed))]
        self._rate = float(options.rate)
        self._under_way = Pool()

    @task
    def ask_by_the_clock(self) -> None:
        """Ask for as long as the test goes on."""
        runner = self.environment.runner
        worker = runner.worker_index if isinstance(runner, WorkerRunner) else 0
        stream = next(_streams)
        start, requests = time.perf_counter_ns(), itertools.cycle(self._requests)
        for moment in arrivals_ns(self._rate, hash((SEED, worker, stream))):
            _wait_until(start + moment)
            self._under_way.spawn(self._ask, next(requests), start + moment)

    def on_stop(self) -> None:
        """Await the last answers; what has none by then has waited until then at least."""
        self._under_way.join(timeout=LAST_ANSWERS_SECONDS)
        self._under_way.kill()

    def _ask(self, request: tuple[str, dict[str, str], str], due: int) -> None:
        path, headers, body = request
        try:
            with self.client.post(path, data=body, headers=headers, catch_response=True) as response:
                response.request_meta["response_time"] = (time.perf_counter_ns() - due) / 1e6
        finally:
            LATENCIES.record(time.perf_counter_ns() - due)


def _wait_until(due: int) -> None:
    while (left := due - time.perf_counter_ns()) > 0:
        gevent.sleep(left / 1e9 if left > SPIN_NS else 0)


def _parted(request: bytes) -> tuple[str, dict[str, str], str]:
    """Path, headers and body of a whole request."""
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.decode("ascii").split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    kept = {name: value for name, value in headers.items() if name.lower() not in ("host", "content-length")}
    return first.split(" ")[1], kept, body.decode()


@events.init_command_line_parser.add_listener  # type: ignore[untyped-decorator]
def _add_options(parser: LocustArgumentParser) -> None:
    parser.add_argument("--feed", required=True, help="requests as `python -m loadtests.traffic` writes them")
    parser.add_argument("--rate", type=float, default=100, help="requests a second of each user")
    parser.add_argument("--hdr", default="", help="file for the percentiles and the histogram, as JSON")


@events.report_to_master.add_listener  # type: ignore[untyped-decorator]
def tell_master(client_id: str, data: dict[str, Any]) -> None:
    """Hand over what was recorded since the last report."""
    data["latencies"] = LATENCIES.encoded()
    LATENCIES.clear()


@events.worker_report.add_listener  # type: ignore[untyped-decorator]
def hear_worker(client_id: str, data: Mapping[str, Any]) -> None:
    """Take over what a worker recorded."""
    LATENCIES.merge(data["latencies"])


@events.test_start.add_listener  # type: ignore[untyped-decorator]
def forget(environment: Environment, **_: object) -> None:
    """Begin anew; a worker that is late has nothing of before."""
    LATENCIES.clear()


@events.init.add_listener  # type: ignore[untyped-decorator]
def report_at_the_end(environment: Environment, **_: object) -> None:
    """See that percentiles are reported once everything else is over, the last reports of workers included."""
    if not isinstance(environment.runner, WorkerRunner):
        environment.events.quit.add_listener(lambda **_: report(environment))  # type: ignore[no-untyped-call]


def report(environment: Environment) -> None:
    """Print the percentiles of all, and write them to a file if one is named."""
    if environment.parsed_options is None:
        return
    whose = "all workers" if isinstance(environment.runner, MasterRunner) else "this process"
    print(f"latency from the moment a request was due, {LATENCIES.count} requests of {whose}:")
    for percentile, microseconds in LATENCIES.percentiles_us(PERCENTILES).items():
        print(f"  p{percentile:<6g} {microseconds / 1000:12.3f} ms")
    if file := environment.parsed_options.hdr:
        found = {f"{percentile:g}": value for percentile, value in LATENCIES.percentiles_us().items()}
        document = {"count": LATENCIES.count, "percentiles_us": found, "histogram": LATENCIES.encoded()}
        Path(file).write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
