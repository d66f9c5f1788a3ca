"""Puts a document in force within one transaction: an approved draft, an earlier revision, or an emergency's text.

A document with a fault is never put in force, whoever asks: nothing could be decided by it.
"""

from dataclasses import dataclass, replace

from service.errors import Conflict, RequestFault, Unprocessable
from service.publishing.checks import Verdict, question_of, verdict_on
from service.storage.database import Writing
from service.storage.draft_states import settled, transition
from service.storage.drafts import Actor, Draft, act, require_approvals, require_base
from service.storage.rulesets import Kind, Publication, Text, document, is_by_break_glass, publish, published


@dataclass(frozen=True, slots=True)
class Published:
    """A revision that came into force."""

    publication: Publication
    number: int
    replaced: str | None
    """The revision that was in force before."""
    verdict: Verdict
    is_by_break_glass: bool
    """Nobody approved it, now or at any other time."""
    draft: Draft | None = None


@dataclass(frozen=True, slots=True)
class Emergency:
    """A text to be put in force that nobody approved."""

    document: Text
    reason: str
    despite_cases: bool = False
    """Cases that fail are known, and do not count."""


def publish_draft(writing: Writing, draft: Draft, actor: Actor) -> Published:
    """Put an approved draft in force.

    Raises:
        Conflict: its state does not allow it, approvals are missing, its base moved, or it is in force already.
        Unprocessable: it has faults, or cases fail.
    """
    transition(settled(draft.status, len(draft.approvals), actor.approvals_required), "publish")
    verdict = require_publishable(writing, draft, actor)
    kind: Kind = "scheduled" if draft.status == "scheduled" else "approved"
    done = _publish(writing, Publication(draft.written, kind, actor.id, draft.title, draft.id), verdict)
    return replace(done, draft=act(writing, draft, "publish", actor))


def require_publishable(writing: Writing, draft: Draft, actor: Actor) -> Verdict:
    """See that a draft can be put in force, whatever its state.

    Raises:
        Conflict: approvals are missing, its base moved, or it is in force already.
        Unprocessable: it has faults, or cases fail.
    """
    require_approvals(draft, actor.approvals_required)
    require_base(writing.connection, draft.ruleset, draft.base)
    _require_another(writing, draft.written, ratifies=True)
    return _passing(_faultless(writing, draft.written))


def roll_back(writing: Writing, ruleset: str, revision: str, reason: str, actor: str) -> Published:
    """Put an earlier revision in force again. Its cases are run and reported, and do not keep it back.

    Raises:
        Conflict: it is in force.
        NotFound: it was never published.
        Unprocessable: it has faults by now, or others would have by it.
    """
    earlier = document(writing.connection, ruleset, revision)
    _require_another(writing, earlier)
    verdict = _faultless(writing, earlier)
    return _publish(writing, Publication(earlier, "rollback", actor, reason), verdict)


def break_glass(writing: Writing, emergency: Emergency, actor: str) -> Published:
    """Put a text in force that nobody approved.

    Raises:
        Conflict: it is in force.
        Unprocessable: it has faults, or cases fail and that is not said to be known.
    """
    _require_another(writing, emergency.document)
    verdict = _faultless(writing, emergency.document)
    if not emergency.despite_cases:
        _passing(verdict)
    return _publish(writing, Publication(emergency.document, "break_glass", actor, emergency.reason), verdict)


def _require_another(writing: Writing, candidate: Text, *, ratifies: bool = False) -> None:
    """See that a document is another one than is in force; a draft may also stand by what an emergency put there."""
    current = published(writing.connection, candidate.ruleset)
    if current is None or current.revision != candidate.revision:
        return
    if not (ratifies and is_by_break_glass(writing.connection, candidate.ruleset)):
        raise Conflict(f"the revision `{candidate.revision}` is in force already", published=candidate.revision)


def _faultless(writing: Writing, candidate: Text) -> Verdict:
    """See that a document has no fault, and that no other one would have a fault by it."""
    verdict = verdict_on(question_of(writing.connection, candidate))
    if verdict.faults:
        raise _refused(verdict.faults, "fault")
    return verdict


def _passing(verdict: Verdict) -> Verdict:
    if verdict.failed:
        raise _refused(verdict.failed, "failed case")
    return verdict


def _refused(faults: tuple[RequestFault, ...], what: str) -> Unprocessable:
    found = f"{len(faults)} {what}{'' if len(faults) == 1 else 's'}"
    return Unprocessable(f"the document cannot be published: {found}", faults)


def _publish(writing: Writing, publication: Publication, verdict: Verdict) -> Published:
    id = publication.document.ruleset
    current = published(writing.connection, id)
    number = publish(writing, publication)
    replaced = current.revision if current else None
    return Published(publication, number, replaced, verdict, is_by_break_glass(writing.connection, id))
