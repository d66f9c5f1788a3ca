"""One service, several listeners: each answers what is its own, and nothing that is another's."""

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import typer
from pydantic import ValidationError

from service.cli_serve import serve_command
from service.listening import listening_at
from service.settings import Settings
from tests.service.conftest import question, write_world
from tests.service.connections import JSON, plain_request
from tests.service.listeners import (
    EVALUATION,
    QUESTION,
    REQUEST,
    Listeners,
    Record,
    alike,
    exchange,
    listening,
    recorded_world,
)
from tests.service.test_service_process import PATIENCE_SECONDS, start
from tests.service.test_workers import is_alive, until, workers_of

STATE = {"/", "/livez", "/readyz", "/metrics"}


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Record:
    """A database of the small world."""
    return recorded_world(tmp_path_factory.mktemp("record"))


@pytest.fixture(scope="module")
def recorded(record: Record, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listeners]:
    """Over the database, with a Unix socket: whoever may open it may ask, and nothing else."""
    path = tmp_path_factory.mktemp("socket") / "cordon.sock"
    variables = {"CORDON_CALLER_MAY": "", "CORDON_RULESET": "small-world"}
    with listening("--database", record.url, "--socket", str(path), **variables) as listeners:
        until(lambda: httpx.get(listeners.decisions + "/readyz").status_code == 200)
        yield listeners


def test_the_admin_api_is_answered_on_its_own_port_and_nowhere_else(recorded: Listeners, record: Record) -> None:
    headers = {"authorization": f"Bearer {record.viewer}"}
    assert httpx.get(recorded.administration + "/admin/v1/me", headers=headers).status_code == 200
    with recorded.over_socket() as over_socket, httpx.Client(base_url=recorded.decisions) as over_port:
        for client in (over_socket, over_port):
            for path in ("/admin/v1/me", "/admin/v1/openapi.json", "/admin/", "/admin/v1/keys"):
                refused = client.get(path, headers=headers)
                assert refused.status_code == 404
                assert refused.headers["content-type"] == "application/problem+json"
                assert refused.json()["status"] == 404


def test_decisions_are_answered_on_their_own_listeners_and_not_on_the_admin_port(
    recorded: Listeners, record: Record
) -> None:
    headers = {"authorization": f"Bearer {record.gateway}"}
    assert httpx.post(recorded.decisions + EVALUATION, json=question(), headers=headers).json()["decision"] is True
    for path in (EVALUATION, "/access/v1/evaluations", "/.well-known/authzen-configuration", "/check/nginx/models"):
        for method in ("GET", "POST"):
            refused = httpx.request(method, recorded.administration + path, json=question(), headers=headers)
            assert refused.status_code == 404
            assert refused.headers["content-type"] == "application/problem+json"


def test_each_listener_describes_what_it_answers(recorded: Listeners) -> None:
    described = set(httpx.get(recorded.decisions + "/openapi.json").json()["paths"])
    assert STATE | {EVALUATION} < described
    assert not any(path.startswith("/admin") for path in described)
    assert set(httpx.get(recorded.administration + "/openapi.json").json()["paths"]) == STATE
    for path in STATE:
        for url in (recorded.decisions, recorded.administration):
            assert httpx.get(url + path).status_code == 200
    paths = httpx.get(recorded.administration + "/admin/v1/openapi.json").json()["paths"]
    assert paths
    assert all(path.startswith("/admin/") for path in paths)


def test_an_answer_on_the_unix_socket_is_that_of_the_port_byte_for_byte(recorded: Listeners, record: Record) -> None:
    keyed = plain_request(QUESTION, JSON, b"Authorization: Bearer " + record.gateway.encode())
    with recorded.connect() as port, recorded.connect_to_socket() as unix:
        over_port = [alike(exchange(port, keyed)) for _ in range(3)]
        over_socket = [alike(exchange(unix, REQUEST)) for _ in range(3)]
    assert set(over_port) == set(over_socket)
    assert len(set(over_port)) == 1
    assert over_port[0].startswith(b"HTTP/1.1 200 OK\r\n")


def test_hits_on_the_unix_socket_take_the_fast_lane(recorded: Listeners) -> None:
    with recorded.connect_to_socket() as unix:
        exchange(unix, REQUEST)
        before = hits(recorded)
        for _ in range(3):
            exchange(unix, REQUEST)
    assert hits(recorded) == before + 3


def hits(listeners: Listeners) -> float:
    """Requests that the fast lane has answered."""
    lines = httpx.get(listeners.administration + "/metrics").text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("cordon_fast_lane_answers_total"))


def test_what_the_socket_lets_in_without_a_key_the_port_does_not_even_if_it_was_just_answered(
    recorded: Listeners,
) -> None:
    with recorded.connect_to_socket() as unix:
        for _ in range(6):  # known by its bytes by now
            assert exchange(unix, REQUEST).startswith(b"HTTP/1.1 200 ")
    with recorded.connect() as port:
        for _ in range(2):
            assert exchange(port, REQUEST).startswith(b"HTTP/1.1 401 ")


def test_a_credential_that_a_client_sent_through_the_gateway_does_not_count_on_the_socket(recorded: Listeners) -> None:
    with recorded.connect_to_socket() as unix:
        for header in (b"Authorization: Bearer nonsense", b"X-API-Key: nonsense"):
            assert exchange(unix, plain_request(QUESTION, JSON, header)).startswith(b"HTTP/1.1 200 ")


def test_callers_on_the_socket_may_do_what_those_without_a_key_may(recorded: Listeners) -> None:
    with recorded.over_socket() as client:
        assert client.post(EVALUATION, json=question()).status_code == 200
        assert client.post(EVALUATION + "?explain=true", json=question()).status_code == 403
        assert client.post(EVALUATION, json=question(time="2026-01-01T00:00:00Z")).status_code == 403


def test_a_socket_may_ask_for_keys_and_workers_share_every_listener(record: Record, tmp_path: Path) -> None:
    path = tmp_path / "cordon.sock"
    options = ("--database", record.url, "--socket", str(path), "--socket-callers", "keys", "--workers", "2")
    with listening(*options, "--socket-mode", "0600", CORDON_RULESET="small-world") as listeners:
        workers = workers_of(listeners.process.pid)
        assert len(workers) == 2
        assert path.stat().st_mode & 0o777 == 0o600

        def refused() -> bool:
            """Once the worker that takes it has read the keys; until then it lets nobody in either."""
            with listeners.connect_to_socket() as unix:
                status = exchange(unix, REQUEST).split()[1]
            assert status in (b"401", b"503")
            return status == b"401"

        until(refused)
        headers = {"authorization": f"Bearer {record.gateway}"}

        def answered() -> bool:
            """On connections of their own, which any worker may get."""
            with listeners.over_socket() as client:
                return client.post(EVALUATION, json=question(), headers=headers).status_code == 200

        until(answered)
        os.kill(workers[0], signal.SIGSTOP)
        try:
            assert all(answered() for _ in range(4))  # the other takes what comes over the socket that they share
        finally:
            os.kill(workers[0], signal.SIGCONT)
        seen = {"authorization": f"Bearer {record.viewer}"}
        assert httpx.get(listeners.administration + "/admin/v1/me", headers=seen).status_code == 200
        os.kill(workers[0], signal.SIGKILL)
        until(lambda: len(set(workers_of(listeners.process.pid)) - {workers[0]}) == 2)
        assert path.exists()
        until(answered)
        workers = workers_of(listeners.process.pid)
        log = listeners.stop()
    assert "killed" not in log
    assert not path.exists()
    assert not any(map(is_alive, workers))


def test_a_socket_that_a_dead_process_left_is_replaced_and_that_of_a_living_one_is_not(tmp_path: Path) -> None:
    path, data = tmp_path / "cordon.sock", write_world(tmp_path / "data")
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(path))
    left.close()
    with listening("--data", str(data), "--socket", str(path)) as listeners:
        assert "admin" not in listeners.greeting
        assert path.stat().st_mode & 0o777 == 0o660
        process = start("--data", str(data), "--port", "0", "--socket", str(path))
        _, log = process.communicate(timeout=PATIENCE_SECONDS)
        assert process.returncode == 1
        assert log.splitlines()[-1] == f"cordon: cannot listen on {path}: address already in use"
        with listeners.connect_to_socket() as unix:
            assert exchange(unix, REQUEST).startswith(b"HTTP/1.1 200 ")
            listeners.stop()
    assert not path.exists()


def test_the_end_removes_no_socket_but_its_own(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with listening_at(path, 0o600):
        path.unlink()
        with socket.socket(socket.AF_UNIX) as another:
            another.bind(str(path))
    assert path.exists()


def test_nothing_but_a_socket_is_ever_replaced(tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("kept")
    with pytest.raises(OSError, match="no socket"), listening_at(path, 0o600):
        raise AssertionError
    link = tmp_path / "link"
    link.symlink_to(path)
    with pytest.raises(OSError, match="no socket"), listening_at(link, 0o600):
        raise AssertionError
    assert path.read_text() == "kept"


def test_a_socket_whose_owner_has_no_time_is_a_living_ones(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as busy, socket.socket(socket.AF_UNIX) as first:
        busy.bind(str(path))
        busy.listen(0)
        first.connect(str(path))
        with pytest.raises(OSError, match="in use"), listening_at(path, 0o600):
            raise AssertionError


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"port": 9000, "admin_port": 9000}, "decisions and the admin API need a port each, and not both 9000"),
        ({"port": 8081}, "need a port each, and not both 8081"),
        ({"socket_mode": "rw"}, "`rw` is no mode of a file, such as `0660`"),
        ({"socket_mode": "0888"}, "`0888` is no mode of a file"),
        ({"tls_key": "key.pem"}, "need a certificate"),
        ({"tls_client_ca": "ca.pem"}, "need a certificate"),
        ({"socket_callers": "all"}, "'trusted' or 'keys'"),
        ({"data": "demo"}, "give `data` or `database`, and not both"),
        ({"database": None}, "nothing is named to serve"),
    ],
)
def test_settings_that_contradict_each_other_are_refused_in_words(given: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Settings(**{"database": "sqlite:///x.db", **given})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"port": 8081}, "decisions and the admin API need a port each"),
        ({"port": 70000}, "`port`: must be less than or equal to 65535"),
        ({"workers": "some"}, "`workers`: must be a valid integer"),
        ({"socket_callers": "all"}, "`socket_callers`: must be `trusted` or `keys`"),
    ],
)
def test_wrong_options_are_said_in_one_line_of_plain_words(given: dict[str, object], said: str) -> None:
    with pytest.raises(typer.BadParameter) as caught:
        serve_command({"database": "sqlite:///x.db", **given})
    assert said in caught.value.message
    assert "nput should" not in caught.value.message
    assert "unable to parse" not in caught.value.message


def test_every_fault_of_the_routes_is_a_line_of_its_own(record: Record, tmp_path: Path) -> None:
    file = tmp_path / "routes.yaml"
    file.write_text("gateways: 1\nroutes:\n  a: {resource: b, keep_seconds: -1}\n  c: {}\n", encoding="utf-8")
    process = start("--database", record.url, "--port", "0", "--admin-port", "0", "--gateways", str(file))
    _, log = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 1
    assert [line.partition("routes.yaml:")[2] for line in log.splitlines() if "not serving" in line] == [
        "3:34: must be a whole number from 0 to 300 at /routes/a/keep_seconds",
        "4:6: is missing at /routes/c/resource",
    ]


def test_any_free_ports_do_not_contradict_each_other_and_a_directory_has_no_admin_port(tmp_path: Path) -> None:
    assert Settings(database="sqlite:///x.db", port=0, admin_port=0).admin_port == 0
    assert Settings(data=tmp_path, port=8081).port == 8081


def test_an_admin_port_that_is_taken_is_a_fault_in_one_line(record: Record) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = start("--database", record.url, "--port", "0", "--admin-port", str(port))
        _, log = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}: address already in use" in log
    assert "Traceback" not in log
