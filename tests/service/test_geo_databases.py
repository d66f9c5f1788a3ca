"""Which files are taken for databases, which are refused and in what words, and what is noticed about the others."""

import os
import random
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.geo.database import Database, open_database
from service.geo.examination import InvalidDatabase
from service.locations import EMBEDDED, InvalidDatabases, open_locations
from tests.service.address_databases import Records, maxmind_city, with_build_date, write_database

FLAT: Records = {"5.6.7.0/24": {"country_code": "FR"}, "8.8.8.0/24": {"country_code": "US"}}


def faults_of(path: Path) -> str:
    with pytest.raises(InvalidDatabases) as error:
        open_locations([path])
    assert all(f"`{path}`: " in problem and "\n" not in problem for problem in error.value.problems)
    return " ".join(error.value.problems)


def test_the_database_that_ships_is_sound() -> None:
    (source,) = open_locations().sources
    assert (source.name, source.origin) == (EMBEDDED, "embedded")
    assert source.families == frozenset({4, 6})
    assert source.built == datetime(2026, 6, 1, 20, 32, 58, tzinfo=UTC)
    assert source.warnings == ()


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "the file is empty"),
        (b"not a database", "not an MMDB file"),
        (b"\xab\xcd\xefMaxMind.com", "not an MMDB file"),
        (b"\xab\xcd\xefMaxMind.com\xe1\x4bbuild_epoch\x00", "not an MMDB file"),
    ],
)
def test_a_file_that_is_no_database_is_refused(tmp_path: Path, content: bytes, fault: str) -> None:
    path = tmp_path / "x.mmdb"
    path.write_bytes(content)
    assert fault in faults_of(path)


def test_a_missing_file_and_a_directory_are_refused(tmp_path: Path) -> None:
    assert "no such file" in faults_of(tmp_path / "x.mmdb")
    assert "not a file" in faults_of(tmp_path)


def test_every_fault_of_every_file_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(InvalidDatabases) as error:
        open_locations([tmp_path / "one.mmdb", tmp_path / "two.mmdb"])
    assert [problem.split("`")[1] for problem in error.value.problems] == [
        str(tmp_path / "one.mmdb"),
        str(tmp_path / "two.mmdb"),
    ]


def test_a_database_that_tells_nothing_of_use_is_refused_with_the_fields_it_has(tmp_path: Path) -> None:
    path = write_database(tmp_path / "x.mmdb", "GeoIP2-Domain", {"5.6.7.0/24": {"domain": "example.org"}})
    assert "type `GeoIP2-Domain` with fields `domain`" in faults_of(path)


def test_a_database_that_holds_no_address_is_refused(tmp_path: Path) -> None:
    path = write_database(tmp_path / "x.mmdb", "flat", {})
    assert "holds no address" in faults_of(path)


def test_a_build_date_that_is_none_is_refused(tmp_path: Path) -> None:
    path = write_database(tmp_path / "x.mmdb", "flat", FLAT)
    assert "build date `18446744073709551615`" in faults_of(with_build_date(path, 2**64 - 1))


def test_a_file_of_maxminds_type_that_geoip2_cannot_read_is_warned_of_and_shown_as_it_is(tmp_path: Path) -> None:
    record = {"country": {"iso_code": "FR"}, "subdivisions": 5, "city": "Lyon"}
    locations = open_locations([write_database(tmp_path / "x.mmdb", "GeoIP2-City", {"5.6.7.0/24": record})])
    assert "geoip2 cannot read its record of `5.6.7.0`" in locations.sources[1].warnings[-1]
    assert locations.details(locations.locate("5.6.7.8"))["x"]["city"] == "Lyon"


@given(st.integers(0, 10_000), st.integers(1, 40))
@settings(max_examples=60)
def test_damage_anywhere_is_refused_or_harmless(seed: int, changes: int) -> None:
    rng = random.Random(seed)
    content = bytearray(DAMAGEABLE)
    for _ in range(changes):
        content[rng.randrange(len(content))] = rng.randrange(256)
    _survives(bytes(content))


@given(st.integers(0, 10_000))
@settings(max_examples=40)
def test_a_truncated_file_is_refused_or_harmless(length: int) -> None:
    _survives(DAMAGEABLE[: length % len(DAMAGEABLE)])


def test_a_file_without_ipv4_addresses_says_so_and_is_not_asked_about_them(tmp_path: Path) -> None:
    path = write_database(tmp_path / "six.mmdb", "GeoIP2-Anonymous-IP", {"2a00::/16": {"is_anonymous_vpn": True}})
    locations = open_locations([path])
    assert locations.sources[1].warnings == ("holds no IPv4 address: it says nothing of any",)
    assert "vpn" not in locations.locate("8.8.8.8").location.tells
    assert "vpn" in locations.locate("2600::1").location.tells
    assert locations.locate("2a00::1").location.kinds == {"vpn"}


def test_a_file_without_ipv6_addresses_says_so_and_is_not_asked_about_them(tmp_path: Path) -> None:
    path = write_database(tmp_path / "four.mmdb", "flat", FLAT, ip_version=4)
    locations = open_locations([path])
    assert locations.sources[1].warnings == ("holds no IPv6 address: it says nothing of any",)
    assert [claim.source for claim in locations.locate("2600::1").location.claims] == [EMBEDDED]
    assert [claim.source for claim in locations.locate("5.6.7.8").location.claims] == [EMBEDDED, "four"]
    assert locations.read_errors == 0


def test_a_leaf_above_the_ipv4_tree_is_no_answer_about_ipv4(tmp_path: Path) -> None:
    records: Records = {"::/64": {"country_code": "DE"}, "2a00::/16": {"country_code": "FR"}}
    locations = open_locations([write_database(tmp_path / "leaf.mmdb", "flat", records)])
    assert locations.sources[1].families == {6}
    assert [claim.source for claim in locations.locate("8.8.8.8").location.claims] == [EMBEDDED]


def test_one_record_for_all_of_ipv4_is_an_answer_about_ipv4(tmp_path: Path) -> None:
    locations = open_locations([write_database(tmp_path / "all.mmdb", "flat", {"0.0.0.0/0": {"country_code": "DE"}})])
    assert locations.sources[1].families == {4}
    assert locations.locate("8.8.8.8").location.claims[1].code == "DE"


def test_a_country_database_that_places_no_well_known_address_is_warned_of(tmp_path: Path) -> None:
    path = write_database(tmp_path / "x.mmdb", "flat", {"5.6.7.0/24": {"country_code": "FR"}})
    assert "places none of the well-known addresses" in open_locations([path]).sources[1].warnings[-1]


def test_sources_are_named_after_their_files_each_differently(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    names = ["country.mmdb", "b/country.mmdb", f"{EMBEDDED}.mmdb"]
    paths = [write_database(tmp_path / name, "flat", FLAT) for name in names]
    locations = open_locations(paths)
    assert [source.name for source in locations.sources] == [EMBEDDED, "country", "country-2", f"{EMBEDDED}-2"]


def test_an_older_file_than_the_one_in_use_is_refused(tmp_path: Path) -> None:
    path = with_build_date(write_database(tmp_path / "x.mmdb", "flat", FLAT), 1_700_000_000)
    used = open_database(path, name="x")
    with_build_date(path, 1_600_000_000)
    with pytest.raises(InvalidDatabase, match="built 2020-09-13, older than the one in use, built 2023-11-14"):
        open_database(path, name="x", previous=used)


def test_a_file_that_knows_much_less_than_the_one_in_use_is_refused(tmp_path: Path) -> None:
    wide: Records = {f"{first}.0.0.0/8": {"country_code": "FR"} for first in range(1, 10)}
    used = open_database(write_database(tmp_path / "x.mmdb", "flat", wide), name="x")
    less = write_database(tmp_path / "y.mmdb", "flat", {"1.0.0.0/8": {"country_code": "FR"}})
    with pytest.raises(InvalidDatabase, match="does not hold 16 of 18 addresses that the one in use holds"):
        open_database(less, name="x", previous=used)


def test_a_replaced_file_is_taken_up_and_an_unchanged_one_is_not_opened_again(tmp_path: Path) -> None:
    path = write_database(tmp_path / "x.mmdb", "flat", FLAT)
    locations = open_locations([path])
    before = locations.locate("5.6.7.8")
    assert not locations.reload()
    _replace(path, {**FLAT, "5.6.7.0/24": {"country_code": "BE"}})
    embedded, revision = locations.snapshot.databases[0], locations.revision
    assert locations.reload()
    assert locations.snapshot.databases[0] is embedded
    assert locations.revision != revision
    assert before.location.claims[1].code == "FR"
    assert locations.locate("5.6.7.8").location.claims[1].code == "BE"


def test_a_bad_replacement_is_refused_and_the_old_file_answers_on(tmp_path: Path) -> None:
    path = write_database(tmp_path / "x.mmdb", "flat", FLAT)
    locations = open_locations([path])
    new = tmp_path / "new"
    new.write_bytes(b"broken")
    os.replace(new, path)
    with pytest.raises(InvalidDatabases, match="not an MMDB file"):
        locations.reload()
    assert locations.locate("5.6.7.8").location.claims[1].code == "FR"


def test_details_are_told_by_maxminds_own_reader_and_by_the_record_of_any_other(tmp_path: Path) -> None:
    city = {"5.6.7.0/24": maxmind_city("UA", ("43", "Crimea"), city="Yalta")}
    paths = [
        write_database(tmp_path / "city.mmdb", "GeoIP2-City", city),
        write_database(tmp_path / "flat.mmdb", "flat", {"5.6.7.0/24": {"country_code": "UA", "n": [7, {"a": True}]}}),
    ]
    locations = open_locations(paths)
    details = locations.details(locations.locate("5.6.7.8"))
    assert details["city"]["city.name"] == "Yalta"
    assert details["city"]["subdivisions.0.iso_code"] == "43"
    assert details["flat"] == {"country_code": "UA", "n.0": "7", "n.1.a": "yes"}
    assert locations.details(locations.locate("10.0.0.1")) == {}
    assert locations.details(locations.locate("nonsense")) == {}


def _replace(path: Path, records: Records) -> None:
    new = write_database(path.with_suffix(".new"), "flat", records)
    os.replace(new, path)


def _damageable() -> bytes:
    with TemporaryDirectory() as folder:
        crimea, rostov = maxmind_city("UA", ("43", "Crimea")), maxmind_city("RU", ("ROS", "Rostov Oblast"))
        path = write_database(Path(folder) / "x.mmdb", "GeoIP2-City", {"5.6.7.0/24": crimea, "2a00::/16": rostov})
        return path.read_bytes()


DAMAGEABLE = _damageable()


def _survives(content: bytes) -> None:
    """Opening and asking a file either works or is refused with a message."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "x.mmdb"
        path.write_bytes(content)
        database, refusal = _opened(path)
        if database is None:
            assert refusal.startswith(f"`{path}`: ")
            return
        for text in ("5.6.7.8", "8.8.8.8", "2a00::1"):
            database.find(text)
            database.details(text)


def _opened(path: Path) -> tuple[Database | None, str]:
    try:
        return open_database(path, name="x"), ""
    except InvalidDatabase as error:
        return None, str(error)


def test_a_key_that_is_no_text_is_refused_before_the_fast_reader_sees_it(tmp_path: Path) -> None:
    path = write_database(tmp_path / "x.mmdb", "flat", FLAT)
    content = path.read_bytes()
    key = b"\x4ccountry_code"
    assert content.count(key) == 1
    (tmp_path / "y.mmdb").write_bytes(
        content.replace(key, b"\xac" + key[1:])
    )  # the same length, as a number of 12 bytes
    assert "damaged" in faults_of(tmp_path / "y.mmdb")
    (tmp_path / "z.mmdb").write_bytes(content.replace(key, b"\xc4" + key[1:]))  # a number of 4 bytes, then whatever
    assert faults_of(tmp_path / "z.mmdb")
