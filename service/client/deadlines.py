"""A transport for blocking requests that end by a deadline, whatever the other side does.

The timeouts of httpx are for one step each: whoever sends a byte now and then holds a caller for ever. Here the time
left bounds every step. Only the look-up of a host's name cannot be bounded.
"""

import ssl
import threading
import time
from collections.abc import Iterable
from typing import Any, Final

import httpcore
import httpx

from service.client.options import Way

DEADLINE: Final = "cordon.deadline"
"""The extension of a request that says when it must have ended, by the monotonic clock."""

PIECE_BYTES: Final = 16 * 1024
"""What is written at once, before the time left is looked at again."""

_ends = threading.local()


class AnswerTooLong(Exception):
    """More came than an answer may have."""


class AnswerCut(Exception):
    """The answer began, and did not come to its end."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


class DeadlineTransport(httpx.BaseTransport):
    """A pool of connections. Answers come whole, or not at all."""

    def __init__(self, way: Way) -> None:
        limits = way.options.limits
        self._limit_bytes = way.options.answer_limit_bytes
        self._pool = httpcore.ConnectionPool(
            ssl_context=way.tls(),
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            uds=way.socket,
            network_backend=_Backend(),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and read the answer.

        Raises:
            AnswerTooLong: it is longer than the limit.
            AnswerCut: it began, and did not come to its end.
        """
        _ends.at = request.extensions[DEADLINE]
        steps = request.extensions["timeout"]
        steps["pool"] = _left(steps.get("pool"), httpcore.PoolTimeout)
        response = self._pool.handle_request(_as_core(request))
        try:
            assert isinstance(response.stream, Iterable)
            return httpx.Response(response.status, content=gathered(response.stream, self._limit_bytes))
        except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.RemoteProtocolError) as error:
            raise AnswerCut(error) from error
        finally:
            response.close()

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()


def _as_core(request: httpx.Request) -> httpcore.Request:
    url = request.url
    return httpcore.Request(
        request.method,
        httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
        headers=request.headers.raw,
        content=request.read(),
        extensions=request.extensions,
    )


def gathered(parts: Iterable[bytes], limit_bytes: int) -> bytes:
    """All of the parts.

    Raises:
        AnswerTooLong: they are more than the limit.
    """
    body = bytearray()
    for part in parts:
        body += part
        if len(body) > limit_bytes:
            raise AnswerTooLong
    return bytes(body)


def _left(seconds: float | None, timeout: type[httpcore.TimeoutException]) -> float:
    left = float(_ends.at) - time.monotonic()
    if left <= 0:
        raise timeout("the deadline has passed")
    return left if seconds is None else min(seconds, left)


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), PIECE_BYTES):
            self._stream.write(buffer[start : start + PIECE_BYTES], _left(timeout, httpcore.WriteTimeout))

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = _left(timeout, httpcore.ConnectTimeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, left))

    def close(self) -> None:
        self._stream.close()

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _Backend(httpcore.SyncBackend):
    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        left = _left(timeout, httpcore.ConnectTimeout)
        return _Stream(super().connect_tcp(host, port, left, local_address, socket_options))

    def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        left = _left(timeout, httpcore.ConnectTimeout)
        return _Stream(super().connect_unix_socket(path, left, socket_options))
