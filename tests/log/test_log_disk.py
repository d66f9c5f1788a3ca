"""A full disk: no answer waits for it that need not, none that must is given, and no line is left half-written."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.decision_log.replay import recorded_cases
from service.decision_log.segments import segment_files
from service.decision_log.thawing import Case
from service.errors import NotRecorded
from tests.log.answers import answer, answers, logging, recorded, recorded_durably, recorded_ids
from tests.log.hits import again, many, records, repeated
from tests.log.test_log_writer import until
from tests.pages import ROOT

DISK_BYTES = 256 * 1024


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, of a quarter of a megabyte."""
    directory = tmp_path / "disk"
    directory.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(directory)]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode != 0:
        pytest.skip("a file system can be mounted by root alone")
    yield directory
    subprocess.run(["umount", "-l", str(directory)], check=True)


def fill(directory: Path) -> Path:
    """Leave no byte free."""
    path = directory / "filler"
    with path.open("ab", buffering=0) as file:
        for size in (4096, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue
    return path


def ends_whole(directory: Path) -> bool:
    return all(file.is_closed or file.path.read_bytes()[-1:] in (b"\n", b"") for file in segment_files(directory))


def test_on_a_full_disk_decisions_go_on_are_counted_and_are_recorded_again_once_there_is_space(
    small_disk: Path,
) -> None:
    with logging(small_disk, queue_records=100) as log:
        for each in answers(10):
            log.decided(each)
        until(lambda: log.state.recorded == 10)
        filler = fill(small_disk)
        for number in range(10, 2_000):
            assert log.decided(answer(number)) is None
            if number % 100 == 0:
                log._writer.wake.set()
        until(lambda: log.state.error == "no space left on device")
        for number in range(2_000, 2_200):
            log.decided(answer(number))
        assert log.state.dropped["full"] > 0
        assert ends_whole(small_disk)
        filler.unlink()
        until(lambda: log.state.waiting == 0 and log.state.error is None)
        log.decided(answer(9_999))
    found = recorded_ids(small_disk)
    assert len(found) == len(set(found)) == log.state.recorded
    assert found[:10] == [f"decision-{number}" for number in range(10)]
    assert found[-1] == "decision-9999"
    assert log.state.recorded + sum(log.state.dropped.values()) == 2_201


def test_on_a_full_disk_no_answer_is_given_that_must_be_recorded(small_disk: Path) -> None:
    with logging(small_disk, required=True) as log:
        assert asyncio.run(recorded_durably(log, answers(5))) == [None] * 5
        filler = fill(small_disk)
        refused = asyncio.run(recorded_durably(log, [answer(number) for number in range(5, 205)]))
        given = [f"decision-{number}" for number, each in enumerate(refused, 5) if each is None]
        assert any(isinstance(each, NotRecorded) for each in refused)
        assert {str(each) for each in refused if each is not None} == {
            "the decision could not be recorded: no space left on device"
        }
        assert ends_whole(small_disk)
        filler.unlink()
        assert asyncio.run(recorded_durably(log, [answer(205)])) == [None]
    assert recorded_ids(small_disk) == [*(f"decision-{number}" for number in range(5)), *given, "decision-205"]


def test_facts_that_a_full_disk_kept_out_are_said_with_the_next_record(small_disk: Path) -> None:
    with logging(small_disk, required=True) as log:
        assert asyncio.run(recorded_durably(log, [answer(0, "acct-near")])) == [None]
        filler = fill(small_disk)
        asyncio.run(recorded_durably(log, [answer(number, "acct-half", country="CN") for number in range(1, 201)]))
        filler.unlink()
        assert asyncio.run(recorded_durably(log, [answer(201, "acct-half", country="CN")])) == [None]
    cases = list(recorded_cases(small_disk, None, None))
    assert all(isinstance(case, Case) for case in cases)
    assert [each["id"] for each in recorded(small_disk)][-1] == "decision-201"


def test_hits_that_a_full_disk_kept_out_are_recorded_once_there_is_space_with_what_they_share(small_disk: Path) -> None:
    made = many(2_000)
    with logging(small_disk) as log:
        for each in made[:10]:
            log.repeated(repeated(each))
        until(lambda: log.state.recorded == 10)
        filler = fill(small_disk)
        for each in (*made[10:], again(2_000, "acct-far"), again(2_001, "acct-stranger")):
            log.repeated(repeated(each))
        until(lambda: log.state.error == "no space left on device")
        assert ends_whole(small_disk)
        filler.unlink()
        until(lambda: log.state.waiting == 0 and log.state.error is None)
        log.repeated(repeated(again(2_002)))
    found = [each["id"] for each in records(small_disk)]
    assert len(found) == len(set(found)) == log.state.recorded
    assert log.state.dropped == {}
    assert set(found) == {f"{number:032x}" for number in range(2_003)}


LIMITED = """
import resource, signal, sys
from pathlib import Path
from tests.log.answers import answer, logging
from tests.log.hits import again, many, records, repeated
from tests.log.test_log_writer import until

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
errors = set()
with logging(Path(sys.argv[1])) as log:
    for number in range(500):
        log.decided(answer(number))
        if number % 5 == 0:
            log._writer.wake.set()
            errors.add(log.state.error)
            until(lambda: log.state.waiting == 0)
    until(lambda: log.state.recorded == 500)
print(log.state.recorded, dict(log.state.dropped), *errors - {None})
"""


def test_a_file_that_may_not_grow_ends_with_a_whole_line_and_is_followed_by_another(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "500 {} file too large\n"
    assert len(set(recorded_ids(tmp_path))) == len(recorded_ids(tmp_path)) == 500
    assert len(segment_files(tmp_path)) >= 20
    assert ends_whole(tmp_path)
