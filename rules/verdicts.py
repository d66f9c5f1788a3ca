"""What is known of one subject -> the truth of conditions about it, and what left them unknown.

The compiled meaning of the leaves, for `evaluate`. `explain` has its own, so that each can be held against the other.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TypeAlias, assert_never

from rules.facts import Account, Activity, Address, Entity, EntityId, Location, OwnershipGraph, Resource
from rules.geography import Jurisdiction, Region, country_of
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
from rules.ownership import owned
from rules.truth import Truth
from rules.upstream import Upstream, upstream_of

Causes: TypeAlias = frozenset[str]
Verdict: TypeAlias = tuple[Truth, Causes]
"""A truth, and the codes of what left it unknown (empty if it is known)."""

NO_CAUSES: Causes = frozenset()
TRUE: Verdict = (True, NO_CAUSES)
FALSE: Verdict = (False, NO_CAUSES)


def known(truth: bool) -> Verdict:
    return TRUE if truth else FALSE


def unknown(cause: str) -> Verdict:
    return (None, frozenset((cause,)))


def conjunction(verdicts: Iterable[Verdict]) -> Verdict:
    causes = NO_CAUSES
    truth: Truth = True
    for part, why in verdicts:
        if part is False:
            return FALSE
        if part is None:
            truth, causes = None, causes | why
    return (truth, causes)


def disjunction(verdicts: Iterable[Verdict]) -> Verdict:
    causes = NO_CAUSES
    truth: Truth = False
    for part, why in verdicts:
        if part is True:
            return TRUE
        if part is None:
            truth, causes = None, causes | why
    return (truth, causes)


def denial(verdict: Verdict) -> Verdict:
    truth, causes = verdict
    return (None, causes) if truth is None else known(not truth)


def verdict_of(condition: Condition, leaf: Callable[[Leaf], Verdict]) -> Verdict:
    """The truth of a condition about one subject from that of its leaves."""
    match condition:
        case AllOf(parts):
            return conjunction(verdict_of(part, leaf) for part in parts)
        case AnyOf(parts):
            return disjunction(verdict_of(part, leaf) for part in parts)
        case NotOf(part):
            return denial(verdict_of(part, leaf))
        case _:
            return leaf(condition)


class PartyVerdicts:
    """Conditions about the entity behind an account or a resource, at one time."""

    def __init__(self, graph: OwnershipGraph, entity: EntityId | None, at: datetime, *, of: str) -> None:
        self.graph = graph
        self.id = entity
        self.entity = None if entity is None else graph.entity(entity)
        self.at = at
        self.prefix = "entity" if of == "account" else "provider"
        self.bounds_cause = "owned.bounds" if of == "account" else "provider.owned"
        self.upstream: Upstream | None = None

    def walk(self) -> None:
        """Walk up the graph above the entity, if it is known."""
        if self.id is not None and self.upstream is None:
            self.upstream = upstream_of(self.graph, self.id, self.at)

    def matches(self, leaf: EntityMatches) -> Verdict:
        if self.entity is None:
            return unknown(f"{self.prefix}.missing")
        return _entity_verdict(leaf.matches, self.entity, self.prefix)

    def owned(self, leaf: OwnedBy) -> Verdict:
        self.walk()
        if self.upstream is None:
            return unknown(f"{self.prefix}.missing")
        truth = owned(self.upstream, lambda holder: _entity_verdict(leaf.by, holder, "entity")[0], leaf.test)
        return unknown(self.bounds_cause) if truth is None else known(truth)


def _entity_verdict(condition: EntityCondition, entity: Entity, prefix: str) -> Verdict:
    match condition:
        case ListedOn(lists):
            return FALSE if lists.isdisjoint(entity.listed) else TRUE
        case SeatIn():
            return _seat_verdict(condition, entity, prefix)
        case EntityIs(ids):
            return known(entity.id in ids)
        case EntityKind(kinds):
            return unknown(f"{prefix}.kind") if entity.kind is None else known(entity.kind in kinds)
        case AllOf(parts):
            return conjunction(_entity_verdict(part, entity, prefix) for part in parts)
        case AnyOf(parts):
            return disjunction(_entity_verdict(part, entity, prefix) for part in parts)
        case NotOf(part):
            return denial(_entity_verdict(part, entity, prefix))
        case _:
            assert_never(condition)


def _seat_verdict(condition: SeatIn, entity: Entity, prefix: str) -> Verdict:
    unsure = False
    for basis in condition.basis:
        seats = entity.seats.get(basis)
        if not seats:
            unsure = True
            continue
        for seat in seats:
            covered = condition.region.covers(seat)
            if covered:
                return TRUE
            unsure = unsure or covered is None
    return unknown(f"{prefix}.seat") if unsure else FALSE


class AccountVerdicts:
    """Conditions about an account."""

    def __init__(self, account: Account, party: PartyVerdicts) -> None:
        self.account = account
        self.party = party

    def __call__(self, leaf: Leaf) -> Verdict:
        match leaf:
            case AccountIs(ids):
                return known(self.account.id in ids)
            case AccountTagged(tags):
                if not self.account.registered:
                    return unknown("account.missing")
                return known(not tags.isdisjoint(self.account.tags))
            case EntityMatches():
                return self.party.matches(leaf)
            case OwnedBy():
                return self.party.owned(leaf)
            case DeclaredIn(region, signals, match):
                return self._declared_in(region, self._declared(signals), match)
            case DeclaredConflict(signals):
                return self._conflict(self._declared(signals))
            case _:
                raise AssertionError(f"not about an account: {leaf}")

    def _declared(self, signals: frozenset[str] | None) -> list[Jurisdiction]:
        declared = self.account.declared
        return [code for signal, code in declared.items() if signals is None or signal in signals]

    def _declared_in(self, region: Region, codes: list[Jurisdiction], match: str) -> Verdict:
        if not codes:
            return unknown("declared.missing")
        verdicts = [_covered(region, code) for code in codes]
        return disjunction(verdicts) if match == "any" else conjunction(verdicts)

    def _conflict(self, codes: list[Jurisdiction]) -> Verdict:
        if len(codes) < 2:
            return unknown("declared.missing")
        return known(len(set(map(country_of, codes))) > 1)


def _covered(region: Region, code: Jurisdiction) -> Verdict:
    covered = region.covers(code)
    return unknown("declared.coarse") if covered is None else known(covered)


class ResourceVerdicts:
    """Conditions about a resource and its provider."""

    def __init__(self, resource: Resource, party: PartyVerdicts) -> None:
        self.resource = resource
        self.party = party

    def __call__(self, leaf: Leaf) -> Verdict:
        match leaf:
            case ResourceIs(ids):
                return known(self.resource.id in ids)
            case ResourceTagged(tags):
                return known(not tags.isdisjoint(self.resource.tags))
            case EntityMatches():
                return self.party.matches(leaf)
            case OwnedBy():
                return self.party.owned(leaf)
            case _:
                raise AssertionError(f"not about a resource: {leaf}")


class LocationVerdicts:
    """Conditions about where an address lies and what kind of network it is in."""

    def __init__(self, location: Location) -> None:
        self.location = location

    def __call__(self, leaf: Leaf) -> Verdict:
        match leaf:
            case LocatedIn(region):
                return self._located(region)
            case NetworkIs(kinds):
                if not kinds.isdisjoint(self.location.kinds):
                    return TRUE
                told = kinds <= (self.location.tells | self.location.kinds)
                return FALSE if told else unknown("network.kind")
            case NetworkSystem(systems):
                found = self.location.systems
                return unknown("network.asn") if found is None else known(not systems.isdisjoint(found))
            case _:
                raise AssertionError(f"not about a location: {leaf}")

    def _located(self, region: Region) -> Verdict:
        truths = {region.covers(claim.code, claim.resolves) for claim in self.location.claims}
        if len(truths) == 1:
            (truth,) = truths
            return unknown("location.coarse") if truth is None else known(truth)
        if not truths:
            return unknown("location.missing")
        return unknown("location.disputed" if {True, False} <= truths else "location.coarse")


def address_verdict(address: Address | None, leaf: Leaf) -> Verdict:
    """Conditions about the address itself; an address that is not known lies in no prefix."""
    if not isinstance(leaf, NetworkRange):
        raise AssertionError(f"not about an address: {leaf}")
    return known(address is not None and any(first <= address <= last for first, last in leaf.ranges))


def action_verdict(action: str, leaf: Leaf) -> Verdict:
    if not isinstance(leaf, ActionIs):
        raise AssertionError(f"not about an action: {leaf}")
    return known(action in leaf.names)


def activity_verdict(activity: Activity, leaf: Leaf) -> Verdict:
    if not isinstance(leaf, ActivityOver):
        raise AssertionError(f"not about activity: {leaf}")
    count = activity.get((leaf.count, leaf.within))
    return unknown("activity.missing") if count is None else known(count >= leaf.least)
