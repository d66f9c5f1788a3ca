"""Runs real gateways from the configurations that ship, and a real Cordon for them to ask.

A shipped configuration is used as it is, but for the places that a machine has only once: every file names them at its
top, and `places` says what the tests put in their stead.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.pages import ROOT
from tests.valkey_server import HOST, free_port, wait_until

SHIPPED = ROOT / "deploy" / "gateways"
ROUTES = SHIPPED / "gateways.yaml"
DEMO = ROOT / "demo"
START_SECONDS = 30.0
STOP_SECONDS = 10.0

GATEWAY = "127.0.0.1:8000"
"""Where a shipped gateway listens."""
APPLICATION = "127.0.0.1:9000"
"""What it guards."""
CORDON_SOCKET = "/run/cordon/cordon.sock"
"""Where Cordon answers those that can connect to a Unix socket."""
CORDON = "127.0.0.1:8080"
"""Where it answers the others."""


@dataclass(slots=True)
class Program:
    """A real program, with all that it says in a file."""

    command: Sequence[str | Path]
    directory: Path
    """Where it runs, and where its log lies."""
    variables: Mapping[str, str] = field(default_factory=dict)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        return (self.directory / "program.log").read_text(encoding="utf-8", errors="replace")

    @property
    def process_id(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self, is_ready: Callable[[], bool]) -> None:
        """Run it; return once it is ready."""
        with (self.directory / "program.log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(word) for word in self.command],
                cwd=self.directory,
                env=os.environ | self.variables,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_until(lambda: self._ended() or is_ready(), f"{self.command[0]} is ready", START_SECONDS)
        assert not self._ended(), self.log

    def _ended(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def stop(self) -> None:
        """End it, and what it started; by force where it does not end by itself."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._process = None


def listens(port: int) -> bool:
    """Whether somebody takes connections there."""
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def shipped(name: str, directory: Path, places: Mapping[str, str]) -> Path:
    """A copy of `deploy/gateways/NAME`, with each place replaced by another; the directory of the copy."""
    copy = directory / name
    shutil.copytree(SHIPPED / name, copy)
    for path in (path for path in copy.rglob("*") if path.is_file()):
        text = path.read_text(encoding="utf-8")
        for place, other in places.items():
            text = text.replace(place, other)
        path.write_text(text, encoding="utf-8")
    return copy


@dataclass(slots=True)
class Cordon:
    """A real `cordon serve` over a copy of the demo, which tests may stop, freeze, and give other data."""

    directory: Path
    options: tuple[str, ...] = ()
    port: int = field(default_factory=free_port)
    _program: Program | None = None

    @property
    def socket(self) -> Path:
        return self.directory / "cordon.sock"

    @property
    def data(self) -> Path:
        return self.directory / "demo"

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def log(self) -> str:
        assert self._program is not None
        return self._program.log

    def start(self) -> None:
        """Serve; return once it is ready."""
        if not self.data.exists():
            shutil.copytree(DEMO, self.data, ignore=shutil.ignore_patterns("__pycache__", "*.py"))
        places = ("--port", str(self.port), "--socket", str(self.socket))
        command = (sys.executable, "-m", "service.cli", "serve", "--data", str(self.data), *places)
        variables = {"PYTHONPATH": str(ROOT)}
        self._program = Program((*command, "--gateways", str(ROUTES), *self.options), self.directory, variables)
        self._program.start(self._is_ready)

    def _is_ready(self) -> bool:
        try:
            return self.socket.exists() and httpx.get(self.url + "/readyz").status_code == 200
        except httpx.TransportError:
            return False

    def stop(self) -> None:
        if self._program is not None:
            self._program.stop()

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Nothing answers in its place meanwhile."""
        self.stop()
        self.socket.unlink(missing_ok=True)
        try:
            yield
        finally:
            self.start()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """It takes connections meanwhile, and says nothing."""
        assert self._program is not None
        os.kill(self._program.process_id, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self._program.process_id, signal.SIGCONT)

    @property
    def revisions(self) -> list[str]:
        """Of the data in force."""
        return [source["revision"] for source in httpx.get(self.url + "/readyz").json()["sources"]]

    def change(self, file: str, old: str, new: str) -> None:
        """Write other data, which it takes up by itself."""
        path = self.data / file
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")


@contextmanager
def cordon(directory: Path, *options: str) -> Iterator[Cordon]:
    """A Cordon that serves meanwhile."""
    serving = Cordon(directory, options)
    try:
        serving.start()
        yield serving
    finally:
        serving.stop()
