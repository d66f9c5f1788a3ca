"""Facets: the single facts that conditions turn on, and the values under which a condition about one is filed.

INVARIANT: once a facet's facts are known, every value has a verdict, and a condition about the facet is true if one of
its values is, else unknown if one of them is, else false. Where several facts count (the places that an account
declares), that holds for each of them. So what is filed under a value can be marked with it, all conditions at once.
"""

from collections.abc import Hashable, Iterable, Iterator
from typing import NamedTuple, TypeAlias, assert_never

from rules.facts import Address
from rules.language import (
    AccountIs,
    AccountTagged,
    ActionIs,
    ActivityOver,
    AllOf,
    AnyOf,
    Condition,
    DeclaredConflict,
    DeclaredIn,
    EntityCondition,
    EntityIs,
    EntityKind,
    EntityMatches,
    Leaf,
    ListedOn,
    LocatedIn,
    NetworkIs,
    NetworkRange,
    NetworkSystem,
    NotOf,
    OwnedBy,
    ResourceIs,
    ResourceTagged,
    SeatIn,
)

AboutParty: TypeAlias = (
    AccountIs | AccountTagged | DeclaredIn | DeclaredConflict | EntityMatches | OwnedBy | ResourceIs | ResourceTagged
)

ANYTHING = "anything"
"""The value that is true of every entity that is known."""

ADDRESS_BITS = 128


class Facet(NamedTuple):
    """One fact about a subject."""

    name: str
    of: Hashable = None
    """Which one, where a subject has several: the signals, the bases, the test."""


class Filing(NamedTuple):
    """Where a leaf is found."""

    facet: Facet
    values: Iterable[Hashable]


def filing(leaf: Leaf) -> Filing:
    """The facet that a leaf turns on, and the values that it is filed under."""
    match leaf:
        case LocatedIn(region):
            return Filing(Facet("location"), region.codes)
        case NetworkIs(kinds):
            return Filing(Facet("network.kind"), kinds)
        case NetworkSystem(systems):
            return Filing(Facet("network.system"), systems)
        case NetworkRange(ranges):
            return Filing(Facet("network.range"), _blocks(ranges))
        case ActionIs(names):
            return Filing(Facet("action"), names)
        case ActivityOver(count, within, least):
            return Filing(Facet("activity", (count, within)), (least,))
        case _:
            return _party_filing(leaf)


def _party_filing(leaf: AboutParty) -> Filing:
    match leaf:
        case AccountIs(ids) | ResourceIs(ids):
            return Filing(Facet("id"), ids)
        case AccountTagged(tags) | ResourceTagged(tags):
            return Filing(Facet("tags"), tags)
        case DeclaredIn(region, signals, match):
            return Filing(Facet("declared", (signals, match)), region.codes)
        case DeclaredConflict(signals):
            return Filing(Facet("conflict", signals), ())
        case OwnedBy(by, test):
            return Filing(Facet("owners", (test, kind_of(by))), (by,))
        case EntityMatches(matches):
            return _entity_filing(matches)
        case _:
            assert_never(leaf)


def _entity_filing(condition: EntityCondition) -> Filing:
    match condition:
        case SeatIn(region, basis):
            return Filing(Facet("seat", basis), region.codes)
        case ListedOn(lists):
            return Filing(Facet("lists"), lists)
        case EntityIs(ids):
            return Filing(Facet("entity"), ids)
        case EntityKind(kinds):
            return Filing(Facet("kind"), kinds)
        case AnyOf(()):
            return Filing(Facet("known"), ())
        case _:
            return Filing(Facet("known"), (ANYTHING,))


def kind_of(condition: EntityCondition) -> Facet | None:
    """The facet of an entity that a condition turns on; None if there may be several."""
    match condition:
        case AllOf() | AnyOf() | NotOf():
            return None
        case _:
            return _entity_filing(condition).facet


def spread(condition: Condition) -> Condition:
    """The same with what it asks of an entity taken apart, so that each leaf asks one thing.

    An empty `all` or `any` stays whole: asked of an entity that is not known, it is unknown.
    """
    match condition:
        case AllOf(parts):
            return AllOf(tuple(map(spread, parts)))
        case AnyOf(parts):
            return AnyOf(tuple(map(spread, parts)))
        case NotOf(part):
            return NotOf(spread(part))
        case EntityMatches(AllOf(parts), of) if parts:
            return AllOf(tuple(spread(EntityMatches(part, of)) for part in parts))
        case EntityMatches(AnyOf(parts), of) if parts:
            return AnyOf(tuple(spread(EntityMatches(part, of)) for part in parts))
        case EntityMatches(NotOf(part), of):
            return NotOf(spread(EntityMatches(part, of)))
        case _:
            return condition


def _blocks(ranges: Iterable[tuple[Address, Address]]) -> Iterator[Hashable]:
    """The ranges as aligned blocks: how many bits vary in one, and what the others are."""
    for first, last in ranges:
        at: int = first
        while at <= last:
            level = (at & -at).bit_length() - 1 if at else ADDRESS_BITS
            while at + (1 << level) - 1 > last:
                level -= 1
            yield level, at >> level
            at += 1 << level


def blocks_around(address: Address) -> Iterator[Hashable]:
    """Every aligned block that an address lies in."""
    for level in range(ADDRESS_BITS + 1):
        yield level, address >> level
