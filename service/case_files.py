"""Reads a case file with the rule set that it names: a pack by its id, or a document by its path."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from rules.cases import CaseFile, parse_cases
from rules.errors import InvalidCases, RuleError
from service.documents import DOCUMENT_ENDINGS, Document, Fault, faults_of, read_file
from service.packs import pack_documents


class InvalidCaseFile(RuleError):
    """A case file that cannot be run; `faults` holds everything that is wrong with it and its rule set's text."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("; ".join(map(str, faults)))
        self.faults = faults


def load_case_file(path: Path) -> CaseFile:
    """Read a case file, and the rule set that it names.

    Raises:
        InvalidCaseFile: with every fault.
    """
    document = read_file(path)
    faults = [*faults_of(document, document.problems, str(path))]
    library, ruleset_faults = _library(document, path)
    if document.complete:
        try:
            case_file = parse_cases(document.value, library)
        except InvalidCases as invalid:
            faults = [*faults_of(document, (*document.problems, *invalid.problems), str(path))]
    if faults or ruleset_faults:
        raise InvalidCaseFile((*faults, *ruleset_faults))
    return case_file


def _library(document: Document, path: Path) -> tuple[dict[str, object], tuple[Fault, ...]]:
    """The rule sets that the case file can name, and the faults of the one that it names by its path."""
    packs = pack_documents()
    name = document.value.get("ruleset") if isinstance(document.value, Mapping) else None
    if isinstance(name, Mapping) and not _included(name) <= packs.keys():
        return {**dict(_beside(path)), **packs}, ()
    if not isinstance(name, str) or name in packs:
        return packs, ()
    file = path.parent / name
    if not file.exists():
        return packs, ()
    ruleset = read_file(file)
    if ruleset.problems:
        return packs, faults_of(ruleset, ruleset.problems, str(file))
    return {**dict(_beside(file)), **packs, name: ruleset.value}, ()


def _included(ruleset: Mapping[str, object]) -> set[str]:
    """The documents that a rule set written in the case file includes."""
    include = ruleset.get("include")
    return {str(each).partition("@")[0] for each in include} if isinstance(include, list) else set()


def _beside(file: Path) -> Iterator[tuple[str, object]]:
    """The rule sets in the same folder by id, the first file of those that claim the same."""
    try:
        files = sorted(each for each in file.parent.iterdir() if each.suffix in DOCUMENT_ENDINGS and each != file)
    except OSError:
        return
    for each in reversed(files):
        value = read_file(each).value
        id = value.get("ruleset") if isinstance(value, Mapping) and "cases" not in value else None
        if isinstance(id, str):
            yield id, value
