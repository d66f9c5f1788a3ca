"""A question that comes again in the same bytes is answered as if it came for the first time, whatever has changed."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from service.decide import ACTION_LENGTH, Hits, KeptHits, NewHits
from service.fast_lane.asked import LOOKED_AT, MOST_GOINGS, Asked, AskedBefore, Whole, Words
from service.fast_lane.derived import ANSWERS_BYTES
from service.fast_lane.lane import FastLane
from service.fast_lane.protocol import FastLaneProtocol
from service.gateways.wire import Door
from service.locations import open_locations
from service.memo import CELL_BYTES, GONE, LARGEST_PART, MOST_VISITS, Bound, Goings, Memo
from service.recording import count
from tests.service.address_databases import maxmind_city, write_database
from tests.service.both_ways import Pair, pair_over
from tests.service.conftest import NOW, write_world
from tests.service.connections import JSON, RECEIVED_BYTES, plain_question, plain_request

DATED = "owner,subject,share,source,start,end\nfar,half,50%,register,2026-06-01,2027-01-01\n"
LATER = """
language: 1
ruleset: beside
default: allow
if_unknown: challenge
rules:
  - id: for-an-hour
    effect: deny
    when: {location: {in: [US]}}
    reason: later
    effective: {from: 2026-11-22T13:00:00Z, until: 2026-11-22T14:00:00Z}
"""
DENYING = "language: 1\nruleset: small-world\ndefault: deny\nif_unknown: apply\nrules: []\n"
MOMENTS = (
    NOW,
    NOW - timedelta(days=200),
    datetime(2026, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(2027, 1, 1, tzinfo=UTC),
    NOW + timedelta(hours=1),
    NOW + timedelta(hours=2),
)
ACCOUNTS = ("acct-near", "acct-half", "nobody")


def body(account: str, ip: str = "8.8.8.8") -> bytes:
    return plain_question(account, "tool", "use", ip)


def ask(account: str, ip: str = "8.8.8.8") -> bytes:
    return plain_request(body(account, ip), JSON)


def checked(wire: str, account: str = "acct-near") -> bytes:
    """A gateway's question."""
    return (
        f"GET /check/{wire}/tool HTTP/1.1\r\nHost: c\r\nX-Cordon-Account: {account}\r\n"
        "X-Cordon-Client-Address: 8.8.8.8\r\n\r\n"
    ).encode()


def routes_in(directory: Path) -> Path:
    """A file of routes for it."""
    file = directory / "gateways.yaml"
    file.write_text("gateways: 1\nroutes: {tool: {resource: tool}}\n", encoding="utf-8")
    return file


def is_kept(pair: Pair, key: bytes | Words) -> bool:
    """Whether a request is known by its bytes, or a question by its own, or its words."""
    derived = pair.fast.programs.current.screenings.derived
    if derived is None:
        return False
    asked: AskedBefore = derived.asked
    memos: tuple[Memo[Any, Any], ...] = (asked.questions, *asked.requests)
    return any(memo.find(key) is not None for memo in memos)


def kept_of(pair: Pair, account: str) -> Whole:
    """What is kept of a question that is known by its bytes."""
    cell = pair.fast.programs.current.screenings.derived.asked.requests[False].find(ask(account))
    assert cell is not None
    one: Whole = cell.value
    return one


def ask_often(pair: Pair, account: str, ip: str = "8.8.8.8") -> bytes:
    """Ask until the question is known by its bytes, and then twice more; the last answer."""
    for _ in range(4):
        pair.both([ask(account, ip)])
    assert is_kept(pair, ask(account, ip))
    before = pair.answered
    received = pair.both([ask(account, ip)] * 2).received
    assert pair.answered - before == 2
    return received


@pytest.fixture
def pair(tmp_path: Path, loop: asyncio.AbstractEventLoop) -> Pair:
    return pair_over(write_world(tmp_path / "world", {"interests.csv": DATED, "beside.yaml": LATER}), loop)


@pytest.fixture
def one(pair: Pair) -> Whole:
    """What is kept of a question."""
    ask_often(pair, "acct-near")
    return kept_of(pair, "acct-near")


@pytest.mark.parametrize(("first", "then"), [each for each in product(MOMENTS, MOMENTS) if each[0] != each[1]])
def test_another_time_is_decided_anew(pair: Pair, first: datetime, then: datetime) -> None:
    pair.clock.now = first
    for account in ACCOUNTS:
        ask_often(pair, account)
    pair.clock.now = then
    for account in ACCOUNTS:
        pair.both([ask(account)] * 2)
        ask_often(pair, account)


def test_the_end_of_an_interest_and_of_a_rule_are_seen(pair: Pair) -> None:
    effects = []
    for moment in (NOW, NOW + timedelta(hours=1), NOW + timedelta(hours=2), datetime(2027, 1, 1, tzinfo=UTC)):
        pair.clock.now = moment
        effects.append([b'"effect":"deny"' in ask_often(pair, account) for account in ("acct-near", "acct-half")])
    assert effects == [[False, True], [True, True], [False, True], [False, False]]


def test_a_question_is_kept_once_it_has_come_twice(pair: Pair) -> None:
    ask_often(pair, "acct-near")
    pair.both([ask("acct-near", "8.8.4.4")])
    assert not is_kept(pair, ask("acct-near", "8.8.4.4"))
    pair.both([ask("acct-near", "8.8.4.4")])
    assert is_kept(pair, ask("acct-near", "8.8.4.4"))


@pytest.mark.parametrize("door", [None, "socket"])
def test_a_request_is_known_by_all_of_its_bytes_to_the_lane_that_answered_it(
    tmp_path: Path, loop: asyncio.AbstractEventLoop, door: Door | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = pair_over(write_world(tmp_path / "world"), loop, door=door)
    pair.both([ask("acct-near")] * 6)
    asked: AskedBefore = pair.fast.programs.current.screenings.derived.asked
    assert [len(each) for each in asked.requests] == ([1, 0] if door is None else [0, 1])

    def fail(*arguments: object) -> None:
        raise AssertionError("it was looked up")

    protocol = protocol_of(pair)
    monkeypatch.setattr(protocol.lane if door is None else protocol.admitting_lane, "answer", fail)
    before = pair.answered
    pair.both([ask("acct-near")] * 2)
    assert pair.answered == before + 2


def test_requests_with_ids_of_their_own_are_known_by_their_bodies(pair: Pair) -> None:
    requests = [plain_request(body("acct-near"), JSON, b"X-Request-ID: %d" % number) for number in range(8)]
    pair.both(requests[:5])
    asked: AskedBefore = pair.fast.programs.current.screenings.derived.asked
    assert asked.questions.find(body("acct-near")) is not None
    assert not any(map(len, asked.requests))
    before = pair.answered
    received = pair.both(requests[5:]).received
    assert pair.answered == before + 3
    assert [received.count(b"x-request-id: %d\r\n" % number) for number in (5, 6, 7)] == [1, 1, 1]


def test_the_age_of_the_data_is_told_whatever_its_length(pair: Pair) -> None:
    ask_often(pair, "acct-near")
    before = pair.answered
    lengths = set()
    for seconds in (1, 8, 9, 10, 11, 99, 100, 101, 5, 99_999, 100_000):
        pair.clock.now = NOW + timedelta(seconds=seconds)
        with_id = plain_request(body("acct-near"), JSON, b"X-Request-ID: 7")
        lengths.add(len(pair.both([ask("acct-near"), with_id]).received))
    assert pair.answered > before + 11
    assert len(lengths) > 2


def test_an_answer_that_made_room_for_others_is_made_anew(pair: Pair) -> None:
    expected = [ask_often(pair, account) for account in ("acct-half", "acct-near")][1]
    one = kept_of(pair, "acct-near")
    answer = one.found[0]
    answers = pair.fast.programs.current.screenings.derived.answers
    other = kept_of(pair, "acct-half").found[0].value
    for number in range(50):
        key = (number, 0, 0, 0, "other")
        answers.put(key, other, ANSWERS_BYTES // LARGEST_PART - CELL_BYTES)
        for _ in range(MOST_VISITS):
            answers.get(key)
    assert answer.place == GONE
    assert pair.both([ask("acct-near")] * 2).received == expected
    assert kept_of(pair, "acct-near") is not one


def test_the_metrics_say_how_many_questions_are_known(pair: Pair) -> None:
    assert metric(pair, "cordon_fast_lane_questions") == 0
    for account in ACCOUNTS:
        ask_often(pair, account)
    assert metric(pair, "cordon_fast_lane_questions") == len(ACCOUNTS)


def metric(pair: Pair, name: str) -> float:
    lines = pair.fast.telemetry.exposition().decode().splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(name))


def test_a_scan_leaves_no_question_behind(pair: Pair) -> None:
    ask_often(pair, "acct-near")
    addresses = [f"8.{high}.{low}.1" for high in range(4) for low in range(250)]
    pair.both([ask("acct-near", address) for address in addresses])
    assert not any(is_kept(pair, ask("acct-near", address)) for address in addresses)
    assert is_kept(pair, ask("acct-near"))


@pytest.mark.parametrize(
    ("touched", "account", "other"),
    [({"account": ["acct-half"]}, "acct-half", "acct-near"), ({"resource": ["tool"]}, "acct-near", "acct-half")],
)
def test_what_a_change_touches_is_screened_again(
    pair: Pair, touched: dict[str, list[str]], account: str, other: str
) -> None:
    for each in (account, other):
        ask_often(pair, each)
    pair.fast.programs.current.screenings.drop(touched)
    before = pair.answered
    pair.both([ask(account)])
    assert pair.answered == before
    pair.both([ask(other)])
    assert pair.answered == before + 1


def test_the_entry_of_what_is_dropped_is_freed_though_a_question_is_kept(pair: Pair) -> None:
    ask_often(pair, "acct-half")
    screenings = pair.fast.programs.current.screenings
    cells = screenings.ready("acct-half", "tool", NOW)
    assert cells is not None
    screenings.drop({"account": ["acct-half"]})
    assert (cells[0].place, hasattr(cells[0], "value")) == (GONE, False)


def test_another_database_of_addresses_is_in_force_at_once(tmp_path: Path, loop: asyncio.AbstractEventLoop) -> None:
    elsewhere = write_database(tmp_path / "afar.mmdb", "GeoIP2-City", {"8.8.8.0/24": maxmind_city("CN")})
    locations = open_locations()
    pair = pair_over(write_world(tmp_path / "world"), loop, locations=locations)
    assert b"location.disputed" not in ask_often(pair, "acct-near")
    locations.swap(open_locations([elsewhere]).snapshot)
    assert b"location.disputed" in pair.both([ask("acct-near")]).received
    assert b"location.disputed" in ask_often(pair, "acct-near")


def protocol_of(pair: Pair) -> type[FastLaneProtocol]:
    """That of the service with the lane."""
    protocol = pair.fast.protocol
    assert protocol is not None
    assert issubclass(protocol, FastLaneProtocol)
    return protocol


def lane_of(pair: Pair) -> FastLane:
    """That of connections that come through no door."""
    return protocol_of(pair).lane


def recorded(pair: Pair, patched: pytest.MonkeyPatch) -> list[Hits]:
    """What the fast lane has recorded from now on."""
    kept: list[Hits] = []
    patched.setattr(lane_of(pair), "_repeated", kept.append)
    return kept


async def asked_in_one_turn(pair: Pair, between: Callable[[], None]) -> list[bytes]:
    """The answers to two requests for `acct-near`, and what is done between them."""
    clients, protocols = zip(*[await pair.connections[0].connected() for _ in range(2)], strict=True)
    protocols[0].data_received(ask("acct-near"))
    between()
    protocols[1].data_received(ask("acct-near"))
    await asyncio.sleep(0.01)
    try:
        return [client.recv(RECEIVED_BYTES) for client in clients]
    finally:
        for client, protocol in zip(clients, protocols, strict=True):
            protocol.transport.abort()
            client.close()


def test_a_publication_amid_a_turn_of_the_event_loop_is_in_force_for_what_follows(
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask_often(pair, "acct-near")
    kept = recorded(pair, monkeypatch)

    def publish() -> None:
        write_world(tmp_path / "world", {"policy.yaml": DENYING})
        pair.fast.programs.load()

    first, second = pair.loop.run_until_complete(asked_in_one_turn(pair, publish))
    assert b'"effect":"allow"' in first
    assert b'"effect":"deny"' in second
    counted: list[dict[str, int]] = [Counter() for _ in kept]
    for hits, effects in zip(kept, counted, strict=True):
        count(hits, effects)
    assert counted == [{"allow": 1}]


def test_data_that_are_restated_amid_a_turn_are_recorded_with_what_they_decided(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask_often(pair, "acct-near")
    kept = recorded(pair, monkeypatch)
    before = pair.fast.programs.current.sources
    first, second = pair.loop.run_until_complete(asked_in_one_turn(pair, pair.fast.programs.restate_sources))
    assert first == second
    assert len(kept) == 2
    assert (kept[0].sources is before, kept[1].sources is before) == (True, False)


def test_a_question_has_its_number_from_when_it_is_kept_and_none_before(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = recorded(pair, monkeypatch)
    for account in ("acct-near", "acct-half"):
        pair.both([ask(account)] * 6)
    numbers: list[int | None] = []
    for hits in kept:
        numbers.extend(hits.numbers if isinstance(hits, KeptHits) else [None] * len(hits.ids))
    assert "".join("-" if number is None else "n" for number in numbers) == "--nnn-nnnn"
    assert len({number for number in numbers if number is not None}) == 2
    columns = [hits.settled if isinstance(hits, NewHits) else (hits.settled, hits.numbers) for hits in kept]
    assert all({len(hits.ids)} == {len(column) for column in those} for hits, those in zip(kept, columns, strict=True))


@pytest.mark.parametrize("is_kept", [True, False])
def test_one_lane_never_decides_by_the_window_of_the_other(
    tmp_path: Path, loop: asyncio.AbstractEventLoop, is_kept: bool
) -> None:
    """What is kept is answered at once, and before the boundary; what waits for the end of the turn, after it."""
    pair = pair_over(write_world(tmp_path / "world", {"beside.yaml": LATER}), loop, gateways=routes_in(tmp_path))
    through_door = replace(pair, door="socket")
    boundary = NOW + timedelta(hours=1)
    pair.clock.now = boundary - timedelta(milliseconds=1)
    pair.both([ask("acct-near")] * (4 if is_kept else 2))
    through_door.both([checked("nginx", "nobody")] * 2)

    async def within_a_turn() -> None:
        (first, one), (second, other) = [
            await connections.connected() for connections in (pair.connections[0], through_door.connections[0])
        ]
        one.data_received(ask("acct-near"))
        pair.clock.now = boundary + timedelta(milliseconds=1)
        other.data_received(checked("nginx", "nobody"))
        one.data_received(ask("acct-near"))
        await asyncio.sleep(0.01)
        assert first.recv(RECEIVED_BYTES).count(b'"effect":"deny"') == (1 if is_kept else 2)
        for client, protocol in ((first, one), (second, other)):
            protocol.transport.abort()
            client.close()

    loop.run_until_complete(within_a_turn())
    for minutes in (1, 59, 60):
        pair.clock.now = boundary + timedelta(minutes=minutes)
        pair.both([ask("acct-near")] * 3)


def test_a_recorder_that_fails_keeps_no_answer_back(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    ask_often(pair, "acct-near")
    expected = pair.both([ask("acct-near")])
    faults: list[object] = []
    pair.loop.set_exception_handler(lambda loop, context: faults.append(context["exception"]))
    lane = lane_of(pair)

    def fail(hits: Hits) -> None:
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr(lane, "_repeated", fail)
        assert pair.connections[0].exchange([ask("acct-near")]) == expected
    assert [type(fault) for fault in faults] == [MemoryError]
    pair.loop.set_exception_handler(None)
    before = pair.answered
    assert pair.both([ask("acct-near")]) == expected
    assert pair.answered == before + 1


@pytest.mark.parametrize("length", [20, 200, 1_000])
def test_the_texts_of_a_question_count_as_what_it_takes(one: Whole, length: int) -> None:
    wholes, bodies, words = (AskedBefore(limit_bytes=1_000_000) for _ in range(3))
    for number in range(1_000):
        text = b"x" * length + b"%d" % number
        wholes.keep_request(b"head" + text, one, len(text), is_admitting=False)
        bodies.keep_question(text, one)
        words.keep_question(("a" * length, "b" * length, "use", f"{number}"), one)
    assert 0 < len(wholes) <= 1_000_000 / (3 * length)
    assert 0 < len(bodies) <= 1_000_000 / (3 * length)
    assert 0 < len(words) <= 1_000_000 / (4 * length)


def test_questions_let_go_of_facts_that_were_pushed_out(pair: Pair, one: Whole) -> None:
    goings, asked, count = Goings(), AskedBefore(limit_bytes=10_000_000), 2_000
    accounts: Memo[int, Any] = Memo(Bound(100_000_000, goings))
    lasting = pair.fast.programs.current.screenings.ready("acct-near", "tool", NOW)
    assert lasting is not None
    cells = [accounts.keep(number, lasting[0].value, 1) for number in range(count)]
    for number, cell in enumerate(cells):
        asked.keep_question(b"%d" % number, Asked(one.found, (cell, lasting[1]), one.mark))
    asked.keep_question(b"lasting", Asked(one.found, lasting, one.mark))
    asked.sweep(goings)
    assert len(asked) == count + 1
    few = 2 * count // LOOKED_AT
    for number in range(few):
        accounts.drop(number)
        asked.sweep(goings)
    assert count + 1 - few <= len(asked) <= count + 1 - few // 2
    accounts.clear()
    turns = 0
    while len(asked) > 1 and turns < count:
        turns += 1
        asked.sweep(goings)
    assert turns <= count / (LOOKED_AT * MOST_GOINGS) + 2
    assert asked.questions.find(b"lasting") is not None


def test_a_row_of_questions_does_not_grow_while_they_push_out_one_another(one: Whole) -> None:
    asked = AskedBefore(limit_bytes=100_000)
    for number in range(5_000):
        asked.keep_question(b"%d" % number, one)
    assert len(asked._kept) < 3 * len(asked)


def test_a_long_action_is_left_to_the_ordinary_way(pair: Pair) -> None:
    for length, answered in ((ACTION_LENGTH, 5), (ACTION_LENGTH + 1, 0)):
        before = pair.answered
        pair.both([plain_request(plain_question("acct-near", "tool", "a" * length), JSON)] * 6)
        assert pair.answered - before == answered


def test_gateways_that_ask_the_same_share_what_is_known_of_it(tmp_path: Path, loop: asyncio.AbstractEventLoop) -> None:
    pair = pair_over(write_world(tmp_path / "world"), loop, door="socket", gateways=routes_in(tmp_path))
    pair.both([checked("nginx")] * 3)
    assert is_kept(pair, ("acct-near", "tool", "use", "8.8.8.8"))
    before = pair.answered
    pair.both([checked("nginx"), checked("envoy"), checked("forward-auth")])
    assert pair.answered - before == 3
    pair.both([checked("nginx", "acct-half")] * 4)
    assert pair.answered - before == 3, "denials are the ordinary way's"


def test_questions_take_no_more_than_their_bound(one: Whole) -> None:
    asked = AskedBefore(limit_bytes=100_000)
    for number in range(1_000):
        asked.keep_question(b"%d" % number, one)
        asked.keep_request(b"%d" % number, one, 0, is_admitting=number % 2 == 0)
    assert asked.questions.find(b"999") is not None
    assert 50 < len(asked) < 100


def test_of_many_questions_that_come_in_turn_each_is_known_the_second_time() -> None:
    asked = AskedBefore(limit_bytes=1_000_000)
    keys = [b"question %d" % number for number in range(30_000)]
    assert len(asked.come_again(keys)) < 30_000 * 0.01
    assert len(asked.come_again(keys)) > 30_000 * 0.99
