"""What is known of the entity behind an account or a resource, and of who owns it.

Many rules ask for owners, and few owners are met: an index over the conditions that rules set on owners tells which of
them each entity above meets. Conditions that the same entities meet have the same answer, which is worked out once.
"""

from collections.abc import Collection, Hashable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import chain, islice
from typing import TypeAlias, cast

from rules.entities import EntityReader
from rules.facets import Facet, kind_of
from rules.facts import Entity, EntityId, OwnershipGraph
from rules.index import Index
from rules.language import EntityCondition, EntityMatches, HoldingTest, OwnedBy
from rules.marks import mask_of, places_in
from rules.ownership import owned
from rules.profiles import Profile, remember
from rules.selections import Selected, Selection
from rules.truth import Truth
from rules.upstream import TARGET, Upstream, upstream_of
from rules.verdicts import Verdict, known, unknown

Truths: TypeAlias = tuple[Truth, ...]
"""Whether entities meet a condition, by look."""

OWNERSHIP_CAUSES = {"entity": "owned.bounds", "provider": "provider.owned"}


class Holders:
    """The conditions that the rules of a program set on owners, each at a place, and which of them an entity meets."""

    def __init__(self, asked: Iterable[OwnedBy]) -> None:
        places: dict[EntityCondition, int] = {}
        tests: dict[HoldingTest, set[int]] = {}
        kinds: dict[Facet | None, set[int]] = {}
        for leaf in asked:
            place = places.setdefault(leaf.by, len(places))
            tests.setdefault(leaf.test, set()).add(place)
            kinds.setdefault(kind_of(leaf.by), set()).add(place)
        self.conditions = tuple(places)
        self.everywhere = (1 << len(places)) - 1
        self.under = {test: mask_of(found) for test, found in tests.items()}
        """By test: the places of the conditions whose holders it is put to."""
        self.about = {kind: mask_of(found) for kind, found in kinds.items()}
        """By facet of an entity: the places of the conditions that turn on it alone; None of those on several."""
        self._index = Index({EntityMatches(each): (place,) for each, place in places.items()}, len(places))
        self._ids = self._index.values(Facet("entity"))
        self._profiles: dict[Hashable, Profile] = {}

    def profile(self, entity: Entity) -> Profile:
        """Which conditions this entity meets."""
        named = entity.id if entity.id in self._ids else None
        look = (named, entity.kind, entity.listed, tuple(entity.seats.items()))
        profile = self._profiles.get(look)
        if profile is None:
            profile = self._index.read(EntityReader(entity, "entity"))
            remember(self._profiles, look, profile)
        return profile


@dataclass(frozen=True, slots=True)
class _Alike:
    """Conditions that the same entities meet."""

    truths: Truths
    places: int


class _Above:
    """The entities that an ownership question may turn on, told apart by the conditions that they meet."""

    def __init__(self, holders: Holders, entities: Iterable[Entity]) -> None:
        self._looks: dict[EntityId, int] = {}
        looks: dict[int, int] = {}
        profiles: list[Profile] = []
        for entity in entities:
            profile = holders.profile(entity)
            look = self._looks[entity.id] = looks.setdefault(id(profile), len(profiles))
            if look == len(profiles):
                profiles.append(profile)
        self.alike = [_Alike(tuple(truths), places) for truths, places in _alike(profiles, holders.everywhere)]

    def truth(self, truths: Truths, entity: Entity) -> Truth:
        """Whether an entity meets a condition that has these truths."""
        look = self._looks.get(entity.id)
        return False if look is None else truths[look]


def _alike(profiles: Iterable[Profile], everywhere: int) -> list[tuple[list[Truth], int]]:
    """All places, those together at which every profile has the same truth, with those truths."""
    found: list[tuple[list[Truth], int]] = [([], everywhere)]
    for profile in profiles:
        split: list[tuple[list[Truth], int]] = []
        for truths, places in found:
            true, possible = places & profile.true, places & profile.possible
            parts: list[tuple[Truth, int]] = [(True, true), (None, possible & ~true), (False, places & ~possible)]
            parts = [(truth, part) for truth, part in parts if part]
            for truth, part in parts:
                before = truths if len(parts) == 1 else truths.copy()
                before.append(truth)
                split.append((before, part))
        found = split
    return found


class Party:
    """Conditions about the entity behind an account or a resource, and about its owners, at one time."""

    def __init__(
        self, graph: OwnershipGraph, id: EntityId | None, *, at: datetime, prefix: str, holders: Holders
    ) -> None:
        """`prefix`: whose entity it is, in what leaves conditions unknown."""
        self._graph = graph
        self._id = id
        self._at = at
        self._holders = holders
        self._missing = unknown(f"{prefix}.missing")
        self._bounds = unknown(OWNERSHIP_CAUSES[prefix])
        self._entity = EntityReader(None if id is None else graph.entity(id), prefix)
        self._above: dict[bool, _Above] = {}
        """Those that a question about all owners together turns on, and those that one about single owners does."""
        self._answers: dict[HoldingTest, dict[Verdict, int]] = {}

    @cached_property
    def upstream(self) -> Upstream | None:
        """What is above the entity, if that is known."""
        return None if self._id is None else upstream_of(self._graph, self._id, self._at)

    def select(self, facet: Facet, filed: Collection[Hashable]) -> Selected:
        if facet.name != "owners":
            return self._entity.select(facet, filed)
        upstream = self.upstream
        if upstream is None:
            return Selection(self._missing)
        test, kind = cast("tuple[HoldingTest, Facet | None]", facet.of)
        return self._select_owners(self._answered(upstream, test), self._holders.about[kind])

    def _select_owners(self, answers: dict[Verdict, int], asked: int) -> Selection:
        """The commonest answer is the default."""
        found = {answer: places & asked for answer, places in answers.items() if places & asked}
        default = max(found, key=lambda answer: found[answer].bit_count())
        others = {answer: places for answer, places in found.items() if answer != default}
        conditions = self._holders.conditions
        found_otherwise = (
            (conditions[place], answer) for answer, places in others.items() for place in places_in(places)
        )
        return Selection(default, found_otherwise, tuple(others.items()))

    def _answered(self, upstream: Upstream, test: HoldingTest) -> dict[Verdict, int]:
        """By answer: the places of the conditions whose holders own the entity, may own it, or do not."""
        answers = self._answers.get(test)
        if answers is None:
            answers = self._answers[test] = {}
            for alike in self._those_above(upstream, test).alike:
                places = alike.places & self._holders.under[test]
                if places:
                    answer = self._answer(upstream, test, alike.truths)
                    answers[answer] = answers.get(answer, 0) | places
        return answers

    def _answer(self, upstream: Upstream, test: HoldingTest, truths: Truths) -> Verdict:
        if not test.undisclosed and all(truth is False for truth in truths):
            return known(test.threshold.met_by_lower(0, False))
        above = self._those_above(upstream, test)
        truth = owned(upstream, lambda entity: above.truth(truths, entity), test)
        return self._bounds if truth is None else known(truth)

    def _those_above(self, upstream: Upstream, test: HoldingTest) -> _Above:
        above = self._above.get(test.aggregate)
        if above is None:
            entities: Iterator[Entity] = islice(upstream.entities, TARGET + 1, None)
            if not test.aggregate:
                entities = chain(entities, _in_concert(self._graph))
            above = self._above[test.aggregate] = _Above(self._holders, entities)
        return above


def _in_concert(graph: OwnershipGraph) -> Iterator[Entity]:
    """Everyone recorded as acting together, above the entity or not: one who matches is enough for all."""
    for entity in graph.acting_together:
        yield entity
        yield from map(graph.entity, entity.acts_with)
