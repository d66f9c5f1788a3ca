"""Connections to Redis or Valkey: one server, servers that a sentinel watches, or a cluster.

Every wait is short and nothing is tried again, whatever the URL says: redis-py by itself waits for 5 s, eleven times.
RESP 2 and no `CLIENT SETINFO`: each would cost a round trip at every connection.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias
from urllib.parse import SplitResult, parse_qs, urlencode, urlsplit

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.connection import Connection, ConnectionPool, SSLConnection, parse_url
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff

from service.cache.clients import Client, ClusterClient, SingleClient
from service.errors import Unusable

TIMEOUT_SECONDS = 0.05
LISTENING_CONNECT_SECONDS = 1.0
"""Nobody waits for the connection that hints come by."""
CONNECTIONS_LIMIT = 32
"""More than are ever used at once: redis-py raises where there are none left."""

KINDS = "write `redis://…`, `sentinel://…` or `cluster://…`"

REDIS_PORT = 6379
SENTINEL_PORT = 26379

Options: TypeAlias = Mapping[str, Any]
Host: TypeAlias = tuple[str, int]


class NotARedis(Unusable):
    """A URL that names no Redis that Cordon can use, in words for whoever gave it; the URL is not in them."""


class Connections(Protocol):
    """Makes clients. Nothing is connected until they are used."""

    def client(self) -> Client:
        """One that keeps values."""

    def listener(self, attempt: int) -> Redis:
        """One to be told things by: it waits for as long as it takes."""


@dataclass(frozen=True, slots=True)
class Alone:
    """One server."""

    options: Options

    def client(self) -> Client:
        return SingleClient(_single(_quick(self.options)))

    def listener(self, attempt: int) -> Redis:
        return _single(_patient(self.options))


@dataclass(frozen=True, slots=True)
class Watched:
    """The master of a service that sentinels watch: they are asked for it at every connection."""

    hosts: tuple[Host, ...]
    service: str
    options: Options
    sentinel_options: Options

    def client(self) -> Client:
        sentinel = self._sentinel()
        return SingleClient(_master(sentinel, self.service, _quick(self.options)), (sentinel,))

    def listener(self, attempt: int) -> Redis:
        return _master(self._sentinel(), self.service, _patient(self.options))

    def _sentinel(self) -> Sentinel:
        return Sentinel(self.hosts, sentinel_kwargs=_quick(self.sentinel_options))  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True)
class Clustered:
    """A cluster, some of whose nodes are known. What is published on one node is told by all."""

    hosts: tuple[Host, ...]
    options: Options

    def client(self) -> Client:
        nodes = [ClusterNode(host, port) for host, port in self.hosts]
        return ClusterClient(RedisCluster(startup_nodes=nodes, require_full_coverage=False, **_quick(self.options)))

    def listener(self, attempt: int) -> Redis:
        host, port = self.hosts[attempt % len(self.hosts)]
        options = {name: value for name, value in self.options.items() if name != "ssl"}
        connection = SSLConnection if "ssl" in self.options else Connection
        return _single(_patient({**options, "host": host, "port": port, "connection_class": connection}))


def connections_to(url: str) -> Connections:
    """What a URL names: `redis`, `unix`, `sentinel` or `cluster`, with TLS `rediss`, `sentinels` or `clusters`.

    Raises:
        NotARedis: nothing.
    """
    split = _split(url)
    try:
        match split.scheme:
            case "redis" | "rediss" | "unix":
                return Alone(_usable(dict(parse_url(url))))
            case "sentinel" | "sentinels":
                return _watched(split)
            case "cluster" | "clusters":
                return _clustered(split)
            case _:
                raise NotARedis(f"`{split.scheme}` is no kind of Redis: {KINDS}")
    except (ValueError, TypeError) as error:
        raise NotARedis(f"not a URL of a Redis: {error}") from None


def _watched(split: SplitResult) -> Watched:
    service, _, number = split.path.strip("/").partition("/")
    if not service:
        raise ValueError("it names no service: write `sentinel://host:26379/service/0`")
    query = {name: values[0] for name, values in parse_qs(split.query).items()}
    own = {name: query.pop(f"sentinel_{name}") for name in ("username", "password") if f"sentinel_{name}" in query}
    options = _shared(split._replace(path=f"/{number}", query=urlencode(query)))
    tls = {name: value for name, value in options.items() if name.startswith("ssl")}
    return Watched(_hosts(split, SENTINEL_PORT), service, options, {**tls, **own})


def _clustered(split: SplitResult) -> Clustered:
    if split.path.strip("/") not in ("", "0"):
        raise ValueError("a cluster has no database but 0")
    return Clustered(_hosts(split, REDIS_PORT), _shared(split._replace(path="")))


def _shared(split: SplitResult) -> dict[str, Any]:
    """What holds for the connection to every host of the URL."""
    user, at, _ = split.netloc.rpartition("@")
    is_tls = split.scheme.endswith("s")
    single = split._replace(scheme="rediss" if is_tls else "redis", netloc=f"{user}{at}host:1")
    options = _usable(dict(parse_url(single.geturl())))
    kept = {name: value for name, value in options.items() if name not in ("host", "port", "connection_class")}
    return {**kept, "ssl": True} if is_tls else kept


def _hosts(split: SplitResult, port: int) -> tuple[Host, ...]:
    named = split.netloc.rpartition("@")[2].split(",")
    parts = [urlsplit(f"//{host}") for host in named]
    if not all(part.hostname for part in parts):
        raise ValueError("one of its hosts is empty")
    return tuple((part.hostname or "", part.port or port) for part in parts)


def _usable(options: dict[str, Any]) -> dict[str, Any]:
    """The options of a URL, if a connection takes them all."""
    named = {name: value for name, value in options.items() if name not in ("connection_class", "max_connections")}
    options.get("connection_class", Connection)(**named)
    return options


def _quick(options: Options) -> dict[str, Any]:
    return {
        **options,
        "socket_timeout": TIMEOUT_SECONDS,
        "socket_connect_timeout": TIMEOUT_SECONDS,
        "retry": Retry(NoBackoff(), 0),
        "max_connections": CONNECTIONS_LIMIT,
        "protocol": 2,
        "driver_info": None,
        "decode_responses": False,
        "health_check_interval": 0,
    }


def _patient(options: Options) -> dict[str, Any]:
    return {**_quick(options), "socket_timeout": None, "socket_connect_timeout": LISTENING_CONNECT_SECONDS}


def _single(options: Options) -> Redis:
    return Redis.from_pool(ConnectionPool(**options))


def _master(sentinel: Sentinel, service: str, options: Options) -> Redis:
    master: Redis = sentinel.master_for(service, **options)
    return master


def _split(url: str) -> SplitResult:
    """The parts of a URL that may name several hosts, which newer versions of `urlsplit` refuse after a bracket."""
    scheme, mark, rest = url.partition("://")
    hosts = re.match(r"[^/?#]*", rest)
    assert hosts is not None
    return urlsplit(f"{scheme}{mark}host{rest[hosts.end() :]}")._replace(netloc=hosts[0] if mark else "")
