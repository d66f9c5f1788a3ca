"""`/admin/v1/decisions`: the decision log, to be searched, explained, taken away, and cleared of one account.

Only an export and a deletion leave entries in the audit trail.
"""

from collections.abc import Iterator
from datetime import datetime
from itertools import chain, islice
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from rules.times import parse_instant
from service.admin.calls import Call, requires
from service.admin.pagination import PAGE_ITEMS, PAGE_ITEMS_LIMIT, page_of, read_cursor
from service.decision_log.keeping import delete_account
from service.decision_log.search import Filter, Found
from service.decision_log.thawing import Line
from service.decision_log.why import DecisionReader, why
from service.errors import BadRequest, NotAvailable, NotFound

router = APIRouter(prefix="/admin/v1/decisions", tags=["decisions"])

NDJSON = "application/x-ndjson"
_LINES_SENT = 500

Reading = Annotated[Call, Depends(requires("decisions.read"))]
Exporting = Annotated[Call, Depends(requires("decisions.export"))]
Deleting = Annotated[Call, Depends(requires("decisions.delete"))]
Account = Annotated[str, Query(min_length=1, description="Id of the account.")]


def _moment(value: object) -> object:
    return parse_instant(value) if isinstance(value, str) else value


Moment = Annotated[datetime | None, BeforeValidator(_moment)]


class Filters(BaseModel):
    """Which decisions are meant: those that all of these fit."""

    model_config = ConfigDict(extra="forbid")

    id: str | None = None
    account: str | None = None
    effect: Literal["allow", "challenge", "deny"] | None = None
    rule: str | None = Field(None, description="Id of the rule that was named.")
    resource: str | None = None
    unknown: str | None = Field(None, description="A code among what was unknown.")
    revision: str | None = Field(None, description="Revision of the rule set.")
    since: Moment = Field(None, description="From then on.")
    until: Moment = Field(None, description="Before then.")

    def filter(self) -> Filter:
        """The same for the log."""
        return Filter(**{name: getattr(self, name) for name in Filters.model_fields})


class Page(Filters):
    """Which page of them."""

    cursor: str | None = Field(None, description="`next` of the page before.")
    limit: int = Field(PAGE_ITEMS, ge=1, le=PAGE_ITEMS_LIMIT, description="The most decisions of one page.")


@router.get("", operation_id="list_decisions", summary="Recorded decisions, the latest first")
def list_decisions(call: Reading, page: Annotated[Page, Query()]) -> Response:
    """The decisions that fit."""
    rows = _log(call).search.search(page.filter(), page.limit + 1, _before(page.cursor))
    return call.read_answer(page_of(rows, page.limit, _place))


@router.get("/export", operation_id="export_decisions", summary="Recorded decisions with their facts, a line each")
def export_decisions(call: Exporting, filters: Annotated[Filters, Query()]) -> Response:
    """The lines of the decisions that fit, each after the facts that it refers to: a segment like any other."""
    search = _log(call).search
    with call.write() as change:
        change.audit("decisions.export", "decisions:", after=filters.model_dump(mode="json", exclude_none=True))
    lines = search.export(filters.filter())
    first = list(islice(lines, 1))  # what cannot be read at all is said before the answer begins
    return StreamingResponse(_joined(chain(first, lines)), media_type=NDJSON)


@router.get("/{id}", operation_id="show_decision", summary="One decision, with the facts that it was made from")
def show_decision(call: Reading, id: str) -> Response:
    """The record, and the lines that it refers to."""
    found = _found(_log(call), id)
    return call.read_answer({"decision": found.record, "facts": found.facts})


@router.get("/{id}/why", operation_id="explain_decision", summary="Why a decision is as it is")
def explain_decision(call: Reading, id: str) -> Response:
    """In words, and every rule's truth by the rules and facts of then; no trace where those rules cannot be had."""
    log = _log(call)
    return call.read_answer(why(_found(log, id), log.ruleset_of).document())


@router.delete("", operation_id="delete_decisions", summary="Delete every record of one account")
def delete_decisions(call: Deleting, account: Account) -> Response:
    """Rewrites the log without the account, of all that was recorded until now. `unreached` other than 0: ask again."""
    directory = _log(call).search.directory
    with call.write() as change:
        change.audit("decisions.delete", f"account:{account}")
    try:
        deletion = delete_account(directory, account)
    except OSError as error:
        reason = f"{error.strerror or error}".lower()
        raise NotAvailable(f"not everything could be deleted, ask again: {reason}") from None
    document = {"records": deletion.records, "segments": deletion.segments, "unreached": deletion.unreached}
    with call.write() as change:
        change.audit("decisions.deleted", f"account:{account}", after=document)
        return change.answer(200, document)


def _log(call: Call) -> DecisionReader:
    if call.admin.decisions is None:
        raise NotFound("there is no decision log: set `CORDON_DECISION_LOG`")
    return call.admin.decisions


def _found(log: DecisionReader, id: str) -> Found:
    found = log.search.find(id)
    if found is None:
        raise NotFound(f"there is no record of a decision `{id}`")
    return found


def _place(record: Line) -> tuple[str, str]:
    return record["time"], record["id"]


def _before(cursor: str | None) -> tuple[str, str] | None:
    match read_cursor(cursor):
        case []:
            return None
        case [str(time), str(id)]:
            return time, id
        case _:
            raise BadRequest("the cursor is none that a page was given with: start without one")


def _joined(lines: Iterator[bytes]) -> Iterator[bytes]:
    while some := list(islice(lines, _LINES_SENT)):
        yield b"".join(some)
