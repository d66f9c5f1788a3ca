"""Imports as they are shown to people and programs: plain JSON values."""

from typing_extensions import TypedDict

from service.imports.batches import Rejection
from service.imports.journal import Counts, Import


class ChangesRow(TypedDict):
    """How many rows of the record an import changed."""

    new: int
    changed: int
    unchanged: int
    retracted: int
    outranked: int
    """Entities that a source of a better rank describes."""


class CountsRow(TypedDict):
    """What became of the rows of a file."""

    read: int
    rejected: int
    undone_batches: int
    changed: ChangesRow
    left_out: dict[str, int]
    """Sound rows that say nothing that is recorded, by the reason."""
    notes: dict[str, int]
    """What else is worth knowing."""
    unrecorded: int
    """Owners and subjects of whom nothing else is recorded."""
    above_whole: int
    """Subjects of which the source has more than 100 % held at once."""
    above_whole_first: list[str]
    """The first of them."""


class OptionsRow(TypedDict):
    """How a file is read and taken over."""

    on_fault: str
    batch_rows: int
    complete: bool
    table: str
    lists: dict[str, str]


class ImportRow(TypedDict):
    """One import."""

    id: str
    format: str
    source: str
    options: OptionsRow
    file: str
    digest: str
    """SHA-256 of the file."""
    status: str
    """running, done, failed or abandoned."""
    position: int
    """Rows of the file that are settled for good."""
    counts: CountsRow
    actor: str
    started_at: str
    updated_at: str


class RejectionRow(TypedDict):
    """A row that was not taken over, and why."""

    line: int
    column: str
    message: str


def import_row(found: Import) -> ImportRow:
    """An import as it stands."""
    options = found.options
    return {
        "id": found.id,
        "format": options.format,
        "source": options.source,
        "options": {
            "on_fault": options.on_fault,
            "batch_rows": options.batch_rows,
            "complete": options.complete,
            "table": options.table,
            "lists": dict(options.lists),
        },
        "file": found.file,
        "digest": found.digest,
        "status": found.status,
        "position": found.position,
        "counts": counts_row(found.counts),
        "actor": found.actor,
        "started_at": found.started_at.isoformat(),
        "updated_at": found.updated_at.isoformat(),
    }


def counts_row(counts: Counts) -> CountsRow:
    """What became of the rows so far."""
    changed = counts.changed
    return {
        "read": counts.read,
        "rejected": counts.rejected,
        "undone_batches": counts.undone_batches,
        "changed": {
            "new": changed.new,
            "changed": changed.changed,
            "unchanged": changed.unchanged,
            "retracted": changed.retracted,
            "outranked": changed.outranked,
        },
        "left_out": dict(counts.left_out),
        "notes": dict(counts.notes),
        "unrecorded": counts.unrecorded,
        "above_whole": counts.above_whole,
        "above_whole_first": counts.above_whole_first,
    }


def rejection_row(rejection: Rejection) -> RejectionRow:
    """One rejection."""
    return {"line": rejection.line, "column": rejection.column, "message": rejection.message}
