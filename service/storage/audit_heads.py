"""Signed heads: at this entry the audit trail ended in this digest. They show an end cut off, or a chain all rewritten.

Whoever can write to the database must not be able to sign: the key is a file of the service's own, never a row. Heads
are kept in the database for convenience, and in a file of lines of JSON that is meant to be copied elsewhere.
"""

import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from sqlalchemy import Connection, Row, insert, select
from sqlalchemy.engine import make_url

from rules.times import parse_instant
from service.errors import Unusable
from service.storage.database import micros, moment_of
from service.storage.schema import audit_heads

_SIGNED_AS = b"cordon audit head 1\n"
"""Stands before what is signed, so that a signature means nothing anywhere else."""
_PEM_END = "-----END PUBLIC KEY-----"
_TAIL_BYTES = 4096
"""More than two lines of heads have."""


class InvalidKey(Unusable):
    """A file that holds no key of the kind needed, in words for whoever named it."""


class InvalidHeads(Exception):
    """A file that holds something other than heads, in words for whoever named it."""


@dataclass(frozen=True, slots=True)
class Head:
    """What one key says of the audit trail."""

    number: int
    """Of the entry that was the last one."""
    digest: str
    at: datetime
    """When it was signed."""
    key: str
    """Fingerprint of the public key: SHA-256 in hexadecimal."""
    signature: str
    """Ed25519, in hexadecimal."""

    def document(self) -> dict[str, object]:
        """As it is exported."""
        at = self.at.isoformat(timespec="microseconds").replace("+00:00", "Z")
        return {"number": self.number, "digest": self.digest, "at": at, "key": self.key, "signature": self.signature}


@dataclass(frozen=True, slots=True)
class AuditFiles:
    """Where the key that signs is kept, and where heads are exported to; None: nowhere."""

    key: Path | None
    heads: Path | None

    @property
    def public_key(self) -> Path | None:
        """Beside the key: what others verify with."""
        return None if self.key is None else self.key.with_suffix(".pub")


def audit_files(url: str, key: Path | None, heads: Path | None) -> AuditFiles:
    """Where a service keeps them: where its settings say, else beside the file that is its database."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        return AuditFiles(key, heads)
    beside = Path(parsed.database)
    return AuditFiles(
        key or beside.with_name(f"{beside.name}.audit-key.pem"),
        heads or beside.with_name(f"{beside.name}.heads.ndjson"),
    )


def fingerprint(key: Ed25519PublicKey) -> str:
    """What names a key."""
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()


def signed_head(key: Ed25519PrivateKey, number: int, digest: str, at: datetime) -> Head:
    """A head, signed now."""
    name = fingerprint(key.public_key())
    return Head(number, digest, at, name, key.sign(_signed_text(number, digest, at, name)).hex())


def is_signed_by(head: Head, key: Ed25519PublicKey) -> bool:
    """Whether the signature is that key's, of just this head."""
    try:
        key.verify(bytes.fromhex(head.signature), _signed_text(head.number, head.digest, head.at, fingerprint(key)))
    except (InvalidSignature, ValueError):
        return False
    return head.key == fingerprint(key)


def _signed_text(number: int, digest: str, at: datetime, key: str) -> bytes:
    fields = {"number": number, "digest": digest, "at": micros(at), "key": key}
    return _SIGNED_AS + json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()


def key_at(path: Path) -> Ed25519PrivateKey:
    """The key that signs; made on first use, its public half beside it. Of several that start at once, one makes it.

    Raises:
        InvalidKey: the file holds something else.
        OSError: it can be neither read nor written.
    """
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return _made(path)
    return _loaded(path, text)


def _made(path: Path) -> Ed25519PrivateKey:
    key = Ed25519PrivateKey.generate()
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    _write_new(draft, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), 0o600)
    try:
        os.link(draft, path)  # fails, rather than replaces, where another process was quicker
    except FileExistsError:
        return _loaded(path, path.read_bytes())
    finally:
        draft.unlink()
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    path.with_suffix(".pub").write_bytes(public)
    return key


def _write_new(path: Path, content: bytes, mode: int) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _loaded(path: Path, text: bytes) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(text, password=None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise InvalidKey(f"{path}: holds no private Ed25519 key in PEM")
    return key


def public_keys_at(path: Path) -> list[Ed25519PublicKey]:
    """The public keys of a file, one PEM after another.

    Raises:
        InvalidKey: the file holds something else.
        OSError: it cannot be read.
    """
    parts = [part for part in path.read_text(encoding="ascii", errors="replace").split(_PEM_END) if part.strip()]
    try:
        keys = [load_pem_public_key((part + _PEM_END + "\n").encode()) for part in parts]
    except ValueError:
        keys = []
    trusted = [key for key in keys if isinstance(key, Ed25519PublicKey)]
    if not trusted or len(trusted) != len(parts):
        raise InvalidKey(f"{path}: holds no public Ed25519 key in PEM")
    return trusted


def stored_heads(connection: Connection) -> list[Head]:
    """The heads in the database, in order."""
    return [_head(row) for row in connection.execute(select(audit_heads).order_by(audit_heads.c.number))]


def newest_head(connection: Connection) -> Head | None:
    """The last head in the database."""
    row = connection.execute(select(audit_heads).order_by(audit_heads.c.number.desc()).limit(1)).one_or_none()
    return None if row is None else _head(row)


def store_head(connection: Connection, head: Head) -> None:
    """Add a head to the database."""
    row = {"number": head.number, "digest": head.digest, "key": head.key, "signature": head.signature}
    connection.execute(insert(audit_heads).values(at=micros(head.at), **row))


def _head(row: Row[*tuple[Any, ...]]) -> Head:
    return Head(row.number, row.digest, moment_of(row.at), row.key, row.signature)


def export_head(path: Path, head: Head) -> None:
    """Add a head to the file of heads, on the disk before this returns."""
    line = json.dumps(head.document(), sort_keys=True, separators=(",", ":")) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="ascii") as file:
        file.write(line)
        file.flush()
        os.fsync(file.fileno())


def exported_heads(path: Path) -> Iterator[Head]:
    """The heads of a file; a last line that was never finished is none.

    Raises:
        InvalidHeads: a line holds something else.
        OSError: it cannot be read.
    """
    with path.open(encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, 1):
            if line.endswith("\n") and line.strip():
                yield _read_head(line, f"{path}:{number}")


def last_exported(path: Path) -> Head | None:
    """The last head of a file, of which only the end is read; None if there is no file, or nothing in it.

    Raises:
        InvalidHeads: it holds something else.
        OSError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            file.seek(-min(file.seek(0, os.SEEK_END), _TAIL_BYTES), os.SEEK_END)
            tail = file.read().decode(errors="replace")
    except FileNotFoundError:
        return None
    lines = [line for line in tail.splitlines(keepends=True) if line.endswith("\n") and line.strip()]
    return _read_head(lines[-1], str(path)) if lines else None


def _read_head(line: str, place: str) -> Head:
    try:
        return head_of(json.loads(line))
    except (ValueError, RecursionError):
        raise InvalidHeads(f"{place}: holds no head of an audit trail") from None


def head_of(document: object) -> Head:
    """The head that an exported document holds.

    Raises:
        ValueError: it holds none.
    """
    match document:
        case {
            "number": int(number),
            "digest": str(digest),
            "at": str(at),
            "key": str(key),
            "signature": str(signature),
        }:
            return Head(number, digest, parse_instant(at), key, signature)
        case _:
            raise ValueError("no head of an audit trail")
