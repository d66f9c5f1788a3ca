"""The TLS of a listener: which certificate it shows, and whose it asks for; always what the files say by now.

Files that were replaced are taken up all together or not at all, for new connections, without a restart. INVARIANT: a
faulty new state changes nothing; it is reported once.
"""

import os
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import structlog

from service.errors import Unusable
from service.settings import Settings

Stamp: TypeAlias = tuple[tuple[int, int, int] | None, ...]
"""Of each file its inode, size and time of change; None for one that is not there."""


class InvalidCertificates(Unusable):
    """Files of TLS that cannot be used."""


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """Where the files lie, all PEM."""

    certificate: Path
    """Its chain follows it."""
    key: Path | None = None
    """Without a password. None: it is in the file of the certificate."""
    client_ca: Path | None = None
    """Whose certificates clients must show; None: they need none."""

    @property
    def stamp(self) -> Stamp:
        """Another one, once any of them was changed."""
        return tuple(_stamp(path) for path in (self.certificate, self.key, self.client_ca) if path is not None)


def files_of(settings: Settings) -> CertificateFiles | None:
    """Those that the settings name; None: there is no TLS."""
    if settings.tls_certificate is None:
        return None
    return CertificateFiles(settings.tls_certificate, settings.tls_key, settings.tls_client_ca)


def report_refused(fault: str) -> None:
    """Log that files which were replaced are not taken up."""
    structlog.get_logger("cordon").error("certificate refused", fault=fault)


class Certificates:
    """The TLS of one listener."""

    def __init__(self, files: CertificateFiles, report: Callable[[str], None]) -> None:
        """`report` is told what is wrong with files that are not taken up.

        Raises:
            InvalidCertificates: they cannot be used as they are.
        """
        self._files = files
        self._report = report
        self._taken = self._seen = files.stamp
        self._newest = _context(files)
        self.context = _context(files)
        """With which every connection begins; the newest takes its place within the handshake."""
        self.context.sni_callback = self._renew

    @property
    def asks_for_clients(self) -> bool:
        """Whether nobody connects without a certificate."""
        return self._files.client_ca is not None

    def look(self) -> None:
        """Take up files that were changed, once they have been still since the last look."""
        seen, self._seen = self._seen, self._files.stamp
        if self._seen != seen or self._seen == self._taken:
            return
        self._taken = self._seen
        try:
            self._newest = _context(self._files)
        except InvalidCertificates as invalid:
            self._report(str(invalid))

    def _renew(self, connection: ssl.SSLSocket | ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        connection.context = self._newest


def _context(files: CertificateFiles) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    key = files.key or files.certificate
    try:
        context.load_cert_chain(files.certificate, files.key, password=_no_password)
    except (OSError, ValueError) as error:
        raise InvalidCertificates(
            f"the certificate `{files.certificate}` with the key `{key}` cannot be used: {_reason(error)}"
        ) from None
    if files.client_ca is not None:
        _ask_for_clients(context, files.client_ca)
    return context


def _ask_for_clients(context: ssl.SSLContext, authority: Path) -> None:
    """Let nobody in without a certificate that counts. No tickets: under TLS 1.3 every connection shows it.

    Under TLS 1.2 a client may resume a session that this process remembers, for two hours at most.
    """
    context.verify_mode = ssl.CERT_REQUIRED
    context.num_tickets = 0
    context.options |= ssl.OP_NO_TICKET
    try:
        context.load_verify_locations(authority)
    except (OSError, ValueError) as error:
        raise InvalidCertificates(f"the authority `{authority}` cannot be used: {_reason(error)}") from None


def _no_password() -> str:
    raise ValueError("the key has a password")


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or "it is not PEM").replace("_", " ").lower()
    return (getattr(error, "strerror", None) or str(error)).lower()


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
