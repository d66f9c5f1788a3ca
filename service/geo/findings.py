"""What one source says of one address, read out of a database record by a map of its fields.

Rules: no record raises, whatever its shape: what is not where the map says is simply not said. Pseudo-codes and unknown
codes are no country. A place is where `country` says; a record with `registered_country` only says where the network's
owner is registered, which is no claim about the address.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from rules.facts import Claim, NetworkKind
from rules.geography import TERRITORIES, Jurisdiction
from rules.iso3166 import COUNTRIES, SUBDIVISIONS, SUBDIVISIONS_WITH_OWN_COUNTRY_CODE
from service.geo.territories import LABELLING_COUNTRIES, territory_of

Path: TypeAlias = tuple[str, ...]
"""Keys from the record down to a value."""

TRUE: Final = frozenset({"true", "1"})
"""A flag that is set, as text: some sources write flags so."""


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """One per distinct content and source, so that it can be compared by identity."""

    claim: Claim | None = None
    kinds: frozenset[str] = frozenset()
    systems: frozenset[int] = frozenset()


NOTHING: Final = Finding()
"""What a source says of an address that it does not hold."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a kind of database keeps what rules ask about."""

    name: str
    country: Path | None = None
    subdivisions: Path | None = None
    """A list of `{"iso_code": …, "names": {language: name}}`, the largest subdivision first."""
    region: Path | None = None
    """The subdivision's name as plain text."""
    system: Path | None = None
    flags: Mapping[Path, NetworkKind] = field(default_factory=dict)
    """Fields that are true for an address of that kind, and absent or false for any other."""
    values: Mapping[tuple[Path, str], NetworkKind] = field(default_factory=dict)
    """Fields in which that text means that kind."""
    lists: NetworkKind | None = None
    """Kind of every address that the database holds at all."""
    resolves: frozenset[Jurisdiction] = frozenset()
    """Provinces that the source tells apart whatever the record: see `rules.facts.Claim`."""

    @property
    def tells(self) -> frozenset[str]:
        """The kinds that this database could find."""
        listed = {self.lists} if self.lists else set()
        return frozenset(listed | set(self.flags.values()) | set(self.values.values()))

    @property
    def paths(self) -> tuple[Path, ...]:
        """Every field that the map names."""
        places = (self.country, self.subdivisions, self.region, self.system)
        return (*filter(None, places), *self.flags, *(path for path, _ in self.values))


def finding_of(record: object, layout: Layout, source: str) -> Finding:
    """What a record says. A new value each time: see `Finding`."""
    system = _system(at(record, layout.system))
    return Finding(
        claim=_claim(record, layout, source),
        kinds=frozenset(_kinds(record, layout)),
        systems=frozenset() if system is None else frozenset({system}),
    )


def at(record: object, path: Path | None) -> object:
    """What stands at a path of a record; None if nothing does."""
    if path is None:
        return None
    for key in path:
        if not isinstance(record, dict):
            return None
        record = record.get(key)
    return record


def country_of_label(label: object) -> Jurisdiction | None:
    """The country that a source's code names; None for pseudo-codes and unknown ones."""
    code = label.upper() if isinstance(label, str) and len(label) == 2 else ""
    return Jurisdiction(code) if code in COUNTRIES else None


def placed(country: Jurisdiction, codes: tuple[str, ...], names: tuple[str, ...]) -> tuple[Jurisdiction, bool]:
    """The place that a country label and the labels of subdivisions mean, and whether a subdivision was recognised.

    `codes` runs from the largest subdivision to the smallest, empty where one has none. `names` are those of the
    largest only: a district of Rostov oblast is named Donetsk.
    """
    territory = territory_of(country, codes[0] if codes else "", names)
    if territory:
        return territory, True
    for code in codes:
        suffix = code.removeprefix(f"{country}-")
        if suffix in SUBDIVISIONS.get(country, ()):
            province = f"{country}-{suffix}"
            return Jurisdiction(SUBDIVISIONS_WITH_OWN_COUNTRY_CODE.get(province, province)), True
    return country, False


def _claim(record: object, layout: Layout, source: str) -> Claim | None:
    country = country_of_label(at(record, layout.country))
    if country is None:
        return None
    codes, names = _subdivisions(record, layout)
    code, recognised = placed(country, codes, names)
    named = any((*codes, *names)) and not recognised
    # A region under a name that is none of theirs lies outside the territories; an absent one may lie anywhere.
    resolves = TERRITORIES if named and country in LABELLING_COUNTRIES else frozenset()
    return Claim(source, code, layout.resolves | resolves)


def _subdivisions(record: object, layout: Layout) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Codes of the subdivisions that a record gives, and names of the largest."""
    parts = at(record, layout.subdivisions)
    parts = parts if isinstance(parts, list) else []
    codes = tuple(code if isinstance(code := at(part, ("iso_code",)), str) else "" for part in parts)
    labels = at(parts[0], ("names",)) if parts else None
    names = [*labels.values()] if isinstance(labels, dict) else []
    names.append(at(record, layout.region))
    return codes, tuple(name for name in names if isinstance(name, str) and name)


def _kinds(record: object, layout: Layout) -> Iterator[str]:
    if layout.lists:
        yield layout.lists
    for path, kind in layout.flags.items():
        flag = at(record, path)
        if flag is True or (isinstance(flag, str) and flag.lower() in TRUE):
            yield kind
    for (path, text), kind in layout.values.items():
        value = at(record, path)
        if isinstance(value, str) and value.lower() == text:
            yield kind


def _system(value: object) -> int | None:
    """`15169`, `AS15169` or `"15169"`; None for anything else."""
    if isinstance(value, str):
        digits = value.upper().removeprefix("AS")
        return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 10 else None
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1 << 32 else None
