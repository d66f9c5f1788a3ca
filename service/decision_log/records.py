"""An answer -> the lines that record it: the decision in one, and the facts it rests on where the segment has none yet.

What many decisions share (the decision itself, the facts, the location) is encoded once and joined as bytes.
"""

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import Literal, TypeAlias

from rules.facts import IPV4_MAPPED, AccountFacts, Address, EntityId, Location, OwnershipGraph, ResourceFacts
from rules.language import Decision
from service.decide import Answer, SourceState
from service.decision_log.freezing import (
    Frozen,
    Memo,
    encode,
    frozen_graph,
    frozen_location,
    partners_of,
    written,
)

Addresses: TypeAlias = Literal["masked", "full", "none"]
"""How much of an address is recorded."""

TEXT_LIMIT = 4_096
"""Characters of an id that a caller made up; no registered one is as long."""

MASKED_BITS = {4: 24, 6: 48}
"""Leading bits that a masked address keeps, by version."""


class Records:
    """Makes the lines of answers for one segment after another. For one thread."""

    def __init__(self, worker: str, addresses: Addresses) -> None:
        self._worker = worker
        self._addresses: Addresses = addresses
        self._fragments: Memo[bytes] = Memo()
        self._facts: Memo[tuple[bytes, str]] = Memo()
        """Of facts and locations: their part of the line, and the name of what it refers to."""
        self._graphs: Memo[str] = Memo()
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
        for memo in (self._fragments, self._facts, self._graphs, self._partners):
            memo.age()

    def lines(self, answer: Answer) -> bytes:
        """The lines of one answer: facts that the segment lacks, then the decision.

        Raises:
            UnicodeError: a text of the answer cannot be written.
        """
        fresh: dict[str, Frozen] = {}
        account, resource = answer.facts
        parts = (
            self._head(answer),
            self._decision(answer.decision),
            self._sources(answer.sources),
            self._location(answer.located.location, fresh),
            self._account(account, fresh),
            self._resource(resource, fresh),
        )
        facts = [line for frozen in fresh.values() for line in frozen.lines]
        self._known.update(fresh)
        self._unwritten.update(fresh)
        return b"".join(facts) + b",".join(parts) + b"}\n"

    def _head(self, answer: Answer) -> bytes:
        request, located = answer.request, answer.located
        at = written(request.at)
        asked_at = request.asked_at
        head: dict[str, object] = {
            "type": "decision",
            "id": answer.id,
            "time": at if asked_at is None or asked_at is request.at else written(asked_at),
            "at": at,
            "worker": self._worker,
            "account": clipped(request.account),
            "resource": clipped(request.resource),
            "action": clipped(request.action),
            "address": recorded_address(located.address, self._addresses),
            "address_status": located.status,
        }
        if located.reserved is not None:
            head["reserved"] = located.reserved
        if request.foreign:
            head["foreign"] = True
        if request.inline is not None:
            head["inline"] = True
        if request.activity:
            head["activity"] = [
                {"count": count, "within_seconds": int(within.total_seconds()), "value": value}
                for (count, within), value in request.activity.items()
            ]
        return encode(head)[:-1]

    def _decision(self, decision: Decision) -> bytes:
        return self._fragments.get(decision) or self._fragments.keep(_decision_fragment(decision), decision)

    def _sources(self, sources: tuple[SourceState, ...]) -> bytes:
        return self._fragments.get(sources) or self._fragments.keep(_sources_fragment(sources), sources)

    def _location(self, location: Location, fresh: dict[str, Frozen]) -> bytes:
        fragment, id = self._facts.get(location) or self._facts.keep(_location_fragment(location), location)
        if id not in self._known:
            fresh[id] = frozen_location(location)
        return fragment

    def _account(self, facts: AccountFacts, fresh: dict[str, Frozen]) -> bytes:
        fragment, id = self._facts.get(facts) or self._facts.keep(self._account_fragment(facts, fresh), facts)
        self._need(id, facts.graph, facts.account.entity, fresh)
        return fragment

    def _resource(self, facts: ResourceFacts, fresh: dict[str, Frozen]) -> bytes:
        fragment, id = self._facts.get(facts) or self._facts.keep(self._resource_fragment(facts, fresh), facts)
        self._need(id, facts.graph, facts.resource.provider, fresh)
        return fragment

    def _account_fragment(self, facts: AccountFacts, fresh: dict[str, Frozen]) -> tuple[bytes, str]:
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

    def _resource_fragment(self, facts: ResourceFacts, fresh: dict[str, Frozen]) -> tuple[bytes, str]:
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
        partners = self._partners.get(graph)
        if partners is None:
            partners = self._partners.keep(partners_of(graph), graph)
        return frozen_graph(graph, entity, partners)


def _decision_fragment(decision: Decision) -> bytes:
    document = {
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
    return encode(document)[1:-1]


def _sources_fragment(sources: tuple[SourceState, ...]) -> bytes:
    states = [{"name": each.name, "revision": each.revision, "dated": written(each.dated)} for each in sources]
    return b'"data":' + encode(states)


def _location_fragment(location: Location) -> tuple[bytes, str]:
    id = frozen_location(location).id
    document = {"claims": {claim.source: claim.code for claim in location.claims}, "location": id}
    return encode(document)[1:-1], id


def clipped(text: str) -> str:
    """A text as it is recorded: of a very long one, its beginning."""
    return text if len(text) <= TEXT_LIMIT else text[:TEXT_LIMIT] + "…"


@lru_cache(maxsize=16_384)
def recorded_address(address: Address | None, addresses: Addresses) -> str | None:
    """The text of an address as far as it is recorded: `203.0.113.0/24`, `2001:db8:1::/48`, whole, or nothing."""
    if address is None or addresses == "none":
        return None
    is_ipv4 = address >> 32 == IPV4_MAPPED >> 32
    size, bits = (32, MASKED_BITS[4]) if is_ipv4 else (128, MASKED_BITS[6])
    number = address & (1 << size) - 1
    form = IPv4Address if is_ipv4 else IPv6Address
    if addresses == "full":
        return str(form(number))
    return f"{form(number >> size - bits << size - bits)}/{bits}"
