"""CSV of Cordon's own: the tables of a directory of data, and three more columns and two more tables.

RFC 4180, UTF-8, a header row. A row at fault is passed over; a header at fault ends the reading.
"""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePath

from rules.facts import BASES
from service.imports.own_rows import SIGNAL_PREFIX, What, read_row
from service.imports.records import BrokenFile, Fault, Row
from service.imports.values import is_fit

COLUMNS: Mapping[What, tuple[str, ...]] = {
    "entity": ("id", "name", "kind", *BASES, "listed", "acts_with", "source"),
    "interest": ("id", "owner", "subject", "kind", "share", "control", "start", "end", "source"),
    "listing": ("id", "entity", "list", "start", "end", "source"),
    "account": ("id", "entity", "tags"),
    "resource": ("id", "tags", "provider"),
    "acting": ("one", "other", "source"),
}
"""The columns of each table; accounts have one for each signal besides (`declared.billing`)."""
REQUIRED: Mapping[What, tuple[str, ...]] = {
    "entity": ("id",),
    "interest": ("owner", "subject"),
    "listing": ("entity", "list"),
    "account": ("id",),
    "resource": ("id",),
    "acting": ("one", "other"),
}
TABLES: Mapping[str, What] = {
    "entities": "entity",
    "interests": "interest",
    "listings": "listing",
    "accounts": "account",
    "resources": "resource",
    "acting": "acting",
}
"""The tables by the names that their files have."""
_SIGNALS: tuple[What, ...] = ("account",)


@dataclass(slots=True)
class CsvCells:
    """The cells of one row."""

    by_name: Mapping[str, str]

    def has(self, name: str) -> bool:
        return name in self.by_name

    def text(self, name: str) -> str:
        return self.by_name.get(name, "")

    def values(self, name: str) -> tuple[str, ...]:
        cell = self.text(name)
        return tuple(value for part in cell.split(";") if (value := part.strip())) if cell else ()

    def signals(self) -> Mapping[str, str]:
        named = (item for item in self.by_name.items() if item[0].startswith(SIGNAL_PREFIX))
        return {name.removeprefix(SIGNAL_PREFIX): text for name, text in named if text}


def read_csv(stream: io.BufferedReader, *, source: str, table: str, name: str) -> Iterator[Row]:
    """The rows of one table; `table` says which, or else the name of the file, or its columns.

    Raises:
        BrokenFile: the header is at fault.
    """
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="")
    records = csv_records(text)
    line, header = next(records, (0, []))
    if isinstance(header, Fault):
        raise BrokenFile(line, header.message)
    what, names = _header([cell.strip() for cell in header], table, name)
    for line, cells in records:
        if isinstance(cells, list) and len(cells) == len(names) and is_fit("".join(cells)):
            by_name = dict(zip(names, map(str.strip, cells), strict=True))
            yield read_row(what, CsvCells(by_name), source, line)
        else:
            yield Row(line, faults=(unsound(cells, names),))


def csv_records(text: io.TextIOBase) -> Iterator[tuple[int, list[str] | Fault]]:
    """Every record that is not blank, with the line that it begins in; a record with faulty quotes is a fault."""
    reader = csv.reader(text, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield line, Fault("", f"the quotes are not in order: {error}")
            continue
        if cells and (len(cells) > 1 or cells[0].strip()):
            yield line, cells


def _header(names: list[str], table: str, file: str) -> tuple[What, list[str]]:
    if not names:
        raise BrokenFile(1, "no header row: it names the columns")
    what = _what(names, table, file)
    for name in names:
        if not _knows(what, name):
            columns = ", ".join(f"`{column}`" for column in COLUMNS[what])
            raise BrokenFile(1, f"unknown column `{name}`: the columns are {columns}", name)
        if names.count(name) > 1:
            raise BrokenFile(1, f"column `{name}` stands here a second time", name)
    for name in REQUIRED[what]:
        if name not in names:
            raise BrokenFile(1, f"column `{name}` is missing", name)
    return what, names


def _what(names: list[str], table: str, file: str) -> What:
    stem = PurePath(file).name.split(".")[0]
    named = TABLES.get(table or stem)
    if named is not None:
        return named
    if table:
        raise BrokenFile(1, f"there is no table `{table}`: the tables are {', '.join(TABLES)}")
    fitting = [
        what for what in COLUMNS if all(_knows(what, name) for name in names) and set(REQUIRED[what]) <= {*names}
    ]
    if len(fitting) != 1:
        raise BrokenFile(1, f"the columns do not say which table this is: name it, one of {', '.join(TABLES)}")
    return fitting[0]


def _knows(what: What, column: str) -> bool:
    is_signal = what in _SIGNALS and column.startswith(SIGNAL_PREFIX) and column != SIGNAL_PREFIX
    return column in COLUMNS[what] or is_signal


def unsound(cells: list[str] | Fault, names: list[str]) -> Fault:
    """Why a row cannot be read at all."""
    if isinstance(cells, Fault):
        return cells
    if len(cells) != len(names):
        length = "long" if len(cells) > len(names) else "short"
        return Fault("", f"the row is too {length}: {len(cells)} cells where the header has {len(names)}")
    unfit = next((name for name, cell in zip(names, cells, strict=True) if not is_fit(cell)), "")
    return Fault(unfit, "a control character, or not UTF-8")
