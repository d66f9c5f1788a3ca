"""Reads the log of changes: whose facts each one made old, in the order in which they became visible."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection, delete, func, select

from service.storage.database import Database, Position, Subject, micros, position_of
from service.storage.schema import changes

READ_LIMIT = 50_000
"""Changes that a follower reads at a time; one that is further behind begins anew."""

KEPT = timedelta(days=2)
"""How long changes are kept: followers look several times a second, and cached facts live for less."""


@dataclass(frozen=True, slots=True)
class Change:
    """One id whose facts a change made old."""

    seq: int
    subject: Subject
    id: str


@dataclass(frozen=True, slots=True)
class Page:
    """Every change after `since`, up to `position`."""

    position: Position
    since: int
    changes: tuple[Change, ...]
    is_anew: bool = False
    """It does not begin where the reader was: what the reader has memorised is to be dropped."""


def changes_after(connection: Connection, seen: Position) -> Page:
    """What has changed since. Of another epoch, or of a past that is not kept whole: the newest changes, anew."""
    position = position_of(connection)
    if position == seen:
        return Page(position, seen.seq, ())
    since = _kept_since(connection, position)
    if position.epoch != seen.epoch or not since <= seen.seq <= position.seq:
        return Page(position, since, _read(connection, since), is_anew=True)
    return Page(position, seen.seq, _read(connection, seen.seq))


def _kept_since(connection: Connection, position: Position) -> int:
    """After which change all are at hand, and not too many."""
    seqs = select(changes.c.seq).order_by(changes.c.seq.desc())
    too_far = connection.execute(seqs.offset(READ_LIMIT).limit(1)).scalar()
    if too_far is not None:
        return int(too_far)
    oldest = connection.execute(select(func.min(changes.c.seq))).scalar()
    return position.seq if oldest is None else int(oldest) - 1


def _read(connection: Connection, since: int) -> tuple[Change, ...]:
    statement = select(changes.c.seq, changes.c.subject, changes.c.id)
    rows = connection.execute(statement.where(changes.c.seq > since).order_by(changes.c.seq))
    return tuple(Change(*row) for row in rows)


def prune_changes(database: Database) -> int:
    """Delete the changes that nobody needs any more, and say how many they were. The newest one always stays."""
    before = micros(database.now() - KEPT)
    with database.noting() as connection:
        newest = select(func.max(changes.c.seq)).scalar_subquery()
        gone = connection.execute(delete(changes).where(changes.c.at < before, changes.c.seq < newest))
        return gone.rowcount
