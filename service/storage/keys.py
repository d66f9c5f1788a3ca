"""Keys of gateways and of automation: made once, kept as a digest, in force until they expire or are revoked.

The key itself is shown to whoever makes it and is nowhere kept. A key is never deleted, and what it may do never
changes: who wants another scope makes another key.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, func, insert, or_, select, tuple_, update

from service.storage.database import Database, Writing, micros, moment_of
from service.storage.key_records import FIRST, KeyRecord, NewKey, Status, digest_of
from service.storage.schema import keys

ID_LENGTH = 12
LAST = datetime.max.replace(tzinfo=UTC)
SECRET_BYTES = 32
"""256 bits: no number of guesses finds one."""

_ID_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"


@dataclass(frozen=True, slots=True)
class KeyFilter:
    """Which keys are wanted; None: whatever it is."""

    now: datetime
    status: Status | None = None
    scope: str | None = None
    name: str | None = None
    """Part of the name, whatever its case."""
    created_by: str | None = None


def new_key_id() -> str:
    """An id that no other key has."""
    return "".join(secrets.choice(_ID_LETTERS) for _ in range(ID_LENGTH))


def create(writing: Writing, new: NewKey, by: str, *, key_id: str | None = None) -> tuple[KeyRecord, str]:
    """Make a key. Returns what is kept of it, and the key itself."""
    key_id = key_id or new_key_id()
    text = f"cordon_{key_id}_{secrets.token_urlsafe(SECRET_BYTES)}"
    writing.touch("key", [key_id])
    values = {
        "id": key_id,
        "name": new.name,
        "digest": digest_of(text),
        "scopes": json.dumps(sorted(new.scopes), separators=(",", ":")),
        "created_at": writing.recorded_at,
        "created_by": by,
        "expires_at": None if new.expires_at is None else micros(new.expires_at),
    }
    writing.connection.execute(insert(keys).values(values))
    return _existing(writing.connection, key_id), text


def get(connection: Connection, key_id: str) -> KeyRecord | None:
    """The key of that id."""
    return _first(connection, keys.c.id == key_id)


def by_digest(connection: Connection, digest: str) -> KeyRecord | None:
    """The key of which that is kept, in force or not."""
    return _first(connection, keys.c.digest == digest)


def listed(connection: Connection, wanted: KeyFilter, after: tuple[int, str] | None, limit: int) -> list[KeyRecord]:
    """Keys, the newest first, that come after one (`place_of`)."""
    query = select(keys).where(*_conditions(wanted))
    if after is not None:
        query = query.where(tuple_(keys.c.created_at, keys.c.id) < after)
    query = query.order_by(keys.c.created_at.desc(), keys.c.id.desc()).limit(limit)
    return [_record(row) for row in connection.execute(query)]


def place_of(record: KeyRecord) -> tuple[int, str]:
    """Where a key stands in the list."""
    return micros(record.created_at), record.id


def are_there_any(connection: Connection) -> bool:
    """Whether a key was ever made."""
    return connection.execute(select(keys.c.id).limit(1)).first() is not None


def revoke(writing: Writing, record: KeyRecord, by: str) -> KeyRecord:
    """Put a key out of force for good; one that is revoked stays as it is."""
    if record.revoked_at is None:
        _change(writing, record, {"revoked_at": writing.recorded_at, "revoked_by": by})
    return _existing(writing.connection, record.id)


def amend(writing: Writing, record: KeyRecord, *, name: str, expires_at: datetime | None) -> KeyRecord:
    """Give a key another name or another end."""
    _change(writing, record, {"name": name, "expires_at": None if expires_at is None else micros(expires_at)})
    return _existing(writing.connection, record.id)


def rotate(writing: Writing, record: KeyRecord, by: str, grace: timedelta) -> tuple[KeyRecord, KeyRecord, str]:
    """Make a key that may do the same; the old one stays in force for as long as `grace`, and never longer than before.

    Returns the old key, the new one, and the text of the new one. Its maker is whoever rotates it: they have seen it.
    """
    now = moment_of(writing.recorded_at)
    new, text = create(writing, NewKey(record.name, record.scopes, _end_of_next(record, now)), by)
    end = now + grace if record.expires_at is None else min(record.expires_at, now + grace)
    return amend(writing, record, name=record.name, expires_at=end), new, text


def _end_of_next(record: KeyRecord, now: datetime) -> datetime | None:
    """When a key ends that begins now and lives as long as another; no later than there are dates.

    What takes the place of the first credential ends with it.
    """
    if record.expires_at is None or record.is_first:
        return record.expires_at
    span = record.expires_at - record.created_at
    return now + min(span, LAST - now)


def active_keys(connection: Connection) -> dict[str, KeyRecord]:
    """Every key that is not revoked, by its digest: what a worker remembers. Whether it has expired, time tells."""
    rows = connection.execute(select(keys).where(keys.c.revoked_at.is_(None)))
    return {row.digest: _record(row) for row in rows}


def note_use(database: Database, used: Mapping[str, datetime]) -> None:
    """Write down when keys were last used, all at once.

    Raises:
        Unavailable: the database cannot be reached.
    """
    if not used:
        return
    with database.noting() as connection:
        for key_id, moment in sorted(used.items()):  # in one order, so that no two instances wait for each other
            later = or_(keys.c.used_at.is_(None), keys.c.used_at < micros(moment))
            connection.execute(update(keys).where(keys.c.id == key_id, later).values(used_at=micros(moment)))


def makers_of(connection: Connection, principal: str) -> tuple[str, ...]:
    """Who made the key that a principal acts with, who made the key they acted with, and so on."""
    makers: list[str] = []
    while principal.startswith("key:") or principal == FIRST:
        record = get(connection, principal.removeprefix("key:"))
        if record is None or record.created_by in makers:
            break
        principal = record.created_by
        makers.append(principal)
    return tuple(makers)


def may_be_one(connection: Connection, one: str, other: str) -> bool:
    """Whether two principals may be one person: the same, or keys that someone has both seen.

    The command line and the bootstrap credential hand keys out to others, so that they do not make two keys one.
    """
    return not _hands(connection, one).isdisjoint(_hands(connection, other))


def _hands(connection: Connection, principal: str) -> set[str]:
    makers = (maker for maker in makers_of(connection, principal) if maker != FIRST and maker[:4] != "cli:")
    return {principal, *makers}


def _conditions(wanted: KeyFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.scope is not None:
        conditions.append(keys.c.scopes.contains(json.dumps(wanted.scope), autoescape=True))
    if wanted.name is not None:
        conditions.append(func.lower(keys.c.name).contains(wanted.name.lower(), autoescape=True))
    if wanted.created_by is not None:
        conditions.append(keys.c.created_by == wanted.created_by)
    if wanted.status is not None:
        conditions.append(_has_status(wanted.status, micros(wanted.now)))
    return conditions


def _has_status(status: Status, now: int) -> ColumnElement[bool]:
    if status == "revoked":
        return keys.c.revoked_at.is_not(None)
    if status == "expired":
        return and_(keys.c.revoked_at.is_(None), keys.c.expires_at <= now)
    return and_(keys.c.revoked_at.is_(None), or_(keys.c.expires_at.is_(None), keys.c.expires_at > now))


def _change(writing: Writing, record: KeyRecord, values: dict[str, Any]) -> None:
    writing.touch("key", [record.id])
    values = {**values, "version": record.version + 1}
    writing.connection.execute(update(keys).where(keys.c.id == record.id).values(values))


def _existing(connection: Connection, key_id: str) -> KeyRecord:
    return _record(connection.execute(select(keys).where(keys.c.id == key_id)).one())


def _first(connection: Connection, condition: ColumnElement[bool]) -> KeyRecord | None:
    row = connection.execute(select(keys).where(condition)).first()
    return None if row is None else _record(row)


def _record(row: Row[Any]) -> KeyRecord:
    return KeyRecord(
        id=row.id,
        name=row.name,
        digest=row.digest,
        scopes=frozenset(json.loads(row.scopes)),
        created_at=moment_of(row.created_at),
        created_by=row.created_by,
        expires_at=_moment(row.expires_at),
        revoked_at=_moment(row.revoked_at),
        revoked_by=row.revoked_by,
        used_at=_moment(row.used_at),
        version=row.version,
    )


def _moment(count: int | None) -> datetime | None:
    return None if count is None else moment_of(count)
