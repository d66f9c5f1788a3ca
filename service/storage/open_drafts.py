"""What becomes of open drafts when what they rely on changes: their base, or the cases that they must pass.

It happens in the transaction that makes the change, and each draft that it happens to is noted in the audit trail.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Row, select, update

from service.storage.audit import Entry, append
from service.storage.database import Writing, moment_of
from service.storage.draft_states import TRANSITIONS, transition
from service.storage.schema import approvals, drafts


def moved_notice(base: str | None, published: str | None) -> str:
    """What is said of a draft whose base is not what is published."""
    now, then = (f"revision `{each}`" if each else "nothing" for each in (published, base))
    return f"the base of the draft moved: it is written upon {then}, and {now} is published"


def suspend_moved(writing: Writing, ruleset: str, revision: str, *, actor: str, draft: str | None) -> None:
    """Suspend every scheduled draft that is not written upon this revision, but the one that it was published from."""
    query = select(drafts.c.id, drafts.c.base, drafts.c.status).where(
        drafts.c.ruleset == ruleset,
        drafts.c.status == "scheduled",
        drafts.c.base.is_distinct_from(revision),
        drafts.c.id.is_distinct_from(draft),
    )
    for row in writing.connection.execute(query.order_by(drafts.c.id)).all():
        notice = moved_notice(row.base, revision)
        _change(writing, row.id, {"status": transition(row.status, "suspend"), "notice": notice})
        before, after = {"status": row.status}, {"status": "suspended"}
        entry = Entry(actor, "draft.suspend", f"draft:{row.id}", before=before, after=after, reason=notice)
        append(writing.connection, entry, moment_of(writing.recorded_at))


def void_approvals(writing: Writing, rulesets: Iterable[str], *, actor: str, reason: str) -> None:
    """Make approvals of open drafts of these rule sets count no more: such a draft is in review again, and not planned.

    A draft that nobody has approved stays as it is.
    """
    counts = (approvals.c.draft == drafts.c.id) & (approvals.c.version == drafts.c.version)
    query = select(drafts.c.id, drafts.c.status, drafts.c.version).where(
        drafts.c.ruleset.in_(sorted(rulesets)),
        drafts.c.status.in_(sorted(TRANSITIONS["void"])),
        select(approvals.c.draft).where(counts).exists(),
    )
    for row in writing.connection.execute(query.order_by(drafts.c.id)).all():
        _void(writing, row, actor, f"approvals were taken back: {reason}")


def _void(writing: Writing, row: Row[*tuple[Any, ...]], actor: str, notice: str) -> None:
    given = select(approvals.c.approver).where(approvals.c.draft == row.id, approvals.c.version == row.version)
    approvers = list(writing.connection.scalars(given.order_by(approvals.c.at)))
    before = {"status": row.status, "version": row.version, "approvals": approvers}
    after = {"status": transition(row.status, "void"), "version": row.version + 1}
    _change(writing, row.id, {**after, "publish_at": None, "notice": notice})
    entry = Entry(actor, "approvals.void", f"draft:{row.id}", before=before, after=after, reason=notice)
    append(writing.connection, entry, moment_of(writing.recorded_at))


def _change(writing: Writing, id: str, values: Mapping[str, object]) -> None:
    changed = {**values, "updated_at": writing.recorded_at}
    writing.connection.execute(update(drafts).where(drafts.c.id == id).values(changed))
