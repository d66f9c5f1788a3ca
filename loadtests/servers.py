"""Servers under test: how each is started, pinned to its cores, asked whether it is ready, and stopped.

A server is a session of its own: whatever it starts is counted with it and stopped with it; should this process die, so
does the server. Its output goes to a file, and is shown if the server never becomes ready.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

SERVER_CORES = "0"
LOAD_CORES = "1"

READY_SECONDS = 60.0
STOP_SECONDS = 10.0
POLL_SECONDS = 0.05

ESTABLISHED, LISTENING = "01", "0A"
"""As `/proc/net/tcp` says it."""
_TICKS = os.sysconf("SC_CLK_TCK")


class NotStarted(Exception):
    """A server ended, or did not answer in time: its last words."""


class NotInstalled(Exception):
    """A program that a measure needs is missing: which, and what brings it."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server under test."""

    name: str
    """By which its figures are reported."""
    command: tuple[str, ...]
    url: str
    """Where it is asked: `http://127.0.0.1:PORT`."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Beside the environment of this process."""
    ready_path: str = "/"
    """Is answered, whatever the status below 500, once it is ready."""
    cores: str = SERVER_CORES
    """As `taskset -c` takes them."""
    ready_seconds: float = READY_SECONDS

    @property
    def ready_url(self) -> str:
        return self.url + self.ready_path


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers."""

    name: str
    url: str
    pid: int
    """Of its session too."""

    def processes(self) -> list[int]:
        """Ids of all its processes, the first one first."""
        return sorted(members(self.pid), key=lambda pid: (pid != self.pid, pid))

    def cpu_seconds(self) -> float:
        """CPU time that all its processes have spent."""
        return sum(cpu_seconds(pid) for pid in self.processes())


@contextmanager
def running(server: Server) -> Iterator[Running]:
    """The server, ready; stopped with everything that it started.

    Raises:
        NotInstalled: its program is missing.
        NotStarted: it ended, or did not answer in time.
    """
    setpriv, taskset = need("setpriv", "util-linux"), need("taskset", "util-linux")
    if shutil.which(server.command[0]) is None:
        raise NotInstalled(f"`{server.command[0]}` is not installed")
    with _log_file() as log:
        process = subprocess.Popen(
            [setpriv, "--pdeathsig", "TERM", taskset, "-c", server.cores, *server.command],
            env={**os.environ, **server.env},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _await_ready(server, process, log)
            yield Running(server.name, server.url, process.pid)
        finally:
            _stop(process)


def need(program: str, package: str) -> str:
    """Where a program is.

    Raises:
        NotInstalled: nowhere; names the Debian package that brings it.
    """
    found = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if found is None:
        raise NotInstalled(f"`{program}` is not installed (Debian package `{package}`)")
    return found


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def members(session: int) -> Iterator[int]:
    """Ids of the processes of a session."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and _session_of(int(entry.name)) == session:
            yield int(entry.name)


def cpu_seconds(pid: int) -> float:
    """CPU time that a process has spent, in user and system mode; 0 if it is gone."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / _TICKS if fields else 0.0


def pin(pid: int, core: int) -> None:
    """Keep a process, with all its threads, on one core."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), {core})


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """This thread on one core, for as long."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def connections_of(pid: int, port: int) -> int:
    """How many connections to a port of this machine a process holds."""
    sockets = _sockets(port, ESTABLISHED)
    return sum(_target(entry) in sockets for entry in Path(f"/proc/{pid}/fd").iterdir())


def await_listeners(port: int, count: int) -> None:
    """Wait until so many sockets listen on a port, since the first worker that is ready answers for all.

    Raises:
        NotStarted: they never do.
    """
    deadline = time.monotonic() + READY_SECONDS
    while len(_sockets(port, LISTENING)) < count:
        if time.monotonic() > deadline:
            raise NotStarted(f"fewer than {count} workers listen on port {port}")
        time.sleep(POLL_SECONDS)


def _sockets(port: int, state: str) -> set[str]:
    """Sockets of IPv4 on a local port, as the files of a process name them."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    local = f":{port:04X}"
    return {f"socket:[{row[9]}]" for row in rows if row[1].endswith(local) and row[3] == state}


def _target(entry: Path) -> str:
    try:
        return str(entry.readlink())
    except OSError:
        return ""


def _session_of(pid: int) -> int:
    fields = _stat(pid)
    return int(fields[3]) if fields else -1


def _stat(pid: int) -> list[str]:
    """The fields of `/proc/PID/stat` after the name, which may hold anything; none if the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


@contextmanager
def _log_file() -> Iterator[IO[bytes]]:
    with tempfile.TemporaryFile() as log:
        yield log


def _await_ready(server: Server, process: "subprocess.Popen[bytes]", log: IO[bytes]) -> None:
    deadline = time.monotonic() + server.ready_seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise NotStarted(f"`{server.name}` ended with status {process.returncode}: {_last_words(log)}")
        if _answers(server.ready_url):
            return
        time.sleep(POLL_SECONDS)
    raise NotStarted(f"`{server.name}` did not answer within {server.ready_seconds:.0f} s: {_last_words(log)}")


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except urllib.error.HTTPError as error:
        return error.code < 500
    except OSError:
        return False


def _last_words(log: IO[bytes]) -> str:
    log.seek(0)
    return log.read()[-2000:].decode(errors="replace").strip() or "it said nothing"


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """Ask the first process to end, which ends the others, and see to it."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    for pid in members(process.pid):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()
