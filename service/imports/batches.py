"""Rows of a file in batches of records, without those that are at fault or say what the file has said already."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from service.imports.records import (
    AccountRecord,
    ActingRecord,
    BrokenFile,
    Ending,
    EntityRecord,
    Fault,
    InterestRecord,
    ListingRecord,
    Record,
    ResourceRecord,
    Row,
    Whole,
)
from service.imports.seen import Seen
from service.imports.values import shown

_NAMED: dict[type[Record], str] = {
    EntityRecord: "entity",
    InterestRecord: "interest",
    ListingRecord: "listing",
    AccountRecord: "account",
    ResourceRecord: "resource",
}
"""Records that a file may name once."""
ENDING = "ending"
ACTING = "acting"


class Rejection(NamedTuple):
    """A row, or a value of it, that is not taken over."""

    line: int
    column: str
    message: str


@dataclass(slots=True)
class Batch:
    """Rows that are taken over together."""

    start: int
    """How many rows of the file come before it."""
    rows: int = 0
    records: dict[type[Record], list[tuple[object, ...]]] = field(default_factory=dict)
    """By kind, each with its line behind its own fields."""
    wholes: list[tuple[Whole, int]] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    broken: BrokenFile | None = None
    """The file cannot be read on behind this batch."""

    @property
    def end(self) -> int:
        return self.start + self.rows

    def add(self, row: Row) -> None:
        """Take in one row of the file."""
        self.rows += 1
        for fault in row.faults:
            self.reject(row.line, fault)
        if row.left_out:
            self.left_out[row.left_out] += 1
        for note in row.notes:
            self.notes[note] += 1
        for record in row.records:
            if isinstance(record, Whole):
                self.wholes.append((record, row.line))
            else:
                self.records.setdefault(type(record), []).append((*record, row.line))

    def reject(self, line: int, fault: Fault) -> None:
        self.rejections.append(Rejection(line, shown(fault.column), shown(fault.message)))

    def leave_out(self, lines: Iterable[int]) -> None:
        """Take nothing over from these lines."""
        unwanted = set(lines)
        for kind, rows in self.records.items():
            self.records[kind] = [row for row in rows if row[-1] not in unwanted]
        self.wholes = [(whole, line) for whole, line in self.wholes if line not in unwanted]


def batches(rows: Iterator[Row], size: int, seen: Seen) -> Iterator[Batch]:
    """All rows of a file in batches of `size`, the last one shorter. There is one at least."""
    batch = Batch(0)
    while True:
        batch.broken = _fill(batch, rows, size)
        _reject_repeats(batch, seen)
        yield batch
        if batch.rows < size or batch.broken is not None:
            return
        batch = Batch(batch.end)


def _fill(batch: Batch, rows: Iterator[Row], size: int) -> BrokenFile | None:
    try:
        while batch.rows < size:
            batch.add(next(rows))
    except StopIteration:
        return None
    except BrokenFile as broken:
        return broken
    return None


def _reject_repeats(batch: Batch, seen: Seen) -> None:
    repeated: dict[int, tuple[str, int]] = {}
    for kind, what in _NAMED.items():
        if rows := batch.records.get(kind):
            repeated |= seen.add(what, [(str(row[0]), _line(row)) for row in rows])
    for line, (id, first) in repeated.items():
        batch.reject(line, Fault("", f"line {first} says the same already: `{id}`"))
    if repeated:
        batch.leave_out(repeated)
    if endings := batch.records.get(Ending):
        seen.add(ENDING, [(str(row[0]), _line(row)) for row in endings])
    if pairs := batch.records.get(ActingRecord):
        batch.records[ActingRecord] = list({row[:2]: row for row in reversed(pairs)}.values())
        seen.add(ACTING, [(pair_id(str(row[0]), str(row[1])), _line(row)) for row in pairs])


def _line(row: tuple[object, ...]) -> int:
    line = row[-1]
    assert isinstance(line, int)
    return line


def pair_id(one: str, other: str) -> str:
    """One text for two ids, of which none holds NUL."""
    return f"{one}\0{other}"
