"""What a source has to tell of an address beyond what rules ask: for people, who have time.

MaxMind's own databases are read with geoip2, which knows their models; any other record is shown as it stands. Nothing
here runs while a request waits.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import geoip2.database
from maxminddb import MODE_AUTO

_METHODS: Final[Mapping[str, str]] = {
    "GeoIP2 Country": "country",
    "GeoIP2 City": "city",
    "GeoIP2 Enterprise": "enterprise",
    "GeoIP2 ASN": "asn",
    "GeoIP2 ISP": "isp",
    "GeoIP2 Anonymous IP": "anonymous_ip",
    "GeoIP Anonymous Plus": "anonymous_plus",
    "GeoIP2 Connection Type": "connection_type",
}
"""By layout, geoip2's reader of it."""

_LEFT_OUT: Final = frozenset({"names", "geoname_id", "continent", "ip_address", "network", "prefix_len", "_prefix_len"})
_DEEPEST: Final = 6


def details_of(path: Path, layout: str, text: str, record: object) -> dict[str, str]:
    """What a source says of an address, by dotted name of the field.

    Never raises: where geoip2 cannot make sense of a record, the record is shown.
    """
    method = _METHODS.get(layout)
    shown = (_model(path, method, text) if method else None) or record
    return dict(_flat(shown, ""))


def model_fault(path: Path, layout: str, text: str) -> str | None:
    """Why geoip2 cannot read an address that the file holds; None if it can, or if the file is none of MaxMind's."""
    method = _METHODS.get(layout)
    if method is None or _model(path, method, text) is not None:
        return None
    return f"geoip2 cannot read its record of `{text}`: details come from the record as it stands"


def _model(path: Path, method: str, text: str) -> object:
    try:
        with geoip2.database.Reader(path, mode=MODE_AUTO) as reader:
            return getattr(reader, method)(text).to_dict()
    except Exception:  # Whatever a damaged or foreign record makes of the models.
        return None


def _flat(value: object, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and name.count(".") < _DEEPEST:
        english = value.get("names")
        if isinstance(english, dict) and isinstance(english.get("en"), str):
            yield _joined(name, "name"), english["en"]
        for key, part in value.items():
            if key not in _LEFT_OUT:
                yield from _flat(part, _joined(name, str(key)))
    elif isinstance(value, list) and name.count(".") < _DEEPEST:
        for index, part in enumerate(value):
            yield from _flat(part, _joined(name, str(index)))
    elif value is not None and value is not False:
        yield name, "yes" if value is True else " ".join(str(value).split())


def _joined(name: str, key: str) -> str:
    return f"{name}.{key}" if name else key
