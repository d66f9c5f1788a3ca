"""No text, however odd, ends an import in anything but rows and rejections."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.imports.batches import batches
from service.imports.formats import read_rows
from service.imports.journal import Options
from service.imports.records import ActingRecord, InterestRecord, ListingRecord
from service.imports.seen import Seen
from service.imports.streams import ImportFile
from service.storage.schema import interests

WORDS = st.sampled_from(
    [
        *("relationship", "entity", "person", "closed", "Ownership", "Sanction", "Company", "shareholding", "interest"),
        *(
            "votingRights",
            "2020-01-01",
            "9999",
            "2020-02-30",
            "50%",
            "25-50",
            "de",
            "a",
            "",
            "\x00",
            "\ud800",
            "x" * 400,
        ),
    ]
)
KEYS = st.sampled_from(
    [
        *("recordId", "recordType", "recordStatus", "recordDetails", "statementDate", "subject", "interestedParty"),
        *("interests", "type", "share", "exact", "minimum", "exclusiveMaximum", "startDate", "endDate", "entityType"),
        *("componentRecords", "isComponent", "names", "addresses", "jurisdiction", "id", "schema", "properties"),
        *("owner", "asset", "percentage", "datasets", "topics", "country", "entity", "programId", "list", "tags"),
        *("declared", "acts_with", "listed", "control", "kind", "reason"),
    ]
)
NUMBERS = st.one_of(st.integers(-5, 200), st.floats(allow_nan=False, allow_infinity=False), st.booleans(), st.none())
VALUES = st.recursive(
    st.one_of(WORDS, NUMBERS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=8)),
    max_leaves=30,
)


def statements() -> st.SearchStrategy[dict[str, Any]]:
    """Objects that have the outline of a record in one format or another."""
    return st.fixed_dictionaries(
        {},
        optional={
            "recordId": st.one_of(WORDS, VALUES),
            "recordType": st.one_of(WORDS, VALUES),
            "recordStatus": st.one_of(WORDS, VALUES),
            "recordDetails": st.dictionaries(KEYS, VALUES, max_size=8),
            "type": st.sampled_from(["entity", "interest", "listing", "account", "resource", "acting"]),
            "id": WORDS,
            "owner": st.one_of(WORDS, VALUES),
            "subject": st.one_of(WORDS, VALUES),
            "share": st.one_of(WORDS, VALUES),
            "schema": WORDS,
            "properties": st.dictionaries(KEYS, st.lists(st.one_of(WORDS, VALUES), max_size=3), max_size=8),
            "datasets": VALUES,
        },
    )


def read(path: Path, text: str, format: Any) -> Iterator[tuple[object, ...]]:
    """Every record of a text, and every rejection."""
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    file = ImportFile(path, path.name)
    with Seen() as seen, file.opened() as stream:
        for batch in batches(read_rows(file, stream, Options(format, "source")), 3, seen):
            yield from batch.rejections
            for rows in batch.records.values():
                yield from rows


@pytest.mark.parametrize("format", ["ndjson", "bods", "ftm"])
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(values=st.lists(st.one_of(statements(), VALUES), max_size=5), is_array=st.booleans())
def test_odd_json_becomes_rows_or_rejections(tmp_path: Path, format: str, values: list[Any], is_array: bool) -> None:
    text = json.dumps(values) if is_array else "\n".join(json.dumps(value) for value in values)
    for row in read(tmp_path / "odd.json", text, format):
        for value in row:
            if isinstance(value, str):
                value.encode()
                assert "\x00" not in value


@pytest.mark.parametrize("format", ["csv", "gleif"])
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cells=st.text(alphabet='ab,;"\n\r\x00é\ud800%15-(', max_size=60))
def test_odd_tables_become_rows_or_rejections(tmp_path: Path, format: str, cells: str) -> None:
    header = "owner,subject,share\n" if format == "csv" else "LEI,Exception.Category\n"
    for row in read(tmp_path / "interests.csv", header + cells, format):
        for value in row:
            if isinstance(value, str):
                value.encode()
                assert "\x00" not in value


def test_records_fit_the_columns_that_take_them() -> None:
    taken = {column.name for column in interests.c}
    assert {*InterestRecord._fields} <= taken
    assert (ListingRecord._fields[0], ActingRecord._fields[:2]) == ("id", ("one", "other"))
