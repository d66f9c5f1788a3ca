"""Segments are closed, deleted when they are old, and rewritten without an account, each as a whole or not at all."""

import gzip
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.decision_log.fragments import TEXT_LIMIT
from service.decision_log.keeping import Deletion, delete_account, tend
from service.decision_log.records import Records
from service.decision_log.replay import recorded_cases
from service.decision_log.segments import OPEN_ENDING, OpenSegment, segment_files
from service.decision_log.thawing import Case
from tests.log.answers import START, answer, answers, logging, record, recorded, recorded_ids
from tests.log.test_log_writer import until

DAY = timedelta(days=1)


def age(directory: Path, written_at: datetime) -> None:
    """Have every segment last written then."""
    for file in segment_files(directory):
        os.utime(file.path, (written_at.timestamp(), written_at.timestamp()))


def test_closed_segments_are_deleted_once_they_are_older_than_they_may_be(tmp_path: Path) -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    record(tmp_path, answers(3))
    tend(tmp_path, now, None)
    age(tmp_path, now - 90 * DAY)
    assert tend(tmp_path, now, 90).deleted == 0
    assert tend(tmp_path, now + timedelta(seconds=1), 90).deleted == 1
    assert segment_files(tmp_path) == []


def test_without_an_age_nothing_is_deleted(tmp_path: Path) -> None:
    record(tmp_path, answers(3))
    tend(tmp_path, START, None)
    age(tmp_path, START - 9_999 * DAY)
    tend(tmp_path, START, None)
    assert len(recorded_ids(tmp_path)) == 3


def test_a_segment_that_is_written_is_neither_closed_nor_deleted(tmp_path: Path) -> None:
    with logging(tmp_path) as log:
        log.decided(answer(0))
        until(lambda: log.state.recorded == 1)
        age(tmp_path, START - 999 * DAY)
        assert tend(tmp_path, START, 1).deleted == 0
        assert [file.is_closed for file in segment_files(tmp_path)] == [False]


def test_a_closed_segment_keeps_the_time_of_its_last_record(tmp_path: Path) -> None:
    record(tmp_path, answers(3))
    before = [file.path.name.endswith(OPEN_ENDING) for file in segment_files(tmp_path)]
    age(tmp_path, START)
    tend(tmp_path, START, None)
    (file,) = segment_files(tmp_path)
    assert file.is_closed
    assert before in ([True], [False])
    assert file.path.stat().st_mtime == START.timestamp()


def test_a_keeper_that_was_killed_leaves_nothing_for_good(tmp_path: Path) -> None:
    record(tmp_path, answers(3))
    left = tmp_path / ".worker-w1-20261122T120000Z-0.ndjson.gz.tmp"
    left.write_bytes(b"half")
    tend(tmp_path, START, None)
    assert not left.exists()
    (file,) = segment_files(tmp_path)
    again = file.path.with_name(file.path.name.removesuffix(".gz"))
    again.write_text("closed, but not yet removed\n")
    assert [each.path for each in segment_files(tmp_path)] == [file.path]
    tend(tmp_path, START, None)
    assert not again.exists()
    assert len(recorded(tmp_path)) == 3


def test_other_files_of_the_directory_are_left_alone(tmp_path: Path) -> None:
    others = [tmp_path / name for name in ("notes.txt", "worker-x.ndjson.gz", "other.ndjson")]
    for path in others:
        path.write_text("mine")
    tend(tmp_path, START, 1)
    delete_account(tmp_path, "acct-half")
    assert all(path.read_text() == "mine" for path in others)


@settings(max_examples=25)
@given(st.lists(st.sampled_from(["acct-half", "acct-near", "acct-far", "x"]), max_size=12), st.integers(1, 3))
def test_a_deletion_leaves_every_record_but_those_of_the_account_each_with_its_facts(
    tmp_path_factory: pytest.TempPathFactory, accounts: list[str], workers: int
) -> None:
    directory = tmp_path_factory.mktemp("log")
    made = [answer(number, account) for number, account in enumerate(accounts)]
    for worker in range(workers):
        record(directory, made[worker::workers], worker=f"w{worker}")
    deletion = delete_account(directory, "acct-half")
    assert deletion.records == accounts.count("acct-half")
    kept = [case for case in recorded_cases(directory, None, None) if isinstance(case, Case)]
    assert {case.record["id"] for case in kept} == {each.id for each in made if each.request.account != "acct-half"}
    assert len(kept) == len(accounts) - deletion.records
    assert "acct-half" not in {each["account"] for each in recorded(directory)}
    assert delete_account(directory, "acct-half").records == 0


def test_facts_that_only_the_deleted_account_rested_on_go_with_it(tmp_path: Path) -> None:
    record(tmp_path, answers(4))
    delete_account(tmp_path, "acct-half")
    (file,) = segment_files(tmp_path)
    assert b"Far Ltd" not in gzip.decompress(file.path.read_bytes())


def test_a_segment_of_one_account_alone_is_gone_with_it(tmp_path: Path) -> None:
    record(tmp_path, [answer(0), answer(1)])
    assert delete_account(tmp_path, "acct-half") == Deletion(2, 1, 0)
    assert segment_files(tmp_path) == []


def test_a_deletion_reaches_what_a_running_worker_wrote_until_then(tmp_path: Path) -> None:
    with logging(tmp_path) as log:
        for each in answers(4):
            log.decided(each)
        until(lambda: log.state.recorded == 4)
        assert delete_account(tmp_path, "acct-half") == Deletion(2, 1, 0)
        assert recorded_ids(tmp_path) == ["decision-1", "decision-3"]
        log.decided(answer(5, "acct-near"))
    assert recorded_ids(tmp_path) == ["decision-1", "decision-3", "decision-5"]


def test_a_deletion_says_what_it_could_not_reach(tmp_path: Path) -> None:
    segment = OpenSegment.begin(tmp_path, "hung", START)
    segment.append(Records("hung", "masked").lines(answer(0)), durably=False)
    assert delete_account(tmp_path, "acct-half", sleep=lambda seconds: None) == Deletion(0, 0, 1)
    segment.close()
    assert delete_account(tmp_path, "acct-half") == Deletion(1, 1, 0)


def test_a_very_long_id_is_deleted_too(tmp_path: Path) -> None:
    id = "a" * (TEXT_LIMIT + 5)
    record(tmp_path, [answer(0, id), answer(1)])
    assert delete_account(tmp_path, id).records == 1


def test_a_damaged_segment_is_named_and_keeps_the_account_from_being_called_deleted(tmp_path: Path) -> None:
    record(tmp_path, answers(2))
    tend(tmp_path, START, None)
    (file,) = segment_files(tmp_path)
    for damage in (file.path.read_bytes()[:-20], gzip.compress(b'{"type":"decision"}\n')):
        file.path.write_bytes(damage)
        with pytest.raises(OSError, match="the segment is damaged"):
            delete_account(tmp_path, "acct-half")
        assert file.path.read_bytes() == damage
