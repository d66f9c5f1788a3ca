"""Jurisdictions and regions: which place lies in which, three-valued where a source is too coarse to tell.

A country covers its provinces, never the reverse. Codes are ISO 3166-1 alpha-2 and ISO 3166-2.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NewType

from rules.iso3166 import COUNTRIES, SUBDIVISIONS, SUBDIVISIONS_WITH_OWN_COUNTRY_CODE
from rules.truth import Truth

Jurisdiction = NewType("Jurisdiction", str)
"""A country (`UA`) or one of its provinces (`UA-43`)."""

PSEUDO_CODES = frozenset({"EU", "AP", "A1", "A2", "T1", "XX", "ZZ"})
"""What databases write where they know no country: never a place."""

TERRITORIES = frozenset(map(Jurisdiction, ("UA-43", "UA-40", "UA-14", "UA-09", "UA-23", "UA-65")))
"""Crimea, Sevastopol, Donetsk, Luhansk, Zaporizhzhia, Kherson: country databases label them UA or RU."""

MISTAKEN_CODES = {"UK": "GB", "EL": "GR"}
"""What people and the Union's own texts write for two countries."""

LABELLED_AS = {Jurisdiction("RU"): TERRITORIES}
"""Provinces that a source may mean when it says only this other country."""


_OWN_COUNTRY = {
    Jurisdiction(province): Jurisdiction(country) for province, country in SUBDIVISIONS_WITH_OWN_COUNTRY_CODE.items()
}

OTHER_CODE = _OWN_COUNTRY | {
    country: province for province, country in _OWN_COUNTRY.items() if list(_OWN_COUNTRY.values()).count(country) == 1
}
"""What else the same place is called, since ISO 3166-2 lists some countries as provinces too: `US-PR` is `PR`."""


@dataclass(frozen=True, slots=True)
class Region:
    """A set of countries and provinces that a rule names."""

    codes: frozenset[Jurisdiction]

    def covers(self, code: Jurisdiction, resolves: frozenset[Jurisdiction] = frozenset()) -> Truth:
        """Whether a place known as `code` lies in this region.

        `resolves` holds the countries whose provinces the source of `code` tells apart, and single provinces that it
        does: a bare country is none of those, and may be any other of its provinces.
        """
        if code in self.codes or country_of(code) in self.codes or OTHER_CODE.get(code) in self.codes:
            return True
        if "-" in code or code in resolves:
            return False
        finer = {named for named in self.codes if country_of(named) == code}
        finer |= self.codes & LABELLED_AS.get(code, frozenset())
        finer |= {named for named in self.codes if OTHER_CODE.get(named) == code}
        return False if finer <= resolves else None


def country_of(code: Jurisdiction) -> Jurisdiction:
    """`UA` of `UA-43`; a country is its own."""
    return Jurisdiction(code[:2])


def fault_of(code: str) -> str | None:
    """Why this is no jurisdiction, in words for the author of a document; None if it is one."""
    if code in COUNTRIES:
        return None
    country, dash, province = code.partition("-")
    if dash and province in SUBDIVISIONS.get(country, ()):
        return None
    if code.lower() in PREDEFINED_GROUPS:
        return f"`{code}` is a group, not a country: write `@{code.lower()}`"
    if code in MISTAKEN_CODES:
        return f"unknown code `{code}`: write `{MISTAKEN_CODES[code]}`"
    if code.upper() != code and fault_of(code.upper()) is None:
        return f"unknown code `{code}`: write `{code.upper()}`"
    return f"unknown code `{code}`: neither ISO 3166-1 alpha-2 nor ISO 3166-2"


def _group(codes: str) -> frozenset[Jurisdiction]:
    return frozenset(map(Jurisdiction, codes.split()))


_EU = "AT BE BG HR CY CZ DK EE FI FR DE GR HU IE IT LV LT LU MT NL PL PT RO SK SI ES SE"
_NATO = "AL BE BG CA HR CZ DK EE FI FR DE GR HU IS IT LV LT LU ME NL MK NO PL PT RO SK SI ES SE TR GB US"

PREDEFINED_GROUPS: Mapping[str, frozenset[Jurisdiction]] = {
    # SOURCE: Treaty on European Union, art. 52, less the United Kingdom since 2020-02-01.
    "eu": _group(_EU),
    # SOURCE: Agreement on the European Economic Area: the Union and three states of EFTA.
    "eea": _group(_EU + " IS LI NO"),
    # SOURCE: Convention establishing the European Free Trade Association.
    "efta": _group("CH IS LI NO"),
    # SOURCE: the seven participating states; the Union itself is no member state.
    "g7": _group("CA DE FR GB IT JP US"),
    # SOURCE: North Atlantic Treaty, with Finland since 2023-04-04 and Sweden since 2024-03-07.
    "nato": _group(_NATO),
    # SOURCE: UKUSA Agreement.
    "five-eyes": _group("AU CA GB NZ US"),
}
"""Groups that every document may name as `@eu` without defining them."""
