"""The part of an ownership graph above one entity at one time: who holds what in it, and in those who hold.

Built once per screening and shared by every condition that asks about that entity. Linear in the interests reached.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from rules.facts import Entity, EntityId, Interest, OwnershipGraph

TARGET = 0
"""Position of the entity asked about; those above it are numbered in the order they are reached."""

OWNERLESS_KINDS = frozenset({"person", "state"})
"""Kinds of entity that nobody owns: no part of them can be undisclosed."""


class Holding(NamedTuple):
    """A valid interest between two numbered entities; shares in millionths."""

    owner: int
    subject: int
    lower: int
    above_lower: bool
    upper: int
    below_upper: bool
    control: bool
    interest: Interest


@dataclass(frozen=True, slots=True)
class Disclosed:
    """What all valid interests in one entity add up to at least."""

    lower: int
    strict_count: int
    """How many of them are strictly above their lower bound."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """Everything that holds the target, directly or indirectly, by interests valid at one time."""

    graph: OwnershipGraph
    entities: tuple[Entity, ...]
    incoming: tuple[tuple[Holding, ...], ...]
    """By subject: the holdings in it."""
    outgoing: Sequence[Sequence[Holding]]
    """By owner: what it holds that leads to the target."""
    disclosed: tuple[Disclosed, ...]
    has_control: bool
    """Some interest decides without regard to its share."""
    since: datetime | None
    """Start of the span of time around `at` in which the same interests are valid; None if open."""
    until: datetime | None

    def may_be_undisclosed(self, subject: int) -> bool:
        """Whether someone unknown may own a part of it.

        An entity above the target of whom no owner is recorded at all is taken as the end of its chain.
        """
        if self.entities[subject].kind in OWNERLESS_KINDS:
            return False
        return subject == TARGET or bool(self.incoming[subject])


def upstream_of(graph: OwnershipGraph, target: EntityId, at: datetime) -> Upstream:
    """Walk up from `target` by the interests valid at `at` (`start` <= at < `end`)."""
    return _Walk(graph, target, at).run()


def components(upstream: Upstream) -> list[list[int]]:
    """Strongly connected components, owners before what they own.

    Tarjan's algorithm (SIAM J. Comput. 1, 1972, p. 146), without recursion: chains are thousands long.
    """
    return _Tarjan([[holding.owner for holding in held] for held in upstream.incoming]).run()


NOTHING_DISCLOSED = Disclosed(0, 0)


class _Walk:
    """The walk up, one entity after another, and the span of time in which it would be the same."""

    def __init__(self, graph: OwnershipGraph, target: EntityId, at: datetime) -> None:
        self.graph = graph
        self.at = at
        self.since: datetime | None = None
        self.until: datetime | None = None
        self.names = [target]
        self.numbers = {target: TARGET}
        self.incoming: list[tuple[Holding, ...]] = []
        self.outgoing: list[list[Holding]] = [[]]
        self.disclosed: list[Disclosed] = []
        self.has_control = False

    def run(self) -> Upstream:
        owners = self.graph.owners
        for number, name in enumerate(self.names):
            interests = owners.get(name)
            if interests is None:
                self.incoming.append(())
                self.disclosed.append(NOTHING_DISCLOSED)
            else:
                self._hold(number, interests)
        return Upstream(
            graph=self.graph,
            entities=tuple(map(self.graph.entity, self.names)),
            incoming=tuple(self.incoming),
            outgoing=self.outgoing,
            disclosed=tuple(self.disclosed),
            has_control=self.has_control,
            since=self.since,
            until=self.until,
        )

    def _hold(self, subject: int, interests: tuple[Interest, ...]) -> None:
        held: list[Holding] = []
        lower = strict_count = 0
        for interest in interests:
            if (interest.start is not None or interest.end is not None) and not self._is_valid(interest):
                continue
            owner = self._number(interest.owner)
            share = interest.share
            holding = Holding(
                owner,
                subject,
                share.lower,
                share.above_lower,
                share.upper,
                share.below_upper,
                interest.control,
                interest,
            )
            held.append(holding)
            self.outgoing[owner].append(holding)
            self.has_control = self.has_control or interest.control
            lower += share.lower
            strict_count += share.above_lower
        self.incoming.append(tuple(held))
        self.disclosed.append(Disclosed(lower, strict_count))

    def _number(self, name: EntityId) -> int:
        number = self.numbers.get(name)
        if number is None:
            number = self.numbers[name] = len(self.names)
            self.names.append(name)
            self.outgoing.append([])
        return number

    def _is_valid(self, interest: Interest) -> bool:
        for edge in (interest.start, interest.end):
            if edge is not None and edge <= self.at:
                self.since = edge if self.since is None else max(self.since, edge)
            elif edge is not None:
                self.until = edge if self.until is None else min(self.until, edge)
        return (interest.start is None or interest.start <= self.at) and (
            interest.end is None or self.at < interest.end
        )


class _Tarjan:
    def __init__(self, edges: list[list[int]]) -> None:
        self.edges = edges
        self.order: list[int | None] = [None] * len(edges)
        self.low = [0] * len(edges)
        self.open: list[int] = []
        self.is_open = bytearray(len(edges))
        self.found: list[list[int]] = []
        self.count = 0

    def run(self) -> list[list[int]]:
        for leaf, owners in enumerate(self.edges):
            if not owners:
                self.order[leaf] = -1
                self.found.append([leaf])
        for root in range(len(self.edges)):
            if self.order[root] is None:
                self._explore(root)
        return self.found

    def _explore(self, root: int) -> None:
        path = [(root, self._enter(root))]
        while path:
            node, rest = path[-1]
            for neighbour in rest:
                if self.order[neighbour] is None:
                    path.append((neighbour, self._enter(neighbour)))
                    break
                if self.is_open[neighbour]:
                    self.low[node] = min(self.low[node], self.order[neighbour] or 0)
            else:
                path.pop()
                self._leave(node, path[-1][0] if path else None)

    def _enter(self, node: int) -> Iterator[int]:
        self.order[node] = self.low[node] = self.count
        self.count += 1
        self.open.append(node)
        self.is_open[node] = 1
        return iter(self.edges[node])

    def _leave(self, node: int, parent: int | None) -> None:
        if parent is not None:
            self.low[parent] = min(self.low[parent], self.low[node])
        if self.low[node] != self.order[node]:
            return
        component: list[int] = []
        while True:
            member = self.open.pop()
            self.is_open[member] = 0
            component.append(member)
            if member == node:
                break
        self.found.append(component)
