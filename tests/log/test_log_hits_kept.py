"""Hits wait in a bounded queue, are closed with their segment, and deleted with their account."""

import gzip
import json
import os
import zlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rules.facts import Location
from service.decision_log.keeping import delete_account
from service.decision_log.recorder import DecisionLog
from service.decision_log.search import DecisionSearch, Filter
from service.decision_log.segments import segment_files, whole_lines
from service.decision_log.thawing import Line
from service.decision_log.writer import Options
from tests.log.answers import START, Located, lines, logging
from tests.log.hits import MICROSECOND, again, close, many, record_hits, records, repeated, turn


def members(those: Sequence[Line]) -> list[str]:
    """Documents with their members in order."""
    return [json.dumps(each) for each in those]


@settings(max_examples=15)
@given(
    st.lists(
        st.tuples(st.sampled_from(["acct-half", "acct-near", "x"]), st.sampled_from(["answer", "kept", "other"])),
        max_size=12,
    )
)
@example([("acct-half", "other"), ("acct-near", "other")])
@example([("acct-half", "kept"), ("acct-near", "kept"), ("acct-half", "other"), ("acct-half", "kept")])
@example([("acct-half", "kept")])
def test_a_deletion_leaves_every_hit_but_those_of_the_account_each_with_its_facts(
    tmp_path_factory: pytest.TempPathFactory, asked: list[tuple[str, str]]
) -> None:
    directory = tmp_path_factory.mktemp("log")
    made = [again(number, account) for number, (account, _) in enumerate(asked)]
    with logging(directory) as log:
        for each, (_, way) in zip(made, asked, strict=True):
            log.decided(each) if way == "answer" else log.repeated(repeated(each, is_kept=way == "kept"))
    before = {each["id"]: each for each in records(directory)}
    deletion = delete_account(directory, "acct-half")
    assert deletion.records == [account for account, _ in asked].count("acct-half")
    left = [each.id for each in made if each.request.account != "acct-half"]
    assert {each["id"]: each for each in records(directory)} == {id: before[id] for id in left}
    assert shared_but_not_needed(directory) == set()
    assert b"acct-half" not in b"".join(text(file.path) for file in segment_files(directory))
    assert b"Far Ltd" not in b"".join(text(file.path) for file in segment_files(directory))
    assert delete_account(directory, "acct-half").records == 0


def shared_but_not_needed(directory: Path) -> set[tuple[str, int]]:
    """What lines say that no hit refers to: the type and the number of each."""
    said, needed = set[tuple[str, int]](), set[tuple[str, int]]()
    for line in lines(directory):
        if line["type"] in ("account", "place", "answer"):
            said.add((line["type"], line["n"]))
        if line["type"] == "questions":
            said |= {("question", number) for number in line["n"]}
        for name in ("account", "place", "answer", "question"):
            needed |= (
                {(name, number) for number in line.get(name, ())} if line["type"] in ("hits", "questions") else set()
            )
    return said - needed


def test_of_a_question_whose_account_is_deleted_nothing_is_left_and_others_keep_their_numbers(tmp_path: Path) -> None:
    record_hits(tmp_path, many(40), are_kept=True)
    (before,) = (line for line in lines(tmp_path) if line["type"] == "questions")
    delete_account(tmp_path, "acct-half")
    (after,) = (line for line in lines(tmp_path) if line["type"] == "questions")
    assert len(before["n"]) == 4
    columns = ("n", "account", "address", "place", "answer")
    assert [after[name] for name in columns] == [before[name][1::2] for name in columns]
    delete_account(tmp_path, "acct-near")
    assert lines(tmp_path) == []


def text(path: Path) -> bytes:
    return b"".join(whole_lines(path))


@pytest.mark.parametrize("are_kept", [True, False])
def test_of_a_segment_that_was_filled_quickly_the_hits_are_not_compressed(tmp_path: Path, are_kept: bool) -> None:
    made = [again(number, at=START + number * 20 * MICROSECOND) for number in range(3_000)]
    record_hits(tmp_path, made, are_kept=are_kept)
    before = records(tmp_path)
    close_as_of(tmp_path, START + timedelta(minutes=1))
    (file,) = segment_files(tmp_path)
    packed = file.path.read_bytes()
    assert made[7].id.encode() in packed
    assert b'"type":"account"' not in packed
    assert b'"type":"questions"' not in packed
    assert gzip.decompress(packed) == text(file.path)
    assert records(tmp_path) == before
    assert len(DecisionSearch(tmp_path).search(Filter(), 9_999)) == 3_000
    deletion = delete_account(tmp_path, "acct-near")
    assert deletion.records == 0


def test_of_a_segment_that_was_filled_slowly_everything_is_compressed(tmp_path: Path) -> None:
    made = many(3_000)
    record_hits(tmp_path, made)
    close_as_of(tmp_path, START + timedelta(minutes=6))
    (file,) = segment_files(tmp_path)
    assert made[7].id.encode() not in file.path.read_bytes()
    assert len(records(tmp_path)) == 3_000
    assert zlib.decompressobj(31).decompress(file.path.read_bytes()).startswith(b'{"type":')


def close_as_of(directory: Path, written_at: datetime) -> None:
    """Close the only segment as if it were last written then."""
    (file,) = segment_files(directory)
    whole = text(file.path)
    file.path.unlink()
    path = directory / "worker-w1-20261122T120000Z-0.ndjson"
    path.write_bytes(whole)
    os.utime(path, (written_at.timestamp(), written_at.timestamp()))
    close(directory)


def test_hits_that_find_no_place_are_counted_and_those_that_do_are_recorded(tmp_path: Path) -> None:
    log = DecisionLog(Options(tmp_path, "w", queue_records=100), lambda: START)
    made = many(150)
    for each in made:
        log.repeated(repeated(each))
    log.decided(made[0])
    assert (log.state.waiting, log.state.dropped) == (100, {"full": 51})
    log.start()
    log.close()
    assert [each["id"] for each in records(tmp_path)] == [each.id for each in made[:100]]
    assert (log.state.waiting, log.state.waiting_bytes, log.state.recorded) == (0, 0, 100)


def test_of_the_hits_of_one_moment_as_many_are_recorded_as_find_a_place(tmp_path: Path) -> None:
    log = DecisionLog(Options(tmp_path, "w", queue_records=100), lambda: START)
    made = [again(number, at=START) for number in range(150)]
    log.repeated(turn(made[:60], is_kept=True))
    log.repeated(turn(made[60:120], is_kept=True))
    log.repeated(turn(made[120:], is_kept=True))
    assert (log.state.waiting, log.state.dropped) == (100, {"full": 50})
    log.start()
    log.close()
    assert [each["id"] for each in records(tmp_path)] == [each.id for each in made[:100]]
    assert (log.state.waiting, log.state.waiting_bytes, log.state.recorded) == (0, 0, 100)


def test_a_queue_of_hits_is_full_by_its_bytes_too(tmp_path: Path) -> None:
    log = DecisionLog(Options(tmp_path, "w", queue_bytes=100_000), lambda: START)
    for number in range(500):
        log.repeated(repeated(again(number)))
    assert 0 < log.state.waiting_bytes <= 100_000
    assert log.state.dropped == {"full": 500 - log.state.waiting}


def test_an_invalid_address_is_recorded_as_none_of_a_hit_too(tmp_path: Path) -> None:
    made = replace(again(0), located=Located(None, Location(), "invalid"))
    record_hits(tmp_path, [made])
    (found,) = records(tmp_path)
    assert (found["address"], found["address_status"], found["claims"]) == (None, "invalid", {})
    assert "reserved" not in found
