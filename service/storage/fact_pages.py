"""Pages of recorded facts, as they were known at a time, by what people look for.

Every page goes on behind a key: what is recorded meanwhile moves nothing that was on an earlier page.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, TypeAlias

from sqlalchemy import (
    ColumnElement,
    Connection,
    Float,
    Numeric,
    Row,
    Select,
    Table,
    Text,
    cast,
    func,
    literal,
    or_,
    select,
)

from service.storage.fact_rows import as_json, interest_of, known
from service.storage.precedence import Excess, Stake, believed, excess_of
from service.storage.schema import accounts, entities, interests, listings, resources, sources

Condition: TypeAlias = ColumnElement[bool]
_Conditions: TypeAlias = Mapping[str, Callable[[str], Condition]]
_Rows: TypeAlias = Sequence[Row[Any]]


@dataclass(frozen=True, slots=True)
class Span:
    """Which rows count: those known at a time and, of what has a validity, valid at another. Microseconds."""

    known_at: int | None = None
    """None: known now."""
    valid_at: int | None = None
    """None: whenever valid."""


@dataclass(frozen=True, slots=True)
class Page:
    """How many rows, and behind which key."""

    limit: int
    after: str | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a list is narrowed to: every condition must hold."""

    span: Span = Span()
    filters: Mapping[str, str] = field(default_factory=dict)
    """By name of the filter, see the functions; none that is empty."""


@dataclass(frozen=True, slots=True)
class Excesses:
    """One page of subjects in which more shares are recorded than there are."""

    found: tuple[Excess, ...]
    after: str | None
    """Where the next page begins; None if there is none."""


CANDIDATES_LIMIT = 4_000
"""Subjects that one page looks at: it must not keep the process from its decisions."""
CANDIDATES_AT_ONCE = 500
NEARLY_WHOLE_PERCENT = 99.9999
"""SQLite adds in binary: what is exactly the whole may come out below it."""


def valid(table: Table, at: int | None) -> Condition:
    """Rows that are true in the world at a time."""
    if at is None:
        return literal(True)
    started = or_(table.c.valid_from.is_(None), table.c.valid_from <= at)
    return started & or_(table.c.valid_to.is_(None), table.c.valid_to > at)


def entity_page(connection: Connection, wanted: Wanted, page: Page) -> _Rows:
    """Entities by `name` (a part of it, in any case), `kind`, `country` of a seat, `list` and `source`."""
    columns, span = entities.c, wanted.span
    conditions: _Conditions = {
        "name": lambda text: _has_text(connection, columns.name, text),
        "kind": lambda kind: columns.kind == kind,
        "country": lambda code: _has_country(columns.seats, code, '"'),
        "list": lambda name: columns.id.in_(_listed(name, span)),
        "source": lambda source: columns.source == source,
    }
    return _page(connection, entities, [conditions[name](value) for name, value in wanted.filters.items()], span, page)


def interest_page(connection: Connection, wanted: Wanted, page: Page) -> _Rows:
    """Interests by `owner`, `subject`, `kind` and `source`."""
    return _valid_page(connection, interests, wanted, page)


def listing_page(connection: Connection, wanted: Wanted, page: Page) -> _Rows:
    """Listings by `entity`, `list` and `source`."""
    return _valid_page(connection, listings, wanted, page)


def account_page(connection: Connection, wanted: Wanted, page: Page) -> _Rows:
    """Accounts by `entity`, `tag` and declared `country`."""
    columns = accounts.c
    conditions: _Conditions = {
        "entity": lambda id: columns.entity == id,
        "tag": lambda tag: _holds(columns.tags, tag),
        "country": lambda code: _has_country(columns.declared, code, ':"'),
    }
    filters = [conditions[name](value) for name, value in wanted.filters.items()]
    return _page(connection, accounts, filters, wanted.span, page)


def resource_page(connection: Connection, wanted: Wanted, page: Page) -> _Rows:
    """Resources by `tag` and `provider`."""
    columns = resources.c
    conditions: _Conditions = {
        "tag": lambda tag: _holds(columns.tags, tag),
        "provider": lambda id: columns.provider == id,
    }
    filters = [conditions[name](value) for name, value in wanted.filters.items()]
    return _page(connection, resources, filters, wanted.span, page)


def excesses(connection: Connection, known_at: int | None, page: Page) -> Excesses:
    """Subjects in which more shares are recorded than there are, by what each source is believed, in their order.

    No more than CANDIDATES_LIMIT are looked at: a page may hold fewer than it could, and yet have one behind it.
    """
    ranks = {row.name: row.rank for row in source_ranks(connection)}
    candidates = _candidates(connection, known_at, page.after)
    found: list[Excess] = []
    for start in range(0, len(candidates), CANDIDATES_AT_ONCE):
        for subject, stakes in _stakes(connection, known_at, candidates[start : start + CANDIDATES_AT_ONCE]):
            excess = excess_of(believed(stakes, ranks))
            if excess is not None:
                found.append(excess)
            if len(found) == page.limit:
                return Excesses(tuple(found), subject)
    more = len(candidates) == CANDIDATES_LIMIT
    return Excesses(tuple(found), candidates[-1] if more else None)


def _page(connection: Connection, table: Table, conditions: Sequence[Condition], span: Span, page: Page) -> _Rows:
    statement = select(table).where(known(table, span.known_at), *conditions)
    if page.after is not None:
        statement = statement.where(table.c.id > page.after)
    return connection.execute(statement.order_by(table.c.id).limit(page.limit)).all()


def _valid_page(connection: Connection, table: Table, wanted: Wanted, page: Page) -> _Rows:
    conditions = [valid(table, wanted.span.valid_at)]
    conditions += [table.c[name] == value for name, value in wanted.filters.items()]
    return _page(connection, table, conditions, wanted.span, page)


def _listed(name: str, span: Span) -> Select[Any]:
    conditions = (listings.c.list == name, known(listings, span.known_at), valid(listings, span.valid_at))
    return select(listings.c.entity).where(*conditions)


def _has_text(connection: Connection, column: ColumnElement[str], text: str) -> Condition:
    """The column holds the text, in any case. SQLite knows the case of ASCII alone: for the rest it asks us."""
    if connection.dialect.name != "sqlite" or text.isascii():
        return column.icontains(text, autoescape=True)
    driver: Any = connection.connection.driver_connection
    driver.create_function("cordon_folded", 1, str.casefold, deterministic=True)
    return func.instr(func.cordon_folded(column), text.casefold()) > 0


def _has_country(column: ColumnElement[str], code: str, before: str) -> Condition:
    """The JSON holds the country or a province of it; of a province, just that."""
    exact = _contains(column, f'{before}{code}"')
    return exact if "-" in code else or_(exact, _contains(column, f"{before}{code}-"))


def _holds(column: ColumnElement[str], text: str) -> Condition:
    """The JSON array of texts holds that one; inside a longer one its quotes would not stand so."""
    return or_(*(_contains(column, before + as_json(text)) for before in "[,"))


def _contains(column: ColumnElement[str], part: str) -> Condition:
    """The text holds that part, case and all. `position` would do for PostgreSQL, but not for SQLite."""
    return func.replace(column, part, "", type_=Text) != column


def _candidates(connection: Connection, known_at: int | None, after: str | None) -> Sequence[str]:
    """Subjects whose shares would exceed the whole if every source were believed, and all were valid at once."""
    subject = interests.c.subject
    total = func.sum(_lower_percent(connection))
    statement = select(subject).where(*_shareholdings(known_at)).group_by(subject).having(total > NEARLY_WHOLE_PERCENT)
    if after is not None:
        statement = statement.where(subject > after)
    return connection.scalars(statement.order_by(subject).limit(CANDIDATES_LIMIT)).all()


def _lower_percent(connection: Connection) -> ColumnElement[Any]:
    """The lower bound of a share as it is recorded: the first number in it."""
    share = interests.c.share
    if connection.dialect.name == "sqlite":
        return cast(func.ltrim(share, "(["), Float)  # as far as it is a number
    return cast(func.substring(share, "[0-9.]+"), Numeric)


def _stakes(
    connection: Connection, known_at: int | None, subjects: Sequence[str]
) -> Iterator[tuple[str, Sequence[Stake]]]:
    """The shareholdings in each of these, in their order."""
    chosen = interests.c.subject.in_(subjects)
    statement = select(interests).where(chosen, *_shareholdings(known_at)).order_by(interests.c.subject)
    for subject, rows in groupby(connection.execute(statement), lambda row: str(row.subject)):
        yield subject, [Stake(row.id, row.kind, interest_of(row)) for row in rows]


def _shareholdings(known_at: int | None) -> tuple[Condition, ...]:
    columns = interests.c
    return (known(interests, known_at), columns.kind == "shareholding", columns.share != "")


def source_ranks(connection: Connection) -> _Rows:
    """Every source that has a rank, the most believed first."""
    return connection.execute(select(sources).order_by(sources.c.rank, sources.c.name)).all()
