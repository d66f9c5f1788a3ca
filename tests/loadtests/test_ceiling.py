"""What wrk says is read as it is meant, and rounds are compared within themselves."""

import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from loadtests.ceiling import FEED_LUA, LoadFailed, Sample, load, options_of, parse_report, write_script
from loadtests.feeds import ANYTHING, post
from loadtests.lineup import nginx_constant
from loadtests.rounds import Spread, interleave, ratio, rotated
from loadtests.scaling import together
from loadtests.servers import NotInstalled, NotStarted, Server, free_port, need, running
from tests.loadtests.frozen import tiny_server

REPORT = (
    'Running 1s test\nJSON {"requests":5000,"duration_us":2000000,"cpu_us":1500000,"p50_us":700.0,"p90_us":900.0,'
    '"p99_us":1500.0,"max_us":9000.0,"non_2xx":3,"connect":1,"read":2,"write":0,"timeout":4}\n'
)
needs_wrk = pytest.mark.skipif(not shutil.which("wrk"), reason="wrk is not installed")
needs_taskset = pytest.mark.skipif(not shutil.which("taskset"), reason="taskset is not installed")


def sample(rps: float) -> Sample:
    return Sample(rps, 100, 200, 0, 0, int(rps), 1.0, 0.5, 10.0)


@dataclass
class Written:
    """Stands in the rounds, and writes down when it is loaded."""

    name: str
    order: list[str]
    rates: list[float] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)

    def warm_up(self, seconds: float) -> None:
        self.order.append(f"{self.name} warm")

    def run(self, seconds: float) -> Sample:
        self.order.append(self.name)
        return sample(self.rates[len(self.samples)])


def test_a_report_of_wrk_is_read() -> None:
    found = parse_report(REPORT)
    assert (found.rps, found.p50_us, found.p99_us, found.seconds) == (2500, 700, 1500, 2)
    assert (found.errors, found.non_2xx, found.requests, found.load_cpu) == (7, 3, 5000, 0.75)


def test_what_is_no_report_fails_with_what_wrk_said() -> None:
    with pytest.raises(LoadFailed, match="unable to connect"):
        parse_report("unable to connect to 127.0.0.1:1 Connection refused")


@needs_wrk
def test_what_may_never_be_the_same_differs_each_time_round_and_nothing_else_does(tmp_path: Path) -> None:
    asked = [post("/", {"resource": {"type": ANYTHING, "id": number}}) for number in range(7)]
    script = replace(write_script(tmp_path / "requests", asked), never_same=True).beginning(9)
    received: list[bytes] = []
    with listening(received) as port:
        wrk = ["wrk", "-t1", "-c1", "-d1s", "-s", str(FEED_LUA), f"http://127.0.0.1:{port}"]
        subprocess.run([*wrk, "--", *options_of(script)], check=True, capture_output=True)
    sent = [tuple(json.loads(body)["resource"].values()) for body in received[:6]]
    expected = [*(("resour01", number) for number in range(2, 7)), *(("resour02", number) for number in range(2))]
    assert sent == expected[1:], "wrk draws one request before it begins"


@contextmanager
def listening(received: list[bytes]) -> Iterator[int]:
    """A server that answers everything, and keeps the bodies that it receives; its port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            received.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@needs_wrk
@needs_taskset
def test_wrk_sends_the_requests_of_a_feed_and_every_one_is_answered(tmp_path: Path) -> None:
    script = write_script(tmp_path / "requests", (post("/", {"number": number}) for number in range(7)))
    with tiny_server() as server:
        found = load(server, script.beginning(3), 1, 4)
    assert (found.errors, found.non_2xx) == (0, 0)
    assert found.requests > 0
    assert round(found.requests / found.seconds) == round(found.rps)
    assert found.p50_us <= found.p99_us
    assert found.server_cpu_us is not None
    assert found.server_cpu_us > 0


@needs_taskset
@pytest.mark.skipif(not shutil.which("nginx", path="/usr/sbin:/usr/bin"), reason="nginx is not installed")
def test_nginx_serves_by_the_configuration_that_is_written(tmp_path: Path) -> None:
    with running(nginx_constant("nginx", 321, tmp_path / "nginx", cores="0-1")) as server:
        assert len(server.processes()) == 2


def test_rounds_take_turns_and_each_begins_with_another() -> None:
    order: list[str] = []
    contenders = [Written(name, order, [1, 1, 1]) for name in "abc"]
    interleave(contenders, rounds=2, seconds=1, warm_up_seconds=1, say=lambda _: None)
    assert order == ["a warm", "b warm", "c warm", "a", "b", "c", "b", "c", "a"]
    assert rotated("abc", 5) == ["c", "a", "b"]


def test_ratios_are_taken_within_a_round() -> None:
    """The machine is half as quick in the second round: that changes no ratio."""
    order: list[str] = []
    fast, slow = Written("fast", order, [200, 100, 210]), Written("slow", order, [100, 50, 100])
    interleave([fast, slow], rounds=3, seconds=1, warm_up_seconds=1, say=lambda _: None)
    assert ratio(fast, slow) == Spread(2.0, 2.0, 2.1, 3)


def test_what_several_load_generators_found_is_added_up() -> None:
    found = together([sample(1000), sample(3000)], server_cpu_seconds=0.08)
    assert (found.rps, found.requests, found.server_cpu_us) == (4000, 4000, 20)


def test_a_program_that_is_missing_is_named_with_its_package() -> None:
    with pytest.raises(NotInstalled, match=r"`no-such-program` is not installed \(Debian package `no-package`\)"):
        need("no-such-program", "no-package")


@needs_taskset
def test_a_server_that_ends_is_reported_with_its_last_words() -> None:
    server = Server("brief", ("sh", "-c", "echo no luck; exit 3"), f"http://127.0.0.1:{free_port()}")
    with pytest.raises(NotStarted, match="`brief` ended with status 3: no luck"), running(server):
        pass


@needs_taskset
def test_a_server_is_stopped_with_everything_that_it_started() -> None:
    with tiny_server() as server:
        pid = server.pid
        assert server.processes() == [pid]
    assert not Path(f"/proc/{pid}").exists()
