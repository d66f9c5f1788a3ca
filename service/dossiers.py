"""What is recorded of one account or resource and of everyone above it: facts with no rule in them.

A dossier is one state of the record: `seq` says which. Whatever changes later, it stays what was true then; who keeps
one decides by `reached` whether a change since makes it old.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from sys import getsizeof

from rules.facts import Account, AccountFacts, Entity, EntityId, Interest, OwnershipGraph, Resource, ResourceFacts

DOSSIER_BYTES = 700
ENTITY_BYTES = 1400
"""An entity with its seats, in the dossier and in a graph."""
REACHED_BYTES = 250
"""The id of an entity, and where it is listed."""
INTEREST_BYTES = 560
LISTING_BYTES = 300
PIECE_BYTES = 120
"""A tag, or a declared signal."""


@dataclass(frozen=True, slots=True)
class Listing:
    """An entity is on a list while `start` <= time < `end`; None is open."""

    list: str
    start: datetime | None = None
    end: datetime | None = None
    source: str = ""

    def covers(self, at: datetime) -> bool:
        return (self.start is None or self.start <= at) and (self.end is None or at < self.end)


@dataclass(frozen=True, slots=True)
class Dated:
    """The facts at one time, the same for every `since` <= time < `until`; None is open.

    Interests carry their own dates: they do not bound it.
    """

    facts: AccountFacts | ResourceFacts
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Dossier:
    """One account or resource, with the closure of its entity under "is owned by" and "acts with"."""

    epoch: str
    seq: int
    """Of the last change that it knows of."""
    subject: Account | Resource
    entities: tuple[Entity, ...] = ()
    """Recorded entities among those reached, in the order of their ids; lists apart."""
    listings: Mapping[EntityId, tuple[Listing, ...]] = field(default_factory=dict)
    interests: tuple[Interest, ...] = ()
    """Every interest held in those reached, valid or not, by the precedence of its sources."""
    reached: frozenset[str] = frozenset()
    """Ids of all entities that the facts depend on, whether anything is recorded of them or not."""

    @property
    def size_bytes(self) -> int:
        """About how much memory it takes with its facts of one time; of text, more than is usual counts exactly."""
        subject = self.subject
        pieces = len(subject.tags) + (len(subject.declared) if isinstance(subject, Account) else 0)
        listed = sum(map(len, self.listings.values()))
        above = ENTITY_BYTES * len(self.entities) + REACHED_BYTES * len(self.reached)
        held = INTEREST_BYTES * len(self.interests) + LISTING_BYTES * listed
        return DOSSIER_BYTES + getsizeof(subject.id) + PIECE_BYTES * pieces + above + held

    def at(self, moment: datetime) -> Dated:
        """The facts of then."""
        entities = (self._listed(entity, moment) for entity in self.entities)
        graph = OwnershipGraph.of(entities, self.interests, f"{self.epoch}.{self.seq}")
        since, until = window(self._listing_dates(), moment)
        if isinstance(self.subject, Account):
            return Dated(AccountFacts(self.subject, graph), since, until)
        return Dated(ResourceFacts(self.subject, graph), since, until)

    def _listed(self, entity: Entity, moment: datetime) -> Entity:
        listings = self.listings.get(entity.id)
        if not listings:
            return entity
        listed = frozenset(listing.list for listing in listings if listing.covers(moment))
        return Entity(entity.id, entity.name, entity.kind, entity.seats, listed, entity.acts_with)

    def _listing_dates(self) -> Iterable[datetime]:
        for listings in self.listings.values():
            for listing in listings:
                if listing.start is not None:
                    yield listing.start
                if listing.end is not None:
                    yield listing.end


def window(dates: Iterable[datetime], at: datetime) -> tuple[datetime | None, datetime | None]:
    """The last of the dates that is not after `at`, and the first that is."""
    before: datetime | None = None
    after: datetime | None = None
    for date in dates:
        if date <= at:
            before = date if before is None else max(before, date)
        else:
            after = date if after is None else min(after, date)
    return before, after
