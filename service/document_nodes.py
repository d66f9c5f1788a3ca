"""A document's values with the place in the text that each came from."""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from rules.errors import Problem
from rules.reading import one_line

DEPTH_LIMIT = 100
"""How deep mappings and lists may nest."""

ALIASED_LIMIT = 100_000
"""How many values a document's aliases may repeat in all; without a bound, ten lines can stand for a billion values."""

Place: TypeAlias = tuple[int, int]
"""Line and column, both counted from 1."""

_LINE_BREAK = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class PlacedProblem(Problem):
    """A fault of the text itself, which knows its own place: no value may stand there."""

    line: int = 1
    column: int = 1


def placed(message: str, place: Place, at: str = "", on_key: bool = False) -> PlacedProblem:
    """A fault of the text at its place."""
    return PlacedProblem(at, one_line(message), on_key, place[0], place[1])


@dataclass(slots=True)
class Node:
    """One value, where it starts, and the nodes of what it holds."""

    value: object
    place: Place
    members: dict[str, tuple[Place, "Node"]] | None = None
    """Of a mapping: the place of each key, and its value."""
    items: list["Node"] | None = None
    """Of a list."""
    size: int = 1
    """How many values this is, aliases written out."""


class BrokenText(Exception):
    """The text cannot be read beyond `problem`."""

    def __init__(self, problem: PlacedProblem) -> None:
        super().__init__(problem.message)
        self.problem = problem


class Lines:
    """Finds the line and column of an offset in a text."""

    def __init__(self, text: str) -> None:
        self._starts = [0, *(found.end() for found in _LINE_BREAK.finditer(text))]

    def place(self, offset: int) -> Place:
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1


def steps_to(root: Node, at: str) -> Iterator[tuple[Place | None, Node]]:
    """The nodes on the way to the JSON Pointer `at`, each with the place of its key, as far as they exist."""
    node = root
    yield None, node
    for token in at.split("/")[1:]:
        found = _member(node, token.replace("~1", "/").replace("~0", "~"))
        if found is None:
            return
        node = found[1]
        yield found


def _member(node: Node, token: str) -> tuple[Place | None, Node] | None:
    if node.members is not None:
        return node.members.get(token)
    index = int(token) if token.isdecimal() and token.isascii() and len(token) < 10 else None
    if node.items is None or index is None or index >= len(node.items):
        return None
    return None, node.items[index]
