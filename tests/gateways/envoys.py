"""Envoy as it ships, asking by HTTP or by gRPC, and a Cordon that answers both."""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from tests.gateways.programs import Gateway, Site, guarding
from tests.gateways.running import Cordon, Program, shipped
from tests.gateways.scenario import Headers, Seen, connected, read
from tests.valkey_server import HOST, wait_until

Wire: TypeAlias = Literal["http", "grpc"]

ENVOY: Final = Path(sys.executable).with_name("envoy")
FAIL_OPEN: Final = {"failure_mode_allow: false": "failure_mode_allow: true"}
"""The one line that the page on Envoy says to change."""
LONGER: Final = {"timeout: 0.2s": "timeout: 10s"}
"""For tests of what is answered, and not how soon: this machine may have other things to do."""


def grpc_socket(cordon: Cordon) -> Path:
    """Where a Cordon of these tests takes gRPC."""
    return cordon.directory / "grpc.sock"


def envoy(site: Site, *, wire: Wire, changes: Mapping[str, str]) -> Program:
    """Envoy from the shipped file for the wire, with some of its text changed."""
    application_port = site.application.rpartition(":")[2]
    places = {
        "port_value: 8000": f"port_value: {site.port}",
        "port_value: 9000": f"port_value: {application_port}",
        "/run/cordon/cordon.sock": str(site.cordon),
        "/run/cordon/cordon-grpc.sock": str(site.cordon),
    }
    copy = shipped("envoy", site.directory, {**places, **changes})
    quick = ("--disable-hot-restart", "--concurrency", "1", "--file-flush-interval-msec", "10", "-l", "warn")
    return Program((ENVOY, "-c", copy / f"envoy-{wire}.yaml", *quick), site.directory)


@contextmanager
def enveloped(directory: Path, wire: Wire, socket: Path, changes: Mapping[str, str] | None = None) -> Iterator[Gateway]:
    """Envoy that asks on a socket, before an application of its own."""
    launch = partial(envoy, wire=wire, changes=LONGER if changes is None else changes)
    with guarding(directory, f"envoy-{wire}", socket, launch) as gateway:
        yield gateway


def send(port: int, target: str, headers: Headers, *, method: str = "GET", source: str = HOST) -> Seen:
    """Send a request with this very target, and read its answer."""
    lines = [f"{method} {target} HTTP/1.1", "Host: models.quillmere.example"]
    lines += [f"{name}: {value}" for name, value in headers]
    with connected(port, source) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
        return read(connection, method)


def logged(gateway: Gateway, path: str) -> Any:
    """What Envoy's access log says of the newest request for a path."""

    def found() -> list[Any]:
        lines = [json.loads(line) for line in gateway.program.log.splitlines() if line.startswith("{")]
        return [line for line in lines if line["path"] == path]

    wait_until(lambda: bool(found()), f"the log has {path}")
    return found()[-1]
