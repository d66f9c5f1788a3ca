"""Publishes scheduled drafts when their time has come.

Every instance may try: writers follow one another, and each looks again at what the one before it has left.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from service.errors import Conflict, Unprocessable
from service.publishing.checks import question_of, verdict_on
from service.publishing.publications import Published, publish_draft, require_publishable
from service.storage.audit import Entry, append
from service.storage.database import Database, Writing, micros, moment_of
from service.storage.drafts import Actor, Draft, act, due
from service.storage.rulesets import Publication

SCHEDULE = "schedule"
"""Who publishes what is scheduled; who scheduled it, the audit trail says."""


@dataclass(frozen=True, slots=True)
class Suspended:
    """A draft that could not be published when its time came."""

    draft: Draft
    """`notice` says why."""


def publish_due(database: Database, now: datetime, *, approvals_required: int) -> list[Published | Suspended]:
    """Publish, or suspend, each draft that is due: what this call did, nothing if another instance was faster.

    Raises:
        Unavailable: the database cannot be reached.
    """
    with database.reading() as connection:
        waiting = due(connection, micros(now))
        questions = [question_of(connection, draft.written) for draft in waiting]
    for question in questions:
        verdict_on(question)  # so that the transactions find it done
    actor = Actor(SCHEDULE, approvals_required)
    return [done for draft in waiting for done in _published(database, draft.id, micros(now), actor)]


def _published(database: Database, id: str, now: int, actor: Actor) -> Iterator[Published | Suspended]:
    """What one transaction makes of one draft."""
    with database.writing() as writing:
        found = [draft for draft in due(writing.connection, now) if draft.id == id]
        done = [_publish_or_suspend(writing, draft, actor) for draft in found]
    yield from done


def _publish_or_suspend(writing: Writing, draft: Draft, actor: Actor) -> Published | Suspended:
    try:
        require_publishable(writing, draft, actor)
    except (Conflict, Unprocessable) as error:
        suspended = act(writing, replace(draft, notice=str(error)), "suspend", actor)
        entry = Entry(SCHEDULE, "draft.suspend", f"draft:{draft.id}", reason=suspended.notice)
        append(writing.connection, entry, moment_of(writing.recorded_at))
        return Suspended(suspended)
    published = publish_draft(writing, draft, actor)
    _append(writing, published.publication, published.replaced)
    return published


def _append(writing: Writing, publication: Publication, replaced: str | None) -> None:
    written = publication.document
    after = {"revision": written.revision, "kind": publication.kind, "draft": publication.draft}
    entry = Entry(SCHEDULE, "ruleset.publish", f"ruleset:{written.ruleset}", before={"revision": replaced}, after=after)
    append(writing.connection, entry, moment_of(writing.recorded_at))
