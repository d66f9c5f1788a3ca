"""The peers that are Python applications under uvicorn: engines behind a bare endpoint, and the plain service."""

import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from loadtests.peers import endpoint, plain
from loadtests.peers.engines import engine_version, make_engine
from loadtests.peers.maxmind_layout import write_maxmind_layout
from loadtests.peers.question import DATABASE, Told
from loadtests.peers.wire import Peer, Place, post, says_decision
from loadtests.servers import Server, free_port


def make_endpoint(engine: str) -> Callable[[Place], Peer]:
    """What makes the peer that puts this engine behind a bare endpoint.

    The peer's making raises:
        NotInstalled: the engine's library is missing.
    """

    def make(place: Place) -> Peer:
        make_engine(engine, place.world)
        port = free_port()
        command = (sys.executable, "-m", "loadtests.peers.endpoint", engine, str(port))
        server = Server(f"{engine}-http", command, f"http://127.0.0.1:{port}")
        return Peer(engine_version(engine), server, _request_to(endpoint.PATH), says_decision)

    return make


def make_plain(*, access_log: bool) -> Callable[[Place], Peer]:
    """What makes the plain service, with uvicorn's access log (as it comes) or without."""

    def make(place: Place) -> Peer:
        port = free_port()
        log = "--access-log" if access_log else "--no-access-log"
        arguments = ("--factory", "loadtests.peers.plain:make_app", "--port", str(port), log)
        server = Server(
            f"fastapi-geoip2{'-access-log' if access_log else ''}",
            (sys.executable, "-m", "uvicorn", *arguments),
            f"http://127.0.0.1:{port}",
            env={plain.DATABASE_VARIABLE: str(_maxmind_database(place.kept))},
        )
        return Peer(version("fastapi"), server, _request_to(plain.PATH), says_decision)

    return make


def _maxmind_database(kept: Path) -> Path:
    """Made once for each state of the database that ships."""
    target = kept / f"countries-{DATABASE.stat().st_size}-{int(DATABASE.stat().st_mtime)}.mmdb"
    if not target.exists():
        kept.mkdir(parents=True, exist_ok=True)
        write_maxmind_layout(DATABASE, target.with_suffix(".new")).rename(target)
    return target


def _request_to(path: str) -> Callable[[Told], bytes]:
    def request(told: Told) -> bytes:
        return post(path, {"account": told.account, "resource": told.resource, "address": told.address})

    return request
