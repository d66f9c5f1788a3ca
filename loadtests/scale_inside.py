"""A whole service in this process, so that its parts can be timed where they run: on its own event loop.

It is the service that `cordon serve` runs, with its lifespan, but for the socket.
"""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rules.facts import AccountId, ResourceId
from service.app import assemble
from service.decide import AccessRequest, Screenings
from service.parts import Service
from service.settings import Settings

READY_SECONDS = 60
ADDRESS = "8.8.8.8"


@asynccontextmanager
async def inside(database: str, redis: str | None = None, **others: Any) -> AsyncIterator[Service]:
    """The service, ready to decide; ended afterwards. `others`: more settings."""
    with tempfile.TemporaryDirectory(prefix="cordon-scale-") as directory:
        log = {"decision_log": Path(directory) / "decisions"}
        settings = Settings(database=database, redis=redis, keys="none", **{**log, **others})
        service = assemble(settings)
        async with _alive(service):
            await _until_ready(service)
            yield service


@asynccontextmanager
async def _alive(service: Service) -> AsyncIterator[None]:
    """The lifespan, by the protocol that a server speaks with an application."""
    told: asyncio.Queue[MutableMapping[str, Any]] = asyncio.Queue()
    said: asyncio.Queue[MutableMapping[str, Any]] = asyncio.Queue()
    scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
    running = asyncio.create_task(service.app(scope, told.get, said.put))
    await told.put({"type": "lifespan.startup"})
    message = await said.get()
    assert message["type"] == "lifespan.startup.complete", message
    try:
        yield
    finally:
        await told.put({"type": "lifespan.shutdown"})
        await running


async def _until_ready(service: Service) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not service.programs.is_ready or (await service.decider.decide(request("nobody"))).sources == ():
        if time.monotonic() > deadline:
            raise TimeoutError("no rules are in force")
        await asyncio.sleep(0.01)


def request(account: str) -> AccessRequest:
    """One question about an account, all else alike."""
    now = datetime.now(UTC)
    return AccessRequest(AccountId(account), ResourceId("model-small"), at=now, address=ADDRESS)


def screenings(service: Service) -> Screenings:
    """Those in force."""
    return service.programs.current.screenings
