"""Cuts what a decision was made from out of the whole record, and writes it as lines that a segment holds once.

A graph is cut to the closure of one entity under "is owned by" and "acts with": whatever a rule can ask about that
entity has the same answer in the cut as in the whole. Lines are named by what they say (SHA-256), so that the same
facts have one name in every segment.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import msgspec

from rules.facts import Entity, EntityId, Interest, Location, OwnershipGraph
from rules.shares import UNKNOWN_SHARE

PART_SIZE = 500
"""Entities and interests in one line; more facts of one name take more lines, so that no line grows without bound."""
MEMO_LIMIT = 4_096
_ID_DIGITS = 32

T = TypeVar("T")

encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Frozen:
    """Facts as a segment holds them."""

    id: str
    lines: tuple[bytes, ...]
    """Each with its line end."""


class Memo(Generic[T]):
    """What was made of some objects, by their identity: the entry keeps them alive, so that no other takes it.

    Two generations: what was not asked for since the last but one `age` is gone, and its objects with it.
    """

    def __init__(self, limit: int = MEMO_LIMIT) -> None:
        self._limit = limit
        self._young: dict[object, tuple[object, T]] = {}
        self._old: dict[object, tuple[object, T]] = {}

    def get(self, owner: object, more: str | None = None) -> T | None:
        key = id(owner) if more is None else (id(owner), more)
        entry = self._young.get(key)
        if entry is None:
            entry = self._old.get(key)
            if entry is None:
                return None
            self._young[key] = entry
        return entry[1]

    def keep(self, value: T, owner: object, more: str | None = None) -> T:
        if len(self._young) >= self._limit:
            self.age()
        self._young[id(owner) if more is None else (id(owner), more)] = (owner, value)
        return value

    def age(self) -> None:
        """Begin another generation."""
        self._old, self._young = self._young, {}


def frozen_graph(graph: OwnershipGraph, entity: EntityId, partners: Mapping[EntityId, set[EntityId]]) -> Frozen:
    """The part of a graph that a rule can reach from one entity; see `partners_of`."""
    reached = closure(graph, entity, partners)
    entities = [_entity(graph.entities[id]) for id in reached if id in graph.entities]
    interests = [_interest(interest) for id in reached for interest in graph.owners.get(id, ())]
    return _named("facts", list(_parts(entities, interests)))


def closure(
    graph: OwnershipGraph, entity: EntityId, partners: Mapping[EntityId, set[EntityId]]
) -> tuple[EntityId, ...]:
    """The entity, all who own it, directly or indirectly and at any time, and all who act with any of them; sorted."""
    reached = {entity}
    work = [entity]
    for id in work:
        found = {interest.owner for interest in graph.owners.get(id, ())}
        fresh = (found | partners.get(id, set())) - reached
        reached |= fresh
        work.extend(fresh)
    return tuple(sorted(reached))


def partners_of(graph: OwnershipGraph) -> dict[EntityId, set[EntityId]]:
    """Who acts with whom, whichever of the two says it."""
    partners: dict[EntityId, set[EntityId]] = {}
    for entity in graph.acting_together:
        for partner in entity.acts_with:
            partners.setdefault(entity.id, set()).add(partner)
            partners.setdefault(partner, set()).add(entity.id)
    return partners


def frozen_location(location: Location) -> Frozen:
    """Everything the sources say of an address, the address itself apart."""
    claims = [
        {"source": claim.source, "code": claim.code, "resolves": sorted(claim.resolves)} for claim in location.claims
    ]
    document = {
        "claims": claims,
        "kinds": sorted(location.kinds),
        "tells": sorted(location.tells),
        "systems": None if location.systems is None else sorted(location.systems),
    }
    return _named("location", [document])


def written(moment: datetime) -> str:
    """A moment with all its digits, so that texts are in the order of the moments."""
    utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    text = encode(utc)[1:-2].decode()  # a third of what isoformat() takes
    return f"{text}Z" if "." in text else f"{text}.000000Z"


def _parts(entities: list[dict[str, Any]], interests: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    yield {"entities": entities[:PART_SIZE], "interests": interests[:PART_SIZE]}
    for start in range(PART_SIZE, max(len(entities), len(interests)), PART_SIZE):
        end = start + PART_SIZE
        yield {"entities": entities[start:end], "interests": interests[start:end]}


def _named(type: str, documents: Iterable[dict[str, Any]]) -> Frozen:
    bodies = [encode(document)[1:] for document in documents]
    digest = hashlib.sha256(type.encode())
    for body in bodies:
        digest.update(body)
    id = digest.hexdigest()[:_ID_DIGITS]
    head = b'{"type":"%s","id":"%s","part":' % (type.encode(), id.encode())
    return Frozen(id, tuple(head + b"%d," % part + body + b"\n" for part, body in enumerate(bodies)))


def _entity(entity: Entity) -> dict[str, Any]:
    document: dict[str, Any] = {"id": entity.id}
    if entity.name:
        document["name"] = entity.name
    if entity.kind is not None:
        document["kind"] = entity.kind
    if entity.seats:
        document["seats"] = {basis: sorted(entity.seats[basis]) for basis in sorted(entity.seats)}
    if entity.listed:
        document["listed"] = sorted(entity.listed)
    if entity.acts_with:
        document["acts_with"] = sorted(entity.acts_with)
    return document


def _interest(interest: Interest) -> dict[str, Any]:
    document: dict[str, Any] = {"owner": interest.owner, "subject": interest.subject}
    if interest.share != UNKNOWN_SHARE:
        document["share"] = str(interest.share)
    if interest.control:
        document["control"] = True
    if interest.start is not None:
        document["start"] = written(interest.start)
    if interest.end is not None:
        document["end"] = written(interest.end)
    if interest.source:
        document["source"] = interest.source
    return document
