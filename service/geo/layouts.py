"""Which database keeps what where: field maps by `database_type`, and by the shape of its records where that fails.

SOURCES: https://dev.maxmind.com/geoip/docs/databases/ (GeoIP2, GeoLite2), https://db-ip.com/db/format/ (DB-IP),
https://ipinfo.io/developers/ipinfo-lite-database (IPinfo Lite); seen 2026-11-22. Flat files: the repackagings whose
records are `{"country_code": "XX"}`.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from rules.facts import NetworkKind
from service.geo.findings import Layout, Path, at, country_of_label

_COUNTRY: Final[Path] = ("country", "iso_code")
_SUBDIVISIONS: Final[Path] = ("subdivisions",)
_SYSTEM: Final[Path] = ("autonomous_system_number",)
_TRAITS_SYSTEM: Final[Path] = ("traits", "autonomous_system_number")
_USER_TYPE: Final[Path] = ("traits", "user_type")
_CONNECTION_TYPE: Final[Path] = ("connection_type",)

_ANONYMOUS: Final[Mapping[Path, NetworkKind]] = {
    ("is_anonymous_vpn",): "vpn",
    ("is_tor_exit_node",): "tor",
    ("is_public_proxy",): "public_proxy",
    ("is_residential_proxy",): "residential_proxy",
    ("is_hosting_provider",): "hosting",
}
_SATELLITE: Final[Path] = ("traits", "is_satellite_provider")
_OPTIONAL_FLAGS: Final[Mapping[Path, NetworkKind]] = {
    _SATELLITE: "satellite",
    **{("traits", *path): kind for path, kind in _ANONYMOUS.items()},
}
"""Flags that a database tells only if some of its records carry them."""

_RELAY_USER: Final = "consumer_privacy_network"
"""MaxMind's user type for iCloud Private Relay and its like."""

_LAYOUTS: Final[tuple[tuple[str, Layout], ...]] = (
    (r"(geoip2|geolite2)-.*enterprise.*", Layout(
        "GeoIP2 Enterprise", country=_COUNTRY, subdivisions=_SUBDIVISIONS, system=_TRAITS_SYSTEM,
        values={(_USER_TYPE, "hosting"): "hosting", (_USER_TYPE, _RELAY_USER): "relay"},
    )),
    (r"(geoip2|geolite2)-.*city.*", Layout("GeoIP2 City", country=_COUNTRY, subdivisions=_SUBDIVISIONS)),
    (r"(geoip2|geolite2)-.*country.*", Layout("GeoIP2 Country", country=_COUNTRY)),
    (r"(geoip2|geolite2)-asn.*", Layout("GeoIP2 ASN", system=_SYSTEM)),
    (r"(geoip2|geolite2)-isp.*", Layout("GeoIP2 ISP", system=_SYSTEM)),
    (r"(geoip2?|geolite2)-anonymous-ip.*", Layout("GeoIP2 Anonymous IP", flags=_ANONYMOUS)),
    (r"(geoip2?|geolite2)-anonymous-plus.*", Layout("GeoIP Anonymous Plus", flags=_ANONYMOUS)),
    (r"(geoip2?)-residential-proxy.*", Layout("GeoIP Residential Proxy", lists="residential_proxy")),
    (r"(geoip2?)-connection-type.*", Layout(
        "GeoIP2 Connection Type", values={(_CONNECTION_TYPE, "satellite"): "satellite"}
    )),
    (r"dbip-asn.*", Layout("DB-IP ASN", system=_SYSTEM)),
    (r"dbip-.*isp.*", Layout(
        "DB-IP ISP", country=_COUNTRY, subdivisions=_SUBDIVISIONS, system=_TRAITS_SYSTEM,
        values={(_USER_TYPE, "hosting"): "hosting"},
    )),
    (r"dbip-(city|location).*", Layout("DB-IP City", country=_COUNTRY, subdivisions=_SUBDIVISIONS)),
    (r"dbip-country.*", Layout("DB-IP Country", country=_COUNTRY)),
    (r"ipinfo.*lite.*", Layout("IPinfo Lite", country=("country_code",), system=("asn",))),
)  # fmt: skip

_COUNTRY_FIELDS: Final[tuple[Path, ...]] = (
    _COUNTRY, ("country_code",), ("country",), ("country_iso_code",), ("iso_code",),
)  # fmt: skip
_REGION_FIELDS: Final[tuple[Path, ...]] = (("state1",), ("region",), ("region_name",), ("subdivision",), ("state",))
_SYSTEM_FIELDS: Final[tuple[Path, ...]] = (_SYSTEM, ("asn",), _TRAITS_SYSTEM)


def layout_for(database_type: str, sample: Iterable[object]) -> Layout | None:
    """The field map for a database, given some of its records; None if nothing in them is of use to a rule.

    The type decides where its map fits the sample; a repackaging may keep the type and change the records.
    """
    records = tuple(sample)
    named = _named(database_type)
    layout = named if named and _fits(named, records) else _shaped(records)
    if layout is None:
        return None
    flags = {path: kind for path, kind in _OPTIONAL_FLAGS.items() if _held(path, records)}
    return replace(layout, flags={**layout.flags, **flags})


def fields_of(sample: Iterable[object]) -> tuple[str, ...]:
    """Names of the top-level fields of some records, sorted."""
    return tuple(sorted({key for record in sample if isinstance(record, dict) for key in record}))


def _named(database_type: str) -> Layout | None:
    kind = database_type.lower()
    return next((layout for pattern, layout in _LAYOUTS if re.fullmatch(pattern, kind)), None)


def _fits(layout: Layout, records: tuple[object, ...]) -> bool:
    return layout.lists is not None or any(_held(path, records) for path in layout.paths)


def _held(path: Path, records: tuple[object, ...]) -> bool:
    return any(at(record, path) is not None for record in records)


def _shaped(records: tuple[object, ...]) -> Layout | None:
    """A field map made from the fields that the records have."""
    country = next((path for path in _COUNTRY_FIELDS if _names_countries(path, records)), None)
    layout = Layout(
        "flat" if country and len(country) == 1 else "by shape",
        country=country,
        subdivisions=_SUBDIVISIONS if country and _held(_SUBDIVISIONS, records) else None,
        region=_first_held(_REGION_FIELDS, records) if country else None,
        system=_first_held(_SYSTEM_FIELDS, records),
        flags={path: kind for path, kind in _ANONYMOUS.items() if _held(path, records)},
    )
    return layout if layout.paths else None


def _first_held(paths: tuple[Path, ...], records: tuple[object, ...]) -> Path | None:
    return next((path for path in paths if _held(path, records)), None)


def _names_countries(path: Path, records: tuple[object, ...]) -> bool:
    """Whether some record holds a country's code there: `country` holds a name in some databases, a map in others."""
    return any(country_of_label(at(record, path)) for record in records)
