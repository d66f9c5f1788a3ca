"""Tells other workers that the record has changed, and is told: by publish and subscribe, which promises nothing.

A hint says only that it is worth while to ask the database now. One that is lost costs time and nothing else, since the
database is asked anyway. A link that is dead without saying so is found by a heartbeat of its own.
"""

import asyncio
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from redis.asyncio import Redis
from redis.asyncio.client import PubSub

from service.cache.clients import Client
from service.cache.connections import Connections

CHANNEL = "changes"


@dataclass(frozen=True, slots=True)
class HintPace:
    """Seconds."""

    heartbeat: float = 2.0
    """A link that is silent for so long is asked whether it lives; silent for as long again, it does not."""
    subscribing: float = 2.0
    """How long connecting and subscribing may take."""
    pause: float = 0.1
    """Before connecting anew; doubles while that fails."""
    longest_pause: float = 5.0


class Hints:
    """Speaks and listens for as long as it runs."""

    def __init__(
        self, connections: Connections, namespace: str, on_hint: Callable[[], None], pace: HintPace | None = None
    ) -> None:
        self._connections = connections
        self._channel = f"{namespace}:{CHANNEL}"
        self._on_hint = on_hint
        self._pace = pace or HintPace()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._spoken = asyncio.Event()
        self._message = ""
        self.is_listening = False
        self.heard = 0
        self.losses = 0
        """How often a link was lost, or could not be had."""

    def publish(self, position: object) -> None:
        """Tell everyone, soon. From any thread; never raises, never waits."""
        loop = self._loop
        if loop is None or loop.is_closed():
            return
        try:
            loop.call_soon_threadsafe(self._speak, str(position))
        except RuntimeError:  # the loop was closed meanwhile
            return

    async def run(self) -> None:
        """Speak and listen until cancelled."""
        self._loop = asyncio.get_running_loop()
        tasks = [asyncio.create_task(self._speak_on()), asyncio.create_task(self._listen_on())]
        try:
            await asyncio.gather(*tasks)
        finally:
            await _ended(tasks)

    def _speak(self, message: str) -> None:
        self._message = message
        self._spoken.set()

    async def _speak_on(self) -> None:
        client: Client = self._connections.client()
        try:
            while True:
                await self._spoken.wait()
                self._spoken.clear()
                try:
                    await client.publish(self._channel, self._message)
                except Exception:  # it is a hint: whatever keeps it from being told, others ask the database anyway
                    await client.close()
                    client = self._connections.client()
        finally:
            await client.close()

    async def _listen_on(self) -> None:
        attempt = 0
        while True:
            redis = self._connections.listener(attempt)
            try:
                await self._listen(redis)
            except Exception:  # whatever it is, listening goes on
                self.losses += 1
            finally:
                attempt = 0 if self.is_listening else attempt + 1
                self.is_listening = False
                await _closed(redis)
            pause = min(self._pace.pause * 2 ** min(attempt, 10), self._pace.longest_pause)
            await asyncio.sleep(pause * (0.5 + random.random() / 2))

    async def _listen(self, redis: Redis) -> None:
        """Until the link is lost.

        Raises:
            Exception: it is.
        """
        pubsub = redis.pubsub()
        try:
            async with asyncio.timeout(self._pace.subscribing):
                await pubsub.subscribe(self._channel)
            while True:
                await self._hear(pubsub)
        finally:
            await pubsub.aclose()  # type: ignore[no-untyped-call]

    async def _hear(self, pubsub: PubSub) -> None:
        message = await pubsub.get_message(timeout=self._pace.heartbeat)
        if message is None:
            async with asyncio.timeout(self._pace.heartbeat):
                await pubsub.ping()
            message = await pubsub.get_message(timeout=self._pace.heartbeat)
        if message is None:
            raise TimeoutError("the link is silent")
        if message["type"] == "subscribe":
            self.is_listening = True
        if message["type"] in ("subscribe", "message"):  # what was said before it was subscribed, nobody heard
            self.heard += 1
            self._on_hint()


async def _ended(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancel until they end: before Python 3.12 `asyncio.wait_for`, by which redis-py waits, may swallow it."""
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=0.1)


async def _closed(redis: Redis) -> None:
    try:
        await redis.aclose()
    except Exception:  # it is being thrown away
        return
