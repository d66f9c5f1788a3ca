"""Several workers on one address: that they share it, and that they live and die together as they should."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest
from pydantic import ValidationError

from service.listening import hold, listen
from service.settings import Settings
from service.storage.database import Database, open_database
from service.storage.instances import fleet
from service.storage.migrate import upgrade
from service.workers import LONGEST_DELAY_SECONDS, restart_delay
from tests.service.conftest import NOW, WORLD, question, write_world
from tests.service.test_service_process import PATIENCE_SECONDS, Served, begun, read_to_the_end, serving_from, start

CONNECTIONS = 32
"""That all come to one of two workers is as likely as that a coin shows the same face so many times."""


def workers_of(parent: int) -> list[int]:
    """The living processes that this one started."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, of = status.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if int(of) == parent and state != "Z":
            found.append(int(status.parent.name))
    return sorted(found)


def until(claim: Callable[[], bool]) -> None:
    """Wait until something holds."""
    ends_at = time.monotonic() + PATIENCE_SECONDS
    while not claim():
        assert time.monotonic() < ends_at
        time.sleep(0.02)


def is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def ask(served: Served, method: str, path: str) -> str:
    """The answer on a connection of its own, which any worker may get."""
    host, port = served.url.removeprefix("http://").split(":")
    connection = HTTPConnection(host, int(port), timeout=PATIENCE_SECONDS)
    try:
        connection.request(method, path, json.dumps(question()), {"content-type": "application/json"})
        response = connection.getresponse()
        assert response.status == 200
        return response.read().decode()
    finally:
        connection.close()


def evaluate(served: Served) -> None:
    """Have one decision made."""
    assert '"decision":true' in ask(served, "POST", "/access/v1/evaluation")


def figures(served: Served, name: str) -> dict[str, float]:
    """A figure of each worker, by its labels."""
    lines = ask(served, "GET", "/metrics").splitlines()
    told = (line.rpartition(" ") for line in lines if line.startswith(name + "{"))
    return {labels: float(value) for labels, _, value in told}


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving_from(tmp_path_factory.mktemp("data"), "--workers", "2") as served:
        yield served


def test_both_answer_at_one_address_and_either_tells_the_figures_of_both(several: Served) -> None:
    assert len(workers_of(several.process.pid)) == 2
    for _ in range(CONNECTIONS):
        evaluate(several)
    told: dict[str, float] = {}

    def all_counted() -> bool:
        told.update(figures(several, "cordon_decisions_total"))
        return sum(told.values()) == CONNECTIONS

    until(all_counted)
    assert {labels for labels, count in told.items() if count} == {
        'cordon_decisions_total{effect="allow",worker="0"}',
        'cordon_decisions_total{effect="allow",worker="1"}',
    }


def test_the_greeting_is_said_once_and_leads_there(several: Served) -> None:
    assert several.greeting.count("Cordon serves") == 1
    assert ask(several, "GET", "/livez") == "alive\n"


def test_one_that_is_killed_is_replaced_while_the_other_answers(several: Served) -> None:
    killed, other = workers_of(several.process.pid)
    os.kill(killed, signal.SIGKILL)
    until(lambda: not Path(f"/proc/{killed}").exists())
    restarts: dict[str, float] = {}
    while sum(restarts.values()) != 1 or len(restarts) != 2:
        restarts = figures(several, "cordon_worker_restarts_total")
        evaluate(several)
    assert other in workers_of(several.process.pid)
    assert len(workers_of(several.process.pid)) == 2


def test_an_address_where_several_answer_is_not_shared_with_another_service(several: Served) -> None:
    port = several.url.rsplit(":", 1)[1]
    process = start("--data", str(several.directory), "--port", port, "--workers", "2")
    _, log = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 1
    assert log == f"cordon: cannot listen on 127.0.0.1:{port}: address already in use\n"


def test_a_stop_lets_all_end_what_is_under_way(several: Served) -> None:
    workers = workers_of(several.process.pid)
    connections = [several.connect(begun(100, b"{")) for _ in range(8)]
    evaluate(several)
    log = several.stop()
    for connection in connections:
        with connection:
            assert read_to_the_end(connection).startswith(b"HTTP/1.1 503 ")
    assert not any(map(is_alive, workers))
    assert "killed" not in log


def instances(database: Database) -> list[int]:
    """The processes that serve from it."""
    with database.reading() as connection:
        return [seen.state.process for seen in fleet(connection)]


def test_workers_over_a_database_say_one_key_and_do_not_outlive_a_parent_that_is_killed(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'cordon.db'}"
    database = open_database(url, lambda: NOW)
    upgrade(database)
    process = start("--database", url, "--port", "0", "--admin-port", "0", "--workers", "2")
    assert process.stdout is not None
    greeting = "".join(iter(process.stdout.readline, "Stop it with Ctrl-C.\n"))
    workers = workers_of(process.pid)
    assert greeting.count("cordon_bootstrap_") == 2  # the key, and in the example
    until(lambda: sorted(instances(database)) == workers)
    process.kill()
    process.communicate(timeout=PATIENCE_SECONDS)
    until(lambda: not any(map(is_alive, workers)))
    assert instances(database) == []


def test_faults_of_the_data_are_said_once_and_end_everything(tmp_path: Path) -> None:
    write_world(tmp_path, {"accounts.csv": "id,entity\na,who\n", "policy.yaml": WORLD["policy.yaml"] + "colour: red\n"})
    process = start("--data", str(tmp_path), "--port", "0", "--workers", "3")
    out, log = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 1
    assert out == ""
    assert log.count("accounts.csv:2:3") == 1
    assert log.count("cordon: not serving") == 1
    assert "Traceback" not in log


def supervised(work: str, patience_seconds: float = 10.0) -> subprocess.Popen[str]:
    """Two workers that do what is said here, and nothing else."""
    program = f"""
import os, signal, sys, time
from service.worker_metrics import Board
from service.workers import Supervisor
worker = Supervisor(2, Board(2), lambda lines: print(lines, flush=True), patience_seconds={patience_seconds}).run()
if isinstance(worker, int):
    sys.exit(worker)
{work}
"""
    return subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def test_a_worker_that_fails_before_all_are_ready_ends_all_with_its_exit_code() -> None:
    process = supervised("worker.tell_ready(['ready']) if worker.number == 0 else sys.exit(7)\ntime.sleep(60)")
    out, _ = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, out) == (7, "")


def test_a_worker_that_dies_before_it_is_ready_is_tried_again() -> None:
    process = supervised("worker.restarts or os.kill(os.getpid(), 9)\nworker.tell_ready(['ready'])\ntime.sleep(60)")
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(3)]
    assert [line.strip() for line in lines if "worker ended" not in line] == ["['ready']"]
    process.terminate()
    process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0


def test_a_worker_that_does_not_stop_is_killed() -> None:
    process = supervised("signal.signal(15, signal.SIG_IGN)\nworker.tell_ready(['ready'])\ntime.sleep(60)", 0.2)
    assert process.stdout is not None
    assert process.stdout.readline() == "['ready']\n"
    process.terminate()
    out, _ = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0
    assert out.count("worker killed") == 2


def test_the_time_before_a_restart_grows_to_a_bound() -> None:
    delays = [restart_delay(deaths) for deaths in range(1, 12)]
    assert delays[:4] == [0.1, 0.2, 0.4, 0.8]
    assert delays[-1] == LONGEST_DELAY_SECONDS


def test_an_address_that_is_held_is_for_those_who_share_it() -> None:
    held = hold("127.0.0.1", 0)
    address, port = held.socket.getsockname()
    listening = [listen(address, port, is_shared=True) for _ in range(2)]
    assert {each.url for each in listening} == {held.url}
    with pytest.raises(OSError, match="in use"):
        listen(address, port)
    with pytest.raises(OSError, match="in use"):
        hold(address, port)
    for each in (held, *listening):
        each.socket.close()


def test_an_address_that_is_only_held_takes_no_connections() -> None:
    held = hold("127.0.0.1", 0)
    with held.socket, pytest.raises(ConnectionRefusedError):
        socket.create_connection(held.socket.getsockname())


@pytest.mark.parametrize(("given", "count"), [("3", 3), (1, 1)])
def test_there_are_as_many_workers_as_said(given: object, count: int) -> None:
    assert Settings.model_validate({"data": ".", "workers": given}).worker_count == count


@pytest.mark.parametrize("given", ["auto", "0", 0])
def test_there_is_a_worker_a_core_where_that_is_wanted(given: object) -> None:
    settings = Settings.model_validate({"data": ".", "workers": given})
    assert settings.worker_count == len(os.sched_getaffinity(0))


@pytest.mark.parametrize("given", ["-1", "many", "257"])
def test_no_other_number_of_workers_is_taken(given: object) -> None:
    with pytest.raises(ValidationError, match="workers"):
        Settings.model_validate({"data": ".", "workers": given})
