"""Drafts of rule sets: who may do what with one, and what comes of it.

Nobody but its author sees a draft before it is submitted. Nobody approves a draft of their own. An approval counts for
the very text that it was given to, and as long as the cases that this must pass stay as they are: `version` numbers
what there was to approve.
"""

from dataclasses import dataclass, replace
from typing import Any, cast

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, delete, func, insert, or_, select, update

from service.errors import Conflict, NotAllowed, NotFound
from service.storage.database import Writing
from service.storage.draft_states import DONE, Action, Status, settled, transition
from service.storage.keys import may_be_one
from service.storage.open_drafts import moved_notice
from service.storage.rulesets import Form, Text, diff, ensure_ruleset, published
from service.storage.schema import approvals, drafts

_TIMED: frozenset[Status] = frozenset(("scheduled", "suspended", "published"))
"""States that keep the time of publication."""
_NOTED: frozenset[Status] = frozenset(("suspended", "rejected"))
"""States that say why."""
_AUTHORS: frozenset[Action] = frozenset(("edit", "submit", "withdraw"))
_OTHERS: frozenset[Action] = frozenset(("approve", "reject"))


@dataclass(frozen=True, slots=True)
class Approval:
    """Somebody stands by one version of a draft."""

    approver: str
    version: int
    at: int
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """A document on its way to be published."""

    id: str
    ruleset: str
    status: Status
    author: str
    title: str
    text: str
    form: Form
    base: str | None
    """The revision that was published when it was written, or last rebased; None if there was none."""
    version: int
    publish_at: int | None
    notice: str
    """Why it was suspended, rejected or sent back to review."""
    created_at: int
    updated_at: int
    submitted_at: int | None = None
    """None as long as nobody but its author may see it."""
    given: tuple[Approval, ...] = ()
    """Every approval, those of earlier versions too."""

    @property
    def written(self) -> Text:
        return Text(self.ruleset, self.text, self.form)

    @property
    def approvals(self) -> tuple[Approval, ...]:
        """Those that count: for this version."""
        return tuple(approval for approval in self.given if approval.version == self.version)


@dataclass(frozen=True, slots=True)
class Content:
    """What an author writes."""

    text: str
    form: Form
    base: str | None
    title: str = ""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something to a draft, under which rule."""

    id: str
    approvals_required: int


def _require_part(draft: Draft, action: Action, actor: Actor, connection: Connection) -> None:
    """See that the author does what is the author's, and leaves to others what is theirs."""
    if action in _AUTHORS and actor.id != draft.author:
        raise NotAllowed(f"a draft is {DONE[action]} by its author alone")
    if action in _OTHERS and may_be_one(connection, actor.id, draft.author):
        raise NotAllowed(f"a draft is {DONE[action]} by somebody other than its author, and than keys of the author")


def create(writing: Writing, id: str, ruleset: str, content: Content, author: str) -> Draft:
    """Begin a draft that only its author sees.

    Raises:
        Conflict: its base is not the revision that is published.
    """
    require_base(writing.connection, ruleset, content.base)
    ensure_ruleset(writing, ruleset, author)
    at = writing.recorded_at
    draft = Draft(
        id=id,
        ruleset=ruleset,
        status="draft",
        author=author,
        title=content.title,
        text=content.text,
        form=content.form,
        base=content.base,
        version=1,
        publish_at=None,
        notice="",
        created_at=at,
        updated_at=at,
    )
    writing.connection.execute(insert(drafts).values(_row(draft)))
    return draft


@dataclass(frozen=True, slots=True)
class BaseMoved:
    """Something else was published since a draft was written."""

    base: str | None
    published: str | None
    diff: str
    """From the base to what is published; empty if the base is no revision that was ever published."""


def base_moved(connection: Connection, ruleset: str, base: str | None) -> BaseMoved | None:
    """What keeps a text from being published; None if it is written upon what is published now."""
    current = published(connection, ruleset)
    revision = current.revision if current else None
    if revision == base:
        return None
    return BaseMoved(base, revision, diff(connection, ruleset, base, revision))


def require_base(connection: Connection, ruleset: str, base: str | None) -> None:
    """See that a text is written upon what is published now.

    Raises:
        Conflict: it is not; its members say what it was written upon, what is published, and what differs.
    """
    moved = base_moved(connection, ruleset, base)
    if moved is not None:
        raise Conflict(moved_notice(base, moved.published), base=base, published=moved.published, diff=moved.diff)


def edit(writing: Writing, draft: Draft, content: Content, actor: Actor) -> Draft:
    """Put another text in place of a draft's. Approvals of the former one count no more; a schedule is dropped.

    The base may stay as it was, or become the revision that is published: a rebase. Who names one names the latter
    (`require_base`).

    Raises:
        Conflict: the draft is past editing, or the base is neither.
    """
    if content.base != draft.base:
        require_base(writing.connection, draft.ruleset, content.base)
    changed = replace(
        draft,
        text=content.text,
        form=content.form,
        base=content.base,
        title=content.title,
        version=draft.version + 1,
    )
    return act(writing, changed, "edit", actor)


def act(writing: Writing, draft: Draft, action: Action, actor: Actor) -> Draft:
    """Take a draft to its next state.

    Raises:
        Conflict: the state that it is in does not allow it.
        NotAllowed: it is not for this person to do.
    """
    _require_part(draft, action, actor, writing.connection)
    before = settled(draft.status, len(draft.approvals), actor.approvals_required)
    after = settled(transition(before, action), len(draft.approvals), actor.approvals_required)
    submitted_at = writing.recorded_at if action == "submit" else draft.submitted_at
    changed = replace(
        draft,
        status=after,
        updated_at=writing.recorded_at,
        submitted_at=submitted_at,
        publish_at=draft.publish_at if after in _TIMED else None,
        notice=draft.notice if after in _NOTED else "",
    )
    writing.connection.execute(update(drafts).where(drafts.c.id == draft.id).values(_row(changed)))
    return changed


def approve(writing: Writing, draft: Draft, comment: str, actor: Actor) -> Draft:
    """Stand by the text of a draft. With the last approval that is required it is approved.

    Raises:
        Conflict: it is not in review, or this person approved this text already.
        NotAllowed: the author cannot.
    """
    _require_part(draft, "approve", actor, writing.connection)
    if any(may_be_one(writing.connection, actor.id, approval.approver) for approval in draft.approvals):
        raise Conflict("you have approved this text already", state=draft.status)
    approval = Approval(actor.id, draft.version, writing.recorded_at, comment)
    others = tuple(each for each in draft.given if each.approver != actor.id)
    approved = act(writing, replace(draft, given=(*others, approval)), "approve", actor)
    is_former = (approvals.c.draft == draft.id) & (approvals.c.approver == actor.id)
    writing.connection.execute(delete(approvals).where(is_former))
    row = {"draft": draft.id, "approver": actor.id, "version": draft.version, "at": approval.at, "comment": comment}
    writing.connection.execute(insert(approvals).values(row))
    return approved


def require_approvals(draft: Draft, required: int) -> None:
    """See that enough people stand by the very text of a draft.

    Raises:
        Conflict: they do not.
    """
    given = len({approval.approver for approval in draft.approvals} - {draft.author})
    if given < required:
        raise Conflict(f"the draft has {given} of {required} approvals", state=draft.status)


def the_draft(connection: Connection, id: str, reader: str) -> Draft:
    """A draft that this person may see.

    Raises:
        NotFound: there is none, or it is somebody else's and not submitted yet.
    """
    row = connection.execute(select(drafts).where(drafts.c.id == id, _seen_by(reader))).one_or_none()
    if row is None:
        raise NotFound(f"there is no draft `{id}`")
    return _drafts(connection, [row])[0]


def _seen_by(reader: str) -> ColumnElement[bool]:
    return or_(drafts.c.author == reader, drafts.c.submitted_at.is_not(None))


@dataclass(frozen=True, slots=True)
class DraftFilter:
    """Which drafts to list; empty is any."""

    reader: str
    status: Status | None = None
    ruleset: str = ""
    author: str = ""
    before: tuple[int, str] | None = None
    """Time of the last change and id that the last page ended with."""
    limit: int = 50


def listed(connection: Connection, wanted: DraftFilter) -> list[Draft]:
    """The drafts that someone may see, the last changed first."""
    query = _narrowed(select(drafts).where(_seen_by(wanted.reader)), wanted)
    query = query.order_by(drafts.c.updated_at.desc(), drafts.c.id.desc()).limit(wanted.limit)
    return _drafts(connection, list(connection.execute(query)))


def _narrowed(query: Select[Any], wanted: DraftFilter) -> Select[Any]:
    if wanted.status:
        query = query.where(drafts.c.status == wanted.status)
    if wanted.ruleset:
        query = query.where(drafts.c.ruleset == wanted.ruleset)
    if wanted.author:
        query = query.where(drafts.c.author == wanted.author)
    if wanted.before:
        at, id = wanted.before
        query = query.where(or_(drafts.c.updated_at < at, and_(drafts.c.updated_at == at, drafts.c.id < id)))
    return query


def next_due(connection: Connection) -> int | None:
    """When the next scheduled draft is to be published, in microseconds; None if none is scheduled."""
    query = select(func.min(drafts.c.publish_at)).where(drafts.c.status == "scheduled")
    return connection.execute(query).scalar_one_or_none()


def due(connection: Connection, now: int) -> list[Draft]:
    """Scheduled drafts whose time has come, in the order of their times."""
    query = select(drafts).where(drafts.c.status == "scheduled", drafts.c.publish_at <= now)
    return _drafts(connection, list(connection.execute(query.order_by(drafts.c.publish_at, drafts.c.id))))


def _drafts(connection: Connection, rows: list[Row[Any]]) -> list[Draft]:
    """Drafts with their approvals, in the order in which those were given."""
    ids = [row.id for row in rows]
    query = select(approvals).where(approvals.c.draft.in_(ids)).order_by(approvals.c.at)
    given: dict[str, list[Approval]] = {id: [] for id in ids}
    for row in connection.execute(query):
        given[row.draft].append(Approval(row.approver, row.version, row.at, row.comment))
    return [Draft(**cast(dict[str, Any], row._mapping), given=tuple(given[row.id])) for row in rows]


def _row(draft: Draft) -> dict[str, Any]:
    return {column.name: getattr(draft, column.name) for column in drafts.columns}
