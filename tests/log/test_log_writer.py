"""Every decision offered is in the segments exactly once, or counted as dropped; required ones are there or refused."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.decision_log.keeping import ask_to_turn, tend
from service.decision_log.recorder import FULL, DecisionLog
from service.decision_log.segments import OpenSegment, segment_files, whole_lines
from service.decision_log.writer import Options
from service.errors import NotRecorded
from tests.log.answers import START, answer, answers, logging, record, recorded, recorded_durably, recorded_ids
from tests.log.hits import many, records, repeated
from tests.pages import ROOT

SECONDS = 20.0


def until(reached: Callable[[], bool]) -> None:
    """Wait for something that a thread does."""
    end = time.monotonic() + SECONDS
    while not reached():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.005)


@settings(max_examples=40)
@given(st.lists(st.integers(0, 40), max_size=8), st.integers(1, 30), st.booleans())
def test_every_decision_is_recorded_exactly_once_or_counted_as_dropped(
    tmp_path_factory: pytest.TempPathFactory, bursts: list[int], places: int, is_small: bool
) -> None:
    directory = tmp_path_factory.mktemp("log")
    given_ids: list[str] = []
    with logging(directory, queue_records=places, segment_bytes=3_000 if is_small else 10**6) as log:
        for burst in bursts:
            for _ in range(burst):
                given_ids.append(f"decision-{len(given_ids)}")
                log.decided(answer(len(given_ids) - 1))
            log._writer.wake.set()
    found, dropped = recorded_ids(directory), log.state.dropped
    assert len(found) == len(set(found)) == log.state.recorded
    assert set(found) <= set(given_ids)
    assert len(found) + sum(dropped.values()) == len(given_ids)
    assert set(dropped) <= {"full"}


@settings(max_examples=20)
@given(st.lists(st.tuples(st.integers(0, 900), st.integers(0, 5)), max_size=5), st.integers(1, 2_000), st.booleans())
def test_every_hit_is_recorded_exactly_once_or_counted_as_dropped(
    tmp_path_factory: pytest.TempPathFactory, bursts: list[tuple[int, int]], places: int, is_small: bool
) -> None:
    directory = tmp_path_factory.mktemp("log")
    made = many(sum(hits + answers for hits, answers in bursts))
    left = iter(made)
    with logging(directory, queue_records=places, segment_bytes=3_000 if is_small else 10**6) as log:
        for hits, others in bursts:
            for each in islice(left, hits):
                log.repeated(repeated(each))
            for each in islice(left, others):
                log.decided(each)
            until(lambda: len(log._queue) <= places // 2)
    found, dropped = [each["id"] for each in records(directory)], log.state.dropped
    assert len(found) == len(set(found)) == log.state.recorded
    assert set(found) <= {each.id for each in made}
    assert len(found) + sum(dropped.values()) == len(made)
    assert set(dropped) <= {"full"}


def test_what_hits_are_left_when_a_log_is_closed_is_written(tmp_path: Path) -> None:
    log = DecisionLog(Options(tmp_path, "w"), lambda: START)
    made = many(20_000)
    for each in made:
        log.repeated(repeated(each))
    log.start()
    log.close()
    assert (log.state.recorded, log.state.waiting, log.state.dropped) == (20_000, 0, {})
    assert [each["id"] for each in records(tmp_path)] == [each.id for each in made]


def test_the_order_of_decisions_is_that_of_their_records(tmp_path: Path) -> None:
    record(tmp_path, answers(50))
    assert recorded_ids(tmp_path) == [f"decision-{number}" for number in range(50)]


def test_a_queue_is_full_by_its_bytes_too(tmp_path: Path) -> None:
    log = DecisionLog(Options(tmp_path, "w", queue_bytes=2_000_000), lambda: START)
    for number in range(3):
        log.decided(answer(number, account="a" * 900_000))
    assert log.state.dropped == {"full": 1}
    assert log.state.waiting == 2
    log.start()
    log.close()
    assert log.state.waiting_bytes == 0
    assert log.state.recorded == 2


def test_what_cannot_be_recorded_is_counted_and_keeps_nothing_else_from_it(tmp_path: Path) -> None:
    with logging(tmp_path) as log:
        for each in (answer(0), answer(1, account="\ud800"), answer(2)):
            log.decided(each)
    assert recorded_ids(tmp_path) == ["decision-0", "decision-2"]
    assert log.state.dropped == {"unfit": 1}


def test_a_required_record_is_on_the_disk_when_its_answer_is_given(tmp_path: Path) -> None:
    with logging(tmp_path, required=True) as log:
        outcomes = asyncio.run(recorded_durably(log, answers(100)))
        assert outcomes == [None] * 100
        assert len(recorded(tmp_path)) == 100


def test_a_required_record_that_finds_no_place_refuses_the_answer(tmp_path: Path) -> None:
    log = DecisionLog(Options(tmp_path, "w", required=True, queue_records=1), lambda: START)

    async def two() -> list[BaseException | None]:
        waiting = [log.decided(each) for each in answers(2)]
        log.start()
        return list(await asyncio.gather(*(each for each in waiting if each is not None), return_exceptions=True))

    first, second = asyncio.run(two())
    log.close()
    assert first is None
    assert isinstance(second, NotRecorded)
    assert str(second) == FULL
    assert log.state.dropped == {"full": 1}


def test_a_required_record_of_what_is_no_unicode_refuses_the_answer(tmp_path: Path) -> None:
    with logging(tmp_path, required=True) as log:
        outcomes = asyncio.run(recorded_durably(log, [answer(0), answer(1, account="\ud800")]))
    assert [type(each) for each in outcomes] == [type(None), NotRecorded]
    assert recorded_ids(tmp_path) == ["decision-0"]


def test_a_directory_that_cannot_be_written_refuses_required_answers_and_no_others(tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.write_text("a file")
    with logging(taken, required=True) as log:
        (outcome,) = asyncio.run(recorded_durably(log, [answer(0)]))
    assert isinstance(outcome, NotRecorded)
    with logging(taken) as log:
        assert log.decided(answer(0)) is None
    assert log.state.dropped == {"stopping": 1}
    assert log.state.error is not None


def test_what_could_not_be_written_is_written_once_it_can(tmp_path: Path) -> None:
    directory = tmp_path / "log"
    directory.write_text("in the way")
    with logging(directory) as log:
        log.decided(answer(0))
        until(lambda: log.state.error is not None)
        log.decided(answer(1))
        directory.unlink()
        until(lambda: log.state.recorded == 2)
        assert log.state.error is None
    assert recorded_ids(directory) == ["decision-0", "decision-1"]


def test_a_segment_that_is_large_enough_is_followed_by_another_that_stands_alone(tmp_path: Path) -> None:
    with logging(tmp_path, segment_bytes=2_000) as log:
        for each in answers(8):
            log.decided(each)
            log._writer.wake.set()
            until(lambda: log.state.waiting == 0)
    files = [file.path for file in segment_files(tmp_path)]
    assert len(files) > 1
    for path in files:
        assert next(whole_lines(path)).startswith(b'{"type":"location"')
    assert sorted(recorded_ids(tmp_path)) == sorted(each.id for each in answers(8))


def test_a_segment_ends_when_it_is_old_and_is_compressed(tmp_path: Path) -> None:
    now = [START]

    def clock() -> datetime:
        return now[0]

    with logging(tmp_path, clock, segment_age=timedelta(hours=1)) as log:
        log.decided(answer(0))
        until(lambda: log.state.recorded == 1)
        now[0] += timedelta(hours=1)
        until(lambda: any(file.is_closed for file in segment_files(tmp_path)))
    assert recorded_ids(tmp_path) == ["decision-0"]


def test_a_segment_that_somebody_removed_is_not_written_on(tmp_path: Path) -> None:
    with logging(tmp_path) as log:
        log.decided(answer(0))
        until(lambda: log.state.recorded == 1)
        segment_files(tmp_path)[0].path.unlink()
        until(lambda: log._writer._segment is None)
        log.decided(answer(1))
        until(lambda: log.state.recorded == 2)
    assert recorded_ids(tmp_path) == ["decision-1"]


def test_a_writer_begins_another_segment_when_it_is_asked_to(tmp_path: Path) -> None:
    with logging(tmp_path) as log:
        log.decided(answer(0))
        until(lambda: log.state.recorded == 1)
        ask_to_turn(tmp_path)
        until(lambda: any(file.is_closed for file in segment_files(tmp_path)))
        log.decided(answer(1))
    assert recorded_ids(tmp_path) == ["decision-0", "decision-1"]


def test_workers_that_begin_at_the_same_moment_have_segments_of_their_own(tmp_path: Path) -> None:
    segments = [OpenSegment.begin(tmp_path, worker, START) for worker in ("w", "w", "other/../one")]
    assert len({segment.path for segment in segments}) == 3
    assert {segment.path.parent for segment in segments} == {tmp_path}
    for segment in segments:
        segment.append(b"{}\n", durably=False)
        segment.close()
    assert len(segment_files(tmp_path)) == 3


def test_a_segment_without_a_line_leaves_no_file(tmp_path: Path) -> None:
    with logging(tmp_path):
        pass
    OpenSegment.begin(tmp_path, "w", START).close()
    assert segment_files(tmp_path) == []


WRITER = """
import asyncio, sys
from pathlib import Path
from tests.log.answers import START, answer
from service.decision_log.recorder import DecisionLog
from service.decision_log.writer import Options

async def work():
    log = DecisionLog(Options(Path(sys.argv[1]), "killed", required=True), lambda: START)
    log.start()
    async def one(number):
        await log.decided(answer(number))
        sys.stdout.write(f"decision-{number}\\n")
        sys.stdout.flush()
    for number in range(0, 10**9, 20):
        await asyncio.gather(*(one(number + place) for place in range(20)))

asyncio.run(work())
"""


def test_every_acknowledged_record_outlives_a_writer_that_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, cwd=ROOT, text=True
    ) as writer:
        assert writer.stdout is not None
        acknowledged = [writer.stdout.readline() for _ in range(205)]
        os.kill(writer.pid, signal.SIGKILL)
        acknowledged += writer.stdout.readlines()
    known = {line.strip() for line in acknowledged if line.endswith("\n")}
    assert len(known) >= 205
    assert known <= set(recorded_ids(tmp_path))
    assert tend(tmp_path, START, None).closed == 1
    found = recorded_ids(tmp_path)
    assert len(found) == len(set(found))
    assert known <= set(found)


def test_what_a_killed_writer_left_is_cut_to_whole_lines_by_the_next_worker(tmp_path: Path) -> None:
    record(tmp_path / "other", answers(3))
    (left,) = segment_files(tmp_path / "other")
    text = b"".join(whole_lines(left.path))
    (tmp_path / "worker-dead-20261122T110000Z-0.ndjson").write_bytes(text + b'{"type":"decision","id":"half')
    assert len(recorded(tmp_path)) == 3
    with logging(tmp_path) as log:
        until(lambda: log.state.torn == 1)
    (file,) = segment_files(tmp_path)
    assert file.is_closed
    assert b"".join(whole_lines(file.path)) == text
