"""Everything that was ever recorded of one thing, and who recorded it.

Who acts with whom stands in rows of its own, so a version of an entity ends as well where one of those begins or ends.
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Table, or_, select

from rules.facts import EntityId
from service.storage.database import FOREVER
from service.storage.fact_rows import known
from service.storage.schema import acting, audit, entities

REFUSED = "auth.refused"
"""A refusal changes nothing, whatever happened at the same moment."""


@dataclass(frozen=True, slots=True)
class Version:
    """What was known of one thing for a while. Microseconds."""

    row: Row[Any]
    recorded_from: int
    recorded_to: int
    partners: tuple[str, ...] = ()
    """Of an entity: who was known to act with it."""

    @property
    def is_known(self) -> bool:
        """Nothing has taken its place yet."""
        return self.recorded_to == FOREVER


@dataclass(frozen=True, slots=True)
class Deed:
    """An entry of the audit trail that made or ended a version."""

    number: int
    actor: str
    action: str
    reason: str


def versions(connection: Connection, table: Table, id: str) -> list[Version]:
    """Every version, the newest first."""
    rows = connection.execute(select(table).where(table.c.id == id)).all()
    found = [version for of_row in _versions(connection, table, rows) for version in of_row]
    return sorted(found, key=lambda version: version.recorded_from, reverse=True)


def versions_at(connection: Connection, table: Table, rows: Sequence[Row[Any]], at: int | None) -> list[Version]:
    """Of each row, which was known at that time (now unless said), the version of then."""
    moment = FOREVER - 1 if at is None else at
    return [
        next(version for version in of_row if version.recorded_from <= moment < version.recorded_to)
        for of_row in _versions(connection, table, rows)
    ]


def partners_of(connection: Connection, id: str) -> list[EntityId]:
    """Who is known to act with an entity, in the order of their ids."""
    forth = select(acting.c.other).where(acting.c.one == id, known(acting, None))
    back = select(acting.c.one).where(acting.c.other == id, known(acting, None))
    return sorted(map(EntityId, connection.scalars(forth.union_all(back))))


def deeds(connection: Connection, object: str, moments: Iterable[int]) -> Mapping[int, Deed]:
    """Who did what at each of these moments: each is that of one transaction, which may have had another object."""
    columns = (audit.c.number, audit.c.at, audit.c.actor, audit.c.action, audit.c.reason, audit.c.object)
    wanted = (audit.c.at.in_(set(moments)), audit.c.action != REFUSED)
    found: dict[int, Any] = {}
    for row in connection.execute(select(*columns).where(*wanted).order_by(audit.c.number)):
        if row.at not in found or row.object == object:
            found[row.at] = row
    return {at: Deed(row.number, row.actor, row.action, row.reason) for at, row in found.items()}


def _versions(connection: Connection, table: Table, rows: Sequence[Row[Any]]) -> list[list[Version]]:
    """The versions of each row."""
    if table is not entities:
        return [[Version(row, row.recorded_from, row.recorded_to)] for row in rows]
    partners = _partners(connection, {row.id for row in rows})
    return [list(_split(row, partners.get(row.id, ()))) for row in rows]


def _partners(connection: Connection, ids: Set[str]) -> Mapping[str, Sequence[Row[Any]]]:
    """By entity: who was ever known to act with it."""
    statement = select(acting).where(or_(acting.c.one.in_(ids), acting.c.other.in_(ids)))
    found: dict[str, list[Row[Any]]] = {}
    for row in connection.execute(statement):
        for id in (row.one, row.other):
            found.setdefault(id, []).append(row)
    return found


def _split(row: Row[Any], partners: Sequence[Row[Any]]) -> Iterable[Version]:
    """The versions of one row: who acts with the entity is the same all through each."""
    edges = {edge for each in partners for edge in (each.recorded_from, each.recorded_to)}
    inner = sorted(edge for edge in edges if row.recorded_from < edge < row.recorded_to)
    starts, ends = [row.recorded_from, *inner], [*inner, row.recorded_to]
    for start, end in zip(starts, ends, strict=True):
        names = {
            each.other if each.one == row.id else each.one
            for each in partners
            if each.recorded_from <= start < each.recorded_to
        }
        yield Version(row, start, end, tuple(sorted(names)))
