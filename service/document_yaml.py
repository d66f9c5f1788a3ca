"""Reads YAML 1.2 with its core schema: `NO`, `yes`, `2025-09-05` and `12:30:00` are text, and every key is text.

PyYAML supplies the events and their places; what a plain scalar means is decided here, since PyYAML knows YAML 1.1.
Source: YAML 1.2.2, section 10.3.2 (tag resolution of the core schema).
"""

import re
from collections.abc import Callable, Iterator

import yaml

from rules.errors import pointer
from service.document_nodes import ALIASED_LIMIT, DEPTH_LIMIT, BrokenText, Lines, Node, Place, PlacedProblem, placed

_LOADER = getattr(yaml, "CLoader", yaml.Loader)
_TAG = "tag:yaml.org,2002:"
_DIGITS_LIMIT = 300

_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
"""What YAML forbids, and the line breaks of YAML 1.1 that are none in 1.2: a reader could not see what is meant."""

_NULL = re.compile(r"null|Null|NULL|~|")
_BOOL = re.compile(r"true|True|TRUE|false|False|FALSE")
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"([-+]?)\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")


def read_yaml(text: str) -> tuple[Node, tuple[PlacedProblem, ...]]:
    """Read the one document of a YAML stream.

    Raises:
        BrokenText: where the text stops being YAML.
    """
    if forbidden := _FORBIDDEN.search(text):
        place = Lines(text).place(forbidden.start())
        raise _broken(f"the character U+{ord(forbidden[0]):04X} is not allowed here: write it as an escape", place)
    try:
        reader = _YamlReader(text)
        return reader.whole(), tuple(reader.problems)
    except yaml.YAMLError as error:
        raise _broken(*_syntax_fault(error, text)) from None


class _YamlReader:
    def __init__(self, text: str) -> None:
        self.problems: list[PlacedProblem] = []
        self._events: Iterator[yaml.Event] = yaml.parse(text, Loader=_LOADER)
        self._anchors: dict[str, Node | None] = {}
        self._aliased = 0

    def whole(self) -> Node:
        next(self._events)  # the start of the stream
        if isinstance(next(self._events), yaml.StreamEndEvent):
            raise _broken("the document is empty", (1, 1))
        root = self._node(next(self._events), "", 0)
        next(self._events)  # the end of the document
        if not isinstance(second := next(self._events), yaml.StreamEndEvent):
            raise _broken("a second document starts here: one file holds one", _place(second))
        return root

    def _node(self, event: yaml.Event, at: str, depth: int) -> Node:
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, at)
        assert isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent)
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        if isinstance(event, yaml.ScalarEvent):
            node = Node(self._scalar(event, at), _place(event))
        elif depth >= DEPTH_LIMIT:
            raise _broken(f"nested more than {DEPTH_LIMIT} deep", _place(event), at)
        else:
            node = self._collection(event, at, depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _collection(self, event: yaml.CollectionStartEvent, at: str, depth: int) -> Node:
        mapping = isinstance(event, yaml.MappingStartEvent)
        if event.tag not in (None, "!", _TAG + ("map" if mapping else "seq")):
            self._problem(f"the tag `{event.tag}` does not belong here", _place(event), at)
        return self._mapping(event, at, depth) if mapping else self._sequence(event, at, depth)

    def _sequence(self, event: yaml.Event, at: str, depth: int) -> Node:
        items: list[Node] = []
        place = _place(event)
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(event, f"{at}/{len(items)}", depth + 1))
        size = 1 + sum(item.size for item in items)
        return Node([item.value for item in items], place, items=items, size=size)

    def _mapping(self, event: yaml.Event, at: str, depth: int) -> Node:
        members: dict[str, tuple[Place, Node]] = {}
        start, size = _place(event), 1
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key, place = self._key(event, at, depth), _place(event)
            member = self._node(next(self._events), at if key is None else pointer(at, key), depth + 1)
            size += member.size
            if key in members:
                message = f"duplicate key `{key}`: first given on line {members[key][0][0]}"
                self._problem(message, place, pointer(at, key), on_key=True)
            elif key is not None:
                members[key] = place, member
        value = {key: member.value for key, (_, member) in members.items()}
        return Node(value, start, members, size=size)

    def _key(self, event: yaml.Event, at: str, depth: int) -> str | None:
        """The source text of a key; None, with a problem, if it is none that JSON could write."""
        if isinstance(event, yaml.ScalarEvent):
            if event.anchor is not None:
                self._anchors[event.anchor] = Node(self._scalar(event, at), _place(event))
            return str(event.value)
        node = self._node(event, at, depth + 1)
        if isinstance(event, yaml.AliasEvent) and isinstance(node.value, str):
            return node.value
        self._problem("a key must be text", _place(event), at)
        return None

    def _alias(self, event: yaml.AliasEvent, at: str) -> Node:
        if event.anchor not in self._anchors:
            self._problem(f"unknown anchor `{event.anchor}`", _place(event), at)
            return Node(None, _place(event))
        target = self._anchors[event.anchor]
        if target is None:
            raise _broken(f"`*{event.anchor}` stands inside of what it repeats", _place(event), at)
        self._aliased += target.size
        if self._aliased > ALIASED_LIMIT:
            raise _broken(f"the aliases repeat more than {ALIASED_LIMIT} values", _place(event), at)
        return Node(target.value, _place(event), target.members, target.items, target.size)

    def _scalar(self, event: yaml.ScalarEvent, at: str) -> object:
        try:
            return _resolved(event)
        except ValueError as error:
            self._problem(str(error), _place(event), at)
            return event.value

    def _problem(self, message: str, place: Place, at: str, on_key: bool = False) -> None:
        self.problems.append(placed(message, place, at, on_key))


def _resolved(event: yaml.ScalarEvent) -> object:
    text, tag = str(event.value), event.tag
    if tag is None:
        return _untagged(text) if event.implicit[0] else text
    if tag in ("!", _TAG + "str"):
        return text
    read = _TAGGED.get(tag.removeprefix(_TAG))
    if read is None:
        raise ValueError(f"the tag `{tag}` does not belong here")
    value = read(text)
    if value is _NOTHING:
        raise ValueError(f"`{text}` is no `!!{tag.removeprefix(_TAG)}`")
    return value


_NOTHING = object()


def _untagged(text: str) -> object:
    if text and text[0] not in "0123456789+-.tTfFnN~":
        return text  # most scalars are words: none of the patterns can match
    for read in _TAGGED.values():
        value = read(text)
        if value is not _NOTHING:
            return value
    return text


def _null(text: str) -> object:
    return None if _NULL.fullmatch(text) else _NOTHING


def _bool(text: str) -> object:
    return text.lower() == "true" if _BOOL.fullmatch(text) else _NOTHING


def _int(text: str) -> object:
    if not _INT.fullmatch(text):
        return _NOTHING
    if len(text) > _DIGITS_LIMIT:
        raise ValueError(f"a number of more than {_DIGITS_LIMIT} digits")
    return int(text, 0) if text[:2] in ("0o", "0x") else int(text)


def _float(text: str) -> object:
    if found := _NOT_FINITE.fullmatch(text):
        return float("nan") if found[1] is None else float(f"{found[1]}inf")
    return float(text) if _FLOAT.fullmatch(text) else _NOTHING


_TAGGED: dict[str, Callable[[str], object]] = {"null": _null, "bool": _bool, "int": _int, "float": _float}
"""By tag, in the order in which a scalar without one is tried."""


def _place(event: yaml.Event) -> Place:
    mark = event.start_mark
    assert mark is not None
    return mark.line + 1, mark.column + 1


def _broken(message: str, place: Place, at: str = "") -> BrokenText:
    return BrokenText(placed(message, place, at))


def _syntax_fault(error: yaml.YAMLError, text: str) -> tuple[str, Place]:
    """What PyYAML says, in words for the author where there are better ones."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is None:
        return f"not YAML: {error}".splitlines()[0], (1, 1)
    place = (mark.line + 1, mark.column + 1)
    problem, context = str(getattr(error, "problem", "")), str(getattr(error, "context", ""))
    return f"not YAML: {_hint(problem, context, _character(text, place)) or problem}", place


def _hint(problem: str, context: str, character: str) -> str | None:
    if "tab" in problem or character == "\t":
        return "a tab cannot indent, use spaces"
    if "cannot start any token" in problem or ("expected node content" in problem and character):
        return f"text cannot start with `{character}`, put it in quotes"
    if "comment or line break" in problem and "block scalar" in context:
        return "text cannot start with `>` or `|`, put it in quotes"
    if "mapping values are not allowed" in problem:
        return "`: ` cannot stand here, put the text in quotes or check the indentation"
    if "end of stream" in problem and "quoted" in context:
        return "the closing quote is missing"
    return None


def _character(text: str, place: Place) -> str:
    lines = re.split(r"\r\n|\r|\n", text)
    line = lines[place[0] - 1] if place[0] <= len(lines) else ""
    return line[place[1] - 1 : place[1]]
