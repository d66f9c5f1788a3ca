"""A connection to the service as a client has it, bytes in and bytes out, in the same process: no port, no waiting."""

import asyncio
import json
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from service.gateways.wire import DOOR, Door
from service.parts import Service
from service.server import configure

DATE = [(b"date", b"Sun, 22 Nov 2026 12:00:00 GMT")]
TURNS = 40
"""Turns of the event loop after which a service without I/O has nothing left to do."""
RECEIVED_BYTES = 1 << 20

PATH = b"/access/v1/evaluation"
JSON = b"Content-Type: application/json"


def plain_request(
    body: bytes, *headers: bytes, line: bytes = b"POST " + PATH + b" HTTP/1.1", length: bytes = b""
) -> bytes:
    """A request as bytes; headers in the order given, then those that every request has."""
    needed = [b"Host: cordon", b"Content-Length: " + (length or b"%d" % len(body))]
    return b"\r\n".join([line, *headers, *needed, b"", body])


def plain_question(account: str, resource: str, action: str, ip: str | None = None) -> bytes:
    """The body of a question with nothing in it that need not be."""
    document: dict[str, Any] = {
        "subject": {"type": "account", "id": account},
        "resource": {"type": "tool", "id": resource},
        "action": {"name": action},
    }
    if ip is not None:
        document["context"] = {"ip": ip}
    return json.dumps(document, ensure_ascii=False).encode()


@dataclass(frozen=True, slots=True)
class Exchange:
    """What came back, and how it ended."""

    received: bytes
    is_closed: bool


class Connections:
    """Connections to one service. The server's default headers stand still."""

    def __init__(self, service: Service, loop: asyncio.AbstractEventLoop, door: Door | None = None) -> None:
        self.config = configure(service.app, service.protocol)
        self.config.load()
        self._loop = loop
        self._app_state = {} if door is None else {DOOR: door}
        self.state = ServerState()
        self.state.default_headers = list(DATE)

    async def answer(self, request: bytes) -> tuple[int, bytes]:
        """Status and body of the answer to one request, however long it takes. On the service's own event loop."""
        ours, theirs = socket.socketpair()
        _, protocol = await self._loop.connect_accepted_socket(self._protocol, theirs)
        reader, writer = await asyncio.open_connection(sock=ours)
        try:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            status, length = int(head[9:12]), int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
            return status, await reader.readexactly(length)
        finally:
            writer.close()
            protocol.transport.abort()

    async def connected(self) -> tuple[socket.socket, HttpToolsProtocol]:
        """A client's end of a new connection, which never blocks, and the server's."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        _, protocol = await self._loop.connect_accepted_socket(self._protocol, theirs)
        return ours, protocol

    def exchange(self, pieces: Iterable[bytes], *, leaves: bool = False) -> Exchange:
        """Send the pieces, each once the one before was taken in; the client may leave before the answer."""
        return self._loop.run_until_complete(self._exchange(pieces, leaves))

    async def _exchange(self, pieces: Iterable[bytes], leaves: bool) -> Exchange:
        ours, protocol = await self.connected()
        with ours:
            received = bytearray()
            for piece in pieces:
                _send(ours, piece)
                await _settle()
                received += _received(ours)[0]
            if not leaves:
                await _settle(TURNS)
            more, is_closed = _received(ours)
            protocol.transport.abort()
            await _settle()
        for task in tuple(self.state.tasks):
            task.cancel()
        await _settle()
        return Exchange(bytes(received + more), is_closed)

    def _protocol(self) -> HttpToolsProtocol:
        kind = cast(type[HttpToolsProtocol], self.config.http_protocol_class)
        return kind(config=self.config, server_state=self.state, app_state=dict(self._app_state), _loop=self._loop)


async def _settle(turns: int = 8) -> None:
    for _ in range(turns):
        await asyncio.sleep(0)


def _send(connection: socket.socket, piece: bytes) -> None:
    try:
        connection.send(piece)
    except (BlockingIOError, BrokenPipeError, ConnectionResetError):
        return  # the server has closed


def _received(connection: socket.socket) -> tuple[bytes, bool]:
    """All that is there, and whether it is the end."""
    received = bytearray()
    while True:
        try:
            some = connection.recv(RECEIVED_BYTES)
        except BlockingIOError:
            return bytes(received), False
        except ConnectionResetError:
            return bytes(received), True
        if not some:
            return bytes(received), True
        received += some
