"""The cheapest thing that a gateway can ask: parses the request, and lets it through always, with the same headers.

Run it as `python -m loadtests.constant_check --socket PATH --port PORT`: it answers on both.
"""

import argparse
import asyncio
from typing import cast

import httptools
import uvloop

PERMISSION = (
    b"HTTP/1.1 200 OK\r\n"
    b"date: Sun, 22 Nov 2026 12:00:00 GMT\r\n"
    b"x-cordon-decision-id: 0123456789abcdef0123456789abcdef\r\n"
    b"x-cordon-effect: allow\r\n"
    b"x-cordon-ruleset: demo;0123456789ab\r\n"
    b"x-cordon-country: US\r\n"
    b"cache-control: no-store\r\n"
    b"content-length: 0\r\n\r\n"
)
"""As long as one of Cordon's."""


class ConstantCheck(asyncio.Protocol):
    """One connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._parser = httptools.HttpRequestParser(self)
        self._headers: dict[bytes, bytes] = {}

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header in, as whoever reads it must."""
        self._headers[name.lower()] = value

    def on_message_complete(self) -> None:
        """Let it through."""
        self._headers = {}
        self._transport.write(PERMISSION)


async def serve(path: str, port: int) -> None:
    """Answer on a Unix socket and a port until stopped."""
    loop = asyncio.get_running_loop()
    await loop.create_unix_server(ConstantCheck, path)
    server = await loop.create_server(ConstantCheck, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


def main() -> None:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--socket", required=True)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(options.socket, options.port))


if __name__ == "__main__":
    main()
