"""What is found in the log is what a plain look at every record finds, whatever state the segments are in."""

import gzip
import json
from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.decision_log.freezing import written
from service.decision_log.keeping import tend
from service.decision_log.search import DecisionSearch, Filter
from service.decision_log.segments import segment_files
from service.errors import NotAvailable
from tests.log.answers import SECOND, START, answer, answers, logging, record, recorded
from tests.log.test_log_writer import until

TEXTS = st.sampled_from(["a", "b", "", "'", '"; DROP TABLE', "\x00", "名", "\U0001f600", "100%", "a\nb", "$.a"])
MOMENTS = st.integers(0, 4).map(lambda seconds: START + seconds * SECOND)

records = st.fixed_dictionaries(
    {
        "type": st.just("decision"),
        "time": MOMENTS.map(written),
        "account": TEXTS,
        "effect": st.sampled_from(["allow", "challenge", "deny"]),
        "rule": st.none() | TEXTS,
        "resource": TEXTS,
        "unknown": st.lists(TEXTS, max_size=2),
        "revision": TEXTS,
    }
)
filters = st.builds(
    Filter,
    account=st.none() | TEXTS,
    effect=st.sampled_from([None, None, "deny", "allow"]),
    rule=st.none() | TEXTS,
    resource=st.none() | TEXTS,
    unknown=st.none() | TEXTS,
    revision=st.none() | TEXTS,
    since=st.none() | MOMENTS,
    until=st.none() | MOMENTS,
)


def fits(record: Mapping[str, Any], asked: Filter) -> bool:
    """The plain meaning of a filter."""
    same = ("id", "account", "effect", "rule", "resource", "revision")
    return (
        all(getattr(asked, name) in (None, record[name]) for name in same)
        and (asked.unknown is None or asked.unknown in record["unknown"])
        and (asked.since is None or record["time"] >= written(asked.since))
        and (asked.until is None or record["time"] < written(asked.until))
    )


def place(record: Mapping[str, Any]) -> tuple[str, str]:
    return record["time"], record["id"]


def segment(directory: Path, number: int, those: Iterable[Mapping[str, Any]], *, is_closed: bool) -> None:
    """A segment with facts, records, and (while open) the beginning of one more."""
    text = "".join(json.dumps(each) + "\n" for each in ({"type": "facts", "id": "f", "part": 0}, *those)).encode()
    path = directory / f"worker-w-20261122T120000Z-{number}.ndjson"
    if is_closed:
        path.with_name(path.name + ".gz").write_bytes(gzip.compress(text))
    else:
        path.write_bytes(text + b'{"type":"decision","id":"torn","acc')


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.lists(records, max_size=6), max_size=3), filters, st.integers(1, 5))
def test_a_search_finds_what_a_look_at_every_record_finds(
    tmp_path_factory: pytest.TempPathFactory, segments: list[list[dict[str, Any]]], asked: Filter, limit: int
) -> None:
    directory = tmp_path_factory.mktemp("log")
    everything = []
    for number, those in enumerate(segments):
        named = [{**each, "id": f"{number}-{place}"} for place, each in enumerate(those)]
        segment(directory, number, named, is_closed=number % 2 == 0)
        everything += named
    expected = sorted((each for each in everything if fits(each, asked)), key=place, reverse=True)
    search = DecisionSearch(directory)
    assert search.search(asked, 1_000) == expected
    pages: list[Mapping[str, Any]] = []
    while len(page := search.search(asked, limit, place(pages[-1]) if pages else None)) == limit:
        pages += page
    assert [*pages, *page] == expected
    exported = [json.loads(line) for line in search.export(asked)]
    assert sorted((each for each in exported if each["type"] == "decision"), key=place, reverse=True) == expected


def test_every_field_of_a_filter_is_asked_for() -> None:
    whole = Filter("id", "account", "deny", "rule", "tool", "entity.missing", "0123", START, START)
    assert {each.name for each in fields(Filter)} == whole.bound().keys()


def test_a_record_is_found_with_its_facts_while_its_segment_is_written_and_after(tmp_path: Path) -> None:
    with logging(tmp_path) as log:
        for each in answers(4):
            log.decided(each)
        until(lambda: log.state.recorded == 4)
        found = DecisionSearch(tmp_path).find("decision-2")
    assert found is not None
    assert found.record["account"] == "acct-half"
    case = found.case()
    assert case.account.graph.owners == answer(2).facts[0].graph.owners
    assert DecisionSearch(tmp_path).find("decision-2") == found
    tend(tmp_path, START, None)
    assert [file.is_closed for file in segment_files(tmp_path)] == [True]
    assert DecisionSearch(tmp_path).find("decision-2") == found
    assert DecisionSearch(tmp_path).find("decision-9") is None


def test_an_export_is_a_segment_that_stands_alone(tmp_path: Path) -> None:
    for worker in ("one", "two"):
        record(tmp_path / "log", answers(6), worker=worker)
    exported = b"".join(DecisionSearch(tmp_path / "log").export(Filter(account="acct-half")))
    assert exported.count(b'"type":"facts"') == 1
    assert exported.count(b'"type":"decision"') == 6
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "worker-export-20261122T120000Z-0.ndjson").write_bytes(exported)
    found = DecisionSearch(tmp_path / "taken").find("decision-4")
    assert found is not None
    assert found.case().account.account.id == "acct-half"


@pytest.mark.parametrize("name", ["with space", "a[b]c", "a*b", "it's", "a\\b"])
def test_a_directory_of_any_name_is_searched_and_nothing_beside_it(tmp_path: Path, name: str) -> None:
    record(tmp_path / name, answers(2))
    record(tmp_path / "abc", [answer(7)])
    record(tmp_path / "a--b", [answer(8)])
    found = DecisionSearch(tmp_path / name).search(Filter(), 10)
    assert [each["id"] for each in found] == ["decision-1", "decision-0"]


def test_a_directory_that_cannot_be_named_to_the_database_is_refused(tmp_path: Path) -> None:
    record(tmp_path / "what?", answers(2))
    with pytest.raises(NotAvailable, match="cannot be searched"):
        DecisionSearch(tmp_path / "what?").search(Filter(), 10)


def test_a_log_without_segments_has_no_decisions(tmp_path: Path) -> None:
    for directory in (tmp_path, tmp_path / "missing"):
        assert DecisionSearch(directory).search(Filter(), 10) == []
        assert DecisionSearch(directory).find("decision-0") is None
        assert list(DecisionSearch(directory).export(Filter())) == []


def test_segments_of_another_time_are_not_opened(tmp_path: Path) -> None:
    record(tmp_path, answers(2))
    (tmp_path / "worker-w-20261123T120000Z-0.ndjson.gz").write_bytes(b"this is not compressed")
    search = DecisionSearch(tmp_path)
    assert len(search.search(Filter(until=START + timedelta(hours=1)), 10)) == 2
    with pytest.raises(NotAvailable, match="the decision log cannot be read"):
        search.search(Filter(), 10)


def test_a_search_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    those = [{"type": "decision", "id": f"{number}", "time": "2026", "pad": "x" * 200} for number in range(40_000)]
    segment(tmp_path, 0, those, is_closed=False)
    with pytest.raises(NotAvailable, match="takes too long"):
        DecisionSearch(tmp_path, seconds=0.001).search(Filter(account="nobody"), 10)


def test_searching_changes_nothing(tmp_path: Path) -> None:
    record(tmp_path, answers(3))
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in tmp_path.iterdir()}
    search = DecisionSearch(tmp_path)
    search.search(Filter(), 10)
    search.find("decision-1")
    list(search.export(Filter()))
    assert {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in tmp_path.iterdir()} == before
    assert len(recorded(tmp_path)) == 3
