"""A real server that is frozen for a while: whatever measures latency must see it."""

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from loadtests.servers import Running, Server, connections_of, free_port, running

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: text/plain\r\n\r\nok"

PATIENCE_SECONDS = 30.0


class _Answering(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._received = b""

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = self._received[:end].lower()
            length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
            if len(self._received) < end + 4 + length:
                return
            self._received = self._received[end + 4 + length :]
            self._transport.write(ANSWER)


async def _serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(_Answering, "127.0.0.1", port)
    await server.serve_forever()


@contextmanager
def tiny_server() -> Iterator[Running]:
    """A server that answers everything at once."""
    port = free_port()
    command = (sys.executable, "-m", "tests.loadtests.frozen", str(port))
    with running(Server("tiny", command, f"http://127.0.0.1:{port}", cores="0-1")) as server:
        yield server


@contextmanager
def frozen(server: Running, *, after: float, seconds: float) -> Iterator[None]:
    """While the body runs, the server stands still for so long, so long after somebody has connected to it."""
    thread = threading.Thread(target=freeze, args=(server, after, seconds))
    thread.start()
    try:
        yield
    finally:
        thread.join()


def freeze(server: Running, after: float, seconds: float) -> None:
    """Let the server stand still for so long, so long after somebody has connected to it; nobody ever: not at all."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_connected(server):
        if time.monotonic() > deadline:
            return
        time.sleep(0.02)
    time.sleep(after)
    os.kill(server.pid, signal.SIGSTOP)
    time.sleep(seconds)
    os.kill(server.pid, signal.SIGCONT)


def is_connected(server: Running) -> bool:
    """Whether anybody is connected to the server."""
    return connections_of(server.pid, urlsplit(server.url).port or 80) > 0


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
