"""All sources at one moment, asked together.

INVARIANT: equal locations of one snapshot are one object, so that whoever derives something from a location may key it
on identity, and drop it all when the snapshot's id changes. (After `POOL_LIMIT` different ones a snapshot starts anew:
a scan of the whole address space through a source of autonomous systems must not fill the memory.)
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final, Literal, TypeAlias

from rules.facts import IPV4_MAPPED, NOWHERE, Address, Location
from service.geo.addresses import is_ipv4, text_of
from service.geo.database import Database, SourceInfo
from service.geo.findings import NOTHING, Finding
from service.geo.reserved import RESERVED, reserved_class

Status: TypeAlias = Literal["located", "unlocated", "reserved", "invalid"]

POOL_LIMIT: Final = 32_768
ALWAYS_TOLD: Final = frozenset({"reserved", "tunnel"})
"""Network kinds that the address itself shows."""

Findings: TypeAlias = tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """What is known of an address, the address itself apart."""

    status: Status
    location: Location
    reserved: str | None = None


INVALID: Final = Place("invalid", NOWHERE)


class Pool:
    """One object for all equal locations."""

    def __init__(self) -> None:
        self._locations: dict[Location, Location] = {}

    def one(self, location: Location) -> Location:
        if len(self._locations) >= POOL_LIMIT:
            self._locations.clear()
        return self._locations.setdefault(location, location)


class Snapshot:
    """Address in, place out. Never raises."""

    def __init__(self, databases: Sequence[Database]) -> None:
        self.databases = tuple(databases)
        self.id = _id_of(self.sources)
        self._pool = Pool()
        self.ipv4 = Family(4, self.databases, self._pool)
        self.ipv6 = Family(6, self.databases, self._pool)
        mixed = frozenset(_mixed_prefixes(self.databases))
        self.special_ipv4 = frozenset(_special_parts(self.databases, mixed))
        """HOT PATH: first 24 bits, where the first 16 are `SPECIAL`, of addresses that are reserved or overlaid."""
        self.special_ipv6 = _special_ipv6(self.databases)
        self.wide_ipv4 = WidePlaces(self.ipv4, special=mixed, reserved=_reserved_prefixes())
        self.wide_ipv6 = WidePlaces(self.ipv6, special=_special_leads(self.special_ipv6))
        self._tunnelled: dict[Place, Place] = {}

    @property
    def sources(self) -> tuple[SourceInfo, ...]:
        return tuple(database.info for database in self.databases)

    def place(self, address: Address, *, tunnel: bool = False) -> Place:
        """What is known of an address; `tunnel` if it was found inside another one that shows a tunnel."""
        family = self.ipv4 if is_ipv4(address) else self.ipv6
        place = family.special_place(address, text_of(address))
        return self._through_tunnel(place) if tunnel else place

    def _through_tunnel(self, place: Place) -> Place:
        known = self._tunnelled.get(place)
        if known:
            return known
        if len(self._tunnelled) >= POOL_LIMIT:
            self._tunnelled.clear()
        location = self._pool.one(replace(place.location, kinds=place.location.kinds | {"tunnel"}))
        return self._tunnelled.setdefault(place, replace(place, location=location))


class Family:
    """The sources that hold addresses of one family."""

    def __init__(self, family: Literal[4, 6], databases: Iterable[Database], pool: Pool) -> None:
        self.number: Literal[4, 6] = family
        self._pool = pool
        self.databases = tuple(database for database in databases if family in database.info.families)
        infos = tuple(database.info for database in self.databases)
        self._tells = ALWAYS_TOLD.union(*(info.tells for info in infos))
        self._systems = frozenset[int]() if any(info.systems for info in infos) else None
        self._reserved: dict[str, Place] = {}
        self._places: dict[Findings, Place] = {}
        self._by_label: dict[object, Place] = {}
        self._get = self.databases[0].get if self.flat else None
        self._nowhere = self.joined(tuple(NOTHING for _ in self.databases))

    @property
    def flat(self) -> bool:
        """Whether the only source has countries and nothing else."""
        return len(self.databases) == 1 and self.databases[0].flat

    def place(self, text: str) -> Place:
        """HOT PATH: what the sources say of an address, given as plain text, that has no special prefix."""
        get = self._get
        if get is None:
            return self._place(text)
        try:
            record = get(text)
            return self._nowhere if record is None else self._by_label[record["country_code"]]  # type: ignore[index]
        except Exception:  # A label that is new, or whatever a damaged file decodes to.
            return self._labelled_place(text)

    def special_place(self, address: Address, text: str) -> Place:
        """The place of an address that may be reserved or overlaid."""
        name = reserved_class(address)
        if name:
            return self.reserved_place(name)
        overlaid = tuple(database.overlay.find(address) for database in self.databases)
        if not any(overlaid):
            return self.place(text)
        asked = zip(overlaid, self.databases, strict=True)
        return self.joined(tuple(finding or database.find(text) for finding, database in asked))

    def joined(self, findings: Findings) -> Place:
        """What the sources' findings, one of each, say together."""
        return self._places.get(findings) or self._newly_joined(findings)

    def _place(self, text: str) -> Place:
        return self.joined(tuple([database.find(text) for database in self.databases]))

    def _labelled_place(self, text: str) -> Place:
        """`place` for a flat source where `_by_label` was of no use, which it may be from now on."""
        place = self._place(text)
        if place.location.claims:
            self._by_label[place.location.claims[0].code] = place
        return place

    def _newly_joined(self, findings: Findings) -> Place:
        if len(self._places) >= POOL_LIMIT:
            self._places.clear()
        claims = tuple(finding.claim for finding in findings if finding.claim)
        location = Location(
            claims=claims,
            kinds=frozenset().union(*(finding.kinds for finding in findings)),
            tells=self._tells,
            systems=None if self._systems is None else self._systems.union(*(each.systems for each in findings)),
        )
        place = Place("located" if claims else "unlocated", self._pool.one(location))
        return self._places.setdefault(findings, place)

    def reserved_place(self, name: str) -> Place:
        """The place of a reserved address: no source is asked, so none could have told a kind of network."""
        place = self._reserved.get(name)
        if place is None:
            location = Location(kinds=frozenset({"reserved"}), tells=ALWAYS_TOLD, systems=self._systems)
            place = self._reserved.setdefault(name, Place("reserved", self._pool.one(location), name))
        return place


class WidePlaces:
    """HOT PATH: the place of an address of one family, where its first 16 bits are enough to tell it.

    A byte a prefix, so that all of them stay in the processor's cache.
    """

    __slots__ = ("_numbers", "index", "places")

    def __init__(self, family: Family, *, special: Iterable[int], reserved: Iterable[int] = ()) -> None:
        """`special`, `reserved`: first 16 bits that some special address has, and that only reserved ones have."""
        self.places: list[Place] = [INVALID, INVALID]
        """By what stands in `index`, from 2 on."""
        self._numbers: dict[int, int] = {}
        # These come first: where numbers run out, the sources are asked, who do not know what is reserved.
        numbers = {prefix: self._number(family.reserved_place(_reserved_class_of(prefix))) for prefix in reserved}
        index = bytearray(1 << 16)
        if family.flat:
            for prefix, count, finding in family.databases[0].wide_networks(family.number):
                index[prefix : prefix + count] = bytes((self._number(family.joined((finding,))),)) * count
        for prefix, number in numbers.items():
            index[prefix] = number
        for prefix in special:
            index[prefix] = SPECIAL
        self.index = bytes(index)
        """By the first 16 bits: `NARROW`, `SPECIAL`, or a place's position in `places`."""

    def _number(self, place: Place) -> int:
        """What stands in `index` for a place, which is told by its identity."""
        number = self._numbers.get(id(place))
        if number is None and len(self.places) <= 255:
            number = self._numbers[id(place)] = len(self.places)
            self.places.append(place)
        return number or NARROW


NARROW: Final = 0
"""The sources have to be asked."""
SPECIAL: Final = 1
"""Some address is reserved or overlaid, and some other one is not, or not so."""
SIX_TO_FOUR: Final = 0x2002
"""First 16 bits of IPv6 addresses that have an IPv4 address in them (RFC 3056)."""

_Span: TypeAlias = tuple[int, int]


def _reserved_ipv4() -> list[_Span]:
    blocks = ((first, last) for first, last, name in RESERVED.blocks if name and is_ipv4(first))
    return [(first - IPV4_MAPPED, last - IPV4_MAPPED) for first, last in blocks]


def _overlaid_ipv4(databases: Iterable[Database]) -> list[_Span]:
    blocks = (block for database in databases for block in database.overlay.blocks)
    return [(first - IPV4_MAPPED, last - IPV4_MAPPED) for first, last, _ in blocks if is_ipv4(first)]


def _reserved_class_of(prefix: int) -> str:
    """Class of the first of the IPv4 addresses with these first 16 bits."""
    return reserved_class(IPV4_MAPPED | prefix << 16) or ""


def _reserved_prefixes() -> set[int]:
    return {prefix for first, last in _reserved_ipv4() for prefix in range(first >> 16, (last >> 16) + 1)}


def _mixed_prefixes(databases: Iterable[Database]) -> set[int]:
    """First 16 bits that addresses of different kinds share: reserved in part, or overlaid."""
    parts = [span for span in _reserved_ipv4() if span[1] - span[0] < 0xFFFF]
    spans = parts + _overlaid_ipv4(databases)
    return {prefix for first, last in spans for prefix in range(first >> 16, (last >> 16) + 1)}


def _special_parts(databases: Iterable[Database], mixed: frozenset[int]) -> set[int]:
    """First 24 bits, within these prefixes, that some reserved or overlaid address has."""
    parts: set[int] = set()
    for first, last in _reserved_ipv4() + _overlaid_ipv4(databases):
        for prefix in mixed.intersection(range(first >> 16, (last >> 16) + 1)):
            low, high = max(first, prefix << 16), min(last, prefix << 16 | 0xFFFF)
            parts.update(range(low >> 8, (high >> 8) + 1))
    return parts


def _special_ipv6(databases: Iterable[Database]) -> frozenset[int]:
    """HOT PATH: first 32 bits of global unicast addresses, 6to4 apart, that may be reserved or overlaid."""
    blocks = [(first, last) for first, last, name in RESERVED.blocks if name]
    blocks += [(first, last) for database in databases for first, last, _ in database.overlay.blocks]
    spans = ((first >> 96, last >> 96) for first, last in blocks if first >> 125 == 1)
    return frozenset(prefix for first, last in spans for prefix in range(first, last + 1))


def _special_leads(special: Iterable[int]) -> set[int]:
    """First 16 bits of IPv6 addresses of which some may be special: reserved, overlaid, or with another in them."""
    return {lead for lead in range(1 << 16) if lead >> 13 != 1} | {SIX_TO_FOUR} | {prefix >> 16 for prefix in special}


def _id_of(sources: Iterable[SourceInfo]) -> str:
    """Names the content: twelve hexadecimal digits."""
    content = "\n".join(f"{source.name} {source.revision}" for source in sources)
    return sha256(content.encode()).hexdigest()[:12]
