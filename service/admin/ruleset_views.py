"""What the admin API shows of rule sets, drafts and what is said of them."""

from typing import Any

from fastapi.responses import Response
from sqlalchemy import Connection, Row

from service.admin.calls import Call, etag_of
from service.admin.fact_models import shown
from service.admin.ruleset_models import (
    ApprovalView,
    CasesView,
    ChangeView,
    CheckView,
    ConflictView,
    DraftSummary,
    DraftView,
    PublicationView,
    PublishedView,
    fault_view,
)
from service.publishing.checks import Verdict
from service.publishing.publications import Published
from service.storage.database import moment_of
from service.storage.draft_states import CLOSED
from service.storage.drafts import Draft, base_moved


def time_view(at: int | None) -> str | None:
    """A time of the record as the API writes it."""
    return None if at is None else shown(moment_of(at))


def tagged(call: Call, body: object, etag: str) -> Response:
    """Answer a reader whole, whatever they have already: the body says more than the state that the tag stands for."""
    response = call.read_answer(body)
    response.headers["ETag"] = etag
    return response


def etag_of_draft(draft: Draft) -> str:
    """The entity tag of one state of a draft."""
    return etag_of(draft.updated_at)


def draft_summary(draft: Draft, approvals_required: int) -> DraftSummary:
    """A draft in a list."""
    approvals = [
        ApprovalView(approver=each.approver, at=shown(moment_of(each.at)), comment=each.comment)
        for each in draft.approvals
    ]
    return DraftSummary(
        id=draft.id,
        ruleset=draft.ruleset,
        title=draft.title,
        status=draft.status,
        author=draft.author,
        revision=draft.written.revision,
        base=draft.base,
        version=draft.version,
        approvals=approvals,
        approvals_required=approvals_required,
        publish_at=time_view(draft.publish_at),
        notice=draft.notice,
        created_at=shown(moment_of(draft.created_at)),
        updated_at=shown(moment_of(draft.updated_at)),
        submitted_at=time_view(draft.submitted_at),
    )


def draft_view(connection: Connection, draft: Draft, approvals_required: int) -> DraftView:
    """A draft, and what it conflicts with."""
    conflict = conflict_view(connection, draft)
    summary = draft_summary(draft, approvals_required)
    return DraftView(**summary, form=draft.form, text=draft.text, conflict=conflict)


def conflict_view(connection: Connection, draft: Draft) -> ConflictView | None:
    """What was published since a draft was written, as long as that matters."""
    moved = None if draft.status in CLOSED else base_moved(connection, draft.ruleset, draft.base)
    return ConflictView(base=moved.base, published=moved.published, diff=moved.diff) if moved else None


def check_view(verdict: Verdict, conflict: ConflictView | None) -> CheckView:
    """What would come of publishing a draft."""
    return CheckView(
        publishable=verdict.is_publishable and conflict is None,
        revision=verdict.revision,
        program_revision=verdict.program_revision,
        faults=[fault_view(fault) for fault in verdict.faults],
        cases=_cases(verdict),
        effect=_effect(verdict),
        includers=list(verdict.includers),
        conflict=conflict,
    )


def published_view(published: Published) -> PublishedView:
    """A publication that was made, and what it changed."""
    publication = published.publication
    return PublishedView(
        ruleset=publication.document.ruleset,
        revision=publication.document.revision,
        program_revision=published.verdict.program_revision,
        break_glass=published.is_by_break_glass,
        publication=published.number,
        replaced=published.replaced,
        cases=_cases(published.verdict),
        effect=_effect(published.verdict),
    )


def publication_view(row: Row[Any], program_revision: str) -> PublicationView:
    """One publication, from the table, with what decisions named then."""
    return PublicationView(
        number=row.number,
        revision=row.revision,
        program_revision=program_revision,
        kind=row.kind,
        at=shown(moment_of(row.at)),
        actor=row.actor,
        reason=row.reason,
        draft=row.draft,
        replaced=row.replaced,
    )


def _cases(verdict: Verdict) -> CasesView:
    return CasesView(passed=verdict.passed, failed=[fault_view(fault) for fault in verdict.failed])


def _effect(verdict: Verdict) -> list[ChangeView]:
    return [
        ChangeView(what=each.what, id=each.id, change=each.change, members=list(each.members))
        for each in verdict.effect
    ]
