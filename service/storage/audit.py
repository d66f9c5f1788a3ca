"""The audit trail: who did what, when, from where, before and after; every entry bound to the one before it.

An entry's digest is the SHA-256 of the digest of the entry before it, a line end, and the entry in canonical JSON. The
chain says whether an entry was edited, removed, inserted or moved; whether its end was cut off only a head says that
was signed and kept elsewhere (`audit_heads`).
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Connection, Row, insert, select

from service.storage.database import micros, moment_of
from service.storage.schema import audit

BEGINNING = "0" * 64
"""What the first entry gives as the digest of the one before it."""
DIGESTED = ("number", "at", "actor", "address", "action", "object", "before", "after", "reason")
"""The columns that a digest is made of, each as it is stored: `before` and `after` are text, or null."""
PAGE = 5_000
"""Entries read at once."""

_INSERT = insert(audit)
_END = select(audit.c.number, audit.c.digest).order_by(audit.c.number.desc()).limit(1)
_UNSTORABLE = {0: "\ufffd", **dict.fromkeys(range(0xD800, 0xE000), "\ufffd")}
"""Characters that a database, or UTF-8, does not take."""


Value: TypeAlias = object
"""A plain JSON value; None where there was nothing."""
Recorded: TypeAlias = Row[*tuple[Any, ...]]
"""One row of the table `audit`."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that was done, or refused."""

    actor: str
    """Id of the principal; `unknown` before it is known who it is."""
    action: str
    """`noun.verb`, as `entity.put`."""
    object: str
    """`kind:id`, as `entity:acme`."""
    address: str = ""
    before: Value = None
    after: Value = None
    reason: str = ""


def append(connection: Connection, entry: Entry, at: datetime) -> None:
    """Add an entry at the end of the chain, in a transaction that no other writer shares (`Database.writing`)."""
    last, previous = end_of(connection)
    fields: dict[str, object] = {
        "number": last + 1,
        "at": micros(at),
        "actor": _stored(entry.actor),
        "address": _stored(entry.address),
        "action": _stored(entry.action),
        "object": _stored(entry.object),
        "before": _json(entry.before),
        "after": _json(entry.after),
        "reason": _stored(entry.reason),
    }
    digest = digest_of(previous, fields)
    connection.execute(_INSERT, {**fields, "previous": previous, "digest": digest})


def end_of(connection: Connection) -> tuple[int, str]:
    """Number and digest of the last entry."""
    row = connection.execute(_END).one_or_none()
    return (0, BEGINNING) if row is None else (row.number, row.digest)


def digest_of(previous: str, fields: dict[str, object]) -> str:
    """What binds an entry to all before it."""
    canonical = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(f"{previous}\n{canonical}".encode("ascii")).hexdigest()


def entries(connection: Connection, *, after: int = 0, until: int | None = None) -> Iterator[Recorded]:
    """All entries in order, from the one behind `after` to `until`, a page of them in memory at a time."""
    while rows := page_after(connection, after, until):
        yield from rows
        after = rows[-1].number


def page_after(
    connection: Connection, after: int, until: int | None, conditions: Sequence[ColumnElement[bool]] = ()
) -> Sequence[Recorded]:
    """The next entries that fit; none at the end."""
    query = select(audit).where(audit.c.number > after, *conditions)
    if until is not None:
        query = query.where(audit.c.number <= until)
    return connection.execute(query.order_by(audit.c.number).limit(PAGE)).all()


def document_of(row: Recorded) -> dict[str, object]:
    """An entry as it is shown and exported."""
    return {
        "number": row.number,
        "at": moment_of(row.at).isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "actor": row.actor,
        "address": row.address,
        "action": row.action,
        "object": row.object,
        "before": _value(row.before),
        "after": _value(row.after),
        "reason": row.reason,
        "previous": row.previous,
        "digest": row.digest,
    }


def _value(text: str | None) -> Value:
    if text is None:
        return None
    try:
        value: Value = json.loads(text)
    except ValueError:
        return text  # not of our writing: `verify` says so
    return value


def _stored(text: str) -> str:
    return text.translate(_UNSTORABLE)


def _json(value: object) -> str | None:
    return None if value is None else json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
