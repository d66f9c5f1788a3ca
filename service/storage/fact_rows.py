"""Facts as rows, and back: for each kind its table, its key, and whose answers a change of it makes old."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, Generic, TypeVar

from sqlalchemy import BindParameter, ColumnElement, Row, Select, Table, Text, any_, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY

from rules.facts import Account, AccountId, Basis, Entity, EntityId, Interest, Resource, ResourceId
from rules.geography import Jurisdiction
from rules.shares import NO_SHARE, UNKNOWN_SHARE, Bounds, parse_bounds
from service.dossiers import Listing
from service.storage import schema
from service.storage.database import FOREVER, Subject, micros, moment_of

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RecordedEntity:
    """What is recorded of an entity itself; its lists and partners are facts of their own."""

    entity: Entity
    source: str = ""


@dataclass(frozen=True, slots=True)
class Acting:
    """Two entities that act together; the same in either order."""

    one: EntityId
    other: EntityId
    source: str = ""


@dataclass(frozen=True, slots=True)
class RecordedInterest:
    """An interest, and what is recorded of it beside what rules ask."""

    id: str
    interest: Interest
    kind: str = "shareholding"
    """See `precedence.CARRIED`."""
    details: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RecordedListing:
    """That an entity is on a list."""

    id: str
    entity: EntityId
    listing: Listing


@dataclass(frozen=True, slots=True)
class Fact(Generic[T]):
    """One kind of fact."""

    table: Table
    key: tuple[str, ...]
    row_of: Callable[[T], dict[str, Any]]
    """Every column but the number of the row and the times of record."""
    value_of: Callable[[Row[Any]], T]
    touches: Subject
    touched: tuple[str, ...]
    """Columns that name whom a change of the fact touches."""


def known(table: Table, at: int | ColumnElement[int] | None) -> ColumnElement[bool]:
    """Rows that are known now or, given microseconds, were known then."""
    if at is None:
        return table.c.recorded_to == FOREVER
    return (table.c.recorded_to > at) & (table.c.recorded_from <= at)


def texts_parameter(dialect: str, name: str) -> BindParameter[Any]:
    """A parameter that holds texts, however many there are: an array, or in SQLite a JSON array."""
    return bindparam(name, type_=Text() if dialect == "sqlite" else ARRAY(Text))


def texts_value(dialect: str, texts: Iterable[str]) -> object:
    """The value of such a parameter."""
    return as_json(list(texts)) if dialect == "sqlite" else list(texts)


def rows_of(texts: BindParameter[Any]) -> Select[str]:
    """Such a parameter as rows with one column, `id`."""
    if isinstance(texts.type, ARRAY):
        return select(func.unnest(texts).label("id"))
    return select(func.json_each(texts).table_valued("value").c.value.label("id"))


def among(column: ColumnElement[str], texts: BindParameter[Any]) -> ColumnElement[bool]:
    """The column holds one of these."""
    return column == any_(texts) if isinstance(texts.type, ARRAY) else column.in_(rows_of(texts))


def as_json(value: object) -> str:
    """Compact JSON with sorted keys: equal values are equal texts."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def count_of(moment: datetime | None) -> int | None:
    return None if moment is None else micros(moment)


def moment_or_none(count: int | None) -> datetime | None:
    return None if count is None else _moment(count)


_moment = lru_cache(maxsize=8_192)(moment_of)
bounds_of = lru_cache(maxsize=8_192)(parse_bounds)


def share_of(text: str, control: bool) -> Bounds:
    """A share as it is recorded; an empty one is unknown, or none where the interest is one of control."""
    if text:
        return bounds_of(text)
    return NO_SHARE if control else UNKNOWN_SHARE


def share_text(share: Bounds, control: bool) -> str:
    return "" if share == (NO_SHARE if control else UNKNOWN_SHARE) else str(share)


def _entity_row(recorded: RecordedEntity) -> dict[str, Any]:
    entity = recorded.entity
    seats = {basis: sorted(codes) for basis, codes in entity.seats.items() if codes}
    named = {"id": entity.id, "name": entity.name, "kind": entity.kind}
    return {**named, "seats": as_json(seats), "source": recorded.source}


def _entity(row: Row[Any]) -> RecordedEntity:
    return RecordedEntity(Entity(EntityId(row.id), row.name, row.kind, seats_of(row.seats)), row.source)


@lru_cache(maxsize=8_192)
def seats_of(text: str) -> Mapping[Basis, frozenset[Jurisdiction]]:
    """Seats as they are recorded. Shared by all entities that are seated alike: never changed."""
    seats: dict[Basis, list[Jurisdiction]] = json.loads(text)
    return {basis: frozenset(codes) for basis, codes in seats.items()}


def _acting_row(acting: Acting) -> dict[str, Any]:
    one, other = sorted((acting.one, acting.other))
    return {"one": one, "other": other, "source": acting.source}


def _acting(row: Row[Any]) -> Acting:
    return Acting(row.one, row.other, row.source)


def _interest_row(recorded: RecordedInterest) -> dict[str, Any]:
    interest = recorded.interest
    return {
        "id": recorded.id,
        "owner": interest.owner,
        "subject": interest.subject,
        "kind": recorded.kind,
        "share": share_text(interest.share, interest.control),
        "control": interest.control,
        "valid_from": count_of(interest.start),
        "valid_to": count_of(interest.end),
        "source": interest.source,
        "details": as_json(recorded.details),
    }


def interest_of(row: Row[Any]) -> Interest:
    return Interest(
        owner=row.owner,
        subject=row.subject,
        share=share_of(row.share, row.control),
        control=row.control,
        start=moment_or_none(row.valid_from),
        end=moment_or_none(row.valid_to),
        source=row.source,
    )


def _interest(row: Row[Any]) -> RecordedInterest:
    return RecordedInterest(row.id, interest_of(row), row.kind, json.loads(row.details))


def _listing_row(recorded: RecordedListing) -> dict[str, Any]:
    listing = recorded.listing
    return {
        "id": recorded.id,
        "entity": recorded.entity,
        "list": listing.list,
        "valid_from": count_of(listing.start),
        "valid_to": count_of(listing.end),
        "source": listing.source,
    }


def listing_of(row: Row[Any]) -> Listing:
    return Listing(row.list, moment_or_none(row.valid_from), moment_or_none(row.valid_to), row.source)


def _listing(row: Row[Any]) -> RecordedListing:
    return RecordedListing(row.id, row.entity, listing_of(row))


def _account_row(account: Account) -> dict[str, Any]:
    tags, declared = as_json(sorted(account.tags)), as_json(dict(account.declared))
    return {"id": account.id, "entity": account.entity, "tags": tags, "declared": declared}


def account_of(row: Row[Any]) -> Account:
    return Account(AccountId(row.id), True, row.entity, frozenset(json.loads(row.tags)), json.loads(row.declared))


def _resource_row(resource: Resource) -> dict[str, Any]:
    return {"id": resource.id, "tags": as_json(sorted(resource.tags)), "provider": resource.provider}


def resource_of(row: Row[Any]) -> Resource:
    return Resource(ResourceId(row.id), frozenset(json.loads(row.tags)), row.provider)


ENTITIES = Fact(schema.entities, ("id",), _entity_row, _entity, "entity", ("id",))
ACTING = Fact(schema.acting, ("one", "other"), _acting_row, _acting, "entity", ("one", "other"))
INTERESTS = Fact(schema.interests, ("id",), _interest_row, _interest, "entity", ("owner", "subject"))
LISTINGS = Fact(schema.listings, ("id",), _listing_row, _listing, "entity", ("entity",))
ACCOUNTS = Fact(schema.accounts, ("id",), _account_row, account_of, "account", ("id",))
RESOURCES = Fact(schema.resources, ("id",), _resource_row, resource_of, "resource", ("id",))
