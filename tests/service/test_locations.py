"""Location of an address, on the database that ships and on some built here."""

import csv
from ipaddress import IPv4Address, ip_network
from itertools import count
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rules.facts import IPV4_MAPPED, Address, Claim
from rules.geography import TERRITORIES, Jurisdiction, Region
from rules.iso3166 import COUNTRIES
from service.geo.addresses import unwrapped
from service.geo.database import open_database
from service.geo.reserved import BLOCKS
from service.geo.snapshot import INVALID, Snapshot
from service.locations import DATA, EMBEDDED, MEMO_SIZE, Located, Locations, locate_row, open_locations
from tests.service.address_databases import Records, write_database

LOCATIONS = open_locations()
EIGHTS = LOCATIONS.locate("8.8.8.8")


def code_of(text: str) -> str | None:
    return next((claim.code for claim in LOCATIONS.locate(text).location.claims), None)


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ("8.8.8.8", ("8.8.8.8", "located", None, {EMBEDDED: "US"}, [])),
        ("5.3.41.7", ("5.3.41.7", "located", None, {EMBEDDED: "UA-43"}, [])),
        ("2a05:4f00::1", ("2a05:4f00::1", "located", None, {EMBEDDED: "UA-43"}, [])),
        ("2002:808:808::1", ("8.8.8.8", "located", None, {EMBEDDED: "US"}, ["tunnel"])),
        ("2001:0:4136:e378:8000:63bf:f7f7:f7f7", ("8.8.8.8", "located", None, {EMBEDDED: "US"}, ["tunnel"])),
        ("2002:a00:1::1", ("10.0.0.1", "reserved", "private", {}, ["reserved", "tunnel"])),
        ("::ffff:10.0.0.1", ("10.0.0.1", "reserved", "private", {}, ["reserved"])),
        ("64:ff9b::7f00:1", ("127.0.0.1", "reserved", "loopback", {}, ["reserved"])),
        ("100.64.0.1", ("100.64.0.1", "reserved", "cgnat", {}, ["reserved"])),
        ("64:ff9b:1::1", ("64:ff9b:1::1", "reserved", "translation", {}, ["reserved"])),
        ("3fff::1", ("3fff::1", "reserved", "documentation", {}, ["reserved"])),
        ("fec0::1", ("fec0::1", "reserved", "site-local", {}, ["reserved"])),
        ("fe80::1%eth0", ("fe80::1", "reserved", "link-local", {}, ["reserved"])),
        ("192.0.0.9", ("192.0.0.9", "unlocated", None, {}, [])),
        ("2001:1::1", ("2001:1::1", "located", None, {EMBEDDED: "CH"}, [])),
        ("010.8.8.8", (None, "invalid", None, {}, [])),
        ("134744072", (None, "invalid", None, {}, [])),
        ("", (None, "invalid", None, {}, [])),
        (None, (None, "invalid", None, {}, [])),
    ],
)
def test_the_row_of_an_address_says_all_there_is_to_say(text: str | None, row: tuple[object, ...]) -> None:
    assert tuple(locate_row(LOCATIONS.locate(text)).values()) == row


@pytest.mark.parametrize(
    "text", ["::ffff:8.8.8.8", "64:ff9b::808:808", "[::ffff:8.8.8.8]:443", "8.8.8.8:53", '"8.8.8.8"']
)
def test_an_address_in_any_dress_is_located_as_itself(text: str) -> None:
    assert LOCATIONS.locate(text) == EIGHTS


@pytest.mark.parametrize("network", [text for text, name in BLOCKS if name])
def test_a_reserved_address_has_no_claims_and_its_kind_is_known(network: str) -> None:
    for text in (str(ip_network(network)[0]), str(ip_network(network)[-1])):
        located = LOCATIONS.locate(text)
        assert located.status == "reserved"
        assert located.location.claims == ()
        assert located.location.kinds - {"tunnel"} == frozenset({"reserved"})
        assert located.location.tells == frozenset({"reserved", "tunnel"})


def test_nothing_is_known_of_an_invalid_address() -> None:
    assert LOCATIONS.locate("nonsense") == Located(None, INVALID)


def test_every_network_in_the_table_of_territories_lies_in_its_territory() -> None:
    with (DATA / "territories.csv").open(encoding="utf-8", newline="") as file:
        rows = [(ip_network(row["network"]), row["territory"]) for row in csv.DictReader(file)]
    smallest_last = sorted(rows, key=lambda row: -row[0].num_addresses)
    wrong = [
        (network, territory)
        for network, territory in smallest_last
        if {code_of(str(network[0])), code_of(str(network[-1]))} != {territory}
    ]
    assert wrong == []


def test_the_neighbours_of_a_territorys_network_are_not_in_it() -> None:
    assert code_of("5.3.41.255") == "UA-43"
    assert code_of("5.3.42.0") not in TERRITORIES
    assert code_of("5.3.40.255") not in TERRITORIES


@pytest.mark.parametrize("text", ["5.3.42.0", "77.88.8.8", "8.8.8.8", "5.3.41.7"])
def test_the_source_that_ships_resolves_the_six_territories_and_nothing_else(text: str) -> None:
    (claim,) = LOCATIONS.locate(text).location.claims
    assert claim.resolves == TERRITORIES


def test_a_bare_country_from_the_source_that_ships_is_in_no_territory_and_perhaps_in_kyiv_oblast() -> None:
    claim = Claim(EMBEDDED, Jurisdiction("UA"), TERRITORIES)
    (found,) = LOCATIONS.locate("2a02:d300::1").location.claims
    assert found == claim
    assert Region(TERRITORIES).covers(found.code, found.resolves) is False
    assert Region(frozenset({Jurisdiction("UA-32")})).covers(found.code, found.resolves) is None


def test_sources_that_disagree_each_make_their_claim_in_order(tmp_path: Path) -> None:
    records: Records = {"8.8.8.0/24": {"country_code": "DE"}}
    paths = [write_database(tmp_path / "one.mmdb", "flat", records), tmp_path / "two.mmdb"]
    write_database(paths[1], "GeoLite2-Country", {"8.8.8.0/24": {"country": {"iso_code": "FR"}}})
    located = open_locations(paths).locate("8.8.8.8")
    assert list(locate_row(located)["claims"].items()) == [(EMBEDDED, "US"), ("one", "DE"), ("two", "FR")]


def test_a_reserved_address_is_not_looked_for_in_any_database(tmp_path: Path) -> None:
    records: Records = {"10.0.0.0/8": {"country_code": "DE"}, "2001:db8::/32": {"country_code": "DE"}}
    locations = open_locations([write_database(tmp_path / "x.mmdb", "flat", records)])
    assert locations.locate("10.0.0.1").location.claims == ()
    assert locations.locate("2001:db8::1").location.claims == ()


def test_another_source_does_not_hide_a_territory(tmp_path: Path) -> None:
    path = write_database(tmp_path / "x.mmdb", "flat", {"5.3.41.0/24": {"country_code": "RU"}})
    assert locate_row(open_locations([path]).locate("5.3.41.7"))["claims"] == {EMBEDDED: "UA-43", "x": "RU"}


@given(st.text())
@example("\udc80")
@example("8.8.8.8\0")
@example("1" * 5000)
def test_no_text_raises(text: str) -> None:
    assert locate_row(LOCATIONS.locate(text))["status"] in ("located", "unlocated", "reserved", "invalid")


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**80 - 1))
def test_every_embedding_of_an_ipv4_address_is_located_as_that_address(number: int, rest: int) -> None:
    plain = LOCATIONS.locate(str(IPv4Address(number)))
    for text in (f"::ffff:{IPv4Address(number)}", f"64:ff9b::{IPv4Address(number)}"):
        assert LOCATIONS.locate(text) == plain
    teredo = 0x20010000 << 96 | (rest & 2**64 - 1) << 32 | number ^ 0xFFFF_FFFF
    for bits in (0x2002 << 112 | number << 80 | rest, teredo):
        found = LOCATIONS.locate(_ipv6(bits))
        assert found.address == plain.address
        assert (found.status, found.reserved) == (plain.status, plain.reserved)
        assert found.location.claims == plain.location.claims
        assert found.location.kinds == plain.location.kinds | {"tunnel"}


@given(st.one_of(st.integers(0, 2**128 - 1), st.integers(1 << 125, 2 << 125), st.integers(0x2A << 120, 0x2B << 120)))
def test_normalising_twice_changes_nothing_more(number: int) -> None:
    first = LOCATIONS.locate(_ipv6(number))
    assert LOCATIONS.locate(first.text).text == first.text


@given(st.integers(0, 2**32 - 1))
@example(0)
@example(2**32 - 1)
def test_the_short_way_to_a_place_leads_where_the_long_way_does(number: int) -> None:
    short = LOCATIONS.locate(str(IPv4Address(number)))
    assert short.location == LOCATIONS.snapshot.place(Address(IPV4_MAPPED | number)).location


def test_the_short_way_leads_where_the_long_way_does_all_over_the_space() -> None:
    for prefix in range(0, 1 << 16, 7):
        number = prefix << 16 | prefix * 40503 & 0xFFFF
        short = Locations(LOCATIONS.snapshot).locate(str(IPv4Address(number)))
        assert short.location is LOCATIONS.snapshot.place(Address(IPV4_MAPPED | number)).location


def test_equal_locations_are_one_object() -> None:
    seen: dict[object, object] = {}
    for prefix in range(0, 1 << 16, 11):
        for text in (str(IPv4Address(prefix << 16 | 7)), _ipv6(0x2A << 120 | prefix << 104), f"2002:{prefix:x}::"):
            location = LOCATIONS.locate(text).location
            assert seen.setdefault(location, location) is location


def test_a_scan_of_the_address_space_does_not_grow_the_memory() -> None:
    locations = Locations(LOCATIONS.snapshot)
    for number in range(3 * MEMO_SIZE):
        locations.locate(_ipv6(0x2A00 << 112 | number))
    memo = locations.memo
    assert MEMO_SIZE < len(memo.young) + len(memo.old) <= 2 * MEMO_SIZE


def test_garbage_is_not_remembered() -> None:
    locations = Locations(LOCATIONS.snapshot)
    for number in range(1000):
        locations.locate(f"garbage-{number}")
    assert locations.memo.young == {}


def test_an_address_in_use_outlives_a_scan() -> None:
    locations = Locations(LOCATIONS.snapshot)
    used = locations.locate("2002:808:808::1")
    for number in range(3 * MEMO_SIZE):
        locations.locate(_ipv6(0x2A00 << 112 | number))
        if number % 1000 == 0:
            assert locations.locate("2002:808:808::1").address is used.address  # the same object, not only as large


def test_another_snapshot_forgets_what_the_old_one_said(tmp_path: Path) -> None:
    locations = Locations(LOCATIONS.snapshot)
    before = locations.locate("8.8.8.8")
    path = write_database(tmp_path / "x.mmdb", "flat", {"8.8.8.0/24": {"country_code": "DE"}})
    locations.swap(open_locations([path]).snapshot)
    assert locations.revision != LOCATIONS.revision
    assert len(locations.locate("8.8.8.8").location.claims) == len(before.location.claims) + 1


def test_the_same_files_make_a_snapshot_of_the_same_id() -> None:
    assert open_locations().revision == LOCATIONS.revision


def test_territories_stay_when_a_user_adds_the_same_database_again() -> None:
    located = open_locations([DATA / f"{EMBEDDED}.mmdb"]).locate("5.3.41.7")
    assert locate_row(located)["claims"] == {EMBEDDED: "UA-43", f"{EMBEDDED}-2": "RU"}


def _ipv6(number: int) -> str:
    """Without abbreviation, as nobody writes it."""
    return ":".join(f"{number >> shift & 0xFFFF:x}" for shift in range(112, -1, -16))


def test_reserved_addresses_are_told_however_many_countries_a_database_has(tmp_path: Path) -> None:
    networks = (f"{16 + number // 200}.{number % 200}.0.0/16" for number in count())
    records: Records = {
        network: {"country_code": code} for network, code in zip(networks, sorted(COUNTRIES), strict=False)
    }
    database = open_database(write_database(tmp_path / "x.mmdb", "flat", records), name="x")
    locations = Locations(Snapshot([database]))
    assert locations.locate("16.0.9.9").location.claims
    for text in (
        "0.1.2.3",
        "10.0.0.1",
        "100.64.1.1",
        "127.1.2.3",
        "169.254.1.1",
        "198.18.0.1",
        "224.1.1.1",
        "240.1.1.1",
    ):
        assert locations.locate(text).status == "reserved"


@given(st.integers(0x2000, 0x3FFF), st.integers(0, 2**112 - 1))
@example(0x2001, 0xDB8 << 96)
@example(0x2002, 0x808_0808 << 80)
@example(0x2A02, 0xD300 << 96)
def test_the_short_way_to_the_place_of_an_ipv6_address_leads_where_the_long_way_does(lead: int, rest: int) -> None:
    number = lead << 112 | rest
    address, tunnel = unwrapped(number)
    assert LOCATIONS.locate(_ipv6(number)).location is LOCATIONS.snapshot.place(address, tunnel=tunnel).location


def test_the_short_way_of_ipv6_leads_where_the_long_way_does_all_over_the_space() -> None:
    for lead in range(0x2000, 0x4000):
        for rest in (0, 1, lead * 40503 << 80 & (1 << 112) - 1, (1 << 112) - 1):
            number = lead << 112 | rest
            address, tunnel = unwrapped(number)
            short = LOCATIONS.locate(_ipv6(number)).location
            assert short is LOCATIONS.snapshot.place(address, tunnel=tunnel).location
