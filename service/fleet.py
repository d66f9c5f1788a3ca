"""Which instances lag behind the record, and by how much."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, select
from typing_extensions import TypedDict

from service.storage.database import Position, position_of
from service.storage.instances import InstanceState, SeenInstance, fleet
from service.storage.schema import rulesets

__all__ = ["Fleet", "InstanceState", "Lag", "lag", "read_fleet"]

SILENT_AFTER = timedelta(seconds=5)
"""An instance speaks every second; one that misses a few beats hangs, is cut off, or was killed."""


@dataclass(frozen=True, slots=True)
class Lag:
    """How far one instance is behind."""

    changes: int
    """Of the record, that its answers do not know of yet."""
    unseen: timedelta
    """Since it last said something."""
    silent: bool
    """It has said nothing for too long: what it said last may no longer be so."""
    expected_revision: str | None
    """What it should decide by, where that is not what it does decide by."""
    notice: str
    """What it says of itself that is not as it should be."""

    @property
    def behind(self) -> bool:
        """What it answers by may not be what it should."""
        return bool(self.changes or self.silent or self.expected_revision is not None)


@dataclass(frozen=True, slots=True)
class Fleet:
    """All instances, and the record that they should be level with."""

    position: Position
    instances: tuple[tuple[SeenInstance, Lag], ...]


def read_fleet(connection: Connection, now: datetime) -> Fleet:
    """Every instance with its lag, from one state of the record."""
    position = position_of(connection)
    published = {row.id: row.revision for row in connection.execute(select(rulesets.c.id, rulesets.c.revision))}
    rows = fleet(connection)
    return Fleet(position, tuple((row, lag(row, position, now=now, published=published)) for row in rows))


def lag(instance: SeenInstance, position: Position, *, now: datetime, published: Mapping[str, str | None]) -> Lag:
    """How far an instance is behind the record.

    `published` holds the revision in force by rule set; of one that it does not name nothing is expected.
    """
    state = instance.state
    unseen = max(now - instance.seen_at, timedelta())
    expected = published.get(state.ruleset) or state.revision
    return Lag(
        changes=max(position.seq - state.seq, 0),
        unseen=unseen,
        silent=unseen > SILENT_AFTER,
        expected_revision=None if expected == state.revision else expected,
        notice=state.notice,
    )


class DataRow(TypedDict):
    """One source of data of an instance."""

    name: str
    revision: str
    date: str


class LagRow(TypedDict):
    """How far an instance is behind."""

    behind: bool
    changes: int
    unseen_seconds: float
    silent: bool
    expected_revision: str | None


class InstanceRow(TypedDict):
    """An instance as the admin API and the command line show it."""

    id: str
    host: str
    process: int
    version: str
    started_at: str
    seen_at: str
    confirmed_at: str | None
    seq: int
    ruleset: str
    revision: str
    data: list[DataRow]
    notice: str
    lag: LagRow


def instance_row(instance: SeenInstance, lag: Lag) -> InstanceRow:
    """One instance with its lag, in plain values."""
    state = instance.state
    return {
        "id": state.id,
        "host": state.host,
        "process": state.process,
        "version": state.version,
        "started_at": _text(state.started_at),
        "seen_at": _text(instance.seen_at),
        "confirmed_at": None if state.confirmed_at is None else _text(state.confirmed_at),
        "seq": state.seq,
        "ruleset": state.ruleset,
        "revision": state.revision,
        "data": [{"name": each.name, "revision": each.revision, "date": _text(each.dated)} for each in state.data],
        "notice": state.notice,
        "lag": _lag_row(lag),
    }


def _lag_row(lag: Lag) -> LagRow:
    return {
        "behind": lag.behind,
        "changes": lag.changes,
        "unseen_seconds": lag.unseen.total_seconds(),
        "silent": lag.silent,
        "expected_revision": lag.expected_revision,
    }


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
