"""What Redis is asked and told, alone or in a cluster. Faults are whatever redis-py raises."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol, cast

from redis.asyncio import Redis, RedisCluster


class Closable(Protocol):
    """What holds connections."""

    async def aclose(self) -> None: ...


class Client(Protocol):
    """What keeps values under keys."""

    async def read(self, keys: Sequence[str]) -> Sequence[bytes | None]:
        """The values under these keys, in their order."""

    async def write(self, values: Mapping[str, bytes], kept: timedelta) -> None:
        """Keep all of them for so long; the first fault is raised once all were tried."""

    async def probe(self, key: str) -> None:
        """Return if values can be written and read."""

    async def publish(self, channel: str, message: str) -> None:
        """Tell whoever listens now."""

    async def close(self) -> None:
        """Close every connection. Never raises."""


@dataclass(frozen=True, slots=True)
class SingleClient:
    """Asks one server."""

    redis: Redis
    others: tuple[Closable, ...] = ()
    """What was asked where the server is."""

    async def read(self, keys: Sequence[str]) -> Sequence[bytes | None]:
        return cast(Sequence[bytes | None], await self.redis.mget(keys))

    async def write(self, values: Mapping[str, bytes], kept: timedelta) -> None:
        await _write(self.redis.pipeline(transaction=False), values, kept)

    async def probe(self, key: str) -> None:
        await self.redis.set(key, b"", px=1_000)
        await self.redis.get(key)

    async def publish(self, channel: str, message: str) -> None:
        await self.redis.publish(channel, message)

    async def close(self) -> None:
        await _close(self.redis, *self.others)


@dataclass(frozen=True, slots=True)
class ClusterClient:
    """Asks each node of a cluster for the slots that it holds."""

    cluster: RedisCluster

    async def read(self, keys: Sequence[str]) -> Sequence[bytes | None]:
        # MGET must not cross slots; this sends one for each slot, and all of a node's in one go.
        return cast(Sequence[bytes | None], await self.cluster.mget_nonatomic(keys))

    async def write(self, values: Mapping[str, bytes], kept: timedelta) -> None:
        await _write(self.cluster.pipeline(), values, kept)

    async def probe(self, key: str) -> None:
        await self.cluster.set(key, b"", px=1_000)
        await self.cluster.ping(target_nodes=RedisCluster.PRIMARIES)

    async def publish(self, channel: str, message: str) -> None:
        await self.cluster.publish(channel, message)

    async def close(self) -> None:
        await _close(self.cluster)


async def _write(pipeline: Any, values: Mapping[str, bytes], kept: timedelta) -> None:
    milliseconds = max(1, kept // timedelta(milliseconds=1))
    for key, value in values.items():
        pipeline.set(key, value, px=milliseconds)
    for answer in await pipeline.execute(raise_on_error=False):
        if isinstance(answer, Exception):
            raise answer


async def _close(*held: Closable) -> None:
    for one in held:
        with suppress(Exception):  # it is being thrown away, whatever state it is in
            await one.aclose()
