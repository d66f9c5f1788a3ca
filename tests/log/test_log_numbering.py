"""Whatever is lost, forgotten or begun anew: every hit that is written can be read, and nothing is kept for ever."""

import itertools
import weakref
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from service.decide import Hits, KeptHits
from service.decision_log import numbering
from service.decision_log.keeping import delete_account
from service.decision_log.numbering import FREED_AT_ONCE, LIMIT, UNFIT, Said, SaidNumbers
from service.decision_log.records import Records
from service.decision_log.thawing import Incomplete, Line
from service.decision_log.unfolding import Shared
from tests.log.answers import logging
from tests.log.hits import records as read_records
from tests.log.hits import repeated
from tests.log.test_log_hits import as_found
from tests.log.test_log_hits_addresses import from_everywhere

HITS = [repeated(made, is_kept=number < 12) for number, made in enumerate([*from_everywhere(12), *from_everywhere(4)])]


def asked(number: int, place: int) -> Hits:
    """A hit of its own on a question that is asked again and again: of the first twelve, one that is kept."""
    return HITS[place]._replace(ids=[f"{number:032x}"])


def read(segment: bytes) -> Iterator[Line | Incomplete]:
    shared = Shared()
    for line in map(msgspec.json.decode, segment.splitlines()):
        if line["type"] == "hits":
            yield from shared.records(line)
        else:
            shared.add(line)


def told(segment: bytes) -> list[tuple[object, ...]]:
    """What tells a decision from the others, as a segment has it."""
    found = list(read(segment))
    assert not any(isinstance(each, Incomplete) for each in found)
    names = ("id", "account", "address", "address_status", "rule", "location")
    return [tuple(each[name] for name in names) for each in found if not isinstance(each, Incomplete)]


STEPS = st.lists(
    st.tuples(st.lists(st.integers(0, 15), max_size=6), st.sampled_from(["write", "lose", "age", "begin", "go on"])),
    max_size=20,
)


@settings(max_examples=60)
@given(STEPS, st.sampled_from([2, 5, 1_000]))
@example([([0, 1], "go on"), ([2], "lose"), ([0], "write")], 2)
@example([([0, 12, 1], "write"), ([0, 1], "begin"), ([12, 1, 0], "lose"), ([0, 1], "age"), ([1, 0], "write")], 1_000)
@example([([0, 1], "write"), ([], "age"), ([0], "age"), ([2], "lose"), ([0, 1, 2], "write")], 1_000)
def test_every_hit_that_is_written_can_be_read(steps: list[tuple[list[int], str]], limit: int) -> None:
    numbers = itertools.count()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(numbering, "LIMIT", limit)
        records, segment, waiting = Records("w", "masked"), b"", b""
        written, those = list[Hits](), list[Hits]()
        for places, step in [*steps, ([], "write")]:
            hits = [asked(next(numbers), place) for place in places]
            waiting += records.of_hits(hits)[0]
            those += hits
            if step in ("write", "begin"):
                records.written()
                segment, written = segment + waiting, written + those
            if step == "begin":
                records.begin_segment()
                segment, written = b"", []
            if step == "lose":
                records.lost()
            if step == "age":
                records.age()
            if step in ("write", "begin", "lose"):
                waiting, those = b"", []
        alone = [Records("w", "masked").of_hits([hit])[0] for hit in written]
    assert sorted(told(segment)) == sorted(each for one in alone for each in told(one))


def test_a_question_that_is_said_again_in_one_segment_is_read_once_by_every_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numbering, "LIMIT", 2)
    made, said = from_everywhere(60), Records("w1", "masked")
    those = [asked(number, number % 12)._replace(at=each.request.at) for number, each in enumerate(made)]
    segment = b"".join(said.of_hits([hit])[0] for hit in those)
    questions = [line["n"] for line in map(msgspec.json.decode, segment.splitlines()) if line["type"] == "questions"]
    assert len(questions) > len(set(map(tuple, questions)))
    (tmp_path / "again").mkdir()
    (tmp_path / "again" / "worker-w1-20261122T120000Z-0.ndjson").write_bytes(segment)
    with logging(tmp_path / "once") as log:
        for each in those:
            log.repeated(each)
    assert as_found(tmp_path / "again") == as_found(tmp_path / "once")
    assert len(read_records(tmp_path / "again")) == 60
    deleted = [delete_account(tmp_path / name, "acct-half").records for name in ("again", "once")]
    assert deleted == [30, 30]
    assert as_found(tmp_path / "again") == as_found(tmp_path / "once")


def test_the_same_question_is_looked_up_once_it_is_told() -> None:
    records = Records("w", "masked")
    first, _ = records.of_hits([asked(0, 1)])
    again, _ = records.of_hits([asked(1, 1), asked(2, 1)])
    assert again.count(b"\n") == 1
    assert told(first + again) == [(f"{n:032x}", *told(first)[0][1:]) for n in range(3)]


def test_a_question_that_cannot_be_written_is_counted_each_time_and_keeps_no_other_out() -> None:
    first = HITS[0]
    assert isinstance(first, KeptHits)
    account, resource, _, *others = first.settled[0]
    unfit: Any = (account, resource, "\ud800", *others)
    records = Records("w", "masked")
    for number in range(0, 30, 3):
        hits = [asked(number, 1), first._replace(ids=[f"{number + 1:032x}"], settled=[unfit]), asked(number + 2, 2)]
        lines, count = records.of_hits(hits)
        assert count == 1
        assert lines.count(b'"%032x"' % (number + 1)) == 0
        assert lines.count(b'"%032x"' % (number + 2)) == 1


def test_numbers_that_are_said_are_included_until_they_are_lost_or_forgotten() -> None:
    said = SaidNumbers()
    assert said.missing([3, 5, 3]) == {3, 5}
    said.add([3, 5])
    said.written()
    said.add([7])
    assert said.include([3, 7, 5, 3])
    said.lost()
    assert said.missing([3, 5, 7]) == {7}
    said.age()
    assert said.missing([3]) == set()
    said.age()
    assert (said.include([3]), said.missing([3, 5])) == (False, {5})
    said.begin_segment()
    assert said.missing([3]) == {3}


def test_what_was_said_a_generation_ago_can_be_lost_too() -> None:
    said = SaidNumbers()
    said.add([3])
    said.age()
    said.lost()
    assert said.missing([3]) == {3}


def test_numbers_are_bounded_and_those_that_are_asked_for_stay() -> None:
    said = SaidNumbers()
    said.add([1])
    for first in range(10, 10 + 5 * LIMIT, LIMIT // 2):
        said.make_room()
        assert said.missing([1]) == set()
        said.add(range(first, first + LIMIT // 2))
    for _ in range(5 * LIMIT // FREED_AT_ONCE):
        said.make_room()
    held = [said._young, said._old, *said._forgotten]
    assert sum(map(len, held)) <= 2 * LIMIT + 2
    assert said.missing([10]) == {10}


class Thing:
    """What a key is the identity of."""


def learnt(said: Said[int, Thing, int], things: list[Thing]) -> list[int]:
    def say(new: Iterable[Thing]) -> list[int]:
        return [said.next() for _ in new]

    return said.column(list(map(id, things)), things, say)


def test_of_each_key_one_is_said_and_all_of_them_are_told() -> None:
    said: Said[int, Thing, int] = Said()
    one, other = Thing(), Thing()
    assert learnt(said, [one, other, one]) == [1, 2, 1]
    assert learnt(said, [other, Thing()]) == [2, 3]
    assert UNFIT not in learnt(said, [one])


def test_what_is_asked_for_now_and_then_is_not_said_again() -> None:
    said: Said[int, Thing, int] = Said()
    one = Thing()
    for _ in range(5):
        assert learnt(said, [one]) == [1]
        said.age()


@pytest.mark.parametrize("is_anew", [True, False])
def test_what_is_forgotten_is_freed_little_by_little(is_anew: bool) -> None:
    said: Said[int, Thing, int] = Said()
    things = [Thing() for _ in range(3 * FREED_AT_ONCE)]
    alive = [weakref.ref(thing) for thing in things]
    learnt(said, things)
    del things
    if is_anew:
        said.begin_segment()
    else:
        said.age()
        said.age()
    counts = []
    for _ in range(8):
        said.make_room()
        counts.append(sum(each() is not None for each in alive))
    assert counts[-1] == 0
    assert all(before - after <= FREED_AT_ONCE for before, after in itertools.pairwise([len(alive), *counts]))


def test_what_is_forgotten_is_freed_when_nothing_is_asked_for_any_more() -> None:
    said: Said[int, Thing, int] = Said()
    thing = Thing()
    alive = weakref.ref(thing)
    learnt(said, [thing])
    del thing
    said.begin_segment()
    said.age()
    assert alive() is None
