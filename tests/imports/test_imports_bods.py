"""BODS 0.4: each quirk of the standard, in a small dataset written from its schema."""

import json
from pathlib import Path
from typing import Any

import pytest

from service.imports.bods_interests import stated_share
from service.storage.database import Database
from tests.imports.importing import FILES, current, details, imported, interests, rejections, written

_OUTER = ("recordStatus", "statementDate", "publicationDetails")


@pytest.fixture
def database(sqlite_database: Database) -> Database:
    """Readers do not see which database it is; that both take the same over, `test_imports_engine` shows."""
    return sqlite_database


def relationship(id: str, owner: object = "a", subject: object = "b", **more: Any) -> dict[str, Any]:
    """A statement about a relationship; `more` are members of its details, or of the statement."""
    outer = {name: more.pop(name) for name in (*more,) if name in _OUTER}
    inner = {"isComponent": False, "subject": subject, "interestedParty": owner, **more}
    return {"recordId": id, "recordType": "relationship", "recordDetails": inner, **outer}


def share(percent: float, **more: Any) -> list[dict[str, Any]]:
    """One shareholding."""
    return [{"type": "shareholding", "share": {"exact": percent}, **more}]


def lines(tmp_path: Path, *statements: dict[str, Any], name: str = "bods.json") -> Any:
    return written(tmp_path / name, "".join(json.dumps(statement) + "\n" for statement in statements))


@pytest.fixture
def dataset(database: Database) -> Database:
    """A database that has taken the dataset over."""
    assert imported(database, FILES / "bods.json", "bods").status == "done"
    return database


def held(database: Database, owner: str) -> list[str]:
    return [line for line in interests(database) if line.startswith(f"{owner} -> ")]


def test_entities_and_persons_are_seated_where_they_are_registered_act_and_live(dataset: Database) -> None:
    assert current(dataset, "entities", "id", "name", "kind", "seats") == [
        ("ann", "Ann Example", "person", '{"residence":["FR"]}'),
        ("co", "Company SA", "company", '{"headquarters":["DE"],"incorporation":["LU"]}'),
        ("joint", "Joint shareholding", "arrangement", "{}"),
        ("mid", "Middle BV", "company", "{}"),
        ("state", "Zambia", "state", '{"incorporation":["ZM"]}'),
    ]


def test_an_indirect_stake_is_counted_once_as_its_components_and_a_direct_one_beside_it(dataset: Database) -> None:
    assert held(dataset, "ann") == [
        "ann -> co: (2%, 2.0001%), from 2019-03-01",
        "ann -> joint: ?",
        "ann -> mid: 60%",
    ]
    assert held(dataset, "mid") == ["mid -> co: 25%"]


def test_one_stake_told_as_shares_votes_and_surplus_counts_as_shares(dataset: Database) -> None:
    assert held(dataset, "bob") == [
        "bob -> co: (25%, 50%]",
        "bob -> co: (50%, 75%), votes",
        "bob -> co: ?, control, control",
        "bob -> co: [25%, 50%], rightsToSurplusAssetsOnDissolution",
        "bob -> joint: ?",
    ]


def test_an_unspecified_party_is_an_unknown_owner_and_why_is_kept(dataset: Database) -> None:
    assert held(dataset, "unknown:nobody-co") == ["unknown:nobody-co -> co: ?"]
    [kept] = details(dataset, "unknown:nobody-co", "co")
    assert kept["unspecified"]["reason"] == "subjectUnableToConfirmOrIdentifyBeneficialOwner"


def test_those_who_hold_jointly_act_together(dataset: Database) -> None:
    assert held(dataset, "joint") == ["joint -> co: 10%"]
    assert current(dataset, "acting", "one", "other") == [("ann", "bob")]


def test_what_a_state_has_in_its_ministry_lies_anywhere_between_none_and_all(dataset: Database) -> None:
    assert held(dataset, "state") == ["state -> ministry: [0%, 100%], control"]


def test_a_closed_record_without_an_end_ends_when_it_was_closed(dataset: Database) -> None:
    assert held(dataset, "old") == ["old -> co: 5%, from 2015-01-01, until 2021-06-01"]


def test_a_range_that_holds_nothing_is_rejected_with_its_line_and_place(database: Database) -> None:
    done = imported(database, FILES / "bods.json", "bods")
    [rejection] = rejections(database, done)
    assert (rejection.line, rejection.column) == (111, "/recordDetails/interests/0/share")
    assert rejection.message == "no share lies between 60% and 40%"


def test_without_one_component_the_relationship_counts_and_the_other_components_do_not(
    database: Database, tmp_path: Path
) -> None:
    whole = relationship("ab", componentRecords=["am", "m", "mb"], interests=share(15, directOrIndirect="indirect"))
    part = relationship("am", subject="m", isComponent=True, interests=share(60))
    imported(database, lines(tmp_path, part, whole), "bods")
    assert interests(database) == ["a -> b: 15%"]


def test_the_last_statement_about_a_record_counts_and_drops_what_it_leaves_out(
    database: Database, tmp_path: Path
) -> None:
    first = relationship("r", interests=[*share(60), {"type": "appointmentOfBoard"}])
    done = imported(database, lines(tmp_path, first), "bods")
    later = lines(tmp_path, first, relationship("r", interests=share(40), recordStatus="updated"))
    again = imported(database, later, "bods")
    assert interests(database) == ["a -> b: 40%"]
    assert (done.counts.changed.new, again.counts.changed.retracted) == (2, 1)
    assert again.counts.left_out == {"a later statement is about the same record": 1}
    assert imported(database, later, "bods").counts.changed.unchanged == 1


def test_a_record_closed_without_its_interests_ends_those_that_are_recorded(database: Database, tmp_path: Path) -> None:
    imported(database, lines(tmp_path, relationship("r", interests=[*share(60), {"type": "trustee"}])), "bods")
    closed = relationship("r", recordStatus="closed", publicationDetails={"publicationDate": "2024-05-06"})
    imported(database, lines(tmp_path, closed), "bods")
    assert interests(database) == ["a -> b: 60%, until 2024-05-06", "a -> b: ?, control, control, until 2024-05-06"]
    assert imported(database, lines(tmp_path, closed), "bods").counts.changed.changed == 0


def test_an_end_in_the_future_is_kept_by_a_closed_record_that_gives_it(database: Database, tmp_path: Path) -> None:
    ended = relationship(
        "r", interests=share(5, endDate="2027-01-01"), recordStatus="closed", statementDate="2026-01-01"
    )
    imported(database, lines(tmp_path, ended), "bods")
    assert interests(database) == ["a -> b: 5%, until 2027-01-01"]


def test_trusts_and_nominees_carry_what_flows_through_them(database: Database, tmp_path: Path) -> None:
    parties = [
        relationship(kind, kind, "trust", interests=[{"type": kind}])
        for kind in ("settlor", "protector", "beneficiaryOfLegalArrangement", "nominator", "nominee")
    ]
    imported(database, lines(tmp_path, *parties), "bods")
    assert interests(database) == [
        "beneficiaryOfLegalArrangement -> trust: ?",
        "nominator -> trust: [0%, 100%], control",
        "nominee -> trust: ?, nominee",
        "protector -> trust: ?, control, control",
        "settlor -> trust: [0%, 100%], control",
    ]


def test_an_office_is_left_out_and_said_so(database: Database, tmp_path: Path) -> None:
    done = imported(database, lines(tmp_path, relationship("r", interests=[{"type": "boardMember"}])), "bods")
    assert interests(database) == []
    assert done.counts.left_out == {"an office: neither ownership nor control": 1}


@pytest.mark.parametrize(
    ("statement", "column", "said"),
    [
        ({"statementID": "x", "statementType": "personStatement"}, "/recordDetails", "no BODS 0.4 statement"),
        ({"recordId": "", "recordType": "entity", "recordDetails": {}}, "/recordId", "a text"),
        ({"recordId": "x", "recordType": "annotation", "recordDetails": {}}, "/recordType", "none of `entity`"),
        (relationship("r", interests=[{"type": "love"}]), "/recordDetails/interests/0/type", "unknown type"),
        (relationship("r", interests=share(101)), "/recordDetails/interests/0/share", "no share lies"),
        (
            relationship("r", interests=[{"type": "shareholding", "share": {"minimum": 1, "exclusiveMinimum": True}}]),
            "/recordDetails/interests/0/share",
            "`exclusiveMinimum` is not a number",
        ),
        (
            relationship("r", interests=share(1, startDate="2020-02-30")),
            "/recordDetails/interests/0/startDate",
            "no such moment",
        ),
        (relationship("r", recordStatus="closed"), "/statementDate", "nothing says since when"),
        (relationship("r", owner=7), "/recordDetails/interestedParty", "the id of a record"),
    ],
)
def test_a_faulty_statement_is_told_by_its_place(
    sqlite_database: Database, tmp_path: Path, statement: dict[str, Any], column: str, said: str
) -> None:
    done = imported(sqlite_database, lines(tmp_path, statement), "bods")
    [rejection] = rejections(sqlite_database, done)
    assert (rejection.line, rejection.column) == (1, column)
    assert said in rejection.message


@pytest.mark.parametrize(
    ("given", "bounds"),
    [
        ({"exact": 50, "minimum": 50, "maximum": 50}, "50%"),
        ({"minimum": 25, "exclusiveMinimum": 25, "maximum": 50}, "(25%, 50%]"),
        ({"minimum": 30, "exclusiveMinimum": 25}, "[30%, 100%]"),
        ({"exclusiveMaximum": 50, "maximum": 75}, "[0%, 50%)"),
        ({}, "None"),
        (None, "None"),
    ],
)
def test_ranges_of_shares_are_read_with_their_ends(given: object, bounds: str) -> None:
    assert str(stated_share(given)) == bounds


def test_of_a_dataset_that_breaks_off_nothing_is_taken_over(database: Database, tmp_path: Path) -> None:
    text = f'[\n{json.dumps(relationship("r", interests=share(5)))},\n{{"recordId": '
    done = imported(database, written(tmp_path / "bods.json", text), "bods")
    assert (done.status, interests(database)) == ("failed", [])
    assert [(each.line, each.message[:8]) for each in rejections(database, done)] == [(3, "not JSON")]
