"""The parts of records, each encoded once; and which facts the segment has already.

What many decisions share (the decision itself, the facts, the location) is kept as bytes, by its identity.
"""

from collections.abc import Iterable
from typing import Any

from rules.facts import AccountFacts, EntityId, Location, OwnershipGraph, ResourceFacts
from rules.language import Decision
from service.decide import SourceState
from service.decision_log.freezing import (
    Frozen,
    Memo,
    encode,
    frozen_graph,
    frozen_location,
    partners_of,
    written,
)

ACCOUNTS_LIMIT = 16_384
"""Accounts whose part is kept, in each of two generations: as many in all as a process has screenings of."""

KEPT_BYTES = 1_024
"""Facts that take more are made again for every segment."""

TEXT_LIMIT = 4_096
"""Characters of an id that a caller made up; no registered one is as long."""


class Fragments:
    """Makes the parts of records for one segment after another. For one thread."""

    def __init__(self) -> None:
        self._encoded: Memo[bytes] = Memo()
        self._facts: Memo[tuple[bytes, str]] = Memo(ACCOUNTS_LIMIT)
        """Of facts and locations: their part of the line, and the name of what it refers to."""
        self._graphs: Memo[str] = Memo(ACCOUNTS_LIMIT)
        self._lines: Memo[Frozen] = Memo(ACCOUNTS_LIMIT)
        """Of graphs: what they are in a segment, where that is little."""
        self._partners: Memo[dict[EntityId, set[EntityId]]] = Memo()
        self._known: set[str] = set()
        """Names of the facts that the segment holds, or will once the lines made so far are written."""
        self._unwritten: set[str] = set()

    def begin_segment(self) -> None:
        """Nothing is said yet in the segment that the next lines go to."""
        self._known, self._unwritten = set(), set()

    def written(self) -> None:
        """All lines made so far are in the segment."""
        self._unwritten = set()

    def lost(self) -> None:
        """The lines made since the last that were written are not in the segment, and never will be."""
        self._known -= self._unwritten
        self._unwritten = set()

    def age(self) -> None:
        """Let go of what no recent answer refers to."""
        for memo in (self._encoded, self._facts, self._graphs, self._lines, self._partners):
            memo.age()

    def lines_of(self, fresh: dict[str, Frozen]) -> bytes:
        """The lines of facts that the segment lacked; they count as said from now on."""
        if not fresh:
            return b""
        self._known.update(fresh)
        self._unwritten.update(fresh)
        return b"".join([line for frozen in fresh.values() for line in frozen.lines])

    def decision(self, decision: Decision) -> bytes:
        """The members that tell the answer."""
        return self._encoded.get(decision) or self._encoded.keep(encode(told(decision))[1:-1], decision)

    def sources(self, sources: tuple[SourceState, ...]) -> bytes:
        """The member `data`."""
        return self._encoded.get(sources) or self._encoded.keep(_sources(sources), sources)

    def location(self, location: Location, fresh: dict[str, Frozen]) -> bytes:
        """The members `claims` and `location`. `fresh` takes what must be said before."""
        fragment, id = self._facts.get(location) or self._facts.keep(_location(location), location)
        if id not in self._known:
            fresh[id] = frozen_location(location)
        return fragment

    def account(self, facts: AccountFacts, fresh: dict[str, Frozen]) -> bytes:
        """The member `account_facts`. `fresh` takes what must be said before."""
        fragment, id = self._facts.get(facts) or self._facts.keep(self._account(facts, fresh), facts)
        self._need(id, facts.graph, facts.account.entity, fresh)
        return fragment

    def resource(self, facts: ResourceFacts, fresh: dict[str, Frozen]) -> bytes:
        """The member `resource_facts`. `fresh` takes what must be said before."""
        fragment, id = self._facts.get(facts) or self._facts.keep(self._resource(facts, fresh), facts)
        self._need(id, facts.graph, facts.resource.provider, fresh)
        return fragment

    def _account(self, facts: AccountFacts, fresh: dict[str, Frozen]) -> tuple[bytes, str]:
        account, id = facts.account, self._graph_id(facts.graph, facts.account.entity, fresh)
        document = {
            "registered": account.registered,
            "entity": account.entity,
            "tags": sorted(account.tags),
            "declared": dict(sorted(account.declared.items())),
            "graph": id or None,
            "revision": facts.graph.revision,
        }
        return b'"account_facts":' + encode(document), id

    def _resource(self, facts: ResourceFacts, fresh: dict[str, Frozen]) -> tuple[bytes, str]:
        resource, id = facts.resource, self._graph_id(facts.graph, facts.resource.provider, fresh)
        document = {
            "tags": sorted(resource.tags),
            "provider": resource.provider,
            "graph": id or None,
            "revision": facts.graph.revision,
        }
        return b'"resource_facts":' + encode(document), id

    def _graph_id(self, graph: OwnershipGraph, entity: EntityId | None, fresh: dict[str, Frozen]) -> str:
        if entity is None:
            return ""
        id = self._graphs.get(graph, entity)
        if id is None:
            frozen = self._frozen(graph, entity)
            fresh[frozen.id] = frozen
            id = self._graphs.keep(frozen.id, graph, entity)
        return id

    def _need(self, id: str, graph: OwnershipGraph, entity: EntityId | None, fresh: dict[str, Frozen]) -> None:
        """Have the facts said in this segment, once."""
        if entity is None or id in self._known:
            fresh.pop(id, None)
        elif id not in fresh:
            fresh[id] = self._frozen(graph, entity)

    def _frozen(self, graph: OwnershipGraph, entity: EntityId) -> Frozen:
        frozen = self._lines.get(graph, entity)
        if frozen is None:
            frozen = frozen_graph(graph, entity, self._partners_of(graph))
            if sum(map(len, frozen.lines)) <= KEPT_BYTES:
                self._lines.keep(frozen, graph, entity)
        return frozen

    def _partners_of(self, graph: OwnershipGraph) -> dict[EntityId, set[EntityId]]:
        partners = self._partners.get(graph)
        return self._partners.keep(partners_of(graph), graph) if partners is None else partners


def told(decision: Decision) -> dict[str, Any]:
    """What is recorded of an answer, in the order of a record."""
    return {
        "effect": decision.effect,
        "rule": decision.rule,
        "reason": decision.reason,
        "message": decision.message,
        "source": decision.source,
        "ruleset": decision.ruleset,
        "revision": decision.revision,
        "facts": decision.facts,
        "unknown": decision.unknown,
        "monitored": decision.monitored,
        "lifted": decision.lifted,
    }


def clipped(text: str) -> str:
    """A text as it is recorded: of a very long one, its beginning."""
    return text if len(text) <= TEXT_LIMIT else text[:TEXT_LIMIT] + "…"


def _sources(sources: Iterable[SourceState]) -> bytes:
    states = [{"name": each.name, "revision": each.revision, "dated": written(each.dated)} for each in sources]
    return b'"data":' + encode(states)


def _location(location: Location) -> tuple[bytes, str]:
    id = frozen_location(location).id
    document = {"claims": {claim.source: claim.code for claim in location.claims}, "location": id}
    return encode(document)[1:-1], id
