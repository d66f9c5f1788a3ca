"""Reads requests and writes answers over ASGI, without a framework in between."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from pydantic_core import to_json

from service.errors import PROBLEM_MEDIA_TYPE, BadRequest, TooLarge

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
AsgiApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

Door: TypeAlias = Literal["socket", "certificate"]
"""What a connection came through that admits whoever could make it."""
DOOR: Final = "cordon.door"
"""Member of a request's `state` that names the door. A listener sets it, and nothing that a client sends can."""
NO_PEER: Final = "unix"
"""In place of an address, that of a peer that has none."""

JSON_MEDIA_TYPE = b"application/json"
REQUEST_ID = b"x-request-id"
_CONTROL_BYTES = bytes(range(32)) + b"\x7f"
_PROBLEM = PROBLEM_MEDIA_TYPE.encode()
_CLOSE = (b"connection", b"close")
_DIGITS_LIMIT = 20
"""No length that the server lets through has more."""

LINGER_SECONDS = 2.0
"""For so long a client that is refused may go on sending."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A whole answer."""

    status: int
    headers: Sequence[tuple[bytes, bytes]]
    """Names in lower case; all but the length of the body."""
    body: bytes


class Disconnected(Exception):
    """The client went away before its request was complete: there is nobody to answer."""


def header(scope: Scope, name: bytes) -> bytes | None:
    """The first header of that name (in lower case)."""
    return first(scope["headers"], name)


def first(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> bytes | None:
    """The first of these headers that has that name (in lower case, as theirs are)."""
    for key, value in headers:
        if key == name:
            return bytes(value)
    return None


def door_of(scope: Scope) -> Door | None:
    """The door that the connection came through; None: whoever asks must show who they are.

    INVARIANT: it is what the listener says of itself, and not that a peer has no address: a TCP connection that was
    reset has none either.
    """
    door: Door | None = (scope.get("state") or {}).get(DOOR)
    return door


def peer_of(scope: Scope) -> str:
    """The address of the peer; a word that is none, where there is none."""
    client = scope.get("client")
    return client[0] if client else NO_PEER


def echoed_request_id(request_id: bytes) -> tuple[bytes, bytes]:
    """The header that gives a request its own id back. Bytes that no header may hold are dropped."""
    return REQUEST_ID, request_id.translate(None, _CONTROL_BYTES)


def says_json(media_type: bytes | None) -> bool:
    """Whether a content type is that of JSON, whatever its parameters."""
    return media_type is not None and media_type.partition(b";")[0].strip().lower() == JSON_MEDIA_TYPE


async def read_json_body(scope: Scope, receive: Receive, limit_bytes: int) -> bytes:
    """The body of a request that says it is JSON; whether it is remains to be seen.

    Raises:
        BadRequest: it says it is something else, or says nothing.
        TooLarge: it is longer than the limit, or says that it will be: then nothing is waited for.
        Disconnected: it never came to its end.
    """
    if not says_json(header(scope, b"content-type")):
        raise BadRequest("the content type must be `application/json`")
    if _declared_bytes(scope) > limit_bytes:
        raise _too_large(limit_bytes, is_unread=True)
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body") and len(message["body"]) <= limit_bytes:
        return bytes(message["body"])
    return await _rest_of_body(message, receive, limit_bytes)


def _declared_bytes(scope: Scope) -> int:
    declared = header(scope, b"content-length") or b""
    return int(declared) if declared.isdigit() and len(declared) <= _DIGITS_LIMIT else 0


def _too_large(limit_bytes: int, *, is_unread: bool) -> TooLarge:
    return TooLarge(f"the body is longer than {limit_bytes} bytes", is_unread=is_unread)


async def _rest_of_body(message: MutableMapping[str, Any], receive: Receive, limit_bytes: int) -> bytes:
    body = bytearray()
    while True:
        if message["type"] != "http.request":
            raise Disconnected
        body += message.get("body", b"")
        if len(body) > limit_bytes:
            raise _too_large(limit_bytes, is_unread=bool(message.get("more_body")))
        if not message.get("more_body"):
            return bytes(body)
        message = await receive()


async def send_json(
    send: Send, status: int, content: Mapping[str, object], headers: Mapping[str, str] | None = None
) -> None:
    """Answer with a JSON document; with a problem document if the status says so."""
    body = to_json(content, inf_nan_mode="null")
    more = [(name.lower().encode(), value.encode()) for name, value in headers.items()] if headers else ()
    await send(_start(status, body, *more))
    await send({"type": "http.response.body", "body": body})


async def send_answer(send: Send, answer: HttpAnswer) -> None:
    """Send a whole answer."""
    headers = [*answer.headers, (b"content-length", b"%d" % len(answer.body))]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


async def send_json_and_close(receive: Receive, send: Send, *, status: int, content: Mapping[str, object]) -> None:
    """Answer before the request is complete, and close the connection once it is, or soon after.

    A connection that is closed while the client sends is reset, and the answer may be lost with it.
    """
    body = to_json(content, inf_nan_mode="null")
    await send(_start(status, body, _CLOSE))
    await send({"type": "http.response.body", "body": body, "more_body": True})
    with suppress(TimeoutError):
        async with asyncio.timeout(LINGER_SECONDS):
            while (await receive()).get("more_body"):
                pass
    await send({"type": "http.response.body", "body": b""})


def _start(status: int, body: bytes, *more: tuple[bytes, bytes]) -> MutableMapping[str, Any]:
    media_type = _PROBLEM if status >= 400 else JSON_MEDIA_TYPE
    headers = [(b"content-type", media_type), (b"content-length", b"%d" % len(body)), *more]
    return {"type": "http.response.start", "status": status, "headers": headers}
