"""Reads JSON (RFC 8259) with the place of every value, duplicate names, and nothing that JSON does not have.

The standard library's decoder reads strings here; it knows no places for anything else.
"""

import re
from json import JSONDecodeError, JSONDecoder
from typing import Never

from rules.errors import pointer
from service.document_nodes import DEPTH_LIMIT, BrokenText, Lines, Node, Place, PlacedProblem, placed

_SPACE = re.compile(r"[ \t\r\n]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_WORD = re.compile(r"[-+\w.]*", re.ASCII)
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_LITERALS: dict[str, object] = {"true": True, "false": False, "null": None}
_DIGITS_LIMIT = 300
"""Longer whole numbers are refused: nothing here counts so far."""


def read_json(text: str) -> tuple[Node, tuple[PlacedProblem, ...]]:
    """Read one JSON value.

    Raises:
        BrokenText: where the text stops being JSON.
    """
    reader = _JsonReader(text)
    return reader.whole(), tuple(reader.problems)


class _JsonReader:
    def __init__(self, text: str) -> None:
        self.problems: list[PlacedProblem] = []
        self._text = text
        self._lines = Lines(text)
        self._offset = 0
        self._decoder = JSONDecoder()

    def whole(self) -> Node:
        if not self._next():
            self._stop("the document is empty")
        node = self._value("", 0)
        if self._next():
            self._stop("the document goes on after its end")
        return node

    def _value(self, at: str, depth: int) -> Node:
        start = self._next()
        if start in ("{", "["):
            if depth >= DEPTH_LIMIT:
                self._stop(f"nested more than {DEPTH_LIMIT} deep", at)
            return self._object(at, depth) if start == "{" else self._array(at, depth)
        place = self._lines.place(self._offset)
        return Node(self._text_value(at) if start == '"' else self._plain_value(at), place)

    def _object(self, at: str, depth: int) -> Node:
        members: dict[str, tuple[Place, Node]] = {}
        start = self._lines.place(self._offset)
        self._offset += 1
        more = not self._took("}")
        while more:
            if self._next() != '"':
                self._stop("a name in double quotes is wanted here", at)
            place, name = self._lines.place(self._offset), self._text_value(at)
            if not self._took(":"):
                self._stop("`:` is wanted here", at)
            member = self._value(pointer(at, name), depth + 1)
            if name in members:
                message = f"duplicate key `{name}`: first given on line {members[name][0][0]}"
                self._problem(message, place, pointer(at, name))
            else:
                members[name] = place, member
            more = self._goes_on("}", at)
        return Node({name: member.value for name, (_, member) in members.items()}, start, members)

    def _array(self, at: str, depth: int) -> Node:
        items: list[Node] = []
        start = self._lines.place(self._offset)
        self._offset += 1
        more = not self._took("]")
        while more:
            items.append(self._value(f"{at}/{len(items)}", depth + 1))
            more = self._goes_on("]", at)
        return Node([item.value for item in items], start, items=items)

    def _text_value(self, at: str) -> str:
        try:
            value, end = self._decoder.raw_decode(self._text, self._offset)
        except JSONDecodeError as error:
            self._offset = min(error.pos, len(self._text))
            self._stop(f"not JSON: {error.msg[:1].lower()}{error.msg[1:]}".removesuffix(" at").rstrip(": "), at)
        if _LONE_SURROGATE.search(value):
            self._stop("half of a surrogate pair is no text", at)
        self._offset = end
        return str(value)

    def _plain_value(self, at: str) -> object:
        word = self._match(_WORD)
        if word in _LITERALS:
            self._offset += len(word)
            return _LITERALS[word]
        number = _NUMBER.fullmatch(word)
        if number is None:
            shown = word[:40] or self._next()
            self._stop(f"not JSON: `{shown}` is no value" if shown else "the document ends too soon", at)
        if len(word) > _DIGITS_LIMIT:
            self._stop(f"a number of more than {_DIGITS_LIMIT} digits", at)
        self._offset += len(word)
        return float(word) if number[1] or number[2] else int(word)

    def _goes_on(self, closing: str, at: str) -> bool:
        """Whether another member follows; moves past the comma, or past the closing bracket."""
        if self._took(","):
            return True
        if not self._took(closing):
            self._stop(f"`,` or `{closing}` is wanted here", at)
        return False

    def _took(self, mark: str) -> bool:
        found = self._next() == mark
        self._offset += found
        return found

    def _next(self) -> str:
        """The next character that is not space, or nothing at the end; moves to it."""
        self._offset += len(self._match(_SPACE))
        return self._text[self._offset : self._offset + 1]

    def _match(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._offset)
        return found[0] if found else ""

    def _problem(self, message: str, place: Place, at: str) -> None:
        self.problems.append(placed(message, place, at, on_key=True))

    def _stop(self, message: str, at: str = "") -> Never:
        raise BrokenText(placed(message, self._lines.place(self._offset), at))
