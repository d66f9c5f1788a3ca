"""Whether a file is an address database that can be used: opened, walked, and looked at before anyone relies on it.

A walk visits the networks from the lowest address up, so that a small database is seen whole, and then addresses spread
evenly over each family, so that a large one is seen everywhere.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import maxminddb
from maxminddb.reader import Metadata

from rules.facts import IPV4_MAPPED
from service.geo.addresses import text_of
from service.geo.findings import Layout, at, country_of_label
from service.geo.layouts import fields_of, layout_for

HOPS: Final = 4096
"""Networks visited from the lowest up, and addresses visited evenly spread, in each family."""

KEPT: Final = 512
"""Records looked at for the shape of the database."""

CANARIES: Final = ("8.8.8.8", "1.1.1.1", "9.9.9.9", "193.0.6.139", "2001:4860:4860::8888", "2001:67c:2e8:22::c100:68b")
"""Public resolvers and the RIPE NCC: a database of countries that can place none of them is hardly one."""

_FAMILIES: Final = {
    4: (IPV4_MAPPED, IPV4_MAPPED + (1 << 32), 32),
    6: (1 << 125, 1 << 126, 128),
}
"""First address, the one after the last, and bits of an address; of IPv6 the global unicast part, 2000::/3."""


class InvalidDatabase(Exception):
    """A file that cannot be used as an address database."""

    def __init__(self, path: Path, faults: Iterable[str]) -> None:
        self.path = path
        self.faults = tuple(faults)
        super().__init__("; ".join(f"`{path}`: {fault}" for fault in self.faults))


@dataclass(frozen=True, slots=True)
class Examination:
    """What a walk has shown."""

    layout: Layout | None
    families: frozenset[int]
    example: str | None
    """An address that the database holds."""
    faults: tuple[str, ...]
    warnings: tuple[str, ...]


def opened(path: Path) -> maxminddb.Reader:
    """A reader on the memory-mapped file, in pure Python: only what has been examined may come to the fast one.

    The extension takes the key of every map for text without looking; in a damaged file that ends the process.

    Raises:
        InvalidDatabase: there is no such file, or it is no MMDB file.
    """
    try:
        if not path.stat().st_size:
            raise InvalidDatabase(path, ["the file is empty"])
        if not path.is_file():
            raise InvalidDatabase(path, ["not a file"])
        reader = maxminddb.open_database(str(path), maxminddb.MODE_MMAP)
        _checked_metadata(path, reader)
    except OSError as error:
        raise InvalidDatabase(path, [(error.strerror or "cannot be read").lower()]) from None
    except InvalidDatabase:
        raise
    except Exception:  # InvalidDatabaseError, UnicodeDecodeError, and what else damaged metadata decodes to.
        raise InvalidDatabase(path, ["not an MMDB file, or its metadata is damaged"]) from None
    return reader


def examine(reader: maxminddb.Reader) -> Examination:
    """What the database holds. Never raises: damage is a fault."""
    found: dict[int, list[tuple[str, object]]] = {}
    faults: list[str] = []
    for family in (4, 6):
        try:
            found[family] = list(_distinct(_with_sound_keys(_walk(reader, family))))
        except Exception as error:  # See `opened`.
            faults.append(f"damaged: {_one_line(error)}")
    held = frozenset(family for family, entries in found.items() if entries)
    entries = [entry for family in found.values() for entry in family]
    records = [record for _, record in entries]
    layout = layout_for(reader.metadata().database_type, records)
    if not faults:
        faults.extend(_emptiness(records, layout, reader.metadata().database_type))
    warnings = () if faults else tuple(_warnings(reader, layout, held))
    return Examination(layout, held, entries[0][0] if entries else None, tuple(faults), warnings)


def built_of(metadata: Metadata) -> datetime:
    """When the database was built, UTC."""
    return datetime.fromtimestamp(metadata.build_epoch, UTC)


def digest_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _checked_metadata(path: Path, reader: maxminddb.Reader) -> None:
    """Raise `InvalidDatabase` for metadata that no later step could use."""
    metadata = reader.metadata()
    faults = []
    if not _has_sound_keys(vars(metadata)):
        faults.append("its metadata has a key that is no text")
    if not isinstance(metadata.database_type, str):
        faults.append("its metadata names no database type")
    if metadata.ip_version not in (4, 6):
        faults.append(f"its metadata names IP version `{metadata.ip_version}`")
    try:
        built_of(metadata)
    except (OverflowError, ValueError, OSError, TypeError):
        faults.append(f"its metadata names build date `{metadata.build_epoch}`, which is none")
    if faults:
        reader.close()
        raise InvalidDatabase(path, faults)


def _walk(reader: maxminddb.Reader, family: int) -> Iterator[tuple[str, object]]:
    """Addresses of one family with their records, many of them repeatedly; none if the database has no tree for it."""
    if not _has_tree(reader, family):
        return
    start, stop, width = _FAMILIES[family]
    address = start
    for _ in range(HOPS):
        text = text_of(address)
        record, length = reader.get_with_prefix_len(text)
        yield text, record
        address = (address >> (width - length)) + 1 << (width - length)
        if address >= stop:
            return
    step = (stop - start) // HOPS
    for address in range(start + step // 2, stop, step):
        text = text_of(address)
        yield text, reader.get(text)


def _has_tree(reader: maxminddb.Reader, family: int) -> bool:
    version = reader.metadata().ip_version
    if version == family:
        return True
    # In an IPv6 tree, IPv4 stands at ::/96; a leaf above that answers every IPv4 address with what it holds.
    return version == 6 and reader.get_with_prefix_len("::")[1] >= 96


def _with_sound_keys(entries: Iterable[tuple[str, object]]) -> Iterator[tuple[str, object]]:
    """The same entries. Raises `InvalidDatabaseError` for one that the extension could not read."""
    for text, record in entries:
        if not _has_sound_keys(record):
            raise maxminddb.InvalidDatabaseError(f"the record of `{text}` has a key that is no text")
        yield text, record


def _has_sound_keys(record: object) -> bool:
    if isinstance(record, dict):
        return all(isinstance(key, str) for key in record) and all(map(_has_sound_keys, record.values()))
    return not isinstance(record, list) or all(map(_has_sound_keys, record))


def _distinct(entries: Iterable[tuple[str, object]]) -> Iterator[tuple[str, object]]:
    """Entries whose records differ, the first `KEPT` of them; the rest is read all the same, to find damage."""
    seen: set[str] = set()
    for text, record in entries:
        if record is None or len(seen) >= KEPT or (content := repr(record)) in seen:
            continue
        seen.add(content)
        yield text, record


def _emptiness(records: list[object], layout: Layout | None, database_type: str) -> Iterator[str]:
    if not records:
        yield "holds no address"
    elif layout is None:
        fields = ", ".join(f"`{field}`" for field in fields_of(records)[:8]) or "none"
        yield f"type `{database_type}` with fields {fields}: nothing there that a rule could ask about"


def _warnings(reader: maxminddb.Reader, layout: Layout | None, held: frozenset[int]) -> Iterator[str]:
    if held == {6}:
        yield "holds no IPv4 address: it says nothing of any"
    if held == {4}:
        yield "holds no IPv6 address: it says nothing of any"
    if layout and layout.country and not _places_a_canary(reader, layout, held):
        yield "places none of the well-known addresses that any database of countries knows"


def _places_a_canary(reader: maxminddb.Reader, layout: Layout, held: frozenset[int]) -> bool:
    texts = (text for text in CANARIES if (6 if ":" in text else 4) in held)
    return any(country_of_label(at(reader.get(text), layout.country)) for text in texts)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
