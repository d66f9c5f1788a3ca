"""`/admin/v1/audit`: the audit trail, to be read, verified and taken away.

Nothing here changes it, but that an export is an entry itself.
"""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from sqlalchemy import ColumnElement, select

from rules.times import parse_instant
from service.admin.calls import Call, requires
from service.admin.pagination import PAGE_ITEMS, PAGE_ITEMS_LIMIT, page_of, read_number_cursor
from service.errors import NotFound, RequestFault, Unprocessable
from service.storage.audit import document_of, end_of, page_after
from service.storage.audit_heads import Head, head_of, newest_head
from service.storage.audit_verification import verify
from service.storage.database import Database, micros
from service.storage.schema import audit

router = APIRouter(prefix="/admin/v1/audit", tags=["audit"])

NDJSON = "application/x-ndjson"
HEADS_LIMIT = 10_000

AuditReader = Annotated[Call, Depends(requires("audit.read"))]


def _moment(value: object) -> object:
    return parse_instant(value) if isinstance(value, str) else value


Moment = Annotated[datetime | None, BeforeValidator(_moment)]


class Filters(BaseModel):
    """Which entries are meant: those that all of these fit."""

    model_config = ConfigDict(extra="forbid")

    actor: str | None = Field(None, description="Id of the principal.")
    action: str | None = Field(None, description="`entity.put`; `entity.` for all that is done to entities.")
    object: str | None = Field(None, description="`entity:acme`; `entity:` for all entities.")
    since: Moment = Field(None, description="From then on.")
    until: Moment = Field(None, description="Before then.")

    def conditions(self) -> list[ColumnElement[bool]]:
        """The same of the table's columns."""
        found = []
        if self.actor is not None:
            found.append(audit.c.actor == self.actor)
        if self.action is not None:
            found.append(_begins_or_is(audit.c.action, self.action, "."))
        if self.object is not None:
            found.append(_begins_or_is(audit.c.object, self.object, ":"))
        if self.since is not None:
            found.append(audit.c.at >= micros(self.since))
        if self.until is not None:
            found.append(audit.c.at < micros(self.until))
        return found


def _begins_or_is(column: ColumnElement[str], text: str, separator: str) -> ColumnElement[bool]:
    if text.endswith(separator):
        return column.startswith(text, autoescape=True)
    return column == text


class Page(Filters):
    """Which page of them."""

    cursor: str | None = Field(None, description="`next` of the page before.")
    limit: int = Field(PAGE_ITEMS, ge=1, le=PAGE_ITEMS_LIMIT, description="The most entries of one page.")


class KeptHeads(BaseModel):
    """Signed heads that were kept elsewhere."""

    model_config = ConfigDict(extra="forbid")

    heads: list[dict[str, Any]] = Field(default_factory=list, max_length=HEADS_LIMIT)

    def read(self) -> list[Head]:
        """The heads.

        Raises:
            Unprocessable: one of them is none.
        """
        heads = []
        for place, document in enumerate(self.heads):
            try:
                heads.append(head_of(document))
            except ValueError as error:
                raise Unprocessable(str(error), (RequestFault(f"/heads/{place}", str(error)),)) from None
        return heads


@router.get("", operation_id="list_audit", summary="Who did what, the newest first")
def list_audit(call: AuditReader, page: Annotated[Page, Query()]) -> Response:
    """The entries that fit."""
    after = read_number_cursor(page.cursor)
    query = select(audit).where(*page.conditions()).order_by(audit.c.number.desc()).limit(page.limit + 1)
    if after is not None:
        query = query.where(audit.c.number < after)
    with call.admin.database.reading() as connection:
        rows = connection.execute(query).all()
    return call.read_answer(page_of(rows, page.limit, lambda row: [row.number], item=document_of))


@router.get("/head", operation_id="audit_head", summary="Where the trail ends, and the newest signed head")
def audit_head(call: AuditReader) -> Response:
    """Keep the head elsewhere: with it, `verify` sees whether anything before it was cut off or rewritten."""
    with call.admin.database.reading() as connection:
        number, digest = end_of(connection)
        head = newest_head(connection)
    return call.read_answer({"number": number, "digest": digest, "signed": head.document() if head else None})


@router.post("/verify", operation_id="verify_audit", summary="Verify the whole trail")
def verify_audit(call: AuditReader, kept: KeptHeads | None = None) -> Response:
    """Follows every entry, and compares the trail with the heads in the database and those in the body."""
    heads = kept.read() if kept else []
    with call.admin.database.reading() as connection:
        found = verify(connection, heads, call.admin.audit_keys)
    return call.read_answer(
        {
            "intact": not found.findings,
            "entries": found.entries,
            "signed_until": found.signed_until,
            "signatures_checked": found.is_trusted,
            "findings": [
                {"number": finding.number, "kind": finding.kind, "message": finding.message}
                for finding in found.findings
            ],
        }
    )


@router.get("/export", operation_id="export_audit", summary="Every entry, a line of JSON each")
def export_audit(call: AuditReader, filters: Annotated[Filters, Query()]) -> Response:
    """The entries that fit, the oldest first. The export is an entry itself: the last one that it may hold."""
    with call.write() as change:
        change.audit("audit.export", "audit:", after=filters.model_dump(mode="json", exclude_none=True))
        last, _ = end_of(change.connection)
    return StreamingResponse(_lines(call.admin.database, filters, last), media_type=NDJSON)


def _lines(database: Database, filters: Filters, last: int) -> Iterator[str]:
    """A page of entries at a time, none of them held open: a slow reader keeps nobody waiting."""
    after, conditions = 0, filters.conditions()
    while True:
        with database.reading() as connection:
            rows = page_after(connection, after, last, conditions)
        if not rows:
            return
        yield "".join(json.dumps(document_of(row)) + "\n" for row in rows)
        after = rows[-1].number


@router.get("/{number}", operation_id="show_audit", summary="One entry")
def show_audit(call: AuditReader, number: Annotated[int, Path(ge=1, lt=2**63)]) -> Response:
    """What was done, with what was there before and after."""
    with call.admin.database.reading() as connection:
        row = connection.execute(select(audit).where(audit.c.number == number)).one_or_none()
    if row is None:
        raise NotFound(f"there is no entry `{number}`")
    return call.read_answer(document_of(row), etag=f'"{row.digest}"')
