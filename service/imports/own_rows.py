"""Rows of Cordon's own formats -> records: the columns of a directory of data, and a few more.

Every fault of a row is found. A row with a fault says nothing.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias, TypeVar

from rules.facts import BASES
from service.imports.records import (
    AccountRecord,
    ActingRecord,
    EntityRecord,
    Fault,
    InterestRecord,
    ListingRecord,
    Record,
    ResourceRecord,
    Row,
    Whole,
    numbered,
    stable_id,
)
from service.imports.values import code_fault, json_text, moment, seats_text, share_text

What: TypeAlias = Literal["entity", "interest", "listing", "account", "resource", "acting"]

SIGNAL_PREFIX = "declared."

V = TypeVar("V")


class Cells(Protocol):
    """The values of one row by column or member."""

    def has(self, name: str) -> bool:
        """Whether the row says anything of it, be it that there is none."""
        ...

    def text(self, name: str) -> str:
        """One value; empty if there is none."""
        ...

    def values(self, name: str) -> tuple[str, ...]:
        """Several values."""
        ...

    def signals(self) -> Mapping[str, str]:
        """Codes declared, by signal."""
        ...


@dataclass(slots=True)
class OwnRow:
    """One row as it is read, and what is wrong with it."""

    cells: Cells
    source: str
    faults: list[Fault] = field(default_factory=list)

    def refuse(self, column: str, message: str) -> None:
        self.faults.append(Fault(column, message))

    def required(self, column: str) -> str:
        text = self.cells.text(column)
        if not text:
            self.refuse(column, f"the {column} is empty")
        return text

    def read(self, column: str, reading: Callable[[str], V], otherwise: V) -> V:
        """A value by its reader; a fault if it cannot be read."""
        try:
            return reading(self.cells.text(column))
        except ValueError as error:
            self.refuse(column, str(error))
            return otherwise

    def codes(self, column: str) -> tuple[str, ...]:
        codes = self.cells.values(column)
        for code in codes:
            if fault := code_fault(code):
                self.refuse(column, fault)
        return codes

    def validity(self) -> tuple[int | None, int | None]:
        start, end = self.read("start", moment, None), self.read("end", moment, None)
        if start is not None and end is not None and start >= end:
            self.refuse("end", f"`{self.cells.text('end')}` is not after the start, `{self.cells.text('start')}`")
        return start, end

    def control(self) -> bool:
        cell = self.cells.text("control")
        if cell not in ("true", "false", ""):
            self.refuse("control", f"`{cell}` is neither `true` nor `false`")
        return cell == "true"


def read_row(what: What, cells: Cells, source: str, line: int) -> Row:
    """The records that a row of this kind says, or its faults."""
    row = OwnRow(cells, cells.text("source") or source)
    records = tuple(_READERS[what](row))
    return Row(line, faults=tuple(row.faults)) if row.faults else Row(line, records)


def _entity(row: OwnRow) -> Iterator[Record]:
    id, cells = row.required("id"), row.cells
    seats = seats_text({basis: row.codes(basis) for basis in BASES if cells.has(basis)})
    yield EntityRecord(id, cells.text("name"), cells.text("kind") or None, seats, row.source)
    if cells.has("listed"):
        key = stable_id(row.source, "entity", id)
        lists = sorted(set(cells.values("listed")))
        for number, name in enumerate(lists):
            yield ListingRecord(numbered(key, number), id, name, None, None, row.source)
        yield Whole("listing", key, len(lists))
    for partner in cells.values("acts_with"):
        if partner != id:
            yield ActingRecord(min(id, partner), max(id, partner), row.source)


def _interest(row: OwnRow) -> Iterator[Record]:
    cells = row.cells
    owner, subject = row.required("owner"), row.required("subject")
    kind = cells.text("kind") or "shareholding"
    start, end = row.validity()
    share, control = row.read("share", share_text, ""), row.control()
    id = cells.text("id") or stable_id(row.source, "interest", owner, subject, kind, cells.text("start"))
    yield InterestRecord(id, owner, subject, kind, share, control, start, end, row.source)


def _listing(row: OwnRow) -> Iterator[Record]:
    cells = row.cells
    entity, name = row.required("entity"), row.required("list")
    start, end = row.validity()
    id = cells.text("id") or stable_id(row.source, "listing", entity, name, cells.text("start"))
    yield ListingRecord(id, entity, name, start, end, row.source)


def _acting(row: OwnRow) -> Iterator[Record]:
    one, other = row.required("one"), row.required("other")
    if one and one == other:
        row.refuse("other", f"`{one}` cannot act together with itself")
    yield ActingRecord(min(one, other), max(one, other), row.source)


def _account(row: OwnRow) -> Iterator[Record]:
    declared = row.cells.signals()
    for signal, code in declared.items():
        if fault := code_fault(code):
            row.refuse(SIGNAL_PREFIX + signal, fault)
    entity = row.cells.text("entity") or None
    yield AccountRecord(row.required("id"), entity, _tags(row), json_text(declared))


def _resource(row: OwnRow) -> Iterator[Record]:
    yield ResourceRecord(row.required("id"), _tags(row), row.cells.text("provider") or None)


def _tags(row: OwnRow) -> str:
    return json_text(sorted(set(row.cells.values("tags"))))


_READERS: Mapping[What, Callable[[OwnRow], Iterator[Record]]] = {
    "entity": _entity,
    "interest": _interest,
    "listing": _listing,
    "account": _account,
    "resource": _resource,
    "acting": _acting,
}
