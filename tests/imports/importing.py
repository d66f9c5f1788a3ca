"""Imports of small files into a database, and what is then recorded, in few words."""

import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

from sqlalchemy import select

from service.imports import journal
from service.imports.batches import Rejection
from service.imports.engine import Importer
from service.imports.journal import Format, Import, Options
from service.imports.records import Row
from service.imports.streams import ByteStream, ImportFile
from service.storage.database import FOREVER, Database, moment_of
from service.storage.schema import metadata

FILES = Path(__file__).parent / "files"
ACTOR = "test:importer"


def written(path: Path, content: str | bytes) -> ImportFile:
    """A file with that content."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return ImportFile(path, path.name)


def imported(database: Database, file: ImportFile | Path, format: str, **options: Any) -> Import:
    """Take a file over; what became of it."""
    named = file if isinstance(file, ImportFile) else ImportFile(file, file.name)
    wanted = Options(**{"format": cast(Format, format), "source": "register", **options})
    importer = Importer(database, ACTOR)
    return importer.run(named, importer.start(named, wanted))


def rejections(database: Database, done: Import) -> list[Rejection]:
    """What an import rejected, in the order of the file."""
    with database.reading() as connection:
        return [rejection for _, rejection in journal.rejected(connection, done.id)]


def current(database: Database, table: str, *columns: str) -> list[tuple[Any, ...]]:
    """The rows of a table that are recorded now, in order."""
    found = metadata.tables[table]
    query = select(*(found.c[name] for name in columns)).where(found.c.recorded_to == FOREVER)
    with database.reading() as connection:
        return sorted((tuple(row) for row in connection.execute(query)), key=lambda row: tuple(map(str, row)))


def interests(database: Database) -> list[str]:
    """What is recorded of interests, one line each: `owner -> subject: share, kind, control, from, until`."""
    rows = current(database, "interests", "owner", "subject", "share", "kind", "control", "valid_from", "valid_to")
    return sorted(_line(*row) for row in rows)


def _line(owner: str, subject: str, share: str, kind: str, control: bool, start: int | None, end: int | None) -> str:
    said = [share or "?", *([kind] if kind != "shareholding" else []), *(["control"] if control else [])]
    said += [f"from {day(start)}"] if start is not None else []
    said += [f"until {day(end)}"] if end is not None else []
    return f"{owner} -> {subject}: {', '.join(said)}"


def day(count: int | None) -> str:
    """A moment as its day."""
    return "" if count is None else moment_of(count).date().isoformat()


def state(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """All that is recorded now, but when it was."""
    tables = ("entities", "interests", "listings", "acting", "accounts", "resources")
    left_out = ("row", "recorded_from", "recorded_to")
    return {
        name: current(database, name, *(c.name for c in metadata.tables[name].c if c.name not in left_out))
        for name in tables
    }


def details(database: Database, owner: str, subject: str) -> list[dict[str, Any]]:
    """What is kept beside the interests of two."""
    rows = current(database, "interests", "owner", "subject", "details")
    return [json.loads(kept) for one, other, kept in rows if (one, other) == (owner, subject)]


def stream(content: str | bytes) -> ByteStream:
    """The bytes of a file that is only in memory."""
    data = content if isinstance(content, bytes) else content.encode()
    return ByteStream(io.BufferedReader(io.BytesIO(data)), io.BytesIO(data), len(data))


def messages(rows: Iterable[Row]) -> list[tuple[int, str, str]]:
    """Line, column and message of every fault of some rows."""
    return [(row.line, fault.column, fault.message) for row in rows for fault in row.faults]
