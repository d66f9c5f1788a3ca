"""The cheapest server there is under the service's own settings: reads the body, and answers so many bytes always.

Run it as `python -m loadtests.constant --port PORT --bytes BYTES`.
"""

import argparse

from service.gateways.wire import AsgiApp, Receive, Scope, Send
from service.listening import listen
from service.server import serve


def constant(answer_bytes: int) -> AsgiApp:
    """A raw ASGI application with an answer of that length."""
    answer = b"x" * answer_bytes
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % answer_bytes)]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await _live(receive, send)
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        return await send({"type": "http.response.body", "body": answer})

    return app


async def _live(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


def main() -> None:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--bytes", type=int, required=True)
    options = parser.parse_args()
    serve(constant(options.bytes), listen("127.0.0.1", options.port), lambda: None)


if __name__ == "__main__":
    main()
