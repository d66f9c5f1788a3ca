"""Reads requests and writes answers over ASGI, without a framework in between."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, TypeAlias

from pydantic_core import to_json

from service.errors import PROBLEM_MEDIA_TYPE, BadRequest, TooLarge

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
AsgiApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

JSON_MEDIA_TYPE = b"application/json"
_PROBLEM = PROBLEM_MEDIA_TYPE.encode()


class Disconnected(Exception):
    """The client went away before its request was complete: there is nobody to answer."""


def header(scope: Scope, name: bytes) -> bytes | None:
    """The first header of that name (in lower case)."""
    for key, value in scope["headers"]:
        if key == name:
            return bytes(value)
    return None


async def read_json_body(scope: Scope, receive: Receive, limit_bytes: int) -> bytes:
    """The body of a request that says it is JSON; whether it is remains to be seen.

    Raises:
        BadRequest: it says it is something else, or says nothing.
        TooLarge: it is longer than the limit.
        Disconnected: it never came to its end.
    """
    media_type = header(scope, b"content-type")
    if media_type is None or media_type.partition(b";")[0].strip().lower() != JSON_MEDIA_TYPE:
        raise BadRequest("the content type must be `application/json`")
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body") and len(message["body"]) <= limit_bytes:
        return bytes(message["body"])
    return await _rest_of_body(message, receive, limit_bytes)


async def _rest_of_body(message: MutableMapping[str, Any], receive: Receive, limit_bytes: int) -> bytes:
    body = bytearray()
    while True:
        if message["type"] != "http.request":
            raise Disconnected
        body += message.get("body", b"")
        if len(body) > limit_bytes:
            raise TooLarge(f"the body is longer than {limit_bytes} bytes")
        if not message.get("more_body"):
            return bytes(body)
        message = await receive()


async def send_json(send: Send, status: int, content: Mapping[str, object]) -> None:
    """Answer with a JSON document; with a problem document if the status says so."""
    body = to_json(content, inf_nan_mode="null")
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (b"content-type", _PROBLEM if status >= 400 else JSON_MEDIA_TYPE),
                (b"content-length", b"%d" % len(body)),
            ],
        }
    )
    await send({"type": "http.response.body", "body": body})
