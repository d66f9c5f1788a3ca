"""The outermost ASGI application: hands hot paths on without a framework, echoes request ids, answers every failure.

Whatever goes wrong behind it, the client gets a problem document and never a trace.
"""

import asyncio
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

from service.errors import FAILURE, STOPPING, problem
from service.gateways.wire import REQUEST_ID, AsgiApp, Receive, Scope, Send, echoed_request_id, header, send_json


class Front:
    """Stands before the framework's application."""

    def __init__(
        self,
        api: AsgiApp,
        hot: Mapping[str, AsgiApp],
        report: Callable[[Exception], None],
        others: Mapping[str, AsgiApp] | None = None,
    ) -> None:
        """`hot`: by path, POST only. `others`: by the beginning of the path."""
        self._api = api
        self._hot = hot
        self._report = report
        self._others = tuple((others or {}).items())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._api(scope, receive, send)
        request_id = header(scope, REQUEST_ID)
        if request_id is not None:
            send = _echoing(send, request_id)
        if scope["method"] == "HEAD":
            scope = {**scope, "method": "GET"}  # the server leaves the body out
        hot = self._hot.get(scope["path"]) if scope["method"] == "POST" else None
        answer = _Answer(send)
        try:
            await (hot or self._slow(scope["path"]))(scope, receive, answer)
        except asyncio.CancelledError:  # the service stops, and this request never came to its end
            if not answer.has_begun:
                await send_json(send, 503, problem(503, STOPPING))
        except Exception as error:
            self._report(error)
            if not answer.has_begun:
                await send_json(send, 500, problem(500, FAILURE))

    def _slow(self, path: str) -> AsgiApp:
        return next((app for beginning, app in self._others if path.startswith(beginning)), self._api)


class _Answer:
    """Passes messages on, and remembers that there were some."""

    __slots__ = ("_send", "has_begun")

    def __init__(self, send: Send) -> None:
        self._send = send
        self.has_begun = False

    async def __call__(self, message: MutableMapping[str, Any]) -> None:
        self.has_begun = True
        await self._send(message)


def _echoing(send: Send, request_id: bytes) -> Send:
    """The same, with the request's own id on the answer."""
    echoed = echoed_request_id(request_id)

    async def send_with_id(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], echoed]
        await send(message)

    return send_with_id
