"""Reads what is above entities: their owners, whom they act with, the owners of those, and so on, in loops too.

The closure is one recursive query in which every step is looked up by an index, so it costs what is reached, however
much else is recorded. Interests count whether they are valid or not: what is read serves any time.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain, groupby
from operator import attrgetter
from typing import Any, TypeAlias

from sqlalchemy import (
    CTE,
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Row,
    Select,
    Table,
    bindparam,
    case,
    select,
    true,
    union_all,
)

from rules.facts import Entity, EntityId, Interest
from service.dossiers import Listing
from service.storage.database import FOREVER
from service.storage.fact_rows import (
    among,
    known,
    listing_of,
    moment_or_none,
    rows_of,
    seats_of,
    share_of,
    texts_parameter,
    texts_value,
)
from service.storage.precedence import Stake, believed, carried
from service.storage.schema import acting, entities, interests, listings, sources

Columns: TypeAlias = tuple[Column[Any], ...]
Found: TypeAlias = Row[*tuple[Any, ...]]
"""A row with the columns that were asked for."""

_KNOWN_AT = bindparam("known_at", type_=BigInteger())
_AT_MOST = bindparam("at_most", type_=BigInteger())
_NOBODY: frozenset[EntityId] = frozenset()


def _columns(table: Table, names: str) -> Columns:
    return tuple(table.c[name] for name in names.split())


_STAKE = _columns(interests, "id kind owner subject share control valid_from valid_to source")
_ENTITY = _columns(entities, "id name kind seats")
_LISTING = _columns(listings, "id entity list valid_from valid_to source")
_PAIR = _columns(acting, "one other")
_SOURCES = select(sources)


class TooMuch(Exception):
    """More is above these entities than was to be read."""


@dataclass(frozen=True, slots=True)
class Above:
    """Everything recorded of some entities and of all that are above them."""

    reached: frozenset[str]
    """Ids of all of them, whether anything is recorded or not."""
    entities: Mapping[str, Entity]
    """Those of whom something is recorded, an owner apart; lists apart."""
    listings: Mapping[EntityId, tuple[Listing, ...]]
    interests: Mapping[str, tuple[Interest, ...]]
    """By subject: what rules see, by the precedence of sources."""
    owners: Mapping[str, Collection[str]]
    """By subject: everyone recorded to hold something, whatever it carries."""

    def part(self, seed: str) -> "Above":
        """The same of one of the entities asked about. Costs what is reached from it, however many others there are."""
        reached, work = {seed}, [seed]
        for id in work:
            entity = self.entities.get(id)
            near = chain(self.owners.get(id, ()), entity.acts_with if entity is not None else ())
            fresh = [other for other in near if other not in reached]
            reached.update(fresh)
            work.extend(fresh)
        in_order = sorted(reached)
        return Above(
            frozenset(reached),
            {id: self.entities[id] for id in in_order if id in self.entities},
            {EntityId(id): self.listings[EntityId(id)] for id in in_order if id in self.listings},
            {id: self.interests[id] for id in in_order if id in self.interests},
            self.owners,
        )


def read_above(
    connection: Connection, seeds: Collection[str], known_at: int | None, *, at_most: int | None = None
) -> Above:
    """Everything above these entities, as it is recorded or was at a time in microseconds.

    Raises:
        TooMuch: `at_most` is given, and more entities than that are reached.
    """
    reached = frozenset(_closure(connection, seeds, known_at, at_most))
    if at_most is not None and len(reached) > at_most:
        raise TooMuch
    reading = _Reading(connection, texts_value(connection.dialect.name, reached), known_at)
    stakes = list(map(_stake, reading.rows(_STAKE, interests.c.subject)))
    owners: dict[str, set[str]] = defaultdict(set)
    for stake in stakes:
        owners[stake.interest.subject].add(stake.interest.owner)
    listed = _by_entity(reading.rows(_LISTING, listings.c.entity))
    return Above(reached, reading.entities(listed), listed, _believed(connection, stakes), owners)


def _closure(connection: Connection, seeds: Iterable[str], known_at: int | None, at_most: int | None) -> Iterable[str]:
    """The ids of all that are reached from these; where they are more than `at_most`, that many and one."""
    limit = FOREVER if at_most is None else at_most + 1
    values = {"ids": texts_value(connection.dialect.name, seeds), "known_at": known_at, "at_most": limit}
    return connection.scalars(closure_query(connection.dialect.name, known_at is not None), values)


@cache
def closure_query(dialect: str, is_past: bool) -> Select[str]:
    """The query for all that are reached from `ids`, up to `at_most`; as of `known_at`, if the past is asked for.

    PostgreSQL lets a recursive query name itself once: there one step asks all three ways sideways (`LATERAL`), which
    also keeps it from any plan but a look-up for each entity.
    """
    reached = rows_of(texts_parameter(dialect, "ids")).cte("reached", recursive=True)
    known_then = _known_in_sqlite if dialect == "sqlite" else _known_in_postgresql
    ways = ((interests, "subject", "owner"), (acting, "one", "other"), (acting, "other", "one"))
    steps = [
        select(table.c[to].label("id")).where(table.c[start] == reached.c.id, known_then(table, reached, is_past))
        for table, start, to in ways
    ]
    if dialect == "sqlite":
        return select(reached.union(*steps).c.id).limit(_AT_MOST)
    step = union_all(*(each.correlate(reached) for each in steps)).lateral("step")
    return select(reached.union(select(step.c.id).select_from(reached.join(step, true()))).c.id).limit(_AT_MOST)


def _known_in_sqlite(table: Table, reached: CTE, is_past: bool) -> ColumnElement[bool]:
    """Rows that are known then, by a time that seems to hang on who is reached.

    By a plain time SQLite, once it has statistics, would read the whole table for a Bloom filter before it looks up one
    entity.
    """
    if is_past:
        return known(table, case((reached.c.id.is_(None), 0), else_=_KNOWN_AT))
    return table.c.recorded_to == case((reached.c.id.is_(None), 0), else_=FOREVER)


def _known_in_postgresql(table: Table, reached: CTE, is_past: bool) -> ColumnElement[bool]:
    return known_then(table, is_past)


def known_then(table: Table, is_past: bool) -> ColumnElement[bool]:
    """Rows that are known now or, if the past is asked for, were known at `known_at`."""
    return known(table, _KNOWN_AT if is_past else None)


@cache
def _speaking_of(dialect: str, columns: Columns, column: Column[str], is_past: bool) -> Select[*tuple[Any, ...]]:
    """The query for the rows of a table that have one of `ids` in a column."""
    table = column.table
    assert isinstance(table, Table)
    return select(*columns).where(among(column, texts_parameter(dialect, "ids")), known_then(table, is_past))


@dataclass(frozen=True, slots=True)
class _Reading:
    """What is recorded of those that are reached."""

    connection: Connection
    ids: object
    known_at: int | None

    def rows(self, columns: Columns, column: Column[str]) -> Sequence[Found]:
        """The rows of a table that have one of them in a column."""
        statement = _speaking_of(self.connection.dialect.name, columns, column, self.known_at is not None)
        return self.connection.execute(statement, {"ids": self.ids, "known_at": self.known_at}).all()

    def entities(self, listed: Iterable[EntityId]) -> dict[str, Entity]:
        """All of whom something is recorded, in the order of their ids."""
        partners = self._partners()
        found = {id: Entity(id, acts_with=frozenset(partners.get(id, ()))) for id in (*listed, *partners)}
        for id, name, kind, seats in self.rows(_ENTITY, entities.c.id):
            acts_with = found[id].acts_with if id in found else _NOBODY
            found[id] = Entity(id, name, kind, seats_of(seats), frozenset(), acts_with)
        return {id: found[EntityId(id)] for id in sorted(found)}

    def _partners(self) -> Mapping[EntityId, set[EntityId]]:
        partners: dict[EntityId, set[EntityId]] = defaultdict(set)
        for one, other in self.rows(_PAIR, acting.c.one):
            partners[one].add(other)
            partners[other].add(one)
        return partners


def _by_entity(rows: Sequence[Found]) -> dict[EntityId, tuple[Listing, ...]]:
    in_order = sorted(rows, key=attrgetter("entity", "id"))
    return {EntityId(id): tuple(map(listing_of, listed)) for id, listed in groupby(in_order, attrgetter("entity"))}


def _believed(connection: Connection, stakes: Iterable[Stake]) -> dict[str, tuple[Interest, ...]]:
    """What rules see of the interests, by subject."""
    by_subject: dict[str, list[Stake]] = defaultdict(list)
    for stake in sorted(stakes, key=attrgetter("id")):
        by_subject[stake.interest.subject].append(stake)
    ranks = _ranks(connection)
    seen = ((subject, map(carried, believed(by_subject[subject], ranks))) for subject in sorted(by_subject))
    return {subject: tuple(interest for interest in held if interest is not None) for subject, held in seen}


def _stake(row: Found) -> Stake:
    """An interest as precedence sees it, of the columns `_STAKE`."""
    id, kind, owner, subject, share, control, start, end, source = row
    dates = moment_or_none(start), moment_or_none(end)
    return Stake(id, kind, Interest(owner, subject, share_of(share, control), control, *dates, source))


def _ranks(connection: Connection) -> dict[str, int]:
    """The ranks of sources, by name."""
    return {row.name: row.rank for row in connection.execute(_SOURCES)}
