"""What each kind of database says, read from small ones built here."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.facts import Claim, Location
from rules.geography import PSEUDO_CODES, TERRITORIES, Jurisdiction, Region
from rules.iso3166 import COUNTRIES, SUBDIVISIONS
from service.geo.database import open_database
from service.geo.findings import Layout, finding_of
from service.geo.snapshot import Snapshot
from service.geo.territories import territory_of_code, territory_of_names
from service.locations import Locations, open_locations
from tests.service.address_databases import maxmind_city, write_database

ADDRESS, NETWORK = "5.6.7.8", "5.6.7.0/24"
ANONYMOUS_KINDS = {"vpn", "tor", "public_proxy", "residential_proxy", "hosting"}


def located(tmp_path: Path, database_type: str, record: Any, *, beside: Any = None, address: str = ADDRESS) -> Location:
    """What a database named `source` with one record, and perhaps another elsewhere, leads to."""
    records = {NETWORK: record, "2a01:4f8::/32": record} | ({"9.9.9.0/24": beside} if beside else {})
    path = write_database(tmp_path / "source.mmdb", database_type, records)
    return Locations(Snapshot([open_database(path, name="source")])).locate(address).location


def claim_of(location: Location) -> Claim | None:
    return next((claim for claim in location.claims if claim.source == "source"), None)


def code_of(location: Location) -> str | None:
    claim = claim_of(location)
    return claim.code if claim else None


COUNTRY_RECORDS = [
    ("GeoIP2-Country", {"country": {"iso_code": "FR"}}),
    ("GeoLite2-Country", {"country": {"iso_code": "FR"}, "registered_country": {"iso_code": "US"}}),
    ("GeoLite2-City", {"country": {"iso_code": "FR"}, "city": {"names": {"en": "Paris"}}}),
    ("GeoIP2-City-Shield", {"country": {"iso_code": "FR"}}),
    ("GeoIP2-Enterprise", {"country": {"iso_code": "FR"}, "traits": {"autonomous_system_number": 3215}}),
    ("DBIP-Country-Lite", {"continent": {"code": "EU"}, "country": {"iso_code": "FR"}}),
    ("DBIP-Country", {"country": {"iso_code": "FR"}}),
    ("DBIP-City-Lite", {"country": {"iso_code": "FR"}, "subdivisions": [{"names": {"en": "Unheard Of"}}]}),
    ("DBIP-Location (compat=City)", {"country": {"iso_code": "FR"}}),
    ("DBIP-ISP (compat=Enterprise)", {"country": {"iso_code": "FR"}, "traits": {"isp": "x"}}),
    ("ipinfo ipinfo_lite.mmdb", {"country": "France", "country_code": "FR", "continent_code": "EU", "asn": "AS3215"}),
    ("ipinfo generic_country_free.mmdb", {"country": "FR", "country_name": "France", "continent": "EU"}),
    ("country ipvAll", {"country_code": "FR"}),
    ("anything", {"country_code": "fr"}),
    ("GeoLite2-Country", {"country_code": "FR"}),
    ("GeoLite2-City", {"country_code": "FR", "city": "Paris", "state1": "Nowhere"}),
]


@pytest.mark.parametrize(("database_type", "record"), COUNTRY_RECORDS)
def test_a_database_of_any_kind_claims_the_country_of_its_record(
    tmp_path: Path, database_type: str, record: dict[str, Any]
) -> None:
    assert claim_of(located(tmp_path, database_type, record)) == Claim("source", Jurisdiction("FR"))


def test_an_ipv6_address_is_found_in_the_same_file(tmp_path: Path) -> None:
    assert code_of(located(tmp_path, "x", {"country_code": "FR"}, address="2a01:4f8::1")) == "FR"


@pytest.mark.parametrize("code", [*sorted(PSEUDO_CODES), "UK", "O1", "QQ", "", "F", "FRA", "12", "\u00df"])
def test_a_pseudo_code_or_an_unknown_one_is_no_country(tmp_path: Path, code: str) -> None:
    location = located(tmp_path, "x", {"country_code": code}, beside={"country_code": "FR"})
    assert claim_of(location) is None


def test_kosovo_is_a_country(tmp_path: Path) -> None:
    assert code_of(located(tmp_path, "x", {"country_code": "XK"})) == "XK"


def test_where_the_owner_is_registered_is_no_claim_about_the_address(tmp_path: Path) -> None:
    record = {"registered_country": {"iso_code": "FR"}, "represented_country": {"iso_code": "US"}}
    beside = {"country": {"iso_code": "DE"}}
    assert claim_of(located(tmp_path, "GeoLite2-Country", record, beside=beside)) is None


def test_the_country_wins_over_where_the_owner_is_registered(tmp_path: Path) -> None:
    record = {"country": {"iso_code": "DE"}, "registered_country": {"iso_code": "FR"}}
    assert code_of(located(tmp_path, "GeoIP2-City", record)) == "DE"


@pytest.mark.parametrize("country", ["UA", "RU"])
@pytest.mark.parametrize(
    ("territory", "labels"),
    [
        ("UA-43", [("43", ""), (None, "Crimea"), (None, "Autonomous Republic of Crimea"), (None, "Respublika Krym")]),
        ("UA-43", [("UA-43", ""), (None, "Republic of Crimea"), (None, "Крым"), (None, "Avtonomna Respublika Krym")]),
        ("UA-40", [("40", ""), (None, "Sebastopol City"), (None, "Sevastopol"), (None, "Misto Sevastopol'")]),
        ("UA-40", [("SEV", ""), (None, "Севастополь"), (None, "Gorod Sevastopol")]),
        ("UA-14", [("14", ""), (None, "Donetsk"), (None, "Donets'ka Oblast'"), (None, "Донецкая Народная Республика")]),
        ("UA-14", [("RU-DPR", ""), (None, "Donetsk People\u2019s Republic"), (None, "Donetsk Oblast")]),
        ("UA-09", [("09", ""), (None, "Luhansk"), (None, "Luhans\u2019ka oblast"), (None, "Lugansk Oblast")]),
        ("UA-23", [("23", ""), (None, "Zaporizhia"), (None, "Zaporizhzhia"), (None, "Zaporizhzhya Oblast")]),
        ("UA-23", [(None, "Zaporiz'ka Oblast'"), (None, "Zaporozhye"), (None, "Запорізька область")]),
        ("UA-65", [("65", ""), (None, "Kherson"), (None, "Kherson Oblast"), (None, "Khersons'ka Oblast'")]),
    ],
)
def test_a_territory_is_the_same_under_either_sovereignty_label(
    tmp_path: Path, country: str, territory: str, labels: list[tuple[str | None, str]]
) -> None:
    for label in labels:
        location = located(tmp_path, "GeoIP2-City", maxmind_city(country, label))
        assert (label, code_of(location)) == (label, territory)


def test_every_label_in_the_table_of_territories_is_understood_under_both_countries() -> None:
    table = Path("service/geo/data/territories.csv").read_text(encoding="utf-8").splitlines()[1:]
    for _, territory, _, region in (line.split(",") for line in table):
        assert territory_of_names("UA", [region]) == territory_of_names("RU", [region]) == territory


def test_a_flat_database_names_a_territory_by_its_region(tmp_path: Path) -> None:
    record = {"country_code": "RU", "state1": "Crimea", "city": "Yalta"}
    assert code_of(located(tmp_path, "city ipvAll", record)) == "UA-43"


@pytest.mark.parametrize(
    ("country", "subdivision", "city", "code"),
    [
        ("RU", ("ROS", "Rostov Oblast"), "Donetsk", "RU-ROS"),
        ("RU", ("TUL", "Tula Oblast"), "Yalta", "RU-TUL"),
        ("RU", ("KR", "Karelia"), "Krymskoye", "RU-KR"),
        ("RU", ("KDA", "Krasnodar Krai"), "Krymsk", "RU-KDA"),
        ("RU", ("43", "Kirov Oblast"), "Kirov", "RU"),
        ("RU", ("43", "Crimea"), "Yalta", "UA-43"),
        ("UA", ("30", "Kyiv City"), "Kyiv", "UA-30"),
        ("US", ("CA", "California"), "Sebastopol", "US-CA"),
        ("DE", ("BE", "Crimea"), "Berlin", "DE-BE"),
        ("GB", ("ENG", "England"), "London", "GB-ENG"),
    ],
)
def test_a_city_or_another_countrys_region_of_that_name_is_no_territory(
    tmp_path: Path, country: str, subdivision: tuple[str, str], city: str, code: str
) -> None:
    assert code_of(located(tmp_path, "GeoIP2-City", maxmind_city(country, subdivision, city=city))) == code


def test_a_district_named_after_a_territory_is_none(tmp_path: Path) -> None:
    record = maxmind_city("RU", ("ROS", "Rostov Oblast"), ("14", "Donetsk"))
    assert code_of(located(tmp_path, "GeoIP2-City", record)) == "RU-ROS"


@pytest.mark.parametrize("country", ["UA", "RU"])
def test_a_region_under_another_name_lies_outside_the_territories(tmp_path: Path, country: str) -> None:
    claim = claim_of(located(tmp_path, "DBIP-City-Lite", maxmind_city(country, (None, "Elsewhere Oblast"))))
    assert claim == Claim("source", Jurisdiction(country), TERRITORIES)
    assert Region(TERRITORIES).covers(claim.code, claim.resolves) is False


@pytest.mark.parametrize("country", ["UA", "RU"])
def test_a_city_database_that_gives_no_region_leaves_the_territories_open(tmp_path: Path, country: str) -> None:
    claim = claim_of(located(tmp_path, "GeoIP2-City", maxmind_city(country)))
    assert claim is not None
    assert Region(TERRITORIES).covers(claim.code, claim.resolves) is None


def test_a_region_that_has_a_country_code_of_its_own_is_claimed_by_that(tmp_path: Path) -> None:
    assert code_of(located(tmp_path, "GeoIP2-City", maxmind_city("FR", ("974", "Réunion")))) == "RE"


def test_an_unknown_subdivision_code_leaves_the_country(tmp_path: Path) -> None:
    assert claim_of(located(tmp_path, "GeoIP2-City", maxmind_city("US", ("ZZ", "?")))) == Claim(
        "source", Jurisdiction("US")
    )


def test_no_alias_of_a_territorys_code_is_a_russian_province() -> None:
    taken = [code for code in SUBDIVISIONS["RU"] if territory_of_code("RU", code)]
    assert taken == []


def test_territories_keep_their_own_codes_under_the_label_of_ukraine() -> None:
    own = {code for code in SUBDIVISIONS["UA"] if territory_of_code("UA", code)}
    assert {f"UA-{code}" for code in own} == TERRITORIES


@pytest.mark.parametrize("database_type", ["GeoIP2-Anonymous-IP", "GeoIP-Anonymous-Plus", "GeoIP2-Anonymous-Plus"])
@pytest.mark.parametrize(
    ("flag", "kind"),
    [
        ("is_anonymous_vpn", "vpn"),
        ("is_tor_exit_node", "tor"),
        ("is_public_proxy", "public_proxy"),
        ("is_residential_proxy", "residential_proxy"),
        ("is_hosting_provider", "hosting"),
    ],
)
def test_an_anonymiser_flag_is_its_kind_and_no_other(tmp_path: Path, database_type: str, flag: str, kind: str) -> None:
    location = located(tmp_path, database_type, {"is_anonymous": True, flag: True})
    assert location.kinds == {kind}
    assert location.tells >= ANONYMOUS_KINDS


def test_an_address_absent_from_an_anonymiser_database_is_known_to_be_none(tmp_path: Path) -> None:
    location = located(tmp_path, "GeoIP2-Anonymous-IP", {"is_anonymous_vpn": True}, address="8.8.8.8")
    assert location.kinds == frozenset()
    assert location.tells == ANONYMOUS_KINDS | {"tunnel", "reserved"}


def test_without_an_anonymiser_database_only_what_the_address_shows_can_be_told() -> None:
    assert open_locations().locate("8.8.8.8").location.tells == {"tunnel", "reserved"}


@pytest.mark.parametrize(
    ("database_type", "record", "kind"),
    [
        ("GeoIP2-City", {"country": {"iso_code": "FR"}, "traits": {"is_satellite_provider": True}}, "satellite"),
        ("GeoIP2-Connection-Type", {"connection_type": "Satellite"}, "satellite"),
        ("GeoIP2-Enterprise", {"traits": {"user_type": "hosting"}}, "hosting"),
        ("GeoIP2-Enterprise", {"traits": {"user_type": "consumer_privacy_network"}}, "relay"),
        ("DBIP-ISP (compat=Enterprise)", {"traits": {"user_type": "hosting"}}, "hosting"),
        ("GeoIP-Residential-Proxy", {"provider_name": "x"}, "residential_proxy"),
        ("GeoIP2-IP-Risk", {"ip_risk": 75.0, "is_anonymous_vpn": True}, "vpn"),
    ],
)
def test_other_sources_tell_kinds_too(tmp_path: Path, database_type: str, record: dict[str, Any], kind: str) -> None:
    location = located(tmp_path, database_type, record)
    assert location.kinds == {kind}
    assert kind in location.tells


@pytest.mark.parametrize(
    ("database_type", "record"),
    [
        ("GeoLite2-ASN", {"autonomous_system_number": 15169, "autonomous_system_organization": "GOOGLE"}),
        ("GeoIP2-ISP", {"autonomous_system_number": 15169, "isp": "Google"}),
        ("GeoIP2-Enterprise", {"country": {"iso_code": "US"}, "traits": {"autonomous_system_number": 15169}}),
        ("DBIP-ASN-Lite (compat=GeoLite2-ASN)", {"autonomous_system_number": 15169}),
        ("DBIP-ISP (compat=Enterprise)", {"traits": {"autonomous_system_number": 15169}}),
        ("ipinfo ipinfo_lite.mmdb", {"country_code": "US", "asn": "AS15169"}),
        ("flat", {"asn": "15169"}),
    ],
)
def test_a_source_of_autonomous_systems_tells_the_number(
    tmp_path: Path, database_type: str, record: dict[str, Any]
) -> None:
    assert located(tmp_path, database_type, record).systems == frozenset({15169})
    assert located(tmp_path, database_type, record, address="8.8.8.8").systems == frozenset()


def test_without_a_source_of_autonomous_systems_none_is_known() -> None:
    assert open_locations().locate("8.8.8.8").location.systems is None


@pytest.mark.parametrize("asn", ["", "AS", "x", "-1", "AS-1", 0, -5, 2**40, True, 1.5, [1], "9" * 50, "\u0661"])
def test_what_is_no_number_of_an_autonomous_system_is_none(asn: object) -> None:
    assert finding_of({"asn": asn}, Layout("x", system=("asn",)), "source").systems == frozenset()


FIELDS = ["country", "iso_code", "country_code", "subdivisions", "names", "en", "state1", "asn", "is_anonymous_vpn"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.sampled_from([*COUNTRIES]),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(FIELDS) | st.text(), inner),
    max_leaves=12,
)


@given(JSON)
def test_no_record_raises_whatever_its_shape(record: object) -> None:
    layout = Layout(
        "any",
        country=("country", "iso_code"),
        subdivisions=("subdivisions",),
        region=("state1",),
        system=("asn",),
        flags={("is_anonymous_vpn",): "vpn"},
        values={(("asn",), "x"): "relay"},
    )
    finding_of(record, layout, "source")
