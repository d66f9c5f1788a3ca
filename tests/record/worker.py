"""A worker over a database, on an event loop of its own thread: several of them are a fleet within one process."""

import asyncio
import secrets
import threading
from collections.abc import Callable, Coroutine, Iterator, MutableMapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVar

from service.app import assemble
from service.clocks import utc_now as the_time
from service.parts import Service
from service.settings import Settings
from tests.service.conftest import embedded
from tests.service.connections import Connections
from tests.valkey_server import wait_until

T = TypeVar("T")

END_SECONDS = 10.0


class Worker:
    """One service with its lifespan, reached from any thread."""

    def __init__(self, settings: Settings, clock: Callable[[], datetime] = the_time) -> None:
        self.service: Service = assemble(settings, clock=clock, new_id=numbered, locations=embedded())
        self._loop = asyncio.new_event_loop()
        self._connections = Connections(self.service, self._loop)
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._messages: asyncio.Queue[dict[str, str]] = asyncio.Queue()
        self._ended = threading.Event()
        self._started = threading.Event()

    def start(self) -> None:
        """Begin to follow the record."""
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._live(), self._loop)
        self._loop.call_soon_threadsafe(self._messages.put_nowait, {"type": "lifespan.startup"})
        assert self._started.wait(END_SECONDS)

    def stop(self) -> None:
        """End everything, in order."""
        self._loop.call_soon_threadsafe(self._messages.put_nowait, {"type": "lifespan.shutdown"})
        assert self._ended.wait(END_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(END_SECONDS)
        self._loop.close()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """The result of something that is done on the worker's loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(END_SECONDS)

    def answer(self, request: bytes) -> tuple[int, bytes]:
        """Status and body of the answer to a request that comes over a connection."""
        return self.run(self._connections.answer(request))

    @property
    def is_ready(self) -> bool:
        return self.service.programs.is_ready

    async def _live(self) -> None:
        async def send(message: MutableMapping[str, Any]) -> None:
            assert message["type"] in ("lifespan.startup.complete", "lifespan.shutdown.complete"), message
            (self._started if message["type"] == "lifespan.startup.complete" else self._ended).set()

        await self.service.app({"type": "lifespan", "asgi": {"version": "3.0"}}, self._messages.get, send)


@contextmanager
def working(settings: Settings, clock: Callable[[], datetime] = the_time) -> Iterator[Worker]:
    """A worker, as soon as it decides."""
    worker = Worker(settings, clock)
    worker.start()
    try:
        wait_until(lambda: worker.is_ready, "a worker that decides")
        yield worker
    finally:
        worker.stop()


def numbered() -> str:
    """An id that says what it is of."""
    return f"decision-{secrets.token_hex(8)}"


def now() -> datetime:
    """What the workers' clocks show."""
    return the_time()
