"""Runs the case files that are attached to rule sets.

An attached file names the rule set that it is attached to; where it names a path, as it may in the folder that it came
from, that means the same.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from rules.cases import CaseFile, parse_cases, run_cases
from rules.errors import InvalidCases
from service.documents import DOCUMENT_ENDINGS, Document, faults_of, read_document
from service.errors import RequestFault
from service.publishing.library import Library
from service.storage.case_files import AttachedCases


@dataclass(frozen=True, slots=True)
class Run:
    """What came of case files."""

    passed: int = 0
    failed: tuple[RequestFault, ...] = ()
    """A fault for each case that failed, and for whatever keeps a file from being run."""


def run_attached(cases: Iterable[AttachedCases], after: Library, before: Library, ruleset: str) -> Run:
    """Run case files by the documents of `after`.

    Of other rule sets than the one to be published, what failed by those of `before` as well does not count.
    """
    passed, failed = 0, list[RequestFault]()
    for each in cases:
        run = _run(each, after)
        known = _run(each, before).failed if run.failed and each.ruleset != ruleset else ()
        failed += (fault for fault in run.failed if fault not in known)
        passed += run.passed
    return Run(passed, tuple(failed))


def case_file_faults(cases: AttachedCases) -> tuple[RequestFault, ...]:
    """What is wrong with a case file, whatever the rules say."""
    rules = {"language": 1, "ruleset": cases.ruleset, "default": "deny", "if_unknown": "apply"}
    read = _read(cases, {cases.ruleset: rules})
    return read if isinstance(read, tuple) else ()


def _run(cases: AttachedCases, library: Library) -> Run:
    read = _read(cases, library)
    if isinstance(read, tuple):
        return Run(0, read)
    document, case_file = read.document, read.case_file
    results = list(run_cases(case_file))
    failed = []
    for number, result in enumerate(results):
        if not result.passed:
            message = f"the case `{result.name}` fails: {'; '.join(result.differences)}"
            failed.append(_fault(cases, document, f"/cases/{number}", message))
    return Run(len(results) - len(failed), tuple(failed))


@dataclass(frozen=True, slots=True)
class _Read:
    document: Document
    case_file: CaseFile


def _read(cases: AttachedCases, library: Library) -> _Read | tuple[RequestFault, ...]:
    """A case file, or what is wrong with it."""
    document = read_document(cases.text, cases.name)
    if not document.complete:
        return tuple(_faults(cases, document))
    named = document.value.get("ruleset") if isinstance(document.value, Mapping) else None
    is_path = isinstance(named, str) and named.endswith(DOCUMENT_ENDINGS)
    if named is not None and named != cases.ruleset and not is_path:
        message = f"a case file of `{cases.ruleset}` must be about `{cases.ruleset}`"
        return (_fault(cases, document, "/ruleset", message),)
    if is_path and cases.ruleset in library:
        library = {**library, str(named): library[cases.ruleset]}
    try:
        case_file = parse_cases(document.value, library)
    except InvalidCases as invalid:
        document = Document(document.name, document.value, (*document.problems, *invalid.problems), root=document.root)
        return tuple(_faults(cases, document))
    return tuple(_faults(cases, document)) or _Read(document, case_file)


def _faults(cases: AttachedCases, document: Document) -> Iterator[RequestFault]:
    for fault in faults_of(document, document.problems, _file(cases)):
        yield RequestFault(fault.at, fault.message, fault.file, fault.line, fault.column)


def _fault(cases: AttachedCases, document: Document, at: str, message: str) -> RequestFault:
    line, column = document.position(at)
    return RequestFault(at, " ".join(message.split()), _file(cases), line, column)


def _file(cases: AttachedCases) -> str:
    return f"{cases.ruleset}/{cases.name}"
