"""A real HTTP server of the tests' own: behind a gateway it says what came; in Cordon's place, what it is told to.

It answers over TCP or a Unix socket, keeps connections open, takes chunked bodies and `Expect: 100-continue`, and
echoes what comes after an upgrade.
"""

import base64
import hashlib
import json
import socket
import socketserver
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import TracebackType
from typing import Self

HOST = "127.0.0.1"
RECEIVED_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Received:
    """One request, as it came."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    """In their order, names as they were written."""
    body: bytes

    def values(self, name: str) -> list[str]:
        """What every line of that name says."""
        return [value for key, value in self.headers if key.lower() == name.lower()]


@dataclass(frozen=True, slots=True)
class Answering:
    """What every request is answered."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    """None: what was received, as JSON."""


class Upstream:
    """Listens while it is entered; a path is a Unix socket, a number a port, 0 a free one."""

    def __init__(self, address: Path | int = 0, answering: Answering | None = None) -> None:
        self.address = address
        self.answering = answering or Answering()
        self.received: list[Received] = []
        self._server: socketserver.BaseServer | None = None
        self._connections: list[socket.socket] = []

    @property
    def port(self) -> int:
        assert isinstance(self._server, socketserver.TCPServer)
        return int(self._server.server_address[1])

    @property
    def last(self) -> Received:
        """The newest request."""
        return self.received[-1]

    def __enter__(self) -> Self:
        self._server = _listening(self.address, self._answer, self._connections)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()
        for connection in self._connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        if isinstance(self.address, Path):
            self.address.unlink(missing_ok=True)

    def _answer(self, received: Received) -> Answering:
        self.received.append(received)
        if self.answering.body is not None:
            return self.answering
        told = {"method": received.method, "path": received.path, "headers": received.headers}
        headers = (("Content-Type", "application/json"), *self.answering.headers)
        return Answering(self.answering.status, headers, json.dumps(told).encode())


class _TcpServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128


class _UnixServer(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128


def _listening(
    address: Path | int, answer: Callable[[Received], Answering], connections: list[socket.socket]
) -> socketserver.BaseServer:
    handler = type("Handler", (_Handler,), {"answer": staticmethod(answer), "connections": connections})
    if isinstance(address, int):
        return _TcpServer((HOST, address), handler)
    server = _UnixServer(str(address), handler)
    address.chmod(0o666)
    return server


def _accepted(key: str) -> str:
    """SOURCE: RFC 6455, section 4.2.2."""
    return base64.b64encode(hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()).decode()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    answer: Callable[[Received], Answering]
    connections: list[socket.socket]

    def handle(self) -> None:
        self.connections.append(self.connection)
        with suppress(ConnectionError):
            super().handle()

    def handle_one_request(self) -> None:
        self.raw_requestline = self.rfile.readline(RECEIVED_BYTES)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        body = self._chunked() if "chunked" in self.headers.get("Transfer-Encoding", "") else self._measured()
        answering = self.answer(Received(self.command, self.path, tuple(self.headers.items()), body))
        if "upgrade" in self.headers.get("Connection", "").lower() and answering.status == 200:
            return self._upgraded()
        self._send(answering)

    def log_message(self, format: str, *args: object) -> None:
        return

    def _measured(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _chunked(self) -> bytes:
        body = bytearray()
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        while line := self.rfile.readline().strip():
            name, _, value = line.decode("latin-1").partition(":")
            self.headers.add_header(name, value.strip())  # as some servers do, and none should
        return bytes(body)

    def _send(self, answering: Answering) -> None:
        body = answering.body or b""
        self.send_response_only(answering.status)
        for name, value in answering.headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else body)
        self.wfile.flush()

    def _upgraded(self) -> None:
        self.close_connection = True
        self.send_response_only(101)
        self.send_header("Connection", "Upgrade")
        self.send_header("Upgrade", self.headers.get("Upgrade", ""))
        self.send_header("Sec-WebSocket-Accept", _accepted(self.headers.get("Sec-WebSocket-Key", "")))
        self.end_headers()
        self.wfile.flush()
        while received := self.connection.recv(RECEIVED_BYTES):
            self.connection.sendall(received)
