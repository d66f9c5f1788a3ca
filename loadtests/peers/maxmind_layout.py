"""The database that ships with Cordon in the layout of MaxMind's, which is the only one that the geoip2 library reads.

The same networks and countries: the search tree is kept, and its leaves point to records of another shape. Laid out by
the MaxMind DB File Format Specification 2.0 (https://maxmind.github.io/MaxMind-DB/), which this file names sections of.
Inserting the networks one by one into a new tree takes more than a minute; this takes a second.
"""

import re
from collections.abc import Mapping
from pathlib import Path

import maxminddb

DATABASE_TYPE = "GeoLite2-Country"
"""By its type the library tells what a database holds."""

_MARKER = b"\xab\xcd\xefMaxMind.com"
_SEPARATOR = bytes(16)
_POINTER_BYTES = 3
_RECORD = re.compile(rb"\xe1(?:Lcountry_code|\x20\x01)B([A-Z]{2})")
"""A map of one member, the name spelt out or pointed to, and two letters."""


class OtherLayout(Exception):
    """The database is not laid out as the one that ships."""


def write_maxmind_layout(source: Path, target: Path) -> Path:
    """Write the countries of `source`, whose records are `{"country_code": …}`, as `{"country": {"iso_code": …}}`.

    Raises:
        OtherLayout: its tree or its records are others.
    """
    with maxminddb.open_database(str(source)) as reader:
        metadata = reader.metadata()
    if metadata.record_size != 8 * _POINTER_BYTES:
        raise OtherLayout(f"`{source.name}` has a tree of {metadata.record_size} bits")
    content = source.read_bytes()
    tree_end, data_end = metadata.node_count * 2 * _POINTER_BYTES, content.rindex(_MARKER)
    data = content[tree_end + len(_SEPARATOR) : data_end]
    records, moved = _records(data, metadata.node_count + len(_SEPARATOR))
    tree = _pointing_anew(content[:tree_end], moved, metadata.node_count)
    described = content[data_end:].replace(_text(metadata.database_type), _text(DATABASE_TYPE))
    target.write_bytes(tree + _SEPARATOR + records + described)
    return target


def _records(data: bytes, base: int) -> tuple[bytes, dict[bytes, bytes]]:
    """The records in the other shape, and where the pointers to them move ("Output Data Section")."""
    written, moved = b"", {}
    for record in _RECORD.finditer(data):
        moved[_pointer(base + record.start())] = _pointer(base + len(written))
        written += _map({"country": _map({"iso_code": _text(record[1].decode())})})
    return written, moved


def _pointing_anew(tree: bytes, moved: Mapping[bytes, bytes], node_count: int) -> bytes:
    pointers = [tree[start : start + _POINTER_BYTES] for start in range(0, len(tree), _POINTER_BYTES)]
    empty = _pointer(node_count)
    if any(pointer > empty and pointer not in moved for pointer in set(pointers)):
        raise OtherLayout("a leaf points to a record that is not a country")
    return b"".join(moved.get(pointer, pointer) for pointer in pointers)


def _pointer(number: int) -> bytes:
    return number.to_bytes(_POINTER_BYTES)


def _map(members: Mapping[str, bytes]) -> bytes:
    """Type 7, with fewer than 29 members ("Data Field Format")."""
    return bytes((7 << 5 | len(members),)) + b"".join(_text(name) + value for name, value in members.items())


def _text(text: str) -> bytes:
    """Type 2, shorter than 29 bytes."""
    return bytes((2 << 5 | len(text),)) + text.encode()
