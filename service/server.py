"""Runs the applications of a process under uvicorn, lean: no access log, no proxy headers, sockets of its own.

One server and one event loop for all of them, so that limits, keep-alive and shutdown are the same everywhere. A stop
that was asked for (SIGTERM, SIGINT) ends with what is under way answered, and is no failure.
"""

import asyncio
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any, TypeAlias, cast

import uvicorn

from service.garbage import settle
from service.gateways.wire import DOOR, AsgiApp
from service.listening import BACKLOG, Listening

KEEP_ALIVE_SECONDS = 75
"""Longer than gateways keep idle connections (nginx: 60), so that it is never the server who closes one in use."""
GRACE_SECONDS = 5
FAREWELL_SECONDS = 1.0
"""For so long the end of a TLS connection waits for the client to agree."""
TICKS_BETWEEN_LOOKS = 10
"""Of uvicorn's ten a second: how often certificates are looked at."""

HttpProtocol: TypeAlias = type[asyncio.Protocol]
"""A subclass of the server's own protocol for HTTP."""


@dataclass(frozen=True, slots=True)
class Listener:
    """An application, and where it is reached."""

    app: AsgiApp
    listening: Listening
    protocol: HttpProtocol | None = None
    """What answers connections; None: the server's own."""


class Server(uvicorn.Server):
    """Answers on every listener; says when it is ready; a stop by signal is a return, not a death by that signal."""

    def __init__(self, listeners: Sequence[Listener], ready: Callable[[], None]) -> None:
        """The application of the first listener is the one that is told when serving begins and ends."""
        first = listeners[0]
        super().__init__(configure(first.app, first.protocol))
        self._listeners = listeners
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin with the application, and then answer on the listeners: not on `sockets`, which are only closed."""
        await super().startup([])
        for listener in self._listeners:
            self.servers.append(await self._opened(listener))
        if self.started and not self.should_exit:
            self._ready()

    async def _opened(self, listener: Listener) -> asyncio.Server:
        loop, listening = asyncio.get_running_loop(), listener.listening
        make = self._maker(listener)
        if listening.socket.family == socket.AF_UNIX:
            kept: dict[str, Any] = {"cleanup_socket": False} if sys.version_info >= (3, 13) else {}
            return await loop.create_unix_server(make, sock=listening.socket, backlog=BACKLOG, **kept)
        if listening.certificates is None:
            return await loop.create_server(make, sock=listening.socket, backlog=BACKLOG)
        return await loop.create_server(
            make,
            sock=listening.socket,
            backlog=BACKLOG,
            ssl=listening.certificates.context,
            ssl_shutdown_timeout=FAREWELL_SECONDS,
        )

    def _maker(self, listener: Listener) -> Callable[[], asyncio.Protocol]:
        """Makes what answers one connection of the listener, by the limits and the state of this server."""
        config = configure(listener.app, listener.protocol)
        config.load()
        door = listener.listening.door
        state = self.lifespan.state if door is None else {**self.lifespan.state, DOOR: door}
        kind = cast(Callable[..., asyncio.Protocol], config.http_protocol_class)
        return partial(kind, config=config, server_state=self.server_state, app_state=state)

    async def on_tick(self, counter: int) -> bool:
        """Look at certificates now and then."""
        if counter % TICKS_BETWEEN_LOOKS == 0:
            for listener in self._listeners:
                if listener.listening.certificates is not None:
                    listener.listening.certificates.look()
        return await super().on_tick(counter)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        stops = (signal.SIGINT, signal.SIGTERM)
        before = {stop: signal.signal(stop, self.handle_exit) for stop in stops}
        try:
            yield
        finally:
            for stop, handler in before.items():
                signal.signal(stop, handler)


def configure(app: AsgiApp, protocol: HttpProtocol | None = None) -> uvicorn.Config:
    """The settings that the load test uses too."""
    return uvicorn.Config(
        app,
        loop="auto",
        http=protocol or "httptools",
        ws="none",
        lifespan="on",
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_config=None,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


def load_server() -> None:
    """Load what is otherwise loaded when serving begins, for the processes that are forked from this one."""
    for name in ("uvloop", "uvicorn.lifespan.on", "uvicorn.loops.auto", "uvicorn.protocols.http.httptools_impl"):
        import_module(name)


def serve(app: AsgiApp, listening: Listening, ready: Callable[[], None], protocol: HttpProtocol | None = None) -> None:
    """Serve one application until stopped; `ready` is called once connections are answered."""
    serve_all((Listener(app, listening, protocol),), ready)


def serve_all(listeners: Sequence[Listener], ready: Callable[[], None]) -> None:
    """Serve until stopped; `ready` is called once connections are answered everywhere."""

    def started() -> None:
        settle()
        ready()

    server = Server(listeners, started)
    with asyncio.Runner(loop_factory=server.config.get_loop_factory()) as runner:
        runner.run(server.serve(sockets=[listener.listening.socket for listener in listeners]))
