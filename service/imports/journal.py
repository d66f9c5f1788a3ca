"""How far each import has come, and every row that it did not take over: written in the transaction of each batch."""

import json
import secrets
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeAlias

from sqlalchemy import Connection, Row, and_, func, insert, or_, select, update

from service.imports.batches import Batch, Rejection
from service.imports.staging import Changed
from service.imports.values import json_text
from service.storage.database import micros, moment_of
from service.storage.schema import imports, rejections

Format: TypeAlias = Literal["csv", "ndjson", "bods", "gleif", "ftm"]
OnFault: TypeAlias = Literal["skip", "batch", "file"]
Status: TypeAlias = Literal["running", "done", "failed", "abandoned"]

BATCH_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class Options:
    """How a file is read and taken over."""

    format: Format
    source: str
    on_fault: OnFault = "skip"
    """What a fault undoes: its row, its batch, or the whole file."""
    batch_rows: int = BATCH_ROWS
    complete: bool = False
    """The file is all that the source says: what it says no longer is retracted."""
    table: str = ""
    """Of CSV: which table it is; else its name or its columns say so."""
    lists: Mapping[str, str] = field(default_factory=dict)
    """Of FollowTheMoney: names of lists by dataset, programme or topic."""


@dataclass(slots=True)
class Counts:
    """What became of the rows so far."""

    read: int = 0
    rejected: int = 0
    undone_batches: int = 0
    changed: Changed = field(default_factory=Changed)
    left_out: dict[str, int] = field(default_factory=dict)
    notes: dict[str, int] = field(default_factory=dict)
    unrecorded: int = 0
    """Owners and subjects of whom nothing else is recorded."""
    above_whole: int = 0
    """Subjects whose interests sum up to more than the whole."""
    above_whole_first: list[str] = field(default_factory=list)
    """The first of them."""

    def note(self, message: str) -> None:
        """Count one more thing that is worth knowing."""
        self.notes[message] = self.notes.get(message, 0) + 1

    def add(self, batch: Batch) -> None:
        """Count the rows of a batch."""
        self.read += batch.rows
        self.rejected += len(batch.rejections)
        self.left_out = dict(Counter(self.left_out) + batch.left_out)
        self.notes = dict(Counter(self.notes) + batch.notes)


@dataclass(frozen=True, slots=True)
class Import:
    """One import as it stands."""

    id: str
    options: Options
    file: str
    digest: str
    status: Status
    position: int
    """Rows of the file that are settled for good."""
    counts: Counts
    actor: str
    started_at: datetime
    updated_at: datetime


class Overtaken(Exception):
    """Somebody else goes on with the same import."""


def begin(connection: Connection, options: Options, *, file: tuple[str, str], actor: str, at: datetime) -> str:
    """Record that an import of a file, by name and digest, begins; its id."""
    id, name, digest = secrets.token_hex(6), *file
    row = {"id": id, "source": options.source, "format": options.format, "file": name, "digest": digest, "actor": actor}
    times = {"started_at": micros(at), "updated_at": micros(at)}
    texts = {"status": "running", "counts": json_text(asdict(Counts())), "options": json_text(asdict(options))}
    connection.execute(insert(imports).values(**row, **times, **texts))
    return id


def advance(connection: Connection, before: Import, position: int, counts: Counts, *, at: datetime) -> None:
    """Record that an import has come to `position`.

    Raises:
        Overtaken: it is no longer where `before` says.
    """
    values = {"position": position, "counts": json_text(asdict(counts)), "updated_at": micros(at)}
    where = and_(imports.c.id == before.id, imports.c.position == before.position, imports.c.status == "running")
    if connection.execute(update(imports).where(where).values(**values)).rowcount != 1:
        raise Overtaken(f"import `{before.id}` has come further by other hands, or was ended")


def close(connection: Connection, id: str, status: Status, counts: Counts, *, at: datetime) -> None:
    """Record how an import ended."""
    values = {"status": status, "counts": json_text(asdict(counts)), "updated_at": micros(at)}
    connection.execute(update(imports).where(imports.c.id == id, imports.c.status == "running").values(**values))


def reject(connection: Connection, id: str, first: int, rejected: Sequence[Rejection]) -> None:
    """Keep rejections, numbered from `first`."""
    rows = [
        {
            "import": id,
            "number": number,
            "line": rejection.line,
            "column": rejection.column,
            "message": rejection.message,
        }
        for number, rejection in enumerate(rejected, first)
    ]
    if rows:
        connection.execute(insert(rejections), rows)


def find(connection: Connection, id: str) -> Import | None:
    """An import by its id."""
    row = connection.execute(select(imports).where(imports.c.id == id)).one_or_none()
    return None if row is None else _import(row)


def unfinished(connection: Connection, options: Options, digest: str) -> Import | None:
    """The last import of the same file in the same way, if it was never ended."""
    same = (imports.c.digest == digest, imports.c.options == json_text(asdict(options)), imports.c.status == "running")
    query = select(imports).where(*same).order_by(imports.c.started_at.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    return None if row is None else _import(row)


def listed(connection: Connection, limit: int, before: tuple[int, str] | None = None) -> list[Import]:
    """Imports, the newest first; those behind a start and an id."""
    query = select(imports).order_by(imports.c.started_at.desc(), imports.c.id.desc()).limit(limit)
    if before is not None:
        started, id = before
        earlier = and_(imports.c.started_at == started, imports.c.id < id)
        query = query.where(or_(imports.c.started_at < started, earlier))
    return [_import(row) for row in connection.execute(query)]


def rejected(
    connection: Connection, id: str, *, after: int = 0, limit: int | None = None
) -> Iterator[tuple[int, Rejection]]:
    """The rejections of an import with their numbers, in the order of the file."""
    query = select(rejections).where(rejections.c["import"] == id, rejections.c.number > after)
    for row in connection.execute(query.order_by(rejections.c.number).limit(limit)):
        yield row.number, Rejection(row.line, row.column, row.message)


def rejection_count(connection: Connection, id: str) -> int:
    """How many rejections are kept of an import."""
    return connection.scalar(select(func.count()).where(rejections.c["import"] == id)) or 0


def _import(row: Row[Any]) -> Import:
    counts = json.loads(row.counts)
    return Import(
        id=row.id,
        options=Options(**json.loads(row.options)),
        file=row.file,
        digest=row.digest,
        status=row.status,
        position=row.position,
        counts=Counts(**{**counts, "changed": Changed(**counts["changed"])}),
        actor=row.actor,
        started_at=moment_of(row.started_at),
        updated_at=moment_of(row.updated_at),
    )
