"""What is known of one subject, facet by facet."""

from collections.abc import Collection, Hashable, Sequence
from datetime import timedelta
from typing import cast

from rules.facets import Facet, blocks_around
from rules.facts import Account, Activity, Address, Location, Resource
from rules.geography import Jurisdiction, country_of
from rules.marks import Marks, all_of, any_of
from rules.parties import Party
from rules.selections import Selected, Selection, having, joined, lying_in
from rules.verdicts import FALSE, TRUE, known, unknown


class AccountReader:
    """An account, and the entity behind it."""

    def __init__(self, account: Account, party: Party) -> None:
        self._account = account
        self._party = party

    def select(self, facet: Facet, filed: Collection[Hashable]) -> Selected:
        match facet.name:
            case "id":
                return having((self._account.id,), filed)
            case "tags" if not self._account.registered:
                return Selection(unknown("account.missing"))
            case "tags":
                return having(self._account.tags, filed)
            case "declared":
                signals, match = cast("tuple[frozenset[str] | None, str]", facet.of)
                return _declared(self._codes(signals), match, filed)
            case "conflict":
                return _conflict(self._codes(cast("frozenset[str] | None", facet.of)))
            case _:
                return self._party.select(facet, filed)

    def _codes(self, signals: frozenset[str] | None) -> list[Jurisdiction]:
        declared = self._account.declared
        return [code for signal, code in declared.items() if signals is None or signal in signals]


def _declared(codes: Collection[Jurisdiction], match: str, filed: Collection[Hashable]) -> Selected:
    if not codes:
        return Selection(unknown("declared.missing"))
    parts = [lying_in(code, filed, "declared.coarse") for code in codes]
    return joined(any_of if match == "any" else all_of, parts)


def _conflict(codes: Collection[Jurisdiction]) -> Selection:
    if len(codes) < 2:
        return Selection(unknown("declared.missing"))
    return Selection(known(len(set(map(country_of, codes))) > 1))


class ResourceReader:
    """A resource, and the entity that provides it."""

    def __init__(self, resource: Resource, party: Party) -> None:
        self._resource = resource
        self._party = party

    def select(self, facet: Facet, filed: Collection[Hashable]) -> Selected:
        match facet.name:
            case "id":
                return having((self._resource.id,), filed)
            case "tags":
                return having(self._resource.tags, filed)
            case _:
                return self._party.select(facet, filed)


class LocationReader:
    """Where an address lies, and what kind of network it is in."""

    def __init__(self, location: Location) -> None:
        self._location = location

    def select(self, facet: Facet, filed: Collection[Hashable]) -> Selected:
        systems = self._location.systems
        match facet.name:
            case "location":
                return self._claimed(filed)
            case "network.kind":
                return self._kinds(filed)
            case "network.system" if systems is None:
                return Selection(unknown("network.asn"))
            case "network.system":
                return having(systems or (), filed)
            case _:
                raise AssertionError(f"not about a location: {facet}")

    def _claimed(self, filed: Collection[Hashable]) -> Selected:
        claims = self._location.claims
        if not claims:
            return Selection(unknown("location.missing"))
        parts = [lying_in(claim.code, filed, COARSE, claim.resolves) for claim in claims]
        return joined(_agreed, parts)

    def _kinds(self, filed: Collection[Hashable]) -> Selection:
        """A kind that was not found is unknown if no source could have found it."""
        seen, tells = self._location.kinds, self._location.tells
        untold = unknown("network.kind")
        found = [(kind, TRUE if kind in seen else untold) for kind in filed if kind in seen or kind not in tells]
        return Selection(FALSE, found, tuple(found))


COARSE = "location.coarse"


def _agreed(claims: Sequence[Marks]) -> Marks:
    """What all claims agree on; where one is for and one against, the place is disputed."""
    some, every = any_of(claims), all_of(claims)
    undecided = some.possible & ~every.true
    disputed = some.true & ~every.possible
    unknown = ((COARSE, undecided & ~disputed), ("location.disputed", disputed))
    return Marks(every.true, some.possible, tuple((cause, places) for cause, places in unknown if places))


class AddressReader:
    """The address itself; one that is not known lies in no prefix."""

    def __init__(self, address: Address | None) -> None:
        self._address = address

    def select(self, facet: Facet, filed: Collection[Hashable]) -> Selected:
        return having(() if self._address is None else blocks_around(self._address), filed)


class ActionReader:
    """What is to be done."""

    def __init__(self, action: str) -> None:
        self._action = action

    def select(self, facet: Facet, filed: Collection[Hashable]) -> Selected:
        return having((self._action,), filed)


class ActivityReader:
    """What an account has used of late."""

    def __init__(self, activity: Activity) -> None:
        self._activity = activity

    def select(self, facet: Facet, filed: Collection[Hashable]) -> Selected:
        count = self._activity.get(cast("tuple[str, timedelta]", facet.of))
        if count is None:
            return Selection(unknown("activity.missing"))
        return having([least for least in cast("Collection[int]", filed) if least <= count], filed)
