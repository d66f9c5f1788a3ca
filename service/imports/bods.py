"""BODS 0.4: statements about entities, persons and relationships, as one JSON array or one a line.

The last statement about a record says what the record says. Where the components of an indirect relationship are in
the file, they tell of the stake and the relationship itself does not, so that it is counted once.
"""

# SOURCE: Beneficial Ownership Data Standard 0.4: statement.json, entity-record.json, person-record.json,
# relationship-record.json; guidance on indirect ownership, updates, nominations, states (seen 2026-11-22).

import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from rules.shares import Bounds
from service.imports.bods_entities import entity_record, person_record
from service.imports.bods_index import BodsIndex
from service.imports.bods_interests import ROLES, Stated, meant, stated_share
from service.imports.json_rows import json_rows
from service.imports.records import (
    UNKNOWN_PREFIX,
    ActingRecord,
    Ending,
    Fault,
    InterestRecord,
    Record,
    Row,
    Whole,
    numbered,
    stable_id,
)
from service.imports.streams import ImportFile
from service.imports.values import first_moment, is_fit, json_text, last_moment, plain_text

_KEPT = ("directOrIndirect", "beneficialOwnershipOrControl", "details")
"""Members of an interest that are kept beside it."""
SUPERSEDED = "a later statement is about the same record"


class _Refused(Exception):
    """A member that cannot be read."""

    def __init__(self, at: str, message: str) -> None:
        super().__init__(message)
        self.at = at


@dataclass(frozen=True, slots=True)
class _Relationship:
    """One statement about a relationship."""

    id: str
    key: str
    source: str
    details: Mapping[str, object]
    closed_at: int | None

    @property
    def interests(self) -> list[object]:
        given = self.details.get("interests")
        return given if isinstance(given, list) else []


def read_bods(file: ImportFile, stream: io.BufferedReader, *, source: str) -> Iterator[Row]:
    """The rows of a dataset. It is read twice: what stands for what must be known before the statements are read."""
    with BodsIndex() as index:
        index.read(file)
        for number, (line, value, fault) in enumerate(json_rows(stream)):
            try:
                yield Row(line, faults=(fault,)) if fault else _row(line, number, value, (source, index))
            except _Refused as refused:
                yield Row(line, faults=(Fault(refused.at, str(refused)),))


def _row(line: int, number: int, value: object, known: tuple[str, BodsIndex]) -> Row:
    source, index = known
    if not isinstance(value, dict) or not isinstance(value.get("recordDetails"), dict):
        raise _Refused(
            "/recordDetails", "no BODS 0.4 statement: an object with `recordId`, `recordType`, `recordDetails`"
        )
    id, kind, details = plain_text(value.get("recordId")), value.get("recordType"), value["recordDetails"]
    if not id or value.get("recordId") != id:
        raise _Refused("/recordId", "a text without control characters is expected")
    if not index.is_last(id, number):
        return Row(line, left_out=SUPERSEDED)
    if kind in ("entity", "person"):
        read = entity_record if kind == "entity" else person_record
        record, notes = read(id, details, source)
        return Row(line, (record,), notes=notes)
    if kind != "relationship":
        raise _Refused("/recordType", "the type is none of `entity`, `person`, `relationship`")
    key = stable_id(source, "bods", id)
    return _relationship(line, _Relationship(id, key, source, details, _closed_at(value)), index)


def _closed_at(statement: Mapping[str, object]) -> int | None:
    """When a record was closed; None if it was not."""
    if statement.get("recordStatus") != "closed":
        return None
    published = statement.get("publicationDetails")
    dates = (
        ("/statementDate", statement.get("statementDate")),
        (
            "/publicationDetails/publicationDate",
            published.get("publicationDate") if isinstance(published, dict) else None,
        ),
    )
    for at, date in dates:
        if date is not None:
            return _moment(at, date, first_moment)
    raise _Refused("/statementDate", "the record is closed, and nothing says since when")


def _relationship(line: int, relationship: _Relationship, index: BodsIndex) -> Row:
    details, key = relationship.details, relationship.key
    nothing = Whole("interest", key, 0)
    subject = details.get("subject")
    if not isinstance(subject, str):
        return Row(line, (nothing,), left_out="a relationship without a subject")
    if details.get("isComponent") is True and index.is_told_by_whole(relationship.id):
        return Row(line, (nothing,), left_out="a component whose relationship is told of as a whole")
    if relationship.closed_at is not None and not relationship.interests:
        return Row(line, (Ending(key, relationship.closed_at),))
    stated = list(_stated(relationship))
    if index.is_told_by_parts(relationship.id):
        stated = [each for each in stated if each.told.get("directOrIndirect") == "direct"]
        if not stated:
            return Row(line, (nothing,), left_out="an indirect relationship that its components tell of")
    records = list(_records(relationship, stated, index))
    left_out = "" if len(records) > 1 else "an office: neither ownership nor control"
    return Row(line, tuple(records), left_out=left_out)


def _records(relationship: _Relationship, stated: list[Stated], index: BodsIndex) -> Iterator[Record]:
    subject, owner, reason = _parties(relationship)
    number = 0
    for each in meant(stated):
        told = {"record": relationship.id, "interest": each.stated.kind, **reason, **each.stated.told}
        yield InterestRecord(
            id=numbered(relationship.key, number),
            owner=owner,
            subject=subject,
            kind=each.kind,
            share=each.share,
            control=each.control,
            valid_from=each.stated.start,
            valid_to=each.stated.end,
            source=relationship.source,
            details=json_text(told),
        )
        number += 1
    yield Whole("interest", relationship.key, number)
    if relationship.closed_at is None:
        for other in index.others_jointly(subject, owner):
            yield ActingRecord(min(owner, other), max(owner, other), relationship.source)


def _parties(relationship: _Relationship) -> tuple[str, str, dict[str, object]]:
    """Subject, owner, and why the owner is not known."""
    details, reason = relationship.details, dict[str, object]()
    subject, party = details.get("subject"), details.get("interestedParty")
    if isinstance(party, dict):
        given = {name: plain_text(party.get(name)) for name in ("reason", "description")}
        reason = {name: text for name, text in given.items() if text}
        party = f"{UNKNOWN_PREFIX}{relationship.id}"
    for at, id in (("/recordDetails/subject", subject), ("/recordDetails/interestedParty", party)):
        if not isinstance(id, str) or not id or not is_fit(id):
            raise _Refused(at, "the id of a record is expected")
    return str(subject), str(party), {"unspecified": reason} if reason else {}


def _stated(relationship: _Relationship) -> Iterator[Stated]:
    """The interests of a relationship; if it gives none, one of which nothing is known."""
    if not relationship.interests:
        yield Stated("unknownInterest", None, None, relationship.closed_at, {})
    for number, interest in enumerate(relationship.interests):
        at = f"/recordDetails/interests/{number}"
        if not isinstance(interest, dict):
            raise _Refused(at, "an object is expected")
        kind = str(interest.get("type", "unknownInterest"))
        if kind not in ROLES:
            raise _Refused(f"{at}/type", f"unknown type of interest `{kind}`")
        start = _moment(f"{at}/startDate", interest.get("startDate"), first_moment)
        end = _ended(relationship, _moment(f"{at}/endDate", interest.get("endDate"), last_moment))
        if start is not None and end is not None and start >= end:
            raise _Refused(f"{at}/endDate", "the interest does not end after its start")
        told = {name: _plain(interest[name]) for name in _KEPT if isinstance(interest.get(name), str | bool)}
        yield Stated(kind, _share(at, interest), start, end, told)


def _plain(value: str | bool) -> str | bool:
    return plain_text(value) if isinstance(value, str) else value


def _ended(relationship: _Relationship, end: int | None) -> int | None:
    """The end of an interest; of one that a closed record leaves open, the day on which it was closed."""
    return relationship.closed_at if end is None else end


def _share(at: str, interest: Mapping[str, object]) -> Bounds | None:
    try:
        return stated_share(interest.get("share"))
    except ValueError as error:
        raise _Refused(f"{at}/share", str(error)) from None


def _moment(at: str, value: object, reading: Callable[[str], int | None]) -> int | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise _Refused(at, "a date is expected")
    try:
        return reading(value)
    except ValueError as error:
        raise _Refused(at, str(error)) from None
