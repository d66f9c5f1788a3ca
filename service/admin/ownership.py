"""What is above an entity at one time, for people: who holds what in whom, on which lists, and in which circles."""

from datetime import datetime

from typing_extensions import TypedDict

from rules.facts import Entity, EntityId
from rules.shares import WHOLE, percent
from rules.upstream import Holding, Upstream, components, upstream_of
from service.admin.fact_models import shown, shown_or_none
from service.dossiers import Dossier


class OwnerView(TypedDict):
    """An entity above the one asked about, or that one."""

    id: str
    recorded: bool
    """False of one that an interest names, and of whom nothing else is recorded."""
    name: str
    kind: str | None
    seats: dict[str, list[str]]
    listed: list[str]
    acts_with: list[str]
    disclosed: str
    """What the interests in it add up to at least."""
    over_whole: bool
    """That is more than there is: sources contradict one another, or one of them is wrong."""


class HoldingView(TypedDict):
    """An interest that is valid then."""

    owner: str
    subject: str
    share: str
    control: bool
    start: str | None
    end: str | None
    source: str


class OwnershipView(TypedDict):
    """Everything above one entity."""

    id: str
    at: str
    known_at: str | None
    entities: list[OwnerView]
    """The entity itself first, the others in the order in which they are reached."""
    interests: list[HoldingView]
    circular: list[list[str]]
    """Entities that hold one another, directly or in a circle: each circle once."""
    since: str | None
    until: str | None
    """The same interests are valid from `since` until `until`."""


def ownership_view(dossier: Dossier, id: str, at: datetime, known_at: datetime | None) -> OwnershipView:
    """What a dossier says of the ownership of an entity at a time."""
    graph = dossier.at(at).facts.graph
    upstream = upstream_of(graph, EntityId(id), at)
    return {
        "id": id,
        "at": shown(at),
        "known_at": shown_or_none(known_at),
        "entities": [_owner(upstream, number) for number in range(len(upstream.entities))],
        "interests": [_holding(held, upstream) for holdings in upstream.incoming for held in holdings],
        "circular": circles(upstream),
        "since": shown_or_none(upstream.since),
        "until": shown_or_none(upstream.until),
    }


def circles(upstream: Upstream) -> list[list[str]]:
    """The entities that hold themselves, directly or through others: each circle once, in the order of the ids."""
    own = {held.owner for holdings in upstream.incoming for held in holdings if held.owner == held.subject}
    found = (members for members in components(upstream) if len(members) > 1 or members[0] in own)
    return sorted(sorted(str(upstream.entities[member].id) for member in members) for members in found)


def _owner(upstream: Upstream, number: int) -> OwnerView:
    entity: Entity = upstream.entities[number]
    disclosed = upstream.disclosed[number]
    over = disclosed.lower > WHOLE or (disclosed.lower == WHOLE and disclosed.strict_count > 0)
    return {
        "id": entity.id,
        "recorded": entity.id in upstream.graph.entities,
        "name": entity.name,
        "kind": entity.kind,
        "seats": {basis: sorted(codes) for basis, codes in entity.seats.items()},
        "listed": sorted(entity.listed),
        "acts_with": sorted(entity.acts_with),
        "disclosed": percent(disclosed.lower),
        "over_whole": over,
    }


def _holding(held: Holding, upstream: Upstream) -> HoldingView:
    interest = held.interest
    return {
        "owner": upstream.entities[held.owner].id,
        "subject": upstream.entities[held.subject].id,
        "share": str(interest.share),
        "control": interest.control,
        "start": shown_or_none(interest.start),
        "end": shown_or_none(interest.end),
        "source": interest.source,
    }
