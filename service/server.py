"""Runs the application under uvicorn, lean: no access log, no proxy headers, a socket of its own.

A stop that was asked for (SIGTERM, SIGINT) ends with what is under way answered, and is no failure.
"""

import asyncio
import errno
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import TypeAlias

import uvicorn

from service.garbage import settle
from service.gateways.wire import AsgiApp

KEEP_ALIVE_SECONDS = 75
"""Longer than gateways keep idle connections (nginx: 60), so that it is never the server who closes one in use."""
GRACE_SECONDS = 5
BACKLOG = 2048


@dataclass(frozen=True, slots=True)
class Listening:
    """A bound socket, and how to reach it from this machine."""

    socket: socket.socket
    url: str


def listen(host: str, port: int, *, is_shared: bool = False) -> Listening:
    """Bind a socket that takes connections; a shared one, its part of those that come to an address that is held.

    Raises:
        OSError: the address cannot be resolved, is taken, or may not be used.
    """
    listening = _bound(host, port, is_shared=is_shared)
    try:
        listening.socket.listen(BACKLOG)
    except OSError:
        listening.socket.close()
        raise
    return listening


def hold(host: str, port: int) -> Listening:
    """Bind a socket that takes no connections, but keeps the address for processes that share it.

    Raises:
        OSError: as for `listen`; or addresses cannot be shared here.
    """
    if not hasattr(socket, "SO_REUSEPORT"):
        raise OSError(errno.EOPNOTSUPP, "this system cannot share an address among workers (`SO_REUSEPORT`)")
    if port:
        listen(host, port).socket.close()  # fails where somebody listens, which sharing with them would not
    return _bound(host, port, is_shared=True)


def _bound(host: str, port: int, *, is_shared: bool) -> Listening:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if is_shared:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.bind(address)
    except OSError:
        bound.close()
        raise
    return Listening(bound, f"http://{_reachable(host, bound.getsockname()[0])}:{bound.getsockname()[1]}")


def _reachable(host: str, address: str) -> str:
    """The host of a URL that leads there; where every address is listened on, that of this machine."""
    shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, host)
    return f"[{shown}]" if ":" in shown else shown


class Server(uvicorn.Server):
    """Says when it is ready; a stop by signal is a return, not a death by that signal."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and not self.should_exit:
            self._ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        stops = (signal.SIGINT, signal.SIGTERM)
        before = {stop: signal.signal(stop, self.handle_exit) for stop in stops}
        try:
            yield
        finally:
            for stop, handler in before.items():
                signal.signal(stop, handler)


HttpProtocol: TypeAlias = type[asyncio.Protocol]
"""A subclass of the server's own protocol for HTTP."""


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
    """Serve until stopped; `ready` is called once connections are answered."""

    def started() -> None:
        settle()
        ready()

    config = configure(app, protocol)
    server = Server(config, started)
    factory = config.get_loop_factory()
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(server.serve(sockets=[listening.socket]))
