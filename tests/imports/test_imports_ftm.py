"""FollowTheMoney as OpenSanctions publishes it: several values to everything, shares as text, dates in part."""

import json
from pathlib import Path
from typing import Any

import pytest

from service.imports.percentages import read_percentage, spanning
from service.storage.database import Database
from tests.imports.importing import FILES, current, day, details, imported, interests, rejections, written


@pytest.fixture
def database(sqlite_database: Database) -> Database:
    """Readers do not see which database it is; that both take the same over, `test_imports_engine` shows."""
    return sqlite_database


def listings(database: Database) -> list[tuple[str, str, str, str]]:
    rows = current(database, "listings", "entity", "list", "valid_from", "valid_to")
    return [(entity, name, day(start), day(end)) for entity, name, start, end in rows]


def entity(id: str, schema: str, datasets: list[str] | None = None, **properties: Any) -> str:
    return json.dumps({"id": id, "schema": schema, "datasets": datasets or [], "properties": properties}) + "\n"


def test_legal_entities_are_seated_by_jurisdiction_and_main_country(database: Database) -> None:
    done = imported(database, FILES / "opensanctions.json", "ftm")
    assert current(database, "entities", "id", "name", "kind", "seats") == [
        ("NK-holding", "Holding Ltd", "company", '{"headquarters":["RU"],"incorporation":["CY"]}'),
        ("NK-ivanov", "Ivan Ivanov", "person", '{"residence":["RU"]}'),
        ("NK-plant", "Plant OOO", "company", '{"headquarters":["RU"]}'),
    ]
    assert done.counts.notes["a country that ISO 3166 does not have"] == 1


def test_listings_come_from_topics_from_dated_sanctions_and_from_datasets_of_those_sanctioned(
    database: Database,
) -> None:
    imported(database, FILES / "opensanctions.json", "ftm")
    assert listings(database) == [
        ("NK-holding", "topic:sanction.linked", "", ""),
        ("NK-ivanov", "US-UKR", "2018-04-06", ""),
        ("NK-ivanov", "eu-freeze", "", ""),
        ("NK-ivanov", "topic:sanction", "", ""),
        ("NK-ivanov", "us-sdn", "2018-04-06", ""),
        ("NK-plant", "topic:debarment", "", ""),
        ("NK-plant", "us-entity-list", "2022-01-01", "2023-06-01"),
        ("NK-plant", "us_trade_csl", "2022-01-01", "2023-06-01"),
    ]


def test_whoever_imports_may_name_the_lists(database: Database) -> None:
    names = {"us_ofac_sdn": "blocked", "US-UKR": "blocked", "topic:sanction": "any"}
    imported(database, FILES / "opensanctions.json", "ftm", lists=names)
    assert {name for _, name, _, _ in listings(database)} >= {"blocked", "any"}
    assert "us-sdn" not in {name for _, name, _, _ in listings(database)}


def test_ownership_has_bounds_where_its_text_gives_some_and_whole_years_where_its_dates_do(database: Database) -> None:
    done = imported(database, FILES / "opensanctions.json", "ftm")
    assert interests(database) == [
        "NK-holding -> NK-plant: [25%, 100%], until 2020-01-01",
        "NK-ivanov -> NK-holding: 50%, from 2010-01-01",
        "NK-ivanov -> NK-plant: ?",
        "NK-petrov -> NK-plant: ?",
    ]
    assert details(database, "NK-petrov", "NK-plant") == [{"percentage": ["ca. 33 %"]}]
    assert done.counts.notes["a percentage that gives no bounds"] == 1


def test_what_says_nothing_of_ownership_is_left_out_and_counted(database: Database) -> None:
    done = imported(database, FILES / "opensanctions.json", "ftm")
    assert done.counts.left_out == {
        "a sanction that is over, and nothing says since when": 1,
        "schema Directorship: says nothing that is recorded": 1,
    }
    assert [(each.line, each.column) for each in rejections(database, done)] == [(11, "asset")]
    assert done.counts.unrecorded == 1


def test_a_topic_that_is_gone_takes_its_listing_along(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "entities.ftm.json"
    imported(database, written(path, entity("a", "Person", ["us_ofac_sdn"], topics=["sanction"])), "ftm")
    assert len(listings(database)) == 2
    imported(database, written(path, entity("a", "Person", ["us_ofac_sdn"], topics=["role.pep"])), "ftm")
    assert listings(database) == []


@pytest.mark.parametrize(
    ("line", "column", "said"),
    [
        ("{}", "", "an entity is expected"),
        (entity("o", "Ownership", owner=["a"], asset=["b"], startDate=["soon"]), "startDate", "is not a time"),
        (
            entity("o", "Ownership", owner=["a"], asset=["b"], startDate=["2020"], endDate=["2019"]),
            "endDate",
            "not after the start",
        ),
        (entity("s", "Sanction", ["us_ofac_sdn"]), "entity", "is empty"),
    ],
)
def test_a_faulty_entity_is_told_by_property(
    sqlite_database: Database, tmp_path: Path, line: str, column: str, said: str
) -> None:
    done = imported(sqlite_database, written(tmp_path / "entities.ftm.json", line), "ftm")
    [rejection] = rejections(sqlite_database, done)
    assert (rejection.line, rejection.column) == (1, column)
    assert said in rejection.message


@pytest.mark.parametrize(
    ("text", "bounds"),
    [
        ("50", "50%"),
        ("50%", "50%"),
        ("33,3 %", "33.3%"),
        ("33.33333", "(33.3333%, 33.3334%)"),
        ("25-50", "[25%, 50%]"),
        ("25% \u2013 50%", "[25%, 50%]"),
        ("25 to 50", "[25%, 50%]"),
        ("> 25", "(25%, 100%]"),
        ("More than 50 %", "(50%, 100%]"),
        ("at least 50%", "[50%, 100%]"),
        ("up to 10", "[0%, 10%]"),
        ("less than 10%", "[0%, 10%)"),
        ("ca. 33 %", "None"),
        ("about 50", "None"),
        ("minority", "None"),
        ("150", "None"),
        ("50-25", "None"),
        ("12,500", "12.5%"),
        ("", "None"),
    ],
)
def test_a_percentage_gives_bounds_or_nothing(text: str, bounds: str) -> None:
    assert str(read_percentage(text)) == bounds


def test_several_percentages_span_whatever_is_right() -> None:
    read = [bounds for text in ("25-50", "> 25", "40") if (bounds := read_percentage(text))]
    assert str(spanning(read)) == "[25%, 100%]"
    assert spanning([]) is None
