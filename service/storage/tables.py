"""Reads one CSV table (RFC 4180, UTF-8, a header row) so that every fault names its line and column.

A fault of the text never stops the reading before its end, an unclosed quote apart: the rest is checked too.
Blank lines are skipped, and white space around a cell does not count.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from rules.errors import pointer
from rules.reading import one_line
from service.documents import UTF16, Fault, is_utf16

_PLAIN = re.compile(r"[^,\n]*+")
_QUOTED = re.compile(r'"([^"]*+(?:""[^"]*+)*+)"')
_UNFIT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]|\r(?!\n)")
"""Control characters, a carriage return alone, and (as surrogates) bytes that are not UTF-8."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns a table may have. The first name must be there."""

    names: tuple[str, ...]
    prefix: str = ""
    """Columns of any name that starts so are taken too."""

    @property
    def described(self) -> str:
        """Every name that a header may have."""
        return ", ".join(f"`{name}`" for name in (*self.names, *([f"{self.prefix}…"] if self.prefix else [])))

    def knows(self, name: str) -> bool:
        return name in self.names or bool(self.prefix and name.startswith(self.prefix) and name != self.prefix)


@dataclass(frozen=True, slots=True)
class _Line:
    """One record of the text: perhaps several lines, if a quoted cell holds some."""

    start: int
    """Offset of its first character."""
    cells: Sequence[str]
    sound: bool = True
    """Its quotes are in order, and it has as many cells as the header."""


@dataclass(slots=True)
class Table:
    """The rows of one file, and the faults found in it so far."""

    file: str
    text: str
    faults: list[Fault] = field(default_factory=list)
    header: tuple[str, ...] = ()
    rows: list["Row"] = field(default_factory=list)
    indexes: dict[str, int] = field(default_factory=dict)
    """Where each known column stands."""
    line_starts: list[int] = field(default_factory=list)
    """Offset of the first character of each line; made when first needed."""
    is_usable: bool = False
    """It has the column that must be there: what its rows name can be known."""

    def refuse(self, at: str, offset: int, message: str) -> None:
        """Record a fault at one character of the text."""
        line = self.line_of(offset)
        column = offset - self.line_starts[line - 1] + 1
        self.faults.append(Fault(self.file, at, line, column, one_line(message)))

    def line_of(self, offset: int) -> int:
        """The line, from 1, that a character stands in."""
        if not self.line_starts:
            self.line_starts = [0, *(found.end() for found in re.finditer("\n", self.text))]
        return bisect_right(self.line_starts, offset)


@dataclass(frozen=True, slots=True)
class Row:
    """One record under the header."""

    table: Table
    number: int
    """From 0, blank lines left out."""
    source: _Line

    def text(self, column: str) -> str:
        """The cell, without white space around it; empty if the table has no such column."""
        index = self.table.indexes.get(column)
        return "" if index is None else self.source.cells[index].strip()

    def values(self, column: str) -> tuple[str, ...]:
        """The values of a cell that may hold several, separated by `;`; empty ones are left out."""
        cell = self.text(column)
        return tuple(value for part in cell.split(";") if (value := part.strip())) if cell else ()

    def refuse(self, column: str, message: str) -> None:
        """Record a fault of one cell, or of the row if the table has no such column.

        Of a row that is not sound only that is recorded: its cells may not be those that the author meant.
        """
        if not self.source.sound:
            return
        index = self.table.indexes.get(column, 0)
        offset = _offset(self.table.text, self.source.start, index)
        self.table.refuse(pointer(pointer("", self.number), column), offset, message)

    @property
    def line(self) -> int:
        return self.table.line_of(self.source.start)


def read_table(data: bytes, file: str, columns: Columns) -> Table:
    """Read a file whole; the rows that fit the header, and every fault of the text.

    Of a file in another encoding, or without any column that is known, only that is a fault.
    """
    if is_utf16(data):
        return Table(file, "", [Fault(file, "", 1, 1, UTF16)])
    table = Table(file, data.decode("utf-8", "surrogateescape").removeprefix("\ufeff"))
    records = _records(table)
    header = next(records, None)
    if header is None:
        table.refuse("", 0, f"no header row: it names the columns, `{columns.names[0]}` among them")
        return table
    _read_header(table, header, columns)
    if not table.indexes:
        return table
    for record in records:
        _read_row(table, record)
    if _UNFIT.search(table.text):
        _refuse_unfit(table)
    return table


def _read_header(table: Table, header: _Line, columns: Columns) -> None:
    table.header = tuple(cell.strip() for cell in header.cells)
    if not any(map(columns.knows, table.header)):
        return table.refuse("", header.start, f"no column that is known: the columns are {columns.described}")
    for index, name in enumerate(table.header):
        offset = _offset(table.text, header.start, index)
        if not columns.knows(name):
            table.refuse("", offset, f"unknown column `{name}`: the columns are {columns.described}")
        elif name in table.indexes:
            table.refuse("", offset, f"column `{name}` stands here a second time")
        else:
            table.indexes[name] = index
    table.is_usable = columns.names[0] in table.indexes
    if not table.is_usable:
        table.refuse("", header.start, f"column `{columns.names[0]}` is missing")
    return None


def _read_row(table: Table, record: _Line) -> None:
    number, width = len(table.rows), len(table.header)
    surplus = len(record.cells) - width
    if surplus and record.sound:
        offset = _offset(table.text, record.start, width if surplus > 0 else 0)
        length = f"{'long' if surplus > 0 else 'short'}: {len(record.cells)} cells where the header has {width}"
        table.refuse(pointer("", number), offset, f"the row is too {length}")
    if surplus:
        record = _Line(record.start, _fitted(record.cells, width), sound=False)
    table.rows.append(Row(table, number, record))


def _fitted(cells: Sequence[str], width: int) -> list[str]:
    return [*cells[:width], *[""] * (width - len(cells))]


def _refuse_unfit(table: Table) -> None:
    """One fault for each run of characters that no cell may hold."""
    end = -1
    for found in _UNFIT.finditer(table.text):
        if found.start() != end:
            table.refuse("", found.start(), _unfit(found[0]))
        end = found.end()


def _unfit(character: str) -> str:
    if "\ud800" <= character <= "\udfff":
        return "not UTF-8: save the file in that encoding"
    if character == "\r":
        return "a carriage return alone does not end a row: use LF or CR LF"
    return f"control character U+{ord(character):04X}"


def _records(table: Table) -> Iterator[_Line]:
    """Every record that is not blank."""
    text, start = table.text, 0
    while start < len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        plain = text[start:end]
        if '"' in plain:
            record, end = _quoted_record(table, start)
            yield record
        elif plain.strip():
            yield _Line(start, plain.removesuffix("\r").split(","))
        start = end + 1


def _quoted_record(table: Table, start: int) -> tuple[_Line, int]:
    """A record with quotes, and the offset of its line end."""
    first = start
    text, cells, sound = table.text, list[str](), True
    while True:
        value, end, fault = _cell(text, start)
        cells.append(value)
        if fault:
            sound = False
            table.refuse("", start, fault)
        if not text.startswith(",", end):
            return _Line(first, cells, sound), end
        start = end + 1


def _cell(text: str, start: int) -> tuple[str, int, str | None]:
    """One cell: its value, the offset behind it, and what is wrong with its quotes."""
    if not text.startswith('"', start):
        end = _line_or_cell_end(text, start)
        plain = text[start:end].removesuffix("\r")
        return plain, end, "a quote inside a cell that does not start with one" if '"' in plain else None
    quoted = _QUOTED.match(text, start)
    if not quoted:
        return "", len(text), "the quote that opens here is never closed"
    end = _line_or_cell_end(text, quoted.end())
    trailing = text[quoted.end() : end].strip()
    return quoted[1].replace('""', '"'), end, f"`{trailing}` stands behind the closing quote" if trailing else None


def _line_or_cell_end(text: str, start: int) -> int:
    found = _PLAIN.match(text, start)
    return found.end() if found else start


def _offset(text: str, start: int, index: int) -> int:
    """Where cell `index` of the record at `start` begins, white space skipped."""
    for _ in range(index):
        _, end, _ = _cell(text, start)
        if not text.startswith(",", end):
            break
        start = end + 1
    while text.startswith((" ", "\t"), start):
        start += 1
    return start
