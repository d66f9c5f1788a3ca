"""Rule sets as they were published: immutable documents, and everything that was ever in force.

A rule set is known by the id that its document gives (`ruleset`). A document's revision is made of its text alone; the
revision that decisions name is made of the document and all that it includes (`rules.parse`), and is not kept here.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import unified_diff
from typing import Any, Literal, TypeAlias

from sqlalchemy import ColumnElement, Connection, Row, Select, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from service.documents import Document, read_document
from service.errors import Conflict, NotFound
from service.storage.database import Writing
from service.storage.open_drafts import suspend_moved
from service.storage.schema import case_files, documents, drafts, publications, rulesets

Form: TypeAlias = Literal["yaml", "json"]
Kind: TypeAlias = Literal["approved", "scheduled", "rollback", "break_glass", "import"]
"""How a revision came into force."""

_REVISION_DIGITS = 12
_STOOD_BY: tuple[Kind, ...] = ("approved", "scheduled", "import")
"""Somebody answers for a text that came into force like this; a rollback says nothing of whether anyone does."""


@dataclass(frozen=True, slots=True)
class Text:
    """A document as its author wrote it."""

    ruleset: str
    text: str
    form: Form = "yaml"

    @property
    def revision(self) -> str:
        """Twelve hexadecimal digits of the SHA-256 of the text."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:_REVISION_DIGITS]

    @property
    def file(self) -> str:
        """What faults call it."""
        return f"{self.ruleset}.{self.form}"

    def read(self) -> Document:
        """The text as plain data, or its faults."""
        return read_document(self.text, self.file)


@dataclass(frozen=True, slots=True)
class PublishedDocument:
    """A revision that is, or was, in force."""

    id: str
    """Of the rule set."""
    revision: str
    text: str
    form: Form
    publication: int
    kind: Kind
    at: int
    """Microseconds: when it came into force."""

    @property
    def written(self) -> Text:
        return Text(self.id, self.text, self.form)


@dataclass(frozen=True, slots=True)
class Publication:
    """What to put in force, how and why."""

    document: Text
    kind: Kind
    actor: str
    reason: str = ""
    draft: str | None = None


def published_documents(connection: Connection, at: int | None = None) -> dict[str, PublishedDocument]:
    """Every rule set that is in force, by id; with `at` (microseconds), those that were in force then."""
    if at is None:
        latest = select(rulesets.c.publication.label("number")).subquery()
    else:
        newest = select(func.max(publications.c.number).label("number"))
        latest = newest.where(publications.c.at <= at).group_by(publications.c.ruleset).subquery()
    query = _published().join(latest, latest.c.number == publications.c.number).order_by(publications.c.ruleset)
    return {row.id: PublishedDocument(**row._mapping) for row in connection.execute(query)}


def published(connection: Connection, id: str) -> PublishedDocument | None:
    """The revision of a rule set that is in force."""
    query = _published().join(rulesets, rulesets.c.publication == publications.c.number).where(rulesets.c.id == id)
    row = connection.execute(query).one_or_none()
    return None if row is None else PublishedDocument(**row._mapping)


def _published() -> Select[Any]:
    is_of = (documents.c.ruleset == publications.c.ruleset) & (documents.c.revision == publications.c.revision)
    return select(
        publications.c.ruleset.label("id"),
        publications.c.revision,
        documents.c.text,
        documents.c.form,
        publications.c.number.label("publication"),
        publications.c.kind,
        publications.c.at,
    ).join_from(publications, documents, is_of)


def document(connection: Connection, id: str, revision: str) -> Text:
    """A revision of a rule set that was published once.

    Raises:
        NotFound: there is none.
    """
    query = select(documents.c.text, documents.c.form)
    query = query.where(documents.c.ruleset == id, documents.c.revision == revision)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFound(f"there is no revision `{revision}` of the rule set `{id}`")
    return Text(id, row.text, row.form)


def diff(connection: Connection, id: str, older: str | None, newer: str | None) -> str:
    """What differs between two revisions of a rule set, as a unified diff; empty if one of them was never published.

    None is the state before the first publication: an empty text.
    """
    texts = []
    for revision in (older, newer):
        try:
            texts.append(document(connection, id, revision).text if revision else "")
        except NotFound:
            return ""
    before, after = (text.splitlines() for text in texts)
    lines = unified_diff(before, after, older or "nothing", newer or "nothing", lineterm="")
    return "".join(f"{line}\n" for line in lines)


def in_force_by_break_glass(connection: Connection) -> list[str]:
    """Ids of the rule sets whose revision in force was put there in an emergency, or was approved at no time at all."""
    query = select(rulesets.c.id).join(publications, publications.c.number == rulesets.c.publication)
    return list(connection.execute(query.where(_by_break_glass()).order_by(rulesets.c.id)).scalars())


def is_by_break_glass(connection: Connection, id: str) -> bool:
    """Whether a rule set is one of those."""
    query = select(rulesets.c.id).join(publications, publications.c.number == rulesets.c.publication)
    return connection.execute(query.where(rulesets.c.id == id, _by_break_glass())).first() is not None


def _by_break_glass() -> ColumnElement[bool]:
    """Of a publication: by break-glass, or of a text that break-glass brought and nobody has approved before or since.

    So a text that nobody approved stays one when a rollback leads back to it.
    """
    other = publications.alias()
    is_same = (other.c.ruleset == publications.c.ruleset) & (other.c.revision == publications.c.revision)
    is_stood_by = select(other.c.number).where(is_same, other.c.kind.in_(_STOOD_BY)).exists()
    return (publications.c.kind == "break_glass") | ~is_stood_by


def states(connection: Connection) -> Iterator[tuple[int, dict[str, str]]]:
    """What was in force after each time that something was published: revisions by rule set, the earliest first."""
    query = select(publications.c.at, publications.c.ruleset, publications.c.revision)
    in_force: dict[str, str] = {}
    at: int | None = None
    for row in connection.execute(query.order_by(publications.c.number)):
        if at is not None and row.at != at:
            yield at, dict(in_force)
        at, in_force[row.ruleset] = row.at, row.revision
    if at is not None:
        yield at, in_force


def publish_imported(writing: Writing, id: str, text: str, form: Form, actor: str) -> bool:
    """Put a document of a directory in force; false, and no change, if that revision is in force already."""
    current = published(writing.connection, id)
    document = Text(id, text, form)
    if current is not None and current.revision == document.revision:
        return False
    publish(writing, Publication(document, "import", actor))
    return True


def publish(writing: Writing, publication: Publication) -> int:
    """Put a document in force, whoever allowed it; its number. What was in force before is superseded.

    Drafts that are scheduled upon something else are suspended at once.

    Raises:
        Conflict: another text of the same rule set has the same revision.
    """
    id, revision = publication.document.ruleset, publication.document.revision
    ensure_ruleset(writing, id, publication.actor)
    replaced = published(writing.connection, id)
    _keep(writing, publication)
    row = {
        "ruleset": id,
        "revision": revision,
        "kind": publication.kind,
        "at": writing.recorded_at,
        "actor": publication.actor,
        "reason": publication.reason,
        "draft": publication.draft,
        "replaced": replaced.revision if replaced else None,
    }
    done = insert(publications).values(row).returning(publications.c.number)
    number: int = writing.connection.execute(done).scalar_one()
    _put_in_force(writing, publication, number)
    return number


def _put_in_force(writing: Writing, publication: Publication, number: int) -> None:
    id, revision = publication.document.ruleset, publication.document.revision
    values = {"revision": revision, "publication": number}
    writing.connection.execute(update(rulesets).where(rulesets.c.id == id).values(values))
    is_former = (drafts.c.ruleset == id) & (drafts.c.status == "published")
    superseded = {"status": "superseded", "updated_at": writing.recorded_at}
    writing.connection.execute(update(drafts).where(is_former).values(superseded))
    suspend_moved(writing, id, revision, actor=publication.actor, draft=publication.draft)
    writing.touch("ruleset", [id])


def _keep(writing: Writing, publication: Publication) -> None:
    """Keep the document for good, if it is not kept yet."""
    written = publication.document
    query = select(documents.c.text).where(
        documents.c.ruleset == written.ruleset, documents.c.revision == written.revision
    )
    kept = writing.connection.execute(query).scalar_one_or_none()
    if kept is not None and kept != written.text:
        raise Conflict(f"another text of `{written.ruleset}` has the revision `{written.revision}`: change a comment")
    if kept is None:
        row = {
            "ruleset": written.ruleset,
            "revision": written.revision,
            "text": written.text,
            "form": written.form,
            "draft": publication.draft,
            "created_at": writing.recorded_at,
            "created_by": publication.actor,
        }
        writing.connection.execute(insert(documents).values(row))


def ensure_ruleset(writing: Writing, id: str, actor: str) -> None:
    """Give drafts and case files a rule set to belong to, before anything of it is published."""
    row = {"id": id, "created_at": writing.recorded_at, "created_by": actor}
    dialect = sqlite if writing.connection.dialect.name == "sqlite" else postgresql
    writing.connection.execute(dialect.insert(rulesets).values(row).on_conflict_do_nothing())


@dataclass(frozen=True, slots=True)
class RuleSetFilter:
    """Which rule sets to list; None is any."""

    containing: str = ""
    """A part of the id."""
    break_glass: bool | None = None
    after: str = ""
    """The id that the last page ended with."""
    limit: int = 50


def listed(connection: Connection, wanted: RuleSetFilter) -> list[Row[Any]]:
    """Rule sets that were published, in the order of their ids, each with its last publication and `break_glass`."""
    query = select(publications, _by_break_glass().label("break_glass")).join(
        rulesets, rulesets.c.publication == publications.c.number
    )
    query = query.where(rulesets.c.id > wanted.after, rulesets.c.id.contains(wanted.containing, autoescape=True))
    if wanted.break_glass is not None:
        query = query.where(_by_break_glass() if wanted.break_glass else ~_by_break_glass())
    return list(connection.execute(query.order_by(rulesets.c.id).limit(wanted.limit)))


def is_known_to(connection: Connection, id: str, reader: str) -> bool:
    """Whether someone may know that there is a rule set: somebody else's private draft alone makes none."""
    seen = drafts.c.submitted_at.is_not(None) | (drafts.c.author == reader)
    queries = (
        select(rulesets.c.id).where(rulesets.c.id == id, rulesets.c.revision.is_not(None)),
        select(case_files.c.ruleset).where(case_files.c.ruleset == id),
        select(drafts.c.ruleset).where(drafts.c.ruleset == id, seen),
    )
    return any(connection.execute(query.limit(1)).first() is not None for query in queries)


def revisions(connection: Connection, id: str, before: tuple[int, str] | None, limit: int) -> list[Row[Any]]:
    """The documents of a rule set that were ever published, the newest first, without their texts."""
    columns = (documents.c.revision, documents.c.form, documents.c.draft, documents.c.created_at)
    query = select(*columns, documents.c.created_by).where(documents.c.ruleset == id)
    if before is not None:
        at, revision = before
        is_same = (documents.c.created_at == at) & (documents.c.revision < revision)
        query = query.where((documents.c.created_at < at) | is_same)
    order = (documents.c.created_at.desc(), documents.c.revision.desc())
    return list(connection.execute(query.order_by(*order).limit(limit)))


def publications_of(connection: Connection, id: str, before: int | None, limit: int) -> list[Row[Any]]:
    """What was in force of a rule set, the newest first; `before` is a publication's number."""
    query = select(publications).where(publications.c.ruleset == id)
    if before is not None:
        query = query.where(publications.c.number < before)
    return list(connection.execute(query.order_by(publications.c.number.desc()).limit(limit)))
