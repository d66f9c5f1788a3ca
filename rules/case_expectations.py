"""What a case expects of a decision, and how a decision differs from it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from rules.language import Decision, Obligation
from rules.parse_rules import EFFECTS, json_text
from rules.reading import Item, all_read


@dataclass(frozen=True, slots=True)
class ExpectedObligation:
    """An obligation that must come; what is None may be anything."""

    type: str
    properties: str | None = None
    id: str | None = None

    def met_by(self, obligation: Obligation) -> bool:
        return (
            self.type == obligation.type
            and self.properties in (None, obligation.properties)
            and self.id in (None, obligation.id)
        )


Expected: TypeAlias = str | int | tuple[str, ...] | tuple[ExpectedObligation, ...] | None


@dataclass(frozen=True, slots=True)
class Expectation:
    """Any subset of a decision."""

    members: tuple[tuple[str, Expected], ...]
    written: Mapping[str, object]
    """The same as plain data, as its author wrote it."""


def read_expectation(item: Item) -> Expectation | None:
    """What a case expects."""
    members = item.members(tuple(_READERS), what="a mapping of what is expected")
    if item.data == {}:
        return item.fault("a case that expects nothing tests nothing")
    if not isinstance(item.data, Mapping):
        return None
    expected = tuple((name, _READERS[name](found)) for name, found in members.found.items())
    return Expectation(expected, dict(item.data))


def differences(expectation: Expectation, decision: Decision) -> Iterator[str]:
    """A line for each member that came otherwise than expected."""
    for name, expected in expectation.members:
        came: Expected | tuple[Obligation, ...] = getattr(decision, name)
        if not _met(name, expected, came):
            yield f"{name}: expected {_shown(expected)}, came {_shown(came)}"


def disagreements(explained: Decision, evaluated: Decision) -> Iterator[str]:
    """A line for each member in which the two meanings of the language differ."""
    for member in Decision.__slots__:
        first, second = getattr(explained, member), getattr(evaluated, member)
        if first != second:
            yield f"{member}: a fault of Cordon's own, explain says `{first}` and evaluate says `{second}`"


def _met(name: str, expected: Expected, came: "Expected | tuple[Obligation, ...]") -> bool:
    if not isinstance(expected, tuple) or not isinstance(came, tuple):
        return expected == came
    if name == "obligations":
        return len(expected) == len(came) and all(map(_obliged, expected, came))
    if name == "unknown":
        return all(any(_names(code, found) for found in came) for code in expected) and all(
            any(_names(code, found) for code in expected) for found in came
        )
    return set(expected) == set(came)


def _obliged(expected: object, came: object) -> bool:
    return isinstance(expected, ExpectedObligation) and isinstance(came, Obligation) and expected.met_by(came)


def _names(expected: object, came: object) -> bool:
    """Whether an expected code, or only its fact, is the one that came: `location` names `location.coarse`."""
    return came == expected or str(came).startswith(f"{expected}.")


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(_shown, value)) or "none"
    if isinstance(value, Obligation | ExpectedObligation):
        return f"`{value.type}`" if value.properties in (None, "{}") else f"`{value.type}` with `{value.properties}`"
    return "none" if value is None else f"`{value}`"


def _text_or_none(item: Item) -> Expected:
    return None if item.data is None else item.text("text, or nothing")


def _obligations(item: Item) -> Expected:
    return all_read(item.items("a list of obligations") or [], _obligation)


def _obligation(item: Item) -> ExpectedObligation | None:
    if isinstance(item.data, str):
        return ExpectedObligation(item.data)
    members = item.members(("type", "properties", "id"), ("type",), "an obligation, or its type")
    type = members.text("type")
    return None if type is None else ExpectedObligation(type, members.read("properties", json_text), members.text("id"))


_READERS: Mapping[str, Callable[[Item], Expected]] = {
    "effect": lambda item: item.one_of(EFFECTS, "an effect"),
    "rule": _text_or_none,
    "monitored": Item.any_texts,
    "unknown": Item.any_texts,
    "reason": _text_or_none,
    "status": lambda item: item.whole(400, 599),
    "obligations": _obligations,
    "lifted": Item.any_texts,
    "message": _text_or_none,
}
"""By member of a decision: how what is expected of it is read."""
