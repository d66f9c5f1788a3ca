"""Reads YAML 1.2 and JSON text into plain data that remembers the line and column of every value.

Never raises: what cannot be read is a problem of the document, with its place.
"""

import os
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from rules.errors import Problem, RuleError
from service.document_json import read_json
from service.document_nodes import BrokenText, Lines, Node, Place, PlacedProblem, placed, steps_to
from service.document_yaml import read_yaml

DOCUMENT_ENDINGS = (".yaml", ".yml", ".json")
"""Of the names of files that hold documents."""

SIZE_LIMIT_BYTES = 64 * 1024 * 1024
"""The largest document that is read."""

UTF16 = "UTF-16 text: save it as UTF-8"

_MIB = 1024 * 1024
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


class InvalidData(RuleError):
    """A state of the data that cannot be served; `faults` holds everything that is wrong with it."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("; ".join(map(str, faults)))
        self.faults = faults


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


class Unreadable(Exception):
    """A file that cannot be read, in words for whoever named it."""


def read_whole(path: Path, limit_bytes: int) -> bytes:
    """The bytes of a regular file, symbolic links followed. A pipe or a device may never end: it is not opened.

    Raises:
        Unreadable: there is none, it is something else, it is larger than the limit, or it may not be read.
    """
    try:
        _require_regular(path, limit_bytes)
        with open(path, "rb", opener=_open_without_waiting) as file:
            data = file.read()
    except FileNotFoundError:
        raise Unreadable("no such file") from None
    except (OSError, ValueError) as error:
        raise Unreadable(f"cannot be read: {getattr(error, 'strerror', None) or error}".lower()) from None
    if len(data) > limit_bytes:  # it has grown since
        raise Unreadable(_too_large(limit_bytes))
    return data


def _require_regular(path: Path, limit_bytes: int) -> None:
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise Unreadable("a directory, not a file")
    if not stat.S_ISREG(status.st_mode):
        raise Unreadable("not a regular file")
    if status.st_size > limit_bytes:
        raise Unreadable(_too_large(limit_bytes))


def _open_without_waiting(path: str, flags: int) -> int:
    """Open what may have become a pipe since it was looked at: without a writer it is empty, and nobody waits."""
    return os.open(path, flags | os.O_NONBLOCK)


def _too_large(limit_bytes: int) -> str:
    return f"larger than {limit_bytes // _MIB} MiB"


def read_file(path: Path) -> Document:
    """Read a file; one that is missing or cannot be read is a document with that problem."""
    name = str(path)
    try:
        return read_bytes(read_whole(path, SIZE_LIMIT_BYTES), name)
    except Unreadable as unreadable:
        return _unreadable(name, str(unreadable))


def read_bytes(raw: bytes, name: str = "") -> Document:
    """Read UTF-8 text, with or without a byte order mark."""
    if is_utf16(raw):
        return _unreadable(name, UTF16)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8").removeprefix(_BYTE_ORDER_MARK)
        message = f"not UTF-8: the byte {raw[error.start]:#04x} does not belong here"
        return _unreadable(name, message, Lines(before).place(len(before)))
    return read_document(text, name)


def is_utf16(raw: bytes) -> bool:
    """Whether the bytes begin as UTF-16 does: with its byte order mark, or with a character of ASCII in two bytes."""
    start = raw[:2]
    return start in (b"\xff\xfe", b"\xfe\xff") or (len(start) == 2 and start.count(0) == 1)


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
