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


def start(*arguments: str) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CORDON_")}
    return subprocess.Popen(
        [sys.executable, "-m", "service.cli", "serve", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    directory = write_world(tmp_path)
    process = start("--data", str(directory), "--port", "0")
    assert process.stdout is not None
    lines = [process.stdout.readline()]
    while lines[-1] and "Ctrl-C" not in lines[-1]:
        lines.append(process.stdout.readline())
    greeting = "".join(lines)
    found = re.search(r"at (http://127\.0\.0\.1:[0-9]+)", greeting)
    assert found, greeting
    assert not found[1].endswith(":8080")
    yield Served(process, found[1], greeting, directory)
    process.kill()
    process.communicate()


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
    served.process.send_signal(signal.SIGTERM)
    _, log = served.process.communicate(timeout=PATIENCE_SECONDS)
    assert served.process.returncode == 0
    assert "policy.yaml:" in log
    assert "Traceback" not in log


def test_the_greeting_names_a_command_that_works(served: Served) -> None:
    line = next(line for line in served.greeting.splitlines() if line.strip().startswith("curl"))
    words = shlex.split(line)
    body = words[words.index("-d") + 1]
    response = httpx.post(words[2], content=body, headers={"content-type": "application/json"})
    assert response.status_code == 200
    assert response.json()["context"]["unknown"] == ["activity.missing"]


def test_answers_name_no_server_and_broken_requests_break_nothing(served: Served) -> None:
    host, port = served.url.removeprefix("http://").split(":")
    for garbage in (b"\x00\xff\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"POST /access/v1/evaluation HTTP/1.1\r\n\r\n"):
        with socket.create_connection((host, int(port)), timeout=PATIENCE_SECONDS) as raw:
            raw.sendall(garbage)
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
        assert client.post("/access/v1/evaluation", content=b"[" * 5_000_000).status_code == 413
        assert client.get("/livez").status_code == 200


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
