"""What to look at after an import: those of whom nothing else is recorded, and those who are owned more than whole."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Float,
    Select,
    and_,
    cast,
    exists,
    func,
    literal,
    not_,
    select,
    union,
)

from rules.shares import WHOLE, parse_bounds
from service.imports.records import UNKNOWN_PREFIX
from service.storage.database import FOREVER
from service.storage.schema import entities, interests

_ALMOST = 99.99
"""Percent: what adds up to less in binary floats is not more than the whole."""
_CHUNK = 500


def unrecorded(connection: Connection, source: str) -> int:
    """How many owners and subjects a source names of whom nothing else is recorded; those it calls unknown apart."""
    ours = (interests.c.source == source, interests.c.recorded_to == FOREVER)
    nameless = [
        select(party).where(*ours, not_(party.startswith(UNKNOWN_PREFIX)), not_(_is_recorded(party)))
        for party in (interests.c.owner, interests.c.subject)
    ]
    return connection.scalar(select(func.count()).select_from(union(*nameless).subquery())) or 0


def _is_recorded(party: Column[str]) -> ColumnElement[bool]:
    return exists(select(literal(1)).where(entities.c.id == party, entities.c.recorded_to == FOREVER))


def above_whole(connection: Connection, source: str, at: int) -> Iterator[str]:
    """Subjects in which a source records more than the whole as held at that moment, by the lower bounds.

    The database finds those that come near it, in floats; they are then added up exactly.
    """
    held = _held(source, at)
    near = select(interests.c.subject).where(held).group_by(interests.c.subject)
    near = near.having(func.sum(_lower_percent(connection)) > _ALMOST).order_by(interests.c.subject)
    found = connection.execute(near).scalars().all()
    for start in range(0, len(found), _CHUNK):
        subjects = found[start : start + _CHUNK]
        yield from _exceeding(connection, select(interests.c.subject, interests.c.share).where(held), subjects)


def _exceeding(connection: Connection, held: Select[Any], subjects: Sequence[str]) -> Iterator[str]:
    totals = dict.fromkeys(subjects, 0)
    for subject, share in connection.execute(held.where(interests.c.subject.in_(subjects))):
        totals[subject] += parse_bounds(share).lower
    yield from (subject for subject, total in totals.items() if total > WHOLE)


def _held(source: str, at: int) -> ColumnElement[bool]:
    return and_(
        interests.c.source == source,
        interests.c.recorded_to == FOREVER,
        interests.c.kind == "shareholding",
        interests.c.share != "",
        func.coalesce(interests.c.valid_from, at) <= at,
        func.coalesce(interests.c.valid_to, at + 1) > at,
    )


def _lower_percent(connection: Connection) -> ColumnElement[float]:
    """The number that a share begins with: SQLite reads it up to what is no part of it, PostgreSQL does not."""
    text = func.ltrim(interests.c.share, "[(")
    return cast(text if connection.dialect.name == "sqlite" else func.split_part(text, "%", 1), Float)
