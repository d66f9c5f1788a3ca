"""An application behind the middleware, and clients that send exactly what they like."""

import json
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Final

from service.app import assemble
from service.client import Decision, Question
from service.client.in_process import InProcess
from service.client.middleware import Asks, CordonMiddleware
from service.client.naming import Use, by_path
from service.gateways.client_address import AddressPolicy, trusted_networks
from service.gateways.denials import DenialTerms
from service.parts import Service
from service.settings import Settings
from tests.client.served import DEMO, MODEL, PATIENCE_SECONDS
from tests.service.conftest import embedded

PROXIED: Final = AddressPolicy(trusted_networks(["127.0.0.0/8", "10.0.0.0/8"]), "X-Forwarded-For")
TERMS: Final = DenialTerms(
    contact="compliance@quillmere.example",
    blocked_by="https://quillmere.example/compliance",
    verify="https://quillmere.example/verify",
)
ACCOUNT: Final = b"x-login"
"""Where the tests' application has the account from; a real one has it from whoever signed in."""

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


def demo_service() -> Service:
    """A service over the demo world, of this process."""
    service = assemble(Settings(data=DEMO), locations=embedded())
    service.programs.load()
    return service


def account(scope: MutableMapping[str, Any]) -> str | None:
    """Who signed in."""
    return next((value.decode() for name, value in scope["headers"] if name == ACCOUNT), None)


NAMES: Final = by_path({"/": Use(MODEL), "/open": None, "/frontier": Use("quill-frontier")}, account)


@dataclass(slots=True)
class Noting:
    """Asks another, and notes what it was asked and answered."""

    ask: Asks
    questions: list[Question] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)

    async def evaluate(self, question: Question) -> Decision:
        self.questions.append(question)
        decision = await self.ask.evaluate(question)
        self.decisions.append(decision)
        return decision


async def plain_app(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
    """Says what it was given: the decision, the headers, how many bytes came in how many pieces."""
    if scope["type"] == "websocket":
        return await _greet(scope, receive, send)
    if scope["type"] == "lifespan":
        return await _live(receive, send)
    sizes = [len(piece) async for piece in _pieces(receive)]
    decision = scope["state"]["cordon"]
    said = {
        "decision": decision and decision.decision_id,
        "fallback": decision and decision.is_fallback,
        "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]],
        "bytes": sum(sizes),
        "pieces": len(sizes),
    }
    body = json.dumps(said).encode()
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _pieces(receive: Receive) -> AsyncIterator[bytes]:
    is_more = True
    while is_more:
        message = await receive()
        assert message["type"] == "http.request"
        is_more = message.get("more_body", False)
        yield message.get("body", b"")


async def _live(receive: Receive, send: Send) -> None:
    for stage in ("startup", "shutdown"):
        assert (await receive())["type"] == f"lifespan.{stage}"
        await send({"type": f"lifespan.{stage}.complete"})


async def _greet(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
    assert (await receive())["type"] == "websocket.connect"
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": scope["state"]["cordon"].decision_id})
    await send({"type": "websocket.close", "code": 1000})


def guarded(ask: Asks, client: AddressPolicy = PROXIED) -> CordonMiddleware:
    """The plain application behind the middleware."""
    return CordonMiddleware(plain_app, ask=ask, names=NAMES, client=client, denials=TERMS)


def in_process(service: Service) -> Noting:
    """Asks the service of this process."""
    return Noting(InProcess(service.decider, when_unreachable="deny"))


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back."""

    status: int
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Lines = Iterable[tuple[str, str]]


def send_request(url: str, path: str, lines: Lines = (), *, method: str = "GET", body: bytes = b"") -> Reply:
    """One request, byte for byte as it is given; `lines` are headers, which may repeat."""
    host, _, port = url.removeprefix("http://").partition(":")
    sent = [f"{method} {path} HTTP/1.1", f"Host: {host}", "Connection: close"]
    sent += [f"{name}: {value}" for name, value in lines]
    if body:
        sent.append(f"Content-Length: {len(body)}")
    with socket.create_connection((host, int(port)), timeout=PATIENCE_SECONDS) as connection:
        connection.sendall("\r\n".join([*sent, "", ""]).encode("latin-1") + body)
        return read_reply(b"".join(iter(lambda: connection.recv(1 << 16), b"")))


def read_reply(received: bytes) -> Reply:
    """An answer whose body is not chunked."""
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Reply(int(first.split(" ")[1]), headers, body)


UPGRADE: Final = (
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
)


def open_websocket(url: str, path: str, lines: Lines = ()) -> Reply:
    """What a server answers to the wish for a WebSocket; the body is what it then sends."""
    host, _, port = url.removeprefix("http://").partition(":")
    sent = [f"GET {path} HTTP/1.1", f"Host: {host}", "Connection: Upgrade"]
    sent += [f"{name}: {value}" for name, value in (*UPGRADE, *lines)]
    with socket.create_connection((host, int(port)), timeout=PATIENCE_SECONDS) as connection:
        connection.sendall("\r\n".join([*sent, "", ""]).encode("latin-1"))
        received = bytearray()
        while not _is_whole(received):
            piece = connection.recv(1 << 16)
            if not piece:
                break
            received += piece
    return read_reply(bytes(received))


def _is_whole(received: bytearray) -> bool:
    """Whether the head of an answer is there, and the frame behind it, or its body."""
    head, end, rest = bytes(received).partition(b"\r\n\r\n")
    if not end:
        return False
    if head.startswith(b"HTTP/1.1 101"):
        return len(rest) > 2
    length = re.search(rb"content-length: ([0-9]+)", head.lower())
    return length is not None and len(rest) >= int(length[1])
