"""Rows of the four tables -> entities, interests, accounts and resources; a fault of a cell is recorded with its place.

A fault never stops the reading: what is wrong with one cell leaves that fact out, and the table is refused as a whole.
"""

from collections.abc import Callable, Container, Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from typing import TypeVar

from rules.facts import BASES, Account, AccountId, Basis, Entity, EntityId, Interest, Resource, ResourceId
from rules.geography import Jurisdiction, fault_of
from rules.shares import NO_SHARE, UNKNOWN_SHARE, Bounds, parse_bounds
from rules.times import parse_instant
from service.storage.tables import Columns, Row, Table

SIGNAL_PREFIX = "declared."

COLUMNS: Mapping[str, Columns] = {
    "entities.csv": Columns(("id", "name", "kind", *BASES, "listed", "acts_with")),
    "interests.csv": Columns(("owner", "subject", "share", "control", "start", "end", "source")),
    "accounts.csv": Columns(("id", "entity", "tags"), SIGNAL_PREFIX),
    "resources.csv": Columns(("id", "tags", "provider")),
}
"""The tables of a directory, and their columns."""

R = TypeVar("R")


def read_entities(table: Table) -> dict[EntityId, Entity]:
    """Every entity by id; who acts with whom is known of both, whichever row says it."""
    entities = {EntityId(id): _entity(row) for id, row in _unique(table)}
    for row in table.rows:
        _join_those_acting_together(row, entities)
    return entities


def _entity(row: Row) -> Entity:
    seats: dict[Basis, frozenset[Jurisdiction]] = {}
    for basis in BASES:
        if codes := row.values(basis):
            seats[basis] = _shared_codes(tuple(_code(row, basis, code) for code in codes))
    listed = _shared(row.values("listed"))
    return Entity(EntityId(row.text("id")), row.text("name"), _one_value(row, "kind") or None, seats, listed)


def _join_those_acting_together(row: Row, entities: dict[EntityId, Entity]) -> None:
    id = EntityId(row.text("id"))
    for partner in map(EntityId, row.values("acts_with")):
        if partner not in entities:
            _refuse_dangling(row, "acts_with", partner)
        elif id in entities and partner != id:
            entities[id] = _acting_with(entities[id], partner)
            entities[partner] = _acting_with(entities[partner], id)


def _acting_with(entity: Entity, partner: EntityId) -> Entity:
    partners = entity.acts_with | {partner}
    return Entity(entity.id, entity.name, entity.kind, entity.seats, entity.listed, partners)


def read_interests(table: Table, entities: Container[str]) -> list[Interest]:
    """Every interest, in the order of the rows."""
    if "owner" not in table.indexes:
        return []  # the table itself is faulty, and that is recorded
    if table.rows and "subject" not in table.indexes:
        table.refuse("", 0, "column `subject` is missing: every row needs it")
        return []
    return [_interest(row, entities) for row in table.rows]


def _interest(row: Row, entities: Container[str]) -> Interest:
    control = _control(row)
    start, end = _moment(row, "start"), _moment(row, "end")
    if start and end and start >= end:
        row.refuse("end", f"`{row.text('end')}` is not after the start, `{row.text('start')}`")
    return Interest(
        owner=EntityId(_reference(row, "owner", entities)),
        subject=EntityId(_reference(row, "subject", entities)),
        share=_share(row, control),
        control=control,
        start=start,
        end=end,
        source=row.text("source"),
    )


def _share(row: Row, control: bool) -> Bounds:
    """An empty cell is a share of unknown size, and no share at all where the interest is one of control."""
    if not row.text("share"):
        return NO_SHARE if control else UNKNOWN_SHARE
    return _read(row, "share", _bounds) or UNKNOWN_SHARE


_bounds = lru_cache(maxsize=4096)(parse_bounds)


def _control(row: Row) -> bool:
    cell = row.text("control")
    if cell not in ("true", "false", ""):
        row.refuse("control", f"`{cell}` is neither `true` nor `false`")
    return cell == "true"


def _moment(row: Row, column: str) -> datetime | None:
    return _read(row, column, parse_instant) if row.text(column) else None


def read_accounts(table: Table, entities: Container[str]) -> dict[AccountId, Account]:
    """Every account by id."""
    signals = [column for column in table.indexes if column.startswith(SIGNAL_PREFIX)]
    return {AccountId(id): _account(row, signals, entities) for id, row in _unique(table)}


def _account(row: Row, signals: list[str], entities: Container[str]) -> Account:
    declared = {
        column.removeprefix(SIGNAL_PREFIX): _code(row, column, row.text(column))
        for column in signals
        if row.text(column)
    }
    entity = EntityId(_reference(row, "entity", entities)) if row.text("entity") else None
    return Account(AccountId(row.text("id")), True, entity, _shared(row.values("tags")), declared)


def read_resources(table: Table, entities: Container[str]) -> dict[ResourceId, Resource]:
    """Every resource by id."""
    return {ResourceId(id): _resource(row, entities) for id, row in _unique(table)}


def _resource(row: Row, entities: Container[str]) -> Resource:
    provider = EntityId(_reference(row, "provider", entities)) if row.text("provider") else None
    return Resource(ResourceId(row.text("id")), _shared(row.values("tags")), provider)


@lru_cache(maxsize=4096)
def _shared(values: tuple[str, ...]) -> frozenset[str]:
    """One set for all rows that say the same: there are few different ones among many rows."""
    return frozenset(values)


@lru_cache(maxsize=4096)
def _shared_codes(codes: tuple[Jurisdiction, ...]) -> frozenset[Jurisdiction]:
    return frozenset(codes)


def _unique(table: Table) -> Iterator[tuple[str, Row]]:
    """The rows whose id is theirs alone; every other one is a fault."""
    seen: dict[str, Row] = {}
    for row in table.rows if "id" in table.indexes else ():
        id = row.text("id")
        if not id:
            row.refuse("id", "the id is empty")
        elif id in seen:
            row.refuse("id", f"`{id}` stands in line {seen[id].line} already")
        elif id:
            seen[id] = row
            yield id, row


def _reference(row: Row, column: str, entities: Container[str]) -> str:
    cell = row.text(column)
    if not cell:
        row.refuse(column, f"the {column} is empty")
    elif cell not in entities:
        _refuse_dangling(row, column, cell)
    return cell


def _refuse_dangling(row: Row, column: str, id: str) -> None:
    row.refuse(column, f"unknown entity `{id}`: entities.csv has no row for it")


def _one_value(row: Row, column: str) -> str:
    cell = row.text(column)
    if ";" in cell:
        row.refuse(column, f"`{cell}` is more than one {column}")
    return cell


def _code(row: Row, column: str, code: str) -> Jurisdiction:
    if fault := fault_of(code):
        row.refuse(column, fault)
    return Jurisdiction(code)


def _read(row: Row, column: str, reading: Callable[[str], R]) -> R | None:
    try:
        return reading(row.text(column))
    except ValueError as error:
        row.refuse(column, str(error))
        return None
