"""Endpoints of drafts: written by one person, approved by others, published now or at a time.

Whoever changes a draft, or stands by it, says by `If-Match` which state of it they have seen.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response

from service.admin.calls import Call, Change, requires
from service.admin.escalation import refusals_written
from service.admin.pagination import page_of, read_cursor
from service.admin.ruleset_models import (
    ApprovalBody,
    CheckView,
    DraftBody,
    DraftFilters,
    DraftPage,
    DraftPath,
    DraftView,
    NewDraftBody,
    ReasonBody,
    ScheduleBody,
)
from service.admin.ruleset_views import (
    check_view,
    conflict_view,
    draft_summary,
    draft_view,
    etag_of_draft,
    tagged,
)
from service.errors import BadRequest, NotFound, RequestFault, Unprocessable
from service.publishing.checks import question_of, verdict_on
from service.publishing.publications import publish_draft, require_publishable
from service.storage import drafts
from service.storage.database import micros
from service.storage.draft_states import settled, transition
from service.storage.drafts import Actor, Content, Draft, the_draft
from service.storage.rulesets import published

router = APIRouter(prefix="/admin/v1/drafts", tags=["drafts"])

Reading = Annotated[Call, Depends(requires("rulesets.read"))]
Editing = Annotated[Call, Depends(requires("drafts.edit"))]
Reviewing = Annotated[Call, Depends(requires("drafts.review"))]
Publishing = Annotated[Call, Depends(requires("rulesets.publish"))]


@router.post("", response_model=DraftView, status_code=201)
def create_draft(body: NewDraftBody, call: Editing) -> Response:
    """Begin a draft that nobody else sees before it is submitted."""
    with call.write() as change:
        base = body.base
        if "base" not in body.model_fields_set:
            current = published(change.connection, body.ruleset)
            base = current.revision if current else None
        content = Content(body.text, body.form, base, body.title)
        draft = drafts.create(change.writing, secrets.token_hex(8), body.ruleset, content, call.principal.id)
        return _answer(change, "create", None, draft)


@router.get("", response_model=DraftPage)
def list_drafts(call: Reading, filters: Annotated[DraftFilters, Query()]) -> Response:
    """Drafts of one's own, and those that others have submitted, the last changed first."""
    wanted = drafts.DraftFilter(
        reader=call.principal.id,
        status=filters.status,
        ruleset=filters.ruleset or "",
        author=filters.author or "",
        before=_place(filters.cursor),
        limit=filters.limit + 1,
    )
    with call.admin.database.reading() as connection:
        found = drafts.listed(connection, wanted)
    required = call.admin.approvals_required
    page = page_of(
        found,
        filters.limit,
        lambda draft: [draft.updated_at, draft.id],
        item=lambda draft: draft_summary(draft, required),
    )
    return call.read_answer(page)


@router.get("/{id}", response_model=DraftView)
def read_draft(id: DraftPath, call: Reading) -> Response:
    """A draft; `conflict` shows what was published since it was written."""
    with call.admin.database.reading() as connection:
        draft = the_draft(connection, id, call.principal.id)
        view = draft_view(connection, draft, call.admin.approvals_required)
    return tagged(call, view, etag_of_draft(draft))


@router.put("/{id}", response_model=DraftView)
def edit_draft(id: DraftPath, body: DraftBody, call: Editing) -> Response:
    """Write another text. Approvals of the former one count no more. With the revision in force as base: rebase."""
    with _changing(call, id) as (change, draft):
        if "base" in body.model_fields_set:
            drafts.require_base(change.connection, draft.ruleset, body.base)
        content = Content(
            text=body.text,
            form=draft.form if body.form is None else body.form,
            base=body.base if "base" in body.model_fields_set else draft.base,
            title=draft.title if body.title is None else body.title,
        )
        return _answer(change, "edit", draft, drafts.edit(change.writing, draft, content, _actor(call)))


@router.post("/{id}/submit", response_model=DraftView)
def submit_draft(id: DraftPath, call: Editing) -> Response:
    """Ask others to review a draft: from now on everyone who may read rule sets sees it."""
    with _changing(call, id) as (change, draft):
        return _answer(change, "submit", draft, drafts.act(change.writing, draft, "submit", _actor(call)))


@router.post("/{id}/approve", response_model=DraftView)
def approve_draft(id: DraftPath, call: Reviewing, body: ApprovalBody | None = None) -> Response:
    """Stand by the text of somebody else's draft."""
    comment = body.comment if body else ""
    with _changing(call, id) as (change, draft):
        approved = drafts.approve(change.writing, draft, comment, _actor(call))
        return _answer(change, "approve", draft, approved, comment)


@router.post("/{id}/reject", response_model=DraftView)
def reject_draft(id: DraftPath, body: ReasonBody, call: Reviewing) -> Response:
    """Close somebody else's draft, with a reason."""
    with _changing(call, id) as (change, draft):
        rejected = drafts.act(change.writing, replace(draft, notice=body.reason), "reject", _actor(call))
        return _answer(change, "reject", draft, rejected, body.reason)


@router.post("/{id}/withdraw", response_model=DraftView)
def withdraw_draft(id: DraftPath, call: Editing) -> Response:
    """Close a draft of one's own."""
    with _changing(call, id) as (change, draft):
        return _answer(change, "withdraw", draft, drafts.act(change.writing, draft, "withdraw", _actor(call)))


@router.delete("/{id}", status_code=204, response_class=Response)
def delete_draft(id: DraftPath, call: Editing) -> Response:
    """The same as to withdraw it: what was written stays on record."""
    with _changing(call, id) as (change, draft):
        withdrawn = drafts.act(change.writing, draft, "withdraw", _actor(call))
        _audit(change, "withdraw", draft, withdrawn, "")
        return change.answer(204, None)


@router.post("/{id}/schedule", response_model=DraftView)
def schedule_draft(id: DraftPath, body: ScheduleBody, call: Publishing) -> Response:
    """Let an approved draft be published at a time, if nothing speaks against it then."""
    _check_beforehand(call, id)
    with _changing(call, id) as (change, draft):
        if body.at <= change.at:
            raise Unprocessable("the time is past", (RequestFault("/at", "must be in the future"),))
        actor = _actor(call)
        transition(settled(draft.status, len(draft.approvals), actor.approvals_required), "schedule")
        require_publishable(change.writing, draft, actor)
        planned = replace(draft, publish_at=micros(body.at))
        return _answer(change, "schedule", draft, drafts.act(change.writing, planned, "schedule", actor))


@router.post("/{id}/unschedule", response_model=DraftView)
def unschedule_draft(id: DraftPath, call: Publishing) -> Response:
    """Take back the time of a draft that is scheduled or suspended. Its approvals stay."""
    with _changing(call, id) as (change, draft):
        return _answer(change, "unschedule", draft, drafts.act(change.writing, draft, "unschedule", _actor(call)))


@router.post("/{id}/publish", response_model=DraftView)
def publish_now(id: DraftPath, call: Publishing) -> Response:
    """Put an approved draft in force."""
    _check_beforehand(call, id)
    with _changing(call, id) as (change, draft):
        done = publish_draft(change.writing, draft, _actor(call))
        assert done.draft is not None
        after = {"revision": draft.written.revision, "kind": done.publication.kind, "draft": id}
        change.audit("ruleset.publish", f"ruleset:{draft.ruleset}", before={"revision": done.replaced}, after=after)
        return _answer(change, "publish", draft, done.draft)


@router.post("/{id}/check", response_model=CheckView)
def check_draft(id: DraftPath, call: Reading) -> Response:
    """Say what would come of publishing a draft, and change nothing."""
    with call.admin.database.reading() as connection:
        draft = the_draft(connection, id, call.principal.id)
        conflict, question = conflict_view(connection, draft), question_of(connection, draft.written)
    return call.read_answer(check_view(verdict_on(question), conflict))


def _actor(call: Call) -> Actor:
    return Actor(call.principal.id, call.admin.approvals_required)


def _check_beforehand(call: Call, id: str) -> None:
    """Do what takes time before the transaction that all other writers wait for."""
    with suppress(NotFound):
        with call.admin.database.reading() as connection:
            question = question_of(connection, the_draft(connection, id, call.principal.id).written)
        verdict_on(question)


@contextmanager
def _changing(call: Call, id: str) -> Iterator[tuple[Change, Draft]]:
    """A transaction, and the draft in the state that the caller means. Who may not is written down."""
    with refusals_written(call, f"draft:{id}"), call.write() as change:
        draft = the_draft(change.connection, id, call.principal.id)
        call.require_match(etag_of_draft(draft))
        yield change, draft


def _answer(change: Change, verb: str, before: Draft | None, after: Draft, reason: str = "") -> Response:
    view = draft_view(change.connection, after, change.call.admin.approvals_required)
    _audit(change, verb, before, after, reason)
    status, location = (201, f"{router.prefix}/{after.id}") if before is None else (200, None)
    return change.answer(status, view, etag=etag_of_draft(after), location=location)


def _audit(change: Change, verb: str, before: Draft | None, after: Draft, reason: str) -> None:
    former = None if before is None else _state(before)
    change.audit(f"draft.{verb}", f"draft:{after.id}", before=former, after=_state(after), reason=reason)


def _state(draft: Draft) -> dict[str, object]:
    """What the audit trail keeps of a draft. Its text it names by the revision: a draft may be private."""
    return {
        "ruleset": draft.ruleset,
        "status": draft.status,
        "revision": draft.written.revision,
        "base": draft.base,
        "version": draft.version,
        "approvals": [approval.approver for approval in draft.approvals],
        "publish_at": draft.publish_at,
    }


def _place(cursor: str | None) -> tuple[int, str] | None:
    match read_cursor(cursor):
        case []:
            return None
        case [int(at), str(id)] if abs(at) < 2**63 and id.isalnum():
            return at, id
        case _:
            raise BadRequest("the cursor is none that a page was given with: start without one")
