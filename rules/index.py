"""Which of many conditions about one subject hold, at a cost that hardly grows with their number.

A condition is taken apart into its leaves. Each facet of the subject has masks of its own: the places of all leaves
about it as they stand by default, overlaid at those that are filed under a value that the facts select. Conditions of
one form (`all` of a leaf about the tags and `not` one about the seat, say) are then joined, all places at once.

What was once worked out is remembered, by facet and as a whole, in tables that are bounded.
"""

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import NamedTuple, Protocol, TypeAlias

from rules.facets import Facet, filing, spread
from rules.language import AllOf, AnyOf, Condition, Leaf, NotOf
from rules.marks import Marks, Places, Unknown, all_of, any_of, marks, mask_of, none_of, packed, union
from rules.profiles import Profile, remember, room
from rules.selections import Selected, Selection
from rules.verdicts import Verdict


class Reader(Protocol):
    """What is known of one subject."""

    def select(self, facet: Facet, filed: Collection[Hashable]) -> Selected:
        """What is known of a facet; `filed` are the values that any condition about it is filed under."""


class _Slot(NamedTuple):
    """The n-th leaf about its facet, in a form."""

    facet: int
    layer: int


Form: TypeAlias = "_Slot | AllOf[Form] | AnyOf[Form] | NotOf[Form]"


class _State(NamedTuple):
    """What the facts say of one facet, by layer."""

    number: int
    layers: tuple[Marks, ...]


Leaves: TypeAlias = Mapping[tuple[int, Leaf], Sequence[int]]
"""The places of leaves about one facet, by layer and leaf."""


class _FacetIndex:
    """The leaves about one facet."""

    def __init__(self, facet: Facet, leaves: Leaves, size: int) -> None:
        self.facet = facet
        self._asked = _asked(leaves)
        self._filed = _filed(leaves)
        self._states: dict[Hashable, _State] = {}
        self._numbers = count()
        self._room = room(size)

    @property
    def values(self) -> Collection[Hashable]:
        """What any leaf is filed under."""
        return self._filed.keys()

    def read(self, reader: Reader) -> _State:
        """The masks of every layer for these facts."""
        selected = reader.select(self.facet, self._filed.keys())
        if isinstance(selected, Selection):
            return self._state(selected)
        states = [self._state(part) for part in selected.parts]
        key = (selected.join, frozenset([state.number for state in states]))
        state = self._states.get(key)
        if state is None:
            layers = zip(*(each.layers for each in states), strict=True)
            state = self._remembered(key, tuple(map(selected.join, layers)))
        return state

    def _state(self, selection: Selection) -> _State:
        key = (selection.default, selection.key)
        return self._states.get(key) or self._remembered(key, self._marked(selection))

    def _remembered(self, key: Hashable, layers: tuple[Marks, ...]) -> _State:
        state = _State(next(self._numbers), layers)
        remember(self._states, key, state, self._room)
        return state

    def _marked(self, selection: Selection) -> tuple[Marks, ...]:
        found: list[dict[Verdict, list[Places]]] = [{} for _ in self._asked]
        for value, verdict in selection.found:
            for layer, places in self._filed.get(value, ()):
                found[layer].setdefault(verdict, []).append(places)
        return tuple(
            _overlaid(asked, selection.default, {verdict: union(places) for verdict, places in each.items()})
            for asked, each in zip(self._asked, found, strict=True)
        )


def _asked(leaves: Leaves) -> tuple[int, ...]:
    """By layer: all places."""
    layers: dict[int, list[int]] = {}
    for (layer, _), places in leaves.items():
        layers.setdefault(layer, []).extend(places)
    return tuple(mask_of(layers[layer]) for layer in range(len(layers)))


def _filed(leaves: Leaves) -> dict[Hashable, tuple[tuple[int, Places], ...]]:
    """By value: the places of the leaves that are filed under it, by layer."""
    filed: dict[Hashable, dict[int, list[int]]] = {}
    for (layer, leaf), places in leaves.items():
        for value in filing(leaf).values:
            filed.setdefault(value, {}).setdefault(layer, []).extend(places)
    return {
        value: tuple((layer, packed(places)) for layer, places in layers.items()) for value, layers in filed.items()
    }


def _overlaid(asked: int, default: Verdict, found: Mapping[Verdict, int]) -> Marks:
    """All places asked as they stand by default, but for those found otherwise."""
    rest = asked & ~union(found.values()) if found else asked
    true = possible = 0
    why: list[Marks] = []
    for (truth, causes), places in ((default, rest), *found.items()):
        if truth:
            true |= places
        if truth is not False:
            possible |= places
            why.append(Marks(0, 0, tuple((cause, places) for cause in causes)))
    return marks(true, possible, why)


class Index:
    """Conditions about one subject, each at its places."""

    def __init__(self, conditions: Mapping[Condition, Sequence[int]], size: int) -> None:
        """`size`: how many places there are; one at which no condition stands is true."""
        forms = _Forms()
        for condition, places in conditions.items():
            forms.add(spread(condition), places)
        self._facets = [_FacetIndex(facet, forms.leaves[number], size) for facet, number in forms.numbers.items()]
        self._forms = [(form, mask_of(places)) for form, places in forms.places.items()]
        self._elsewhere = (1 << size) - 1 & ~union(mask for _, mask in self._forms)
        self._profiles: dict[tuple[int, ...], Profile] = {}
        self._alike: dict[Marks, Profile] = {}
        self._doubts: dict[Unknown, int] = {}
        self._numbers = count(1)
        self._room = room(size)

    def values(self, facet: Facet) -> Collection[Hashable]:
        """What any condition about this facet is filed under."""
        return next((each.values for each in self._facets if each.facet == facet), ())

    def read(self, reader: Reader) -> Profile:
        """What these facts make of every condition."""
        states = [facet.read(reader) for facet in self._facets]
        key = tuple([state.number for state in states])
        profile = self._profiles.get(key)
        if profile is None:
            profile = self._shared(self._joined(states))
            remember(self._profiles, key, profile, self._room)
        return profile

    def _joined(self, states: Sequence[_State]) -> Marks:
        true = possible = self._elsewhere
        why: list[Marks] = []
        for form, places in self._forms:
            found = _evaluated(form, states)
            true |= found.true & places
            possible |= found.possible & places
            if found.unknown:
                why.append(Marks(0, 0, tuple((cause, unknown & places) for cause, unknown in found.unknown)))
        return marks(true, possible, why)

    def _shared(self, marks: Marks) -> Profile:
        """One object for all profiles that are equal, as long as it is remembered."""
        profile = self._alike.get(marks)
        if profile is None:
            profile = Profile(*marks, self._doubt(marks.unknown))
            remember(self._alike, marks, profile, self._room)
        return profile

    def _doubt(self, unknown: Unknown) -> int:
        if not unknown:
            return 0
        number = self._doubts.get(unknown)
        if number is None:
            number = next(self._numbers)
            remember(self._doubts, unknown, number, self._room)
        return number


def _evaluated(form: Form, states: Sequence[_State]) -> Marks:
    match form:
        case _Slot(facet, layer):
            return states[facet].layers[layer]
        case NotOf(part):
            return none_of(_evaluated(part, states))
        case AllOf(parts):
            return all_of([_evaluated(part, states) for part in parts])
        case AnyOf(parts):
            return any_of([_evaluated(part, states) for part in parts])


@dataclass(slots=True)
class _Forms:
    """Conditions taken apart into leaves by facet, and put together by form."""

    numbers: dict[Facet, int] = field(default_factory=dict)
    leaves: list[dict[tuple[int, Leaf], list[int]]] = field(default_factory=list)
    """By facet."""
    places: dict[Form, list[int]] = field(default_factory=dict)

    def add(self, condition: Condition, places: Sequence[int]) -> None:
        """Add a condition."""
        self.places.setdefault(self._form(condition, places, {}), []).extend(places)

    def _form(self, condition: Condition, places: Sequence[int], layers: dict[int, int]) -> Form:
        """`layers`: how many leaves about each facet came before."""
        match condition:
            case AllOf(parts):
                return AllOf(tuple(sorted((self._form(part, places, layers) for part in parts), key=_rank)))
            case AnyOf(parts):
                return AnyOf(tuple(sorted((self._form(part, places, layers) for part in parts), key=_rank)))
            case NotOf(part):
                return NotOf(self._form(part, places, layers))
            case _:
                return self._slot(condition, places, layers)

    def _slot(self, leaf: Leaf, places: Sequence[int], layers: dict[int, int]) -> _Slot:
        facet = self._number(filing(leaf).facet)
        layer = layers.get(facet, 0)
        layers[facet] = layer + 1
        self.leaves[facet].setdefault((layer, leaf), []).extend(places)
        return _Slot(facet, layer)

    def _number(self, facet: Facet) -> int:
        number = self.numbers.get(facet)
        if number is None:
            number = self.numbers[facet] = len(self.leaves)
            self.leaves.append({})
        return number


def _rank(form: Form) -> tuple[int, int]:
    """An order in which conditions that differ only in that of their parts are alike, most of them."""
    match form:
        case _Slot(facet, layer):
            return facet, layer
        case NotOf(part):
            return _rank(part)
        case AllOf(parts) | AnyOf(parts):
            return _rank(parts[0]) if parts else (-1, -1)
