"""The gateways that the tests start: each from its shipped files, and before an application of its own."""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from tests.gateways.running import APPLICATION, CORDON_SOCKET, GATEWAY, Program, listens, shipped
from tests.gateways.upstream import HOST, Upstream
from tests.valkey_server import free_port


@dataclass(frozen=True, slots=True)
class Gateway:
    """A gateway that runs, and what it guards."""

    name: str
    port: int
    application: Upstream
    program: Program


@dataclass(frozen=True, slots=True)
class Site:
    """Where one gateway runs."""

    directory: Path
    port: int
    application: str
    """Address of what it guards."""
    cordon: Path
    """The socket on which it asks."""

    @property
    def places(self) -> Mapping[str, str]:
        """What stands here in place of the addresses of the shipped files."""
        return {
            GATEWAY: f"{HOST}:{self.port}",
            APPLICATION: self.application,
            CORDON_SOCKET: str(self.cordon),
            "/run/nginx.pid": str(self.directory / "nginx.pid"),
            "/var/cache/nginx/cordon": str(self.directory / "kept"),
            "abns@cordon-checks": f"abns@cordon-checks-{self.port}",
            "/etc/haproxy/cordon.lua": str(self.directory / "haproxy" / "cordon.lua"),
            "user www-data;": "user root;",
        }


Launching: TypeAlias = Callable[[Site], Program]


def nginx(site: Site, *, main: str = "nginx.conf") -> Program:
    """nginx, with the named one of its main files."""
    copy = shipped("nginx", site.directory, site.places)
    return Program(("nginx", "-p", site.directory, "-c", copy / main, "-g", "daemon off;"), site.directory)


def haproxy(site: Site) -> Program:
    copy = shipped("haproxy", site.directory, site.places)
    return Program(("haproxy", "-db", "-f", copy / "haproxy.cfg"), site.directory)


def caddy(site: Site) -> Program:
    """Caddy, which takes its addresses from variables."""
    copy = shipped("caddy", site.directory, {})
    variables = {
        "GATEWAY_PORT": str(site.port),
        "APPLICATION": site.application,
        "CORDON": str(site.cordon),
        "HOME": str(site.directory),
        "XDG_CONFIG_HOME": str(site.directory),
        "XDG_DATA_HOME": str(site.directory),
    }
    command = ("caddy", "run", "--config", copy / "Caddyfile", "--adapter", "caddyfile")
    return Program(command, site.directory, variables)


LAUNCHING: Final[Mapping[str, Launching]] = {"nginx": nginx, "haproxy": haproxy, "caddy": caddy}


def is_installed(name: str) -> bool:
    """Whether the program can be run here."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") is not None


@contextmanager
def guarding(directory: Path, name: str, socket: Path, launch: Launching | None = None) -> Iterator[Gateway]:
    """A gateway that asks on a socket, before an application of its own."""
    directory.mkdir(parents=True, exist_ok=True)
    with Upstream() as application:
        site = Site(directory, free_port(), f"{HOST}:{application.port}", socket)
        program = (launch or LAUNCHING[name])(site)
        try:
            program.start(lambda: listens(site.port))
            yield Gateway(name, site.port, application, program)
        finally:
            program.stop()
