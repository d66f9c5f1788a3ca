"""What must be known of a BODS file before its statements are read: which come last, which stand for others.

Kept in a private file of its own: no dataset is too long for memory.
"""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from service.imports.json_rows import json_rows
from service.imports.seen import scratch_database
from service.imports.streams import ImportFile
from service.imports.values import is_fit

_TABLES = """
CREATE TABLE record (id TEXT PRIMARY KEY, last INTEGER, kind TEXT) WITHOUT ROWID;
CREATE TABLE component (whole TEXT, part TEXT, PRIMARY KEY (whole, part)) WITHOUT ROWID;
CREATE TABLE joint (id TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE holding (record TEXT PRIMARY KEY, arrangement TEXT, party TEXT) WITHOUT ROWID;
"""
_SUMMARY = """
CREATE TABLE told_by_parts AS SELECT whole AS id FROM component LEFT JOIN record ON record.id = part
  GROUP BY whole HAVING count(*) = count(record.id) AND max(record.kind = 'relationship');
CREATE UNIQUE INDEX told_by_parts_id ON told_by_parts (id);
CREATE TABLE told_by_whole AS
  SELECT part AS id FROM component WHERE whole NOT IN (SELECT id FROM told_by_parts)
  EXCEPT SELECT part FROM component WHERE whole IN (SELECT id FROM told_by_parts);
CREATE UNIQUE INDEX told_by_whole_id ON told_by_whole (id);
DELETE FROM holding WHERE arrangement NOT IN (SELECT id FROM joint);
CREATE INDEX holding_arrangement ON holding (arrangement);
"""


@dataclass(slots=True)
class BodsIndex:
    """The index of one file."""

    _database: sqlite3.Connection = field(default_factory=scratch_database)

    def __enter__(self) -> Self:
        self._database.executescript(_TABLES)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()

    def read(self, file: ImportFile) -> None:
        """Read the file through once."""
        self._database.execute("BEGIN")
        with file.opened() as stream:
            for number, (_, value, _) in enumerate(json_rows(stream.bytes)):
                if isinstance(value, dict) and (id := _fit_id(value.get("recordId"))):
                    self._note(number, id, value)
        self._database.execute("COMMIT")
        self._database.executescript(_SUMMARY)

    def _note(self, number: int, id: str, statement: Mapping[str, object]) -> None:
        execute, kind = self._database.execute, statement.get("recordType")
        known = kind if kind in ("entity", "person", "relationship") else ""
        added = execute("INSERT OR IGNORE INTO record VALUES (?, ?, ?)", (id, number, known)).rowcount
        if not added:
            execute("UPDATE record SET last = ? WHERE id = ?", (number, id))
            execute("DELETE FROM component WHERE whole = ?", (id,))
            execute("DELETE FROM holding WHERE record = ?", (id,))
        details = statement.get("recordDetails")
        if isinstance(details, dict) and kind == "relationship":
            self._note_relationship(id, details, is_closed=statement.get("recordStatus") == "closed")
        elif isinstance(details, dict) and kind == "entity" and is_joint(details):
            execute("INSERT OR IGNORE INTO joint VALUES (?)", (id,))

    def _note_relationship(self, id: str, details: Mapping[str, object], *, is_closed: bool) -> None:
        parts = details.get("componentRecords")
        if isinstance(parts, list):
            rows = [(id, known) for part in parts if (known := _fit_id(part))]
            self._database.executemany("INSERT OR IGNORE INTO component VALUES (?, ?)", rows)
        subject, party = _fit_id(details.get("subject")), _fit_id(details.get("interestedParty"))
        if subject and party and not is_closed:
            self._database.execute("INSERT OR REPLACE INTO holding VALUES (?, ?, ?)", (id, subject, party))

    def is_last(self, id: str, number: int) -> bool:
        """Whether no later statement is about the same record."""
        row = self._database.execute("SELECT last FROM record WHERE id = ?", (id,)).fetchone()
        return row is not None and int(row[0]) == number

    def is_told_by_parts(self, id: str) -> bool:
        """Whether the file holds every component of an indirect relationship, so that they tell of the stake."""
        return self._database.execute("SELECT 1 FROM told_by_parts WHERE id = ?", (id,)).fetchone() is not None

    def is_told_by_whole(self, id: str) -> bool:
        """Whether this is a component of relationships that lack other components, so that they tell of the stake."""
        return self._database.execute("SELECT 1 FROM told_by_whole WHERE id = ?", (id,)).fetchone() is not None

    def others_jointly(self, arrangement: str, party: str) -> list[str]:
        """Who holds the same jointly, by an arrangement of that kind."""
        query = "SELECT DISTINCT party FROM holding WHERE arrangement = ? AND party <> ? ORDER BY party"
        return [str(row[0]) for row in self._database.execute(query, (arrangement, party))]


def _fit_id(value: object) -> str:
    """The id of a record; empty if it is none."""
    return value if isinstance(value, str) and is_fit(value) else ""


def is_joint(details: Mapping[str, object]) -> bool:
    """Whether an entity is an arrangement of those who hold something jointly: neither a trust nor a nomination."""
    of = details.get("entityType")
    return isinstance(of, dict) and of.get("type") == "arrangement" and of.get("subtype") not in ("trust", "nomination")
