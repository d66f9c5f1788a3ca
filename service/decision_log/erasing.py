"""What is left of a segment without the decisions on one account, and without the facts that no other one needs."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import compress
from pathlib import Path
from typing import Any

import msgspec

from service.decision_log.freezing import encode
from service.decision_log.segments import damaged, whole_lines

DECISION = b'{"type":"decision"'
HITS = b'{"type":"hits"'
QUESTIONS = b'{"type":"questions"'
_COLUMNS = ("n", "id", "at", "question", "account", "address", "place", "answer")
"""Of lines of hits and of questions: each has some of them."""


class _Graph(msgspec.Struct):
    graph: str | None


class _Mention(msgspec.Struct):
    """What is looked at in a decision."""

    account: str
    location: str
    account_facts: _Graph
    resource_facts: _Graph

    @property
    def facts(self) -> set[str | None]:
        return {self.location, self.account_facts.graph, self.resource_facts.graph}


class _Columns(msgspec.Struct):
    """What is looked at in a line of questions, or of hits that say themselves what was asked."""

    account: list[int]
    place: list[int]
    answer: list[int]
    n: list[int] = []
    """Of questions."""


class _Hits(msgspec.Struct):
    """What is looked at in a line of hits before anything else."""

    question: list[int] | None = None
    """Numbers; None: the line says itself what was asked."""


class _Account(msgspec.Struct, tag="account", tag_field="type"):
    n: int
    account: str
    account_facts: _Graph

    @property
    def facts(self) -> str | None:
        return self.account_facts.graph


class _Place(msgspec.Struct, tag="place", tag_field="type"):
    n: int
    location: str

    @property
    def facts(self) -> str | None:
        return self.location


class _Answer(msgspec.Struct, tag="answer", tag_field="type"):
    n: int
    resource_facts: _Graph

    @property
    def facts(self) -> str | None:
        return self.resource_facts.graph


class _Facts(msgspec.Struct, tag="facts", tag_field="type"):
    id: str


class _Location(msgspec.Struct, tag="location", tag_field="type"):
    id: str


_mention = msgspec.json.Decoder(_Mention)
_columns = msgspec.json.Decoder(_Columns)
_hits = msgspec.json.Decoder(_Hits)
_other = msgspec.json.Decoder(_Account | _Place | _Answer | _Facts | _Location)


@dataclass(slots=True)
class _Shared:
    """What hits share, by number: the facts that it needs; and which of it is needed."""

    facts: dict[int, str | None] = field(default_factory=dict)
    needed: set[int] = field(default_factory=set)


class Erasure:
    """A segment without the decisions on one account.

    Raises:
        OSError: it cannot be read, or is damaged.
    """

    def __init__(self, path: Path, account: str) -> None:
        """`account`: as it is recorded."""
        self.removed = 0
        """How many decisions there were."""
        self._path = path
        self._account = account
        self._needed: set[str | None] = set()
        """Names of the facts that other decisions need."""
        self._erased: set[int] = set()
        """Numbers of the account: as many as there were states of its facts."""
        self._asked: dict[int, int] = {}
        """Of each question, the number of whose account asked."""
        self._accounts, self._places, self._answers = _Shared(), _Shared(), _Shared()
        try:
            self._survey()
        except (msgspec.DecodeError, KeyError, ValueError):
            raise damaged(path) from None

    def kept(self) -> Iterator[bytes]:
        """The lines that are left."""
        for line in whole_lines(self._path):
            if line.startswith((HITS, QUESTIONS)):
                line = self._without(line)
            elif not self._is_kept(line):
                line = b""
            if line:
                yield line

    def _survey(self) -> None:
        for line in whole_lines(self._path):
            if line.startswith(DECISION):
                mention = _mention.decode(line)
                self.removed += mention.account == self._account
                self._needed |= set() if mention.account == self._account else mention.facts
            elif line.startswith(HITS):
                self.removed += sum(number in self._erased for number in self._accounts_of(line))
                self._need(line)
            elif line.startswith(QUESTIONS):
                columns = _columns.decode(line)
                self._asked.update(zip(columns.n, columns.account, strict=True))
                self._need(line)
            else:
                self._learn(_other.decode(line))
        for shared in (self._accounts, self._places, self._answers):
            self._needed |= {shared.facts[number] for number in shared.needed}

    def _accounts_of(self, text: bytes) -> list[int]:
        """The number of the account of each hit, or of each question.

        Raises:
            KeyError: a question is not said; it may be the account's.
        """
        numbers = _hits.decode(text).question
        return _columns.decode(text).account if numbers is None else [self._asked[number] for number in numbers]

    def _need(self, text: bytes) -> None:
        """Note what a line needs for other accounts. A number that stands for nothing may be the account's."""
        if _hits.decode(text).question is not None:
            return  # their questions need it
        columns = _columns.decode(text)
        each = zip(columns.account, columns.place, columns.answer, strict=True)
        kept = [numbers for numbers in each if numbers[0] not in self._erased]
        for shared, needed in zip((self._accounts, self._places, self._answers), zip(*kept, strict=True), strict=False):
            shared.needed.update(needed)

    def _learn(self, line: _Account | _Place | _Answer | _Facts | _Location) -> None:
        if isinstance(line, _Account):
            self._accounts.facts[line.n] = line.facts
            if line.account == self._account:
                self._erased.add(line.n)
        elif isinstance(line, _Place):
            self._places.facts[line.n] = line.facts
        elif isinstance(line, _Answer):
            self._answers.facts[line.n] = line.facts

    def _is_kept(self, text: bytes) -> bool:
        if text.startswith(DECISION):
            return _mention.decode(text).account != self._account
        line = _other.decode(text)
        if isinstance(line, _Account):
            return line.n in self._accounts.needed
        if isinstance(line, _Place):
            return line.n in self._places.needed
        if isinstance(line, _Answer):
            return line.n in self._answers.needed
        return line.id in self._needed

    def _without(self, text: bytes) -> bytes:
        """A line of hits or questions without those of the account; nothing if there are no others."""
        accounts = self._accounts_of(text)
        if self._erased.isdisjoint(accounts):
            return text
        line: dict[str, Any] = msgspec.json.decode(text)
        is_kept = [number not in self._erased for number in accounts]
        if not any(is_kept):
            return b""
        names = [name for name in _COLUMNS if line.get(name) is not None]
        return encode(line | {name: list(compress(line[name], is_kept)) for name in names}) + b"\n"
