"""Writes the facts. Nothing is overwritten: the version in force is closed, and the new one recorded from then on.

A value that is equal to what is recorded changes nothing and touches nobody. However often one transaction writes the
same id, it leaves one version.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, delete, insert, select, update

from rules.facts import Account, Entity, Resource
from service.storage.database import FOREVER, Writing
from service.storage.fact_rows import (
    ACCOUNTS,
    ACTING,
    ENTITIES,
    INTERESTS,
    LISTINGS,
    RESOURCES,
    Acting,
    Fact,
    RecordedEntity,
    RecordedInterest,
    RecordedListing,
    among,
    known,
    texts_parameter,
    texts_value,
)
from service.storage.schema import sources

BATCH = 500
"""Facts that are compared with what is recorded at a time."""

T = TypeVar("T")


def put_entity(writing: Writing, entity: Entity, source: str = "") -> bool:
    """Record an entity itself: name, kind and seats. Lists and partners are facts of their own.

    Like all that put something: whether that changes anything.
    """
    return put(writing, ENTITIES, RecordedEntity(entity, source))


def remove_entity(writing: Writing, id: str) -> bool:
    """Record that nothing is known of an entity itself any more; interests and listings stay.

    Like all that remove something: whether there was anything.
    """
    return remove(writing, ENTITIES, id)


def put_acting(writing: Writing, acting: Acting) -> bool:
    """Record that two entities act together."""
    return put(writing, ACTING, acting)


def remove_acting(writing: Writing, one: str, other: str) -> bool:
    """Record that two entities do not act together."""
    return remove(writing, ACTING, *sorted((one, other)))


def put_interest(writing: Writing, recorded: RecordedInterest) -> bool:
    """Record an interest."""
    return put(writing, INTERESTS, recorded)


def end_interest(writing: Writing, id: str, end: datetime) -> bool:
    """Record that an interest ends, or ended, in the world; false if there is none, or it ends just then."""
    recorded = current(writing.connection, INTERESTS, id)
    if recorded is None:
        return False
    return put(writing, INTERESTS, replace(recorded, interest=replace(recorded.interest, end=end)))


def retract_interest(writing: Writing, id: str) -> bool:
    """Record that an interest was recorded in error: that there is none, nor ever was."""
    return remove(writing, INTERESTS, id)


def put_listing(writing: Writing, recorded: RecordedListing) -> bool:
    """Record that an entity is on a list."""
    return put(writing, LISTINGS, recorded)


def retract_listing(writing: Writing, id: str) -> bool:
    """Record that a listing was recorded in error. One that ended is put with its end instead."""
    return remove(writing, LISTINGS, id)


def put_account(writing: Writing, account: Account) -> bool:
    """Record a registered account."""
    return put(writing, ACCOUNTS, account)


def remove_account(writing: Writing, id: str) -> bool:
    """Record that an account is registered no more."""
    return remove(writing, ACCOUNTS, id)


def put_resource(writing: Writing, resource: Resource) -> bool:
    """Record a resource."""
    return put(writing, RESOURCES, resource)


def remove_resource(writing: Writing, id: str) -> bool:
    """Record that nothing is known of a resource any more."""
    return remove(writing, RESOURCES, id)


def put_source(writing: Writing, name: str, rank: int) -> bool:
    """Say how far a source is believed: of two that speak of the same, the one of the lower rank.

    A rank has no history: it says how the record is read, now and as of any time.
    """
    found = writing.connection.execute(select(sources.c.rank).where(sources.c.name == name)).scalar()
    if found == rank:
        return False
    if found is None:
        writing.connection.execute(insert(sources).values(name=name, rank=rank))
    else:
        writing.connection.execute(update(sources).where(sources.c.name == name).values(rank=rank))
    writing.touch_everything()
    return True


def remove_source(writing: Writing, name: str) -> bool:
    """Give a source the rank of those that have none of their own."""
    removed = writing.connection.execute(delete(sources).where(sources.c.name == name)).rowcount
    if removed:
        writing.touch_everything()
    return bool(removed)


def put(writing: Writing, fact: Fact[T], value: T) -> bool:
    """Record one fact."""
    return bool(put_all(writing, fact, (value,)))


def put_all(writing: Writing, fact: Fact[T], values: Iterable[T]) -> int:
    """Record facts of one kind; how many of them change anything. Of several with one key the last counts."""
    rows = map(fact.row_of, values)
    changed = 0
    while batch := list(islice(rows, BATCH)):
        changed += _put_batch(writing, fact, {_key(fact, row): row for row in batch})
    return changed


def remove(writing: Writing, fact: Fact[T], *key: str) -> bool:
    """Record that one fact holds no more."""
    found = list(_current_rows(writing.connection, fact, {key}))
    _retire(writing, fact, found)
    return bool(found)


def current(connection: Connection, fact: Fact[T], *key: str) -> T | None:
    """What is recorded now."""
    row = next(_current_rows(connection, fact, {key}), None)
    return None if row is None else fact.value_of(row)


def _put_batch(writing: Writing, fact: Fact[T], rows: Mapping[tuple[str, ...], Mapping[str, Any]]) -> int:
    replaced: list[Row[Any]] = []
    changed = dict(rows)
    for found in _current_rows(writing.connection, fact, rows.keys()):
        key = _key(fact, found._mapping)
        if all(found._mapping[column] == value for column, value in rows[key].items()):
            del changed[key]
        else:
            replaced.append(found)
    if not changed:
        return 0
    _retire(writing, fact, replaced)
    times = {"recorded_from": writing.recorded_at, "recorded_to": FOREVER}
    writing.connection.execute(insert(fact.table), [{**row, **times} for row in changed.values()])
    _touch(writing, fact, changed.values())
    return len(changed)


def _retire(writing: Writing, fact: Fact[T], rows: Sequence[Row[Any]]) -> None:
    """End versions here; what this transaction itself recorded was never known to anyone, and goes."""
    if not rows:
        return
    at, table = writing.recorded_at, fact.table
    closed = [row.row for row in rows if row.recorded_from < at]
    undone = [row.row for row in rows if row.recorded_from >= at]
    if closed:
        writing.connection.execute(update(table).where(table.c.row.in_(closed)).values(recorded_to=at))
    if undone:
        writing.connection.execute(delete(table).where(table.c.row.in_(undone)))
    _touch(writing, fact, [row._mapping for row in rows])


def _touch(writing: Writing, fact: Fact[T], rows: Iterable[Mapping[Any, Any]]) -> None:
    writing.touch(fact.touches, {row[column] for row in rows for column in fact.touched})


def _current_rows(connection: Connection, fact: Fact[T], keys: Iterable[tuple[str, ...]]) -> Iterator[Row[Any]]:
    wanted, table, dialect = set(keys), fact.table, connection.dialect.name
    conditions = (among(table.c[column], texts_parameter(dialect, column)) for column in fact.key)
    values = {column: texts_value(dialect, {key[place] for key in wanted}) for place, column in enumerate(fact.key)}
    rows = connection.execute(select(table).where(*conditions, known(table, None)), values)
    return (row for row in rows.all() if _key(fact, row._mapping) in wanted)


def _key(fact: Fact[T], row: Mapping[Any, Any]) -> tuple[str, ...]:
    return tuple(row[column] for column in fact.key)
