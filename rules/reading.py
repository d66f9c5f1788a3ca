"""Reads plain data with a JSON Pointer in hand, and gathers every fault instead of stopping at the first.

A reader that finds a fault records it and gives None: whoever asked goes on, and the whole is refused at the end.
"""

import difflib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Never, TypeAlias, TypeVar

from rules.errors import Problem, pointer

DEPTH_LIMIT = 100
"""How deep mappings and lists may nest."""

_MESSAGE_LIMIT = 400
_WORD_LIMIT = 64
KNOWN_LIMIT = 200
"""Among more names than this no near spelling is sought: it would take too long."""
_BITS_LIMIT = 1024
"""Larger whole numbers are refused: nothing here counts so far."""

V = TypeVar("V")
Nothing: TypeAlias = Never | None  # noqa: RUF020  mypy would not let a reader end with a plain None
"""What a reader gives that found a fault."""


@dataclass(slots=True)
class Item:
    """One value of a document, where it stands, and where its faults go."""

    data: object
    at: str
    problems: list[Problem]

    def fault(self, message: str) -> Nothing:
        """Record a fault of this value; gives nothing, as a reader that found one does."""
        self.problems.append(Problem(self.at, one_line(message)))
        return None

    def key_fault(self, key: str, message: str) -> None:
        """Record a fault of the name of one of this mapping's members."""
        self.problems.append(Problem(pointer(self.at, key), one_line(message), on_key=True))

    def wanted(self, what: str) -> Nothing:
        """Record that this value is of another kind than it must be."""
        return self.fault(f"{what} is wanted here, not {described(self.data)}")

    def member(self, key: str) -> "Item":
        """A member of this value, which must be a mapping that has it."""
        assert isinstance(self.data, Mapping)
        return Item(self.data[key], pointer(self.at, key), self.problems)

    def entries(self, what: str) -> "dict[str, Item] | None":
        """The members of a mapping with any names."""
        if not isinstance(self.data, Mapping):
            return self.wanted(what)
        return {key: self.member(key) for key in self.data}

    def members(self, known: Sequence[str], required: Collection[str] = (), what: str = "a mapping") -> "Members":
        """The members of a mapping with known names; none of what is no mapping."""
        entries = self.entries(what)
        if entries is None:
            return Members(self, {}, readable=False)
        for key in entries:
            if key not in known:
                self.key_fault(key, f"unknown key `{key}`{near(key, known)}")
        for key in required:
            if key not in entries:
                self.fault(f"missing `{key}`")
        return Members(self, {key: item for key, item in entries.items() if key in known})

    def items(self, what: str = "a list") -> "list[Item] | None":
        """The values of a list."""
        if not isinstance(self.data, list):
            return self.wanted(what)
        return [Item(value, f"{self.at}/{index}", self.problems) for index, value in enumerate(self.data)]

    def some_items(self, what: str = "a list") -> "list[Item] | None":
        """The values of a list that may not be empty; one that forgot its brackets is told so."""
        if isinstance(self.data, str):
            return self.fault(f"a list is wanted here: write `[{self.data}]`")
        items = self.items(what)
        if items == []:
            return self.fault("the list is empty: it would never match")
        return items

    def text(self, what: str = "text") -> str | None:
        """Text, which may not be empty."""
        if isinstance(self.data, str):
            return self.data if self.data.strip() else self.wanted(what)
        if isinstance(self.data, bool | int | float):
            return self.fault(f"{what} is wanted here, not {described(self.data)}: put it in quotes")
        return self.wanted(what)

    def words(self) -> str | None:
        """Text for people."""
        if self.data is None:
            return None
        return str(self.data) if type(self.data) is int else self.text()

    def texts(self) -> tuple[str, ...] | None:
        """A list of text that may not be empty."""
        items = self.some_items("a list of text")
        return None if items is None else all_read(items, Item.text)

    def any_texts(self) -> tuple[str, ...] | None:
        """A list of text that may be empty."""
        return () if self.data == [] else self.texts()

    def one_of(self, allowed: Collection[str], what: str = "") -> str | None:
        """One of the words allowed here."""
        if isinstance(self.data, str) and self.data in allowed:
            return self.data
        shown = f"`{self.data}`" if isinstance(self.data, str) else described(self.data)
        hint = near(self.data, allowed) if isinstance(self.data, str) else ""
        return self.fault(f"{shown} is not {what or 'allowed here'}: write {choice(allowed)}{hint}")

    def some_of(self, allowed: Collection[str], what: str) -> tuple[str, ...] | None:
        """A list of the words allowed here, which may not be empty."""
        items = self.some_items("a list of text")
        return None if items is None else all_read(items, lambda item: item.one_of(allowed, what))

    def boolean(self) -> bool | None:
        if isinstance(self.data, bool):
            return self.data
        return self.wanted("`true` or `false`")

    def whole(self, least: int, most: int) -> int | None:
        """A whole number between the two, both included."""
        if type(self.data) is int and least <= self.data <= most:
            return self.data
        return self.wanted(f"a whole number from {least} to {most}")

    def parsed(self, parse: Callable[[str], V], what: str) -> V | None:
        """Text in a notation of its own; `parse` raises a ValueError with a message for people."""
        if not isinstance(self.data, str):
            return self.wanted(what)
        try:
            return parse(self.data)
        except ValueError as error:
            return self.fault(str(error))


@dataclass(slots=True)
class Members:
    """The known members of a mapping."""

    item: Item
    found: dict[str, Item]
    readable: bool = True
    """False of what is no mapping: its members are not missing, there is nothing to look into."""

    def __contains__(self, key: str) -> bool:
        return key in self.found

    def read(self, key: str, read: Callable[[Item], V | None]) -> V | None:
        """A member as `read` gives it; None if it is absent or faulty."""
        return read(self.found[key]) if key in self.found else None

    def text(self, key: str) -> str | None:
        return self.read(key, Item.text)

    def words(self, key: str) -> str | None:
        """Text for people: a number is taken as it is written, and nothing as none given."""
        return self.read(key, Item.words)

    def listed(self, key: str, what: str) -> "list[Item]":
        """The values of a list that may be absent, or given as nothing."""
        if key in self.found and self.found[key].data is None:
            return []
        return self.read(key, lambda item: item.items(what)) or []


def root(data: object, problems: list[Problem]) -> Item | None:
    """The whole document; None, with its problem, if it is no plain data or nested too deep to be looked into."""
    todo: list[tuple[object, str, int]] = [(data, "", 0)]
    while todo:
        value, at, depth = todo.pop()
        fault = _plain_fault(value, depth)
        if fault:
            problems.append(Problem(at, one_line(fault)))
            return None
        if isinstance(value, Mapping):
            todo.extend((value[key], pointer(at, key), depth + 1) for key in value)
        elif isinstance(value, list):
            todo.extend((item, f"{at}/{index}", depth + 1) for index, item in enumerate(value))
    return Item(data, "", problems)


def _plain_fault(value: object, depth: int) -> str | None:
    if isinstance(value, str | bool | float) or value is None:
        return None
    if isinstance(value, int):
        return "a number too large to count with" if value.bit_length() > _BITS_LIMIT else None
    if not isinstance(value, dict | list):
        return "neither text, number, list nor mapping"
    if depth >= DEPTH_LIMIT:
        return f"nested more than {DEPTH_LIMIT} deep"
    if isinstance(value, Mapping) and not all(isinstance(key, str) for key in value):
        return "a key must be text"
    return None


def all_read(items: Sequence[Item], read: Callable[[Item], V | None]) -> tuple[V, ...] | None:
    """Every item as `read` gives it; None if one of them is faulty, all of them having been read."""
    values = [read(item) for item in items]
    kept = tuple(value for value in values if value is not None)
    return kept if len(kept) == len(values) else None


def near(word: str, known: Collection[str]) -> str:
    """`: did you mean …?` if there is a near spelling among what is known, else nothing."""
    if len(word) > _WORD_LIMIT or len(known) > KNOWN_LIMIT:
        return ""
    return _near(word, tuple(sorted(known)))


@lru_cache(maxsize=1024)
def _near(word: str, known: tuple[str, ...]) -> str:
    qualified = [name for name in known if name.endswith(f"/{word}")]
    found = [*qualified, *difflib.get_close_matches(word, known, 1, 0.6)]
    return f": did you mean `{found[0]}`?" if found else ""


def choice(allowed: Collection[str]) -> str:
    """`a`, `b` or `c`."""
    *others, last = (f"`{word}`" for word in allowed)
    return f"{', '.join(others)} or {last}" if others else last


def counted(problems: Sequence[Problem]) -> str:
    """The faults of another document in one line: how many, and the first."""
    number = f"{len(problems)} faults, the first" if len(problems) > 1 else "a fault"
    return f"{number} at `{problems[0].at or '/'}`: {problems[0].message}"


def described(data: object) -> str:
    """What a value is, in the words of its author."""
    if data is None:
        return "nothing"
    if isinstance(data, bool):
        return f"`{str(data).lower()}`"
    if isinstance(data, str):
        return f"`{data}`" if data.strip() else "empty text"
    if isinstance(data, int | float):
        return f"the number `{data}`"
    return "a list" if isinstance(data, list) else "a mapping"


def one_line(message: str) -> str:
    """The message without what would break its line, cut off where it gets too long to read."""
    if len(message) > _MESSAGE_LIMIT:
        message = message[: _MESSAGE_LIMIT - 1] + "…"
    if message.isprintable():
        return message
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "replace").decode() for c in message)
