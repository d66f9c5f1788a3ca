"""A decision that is given again is recorded as one that is made: the same record, found by the same readers."""

import itertools
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rules.compile import compile_ruleset
from rules.evaluate import evaluate, screen, screen_resource
from rules.facts import IPV4_MAPPED, AccountFacts, Address, Request, ResourceFacts
from rules.language import Decision, RuleSet
from service.decide import AccessRequest, Answer, Hits, Screened
from service.decision_log.hits import LINE_HITS
from service.decision_log.keeping import delete_account
from service.decision_log.numbering import Said, SaidNumbers
from service.decision_log.records import Records
from service.decision_log.replay import New, Replay
from service.decision_log.search import EXPORTED_AT_ONCE, DecisionSearch, Filter
from service.decision_log.segments import segment_files, whole_lines
from service.decision_log.thawing import Line
from service.decision_log.writer import FEW_HITS, HITS_AT_ONCE
from service.errors import NotAvailable
from tests.log.answers import SECOND, SOURCES, START, Located, lines, logging, record
from tests.log.hits import (
    MICROSECOND,
    again,
    cases,
    close,
    hits_of,
    many,
    number_of,
    place_of,
    ready,
    record_hits,
    records,
    repeated,
    settled_by,
    turn,
)
from tests.log.test_log_search import fits, place
from tests.log.test_log_writer import until
from tests.strategies import questions, rule_sets

Question = tuple[AccountFacts, ResourceFacts, Request]
Pair = tuple[Answer, Hits]


def pairs(rules: RuleSet, asked: Sequence[Question], picks: Sequence[tuple[int, int, bool, bool]]) -> list[Pair]:
    """Answers to some of these questions, at some times, and hits that are the same decisions."""
    program = compile_ruleset(rules)
    known: list[tuple[Screened[AccountFacts], Screened[ResourceFacts], Located, Decision]] = []
    for account, resource, question in asked:
        screenings = screen(program, account, question.at), screen_resource(program, resource, question.at)
        status = "invalid" if question.address is None else "located"
        located = Located(question.address, question.location, status, "loopback" if len(known) % 2 else None)
        decision = evaluate(program, *screenings, question)
        known.append((Screened(screenings[0], account), Screened(screenings[1], resource), located, decision))
    made = []
    for number, (pick, microseconds, is_other, is_kept) in enumerate(picks):
        own, tool, located, decision = known[pick % len(known)]
        at = START + microseconds * MICROSECOND
        sources = SOURCES[:1] if is_other else SOURCES
        action = asked[pick % len(known)][2].action
        request = AccessRequest(own.facts.account.id, tool.facts.resource.id, at, "x", action, asked_at=at)
        id = f"{number:032x}"
        whole = Answer(id, decision, request, located, sources, (own.facts, tool.facts))
        where = place_of(located.location, located.status, located.reserved)
        settled = (own, tool, action, located.address, where, ready("", decision))
        made.append((whole, hits_of(at, sources, [id], [settled], is_kept=is_kept)))
    return made


def members(those: Sequence[Line]) -> list[str]:
    """Documents with their members in order."""
    return [json.dumps(each) for each in those]


def as_found(directory: Path) -> tuple[list[str], list[str], list[str], list[str], list[tuple[str, str]]]:
    """What every reader makes of a log."""
    search = DecisionSearch(directory)
    found = search.search(Filter(), 1_000)
    each = [search.find(record["id"]) for record in found[:1]]
    exported = [json.loads(line) for line in search.export(Filter())]
    replay = Replay(New(facts_of=None), lambda id, revision, at: None)
    replayed = [(changed.id, changed.cause) for changed in replay.run(directory, None, None)]
    return (
        members(found),
        members([one.record for one in each if one is not None]),
        members(sorted((line for line in exported if line["type"] == "decision"), key=place)),
        sorted(members([line for line in exported if line["type"] != "decision"])),
        [*replayed, *((str(key), str(count)) for key, count in replay.tally.unsure.items())],
    )


PICKS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3_000_000), st.booleans(), st.booleans()), max_size=12)


@settings(max_examples=8, suppress_health_check=[HealthCheck.too_slow])
@given(rule_sets(), st.lists(questions(), min_size=1, max_size=3), PICKS)
def test_a_hit_is_recorded_as_the_same_decision_made_now(
    tmp_path_factory: pytest.TempPathFactory,
    rules: RuleSet,
    asked: list[Question],
    picks: list[tuple[int, int, bool, bool]],
) -> None:
    directory = tmp_path_factory.mktemp("log")
    made = pairs(rules, asked, picks)
    record(directory / "answers", [one for one, _ in made], addresses="full")
    with logging(directory / "hits", addresses="full") as log:
        for _, hit in made:
            log.repeated(hit)
    assert log.state.recorded == len(made)
    read = [members(sorted(records(directory / name), key=place)) for name in ("hits", "answers")]
    assert read[0] == read[1]
    assert as_found(directory / "hits") == as_found(directory / "answers")


@pytest.mark.parametrize("count", [1, LINE_HITS, LINE_HITS + 1, 3 * HITS_AT_ONCE])
def test_many_hits_of_one_moment_are_recorded_like_each_alone(tmp_path: Path, count: int) -> None:
    made = [again(number, ("acct-half", "acct-near", "\ud800")[number % 3], at=START) for number in range(count)]
    with logging(tmp_path) as log:
        log.repeated(turn(made[::2], is_kept=True))
        if made[1::2]:
            log.repeated(turn(made[1::2], is_kept=False))
    fit = [each for number, each in enumerate(made) if number % 3 < 2]
    assert (log.state.recorded, log.state.dropped.get("unfit", 0)) == (len(fit), count - len(fit))
    found = sorted(records(tmp_path), key=place)
    assert [(each["id"], each["account"]) for each in found] == [(each.id, each.request.account) for each in fit]
    widths = [len(line["id"]) for line in lines(tmp_path) if line["type"] == "hits"]
    assert max(widths) <= LINE_HITS


def test_hits_are_read_alike_while_their_segment_is_written_and_after(tmp_path: Path) -> None:
    made = many(600)
    with logging(tmp_path / "hits") as log:
        for number, each in enumerate(made):
            log.repeated(repeated(each, is_kept=number % 5 < 3))
        until(lambda: log.state.recorded == 600)
        assert [file.is_closed for file in segment_files(tmp_path / "hits")] == [False]
        while_open = as_found(tmp_path / "hits")
    record(tmp_path / "answers", made)
    assert [file.is_closed for file in segment_files(tmp_path / "hits")] == [True]
    assert as_found(tmp_path / "hits") == as_found(tmp_path / "answers") == while_open


TEXTS = st.sampled_from(["acct-half", "acct-near", "", "'", '"; DROP TABLE', "\x00", "名", "\U0001f600", "a\nb", "$.a"])
WAYS = st.sampled_from(["answer", "kept", "other"])
GIVEN = st.lists(st.tuples(TEXTS, TEXTS, st.sampled_from(["DE", "CN"]), WAYS), max_size=10)
FILTERS = st.builds(
    Filter,
    id=st.none() | st.none() | st.integers(0, 9).map(lambda number: f"{number:032x}"),
    account=st.none() | TEXTS,
    effect=st.sampled_from([None, None, "deny", "challenge"]),
    rule=st.sampled_from([None, None, "owned-from-afar", "located-afar"]),
    resource=st.sampled_from([None, "tool", "other"]),
    unknown=st.sampled_from([None, None, "entity.missing"]),
    since=st.none() | st.integers(0, 3).map(lambda seconds: START + seconds * SECOND),
    until=st.none() | st.integers(0, 3).map(lambda seconds: START + seconds * SECOND),
)


@settings(max_examples=10, suppress_health_check=[HealthCheck.too_slow])
@given(GIVEN, FILTERS, st.integers(1, 4), st.booleans())
def test_hits_and_answers_are_found_together_by_every_filter(
    tmp_path_factory: pytest.TempPathFactory,
    asked: list[tuple[str, str, str, str]],
    wanted: Filter,
    limit: int,
    is_closed: bool,
) -> None:
    directory = tmp_path_factory.mktemp("log")
    with logging(directory) as log:
        for number, (account, action, country, way) in enumerate(asked):
            at = START + number * SECOND / 2
            made = again(number, account, at=at, action=action, country=country)
            log.decided(made) if way == "answer" else log.repeated(repeated(made, is_kept=way == "kept"))
    if is_closed:
        close(directory)
    everything = records(directory)
    assert len(everything) == len(asked)
    expected = sorted((each for each in everything if fits(each, wanted)), key=place, reverse=True)
    search = DecisionSearch(directory)
    assert search.search(wanted, 1_000) == expected
    pages: list[object] = []
    before = None
    while page := search.search(wanted, limit, before):
        pages += page
        before = place(page[-1])
    assert pages == expected
    exported = [json.loads(line) for line in search.export(wanted)]
    assert sorted((each for each in exported if each["type"] == "decision"), key=place, reverse=True) == expected


def test_an_export_of_hits_is_a_segment_that_stands_alone(tmp_path: Path) -> None:
    record_hits(tmp_path / "log", many(600))
    exported = b"".join(DecisionSearch(tmp_path / "log").export(Filter(account="acct-half")))
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "worker-export-20261122T120000Z-0.ndjson").write_bytes(exported)
    taken = cases(tmp_path / "taken")
    assert [case.record["id"] for case in taken] == [f"{number:032x}" for number in range(0, 600, 2)]
    assert exported.count(b'"type":"facts"') == 1
    assert b'"type":"hits"' not in exported


def test_an_export_of_more_than_is_read_at_once_is_whole_and_in_order(tmp_path: Path) -> None:
    made = many(EXPORTED_AT_ONCE + 50)
    record_hits(tmp_path, made)
    exported = [json.loads(line) for line in DecisionSearch(tmp_path).export(Filter())]
    assert [line["id"] for line in exported if line["type"] == "decision"] == [each.id for each in made]


@pytest.mark.parametrize("are_kept", [True, False])
def test_what_hits_share_is_said_once_in_a_segment(tmp_path: Path, are_kept: bool) -> None:
    record_hits(tmp_path, many(2_000), are_kept=are_kept)
    types = [line["type"] for line in lines(tmp_path)]
    assert {type: types.count(type) for type in ("account", "place", "answer")} == {
        "account": 2,
        "place": 2,
        "answer": 3,
    }
    assert types.count("hits") < 20
    asked = [number for line in lines(tmp_path) if line["type"] == "questions" for number in line["n"]]
    assert len(asked) == len(set(asked)) == (4 if are_kept else 0)


def test_a_hit_of_a_question_that_is_kept_is_its_id_its_time_and_the_number_of_that() -> None:
    said = Records("w", "masked")
    first = records_of(said, [again(0)], are_kept=True)
    assert [line["type"] for line in first] == ["facts", "account", "location", "place", "answer", "questions", "hits"]
    (hits,) = records_of(said, [again(1), again(2)], are_kept=True)
    assert tuple(hits) == ("type", "worker", "second", "data", "id", "at", "question")
    assert hits["question"] == [number_of(settled_by(again(0)))] * 2


def test_what_is_known_of_many_addresses_alike_is_said_once() -> None:
    made = records_of(Records("w", "full"), [located(again(number), number) for number in range(200)])
    assert [line["type"] for line in made].count("place") == 1
    assert [line["address"] for line in made if line["type"] == "hits"] == [[f"203.0.113.{n}" for n in range(200)]]


def located(made: Answer, number: int) -> Answer:
    address = Address(IPV4_MAPPED | 203 << 24 | 113 << 8 | number)
    return replace(made, located=Located(address, made.located.location))


def records_of(records: Records, made: Sequence[Answer], *, are_kept: bool = False) -> list[dict[str, object]]:
    text, unfit = records.of_hits([repeated(each, is_kept=are_kept) for each in made])
    assert unfit == 0
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize(
    "micros",
    [[0], [999_999, 1_000_000], [5_000_000, 1, 0], [0, 60_000_000, 3_600_000_000], [7, 7, 7], [-1, 0, 1]],
)
def test_times_are_recorded_whatever_the_clock_does_meanwhile(tmp_path: Path, micros: list[int]) -> None:
    made = [again(number, at=START + each * MICROSECOND) for number, each in enumerate(micros)]
    record_hits(tmp_path / "hits", made)
    record(tmp_path / "answers", made)
    found = records(tmp_path / "hits")
    assert sorted(found, key=place) == sorted(records(tmp_path / "answers"), key=place)
    assert DecisionSearch(tmp_path / "hits").search(Filter(), 9) == sorted(found, key=place, reverse=True)


@pytest.mark.parametrize("are_kept", [True, False])
def test_a_hit_with_a_text_that_is_no_unicode_keeps_no_other_from_being_recorded(
    tmp_path: Path, are_kept: bool
) -> None:
    made = [again(0), again(1, "\ud800"), again(2, action="\ud800"), again(3, "acct-near")]
    log = record_hits(tmp_path, made, are_kept=are_kept)
    assert {each["id"] for each in records(tmp_path)} == {made[0].id, made[3].id}
    assert (log.state.recorded, log.state.dropped) == (2, {"unfit": 2})


def test_a_segment_that_begins_between_two_slices_of_hits_stands_alone(tmp_path: Path) -> None:
    made = many(4 * FEW_HITS)
    with logging(tmp_path, segment_bytes=2_000) as log:
        for start in range(0, len(made), FEW_HITS):
            for each in made[start : start + FEW_HITS]:
                log.repeated(repeated(each))
            until(lambda: log.state.waiting == 0)
    assert len(segment_files(tmp_path)) == 4
    assert [each["id"] for each in records(tmp_path)] == [each.id for each in made]


def test_a_line_of_hits_that_was_cut_off_is_none(tmp_path: Path) -> None:
    record_hits(tmp_path, many(40))
    (file,) = segment_files(tmp_path)
    whole = b"".join(whole_lines(file.path))
    file.path.unlink()
    torn = tmp_path / "worker-dead-20261122T110000Z-0.ndjson"
    torn.write_bytes(whole + whole.splitlines()[-1][:-30])
    assert len(records(tmp_path)) == 40
    assert len(DecisionSearch(tmp_path).search(Filter(), 100)) == 40
    close(tmp_path)
    assert len(DecisionSearch(tmp_path).search(Filter(), 100)) == len(records(tmp_path)) == 40


@pytest.mark.parametrize(
    ("kind", "are_kept"),
    [*itertools.product(["account", "place", "answer"], [True, False]), ("questions", True)],
)
def test_hits_whose_shared_parts_are_missing_are_reported_by_every_reader(
    tmp_path: Path, kind: str, are_kept: bool
) -> None:
    record_hits(tmp_path, many(40), are_kept=are_kept)
    (file,) = segment_files(tmp_path)
    kept = b"".join(line for line in whole_lines(file.path) if not line.startswith(b'{"type":"%b"' % kind.encode()))
    file.path.unlink()
    (tmp_path / "worker-w1-20261122T120000Z-0.ndjson").write_bytes(kept)
    search = DecisionSearch(tmp_path)
    for asked in (Filter(), Filter(account="acct-half"), Filter(effect="deny", rule="owned-from-afar")):
        with pytest.raises(NotAvailable, match="lacks what its decisions share"):
            search.search(asked, 50)
        with pytest.raises(NotAvailable, match="lacks what its decisions share"):
            list(search.export(asked))
    with pytest.raises(NotAvailable, match="lacks what its decisions share"):
        search.find(f"{3:032x}")
    replay = Replay(New(), lambda id, revision, at: None)
    assert list(replay.run(tmp_path, None, None)) == []
    assert replay.tally.unsure["facts"] == 40
    with pytest.raises(OSError, match="the segment is damaged"):
        delete_account(tmp_path, "acct-half")


SHARED = {False: ["account", "place", "answer"], True: ["account", "place", "answer", "questions"]}
"""What is said before the first hit, by whether its question is kept."""


@pytest.mark.parametrize("are_kept", [True, False])
def test_facts_and_shared_parts_that_were_lost_are_said_again(are_kept: bool) -> None:
    said = Records("w", "masked")
    first = records_of(said, [again(0)], are_kept=are_kept)
    types = [line["type"] for line in first]
    assert [type for type in types if type not in ("facts", "location")] == [*SHARED[are_kept], "hits"]
    said.lost()
    again_said = records_of(said, [again(1)], are_kept=are_kept)
    assert [line["type"] for line in again_said] == types
    before, after = (
        {(line["type"], line["n"]) for line in those if line["type"] in SHARED[False]} for those in (first, again_said)
    )
    assert before.isdisjoint(after)
    said.written()
    said.lost()
    assert [line["type"] for line in records_of(said, [again(2)], are_kept=are_kept)] == ["hits"]
    said.begin_segment()
    assert [line["type"] for line in records_of(said, [again(3)], are_kept=are_kept)] == types


@pytest.mark.parametrize("are_kept", [True, False])
def test_what_hits_share_is_let_go_of_when_none_needs_it_any_more(are_kept: bool) -> None:
    said = Records("w", "masked")
    records_of(said, [again(0)], are_kept=are_kept)
    said.written()
    said.age()
    assert [line["type"] for line in records_of(said, [again(1)], are_kept=are_kept)] == ["hits"]
    said.age()
    said.age()
    said.age()
    assert all(_is_empty(each) for each in said._hits._all)
    assert [line["type"] for line in records_of(said, [again(2)], are_kept=are_kept)] == [*SHARED[are_kept], "hits"]


def _is_empty(said: Said[Any, Any, Any] | SaidNumbers) -> bool:
    if isinstance(said, SaidNumbers):
        return not any((said._young, said._old, *said._forgotten))
    return not any((said._young, said._owners, *said._old, *itertools.chain(*said._forgotten)))


def test_facts_are_shared_by_hits_and_answers() -> None:
    said = Records("w", "masked")
    said.lines(again(0))
    assert [line["type"] for line in records_of(said, [again(1)])] == ["account", "place", "answer", "hits"]
