"""Supplies the location: text of an address in, what the sources say of it out. Never raises, whatever the text.

What is remembered: located addresses, in two generations of `MEMO_SIZE`, so that a scan of the address space pushes out
what is old instead of growing the memory. It belongs to the snapshot: another snapshot, another memo. An address of
which all that is near says the same is not remembered, since to find it again takes as long; nor is any plain IPv4
address where one flat database is all there is, since to ask that again takes little longer.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from socket import AF_INET, AF_INET6, inet_pton
from typing import Final, NamedTuple, TypedDict

from rules.facts import IPV4_MAPPED, Address, Location
from service.geo.addresses import number_of, text_of, unwrapped
from service.geo.database import Database, SourceInfo, open_database, stamp_of
from service.geo.examination import InvalidDatabase
from service.geo.snapshot import INVALID, NARROW, SIX_TO_FOUR, SPECIAL, Place, Snapshot, Status

__all__ = ["InvalidDatabases", "Located", "Locations", "SourceInfo", "locate_row", "open_locations"]

DATA: Final = Path(__file__).parent / "geo" / "data"
EMBEDDED: Final = "dbip-country-lite"
MEMO_SIZE: Final = 16_384
IPV4_BYTES: Final = 4

from_bytes: Final = int.from_bytes


class Located(NamedTuple):
    """An address, and what is known of it."""

    address: Address | None
    """128 bits, an embedded IPv4 address taken out; None if the text names no address."""
    place: Place
    """Shared by all addresses that look alike."""

    @property
    def status(self) -> Status:
        return self.place.status

    @property
    def location(self) -> Location:
        return self.place.location

    @property
    def reserved(self) -> str | None:
        """Class of a reserved address: `service.geo.reserved.CLASSES`."""
        return self.place.reserved

    @property
    def text(self) -> str | None:
        """The canonical text of `address`."""
        return None if self.address is None else text_of(self.address)


class LocatedRow(TypedDict):
    """What `cordon locate` prints of an address."""

    address: str | None
    status: Status
    reserved: str | None
    claims: dict[str, str]
    kinds: list[str]


class InvalidDatabases(Exception):
    """Databases that cannot be used: every problem of every file, one line each."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(self.problems))


UNKNOWN: Final = Located(None, INVALID)
"""A text that names no address, or no text at all."""


class Locations:
    """Where addresses are, by the snapshot in use."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.memo = _Memo(snapshot)
        """What was located with the snapshot in use: another one, once another is."""
        self._refused_stamps: tuple[object, ...] = ()

    @property
    def snapshot(self) -> Snapshot:
        return self.memo.snapshot

    @property
    def revision(self) -> str:
        """The snapshot's id: whatever was derived from a `Located` is right only while it stays the same."""
        return self.memo.snapshot.id

    @property
    def sources(self) -> tuple[SourceInfo, ...]:
        return self.memo.snapshot.sources

    @property
    def read_errors(self) -> int:
        """Answers that damaged databases could not give."""
        return sum(database.read_errors for database in self.memo.snapshot.databases)

    def locate(self, text: str | None) -> Located:
        """HOT PATH: what is known of the address that a text names."""
        return self.memo.locate(text) if text else UNKNOWN

    def swap(self, snapshot: Snapshot) -> None:
        """Answer from another snapshot from now on; what was derived from the old one goes with it."""
        self.memo = _Memo(snapshot)

    def reload(self) -> bool:
        """Take up files that were replaced since they were opened; False if none was, or if they were refused already.

        Raises:
            InvalidDatabases: a new file cannot be used; the old snapshot stays in use.
        """
        loaded = self.snapshot.databases
        stamps = tuple(stamp_of(database.info.path) for database in loaded)
        if stamps in (self._refused_stamps, tuple(database.stamp for database in loaded)):
            return False
        paths = [database.info.path for database in loaded if database.info.origin == "file"]
        try:
            self.swap(_snapshot(paths, loaded))
        except InvalidDatabases:
            self._refused_stamps = stamps
            raise
        return True

    def details(self, located: Located) -> dict[str, dict[str, str]]:
        """By source, everything that it tells of an address, for people: slow."""
        text = located.text
        if text is None or located.status == "reserved":
            return {}
        return {database.info.name: database.details(text) for database in self.snapshot.databases}


class _Memo:
    """A snapshot and what was located with it."""

    __slots__ = ("index4", "index6", "is_flat4", "mark", "old", "place4", "places4", "places6", "snapshot", "young")

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.is_flat4, self.place4 = snapshot.ipv4.flat, snapshot.ipv4.place
        self.index4, self.places4 = snapshot.wide_ipv4.index, snapshot.wide_ipv4.places
        self.index6, self.places6 = snapshot.wide_ipv6.index, snapshot.wide_ipv6.places
        self.mark = object()
        """Of what was located here, without keeping any of it alive."""
        self.young: dict[bytes | str, Located] = {}
        """By the bytes of a plain address, else by text."""
        self.old: dict[bytes | str, Located] = {}

    def locate(self, text: str) -> Located:
        """The answer for any text."""
        (address,), (place,) = self.locate_each((text,))
        return Located(address, place)

    def locate_each(self, texts: Iterable[str]) -> tuple[list[Address | None], list[Place]]:
        """HOT PATH: the addresses that some texts name, and the places of these.

        Quickest for addresses that their first 16 bits tell the place of.
        """
        index4, places4, index6, places6 = self.index4, self.places4, self.index6, self.places6
        is_flat4, place4 = self.is_flat4, self.place4
        addresses: list[Address | None] = []
        places: list[Place] = []
        for text in texts:
            address: Address | None
            try:
                packed = inet_pton(AF_INET6 if ":" in text else AF_INET, text)
            except (OSError, ValueError):
                address, place = self._remembered(text) or self._remember(text, self._dressed(text))
            else:
                number = from_bytes(packed)
                if len(packed) == IPV4_BYTES:
                    wide = index4[number >> 16]
                    address = number | IPV4_MAPPED  # type: ignore[assignment]
                    if wide > SPECIAL:
                        place = places4[wide]
                    elif wide == NARROW and is_flat4:
                        place = place4(text)
                    else:
                        address, place = self._narrow(packed, text, wide)
                else:
                    wide = index6[number >> 112]
                    address = number  # type: ignore[assignment]
                    if wide > SPECIAL:
                        place = places6[wide]
                    else:
                        address, place = self._narrow(packed, text, wide)
            addresses.append(address)
            places.append(place)
        return addresses, places

    def _narrow(self, packed: bytes, text: str, wide: int) -> Located:
        """HOT PATH: of an address that more has to be looked at than its first 16 bits."""
        found = self._remembered(packed)
        if found is None:
            narrow = self._narrow_ipv4 if len(packed) == IPV4_BYTES else self._narrow_ipv6
            found = self._remember(packed, narrow(from_bytes(packed), text, wide))
        return found

    def _narrow_ipv4(self, number: int, text: str, wide: int) -> Located:
        address = Address(IPV4_MAPPED | number)
        if wide == NARROW or number >> 8 not in self.snapshot.special_ipv4:
            place = self.snapshot.ipv4.place(text)
        else:
            place = self.snapshot.ipv4.special_place(address, text)
        return Located(address, place)

    def _narrow_ipv6(self, number: int, text: str, wide: int) -> Located:
        lead = number >> 96
        if wide == SPECIAL and (lead >> 29 != 1 or lead >> 16 == SIX_TO_FOUR or lead in self.snapshot.special_ipv6):
            return self._unwrapped(number)
        return Located(Address(number), self.snapshot.ipv6.place(text))

    def _remembered(self, key: bytes | str) -> Located | None:
        """HOT PATH: what was located of late; it stays for longer."""
        found = self.young.get(key)
        if found is None:
            found = self.old.get(key)
            if found is not None:
                self._remember(key, found)
        return found

    def _remember(self, key: bytes | str, found: Located) -> Located:
        """HOT PATH: the same answer, kept; garbage is not, so that it cannot push out what is."""
        if found.address is not None:
            if len(self.young) >= MEMO_SIZE:
                self.old, self.young = self.young, {}
            self.young[key] = found
        return found

    def _unwrapped(self, number: int) -> Located:
        address, tunnel = unwrapped(number)
        return Located(address, self.snapshot.place(address, tunnel=tunnel))

    def _dressed(self, text: str) -> Located:
        """For a text in quotes or brackets, with a port or a zone id, or none that names an address."""
        number = number_of(text)
        return UNKNOWN if number is None else self._unwrapped(number)


def open_locations(extra: Sequence[Path] = ()) -> Locations:
    """The database that ships, with its territories, and the user's own.

    Raises:
        InvalidDatabases: every problem of every file.
    """
    return Locations(_snapshot(extra))


def locate_row(located: Located) -> LocatedRow:
    """A located address as plain data, in the order in which it is printed."""
    return {
        "address": located.text,
        "status": located.status,
        "reserved": located.reserved,
        "claims": {claim.source: claim.code for claim in located.location.claims},
        "kinds": sorted(located.location.kinds),
    }


def _snapshot(extra: Sequence[Path], loaded: Sequence[Database] = ()) -> Snapshot:
    previous = {database.info.name: database for database in loaded}
    databases: list[Database] = []
    problems: list[str] = []
    for name, path in _named(Path(path) for path in extra):
        try:
            databases.append(_opened(name, path, previous.get(name)))
        except InvalidDatabase as error:
            problems.extend(f"`{error.path}`: {fault}" for fault in error.faults)
    if problems:
        raise InvalidDatabases(problems)
    return Snapshot(databases)


def _opened(name: str, path: Path, previous: Database | None) -> Database:
    if previous and previous.stamp == stamp_of(path):
        return previous
    if name != EMBEDDED:
        return open_database(path, name=name, previous=previous)
    database = open_database(path, name=name, origin="embedded", previous=previous)
    database.lay_over(DATA / "territories.csv")
    return database


def _named(paths: Iterable[Path]) -> list[tuple[str, Path]]:
    """Each file with the name of its source: its stem, made unique; the embedded one first."""
    named = {EMBEDDED: DATA / f"{EMBEDDED}.mmdb"}
    for path in paths:
        name, count = path.stem, 1
        while name in named:
            count += 1
            name = f"{path.stem}-{count}"
        named[name] = path
    return list(named.items())
