"""Endpoints of rule sets: what is in force, what was, and the two ways past a draft: rollback and break-glass."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response
from sqlalchemy import Connection, Row

from service.admin.calls import Call, Change, etag_of, requires
from service.admin.fact_models import shown
from service.admin.pagination import PAGE_ITEMS, Cursor, Limit, page_of, read_cursor, read_number_cursor
from service.admin.ruleset_models import (
    DiffView,
    EmergencyBody,
    PublicationPage,
    PublicationView,
    PublishedView,
    Revision,
    RevisionPage,
    RevisionPath,
    RevisionText,
    RevisionView,
    RollbackBody,
    RuleSetFilters,
    RuleSetPage,
    RuleSetPath,
    RuleSetView,
)
from service.admin.ruleset_views import publication_view, published_view, tagged
from service.errors import BadRequest, NotFound
from service.publishing.checks import program_revisions, question_of, verdict_on
from service.publishing.past_programs import find_revision, program_revisions_at
from service.publishing.publications import Emergency, Published, break_glass, roll_back
from service.storage import rulesets
from service.storage.database import moment_of
from service.storage.rulesets import Text, published_documents

router = APIRouter(prefix="/admin/v1/rulesets", tags=["rule sets"])
_log = structlog.get_logger("cordon")

Reading = Annotated[Call, Depends(requires("rulesets.read"))]
RollingBack = Annotated[Call, Depends(requires("rulesets.rollback"))]
BreakingGlass = Annotated[Call, Depends(requires("rulesets.break_glass"))]
Older = Annotated[
    Revision | None, Query(alias="from", description="What was in force before `to` first was, unless said.")
]
Newer = Annotated[Revision | None, Query(alias="to", description="What is in force, unless said.")]


@router.get("", response_model=RuleSetPage)
def list_rulesets(call: Reading, filters: Annotated[RuleSetFilters, Query()]) -> Response:
    """Rule sets that are in force, in the order of their ids."""
    wanted = rulesets.RuleSetFilter(
        filters.containing, filters.break_glass, _last_id(filters.cursor), filters.limit + 1
    )
    with call.admin.database.reading() as connection:
        rows = rulesets.listed(connection, wanted)
        programs = program_revisions(published_documents(connection), [row.ruleset for row in rows])
        publications = _publications(connection, rows)
    views = [_view(row.ruleset, each, programs, row.break_glass) for row, each in zip(rows, publications, strict=True)]
    return call.read_answer(page_of(views, filters.limit, lambda view: [view["id"]]))


@router.get("/{id}", response_model=RuleSetView)
def read_ruleset(id: RuleSetPath, call: Reading) -> Response:
    """A rule set, and what of it is in force."""
    with call.admin.database.reading() as connection:
        _require_known(connection, id, call)
        row = next(iter(rulesets.publications_of(connection, id, None, 1)), None)
        programs = program_revisions(published_documents(connection), [id] if row else [])
        publication = _publications(connection, [row])[0] if row else None
        view = _view(id, publication, programs, rulesets.is_by_break_glass(connection, id))
    return tagged(call, view, _etag(row))


@router.get("/{id}/revisions", response_model=RevisionPage)
def list_revisions(id: RuleSetPath, call: Reading, limit: Limit = PAGE_ITEMS, cursor: Cursor = None) -> Response:
    """Every document of a rule set that was published, the newest first."""
    with call.admin.database.reading() as connection:
        _require_known(connection, id, call)
        rows = rulesets.revisions(connection, id, _place(cursor), limit + 1)
    return call.read_answer(page_of(rows, limit, lambda row: [row.created_at, row.revision], item=_revision_view))


@router.get("/{id}/revisions/{revision}", response_model=RevisionText)
def read_revision(id: RuleSetPath, revision: RevisionPath, call: Reading) -> Response:
    """A document as it was published, by its own revision or by one that decisions name. It never changes."""
    with call.admin.database.reading() as connection:
        found = find_revision(connection, id, revision)
    written = found.document
    view = RevisionText(
        ruleset=id,
        revision=written.revision,
        program_revision=found.program_revision,
        form=written.form,
        text=written.text,
    )
    return call.read_answer(view, etag=etag_of(revision))


@router.get("/{id}/publications", response_model=PublicationPage)
def list_publications(id: RuleSetPath, call: Reading, limit: Limit = PAGE_ITEMS, cursor: Cursor = None) -> Response:
    """Everything that was in force of a rule set, and how it came to be, the newest first."""
    with call.admin.database.reading() as connection:
        _require_known(connection, id, call)
        rows = rulesets.publications_of(connection, id, read_number_cursor(cursor), limit + 1)
        views = _publications(connection, rows)
    return call.read_answer(page_of(views, limit, lambda view: [view["number"]]))


@router.get("/{id}/diff", response_model=DiffView)
def read_diff(id: RuleSetPath, call: Reading, older: Older = None, newer: Newer = None) -> Response:
    """What differs between two revisions; between the last two publications, unless said."""
    with call.admin.database.reading() as connection:
        _require_known(connection, id, call)
        latest = next(iter(rulesets.publications_of(connection, id, None, 1)), None)
        newer = newer or (latest.revision if latest else None)
        older = older or (latest.replaced if latest else None)
        for revision in filter(None, (older, newer)):
            rulesets.document(connection, id, revision)
        found = rulesets.diff(connection, id, older, newer)
    return call.read_answer(DiffView(older=older, newer=newer, diff=found))


@router.post("/{id}/rollback", response_model=PublishedView)
def roll_back_ruleset(id: RuleSetPath, body: RollbackBody, call: RollingBack) -> Response:
    """Put an earlier revision in force again, at once. Cases that it fails are told, and do not keep it back."""
    with call.admin.database.reading() as connection:
        earlier = rulesets.document(connection, id, body.revision)
        question = question_of(connection, earlier)
    verdict_on(question)  # so that the transaction finds it done
    with call.write() as change:
        _require_meant(change, id)
        done = roll_back(change.writing, id, body.revision, body.reason, call.principal.id)
        return _answer(change, "ruleset.rollback", done)


@router.post("/{id}/break-glass", response_model=PublishedView)
def publish_in_emergency(id: RuleSetPath, body: EmergencyBody, call: BreakingGlass) -> Response:
    """Put a text in force at once that nobody approved. Until something else is published, that is said everywhere."""
    emergency = Emergency(Text(id, body.text, body.form), body.reason, body.despite_cases)
    with call.admin.database.reading() as connection:
        question = question_of(connection, emergency.document)
    verdict_on(question)
    with call.write() as change:
        _require_meant(change, id)
        done = break_glass(change.writing, emergency, call.principal.id)
        answer = _answer(change, "ruleset.break_glass", done)
    _log.warning("break glass", ruleset=id, revision=emergency.document.revision, actor=call.principal.id)
    return answer


def _answer(change: Change, action: str, done: Published) -> Response:
    view = published_view(done)
    after = {
        "revision": view["revision"],
        "kind": done.publication.kind,
        "failed_cases": [fault["message"] for fault in view["cases"]["failed"]],
    }
    before = {"revision": done.replaced}
    reason = done.publication.reason
    change.audit(action, f"ruleset:{view['ruleset']}", before=before, after=after, reason=reason)
    return change.answer(200, view, etag=etag_of(done.number))


def _require_meant(change: Change, id: str) -> None:
    """One call is enough in an emergency: which state is meant may be said, and need not."""
    if change.call.if_match is not None:
        row = next(iter(rulesets.publications_of(change.connection, id, None, 1)), None)
        change.call.require_match(_etag(row))


def _require_known(connection: Connection, id: str, call: Call) -> None:
    if not rulesets.is_known_to(connection, id, call.principal.id):
        raise NotFound(f"there is no rule set `{id}`")


def _etag(latest: Row[Any] | None) -> str:
    return etag_of(latest.number if latest else 0)


def _view(id: str, latest: PublicationView | None, programs: Mapping[str, str], is_by_break_glass: bool) -> RuleSetView:
    return RuleSetView(
        id=id,
        revision=latest["revision"] if latest else None,
        program_revision=programs.get(id),
        break_glass=is_by_break_glass,
        publication=latest,
    )


def _publications(connection: Connection, rows: Sequence[Row[Any]]) -> list[PublicationView]:
    programs = program_revisions_at(connection, [(row.ruleset, row.at) for row in rows])
    return [publication_view(row, programs[row.ruleset, row.at]) for row in rows]


def _revision_view(row: Row[Any]) -> RevisionView:
    return RevisionView(
        revision=row.revision,
        form=row.form,
        draft=row.draft,
        created_at=shown(moment_of(row.created_at)),
        created_by=row.created_by,
    )


def _last_id(cursor: str | None) -> str:
    match read_cursor(cursor):
        case []:
            return ""
        case [str(id)] if id.isprintable():
            return id
        case _:
            raise _not_ours()


def _place(cursor: str | None) -> tuple[int, str] | None:
    match read_cursor(cursor):
        case []:
            return None
        case [int(at), str(revision)] if abs(at) < 2**63 and revision.isalnum():
            return at, revision
        case _:
            raise _not_ours()


def _not_ours() -> BadRequest:
    return BadRequest("the cursor is none that a page was given with: start without one")
