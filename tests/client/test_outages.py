"""What both clients do where Cordon is lost, slow, or not itself: what was chosen, and nothing else."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from service.client import CordonUnreachable, Options, Question, ResourceSearch, Trouble, WhenUnreachable
from tests.client.conftest import PATIENT, Blocking, Client, Connect, OnALoop
from tests.client.served import (
    DEMO,
    GERMANY,
    MODEL,
    NORTHWIND,
    Cordon,
    Script,
    answering,
    dripping,
    late,
    peer,
    saying,
    serving,
)

ALLOWED = Question(NORTHWIND, MODEL, address=GERMANY)
SHORT = Options(deadline_seconds=0.3)
NOWHERE = "http://127.0.0.1:9"
CHOICES = pytest.mark.parametrize(("choice", "decided"), [("deny", False), ("allow", True)])

CONTEXT: dict[str, Any] = {"effect": "allow", "decision_id": "d", "ruleset": {"id": "r", "revision": "1"}}
ANSWER: dict[str, Any] = {"decision": True, "context": CONTEXT}


def body(**changes: Any) -> bytes:
    """An answer in order but for these members of its context."""
    return json.dumps({**ANSWER, "context": {**CONTEXT, **changes}}).encode()


def without(member: str) -> bytes:
    """An answer that lacks a member of its context."""
    return json.dumps({**ANSWER, "context": {n: v for n, v in CONTEXT.items() if n != member}}).encode()


NOT_ITSELF: dict[str, tuple[Trouble, Script]] = {
    "answers 500": ("status", answering(500, b"{}")),
    "answers 503": ("status", answering(503, b"{}")),
    "answers 302": ("status", saying(b"HTTP/1.1 302 X\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n")),
    "answers 204": ("status", saying(b"HTTP/1.1 204 X\r\n\r\n")),
    "answers 408": ("status", answering(408, b"")),
    "answers 429": ("throttled", answering(429, b"{}")),
    "closes": ("connection", saying(b"")),
    "closes within an answer": ("connection", saying(b'HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{"decision"')),
    "is no HTTP": ("malformed", saying(b"\x00\xffgarbage\r\n\r\n")),
    "says HTML": ("malformed", answering(200, b"<html>")),
    "says nothing": ("malformed", answering(200, b"")),
    "says a list": ("malformed", answering(200, b"[]")),
    "nests deeply": ("malformed", answering(200, b"[" * 100_000)),
    "decides by a word": ("malformed", answering(200, json.dumps({**ANSWER, "decision": "yes"}).encode())),
    "decides by a number": ("malformed", answering(200, json.dumps({**ANSWER, "decision": 1}).encode())),
    "decides without a context": ("malformed", answering(200, b'{"decision":true}')),
    "contradicts itself": ("malformed", answering(200, body(effect="deny"))),
    "has an effect of its own": ("malformed", answering(200, body(effect="permit"))),
    "lacks an id": ("malformed", answering(200, without("decision_id"))),
    "lacks a rule set": ("malformed", answering(200, without("ruleset"))),
    "obliges to what cannot be read": ("malformed", answering(200, body(obligations=[{"id": "o"}]))),
    "expires at no moment": ("malformed", answering(200, body(expires_at="soon"))),
    "expires nowhere": ("malformed", answering(200, body(expires_at="2030-01-01T00:00:00"))),
    "claims to be packed": (
        "malformed",
        saying(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd"),
    ),
    "says too much": ("malformed", answering(200, b" " * 2_000_000)),
    "answers late": ("timeout", late(answering(200, body()))),
    "drips its head": ("timeout", dripping(b"HTTP/1.1 200 OK\r\nX: ", b"x")),
    "drips its body": ("timeout", dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b" ")),
}
EVERY_TROUBLE = pytest.mark.parametrize(("trouble", "script"), NOT_ITSELF.values(), ids=NOT_ITSELF.keys())
OPTIONS = replace(PATIENT, repeats_closed=False, answer_limit_bytes=1_000_000)


@EVERY_TROUBLE
def test_a_peer_that_is_not_itself_never_opens_a_door(connect: Connect, trouble: Trouble, script: Script) -> None:
    options = replace(OPTIONS, deadline_seconds=0.4) if trouble == "timeout" else OPTIONS
    with peer(script) as other:
        decision = connect(other.url, when_unreachable="deny", options=options).evaluate(ALLOWED)
    assert (decision.decision, decision.effect, decision.status) == (False, "deny", 503)
    assert (decision.is_fallback, decision.trouble, decision.decision_id) == (True, trouble, None)


@CHOICES
def test_where_nobody_listens_the_choice_counts(connect: Connect, choice: WhenUnreachable, decided: bool) -> None:
    client = connect(NOWHERE, when_unreachable=choice)
    decision = client.evaluate(ALLOWED)
    assert (decision.decision, decision.is_fallback, decision.trouble) == (decided, True, "connection")
    assert [answer.decision for answer in client.evaluate_all([ALLOWED] * 3)] == [decided] * 3


def test_where_nobody_listens_it_raises_if_that_was_chosen(connect: Connect, tmp_path: Path) -> None:
    for address in (NOWHERE, f"unix:{tmp_path}/none.sock"):
        client = connect(address, when_unreachable="raise")
        with pytest.raises(CordonUnreachable) as lost:
            client.evaluate(ALLOWED)
        assert lost.value.trouble == "connection"
        with pytest.raises(CordonUnreachable):
            client.evaluate_all([ALLOWED])


def test_a_search_raises_whatever_was_chosen(connect: Connect) -> None:
    for choice in ("deny", "allow"):
        with pytest.raises(CordonUnreachable):
            connect(NOWHERE, when_unreachable=choice).resources(ResourceSearch(NORTHWIND))


def test_a_page_that_leads_to_itself_ends(connect: Connect) -> None:
    with (
        peer(answering(200, b'{"results":[{"id":"a"}],"page":{"next_token":"t"}}')) as other,
        pytest.raises(CordonUnreachable, match="followed by itself"),
    ):
        connect(other.url).resources(ResourceSearch(NORTHWIND))


@CHOICES
def test_a_frozen_cordon_is_left_when_the_time_is_up_and_asked_again_later(
    cordon: Cordon, connect: Connect, choice: WhenUnreachable, decided: bool
) -> None:
    with cordon.frozen():
        decision = connect(cordon.url, when_unreachable=choice, options=SHORT).evaluate(ALLOWED)
    assert (decision.decision, decision.is_fallback, decision.trouble) == (decided, True, "timeout")
    assert connect(cordon.url, when_unreachable=choice).evaluate(ALLOWED).decision_id


def test_a_cordon_that_is_stopped_and_started_again(tmp_path: Path) -> None:
    with serving(tmp_path, "--data", str(DEMO)) as first:
        clients: list[Client] = [
            kind(first.socket, when_unreachable="deny", options=PATIENT) for kind in (Blocking, OnALoop)
        ]
        assert [client.evaluate(ALLOWED).decision for client in clients] == [True, True]
        first.kill()
        assert [client.evaluate(ALLOWED).trouble for client in clients] == ["connection", "connection"]
    with serving(tmp_path, "--data", str(DEMO)):
        assert [client.evaluate(ALLOWED).decision for client in clients] == [True, True]
    for client in clients:
        client.close()


@pytest.mark.parametrize(("repeats", "decided", "asked"), [(True, True, 2), (False, False, 1)])
def test_a_connection_that_was_closed_unanswered_is_tried_once_more_where_that_is_wanted(
    connect: Connect, repeats: bool, decided: bool, asked: int
) -> None:
    with peer(saying(b""), answering(200, body())) as other:
        client = connect(other.url, when_unreachable="deny", options=replace(PATIENT, repeats_closed=repeats))
        assert client.evaluate(ALLOWED).decision is decided
        assert len(other.requests) == asked


def test_an_answer_that_began_is_not_asked_for_again(connect: Connect) -> None:
    cut = b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{"
    with peer(saying(cut), answering(200, body())) as other:
        assert not connect(other.url, when_unreachable="deny").evaluate(ALLOWED).decision
        assert len(other.requests) == 1


def test_what_was_answered_before_cordon_was_lost_stays(connect: Connect) -> None:
    whole = b'{"evaluations":[%b,%b]}' % (body(), body())
    options = replace(PATIENT, batch_size=2, repeats_closed=False)
    with peer(answering(200, whole), answering(500, b"")) as other:
        answers = connect(other.url, when_unreachable="deny", options=options).evaluate_all([ALLOWED] * 7)
        assert [answer.decision for answer in answers] == [True] * 2 + [False] * 5
        assert len(other.requests) == 2


def test_a_semantic_stops_at_what_stands_in_for_a_decision(connect: Connect) -> None:
    lost = connect(NOWHERE, when_unreachable="deny")
    assert len(lost.evaluate_all([ALLOWED] * 5, "deny_on_first_deny")) == 1
    assert len(lost.evaluate_all([ALLOWED] * 5, "permit_on_first_permit")) == 5


@pytest.mark.parametrize("count", [0, 1, 3])
def test_answers_that_are_not_as_many_as_the_questions_are_none(connect: Connect, count: int) -> None:
    whole = b'{"evaluations":[%b]}' % b",".join([body()] * count)
    with peer(answering(200, whole)) as other:
        answers = connect(other.url, when_unreachable="deny").evaluate_all([ALLOWED] * 2)
    assert [answer.decision for answer in answers] == [False, False]
