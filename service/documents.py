"""Reads YAML 1.2 and JSON text into plain data that remembers the line and column of every value.

Never raises: what cannot be read is a problem of the document, with its place.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from rules.errors import Problem
from service.document_json import read_json
from service.document_nodes import BrokenText, Lines, Node, Place, PlacedProblem, placed, steps_to
from service.document_yaml import read_yaml

SIZE_LIMIT_BYTES = 64 * 1024 * 1024
"""The largest file that is read."""

_BYTE_ORDER_MARK = "\ufeff"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of one file, as it is shown to its author."""

    file: str
    at: str
    """JSON Pointer to the faulty value; empty for the whole document."""
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        at = f" at {self.at}" if self.at else ""
        return f"{self.file}:{self.line}:{self.column}: {self.message}{at}"


@dataclass(frozen=True, slots=True)
class Document:
    """A text that was read, as far as it could be."""

    name: str
    value: object
    """Mappings with text keys, lists, text, numbers, booleans and None."""
    problems: tuple[Problem, ...] = ()
    """Faults of the text: syntax, duplicate keys."""
    complete: bool = True
    """False if the text could not be read to its end: `value` is then None, and looking into it would find nothing."""
    root: Node = field(default_factory=lambda: Node(None, (1, 1)), repr=False)

    def position(self, at: str, on_key: bool = False) -> Place:
        """Line and column of the value at the JSON Pointer `at`, or of its key; of the nearest ancestor if absent."""
        steps = list(steps_to(self.root, at))
        key, node = steps[-1]
        reached = len(steps) == len(at.split("/"))
        return key if on_key and reached and key is not None else node.place


def read_document(text: str, name: str = "") -> Document:
    """Read JSON if `name` ends in `.json` or the text is JSON, else YAML 1.2."""
    text = text.removeprefix(_BYTE_ORDER_MARK)
    if name.lower().endswith(".json"):
        return _document(read_json, text, name)
    if text.lstrip(" \t\r\n")[:1] in ("{", "["):
        document = _document(read_json, text, name)
        if document.complete:
            return document
    return _document(read_yaml, text, name)


def read_file(path: Path) -> Document:
    """Read a file; one that is missing or cannot be read is a document with that problem."""
    name = str(path)
    try:
        with path.open("rb") as file:
            raw = file.read(SIZE_LIMIT_BYTES + 1)
    except FileNotFoundError:
        return _unreadable(name, "no such file")
    except IsADirectoryError:
        return _unreadable(name, "a directory, not a file")
    except (OSError, ValueError) as error:
        return _unreadable(name, f"cannot be read: {getattr(error, 'strerror', None) or error}".lower())
    if len(raw) > SIZE_LIMIT_BYTES:
        return _unreadable(name, f"larger than {SIZE_LIMIT_BYTES // 1024 // 1024} MiB")
    return read_bytes(raw, name)


def read_bytes(raw: bytes, name: str = "") -> Document:
    """Read UTF-8 text, with or without a byte order mark."""
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return _unreadable(name, "UTF-16 text: save it as UTF-8")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8").removeprefix(_BYTE_ORDER_MARK)
        message = f"not UTF-8: the byte {raw[error.start]:#04x} does not belong here"
        return _unreadable(name, message, Lines(before).place(len(before)))
    return read_document(text, name)


def faults_of(document: Document, problems: Iterable[Problem], file: str) -> tuple[Fault, ...]:
    """The problems with their places in the document, from its top to its end."""
    faults = (_fault(document, problem, file) for problem in problems)
    return tuple(sorted(faults, key=lambda fault: (fault.line, fault.column)))


def _fault(document: Document, problem: Problem, file: str) -> Fault:
    if isinstance(problem, PlacedProblem):
        line, column = problem.line, problem.column
    else:
        line, column = document.position(problem.at, problem.on_key)
    return Fault(file, problem.at, line, column, problem.message)


def _document(read: Callable[[str], tuple[Node, tuple[Problem, ...]]], text: str, name: str) -> Document:
    try:
        root, problems = read(text)
    except BrokenText as broken:
        return Document(name, None, (broken.problem,), complete=False)
    return Document(name, root.value, problems, root=root)


def _unreadable(name: str, message: str, place: Place = (1, 1)) -> Document:
    return Document(name, None, (placed(message, place),), complete=False)
