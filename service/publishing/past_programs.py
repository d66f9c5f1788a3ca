"""The revisions that decisions name, of any time: what each was made of.

Such a revision is made of a document and all that it includes, as they were in force together. It is not kept in the
record but made again; what was found once is remembered, since a revision of a document never means another text.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from sqlalchemy import Connection

from rules.parse import revision_of
from service.errors import NotFound
from service.packs import pack_documents
from service.publishing.library import included, read, values_of
from service.storage.rulesets import Text, document, states

STATES_LIMIT = 1_000
"""States of a rule set, the latest first, among which a revision that decisions name is looked for."""
_REMEMBERED_LIMIT = 10_000

Named = tuple[str, str]
"""A rule set, and the revision of a document of it."""
Parts = tuple[Named, ...]
"""What a rule set was made of: its own document first, then all that it included in the order of their ids."""

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")
_included: dict[Named, frozenset[str]] = {}
_programs: dict[Parts, str] = {}


@dataclass(frozen=True, slots=True)
class Found:
    """The document that a revision names."""

    document: Text
    program_revision: str | None
    """The revision asked for, if it is one that decisions name; None if it is the document's own."""


def find_revision(connection: Connection, id: str, revision: str) -> Found:
    """The document of a rule set that a revision names: its own, or the one that decisions name.

    Raises:
        NotFound: there is none; of those that decisions name, none among the last `STATES_LIMIT` states.
    """
    try:
        return Found(document(connection, id, revision), None)
    except NotFound:
        past = _Past(connection)
        for parts in past.states_of(id):
            if past.program_revision(parts) == revision:
                return Found(past.text(parts[0]), revision)
        raise


def program_revisions_at(connection: Connection, wanted: Iterable[tuple[str, int]]) -> dict[tuple[str, int], str]:
    """What decisions named rule sets, each as of one of its publications (microseconds)."""
    past, ids = _Past(connection), dict[int, list[str]]()
    for id, at in wanted:
        ids.setdefault(at, []).append(id)
    return {
        (id, at): past.program_revision(past.parts_of(id, state))
        for at, state in (states(connection) if ids else ())
        for id in ids.get(at, ())
    }


@dataclass(frozen=True, slots=True)
class _Past:
    """The documents of one state of the record, each fetched once, and only if something is to be found out of it."""

    connection: Connection
    _texts: dict[Named, Text] = field(default_factory=dict)

    def text(self, named: Named) -> Text:
        if named not in self._texts:
            self._texts[named] = document(self.connection, *named)
        return self._texts[named]

    def states_of(self, id: str) -> Iterator[Parts]:
        """What a rule set was made of, each once, the latest first."""
        seen = set[Parts]()
        for _, state in reversed(list(states(self.connection))):
            if len(seen) == STATES_LIMIT or id not in state:
                return
            parts = self.parts_of(id, state)
            if parts not in seen:
                seen.add(parts)
                yield parts

    def parts_of(self, id: str, state: Mapping[str, str]) -> Parts:
        found = {id}
        while grown := {name for each in found for name in self._included(each, state) if name in state} - found:
            found |= grown
        others = sorted(found - {id})
        return tuple((name, state[name]) for name in (id, *others))

    def _included(self, id: str, state: Mapping[str, str]) -> frozenset[str]:
        named = (id, state[id])
        found = _included.get(named)
        if found is None:
            found = included(read(self.text(named)).value)
            _remember(_included, named, found)
        return found

    def program_revision(self, parts: Parts) -> str:
        found = _programs.get(parts)
        if found is None:
            library = pack_documents() | values_of(map(self.text, parts))
            found = revision_of(library[parts[0][0]], library)
            _remember(_programs, parts, found)
        return found


def _remember(memo: dict[_Key, _Value], key: _Key, value: _Value) -> None:
    if len(memo) >= _REMEMBERED_LIMIT:
        memo.clear()
    memo[key] = value
