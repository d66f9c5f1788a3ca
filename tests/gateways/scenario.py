"""What a client does before a gateway, and what it sees: requests written out, header by header, from an address.

The gateways that ship believe what a part in front of them says: `X-Api-Account` for the account, `X-Forwarded-For` for
the address, and only where that part connects from 127.0.0.1. So a test that connects from there is the part in front,
and a test that connects from `STRANGER` is a client that passed it by.
"""

import json
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPResponse
from typing import Any

from tests.valkey_server import HOST

CLIENT_SECONDS = 5.0
FRONT = "127.0.0.1"
STRANGER = "127.0.0.2"
"""Another address of this machine, which no shipped gateway believes."""

CUSTOMER = "acct-northwind"
"""Of the demo; may use the models where they are served."""
SUSPENDED = "acct-dunmore"
UNCLEAR = "acct-saltmarsh"
"""Has an owner of unknown share, and is challenged."""
GERMANY = "5.1.128.1"
CRIMEA = "5.3.41.7"
PATH = "/v1/models"

Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Seen:
    """What came back to the client."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """The only header of that name."""
        found = [value for key, value in self.headers if key.lower() == name.lower()]
        assert len(found) <= 1, found
        return found[0] if found else None

    @property
    def media_type(self) -> str:
        return (self.header("Content-Type") or "").partition(";")[0]

    @property
    def document(self) -> Any:
        return json.loads(self.body)


def front(account: str | None = CUSTOMER, address: str | None = GERMANY) -> list[tuple[str, str]]:
    """What the part in front of a gateway says of a client."""
    said = [("X-Api-Account", account), ("X-Forwarded-For", address)]
    return [(name, value) for name, value in said if value is not None]


def ask(port: int, headers: Headers, *, method: str = "GET", body: bytes = b"", source: str = FRONT) -> Seen:
    """Send one request to a gateway, and read its answer."""
    with connected(port, source) as connection:
        return exchange(connection, headers, method=method, body=body)


def connected(port: int, source: str = FRONT) -> socket.socket:
    """A connection to a gateway, from an address of this machine."""
    return socket.create_connection((HOST, port), CLIENT_SECONDS, (source, 0))


def exchange(connection: socket.socket, headers: Headers, *, method: str = "GET", body: bytes = b"") -> Seen:
    """Send one request on a connection, and read its answer."""
    connection.sendall(written(headers, method=method, length=len(body)) + body)
    return read(connection, method)


def written(headers: Headers, *, method: str = "GET", path: str = PATH, length: int = 0) -> bytes:
    """The head of a request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: models.quillmere.example"]
    lines += [f"{name}: {value}" for name, value in headers]
    lines += [f"Content-Length: {length}"] if length else []
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def read(connection: socket.socket, method: str = "GET") -> Seen:
    """The answer that comes next on a connection."""
    response = HTTPResponse(connection, method=method)
    response.begin()
    return Seen(response.status, tuple(response.getheaders()), response.read())
