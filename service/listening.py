"""Sockets that take connections, bound before anything is served: ports, ports that workers share, a Unix socket."""

import errno
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from service.certificates import Certificates
from service.gateways.wire import Door

BACKLOG = 2048


@dataclass(frozen=True, slots=True)
class Listening:
    """A bound socket, and how to reach it from this machine."""

    socket: socket.socket
    url: str
    """`http://…`, `https://…` or `unix:` with a path."""
    certificates: Certificates | None = None
    """None: in the clear."""
    door: Door | None = None
    """What admits whoever connects; None: nothing does."""


def listen(host: str, port: int, *, is_shared: bool = False) -> Listening:
    """Bind a socket that takes connections; a shared one, its part of those that come to an address that is held.

    Raises:
        OSError: the address cannot be resolved, is taken, or may not be used.
    """
    listening = _bound(host, port, is_shared=is_shared)
    try:
        listening.socket.listen(BACKLOG)
    except OSError:
        listening.socket.close()
        raise
    return listening


def hold(host: str, port: int) -> Listening:
    """Bind a socket that takes no connections, but keeps the address for processes that share it.

    Raises:
        OSError: as for `listen`; or addresses cannot be shared here.
    """
    if not hasattr(socket, "SO_REUSEPORT"):
        raise OSError(errno.EOPNOTSUPP, "this system cannot share an address among workers (`SO_REUSEPORT`)")
    if port:
        listen(host, port).socket.close()  # fails where somebody listens, which sharing with them would not
    return _bound(host, port, is_shared=True)


def _bound(host: str, port: int, *, is_shared: bool) -> Listening:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if is_shared:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.bind(address)
    except OSError:
        bound.close()
        raise
    return Listening(bound, f"http://{_reachable(host, bound.getsockname()[0])}:{bound.getsockname()[1]}")


def _reachable(host: str, address: str) -> str:
    """The host of a URL that leads there; where every address is listened on, that of this machine."""
    shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, host)
    return f"[{shown}]" if ":" in shown else shown


@contextmanager
def listening_at(path: Path, permissions: int) -> Iterator[Listening]:
    """A Unix socket that takes connections, and is removed afterwards by the process that made it.

    Raises:
        OSError: a living process listens there, something else lies there, or the socket may not be made.
    """
    _clear(path)
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(path))
        made, owner = os.stat(path), os.getpid()
        try:
            os.chmod(path, permissions)  # nobody can connect before: it does not listen yet
            bound.listen(BACKLOG)
            yield Listening(bound, f"unix:{path}", door="socket")
        finally:
            if os.getpid() == owner:
                _remove(path, made)


def _clear(path: Path) -> None:
    """Make room for a socket in place of one that a process left behind."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise OSError(errno.EEXIST, "something else is there, and no socket")
    if _is_alive(path):
        raise OSError(errno.EADDRINUSE, "address already in use")
    _remove(path, found)


def _is_alive(path: Path) -> bool:
    """Whether somebody listens there; also somebody who has no time for another connection."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except BlockingIOError:
            return True
        except ConnectionRefusedError:
            return False
    return True


def _remove(path: Path, made: os.stat_result) -> None:
    """Remove a socket, unless another one lies in its place by now."""
    with suppress(FileNotFoundError):
        if os.path.samestat(os.lstat(path), made):
            path.unlink()
