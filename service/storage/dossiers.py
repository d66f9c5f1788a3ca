"""Reads dossiers: an account or a resource, and everything recorded above its entity, in one state of the record.

What is known at an earlier time is read by the sources' ranks of now: how far a source is believed has no history.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import cache
from itertools import chain
from typing import Any

from sqlalchemy import Connection, Row, Select, Table, select

from rules.facts import Account, AccountId, EntityId, Resource, ResourceId
from service.dossiers import Dossier
from service.storage.closure import Above, known_then, read_above
from service.storage.database import Position, position_of
from service.storage.fact_rows import account_of, among, resource_of, texts_parameter, texts_value
from service.storage.schema import accounts, resources


def read_account(connection: Connection, id: str, known_at: int | None = None) -> Dossier:
    """An account as it is recorded, or was at a time in microseconds; of one that is not registered, just that."""
    return read_accounts(connection, (id,), known_at)[id]


def read_accounts(
    connection: Connection, ids: Collection[str], known_at: int | None = None, *, at_most: int | None = None
) -> dict[str, Dossier]:
    """The same of several accounts, by as many queries as for one.

    Raises:
        TooMuch: `at_most` is given, and all of them together reach more entities than that.
    """
    rows = _rows(connection, accounts, ids, known_at)
    subjects = {id: _account(id, rows.get(id)) for id in ids}
    seeded = {id: (account, account.entity) for id, account in subjects.items()}
    return _dossiers(connection, seeded, known_at, at_most=at_most)


def read_resource(connection: Connection, id: str, known_at: int | None = None) -> Dossier:
    """A resource as it is recorded, or was; one that is not has no tags and no known provider."""
    return read_resources(connection, (id,), known_at)[id]


def read_resources(
    connection: Connection, ids: Collection[str], known_at: int | None = None, *, at_most: int | None = None
) -> dict[str, Dossier]:
    """The same of several resources."""
    rows = _rows(connection, resources, ids, known_at)
    subjects = {id: resource_of(rows[id]) if id in rows else Resource(ResourceId(id)) for id in ids}
    seeded = {id: (resource, resource.provider) for id, resource in subjects.items()}
    return _dossiers(connection, seeded, known_at, at_most=at_most)


def read_with_entity(connection: Connection, id: str, entity: str, known_at: int | None = None) -> Dossier:
    """An account as if that were its entity. One of whom nothing is recorded makes the entity unknown."""
    account = _account(id, _rows(connection, accounts, (id,), known_at).get(id))
    as_if = replace(account, entity=EntityId(entity))
    dossier = _dossiers(connection, {id: (as_if, as_if.entity)}, known_at)[id]
    is_recorded = any(each.id == entity for each in dossier.entities)
    if is_recorded or any(each.subject == entity for each in dossier.interests):
        return dossier
    return replace(dossier, subject=replace(account, entity=None))


def _account(id: str, row: Row[Any] | None) -> Account:
    return Account(AccountId(id), registered=False) if row is None else account_of(row)


def _rows(connection: Connection, table: Table, ids: Collection[str], known_at: int | None) -> dict[str, Row[Any]]:
    dialect = connection.dialect.name
    statement = _named(dialect, table, known_at is not None)
    rows = connection.execute(statement, {"ids": texts_value(dialect, ids), "known_at": known_at}).all()
    return {row.id: row for row in rows}


@cache
def _named(dialect: str, table: Table, is_past: bool) -> Select[*tuple[Any, ...]]:
    """The query for the rows of `ids`; made once, since making it costs as much as asking it."""
    return select(table).where(among(table.c.id, texts_parameter(dialect, "ids")), known_then(table, is_past))


def _dossiers(
    connection: Connection,
    subjects: Mapping[str, tuple[Account | Resource, EntityId | None]],
    known_at: int | None,
    *,
    at_most: int | None = None,
) -> dict[str, Dossier]:
    """The dossiers of these, each with its entity."""
    position = position_of(connection)
    seeds = {entity for _, entity in subjects.values() if entity is not None}
    above = read_above(connection, seeds, known_at, at_most=at_most) if seeds else None
    parts: dict[EntityId, Above] = {}
    if above is not None:
        parts = {seed: above if len(seeds) == 1 else above.part(seed) for seed in seeds}
    return {
        id: _dossier(position, subject, None if entity is None else parts[entity])
        for id, (subject, entity) in subjects.items()
    }


def _dossier(position: Position, subject: Account | Resource, above: Above | None) -> Dossier:
    if above is None:
        return Dossier(position.epoch, position.seq, subject)
    return Dossier(
        position.epoch,
        position.seq,
        subject,
        entities=tuple(above.entities.values()),
        listings=above.listings,
        interests=tuple(chain.from_iterable(above.interests.values())),
        reached=above.reached,
    )
