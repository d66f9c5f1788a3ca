"""Listens for gRPC, in the event loop that answers everything else: for Envoy, which may ask that way.

A server begins within the loop that it lives in, and so in the worker after its fork: what gRPC holds does not survive
one. Workers share a port (`SO_REUSEPORT`); a Unix socket has one that listens.
"""

import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, cast

import grpc
import grpc.aio

from service.certificates import CertificateFiles, Certificates, InvalidCertificates, report_refused
from service.gateways.envoy_grpc import Authorization

Lifespan: TypeAlias = Callable[[object], AbstractAsyncContextManager[None]]

GRACE_SECONDS = 2.0
"""For so long calls under way are answered still: Envoy waits for less."""
REQUEST_LIMIT_BYTES = 1024 * 1024
"""Attributes, certificates and a part of the body, where Envoy is told to send them."""

METADATA_LIMIT_BYTES = 1024 * 1024
"""As much as the headers that Envoy lets in, from which it is made: what is too long is answered, and is no outage."""

_OPTIONS = (
    ("grpc.so_reuseport", 1),
    ("grpc.max_receive_message_length", REQUEST_LIMIT_BYTES),
    ("grpc.max_metadata_size", METADATA_LIMIT_BYTES),
    ("grpc.absolute_max_metadata_size", METADATA_LIMIT_BYTES),
)


@dataclass(frozen=True, slots=True)
class GrpcPlaces:
    """Where calls are taken."""

    host: str = "127.0.0.1"
    port: int | None = None
    """Never 0: which one it is, workers must agree on. None: on no port."""
    socket: Path | None = None
    """A Unix socket, at which nobody else listens; None: on none."""
    socket_permissions: int = 0o660
    """Who may open it."""
    certificates: CertificateFiles | None = None
    """Of the port; None: it takes calls in the clear."""

    @property
    def address(self) -> str:
        """Of the port, as gRPC has it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class GrpcServer:
    """Answers Envoy while it is entered."""

    places: GrpcPlaces
    authorization: Authorization

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Take calls meanwhile; those under way are answered.

        Raises:
            OSError: the port or the socket cannot be used.
            InvalidCertificates: the certificates cannot be used.
        """
        server = grpc.aio.server(options=_OPTIONS)
        server.add_generic_rpc_handlers((self.authorization.handler,))
        self._bind(server)
        await server.start()
        try:
            yield
        finally:
            await server.stop(GRACE_SECONDS)
            await self.authorization.ended()
            if self.places.socket is not None:
                self.places.socket.unlink(missing_ok=True)

    def _bind(self, server: grpc.aio.Server) -> None:
        places = self.places
        try:
            if places.socket is not None:
                with _made_with(places.socket_permissions):  # it listens at once: nobody else may come in between
                    server.add_insecure_port(f"unix:{places.socket}")
            if places.port is None:
                return
            if places.certificates is None:
                server.add_insecure_port(places.address)
            else:
                server.add_secure_port(places.address, _credentials(places.certificates))
        except RuntimeError as error:
            raise OSError(f"cannot take gRPC calls: {str(error).partition(';')[0].lower()}") from None


@contextmanager
def _made_with(permissions: int) -> Iterator[None]:
    """What is made meanwhile may be opened by these and nobody else. For the whole process."""
    before = os.umask(0o777 & ~permissions)
    try:
        yield
    finally:
        os.umask(before)


def _credentials(files: CertificateFiles) -> grpc.ServerCredentials:
    """What the files say, and, for connections that come later, what they say by then."""
    source = _CertificateSource(files)
    newer = cast(Callable[[], grpc.ServerCertificateConfiguration], source.newer)  # None, too, says its documentation
    return grpc.dynamic_ssl_server_credentials(
        source.first(), newer, require_client_authentication=files.client_ca is not None
    )


class _CertificateSource:
    """Reads certificates again once their files have changed. INVARIANT: a faulty new state changes nothing."""

    def __init__(self, files: CertificateFiles) -> None:
        self._files = files
        self._stamp = files.stamp

    def first(self) -> grpc.ServerCertificateConfiguration:
        """The certificates as they are.

        Raises:
            InvalidCertificates: they cannot be used.
        """
        Certificates(self._files, report_refused)
        files = self._files
        chain, key = files.certificate.read_bytes(), (files.key or files.certificate).read_bytes()
        authority = files.client_ca.read_bytes() if files.client_ca is not None else None
        return grpc.ssl_server_certificate_configuration([(key, chain)], authority)

    def newer(self) -> grpc.ServerCertificateConfiguration | None:
        """The same, if the files were changed since the last call and can be used. From any thread."""
        if (stamp := self._files.stamp) == self._stamp:
            return None
        self._stamp = stamp
        try:
            return self.first()
        except (InvalidCertificates, OSError) as error:
            report_refused(str(error))
            return None


def with_grpc(lifespan: Lifespan, server: GrpcServer) -> Lifespan:
    """The same, with calls answered meanwhile."""

    @asynccontextmanager
    async def answering(app: object) -> AsyncIterator[None]:
        async with lifespan(app), server.serving():
            yield

    return answering
