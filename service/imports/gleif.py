"""GLEIF Level 2: relationship records and reporting exceptions, as the golden copies have them in CSV.

A parent consolidates the accounts of its child: that is control, and no share. A reporting exception is not "no
owner": it becomes an interest of unknown size, held by an owner of whom nothing is known.
"""

# SOURCE: GLEIF, Relationship Record CDF 2.1 (2021-03-04): elements Relationship, RelationshipPeriods, Registration.
# SOURCE: GLEIF, Reporting Exceptions CDF 2.1: ExceptionCategory, ExceptionReason.

import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from service.imports.own_csv import csv_records, unsound
from service.imports.records import (
    UNKNOWN_PREFIX,
    BrokenFile,
    Fault,
    InterestRecord,
    Row,
    Whole,
    numbered,
    stable_id,
)
from service.imports.values import is_fit, json_text, moment

CHILD, PARENT = "Relationship.StartNode.NodeID", "Relationship.EndNode.NodeID"
KIND, STATUS = "Relationship.RelationshipType", "Relationship.RelationshipStatus"
LEI, CATEGORY = "LEI", "Exception.Category"
REGISTRATION, UPDATED, DELETED = "Registration.RegistrationStatus", "Registration.LastUpdateDate", "DeletedAt"

PERIODS = 5
"""Of a relationship, in the golden copy."""
REASONS = 5
"""Of an exception, in the golden copy."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a type of relationship says of ownership."""

    kind: str
    """As `service.storage.precedence` has it."""
    share: str = ""


MEANINGS: Mapping[str, Meaning] = {
    "IS_DIRECTLY_CONSOLIDATED_BY": Meaning("control"),
    "IS_ULTIMATELY_CONSOLIDATED_BY": Meaning("control"),
    "IS_INTERNATIONAL_BRANCH_OF": Meaning("shareholding", "100%"),
}
"""A branch is the same person in law as its head office, and so wholly its own."""
OTHER_KINDS = frozenset({"IS_FUND-MANAGED_BY", "IS_SUBFUND_OF", "IS_FEEDER_TO"})
"""Relationships between funds: they say nothing of ownership."""

_ERRONEOUS = frozenset({"ANNULLED", "DUPLICATE"})
"""States of a registration whose relationship never was."""


def read_gleif(stream: io.BufferedReader, *, source: str) -> Iterator[Row]:
    """The rows of a golden copy; its columns say which of the two it is.

    Raises:
        BrokenFile: it is neither.
    """
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="")
    records = csv_records(text)
    line, header = next(records, (1, []))
    names = [] if isinstance(header, Fault) else [name.strip() for name in header]
    reading = _reading(names, line)
    for line, cells in records:
        if isinstance(cells, list) and len(cells) == len(names) and is_fit("".join(cells)):
            yield _row(_Cells(line, dict(zip(names, cells, strict=True)), source), reading)
        else:
            yield Row(line, faults=(unsound(cells, names),))


def _reading(names: list[str], line: int) -> Callable[["_Cells"], Row]:
    if {CHILD, PARENT, KIND} <= {*names}:
        return _relationship
    if {LEI, CATEGORY} <= {*names}:
        return _exception
    wanted = f"`{CHILD}`, `{PARENT}` and `{KIND}`, or `{LEI}` and `{CATEGORY}`"
    raise BrokenFile(line, f"no golden copy of Level 2 data: its columns are {wanted}")


class _Refused(Exception):
    """A cell that cannot be read."""

    def __init__(self, column: str, message: str) -> None:
        super().__init__(message)
        self.column = column


@dataclass(frozen=True, slots=True)
class _Cells:
    """One row by column."""

    line: int
    by_name: Mapping[str, str]
    source: str

    def __getitem__(self, name: str) -> str:
        return self.by_name.get(name, "").strip()

    def required(self, name: str) -> str:
        text = self[name]
        if not text:
            raise _Refused(name, "the cell is empty")
        return text

    def moment(self, name: str) -> int | None:
        try:
            return moment(self[name])
        except ValueError as error:
            raise _Refused(name, str(error)) from None


def _row(cells: _Cells, reading: Callable[["_Cells"], Row]) -> Row:
    try:
        return reading(cells)
    except _Refused as refused:
        return Row(cells.line, faults=(Fault(refused.column, str(refused)),))


def _relationship(cells: _Cells) -> Row:
    child, parent, kind = cells.required(CHILD), cells.required(PARENT), cells.required(KIND)
    meaning = MEANINGS.get(kind)
    if meaning is None and kind not in OTHER_KINDS:
        raise _Refused(KIND, f"unknown type of relationship `{kind}`")
    if meaning is None:
        return Row(cells.line, left_out=f"{kind}: says nothing of ownership")
    start, end = _period(cells)
    key = stable_id(cells.source, "relationship", child, parent, kind)
    if cells[DELETED] or cells[REGISTRATION] in _ERRONEOUS:
        return Row(cells.line, (Whole("interest", key, 0),), left_out="withdrawn by its source")
    if start is not None and end is not None and start >= end:
        return Row(cells.line, (Whole("interest", key, 0),), left_out="never valid: it ends as it begins, or before")
    told = {name: cells[name] for name in (KIND, STATUS, REGISTRATION) if cells[name]}
    interest = InterestRecord(
        id=numbered(key, 0),
        owner=parent,
        subject=child,
        kind=meaning.kind,
        share=meaning.share,
        control=True,
        valid_from=start,
        valid_to=end,
        source=cells.source,
        details=json_text(told),
    )
    return Row(cells.line, (interest,))


def _period(cells: _Cells) -> tuple[int | None, int | None]:
    """When the relationship holds, by its relationship periods; accounting and filing periods say nothing of that.

    One that is over, and whose end nobody recorded, ended when its record was last updated.
    """
    named = [f"Relationship.Period.{number}." for number in range(1, PERIODS + 1)]
    ours = [name for name in named if cells[f"{name}periodType"] == "RELATIONSHIP_PERIOD"]
    starts = [cells.moment(f"{name}startDate") for name in ours]
    ends = [cells.moment(f"{name}endDate") for name in ours]
    start = min((start for start in starts if start is not None), default=None)
    end = None if not ends or None in ends else max(end for end in ends if end is not None)
    is_over = cells[STATUS] == "INACTIVE" or cells[REGISTRATION] == "RETIRED"
    if is_over and end is None:
        end = cells.moment(UPDATED)
        if end is None:
            raise _Refused(UPDATED, "the relationship is over, and nothing says since when")
    return start, end


def _exception(cells: _Cells) -> Row:
    lei, category = cells.required(LEI), cells.required(CATEGORY)
    key = stable_id(cells.source, "exception", lei, category)
    if cells[DELETED]:
        return Row(cells.line, (Whole("interest", key, 0),), left_out="withdrawn by its source")
    numbers = range(1, REASONS + 1)
    reasons = [reason for number in numbers if (reason := cells[f"Exception.Reason.{number}"])]
    references = [text for number in numbers if (text := cells[f"Exception.Reference.{number}"])]
    interest = InterestRecord(
        id=numbered(key, 0),
        owner=f"{UNKNOWN_PREFIX}{lei}",
        subject=lei,
        kind="shareholding",
        share="",
        control=False,
        valid_from=None,
        valid_to=None,
        source=cells.source,
        details=json_text({"category": category, "reasons": reasons, "references": references}),
    )
    return Row(cells.line, (interest,))
