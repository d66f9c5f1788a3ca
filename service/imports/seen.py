"""What a file has said so far, in a private file of its own: no import is too long for memory."""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

_CACHE_KIB = 32 * 1024


def scratch_database() -> sqlite3.Connection:
    """A database in a file that has no name, and is gone when it is closed; small ones never leave memory."""
    connection = sqlite3.connect("", isolation_level=None, check_same_thread=False)
    for pragma in (f"cache_size = -{_CACHE_KIB}", "journal_mode = OFF", "synchronous = OFF"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


@dataclass(slots=True)
class Seen:
    """The ids that a file names, by kind, with the line of each."""

    _connection: sqlite3.Connection = field(default_factory=scratch_database)

    def __post_init__(self) -> None:
        self._connection.execute(
            "CREATE TABLE said (what TEXT, id TEXT, line INTEGER, PRIMARY KEY (what, id)) WITHOUT ROWID"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def add(self, what: str, said: Sequence[tuple[str, int]]) -> dict[int, tuple[str, int]]:
        """Take in ids with their lines; the lines that repeat an earlier one, with the id and that line."""
        connection = self._connection
        connection.execute("BEGIN")
        before = connection.total_changes
        in_order = sorted(said)  # a tree of ids that are digests is filled faster so
        connection.executemany(
            "INSERT OR IGNORE INTO said VALUES (?, ?, ?)", ((what, id, line) for id, line in in_order)
        )
        added = connection.total_changes - before
        connection.execute("COMMIT")
        return {} if added == len(said) else self._repeats(what, said)

    def _repeats(self, what: str, said: Iterable[tuple[str, int]]) -> dict[int, tuple[str, int]]:
        repeats: dict[int, tuple[str, int]] = {}
        in_line: set[tuple[str, int]] = set()
        for id, line in said:
            first = self.line_of(what, id)
            if first is not None and (first != line or (id, line) in in_line):
                repeats[line] = (id, first)
            in_line.add((id, line))
        return repeats

    def line_of(self, what: str, id: str) -> int | None:
        """The line that says it; None if none does."""
        row = self._connection.execute("SELECT line FROM said WHERE what = ? AND id = ?", (what, id)).fetchone()
        return None if row is None else int(row[0])
