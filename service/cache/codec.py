"""Dossiers as bytes, for Redis.

A mark, a check sum and MessagePack. What does not decode to exactly what Cordon writes is no dossier: cut off, changed
in a byte, of another shape, or not ours at all.
"""

import hashlib
import zlib
from collections.abc import Mapping
from typing import Annotated

import msgspec

from rules.facts import Account, Entity, EntityId, Interest, Resource
from service.dossiers import Dossier, Listing

MEANING = 1
"""Raised when a field keeps its name and type, and means something else."""

_MARK = b"CD"
_SUM_BYTES = 4
_HEAD_BYTES = len(_MARK) + _SUM_BYTES


class NotADossier(Exception):
    """Bytes that Cordon did not write, or not like this."""


class _Stored(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    epoch: str
    seq: Annotated[int, msgspec.Meta(ge=0)]
    account: Account | None
    resource: Resource | None
    entities: tuple[Entity, ...]
    listings: Mapping[EntityId, tuple[Listing, ...]]
    interests: tuple[Interest, ...]
    reached: frozenset[str]


def _shape() -> str:
    schema = msgspec.json.encode([MEANING, msgspec.json.schema(_Stored)], order="sorted")
    return hashlib.sha256(schema).hexdigest()[:12]


SHAPE = _shape()
"""Tells what this release writes from what one with other fields does: neither ever reads the other's.

Decoding fills in a field that is missing with its default, and drops one that it does not know: silently wrong.
"""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Stored).decode


def encoded(dossier: Dossier) -> bytes:
    """The dossier as bytes.

    Raises:
        NotADossier: it holds text that is no Unicode.
    """
    subject = dossier.subject
    account, resource = (subject, None) if isinstance(subject, Account) else (None, subject)
    listings, interests = dossier.listings, dossier.interests
    stored = _Stored(
        dossier.epoch, dossier.seq, account, resource, dossier.entities, listings, interests, dossier.reached
    )
    try:
        body = _encode(stored)
    except UnicodeEncodeError as error:
        raise NotADossier("text that is no Unicode") from error
    return _MARK + zlib.crc32(body).to_bytes(_SUM_BYTES, "big") + body


def decoded(value: bytes) -> Dossier:
    """The dossier that `encoded` made these bytes of.

    Raises:
        NotADossier: there is none.
    """
    body = memoryview(value)[_HEAD_BYTES:]
    if not value.startswith(_MARK) or value[len(_MARK) : _HEAD_BYTES] != zlib.crc32(body).to_bytes(_SUM_BYTES, "big"):
        raise NotADossier("not as it was written")
    try:
        stored = _decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise NotADossier(str(error)) from error
    subject = stored.account or stored.resource
    if subject is None or (stored.account and stored.resource):
        raise NotADossier("of nobody, or of two")
    return Dossier(
        epoch=stored.epoch,
        seq=stored.seq,
        subject=subject,
        entities=stored.entities,
        listings=stored.listings,
        interests=stored.interests,
        reached=stored.reached,
    )
