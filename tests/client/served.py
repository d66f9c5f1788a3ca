"""What the tests speak with: a real Cordon over the demo world, peers that misbehave, applications under uvicorn."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn

ROOT = Path(__file__).parent.parent.parent
DEMO = ROOT / "demo"
PATIENCE_SECONDS = 60
LATE_SECONDS = 2.0
LOOKS = 1200
"""Twenty a second."""

NORTHWIND = "acct-northwind"
MODEL = "quill-large"
GERMANY = "194.25.2.129"
CRIMEA = "31.28.224.1"
PRIVATE = "192.168.1.7"


@dataclass(frozen=True, slots=True)
class Cordon:
    """A running `cordon serve`."""

    process: subprocess.Popen[str]
    url: str
    socket: str
    """As a client takes it: `unix:…`."""

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Stopped in its tracks meanwhile: connections are taken by the system, and nobody answers."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it, at once."""
        self.process.kill()
        self.process.wait(timeout=PATIENCE_SECONDS)


@contextmanager
def serving(directory: Path, *arguments: str, **variables: str) -> Iterator[Cordon]:
    """A `cordon serve` that has said that it is ready. `directory`: where its socket lies."""
    place = directory / "cordon.sock"
    words = [sys.executable, "-m", "service.cli", "serve", "--port", "0", "--socket", str(place), *arguments]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CORDON_")} | variables
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT)
    assert process.stdout is not None
    lines = [process.stdout.readline()]
    while lines[-1] and "Ctrl-C" not in lines[-1]:
        lines.append(process.stdout.readline())
    found = re.search(r"at (http://127\.0\.0\.1:[0-9]+)", "".join(lines))
    try:
        assert found, lines
        yield Cordon(process, found[1], f"unix:{place}")
    finally:
        process.kill()
        process.communicate()


Script = Callable[[socket.socket], None]
"""What a peer does with one connection, once a request has come on it."""


@dataclass
class Peer:
    """A server that does with each connection what it is told; the last script goes on."""

    scripts: Sequence[Script]
    requests: list[bytes] = field(default_factory=list)
    """All that came, of each connection."""
    _socket: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def serve(self) -> None:
        """Take connections until it is closed."""
        with suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            self.requests.append(_request(connection))
            self.scripts[min(len(self.requests), len(self.scripts)) - 1](connection)

    def close(self) -> None:
        """Take no more."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


def _request(connection: socket.socket) -> bytes:
    """A request to its end: a connection that is closed before is reset, and what was answered may be lost with it."""
    received = bytearray()
    while piece := connection.recv(1 << 16):
        received += piece
        head, end, body = received.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: ([0-9]+)", head.lower())
        if end and len(body) >= int(length[1] if length else 0):
            break
    return bytes(received)


@contextmanager
def peer(*scripts: Script) -> Iterator[Peer]:
    """A peer, while it serves."""
    made = Peer(scripts)
    threading.Thread(target=made.serve, daemon=True).start()
    try:
        yield made
    finally:
        made.close()


def saying(answer: bytes) -> Script:
    """Sends this, and closes."""
    return lambda connection: connection.sendall(answer)


def answering(status: int, body: bytes) -> Script:
    """Sends a whole answer."""
    return saying(b"HTTP/1.1 %d X\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body))


def dripping(beginning: bytes, drop: bytes) -> Script:
    """Sends a little now and then, and never comes to an end."""

    def drip(connection: socket.socket) -> None:
        connection.sendall(beginning)
        for _ in range(LOOKS):
            connection.sendall(drop)
            time.sleep(0.02)

    return drip


def late(script: Script) -> Script:
    """The same after a while, in which nobody should wait for it."""

    def wait(connection: socket.socket) -> None:
        time.sleep(LATE_SECONDS)
        script(connection)

    return wait


@contextmanager
def application(app: Any, **options: Any) -> Iterator[str]:
    """An ASGI application under a real uvicorn; its address."""
    config = uvicorn.Config(
        app,
        ws="wsproto",
        proxy_headers=False,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=1,
        **options,
    )
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    for _ in range(LOOKS):
        if server.started or not thread.is_alive():
            break
        time.sleep(0.05)
    try:
        assert server.started
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=PATIENCE_SECONDS)


async def listed(found: AsyncIterator[str]) -> list[str]:
    """All that is found."""
    return [each async for each in found]
