"""The whole service as a process: `cordon serve` on a socket, from start to stop."""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.storage.directory import load_directory
from tests.service.conftest import WORLD, question, write_world

PATIENCE_SECONDS = 60
LOOKS = 600
"""Ten a second."""


@dataclass(frozen=True, slots=True)
class Served:
    """A running `cordon serve`."""

    process: subprocess.Popen[str]
    url: str
    greeting: str
    directory: Path

    def connect(self, request: bytes) -> socket.socket:
        """A connection on which this much of a request was sent."""
        host, port = self.url.removeprefix("http://").split(":")
        connection = socket.create_connection((host, int(port)), timeout=PATIENCE_SECONDS)
        connection.sendall(request)
        return connection

    def stop(self) -> str:
        """All that it logged, once it has stopped as it should."""
        self.process.send_signal(signal.SIGTERM)
        _, log = self.process.communicate(timeout=PATIENCE_SECONDS)
        assert self.process.returncode == 0
        assert "Traceback" not in log
        return log

    def ask(self, path: str = "/access/v1/evaluation") -> Any:
        response = httpx.post(self.url + path, json=question(), headers={"x-request-id": "r1"})
        assert response.headers["x-request-id"] == "r1"
        return response.json()

    def wait_for(self, claim: str) -> dict[str, Any]:
        """The state of the service once its text holds `claim`."""
        for _ in range(LOOKS):
            text = httpx.get(self.url + "/readyz").text
            if claim in text:
                return dict(json.loads(text))
            time.sleep(0.1)
        raise AssertionError(f"never `{claim}`: {text}")


def start(*arguments: str, **variables: str) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CORDON_")} | variables
    return subprocess.Popen(
        [sys.executable, "-m", "service.cli", "serve", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


@contextmanager
def serving_from(directory: Path, *arguments: str, **variables: str) -> Iterator[Served]:
    """A `cordon serve` that has said that it is ready."""
    process = start("--data", str(write_world(directory)), "--port", "0", *arguments, **variables)
    assert process.stdout is not None
    lines = [process.stdout.readline()]
    while lines[-1] and "Ctrl-C" not in lines[-1]:
        lines.append(process.stdout.readline())
    greeting = "".join(lines)
    found = re.search(r"at (http://(?:127\.0\.0\.1|\[::1\]):[0-9]+)", greeting)
    try:
        assert found, greeting
        yield Served(process, found[1], greeting, directory)
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with serving_from(tmp_path) as served:
        assert not served.url.endswith(":8080")
        yield served


def test_it_starts_answers_reloads_goes_on_and_stops(served: Served) -> None:
    assert served.ask()["decision"] is True
    first = served.wait_for('"ready":true')["ruleset"]["revision"]
    write_world(served.directory, {"policy.yaml": WORLD["policy.yaml"].replace("default: allow", "default: deny")})
    second = load_directory(served.directory).ruleset.revision
    assert second != first
    served.wait_for(second)
    answer = served.ask()
    assert answer["decision"] is False
    assert answer["context"]["ruleset"]["revision"] == second
    served.directory.joinpath("policy.yaml").write_text("language: [")
    assert served.wait_for("fault_count")["ready"] is True
    assert served.ask()["context"]["ruleset"] == answer["context"]["ruleset"]
    assert "policy.yaml:" in served.stop()


def test_the_greeting_names_a_command_that_works(served: Served) -> None:
    line = next(line for line in served.greeting.splitlines() if line.strip().startswith("curl"))
    words = shlex.split(line)
    body = words[words.index("-d") + 1]
    response = httpx.post(words[2], content=body, headers={"content-type": "application/json"})
    assert response.status_code == 200
    assert response.json()["context"]["unknown"] == ["activity.missing"]


def test_answers_name_no_server_and_broken_requests_break_nothing(served: Served) -> None:
    for garbage in (b"\x00\xff\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"POST /access/v1/evaluation HTTP/1.1\r\n\r\n"):
        with served.connect(garbage) as raw:
            raw.shutdown(socket.SHUT_WR)
            while raw.recv(4096):
                pass
    response = httpx.get(served.url + "/livez")
    assert response.status_code == 200
    assert "server" not in response.headers
    head = httpx.head(served.url + "/livez")
    assert (head.status_code, head.content) == (200, b"")
    assert httpx.head(served.url + "/access/v1/evaluation").status_code == 405


def test_a_body_comes_in_pieces_and_one_past_the_limit_is_refused(served: Served) -> None:
    headers = {"content-type": "application/json"}
    with httpx.Client(base_url=served.url, headers=headers) as client:
        pieces = json.dumps(question(filler="x" * 500_000)).encode()
        chunks = (pieces[start : start + 10_000] for start in range(0, len(pieces), 10_000))
        assert client.post("/access/v1/evaluation", content=chunks).json()["decision"] is True
        for large in (b"[" * 5_000_000, iter([b"[" * 100_000] * 50)):
            refused = client.post("/access/v1/evaluation", content=large)
            assert (refused.status_code, refused.headers["connection"]) == (413, "close")
        assert client.get("/livez").status_code == 200


def begun(length: int, body: bytes) -> bytes:
    """A request of which only so much of the body was sent."""
    head = "POST /access/v1/evaluation HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {length}\r\n\r\n".encode() + body


def read_to_the_end(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65536), b""))


def test_a_body_that_is_announced_past_the_limit_is_refused_before_it_comes(served: Served) -> None:
    with served.connect(begun(2_000_000, b"{")) as connection:
        answer = read_to_the_end(connection)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in answer.lower()
    assert b"the body is longer than 1048576 bytes" in answer


def test_a_request_that_never_ends_does_not_keep_the_service_from_stopping(served: Served) -> None:
    with served.connect(begun(100, b"{")) as connection:
        served.ask()
        log = served.stop()
        answer = read_to_the_end(connection)
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert "Exception" not in log


def test_a_pipe_among_the_data_holds_up_neither_reloads_nor_the_stop(served: Served) -> None:
    os.mkfifo(served.directory / "pipe.yaml")
    served.wait_for("not a regular file")
    served.directory.joinpath("pipe.yaml").unlink()
    served.wait_for('"refused":null')
    os.mkfifo(served.directory / "pipe.yaml")
    served.wait_for("not a regular file")
    assert "pipe.yaml" in served.stop()


UPGRADE = b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n\r\n"


def test_lines_of_the_server_itself_are_json_where_lines_are(tmp_path: Path) -> None:
    with serving_from(tmp_path, CORDON_LOG_FORMAT="json") as served:
        for request in (UPGRADE, b"\x00\xff\r\n\r\n"):
            with served.connect(request) as connection:
                assert read_to_the_end(connection)
        lines = [json.loads(line) for line in served.stop().splitlines()]
    assert [line["event"] for line in lines] == ["data in force", "Invalid HTTP request received."]
    assert lines[1]["level"] == "warning"


def has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


@pytest.mark.parametrize(("host", "url"), [("0.0.0.0", "http://127.0.0.1:"), ("::", "http://[::1]:")])
def test_the_greeting_names_a_url_that_leads_there_and_nothing_that_is_refused(
    tmp_path: Path, host: str, url: str
) -> None:
    if ":" in host and not has_ipv6():
        pytest.skip("there is no IPv6 here")
    with serving_from(tmp_path, "--host", host) as served:
        assert served.url.startswith(url)
        assert "explain" not in served.greeting
        assert httpx.get(served.url + "/livez").status_code == 200


def test_the_greeting_offers_an_explanation_to_those_who_may_have_one(served: Served) -> None:
    assert "?explain=true" in served.greeting


def test_a_stop_by_ctrl_c_is_no_failure(served: Served) -> None:
    served.process.send_signal(signal.SIGINT)
    served.process.communicate(timeout=PATIENCE_SECONDS)
    assert served.process.returncode == 0


def test_a_faulty_directory_is_never_served(tmp_path: Path) -> None:
    write_world(tmp_path, {"accounts.csv": "id,entity\na,who\n", "policy.yaml": WORLD["policy.yaml"] + "colour: red\n"})
    process = start("--data", str(tmp_path), "--port", "0")
    out, log = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 1
    assert out == ""
    assert "accounts.csv:2:3" in log
    assert "policy.yaml:35:1" in log
    assert "Traceback" not in log


def test_a_port_that_is_taken_is_a_fault_in_one_line(tmp_path: Path, served: Served) -> None:
    process = start("--data", str(served.directory), "--port", served.url.rsplit(":", 1)[1])
    _, log = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 1
    assert "cannot listen on 127.0.0.1" in log
    assert "Traceback" not in log


@pytest.mark.parametrize("arguments", [[], ["--data", ".", "--port", "99999"], ["--data", ".", "--port", "x"]])
def test_wrong_options_are_a_usage_error(arguments: list[str]) -> None:
    process = start(*arguments)
    process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 2
