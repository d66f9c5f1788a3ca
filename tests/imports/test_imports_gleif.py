"""GLEIF Level 2: accounting consolidation is control, an exception is an unknown owner, and neither is a share."""

from pathlib import Path

import pytest

from service.imports.gleif import read_gleif
from service.imports.records import BrokenFile
from service.storage.database import Database
from tests.imports.importing import FILES, details, imported, interests, rejections, stream, written

CHILD, PARENT = "CHILD000000000000001", "PARENT00000000000001"


@pytest.fixture
def database(sqlite_database: Database) -> Database:
    """Readers do not see which database it is; that both take the same over, `test_imports_engine` shows."""
    return sqlite_database


def test_consolidation_is_control_for_the_relationship_period_and_not_the_accounting_one(database: Database) -> None:
    done = imported(database, FILES / "rr.csv", "gleif")
    assert interests(database) == [
        "PARENT00000000000001 -> BRANCH00000000000001: 100%, control",
        "PARENT00000000000001 -> CHILD000000000000001: ?, control, control, from 2017-12-06",
        "PARENT00000000000001 -> CHILD000000000000002: ?, control, control, from 2017-12-06, until 2024-02-01",
        "TOP00000000000000001 -> CHILD000000000000001: ?, control, control",
    ]
    assert done.counts.left_out == {
        "IS_FUND-MANAGED_BY: says nothing of ownership": 1,
        "withdrawn by its source": 1,
    }


def test_the_type_and_the_states_of_a_relationship_are_kept(database: Database) -> None:
    imported(database, FILES / "rr.csv", "gleif")
    [kept] = details(database, PARENT, CHILD)
    assert kept["Relationship.RelationshipType"] == "IS_DIRECTLY_CONSOLIDATED_BY"


def test_unknown_types_and_unreadable_periods_are_rejected(database: Database) -> None:
    done = imported(database, FILES / "rr.csv", "gleif")
    assert [(each.line, each.column) for each in rejections(database, done)] == [
        (8, "Relationship.RelationshipType"),
        (9, "Relationship.Period.1.startDate"),
    ]


def test_a_reporting_exception_is_an_unknown_owner_and_its_reasons_are_kept(database: Database) -> None:
    imported(database, FILES / "repex.csv", "gleif", source="gleif-exceptions")
    assert interests(database) == [
        "unknown:CHILD000000000000001 -> CHILD000000000000001: ?",
        "unknown:CHILD000000000000006 -> CHILD000000000000006: ?",
    ]
    assert details(database, "unknown:CHILD000000000000006", "CHILD000000000000006") == [
        {
            "category": "DIRECT_ACCOUNTING_CONSOLIDATION_PARENT",
            "reasons": ["NATURAL_PERSONS", "NON_CONSOLIDATING"],
            "references": ["Not in the accounts"],
        }
    ]


@pytest.mark.parametrize(("before", "after"), [("PUBLISHED,", "ANNULLED,"), ("PUBLISHED,\n", "PUBLISHED,2026-01-01\n")])
def test_a_relationship_that_its_source_withdraws_is_retracted(
    database: Database, tmp_path: Path, before: str, after: str
) -> None:
    text = (FILES / "rr.csv").read_text().splitlines(keepends=True)
    published = "".join(text[:2])
    imported(database, written(tmp_path / "rr.csv", published), "gleif")
    done = imported(database, written(tmp_path / "rr.csv", published.replace(before, after)), "gleif")
    assert (interests(database), done.counts.changed.retracted) == ([], 1)


def test_a_file_that_is_no_golden_copy_is_refused_by_its_columns() -> None:
    with pytest.raises(BrokenFile, match="no golden copy of Level 2 data"):
        list(read_gleif(stream("LEI,Entity.LegalName\n").bytes, source="s"))
