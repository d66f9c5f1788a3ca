"""A directory of data -> World: the rule set in force, and everything known of entities, accounts and resources.

Every fault of every file is found at once. The same files always give the same revision.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from rules.errors import InvalidRuleSet
from rules.facts import (
    Account,
    AccountFacts,
    AccountId,
    OwnershipGraph,
    Resource,
    ResourceFacts,
    ResourceId,
)
from rules.language import RuleSet
from rules.parse import parse_ruleset
from service.documents import (
    DOCUMENT_ENDINGS,
    SIZE_LIMIT_BYTES,
    Document,
    Fault,
    InvalidData,
    Unreadable,
    faults_of,
    read_bytes,
    read_whole,
)
from service.packs import pack_documents
from service.storage.records import COLUMNS, read_accounts, read_entities, read_interests, read_resources
from service.storage.tables import Table, read_table

POLICY = "policy.yaml"
ENTITIES = "entities.csv"

TABLE_LIMIT_BYTES = 1024 * 1024 * 1024
"""The largest table that is read."""

R = TypeVar("R")


class InvalidDirectory(InvalidData):
    """A directory that cannot be served."""


@dataclass(frozen=True, slots=True)
class World:
    """One state of a directory, checked."""

    ruleset: RuleSet
    graph: OwnershipGraph
    accounts: Mapping[AccountId, Account]
    resources: Mapping[ResourceId, Resource]
    revision: str
    """Twelve hexadecimal digits of the SHA-256 of every file that was read."""

    def account_facts(self, id: str) -> AccountFacts:
        """What is known of an account; of one that is not registered, just that."""
        account = self.accounts.get(AccountId(id)) or Account(AccountId(id), registered=False)
        return AccountFacts(account, self.graph)

    def resource_facts(self, id: str) -> ResourceFacts:
        """What is known of a resource; one that is not registered has no tags and no known provider."""
        return ResourceFacts(self.resources.get(ResourceId(id)) or Resource(ResourceId(id)), self.graph)


FileStamp = tuple[str, int, int, int, int]
Stamp = tuple[FileStamp, ...]
"""What tells one state of a directory from another without reading it: each file's name, times, size and inode.

The time of the last change of status shows an edit that keeps the size and sets the other time back.
"""


def directory_stamp(path: Path) -> Stamp:
    """The state of a directory; empty if there is none. Never raises."""
    try:
        return tuple(_file_stamp(file) for file in _files(path))
    except OSError:
        return ()


def _file_stamp(file: Path) -> FileStamp:
    status = file.stat()
    return file.name, status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino


def load_directory(path: Path) -> World:
    """Read and check a directory whole.

    Raises:
        InvalidDirectory: with every fault of every file.
    """
    directory = _Directory(path)
    directory.read()
    entities = directory.records(ENTITIES, read_entities)
    known = _Anything() if ENTITIES in directory.unread else entities
    interests = directory.records("interests.csv", lambda table: read_interests(table, known))
    accounts = directory.records("accounts.csv", lambda table: read_accounts(table, known))
    resources = directory.records("resources.csv", lambda table: read_resources(table, known))
    ruleset = directory.ruleset()
    if directory.faults or ruleset is None:
        raise InvalidDirectory(_in_order(directory.faults))
    revision = directory.revision()
    graph = OwnershipGraph.of(entities.values(), interests, revision)
    return World(ruleset, graph, accounts, resources, revision)


def _in_order(faults: Iterable[Fault]) -> tuple[Fault, ...]:
    return tuple(sorted(set(faults), key=lambda fault: (fault.file, fault.line, fault.column, fault.message)))


def _files(path: Path) -> list[Path]:
    """The files that count, in the order of their names: hidden ones, where editors keep drafts, do not."""
    return sorted(
        file
        for file in path.iterdir()
        if not file.name.startswith(".") and (file.suffix in DOCUMENT_ENDINGS or file.name in COLUMNS)
    )


class _Anything:
    """Stands for the entities of a table that could not be read: whether a reference dangles is not known."""

    def __contains__(self, id: object) -> bool:
        return True


@dataclass(slots=True)
class _Directory:
    """A directory while it is read."""

    path: Path
    contents: dict[str, bytes] = field(default_factory=dict)
    """By file name, in order."""
    faults: list[Fault] = field(default_factory=list)
    unread: set[str] = field(default_factory=set)
    """Names of files that are there, and of which nothing is known."""

    def refuse(self, file: Path, message: str) -> None:
        self.faults.append(Fault(str(file), "", 1, 1, message))

    def read(self) -> None:
        """Read every file once, so that all that follows speaks of the same state."""
        try:
            files = _files(self.path)
        except OSError as error:
            return self.refuse(self.path, f"not a directory that can be read: {_reason(error)}")
        for file in files:
            try:
                self.contents[file.name] = read_whole(file, _limit_bytes(file))
            except Unreadable as unreadable:
                self.unread.add(file.name)
                self.refuse(file, str(unreadable))
        if self.path.joinpath(POLICY) not in files:
            self.refuse(self.path / POLICY, f"there is no `{POLICY}`: it is the rule set in force")
        return None

    def records(self, name: str, reading: Callable[[Table], R]) -> R:
        """What a table holds; of one that is not there, what an empty one does. The table itself is not kept."""
        file = str(self.path / name)
        data = self.contents.get(name)
        table = Table(file, "") if data is None else read_table(data, file, COLUMNS[name])
        if data is not None and not table.is_usable:
            self.unread.add(name)
        records = reading(table)
        self.faults.extend(table.faults)
        return records

    def ruleset(self) -> RuleSet | None:
        """The rule set in force; none if it, or a document beside it, is faulty."""
        documents = {name: self._document(name) for name in self.contents if name.endswith(DOCUMENT_ENDINGS)}
        neighbours = {name: document for name, document in documents.items() if _is_neighbour(name, document)}
        library = pack_documents() | self._library(neighbours)
        for name, document in neighbours.items():
            self._parsed(name, document, library)
        policy = documents.get(POLICY)
        return self._parsed(POLICY, policy, library) if policy else None

    def _document(self, name: str) -> Document:
        file = str(self.path / name)
        document = read_bytes(self.contents[name], file)
        self.faults.extend(faults_of(document, document.problems, file))
        return document

    def _library(self, neighbours: Mapping[str, Document]) -> dict[str, object]:
        """The documents that can be included by id; an id taken twice is a fault."""
        packs, library, names = pack_documents(), dict[str, object](), dict[str, str]()
        for name, document in neighbours.items():
            id = _id(document)
            if id is None:
                continue
            if id in packs or id in library:
                taken = "of a pack that ships" if id in packs else f"of `{names[id]}`"
                line, column = document.position("/ruleset")
                fault = Fault(str(self.path / name), "/ruleset", line, column, f"`{id}` is the id {taken} already")
                self.faults.append(fault)
            else:
                library[id], names[id] = document.value, name
        return library

    def _parsed(self, name: str, document: Document, library: Mapping[str, object]) -> RuleSet | None:
        if not document.complete:
            return None
        try:
            return parse_ruleset(document.value, library)
        except InvalidRuleSet as invalid:
            self.faults.extend(faults_of(document, invalid.problems, str(self.path / name)))
            return None

    def revision(self) -> str:
        digest = hashlib.sha256()
        for name, content in self.contents.items():
            digest.update(f"{name!r} {len(content)} ".encode("utf-8", "surrogateescape"))
            digest.update(content)
        return digest.hexdigest()[:12]


def _limit_bytes(file: Path) -> int:
    return TABLE_LIMIT_BYTES if file.name in COLUMNS else SIZE_LIMIT_BYTES


def _reason(error: OSError) -> str:
    return (error.strerror or "unknown reason").lower()


def _is_neighbour(name: str, document: Document) -> bool:
    """Whether a document beside the policy is meant as a rule set: case files may lie there too."""
    is_case_file = isinstance(document.value, Mapping) and "cases" in document.value
    return name != POLICY and not is_case_file


def _id(document: Document) -> str | None:
    value = document.value
    id = value.get("ruleset") if isinstance(value, Mapping) else None
    return id if isinstance(id, str) else None
