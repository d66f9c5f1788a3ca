"""An open loop does not hide an outage: a server that stands still for a third of the time shows in the percentiles."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import islice, pairwise
from pathlib import Path

import pytest

from loadtests.arrivals import arrivals_ns, arrivals_within
from loadtests.feeds import post, write_script
from loadtests.latencies import Latencies
from loadtests.openloop import Plan, content_length, open_loop
from loadtests.servers import Running
from tests.loadtests.frozen import freeze, frozen, tiny_server

ROOT = Path(__file__).parent.parent.parent
REQUESTS = [post("/", {"number": number}) for number in range(10)]
HALF_A_SECOND_US = 500_000


@pytest.fixture
def server() -> Iterator[Running]:
    with tiny_server() as running:
        yield running


def test_a_freeze_of_one_second_in_three_shows_in_the_percentiles(server: Running) -> None:
    with frozen(server, after=1, seconds=1):
        found = open_loop(server.url, REQUESTS, Plan(per_second=200, seconds=3))
    assert found.errors == 0
    assert found.latencies.percentile_us(95) > HALF_A_SECOND_US
    assert found.latencies.percentile_us(99) > HALF_A_SECOND_US


def test_locust_sees_the_freeze_too_and_merges_what_its_workers_saw(server: Running, tmp_path: Path) -> None:
    feed = write_script(tmp_path / "requests", REQUESTS).feed
    report = tmp_path / "latencies.json"
    command = [sys.executable, "-m", "locust", "-f", "loadtests/locustfile.py", "--headless", "--only-summary"]
    command += ["--processes", "2", "-u", "2", "-r", "2", "-t", "1m", "--host", server.url]
    command += ["--feed", str(feed), "--rate", "50", "--hdr", str(report), "--json"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as locust:
        freeze(server, after=0.5, seconds=1)
        time.sleep(0.5)
        locust.terminate()
        said, _ = locust.communicate()
    found = json.loads(report.read_text())
    assert found["percentiles_us"]["95"] > HALF_A_SECOND_US
    own_figures, _ = json.JSONDecoder().raw_decode(said[said.index("[\n") :])
    assert found["count"] >= own_figures[0]["num_requests"] > 0


def test_what_is_never_answered_counts_as_an_error_and_as_having_waited(server: Running) -> None:
    with frozen(server, after=0, seconds=1):
        found = open_loop(server.url, REQUESTS, Plan(per_second=100, seconds=0.5, grace_seconds=0.2))
    assert found.errors > 0
    assert found.latencies.count >= found.errors


def test_every_request_that_is_due_is_sent_even_where_connections_are_few(server: Running) -> None:
    plan = Plan(per_second=2000, seconds=0.2, connections=1)
    found = open_loop(server.url, REQUESTS, plan)
    assert (found.latencies.count, found.errors, found.non_2xx) == (len(plan.due()), 0, 0)


def test_arrivals_are_the_same_for_one_seed_and_come_in_bursts() -> None:
    moments = list(islice(arrivals_ns(1000, seed=1), 5000))
    gaps = sorted(later - earlier for earlier, later in pairwise(moments))
    assert moments == list(islice(arrivals_ns(1000, seed=1), 5000))
    assert moments != list(islice(arrivals_ns(1000, seed=2), 5000))
    assert 0.9e6 < sum(gaps) / len(gaps) < 1.1e6
    assert gaps[len(gaps) // 2] < 0.8e6  # of an exponential distribution 0.69 of the mean


def test_arrivals_end_with_the_time() -> None:
    moments = arrivals_within(1000, 0.5, seed=3)
    assert 400 < len(moments) < 600
    assert moments[-1] < 0.5e9


def test_histograms_of_several_processes_add_up() -> None:
    one, other = Latencies.of([1_000_000] * 90), Latencies.of([9_000_000] * 10)
    one.merge(other.encoded())
    assert one.count == 100
    assert round(one.percentile_us(50), -1) == 1000
    assert round(one.percentile_us(99), -1) == 9000
    assert Latencies.decoded(one.encoded()).percentiles_us() == one.percentiles_us()


def test_what_is_longer_than_the_longest_latency_counts_as_that() -> None:
    assert round(Latencies.of([10**12]).percentile_us(50) / 1e6) == 60


@pytest.mark.parametrize(
    ("head", "length"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 12", 12),
        (b"HTTP/1.1 200 OK\r\ncontent-length:7", 7),
        (b"HTTP/1.1 204 No Content", 0),
    ],
)
def test_an_answer_is_as_long_as_its_head_says(head: bytes, length: int) -> None:
    assert content_length(head) == length
