"""A peer over HTTP: its server, what it is sent for a question, what its answer means; and whether it decides rightly.

The bytes that are checked are those that are measured later.
"""

import json
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.parse import urlsplit

from loadtests.peers.question import Told, World, oracle
from loadtests.servers import Server

TIMEOUT_SECONDS = 10.0


class Disagrees(Exception):
    """A peer decides a case otherwise than the oracle: which, and how."""


class NoAnswer(Exception):
    """A peer did not answer at all."""


@dataclass(frozen=True, slots=True)
class Place:
    """What a peer is prepared with."""

    world: World
    scratch: Path
    """An empty directory of its own."""
    kept: Path
    """Where it keeps what takes long to fetch."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A service that answers the question over HTTP."""

    version: str
    server: Server
    request: Callable[[Told], bytes]
    """The whole request, head and body."""
    allowed: Callable[[int, bytes], bool]
    """What an answer means, by its status and body."""
    denies_by_status: bool = False
    """A denial is a status above 399, and no failure."""

    @property
    def name(self) -> str:
        return self.server.name


def get(path: str, headers: dict[str, str]) -> bytes:
    """A request without a body."""
    lines = [f"GET {path} HTTP/1.1", "Host: localhost", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join((*lines, "", "")).encode()


def post(path: str, document: object) -> bytes:
    """A request with a JSON body."""
    body = json.dumps(document, separators=(",", ":")).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    return f"{head}\r\n\r\n".encode() + body


def says_decision(status: int, body: bytes) -> bool:
    """What `{"decision": …}` means.

    Raises:
        ValueError: it is not that.
    """
    document = json.loads(body)
    if status != 200 or not isinstance(document.get("decision"), bool):
        raise ValueError(f"no decision in {body[:200]!r}, status {status}")
    return bool(document["decision"])


def check(peer: Peer, url: str, asked: Sequence[Told]) -> None:
    """Put every question to a peer, and compare.

    Raises:
        Disagrees: it decides one otherwise, or answers something else.
        NoAnswer: it does not answer.
    """
    where = urlsplit(url)
    with socket.create_connection((where.hostname, where.port), TIMEOUT_SECONDS) as connection:
        for told in asked:
            compare(told, _answer(peer, connection, told))


def compare(told: Told, allowed: bool) -> None:
    """Hold one decision against the oracle.

    Raises:
        Disagrees: it is another.
    """
    if allowed is not oracle(told):
        raise Disagrees(
            f"{'allowed' if allowed else 'denied'} what is to be {'denied' if allowed else 'allowed'}: {told}"
        )


def _answer(peer: Peer, connection: socket.socket, told: Told) -> bool:
    try:
        connection.sendall(peer.request(told))
        with HTTPResponse(connection) as response:
            response.begin()
            return peer.allowed(response.status, response.read())
    except ValueError as fault:
        raise Disagrees(f"{fault}, for {told}") from fault
    except (OSError, HTTPException) as fault:
        raise NoAnswer(f"no answer: {str(fault) or 'the connection was closed'}, for {told}") from fault
