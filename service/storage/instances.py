"""The instances that serve from this record: what each of them said of itself last.

A beat is no change of the record: it is numbered and audited nowhere. One who has said nothing for an hour is gone.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from service.decide import SourceState
from service.storage.database import Database, micros, moment_of
from service.storage.schema import instances

REMEMBERED = timedelta(hours=1)
"""How long an instance is shown that says nothing any more."""


@dataclass(frozen=True, slots=True)
class InstanceState:
    """What an instance says of itself."""

    id: str
    """Of this run of it: a process that starts again is another instance."""
    host: str
    process: int
    version: str
    started_at: datetime
    seq: int
    """Of the last change of the record that its answers know of."""
    confirmed_at: datetime | None = None
    """When it last saw that it had missed no change."""
    ruleset: str = ""
    revision: str = ""
    """The rule set that it decides by, and its revision in the record (`rulesets`); empty before the first."""
    data: tuple[SourceState, ...] = ()
    notice: str = ""
    """What keeps it from being as it should, for people."""


@dataclass(frozen=True, slots=True)
class SeenInstance:
    """An instance, and when it was last heard of."""

    state: InstanceState
    seen_at: datetime


def beat(database: Database, state: InstanceState) -> None:
    """Note what an instance says of itself now, and forget those long gone.

    Raises:
        Unavailable: the database cannot be reached.
    """
    now = database.now()
    row = _row(state, now)
    insert = sqlite.insert if database.is_sqlite else postgresql.insert
    statement = insert(instances).values(row)
    told = {name: value for name, value in row.items() if name != "id"}
    with database.noting() as connection:
        connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=told))
        connection.execute(delete(instances).where(instances.c.seen_at < micros(now - REMEMBERED)))


def forget(database: Database, id: str) -> None:
    """Strike out an instance that stops as it should.

    Raises:
        Unavailable: the database cannot be reached.
    """
    with database.noting() as connection:
        connection.execute(delete(instances).where(instances.c.id == id))


def fleet(connection: Connection) -> tuple[SeenInstance, ...]:
    """Every instance that is remembered, by host and age."""
    order = (instances.c.host, instances.c.started_at, instances.c.id)
    return tuple(map(_seen, connection.execute(select(instances).order_by(*order))))


def _row(state: InstanceState, now: datetime) -> dict[str, Any]:
    return {
        "id": state.id,
        "host": state.host,
        "process": state.process,
        "version": state.version,
        "started_at": micros(state.started_at),
        "seen_at": micros(now),
        "seq": state.seq,
        "confirmed_at": None if state.confirmed_at is None else micros(state.confirmed_at),
        "ruleset": state.ruleset,
        "revision": state.revision,
        "data": _data_text(state.data),
        "notice": state.notice,
    }


def _seen(row: Row[Any]) -> SeenInstance:
    state = InstanceState(
        id=row.id,
        host=row.host,
        process=row.process,
        version=row.version,
        started_at=moment_of(row.started_at),
        seq=row.seq,
        confirmed_at=None if row.confirmed_at is None else moment_of(row.confirmed_at),
        ruleset=row.ruleset,
        revision=row.revision,
        data=_sources(row.data),
        notice=row.notice,
    )
    return SeenInstance(state, moment_of(row.seen_at))


def _data_text(data: Iterable[SourceState]) -> str:
    sources = [
        {"name": source.name, "revision": source.revision, "date": source.dated.astimezone(UTC).isoformat()}
        for source in data
    ]
    return json.dumps(sources, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _sources(text: str) -> tuple[SourceState, ...]:
    return tuple(
        SourceState(source["name"], source["revision"], datetime.fromisoformat(source["date"]))
        for source in json.loads(text)
    )
