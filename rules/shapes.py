"""A condition -> its largest parts that speak of one thing only, joined by `all` and `any`; negation goes into them.

De Morgan's laws hold in three-valued logic, and keep what left a condition unknown; parts of one `all` (or `any`) about
the same thing become one part.
"""

from collections.abc import Callable
from itertools import chain
from typing import Generic, TypeAlias, TypeVar

from rules.language import AllOf, AnyOf, Condition, Leaf, NotOf

P = TypeVar("P")

Tree: TypeAlias = "P | AllOf[Tree[P]] | AnyOf[Tree[P]]"
"""A condition as parts."""


def leaves_of(condition: Condition) -> list[Leaf]:
    """Every leaf, as often as it occurs."""
    match condition:
        case AllOf(parts) | AnyOf(parts):
            return list(chain.from_iterable(map(leaves_of, parts)))
        case NotOf(part):
            return leaves_of(part)
        case _:
            return [condition]


class Splitter(Generic[P]):
    """Splits conditions by what their leaves speak of."""

    def __init__(self, about: Callable[[Leaf], int], constant: int, part: Callable[[int, Condition], P]) -> None:
        """`about` numbers what a leaf speaks of; `constant` is that of a condition without leaves."""
        self._about = about
        self._constant = constant
        self._part = part

    def tree(self, condition: Condition, *, negated: bool = False) -> "Tree[P]":
        """The condition, or its negation, as parts."""
        things = self._things(condition)
        if len(things) <= 1:
            return self._made(min(things, default=self._constant), condition, negated=negated)
        match condition:
            case NotOf(part):
                return self.tree(part, negated=not negated)
            case AllOf(parts):
                joined = self._joined(parts, AllOf, negated=negated)
                return AnyOf(joined) if negated else AllOf(joined)
            case AnyOf(parts):
                joined = self._joined(parts, AnyOf, negated=negated)
                return AllOf(joined) if negated else AnyOf(joined)
            case _:
                raise AssertionError(f"a leaf speaks of one thing: {condition}")

    def _joined(
        self, parts: tuple[Condition, ...], join: "type[AllOf[Condition]] | type[AnyOf[Condition]]", *, negated: bool
    ) -> "tuple[Tree[P], ...]":
        alone: dict[int, list[Condition]] = {}
        mixed: list[Condition] = []
        for part in parts:
            things = self._things(part)
            if len(things) <= 1:
                alone.setdefault(min(things, default=self._constant), []).append(part)
            else:
                mixed.append(part)
        trees: list[Tree[P]] = [self.tree(part, negated=negated) for part in mixed]
        for thing, same in sorted(alone.items()):
            condition = same[0] if len(same) == 1 else join(tuple(same))
            trees.append(self._made(thing, condition, negated=negated))
        return tuple(trees)

    def _made(self, thing: int, condition: Condition, *, negated: bool) -> P:
        return self._part(thing, NotOf(condition) if negated else condition)

    def _things(self, condition: Condition) -> set[int]:
        return set(map(self._about, leaves_of(condition)))
