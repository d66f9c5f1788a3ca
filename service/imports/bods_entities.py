"""BODS entities and persons -> entities and their seats."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

from service.imports.records import EntityRecord
from service.imports.values import known_code, plain_text, seats_text

KINDS: Mapping[str, str] = {
    "registeredEntity": "company",
    "legalEntity": "legal-entity",
    "arrangement": "arrangement",
    "anonymousEntity": "unknown",
    "unknownEntity": "unknown",
    "state": "state",
    "stateBody": "state-body",
}
"""Kinds of entities by their type."""
SUBTYPES: Mapping[str, str] = {"trust": "trust", "nomination": "nomination"}
"""Kinds that the subtype says better."""

UNMAPPED = "a country that ISO 3166 does not have"

Read: TypeAlias = tuple[EntityRecord, tuple[str, ...]]
"""An entity, and notes on what of it could not be read."""


def entity_record(id: str, details: Mapping[str, object], source: str) -> Read:
    """An entity, seated where it is registered and where it does business."""
    of = details.get("entityType")
    kind, subtype = (of.get("type"), of.get("subtype")) if isinstance(of, dict) else (of, None)
    registered = [*_codes([details.get("jurisdiction")])] or [*_addresses(details, "registered")]
    seats = {"incorporation": registered, "headquarters": [*_addresses(details, "business")]}
    named = SUBTYPES.get(str(subtype)) or KINDS.get(str(kind), "unknown")
    return _record((id, plain_text(details.get("name")), named), seats, source)


def person_record(id: str, details: Mapping[str, object], source: str) -> Read:
    """A person, resident where they live, or else where they pay taxes. A nationality is no seat."""
    residences = [*_addresses(details, "residence")]
    taxed = details.get("taxResidencies")
    seats = {"residence": residences or [*_codes(taxed if isinstance(taxed, list) else [])]}
    return _record((id, _full_name(details.get("names")), "person"), seats, source)


def _record(named: tuple[str, str, str], seats: Mapping[str, list[str | None]], source: str) -> Read:
    id, name, kind = named
    known = {basis: [code for code in codes if code] for basis, codes in seats.items()}
    unmapped = sum(codes.count(None) for codes in seats.values())
    return EntityRecord(id, name, kind, seats_text(known), source), (UNMAPPED,) * unmapped


def _full_name(names: object) -> str:
    given = [name for name in names if isinstance(name, dict)] if isinstance(names, list) else []
    legal = [name for name in given if name.get("type") == "legal"] or given
    return plain_text(legal[0].get("fullName")) if legal else ""


def _addresses(details: Mapping[str, object], type: str) -> Iterator[str | None]:
    given = details.get("addresses")
    addresses = [each for each in given if isinstance(each, dict)] if isinstance(given, list) else []
    return _codes(address.get("country") for address in addresses if address.get("type") == type)


def _codes(places: Iterable[object]) -> Iterator[str | None]:
    """The code of each place that is given, as a text or in an object; None for one that ISO 3166 does not have."""
    for place in places:
        code = place.get("code") if isinstance(place, dict) else place
        if isinstance(code, str) and code.strip():
            yield known_code(code)
