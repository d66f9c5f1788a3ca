"""Which place lies in which, by table; both meanings of the language share this, so a fault here would fool both."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.geography import (
    LABELLED_AS,
    PREDEFINED_GROUPS,
    PSEUDO_CODES,
    TERRITORIES,
    Jurisdiction,
    Region,
    country_of,
    fault_of,
)
from rules.iso3166 import COUNTRIES, SUBDIVISIONS, SUBDIVISIONS_WITH_OWN_COUNTRY_CODE
from rules.truth import Truth

CASES: list[tuple[str, str, str, Truth]] = [
    # claim, group, what its source resolves, lies in it
    ("UA", "UA", "", True),
    ("UA-43", "UA", "", True),
    ("UA-43", "UA-43", "", True),
    ("UA-43", "UA-40", "", False),
    ("UA-43", "RU", "", False),
    ("UA", "UA-43", "", None),
    ("UA", "UA-43", "UA", False),
    ("UA", "UA-43", "UA-43 UA-40", False),
    ("UA", "UA-43 UA-32", "UA-43", None),
    ("UA", "UA-43", "RU", None),
    ("UA", "UA UA-43", "", True),
    ("RU", "UA-43", "", None),
    ("RU", "UA-65", "", None),
    ("RU", "UA-23", "", None),
    ("RU", "UA-43", "RU", False),
    ("RU", "UA-43", "UA", None),
    ("RU", "UA-43", "UA-43", False),
    ("RU", "UA-32", "", False),
    ("RU", "UA", "", False),
    ("RU", "RU-MOW", "", None),
    ("RU", "RU-MOW UA-43", "UA-43", None),
    ("US", "US-CA", "", None),
    ("US-CA", "US", "", True),
    ("US-NY", "US-CA", "", False),
    ("DE", "UA-43", "", False),
    ("DE", "DE", "", True),
    ("HK", "CN", "", False),
    ("HK", "CN-HK", "", True),
    ("CN-HK", "HK", "", True),
    ("CN-HK", "CN", "", True),
    ("US", "PR", "", False),
    ("US", "US-PR", "", None),
    ("PR", "US-PR", "", True),
    ("BQ", "NL-BQ1", "", None),
    ("NL-BQ1", "BQ", "", True),
    ("GE", "US-GA", "", False),
]


@pytest.mark.parametrize(("claim", "group", "resolves", "expected"), CASES)
def test_a_country_covers_its_provinces_and_never_the_reverse(
    claim: str, group: str, resolves: str, expected: Truth
) -> None:
    region = Region(frozenset(map(Jurisdiction, group.split())))
    assert region.covers(Jurisdiction(claim), frozenset(map(Jurisdiction, resolves.split()))) is expected


@pytest.mark.parametrize("code", sorted(PSEUDO_CODES))
def test_a_pseudo_code_is_never_a_place(code: str) -> None:
    assert fault_of(code) is not None


@pytest.mark.parametrize("code", ["NO", "XK", "UA-43", "US-CA", "GB-SCT", "CN-XJ"])
def test_assigned_codes_are_places(code: str) -> None:
    assert fault_of(code) is None


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        ("us", "write `US`"),
        ("ua-43", "write `UA-43`"),
        ("UK", "write `GB`"),
        ("EU", "write `@eu`"),
        ("USA", "unknown code `USA`"),
        ("UA-99", "unknown code `UA-99`"),
        ("", "unknown code ``"),
    ],
)
def test_a_mistaken_code_is_answered_with_what_to_write(code: str, hint: str) -> None:
    assert hint in (fault_of(code) or "")


def test_the_table_of_codes_is_whole() -> None:
    assert len(COUNTRIES) == 250, "249 of ISO 3166-1 and Kosovo"
    assert sum(map(len, SUBDIVISIONS.values())) > 5_000
    assert set(SUBDIVISIONS) < set(COUNTRIES)
    assert all(own in COUNTRIES for own in SUBDIVISIONS_WITH_OWN_COUNTRY_CODE.values())
    assert len(SUBDIVISIONS["UA"]) == 27


def test_the_territories_are_provinces_of_ukraine() -> None:
    assert {country_of(code) for code in TERRITORIES} == {"UA"}
    assert all(fault_of(code) is None for code in TERRITORIES)
    assert set(LABELLED_AS) == {"RU"}


def test_predefined_groups_hold_countries_only() -> None:
    assert len(PREDEFINED_GROUPS["eu"]) == 27
    assert len(PREDEFINED_GROUPS["eea"]) == 30
    assert len(PREDEFINED_GROUPS["nato"]) == 32
    assert all(code in COUNTRIES for group in PREDEFINED_GROUPS.values() for code in group)


@given(st.text())
def test_any_text_is_a_place_or_a_fault(code: str) -> None:
    assert fault_of(code) is None or "\n" not in code or "`" in (fault_of(code) or "")
