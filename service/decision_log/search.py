"""Finds recorded decisions: DuckDB over the segments, those still written included. Read-only, and bounded.

One segment after another, the latest first: a page that is full needs no older ones. The connection can read the log's
directory and nothing else.
"""

import heapq
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from service.decision_log.matching import LINES, Connection, Filter, Matched, Page, Place
from service.decision_log.segments import CLOSED_ENDING, segment_files
from service.decision_log.thawing import Case, Facts, Line
from service.errors import NotAvailable

if TYPE_CHECKING:  # imported late: it takes a fifth of a second
    import duckdb

__all__ = ["DecisionSearch", "Filter", "Found", "paths_of_time"]

MEMORY = "512MB"
SECONDS = 30.0
"""How long one search may take, or one step of an export."""
AGAIN_SECONDS = 0.1
SEARCHES = 2
"""Searches at the same time: they share the machine with decisions."""
WAIT_SECONDS = 5.0
"""How long a search waits for its place."""
SLACK = timedelta(minutes=5)
"""By how much a decision may be older than the beginning of its segment, or younger than its last write."""
ATTEMPTS = 5
"""Segments are closed and rewritten meanwhile: the file of a search may be gone when it opens it."""
EXPORTED_AT_ONCE = 10_000

TOO_LONG = "the search takes too long: ask for a shorter time"
_PLAIN = re.compile(r"[A-Za-z0-9_-]+")
_MENTION = f"SELECT 1 FROM {LINES} WHERE contains(json, $id) LIMIT 1"

T = TypeVar("T")


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

    def search(self, asked: Filter, limit: int, before: Place | None = None) -> list[Line]:
        """The latest decisions that fit, latest first; with `before`, those before that time and id.

        Raises:
            NotAvailable: it takes too long, or the log cannot be read.
        """
        page = Page(limit, before)
        found: list[tuple[str, str, str]] = []
        with self._connection() as connection, self._turn(connection) as turn:
            for path in self._latest_first(asked):
                if len(found) == limit and _ended_before(path, datetime.fromisoformat(found[-1][0]) - SLACK):
                    break  # nor do the others have any that is later
                more = turn.on(path, lambda file: _texts(Matched(connection, file, asked, page), file))
                found = heapq.nlargest(limit, [*found, *(more or ())])
        return [msgspec.json.decode(text) for _, _, text in found]

    def find(self, id: str) -> Found | None:
        """One decision with its facts; None if the log has none of that id.

        Raises:
            NotAvailable: it takes too long, or the log cannot be read.
        """
        with self._connection() as connection, self._turn(connection) as turn:
            for path in self._latest_first(Filter()):
                found = turn.on(path, lambda file: _found(connection, file, id))
                if found is not None:
                    return found
        return None

    def export(self, asked: Filter) -> Iterator[bytes]:
        """The lines of every decision that fits, segment by segment, each after the facts that it refers to.

        What comes out is a segment itself.

        Raises:
            NotAvailable: a segment takes too long, or cannot be read.
        """
        said: set[str] = set()
        for path in self._paths(asked):
            for text in self._exported(path, asked):
                line = msgspec.json.decode(text, type=_Part)
                key = f"{line.id}/{line.part}"
                if line.part is None or key not in said:
                    yield text.encode("utf-8", "surrogatepass") + b"\n"
                if line.part is not None:
                    said.add(key)

    def _exported(self, path: Path, asked: Filter) -> Iterator[str]:
        """What one segment has of it: facts, then decisions in the order of time. Others may search in between."""
        with self._connection() as connection:
            with self._turn(connection) as turn:
                begun = turn.on(path, lambda file: _begun(connection, file, asked))
            if begun is None:
                return
            matched, count, facts = begun
            yield from facts
            for first in range(0, count, EXPORTED_AT_ONCE):
                step = partial(_texts, matched, str(path), first, first + EXPORTED_AT_ONCE)
                with self._turn(connection) as turn:
                    some = turn.tried(step)
                yield from (text for _, _, text in some)

    def _paths(self, asked: Filter) -> list[Path]:
        """The segments that may hold what is asked for, in the order of their beginnings."""
        if "?" in str(self.directory.resolve()):
            raise NotAvailable(f"a log whose path holds a `?` cannot be searched: `{self.directory}`")
        return paths_of_time(self.directory, asked.since, asked.until)

    def _latest_first(self, asked: Filter) -> list[Path]:
        """The same, those last written first."""
        return sorted(self._paths(asked), key=_last_written, reverse=True)

    @contextmanager
    def _turn(self, connection: Connection) -> Iterator["_Turn"]:
        """A place among those who search, for as long as a search may take."""
        if not self._places.acquire(timeout=WAIT_SECONDS):
            raise NotAvailable("others search the decision log at the moment: ask again")
        turn = _Turn(connection, self._seconds)
        try:
            yield turn
        finally:
            turn.end()
            self._places.release()

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        """A connection of its own. What it makes is gone with it."""
        with self._lock:
            if self._root is None:
                self._root = _opened(self.directory)
            connection = self._root.cursor()
        try:
            yield connection
        finally:
            connection.close()


class _Turn:
    """One search, which ends in time."""

    def __init__(self, connection: Connection, seconds: float) -> None:
        self._connection = connection
        self._seconds = seconds
        self._ends_at = time.monotonic() + seconds
        self._ended = threading.Event()
        threading.Thread(target=self._watch, name="decision-search", daemon=True).start()

    def _watch(self) -> None:
        """Interrupt what takes too long. Between two queries there is nothing to interrupt: so more than once."""
        if not self._ended.wait(self._seconds):
            self._connection.interrupt()
        while not self._ended.wait(AGAIN_SECONDS):
            self._connection.interrupt()

    def end(self) -> None:
        """Interrupt nothing any more."""
        self._ended.set()

    def on(self, path: Path, work: Callable[[str], T]) -> T | None:
        """Work on a segment, which may be closed meanwhile; None if it is deleted."""
        import duckdb

        for _ in range(ATTEMPTS):
            here = _present(path)
            if here is None:
                return None
            try:
                return self.tried(partial(work, _escaped(here)))
            except duckdb.IOException as error:
                reason = str(error)
        raise _unreadable(reason)

    def tried(self, work: Callable[[], T]) -> T:
        """Work, as long as there is time."""
        import duckdb

        try:
            done = work()
        except duckdb.InterruptException:
            raise NotAvailable(TOO_LONG) from None
        except duckdb.IOException:
            raise
        except duckdb.Error as error:
            raise _unreadable(str(error)) from None
        if time.monotonic() > self._ends_at:
            raise NotAvailable(TOO_LONG)
        return done


def _unreadable(reason: str) -> NotAvailable:
    return NotAvailable(f"the decision log cannot be read: {reason.splitlines()[0].lower()}")


def _texts(matched: Matched, file: str, first: int = 0, last: int | None = None) -> list[tuple[str, str, str]]:
    """Time, id and text of what matched.

    Raises:
        NotAvailable: the segment lacks what some of it shares.
    """
    found = []
    for time_, id, text in matched.texts(first, len(matched) if last is None else last):
        if text is None:
            raise _unreadable(f"a segment lacks what its decisions share: `{Path(file).name}`")
        found.append((time_, id, text))
    return found


def _found(connection: Connection, file: str, id: str) -> Found | None:
    if _PLAIN.fullmatch(id) and not connection.execute(_MENTION, {"file": file, "id": id}).fetchall():
        return None
    matched = Matched(connection, file, Filter(id=id), Page(1))
    for _, _, text in _texts(matched, file):
        return Found(msgspec.json.decode(text), tuple(msgspec.json.decode(line) for line in matched.facts()))
    return None


def _begun(connection: Connection, file: str, asked: Filter) -> tuple[Matched, int, list[str]]:
    matched = Matched(connection, file, asked, None)
    return matched, len(matched), matched.facts()


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


def paths_of_time(directory: Path, since: datetime | None, until: datetime | None) -> list[Path]:
    """The segments that may hold decisions of then, in the order of their beginnings."""
    begun = [file for file in segment_files(directory) if until is None or file.begun_at - SLACK < until]
    return [file.path for file in begun if since is None or not _ended_before(file.path, since - SLACK)]


def _ended_before(path: Path, moment: datetime) -> bool:
    return _last_written(path) < moment.timestamp()


def _last_written(path: Path) -> float:
    """When the segment was; of one that is gone, no time is too late."""
    here = _present(path)
    try:
        return float("inf") if here is None else here.stat().st_mtime
    except FileNotFoundError:
        return float("inf")


def _present(path: Path) -> Path | None:
    """The file of a segment, which may have been closed since its name was read; None if it is gone."""
    closed = path if path.name.endswith(CLOSED_ENDING) else path.with_name(path.name + ".gz")
    return next((each for each in (path, closed) if each.exists()), None)


def _escaped(path: Path) -> str:
    """The path as a pattern that means nothing but itself."""
    return "".join(f"[{character}]" if character in "*[" else character for character in str(path.resolve()))
