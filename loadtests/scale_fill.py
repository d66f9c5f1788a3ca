"""Fills a migrated, empty database with a world: rows go in as an import writes them, a transaction for each chunk.

Every chunk is one numbered change that touches everything, as an import of so many rows does, so that the log of
changes stays true to what is recorded. What it takes is a lower bound for an import, which compares as well.
"""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from sqlalchemy import Connection, Table, func, insert, select, text
from sqlalchemy.engine import make_url

from loadtests import scale_world as world
from loadtests.scale_world import Row, Sizes
from service.clocks import utc_now
from service.storage import schema
from service.storage.database import FOREVER, Database, open_database
from service.storage.migrate import upgrade
from service.storage.rulesets import publish_imported

CHUNK = 50_000
POLICY = Path(__file__).parent.parent / "demo" / "policy.yaml"
STATEMENT_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Filled:
    """What a database holds, and what it took to fill it."""

    seconds: float
    rows: int
    bytes: int


@contextmanager
def opened(url: str) -> Iterator[Database]:
    """The database, closed afterwards; its statements may take long."""
    database = open_database(url, utc_now, statement_seconds=STATEMENT_SECONDS)
    try:
        yield database
    finally:
        database.close()


def fill(url: str, sizes: Sizes) -> Filled:
    """Migrate, publish the demo's rules, and record a world of these sizes."""
    began = time.monotonic()
    with opened(url) as database:
        upgrade(database)
        _publish(database)
        tables: tuple[tuple[Table, Iterable[Row]], ...] = (
            (schema.resources, world.resources()),
            (schema.entities, world.entities(sizes)),
            (schema.interests, world.interests(sizes)),
            (schema.accounts, world.accounts(sizes)),
        )
        rows = sum(_fill(database, table, made) for table, made in tables)
        _settle(database)
    return Filled(time.monotonic() - began, rows, size_of(url))


def counted(url: str) -> Sizes:
    """How much a database holds."""
    with opened(url) as database, database.reading() as connection:
        tables = (schema.accounts, schema.entities, schema.interests)
        return Sizes(*(_recorded(connection, table) for table in tables))


def _recorded(connection: Connection, table: Table) -> int:
    return connection.scalar(select(func.count()).select_from(table).where(table.c.recorded_to == FOREVER)) or 0


def size_of(url: str) -> int:
    """Bytes on the disk, the log of SQLite included."""
    with opened(url) as database, database.reading() as connection:
        if not database.is_sqlite:
            return int(connection.scalar(text("SELECT pg_database_size(current_database())")) or 0)
    file = make_url(url).database or ""
    return sum(Path(f"{file}{end}").stat().st_size for end in ("", "-wal") if Path(f"{file}{end}").exists())


def _publish(database: Database) -> None:
    with database.writing() as writing:
        publish_imported(writing, "demo", POLICY.read_text("utf-8"), "yaml", "cli:scale")


def _fill(database: Database, table: Table, rows: Iterable[Row]) -> int:
    remaining, done = iter(rows), 0
    while chunk := list(islice(remaining, CHUNK)):
        with database.writing() as writing:
            times = {"recorded_from": writing.recorded_at, "recorded_to": FOREVER}
            writing.connection.execute(insert(table), [{**row, **times} for row in chunk])
            writing.touch_everything()
        done += len(chunk)
    return done


def _settle(database: Database) -> None:
    """Have PostgreSQL count what there is, as it does by itself after a while. SQLite needs nothing."""
    if database.is_sqlite:
        return
    with database.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("VACUUM ANALYZE")
