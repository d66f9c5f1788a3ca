"""How an application reaches Cordon: address, key, time, connections."""

import re
import ssl
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from service.client.conversation import Conversation
from service.client.errors import WhenUnreachable

UNIX: Final = "unix:"
ANY_HOST: Final = "http://cordon"
"""What a request over a Unix socket says that it was sent to."""

BATCH_SIZE: Final = 1000
"""The most questions that the service lets through at once, unless set otherwise."""


def _timeout() -> httpx.Timeout:
    return httpx.Timeout(1.0, connect=0.25, pool=0.25)


def _limits() -> httpx.Limits:
    return httpx.Limits(max_connections=64, max_keepalive_connections=16, keepalive_expiry=60.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What seldom differs between applications."""

    deadline_seconds: float = 1.0
    """How long one call takes at most, whatever happens: connections, repetitions and batches included."""
    timeout: httpx.Timeout = field(default_factory=_timeout)
    """How long one step of one request takes at most: to connect, to read, to write, to wait for a connection."""
    limits: httpx.Limits = field(default_factory=_limits)
    """How many connections there are, how many of them are kept, and how long: less than the 75 seconds after which
    the service closes one."""
    tls: ssl.SSLContext | None = None
    """Whom to believe over https, and the client's own certificate; None: whoever the public authorities vouch for."""
    batch_size: int = BATCH_SIZE
    """How many questions are asked at once. The service may take fewer: then they are asked in smaller batches."""
    repeats_closed: bool = True
    """Ask once more where a connection was closed before any of an answer came, as kept connections are when the
    service restarts. It may then have decided, and recorded, twice."""
    answer_limit_bytes: int = 64 * 1024 * 1024
    """A longer answer is none of Cordon's."""

    def __post_init__(self) -> None:
        if self.deadline_seconds <= 0:
            raise ValueError("`deadline_seconds` must be more than 0")
        if self.batch_size < 1:
            raise ValueError("`batch_size` must be 1 or more")


@dataclass(frozen=True, slots=True)
class Way:
    """How requests travel."""

    base_url: str
    socket: str | None
    """Path of the Unix socket; None: by TCP."""
    headers: dict[str, str]
    options: Options

    def settings(self) -> dict[str, Any]:
        """What both clients of httpx are made with."""
        return {
            "base_url": self.base_url,
            "headers": self.headers,
            "timeout": self.options.timeout,
            "trust_env": False,
        }

    def tls(self) -> ssl.SSLContext | None:
        """Whom to believe; None where there is nothing to encrypt."""
        if self.socket is not None or urlsplit(self.base_url).scheme == "http":
            return None
        return self.options.tls or httpx.create_ssl_context()


def way_to(address: str, key: str | None, options: Options) -> Way:
    """The way to an address: `http://…`, `https://…` or `unix:/path/of/the.sock`.

    Raises:
        ValueError: it is none of these, or no header can hold the key.
    """
    headers = {"content-type": "application/json", "accept-encoding": "identity"}
    if key is not None:
        if not re.fullmatch(r"[!-~]+", key):
            raise ValueError("the key holds what no header can")
        headers["authorization"] = f"Bearer {key}"
    if address.startswith(UNIX):
        return Way(ANY_HOST, address.removeprefix(UNIX), headers, options)
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(f"`{address}` is neither `http://…` nor `https://…` nor `unix:…`")
    return Way(address.rstrip("/"), None, headers, options)


def conversation(when_unreachable: WhenUnreachable, options: Options) -> Conversation:
    """The rules of asking, as an application sets them.

    Raises:
        ValueError: nothing is said of when Cordon cannot be reached.
    """
    if when_unreachable not in ("deny", "allow", "raise"):
        raise ValueError(f"`when_unreachable` must be `deny`, `allow` or `raise`, not `{when_unreachable}`")
    return Conversation(when_unreachable, options.batch_size, options.repeats_closed)
