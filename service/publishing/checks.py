"""Whether a document may be published: its own faults, its case files, and what becomes of those that include it.

The same texts always give the same verdict, and it is kept: what was found before a transaction that all other writers
wait for need not be found again within it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import Connection

from rules.errors import InvalidRuleSet
from rules.language import RuleSet
from rules.parse import parse_ruleset, revision_of
from service.documents import Document, faults_of
from service.errors import RequestFault
from service.packs import pack_documents
from service.publishing.case_runs import Run, run_attached
from service.publishing.effects import RuleChange, changes_between
from service.publishing.library import Library, includers, read, values_of, with_all_included
from service.storage.case_files import AttachedCases, attached
from service.storage.rulesets import PublishedDocument, Text, published_documents

_VERDICTS_KEPT = 8


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be said of a document before it is published."""

    revision: str
    program_revision: str
    """What decisions will name: of the document with all that it includes."""
    faults: tuple[RequestFault, ...]
    """Of the document, and of those that include it and would have none without it."""
    passed: int
    failed: tuple[RequestFault, ...]
    """Cases that fail, and case files that cannot be run. None is run while there are faults."""
    effect: tuple[RuleChange, ...]
    """What differs from what is published; nothing is said of it while there are faults."""
    includers: tuple[str, ...]
    """Published rule sets that include this one, directly or not: they change with it."""

    @property
    def is_publishable(self) -> bool:
        return not self.faults and not self.failed


@dataclass(frozen=True, slots=True)
class Question:
    """May this text be published? With all that the answer depends on."""

    candidate: Text
    published: tuple[Text, ...]
    cases: tuple[AttachedCases, ...]
    """Of the rule set itself, and of those that include it."""


def question_of(connection: Connection, candidate: Text) -> Question:
    """The question as the record is now."""
    published = tuple(found.written for found in published_documents(connection).values())
    names = {candidate.ruleset, *includers(candidate.ruleset, values_of(published))}
    cases = (AttachedCases(each.ruleset, each.name, each.text) for each in attached(connection, names))
    return Question(candidate, published, tuple(cases))


def held_by_cases_of(connection: Connection, id: str) -> frozenset[str]:
    """Rule sets that the cases of one can hold back: itself, and all that what is published of it includes."""
    published = published_documents(connection)
    return with_all_included(id, values_of(found.written for found in published.values()))


def program_revisions(published: Mapping[str, PublishedDocument], ids: Iterable[str]) -> dict[str, str]:
    """The revisions that decisions name, of rule sets that are published."""
    library = pack_documents() | values_of(found.written for found in published.values())
    return {id: revision_of(library[id], library) for id in ids}


@lru_cache(_VERDICTS_KEPT)
def verdict_on(question: Question) -> Verdict:
    """What is to be said of a document. Takes its time: every case is decided by both meanings of the language."""
    candidate, published = question.candidate, question.published
    before = pack_documents() | values_of(published)
    document = read(candidate)
    after = before | {candidate.ruleset: document.value}
    above = includers(candidate.ruleset, values_of(published))
    faults = tuple(_faults(candidate, after))
    if not faults:
        others = [each for each in published if each.ruleset in above]
        faults = tuple(fault for each in others for fault in _broken(each, before, after))
    run = Run() if faults else run_attached(question.cases, after, before, candidate.ruleset)
    return Verdict(
        revision=candidate.revision,
        program_revision=revision_of(document.value, after),
        faults=faults,
        passed=run.passed,
        failed=run.failed,
        effect=() if faults else _effect(candidate.ruleset, before, after),
        includers=above,
    )


def _faults(text: Text, library: Library) -> Iterator[RequestFault]:
    """What is wrong with a document among others."""
    document = read(text)
    problems = [*document.problems]
    if document.complete:
        yield from _misnamed(text, document)
        try:
            parse_ruleset(document.value, library)
        except InvalidRuleSet as invalid:
            problems.extend(invalid.problems)
    for fault in faults_of(document, problems, text.file):
        yield RequestFault(fault.at, fault.message, fault.file, fault.line, fault.column)


def _misnamed(text: Text, document: Document) -> Iterator[RequestFault]:
    """A document belongs to the rule set that it calls itself, and what a pack is called is taken."""
    id = document.value.get("ruleset") if isinstance(document.value, Mapping) else None
    line, column = document.position("/ruleset")
    if isinstance(id, str) and id != text.ruleset:
        message = f"the document calls itself `{id}`, and is to be published as `{text.ruleset}`"
        yield RequestFault("/ruleset", message, text.file, line, column)
    elif id in pack_documents():
        yield RequestFault("/ruleset", f"`{id}` is the id of a pack that ships already", text.file, line, column)


def _broken(text: Text, before: Library, after: Library) -> Iterator[RequestFault]:
    """Faults of a published document that has none without what is to be published now."""
    if not any(_faults(text, before)):
        yield from _faults(text, after)


def _effect(id: str, before: Library, after: Library) -> tuple[RuleChange, ...]:
    return changes_between(_parsed(id, before), parse_ruleset(after[id], after))


def _parsed(id: str, library: Library) -> RuleSet | None:
    try:
        return parse_ruleset(library[id], library) if id in library else None
    except InvalidRuleSet:
        return None
