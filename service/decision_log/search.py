"""Finds recorded decisions: DuckDB over the segments, those still written included. Read-only, and bounded.

Nothing of a query is ever part of the SQL: the words of the caller are bound. The connection can read the log's
directory and nothing else.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from service.decision_log.freezing import written
from service.decision_log.records import clipped
from service.decision_log.segments import segment_files
from service.decision_log.thawing import Case, Facts, Line
from service.errors import NotAvailable

if TYPE_CHECKING:  # imported late: it takes a fifth of a second
    import duckdb

MEMORY = "512MB"
SECONDS = 30.0
"""How long one search may take."""
SEARCHES = 2
"""Searches at the same time: they share the machine with decisions."""
WAIT_SECONDS = 5.0
"""How long a search waits for its place."""
SLACK = timedelta(minutes=5)
"""By how much a decision may be older than the beginning of its segment, or younger than its last write."""
ATTEMPTS = 5
"""Segments are closed and rewritten meanwhile: the files of a search may be gone when it opens them."""

_LINES = "read_ndjson_objects($files, ignore_errors = true, maximum_object_size = 33554432, filename = true)"
_CONDITIONS: Mapping[str, str] = {
    "id": "json->>'$.id' = $id",
    "account": "json->>'$.account' = $account",
    "effect": "json->>'$.effect' = $effect",
    "rule": "json->>'$.rule' = $rule",
    "resource": "json->>'$.resource' = $resource",
    "unknown": "list_contains((json->'$.unknown')::VARCHAR[], $unknown)",
    "revision": "json->>'$.revision' = $revision",
    "since": "json->>'$.time' >= $since",
    "until": "json->>'$.time' < $until",
}
_BEFORE = "(json->>'$.time', json->>'$.id') < ($before_time, $before_id)"
_PAGE = "ORDER BY json->>'$.time' DESC, json->>'$.id' DESC LIMIT $limit"
_NEEDED = """
SELECT json FROM {lines} WHERE json->>'$.type' IN ('facts', 'location') AND json->>'$.id' IN (
    SELECT unnest([json->>'$.location', json->>'$.account_facts.graph', json->>'$.resource_facts.graph']) FROM matched
)
"""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Filter:
    """Which decisions are meant: those for which all of these are so."""

    id: str | None = None
    account: str | None = None
    effect: str | None = None
    rule: str | None = None
    resource: str | None = None
    unknown: str | None = None
    """A code among what was unknown."""
    revision: str | None = None
    """Of the rule set."""
    since: datetime | None = None
    """Decided at or after."""
    until: datetime | None = None
    """Decided before."""

    def bound(self) -> dict[str, str]:
        """What is asked for, by name, as records have it."""
        asked = {each.name: getattr(self, each.name) for each in fields(self)}
        return {
            name: written(value) if isinstance(value, datetime) else clipped(value)
            for name, value in asked.items()
            if value is not None
        }


@dataclass(frozen=True, slots=True)
class Found:
    """A record with the facts that its segment has for it."""

    record: Line
    facts: tuple[Line, ...]

    def case(self) -> Case:
        """What the decision was asked and made from.

        Raises:
            Incomplete: the segment lacks some of it.
        """
        facts = Facts()
        for line in self.facts:
            facts.add(line)
        return facts.case(self.record)


class DecisionSearch:
    """The log of one directory. For any number of threads."""

    def __init__(self, directory: Path, seconds: float = SECONDS) -> None:
        self.directory = directory
        self._seconds = seconds
        self._places = threading.BoundedSemaphore(SEARCHES)
        self._lock = threading.Lock()
        self._root: duckdb.DuckDBPyConnection | None = None

    def search(self, asked: Filter, limit: int, before: tuple[str, str] | None = None) -> list[Line]:
        """The latest decisions that fit, latest first; with `before`, those before that time and id.

        Raises:
            NotAvailable: it takes too long, or the log cannot be read.
        """
        bound: dict[str, Any] = {**asked.bound(), "limit": limit}
        conditions = _conditions(asked)
        if before is not None:
            bound |= {"before_time": before[0], "before_id": before[1]}
            conditions = f"{conditions} AND {_BEFORE}"
        query = f"SELECT json FROM {_LINES} WHERE {conditions} {_PAGE}"
        rows = self._tried(lambda: self._rows(query, self._files(asked), bound))
        return [msgspec.json.decode(row[0]) for row in rows]

    def find(self, id: str) -> Found | None:
        """One decision with its facts; None if the log has none of that id.

        Raises:
            NotAvailable: it takes too long, or the log cannot be read.
        """
        query = f"SELECT json, filename FROM {_LINES} WHERE {_conditions(Filter(id=id))} LIMIT 1"

        def found() -> Found | None:
            rows = self._rows(query, self._files(Filter()), {"id": id})
            return self._with_facts(*rows[0]) if rows else None

        return self._tried(found)

    def export(self, asked: Filter) -> Iterator[bytes]:
        """The lines of every decision that fits, segment by segment, each after the facts that it refers to.

        What comes out is a segment itself.

        Raises:
            NotAvailable: a segment takes too long, or cannot be read.
        """
        said: set[str] = set()
        for path in self._files(asked):
            for text in self._tried(lambda path=path: self._exported(path, asked)):  # type: ignore[misc]
                line = msgspec.json.decode(text, type=_Part)
                key = f"{line.id}/{line.part}"
                if line.part is None or key not in said:
                    yield text.encode("utf-8", "surrogatepass") + b"\n"
                if line.part is not None:
                    said.add(key)

    def _files(self, asked: Filter) -> list[str]:
        """The segments that may hold what is asked for, in the order of their beginnings."""
        if "?" in str(self.directory.resolve()):
            raise NotAvailable(f"a log whose path holds a `?` cannot be searched: `{self.directory}`")
        return [_escaped(path) for path in paths_of_time(self.directory, asked.since, asked.until)]

    def _with_facts(self, text: str, filename: str) -> Found:
        record = msgspec.json.decode(text)
        with self._connection() as connection:
            connection.execute("CREATE TEMP TABLE matched AS SELECT $text::JSON AS json", {"text": text})
            bound = {"files": [_escaped(Path(filename))]}
            rows = connection.execute(_NEEDED.format(lines=_LINES), bound).fetchall()
        return Found(record, tuple(msgspec.json.decode(row[0]) for row in rows))

    def _exported(self, file: str, asked: Filter) -> list[str]:
        """What one segment has of it: facts, then decisions in the order of time."""
        with self._connection() as connection:
            query = f"CREATE TEMP TABLE matched AS SELECT json FROM {_LINES} WHERE {_conditions(asked)}"
            connection.execute(query, {**asked.bound(), "files": [file]})
            facts = connection.execute(_NEEDED.format(lines=_LINES), {"files": [file]}).fetchall()
            order = "SELECT json FROM matched ORDER BY json->>'$.time', json->>'$.id'"
            return [row[0] for row in (*facts, *connection.execute(order).fetchall())]

    def _rows(self, query: str, files: Sequence[str], bound: Mapping[str, Any]) -> list[Any]:
        if not files:
            return []
        with self._connection() as connection:
            return connection.execute(query, {**bound, "files": list(files)}).fetchall()

    def _tried(self, work: Callable[[], T]) -> T:
        if not self._places.acquire(timeout=WAIT_SECONDS):
            raise NotAvailable("others search the decision log at the moment: ask again")
        try:
            return self._tried_often(work)
        finally:
            self._places.release()

    def _tried_often(self, work: Callable[[], T]) -> T:
        import duckdb

        for _ in range(ATTEMPTS):
            try:
                return work()
            except duckdb.InterruptException:
                raise NotAvailable("the search takes too long: ask for a shorter time") from None
            except duckdb.IOException as error:
                reason = str(error)  # a segment was closed or deleted meanwhile
            except duckdb.Error as error:
                reason = str(error)
                break
        raise NotAvailable(f"the decision log cannot be read: {reason.splitlines()[0].lower()}")

    @contextmanager
    def _connection(self) -> Iterator["duckdb.DuckDBPyConnection"]:
        """A connection that ends in time. What it makes is gone with it."""
        with self._lock:
            if self._root is None:
                self._root = _opened(self.directory)
            connection = self._root.cursor()
        timer = threading.Timer(self._seconds, connection.interrupt)
        timer.daemon = True
        timer.start()
        try:
            yield connection
        finally:
            timer.cancel()
            connection.close()


def _opened(directory: Path) -> "duckdb.DuckDBPyConnection":
    """A connection to no database, that can read the directory alone."""
    import duckdb

    config: dict[str, str | bool | int | float | list[str]] = {"threads": 1}
    config |= {"memory_limit": MEMORY, "autoinstall_known_extensions": False}
    connection = duckdb.connect(":memory:", config=config)
    allowed = [str(directory.resolve()), _escaped(directory)]
    connection.execute("SET allowed_directories = $allowed", {"allowed": allowed})
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


class _Part(msgspec.Struct):
    """What an export looks at in a line."""

    id: str
    part: int | None = None
    """Decisions have none."""


def _conditions(asked: Filter) -> str:
    return " AND ".join(["json->>'$.type' = 'decision'", *(_CONDITIONS[name] for name in asked.bound())])


def paths_of_time(directory: Path, since: datetime | None, until: datetime | None) -> list[Path]:
    """The segments that may hold decisions of then, in the order of their beginnings."""
    begun = [file for file in segment_files(directory) if until is None or file.begun_at - SLACK < until]
    return [file.path for file in begun if since is None or not _ended_before(file.path, since - SLACK)]


def _ended_before(path: Path, moment: datetime) -> bool:
    try:
        return path.stat().st_mtime < moment.timestamp()
    except FileNotFoundError:
        return False


def _escaped(path: Path) -> str:
    """The path as a pattern that means nothing but itself."""
    return "".join(f"[{character}]" if character in "*[" else character for character in str(path.resolve()))
