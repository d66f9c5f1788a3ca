"""An engine over HTTP behind as little as possible: `python -m loadtests.peers.endpoint ENGINE PORT`.

A bare ASGI application under the server settings that Cordon uses: the body is decoded by msgspec, the country looked
up by maxminddb, and the account and the resource in a dict. What is left is the engine.
"""

import sys

import msgspec

from loadtests.peers.engines import Engine, make_engine
from loadtests.peers.question import Question, World, make_world
from service.gateways.wire import Receive, Scope, Send
from service.listening import listen
from service.server import serve

PATH = "/check"
_ANSWERS = {True: b'{"decision":true}', False: b'{"decision":false}'}


class Endpoint:
    """Answers questions that are whole and well-formed."""

    def __init__(self, engine: Engine, world: World) -> None:
        self._engine = engine
        self._world = world
        self._decoder = msgspec.json.Decoder(Question)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await _live(receive, send)
        if scope["path"] != PATH:
            return await _answer(send, 404, b"")
        question = self._decoder.decode(await _body(receive))
        allowed = self._engine.allows(self._world.told(question))
        return await _answer(send, 200, _ANSWERS[allowed])


async def _live(receive: Receive, send: Send) -> None:
    while (await receive())["type"] != "lifespan.shutdown":
        await send({"type": "lifespan.startup.complete"})
    await send({"type": "lifespan.shutdown.complete"})


async def _body(receive: Receive) -> bytes:
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body"):
        message = await receive()
        body += message.get("body", b"")
    return body


async def _answer(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def main(name: str, port: int) -> None:
    """Serve until stopped."""
    world = make_world()
    serve(Endpoint(make_engine(name, world), world), listen("127.0.0.1", port), lambda: None)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
