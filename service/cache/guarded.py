"""A client of Redis behind a circuit breaker. Never raises.

When the circuit opens the client is thrown away and a new one made, so that names and sentinels are asked again and no
view of a cluster outlives a failover.
"""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from datetime import timedelta

from service.cache.breaker import Breaker
from service.cache.clients import Client
from service.cache.connections import Connections


class GuardedRedis:
    """Asks, and says when it is better not to. For one event loop."""

    def __init__(self, connections: Connections, breaker: Breaker, probe_key: str) -> None:
        self._connections = connections
        self._probe_key = probe_key
        self._client: Client | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.breaker = breaker
        self.failures = 0

    def is_usable(self) -> bool:
        """Whether to ask. While not, a probe is sent whenever one is due; nobody waits for it."""
        if self.breaker.takes_probe():
            self._start(self._probe())
        return self.breaker.is_closed

    async def connect(self) -> None:
        """Connect, and learn where everything is, before somebody waits for it."""
        try:
            await self._connected().probe(self._probe_key)
        except Exception:  # whatever it is, it is tried again when something is asked
            self.failed()

    async def read(self, keys: Sequence[str]) -> Sequence[bytes | None]:
        """The values under the keys, in their order; nothing at all if that fails."""
        try:
            return await self._connected().read(keys)
        except Exception:  # as above: a decision goes on without
            self.failed()
            return ()

    async def write(self, values: Mapping[str, bytes], kept: timedelta) -> bool:
        """Keep the values for so long; False if that fails for one of them."""
        try:
            await self._connected().write(values, kept)
        except Exception:  # as above
            self.failed()
            return False
        return True

    def failed(self) -> None:
        """Take note that something failed, or takes too long."""
        self.failures += 1
        if self.breaker.failed():
            self._throw_away()

    async def close(self) -> None:
        """Close every connection; what is under way fails."""
        self._throw_away()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _probe(self) -> None:
        succeeded = False
        try:
            await self._connected().probe(self._probe_key)
            succeeded = True
        except Exception:  # as above
            self._throw_away()
        finally:
            self.breaker.probed(succeeded)

    def _connected(self) -> Client:
        if self._client is None:
            self._client = self._connections.client()
        return self._client

    def _throw_away(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            self._start(client.close())

    def _start(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
