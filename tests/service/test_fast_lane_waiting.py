"""Requests that are not known wait for the end of their turn, and are decided together: each as it would be alone."""

import asyncio
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from service.fast_lane.lane import FastLane
from service.fast_lane.lookup import LookedUp, Lookup
from service.fast_lane.protocol import FastLaneProtocol
from service.fast_lane.questions import Question
from service.screenings import AccountCell, ResourceCell
from tests.service.both_ways import Pair, pair_over
from tests.service.conftest import write_world
from tests.service.connections import RECEIVED_BYTES
from tests.service.test_fast_lane_asked import ask, lane_of, recorded

ACCOUNTS = ("acct-near", "acct-half")


@pytest.fixture
def pair(tmp_path: Path, loop: asyncio.AbstractEventLoop) -> Pair:
    """What asks for both accounts is known but for the address."""
    pair = pair_over(write_world(tmp_path / "world"), loop)
    for account in ACCOUNTS:
        for last in (1, 10, 100):
            pair.both([ask(account, f"8.8.4.{last}")] * 2)
    return pair


async def at_once(pair: Pair, pieces: Sequence[Sequence[bytes]], *, leaving: int | None = None) -> list[list[bytes]]:
    """The bodies of the answers on each of some connections, to what came in on them in one turn of the event loop."""
    clients, protocols = zip(*[await pair.connections[0].connected() for _ in pieces], strict=True)
    for protocol, those in zip(protocols, pieces, strict=True):
        for piece in those:
            protocol.data_received(piece)
    if leaving is not None:
        protocols[leaving].transport.abort()
    for _ in range(20):
        await asyncio.sleep(0.005)
    received = []
    for number, (client, protocol) in enumerate(zip(clients, protocols, strict=True)):
        answers = b"" if number == leaving else client.recv(RECEIVED_BYTES)
        received.append([part.partition(b"\r\n\r\n")[2] for part in answers.split(b"HTTP/1.1 ")[1:]])
        protocol.transport.abort()
        client.close()
    return received


def expected(pair: Pair, request: bytes) -> bytes:
    return pair.connections[1].exchange([request]).received.partition(b"\r\n\r\n")[2]


def reported(pair: Pair, patched: pytest.MonkeyPatch) -> list[Exception]:
    """The faults of the fast lane, from now on."""
    faults: list[Exception] = []
    patched.setattr(pair.fast.protocol, "report", staticmethod(faults.append))
    return faults


def failing_at(call: int, done: Callable[..., Any]) -> Callable[..., Any]:
    """The same, but that one call of it fails."""
    calls = count(1)

    def failing(*given: object) -> object:
        if next(calls) == call:
            raise MemoryError
        return done(*given)

    return failing


def test_what_waits_is_answered_by_the_lane_and_as_without_it(pair: Pair) -> None:
    requests = [ask(account, f"8.8.8.{last}") for account in ACCOUNTS for last in range(1, 100)]
    before = pair.answered
    given = pair.loop.run_until_complete(at_once(pair, [[request] for request in requests]))
    assert pair.answered == before + len(requests)
    assert [answers for (answers,) in given] == [expected(pair, request) for request in requests]


def test_requests_that_follow_one_that_waits_are_answered_after_it(pair: Pair) -> None:
    requests = [ask("acct-near", "8.8.8.1"), ask("acct-half", "203.0.113.9"), ask("acct-near", "8.8.8.2")]
    (given,) = pair.loop.run_until_complete(at_once(pair, [requests]))
    assert given == [expected(pair, request) for request in requests]


def test_what_the_lane_cannot_answer_keeps_no_other_from_it(pair: Pair) -> None:
    good = [ask("acct-near", f"8.8.8.{last}") for last in range(1, 9)]
    unknown, wrong = ask("acct-gone", "8.8.8.1"), good[0].replace(b'"acct-near"', b'"acct-nea\\"')
    requests = [*good[:3], unknown, *good[3:6], wrong, *good[6:]]
    before = pair.answered
    given = pair.loop.run_until_complete(at_once(pair, [[request] for request in requests]))
    assert pair.answered == before + len(good)
    assert [answers for (answers,) in given] == [expected(pair, request) for request in requests]


def test_a_fault_keeps_no_answer_back(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    answered = Lookup._answered

    def failing(
        lookup: Lookup,
        numbers: Sequence[int],
        questions: Sequence[Question],
        accounts: list[AccountCell],
        resources: list[ResourceCell],
    ) -> LookedUp:
        if any(each.subject.id == "acct-half" for each in questions):
            raise MemoryError
        return answered(lookup, numbers, questions, accounts, resources)

    faults = reported(pair, monkeypatch)
    monkeypatch.setattr(Lookup, "_answered", failing)
    requests = [ask(ACCOUNTS[number % 2], f"8.8.8.{number}") for number in range(1, 9)]
    before = pair.answered
    given = pair.loop.run_until_complete(at_once(pair, [[request] for request in requests]))
    assert pair.answered == before + 4
    assert {type(fault) for fault in faults} == {MemoryError}
    assert [answers for (answers,) in given] == [expected(pair, request) for request in requests]


def test_a_fault_amid_the_answers_has_no_other_decided_twice(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    faults = reported(pair, monkeypatch)
    kept = recorded(pair, monkeypatch)
    monkeypatch.setattr(FastLane, "_told", failing_at(3, FastLane._told))
    own_id = b"X-Request-ID: own\r\nHost:"
    requests = [ask("acct-near", f"8.8.8.{last}").replace(b"Host:", own_id) for last in range(1, 6)]
    given = pair.loop.run_until_complete(at_once(pair, [[request] for request in requests]))
    assert [answers for (answers,) in given] == [expected(pair, request) for request in requests]
    assert sum(len(hits.ids) for hits in kept) == len(requests)  # the one that failed is answered when it is parsed
    assert [type(fault) for fault in faults] == [MemoryError]


def test_a_fault_of_the_ordinary_way_keeps_no_other_from_it(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    faults = reported(pair, monkeypatch)
    monkeypatch.setattr(FastLaneProtocol, "_parse", failing_at(1, FastLaneProtocol._parse))
    requests = [ask("acct-gone", f"8.8.8.{last}") for last in (1, 2)]
    given = pair.loop.run_until_complete(at_once(pair, [[request] for request in requests]))
    assert given == [[], [expected(pair, requests[1])]]
    assert [type(fault) for fault in faults] == [MemoryError]


def test_nobody_answers_a_client_that_left_while_it_waited(pair: Pair) -> None:
    requests = [ask("acct-near", f"8.8.8.{last}") for last in (1, 2)]
    gone = ask("acct-gone", "8.8.8.1")  # which the ordinary way would take
    given = pair.loop.run_until_complete(at_once(pair, [[requests[0]], [gone], [requests[1]]], leaving=1))
    assert given == [[expected(pair, requests[0])], [], [expected(pair, requests[1])]]
    assert not lane_of(pair)._waiting


def test_for_two_who_are_the_first_to_ask_alike_one_answer_is_made(pair: Pair) -> None:
    newest = pair.fast.programs.newest
    assert newest is not None
    answers = newest.screenings.derived.answers
    answers.clear()
    requests = [ask("acct-near", f"8.8.8.{last}") for last in (1, 2)]
    given = pair.loop.run_until_complete(at_once(pair, [[request] for request in requests]))
    assert len(answers) == 1
    assert [received for (received,) in given] == [expected(pair, request) for request in requests]
