"""`cordon check`, `cordon test` and `cordon packs`: documents, case files and the packs that ship."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import typer

from rules.cases import CaseResult, run_cases
from rules.errors import InvalidRuleSet
from rules.parse import parse_ruleset
from rules.traces import ExemptionTrace, Explanation, RuleTrace
from service.case_files import InvalidCaseFile, load_case_file
from service.cli_output import FAULTS, Output, complain, counted, fault_lines, say, say_json
from service.documents import DOCUMENT_ENDINGS, Document, Fault, faults_of, read_file
from service.packs import pack_documents, pack_text
from service.storage.directory import POLICY, InvalidDirectory, load_directory
from service.storage.records import COLUMNS


def check_command(paths: Sequence[Path], output: Output) -> None:
    """Print every fault of these documents, case files and directories of data."""
    faults = [fault for path in paths for fault in _faults(path)]
    if output is Output.JSON:
        say_json([asdict(fault) for fault in faults])
    else:
        say(*fault_lines(faults))
        complain(counted(len(faults), "fault") if faults else "no faults")
    raise typer.Exit(FAULTS if faults else 0)


def _faults(path: Path) -> Iterator[Fault]:
    if path.is_dir():
        yield from _directory_faults(path)
    elif path.name in COLUMNS:
        message = "a table is checked with its directory: name that instead"
        yield Fault(str(path), "", 1, 1, message)
    else:
        yield from _document_faults(path)


def _directory_faults(path: Path) -> Iterator[Fault]:
    """Faults of everything below: directories of data as such, and every other document by itself."""
    files = list(_documents_in(path))
    data = {file.parent for file in files if file.name == POLICY}
    data |= {path} if any((path / table).exists() for table in COLUMNS) else set()
    if not files and not data:
        yield Fault(str(path), "", 1, 1, "no document there")
    for directory in sorted(data):
        yield from _data_faults(directory)
    for file in files:
        if file.parent not in data or _is_case_file(read_file(file)):
            yield from _document_faults(file)


def _data_faults(path: Path) -> tuple[Fault, ...]:
    try:
        load_directory(path)
    except InvalidDirectory as invalid:
        return invalid.faults
    return ()


def _documents_in(path: Path) -> Iterator[Path]:
    """Every document below a directory, hidden ones left out."""
    for file in sorted(path.rglob("*")):
        hidden = any(part.startswith(".") for part in file.relative_to(path).parts)
        if file.suffix in DOCUMENT_ENDINGS and not hidden and not file.is_dir():
            yield file


def _document_faults(path: Path) -> tuple[Fault, ...]:
    document = read_file(path)
    if not document.complete:
        return faults_of(document, document.problems, str(path))
    if _is_case_file(document):
        return _case_file_faults(path)
    try:
        parse_ruleset(document.value, _library(path))
    except InvalidRuleSet as invalid:
        return faults_of(document, (*document.problems, *invalid.problems), str(path))
    return faults_of(document, document.problems, str(path))


def _case_file_faults(path: Path) -> tuple[Fault, ...]:
    try:
        load_case_file(path)
    except InvalidCaseFile as invalid:
        return invalid.faults
    return ()


def _is_case_file(document: Document) -> bool:
    return isinstance(document.value, Mapping) and "cases" in document.value


def _library(path: Path) -> dict[str, object]:
    """What a document can include: the packs, and the rule sets beside it, itself left out."""
    beside = {id: value for file, id, value in _rule_sets_in(path.parent) if file.name != path.name}
    return beside | pack_documents()


@cache
def _rule_sets_in(directory: Path) -> tuple[tuple[Path, str, object], ...]:
    found = []
    for file in sorted(directory.iterdir()):
        value = read_file(file).value if file.suffix in DOCUMENT_ENDINGS and file.is_file() else None
        id = value.get("ruleset") if isinstance(value, Mapping) and "cases" not in value else None
        if isinstance(id, str):
            found.append((file, id, value))
    return tuple(found)


@dataclass(slots=True)
class _Tally:
    """What came of a run of cases."""

    passed: int = 0
    failed: int = 0
    results: list[dict[str, Any]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def run_cases_command(paths: Sequence[Path], output: Output) -> None:
    """Run case files; print a line per failed case, and how many passed."""
    tally = _Tally()
    for path in paths:
        for file in _case_files(path, tally):
            _run_file(file, tally, output)
    if output is Output.JSON:
        faults = [asdict(fault) for fault in tally.faults]
        say_json({"passed": tally.passed, "failed": tally.failed, "cases": tally.results, "faults": faults})
    else:
        say(f"{tally.passed} passed, {tally.failed} failed")
    raise typer.Exit(FAULTS if tally.failed else 0)


def _case_files(path: Path, tally: _Tally) -> Iterable[Path]:
    """A file as it is; of a directory everything that is not a rule set, for that may lie beside its cases."""
    if not path.is_dir():
        return [path]
    files = [file for file in _documents_in(path) if not _is_rule_set(read_file(file))]
    if not files:
        _fail_file(tally, [Fault(str(path), "", 1, 1, "no case file there")])
    return files


def _is_rule_set(document: Document) -> bool:
    return isinstance(document.value, Mapping) and "language" in document.value and not _is_case_file(document)


def _run_file(file: Path, tally: _Tally, output: Output) -> None:
    try:
        results = list(run_cases(load_case_file(file)))
    except InvalidCaseFile as invalid:
        return _fail_file(tally, invalid.faults)
    for result in results:
        tally.passed += result.passed
        tally.failed += not result.passed
        tally.results.append(_result_members(file, result))
        if not result.passed and output is Output.TEXT:
            say(_failure_line(file, result))
    return None


def _fail_file(tally: _Tally, faults: Sequence[Fault]) -> None:
    """A file that cannot be run counts as one failed case."""
    tally.failed += 1
    tally.faults.extend(faults)
    complain(*fault_lines(faults))


def _result_members(file: Path, result: CaseResult) -> dict[str, Any]:
    return {
        "file": str(file),
        "name": result.name,
        "source": result.source,
        "passed": result.passed,
        "differences": list(result.differences),
        "explanation": _because(result.explanation),
    }


def _failure_line(file: Path, result: CaseResult) -> str:
    line = f"{file}: {result.name}: {'; '.join(result.differences)} | {_because(result.explanation)}"
    return line.replace("\n", " ")


def _because(explanation: Explanation) -> str:
    """The explanation in one line: the truth of every rule, and what was unknown of it."""
    traces: tuple[RuleTrace | ExemptionTrace, ...] = (*explanation.rules, *explanation.exemptions)
    parts = [_trace_words(trace.id, trace.truth, trace.unknown) for trace in traces if trace.in_force]
    parts += [f"{trace.id} not in force" for trace in traces if not trace.in_force]
    return "because " + (", ".join(parts) if parts else "there are no rules")


def _trace_words(id: str, truth: bool | None, unknown: tuple[str, ...]) -> str:
    if truth is None:
        return f"{id} is unknown ({', '.join(unknown)})"
    return f"{id} is {str(truth).lower()}"


def list_packs_command(output: Output) -> None:
    """Print the packs that ship."""
    packs = []
    for id, document in pack_documents().items():
        ruleset = parse_ruleset(document, pack_documents())
        packs.append({"id": id, "title": ruleset.title, "revision": ruleset.revision, "rules": len(ruleset.rules)})
    if output is Output.JSON:
        return say_json(packs)
    width = max((len(str(pack["id"])) for pack in packs), default=0)
    return say(*(f"{pack['id']:<{width}}  {pack['revision']}  {pack['title']}" for pack in packs))


def show_pack_command(name: str, output: Output) -> None:
    """Print a pack as its authors wrote it."""
    if name not in pack_documents():
        known = ", ".join(f"`{id}`" for id in pack_documents())
        raise typer.BadParameter(f"there is no pack `{name}`: there are {known}", param_hint="NAME")
    if output is Output.JSON:
        return say_json({"id": name, "text": pack_text(name), "document": pack_documents()[name]})
    return say(*pack_text(name).splitlines())
