"""FollowTheMoney entities, one JSON object a line, as OpenSanctions publishes them (`entities.ftm.json`).

Every property has several values, all of them text. Legal entities become entities, `Ownership` interests, `Sanction`
listings that are dated. Topics become listings without dates, and so do datasets whose sanctions the file lacks.
"""

# SOURCE: followthemoney, schema/Ownership.yaml, Interval.yaml, LegalEntity.yaml, Sanction.yaml (seen 2026-11-22).

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product

from service.imports.ftm_lists import ListNames, is_listing_topic, is_of_itself
from service.imports.json_rows import json_rows
from service.imports.percentages import read_percentage, spanning
from service.imports.records import (
    EntityRecord,
    Fault,
    InterestRecord,
    ListingRecord,
    Record,
    Row,
    Whole,
    numbered,
    stable_id,
)
from service.imports.seen import Seen
from service.imports.streams import ImportFile
from service.imports.values import first_moment, json_text, known_code, last_moment, plain_text, seats_text

KINDS: Mapping[str, str] = {
    "Person": "person",
    "Company": "company",
    "Organization": "organisation",
    "PublicBody": "public-body",
    "LegalEntity": "legal-entity",
}
"""Schemata that become entities, and the kinds that they are of."""

_ENDED = frozenset({"inactive", "expired"})
"""States of a sanction that is over."""
_SANCTIONED = "sanctioned"
_TOLD = ("percentage", "role", "ownershipType", "sharesType", "status", "recordId")
"""Properties of an ownership that are kept beside it."""


def read_ftm(file: ImportFile, stream: io.BufferedReader, *, source: str, lists: Mapping[str, str]) -> Iterator[Row]:
    """The rows of a file. It is read twice: whom its sanctions name must be known before the entities are read."""
    names = ListNames(lists)
    with Seen() as sanctioned:
        _note_sanctions(file, sanctioned)
        for line, value, fault in json_rows(stream):
            entity = _ftm(value)
            if fault or entity is None:
                message = Fault("", "an entity is expected: an object with `id`, `schema` and `properties`")
                yield Row(line, faults=(fault or message,))
            else:
                yield _row(line, entity, _Reading(source, names, sanctioned))


def _note_sanctions(file: ImportFile, sanctioned: Seen) -> None:
    with file.opened() as stream:
        for line, value, _ in json_rows(stream.bytes):
            entity = _ftm(value) if isinstance(value, dict) and value.get("schema") == "Sanction" else None
            if entity is not None:
                pairs = product(entity.values("entity"), entity.datasets)
                sanctioned.add(_SANCTIONED, [(f"{id}\0{dataset}", line) for id, dataset in pairs])


@dataclass(frozen=True, slots=True)
class Ftm:
    """One entity of the file."""

    id: str
    schema: str
    properties: Mapping[str, object]
    datasets: tuple[str, ...]
    caption: str

    def values(self, name: str) -> list[str]:
        """The values of a property, each once, in order."""
        found = self.properties.get(name, ())
        texts = (plain_text(value) for value in found) if isinstance(found, list) else iter(())
        return sorted({text for text in texts if text})


def _ftm(value: object) -> Ftm | None:
    if not isinstance(value, dict):
        return None
    id, schema, properties = value.get("id"), value.get("schema"), value.get("properties")
    datasets = value.get("datasets", [])
    if not (isinstance(id, str) and plain_text(id) and isinstance(schema, str) and isinstance(properties, dict)):
        return None
    names = sorted({plain_text(name) for name in datasets} - {""}) if isinstance(datasets, list) else []
    return Ftm(plain_text(id), schema, properties, tuple(names), plain_text(value.get("caption")))


@dataclass(frozen=True, slots=True)
class _Reading:
    """What the reading of each row needs."""

    source: str
    names: ListNames
    sanctioned: Seen

    def dated(self, id: str, dataset: str) -> bool:
        """Whether some sanction of the file says when the entity was listed there."""
        return self.sanctioned.line_of(_SANCTIONED, f"{id}\0{dataset}") is not None


def _row(line: int, entity: Ftm, reading: _Reading) -> Row:
    try:
        if entity.schema in KINDS:
            return _entity(line, entity, reading)
        if entity.schema == "Ownership":
            return _ownership(line, entity, reading.source)
        if entity.schema == "Sanction":
            return _sanction(line, entity, reading)
    except _Refused as refused:
        return Row(line, faults=(Fault(refused.column, str(refused)),))
    return Row(line, left_out=f"schema {entity.schema}: says nothing that is recorded")


class _Refused(Exception):
    """A property that cannot be read."""

    def __init__(self, column: str, message: str) -> None:
        super().__init__(message)
        self.column = column


def _entity(line: int, entity: Ftm, reading: _Reading) -> Row:
    seats, unmapped = _seats(entity)
    name = entity.caption or next(iter(entity.values("name")), "")
    record = EntityRecord(entity.id, name, KINDS[entity.schema], seats_text(seats), reading.source)
    key = stable_id(reading.source, "ftm", entity.id)
    lists = _lists(entity, reading)
    listings = (
        ListingRecord(numbered(key, number), entity.id, list, None, None, reading.source)
        for number, list in enumerate(lists)
    )
    notes = ("a country that ISO 3166 does not have",) * unmapped
    return Row(line, (record, *listings, Whole("listing", key, len(lists))), notes=notes)


def _seats(entity: Ftm) -> tuple[dict[str, list[str]], int]:
    """Seats by basis, and how many countries are none that Cordon knows."""
    main, country = entity.values("mainCountry"), entity.values("country")
    if entity.schema == "Person":
        said = {"residence": country}
    else:
        said = {"incorporation": entity.values("jurisdiction"), "headquarters": main or country}
    codes = {basis: [known_code(value) for value in values] for basis, values in said.items()}
    unmapped = sum(found.count(None) for found in codes.values())
    return {basis: [code for code in found if code] for basis, found in codes.items()}, unmapped


def _lists(entity: Ftm, reading: _Reading) -> list[str]:
    """The lists that an entity is on without a date: by its topics, and by datasets whose sanctions the file lacks."""
    topics = [topic for topic in entity.values("topics") if is_listing_topic(topic)]
    found = {reading.names.of_topic(topic) for topic in topics}
    if any(map(is_of_itself, topics)):
        found.update(reading.names.of(name) for name in entity.datasets if not reading.dated(entity.id, name))
    return sorted(found)


def _ownership(line: int, entity: Ftm, source: str) -> Row:
    owners, assets = _required(entity, "owner"), _required(entity, "asset")
    start, end = _validity(entity)
    texts = entity.values("percentage")
    read = [bounds for text in texts if (bounds := read_percentage(text)) is not None]
    bounds = spanning(read)
    told = {name: values for name in _TOLD if (values := entity.values(name))}
    key = stable_id(source, "ftm", entity.id)
    records: list[Record] = [
        InterestRecord(
            id=numbered(key, number),
            owner=owner,
            subject=asset,
            kind="shareholding",
            share="" if bounds is None else str(bounds),
            control=False,
            valid_from=start,
            valid_to=end,
            source=source,
            details=json_text(told),
        )
        for number, (owner, asset) in enumerate(product(owners, assets))
    ]
    notes = ("a percentage that gives no bounds",) * (len(texts) - len(read))
    return Row(line, (*records, Whole("interest", key, len(records))), notes=notes)


def _sanction(line: int, entity: Ftm, reading: _Reading) -> Row:
    start, end = _validity(entity, "listingDate")
    key = stable_id(reading.source, "ftm", entity.id)
    is_over = end is None and any(status.lower() in _ENDED for status in entity.values("status"))
    if is_over:
        return Row(line, (Whole("listing", key, 0),), left_out="a sanction that is over, and nothing says since when")
    lists = sorted({*map(reading.names.of, entity.datasets), *map(reading.names.of, entity.values("programId"))})
    records: list[Record] = [
        ListingRecord(numbered(key, number), listed, list, start, end, reading.source)
        for number, (listed, list) in enumerate(product(_required(entity, "entity"), lists))
    ]
    return Row(line, (*records, Whole("listing", key, len(records))))


def _required(entity: Ftm, name: str) -> list[str]:
    values = entity.values(name)
    if not values:
        raise _Refused(name, f"`{name}` is empty")
    return values


def _validity(entity: Ftm, *other_starts: str) -> tuple[int | None, int | None]:
    """From the first start to the last end; a year or a month begins with its first moment, and ends with its last."""
    starts = [_moment(entity, name, text) for name in ("startDate",) for text in entity.values(name)]
    if not starts:
        starts = [_moment(entity, name, text) for name in other_starts for text in entity.values(name)]
    ends = [_moment(entity, "endDate", text) for text in entity.values("endDate")]
    start = min((start for start in starts if start is not None), default=None)
    end = max((end for end in ends if end is not None), default=None)
    if start is not None and end is not None and start >= end:
        shown = "`, `".join(entity.values("endDate"))
        raise _Refused("endDate", f"`{shown}` is not after the start")
    return start, end


def _moment(entity: Ftm, name: str, text: str) -> int | None:
    try:
        return last_moment(text) if name == "endDate" else first_moment(text)
    except ValueError as error:
        raise _Refused(name, str(error)) from None
