"""Roles of people: who was given which, by whom and when."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, tuple_

from service.storage.database import Writing, moment_of
from service.storage.schema import roles


@dataclass(frozen=True, slots=True)
class Grant:
    """One role of one person."""

    person: str
    """`oidc:ISSUER#SUBJECT`."""
    role: str
    granted_at: datetime
    granted_by: str
    """Id of a principal."""


@dataclass(frozen=True, slots=True)
class GrantFilter:
    """Which roles are wanted; None: whatever it is."""

    person: str | None = None
    role: str | None = None


def roles_of(connection: Connection, person: str) -> frozenset[str]:
    """The roles that a person was given."""
    return frozenset(connection.execute(select(roles.c.role).where(roles.c.person == person)).scalars())


def listed(connection: Connection, wanted: GrantFilter, after: tuple[str, str] | None, limit: int) -> list[Grant]:
    """Roles in the order of persons, that come after one (`place_of`)."""
    query = select(roles)
    if wanted.person is not None:
        query = query.where(roles.c.person == wanted.person)
    if wanted.role is not None:
        query = query.where(roles.c.role == wanted.role)
    if after is not None:
        query = query.where(tuple_(roles.c.person, roles.c.role) > after)
    return [_grant(row) for row in connection.execute(query.order_by(roles.c.person, roles.c.role).limit(limit))]


def place_of(grant: Grant) -> tuple[str, str]:
    """Where a role stands in the list."""
    return grant.person, grant.role


def get(connection: Connection, person: str, role: str) -> Grant | None:
    """One role of one person, if they have it."""
    row = connection.execute(select(roles).where(roles.c.person == person, roles.c.role == role)).first()
    return None if row is None else _grant(row)


def give(writing: Writing, person: str, role: str, by: str) -> Grant:
    """Give a person a role that they do not have."""
    values = {"person": person, "role": role, "granted_at": writing.recorded_at, "granted_by": by}
    writing.connection.execute(insert(roles).values(values))
    return Grant(person, role, moment_of(writing.recorded_at), by)


def take(writing: Writing, grant: Grant) -> None:
    """Take a role from a person."""
    _ = writing.position  # a change, though no memorised fact rests on it
    condition = (roles.c.person == grant.person) & (roles.c.role == grant.role)
    writing.connection.execute(delete(roles).where(condition))


def _grant(row: Row[Any]) -> Grant:
    return Grant(row.person, row.role, moment_of(row.granted_at), row.granted_by)
