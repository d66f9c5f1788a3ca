"""Bounds the bodies of requests before anything reads them; what arrives in a stream bounds itself."""

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from fastapi.responses import Response
from starlette.exceptions import HTTPException

from service.admin.problems import refusal
from service.errors import TooLarge

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

BODY_LIMIT_BYTES = 8 * 1024 * 1024
BOUNDED = "/admin/"
STREAMED = ("/admin/v1/imports",)
"""Paths whose endpoints read their bodies piece by piece."""
_DIGITS_LIMIT = 20


@dataclass(frozen=True, slots=True)
class BoundedBodies:
    """The application, with bodies of bounded length."""

    app: Callable[[Scope, Receive, Send], Awaitable[None]]
    limit_bytes: int = BODY_LIMIT_BYTES

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not _is_bounded(scope):
            return await self.app(scope, receive, send)
        if _declared_bytes(scope) > self.limit_bytes:
            return await self._refused()(scope, receive, send)
        return await self.app(scope, self._counted(receive), send)

    def _refused(self) -> Response:
        response = refusal(TooLarge(self._message(), is_unread=True))
        response.headers["Connection"] = "close"
        return response

    def _counted(self, receive: Receive) -> Receive:
        count = 0

        async def received() -> Message:
            nonlocal count
            message = await receive()
            count += len(message.get("body", b""))
            if count > self.limit_bytes:
                raise HTTPException(413, self._message(), {"Connection": "close"})
            return message

        return received

    def _message(self) -> str:
        return f"the body is longer than {self.limit_bytes} bytes"


def _is_bounded(scope: Scope) -> bool:
    if scope["type"] != "http":
        return False
    path = scope["path"]
    return path.startswith(BOUNDED) and not path.startswith(STREAMED)


def _declared_bytes(scope: Scope) -> int:
    """What the request says of its length; what is no length is the server's to refuse."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit() and len(value) <= _DIGITS_LIMIT:
            return int(value)
    return 0
