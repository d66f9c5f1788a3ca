"""Builds small address databases, of any kind, for tests."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmdb_writer import MMDBWriter
from netaddr import IPSet  # type: ignore[import-untyped]

Records = Mapping[str, Any]
"""By network, its record."""


def write_database(path: Path, database_type: str, records: Records, *, ip_version: int = 6) -> Path:
    """Write an MMDB file; IPv4 networks stand at ::/96 of an IPv6 one, where readers look for them."""
    writer = MMDBWriter(
        ip_version, database_type=database_type, languages=["en"], description="test", ipv4_compatible=ip_version == 6
    )
    for network, record in records.items():
        writer.insert_network(IPSet([network]), record)
    writer.to_db_file(str(path))
    return path


def with_build_date(path: Path, epoch: int) -> Path:
    """Rewrite the build date, which the writer takes from the clock."""
    content = path.read_bytes()
    key = b"\x4bbuild_epoch"
    start = content.rindex(key) + len(key)
    size = content[start] & 0x1F  # A uint64: its control byte holds the size, the byte after it the extended type.
    path.write_bytes(content[:start] + b"\x08\x02" + epoch.to_bytes(8) + content[start + 2 + size :])
    return path


def maxmind_city(country: str, *subdivisions: tuple[str | None, str], city: str = "") -> dict[str, Any]:
    """A record of a GeoIP2 City database; a subdivision is its code, if any, and its name."""
    return {
        "country": {"iso_code": country, "names": {"en": country}},
        "registered_country": {"iso_code": country, "names": {"en": country}},
        "city": {"names": {"en": city}},
        "subdivisions": [{"names": {"en": name}} | ({"iso_code": code} if code else {}) for code, name in subdivisions],
    }
