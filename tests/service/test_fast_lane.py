"""The fast lane gives the bytes that the ordinary way gives, whatever is sent, and counts and records the same."""

import asyncio
import gc
import json
import threading
import weakref
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.service.both_ways import Clock, Pair, pair_over, service_over
from tests.service.conftest import NOW, question, write_world
from tests.service.connections import JSON, PATH, Connections, plain_question, plain_request

EXAMPLES = 150
MOMENTS = (
    NOW,
    NOW + timedelta(seconds=1, microseconds=1),
    NOW + timedelta(milliseconds=999),
    NOW - timedelta(hours=1),
    datetime(2029, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(2030, 1, 1, tzinfo=UTC),
    datetime(2027, 1, 1, tzinfo=UTC),
    datetime(2027, 1, 1, microsecond=500_000, tzinfo=UTC),
)
BARE = "language: 1\nruleset: bare\ndefault: {default}\nif_unknown: apply\nrules: []\n"
RULE_BY_PREFIX = """
language: 1
ruleset: beside
default: allow
if_unknown: challenge
rules:
  - id: located-afar
    effect: deny
    when: {location: {in: [CN]}}
    reason: location.afar
    if_unknown: skip
  - id: by-prefix
    effect: challenge
    when: {network: {cidr: [8.8.8.0/24]}}
    reason: prefix
    if_unknown: skip
  - id: within-a-second
    effect: deny
    when: {action: [use]}
    reason: later
    effective: {from: 2027-01-01T00:00:00.5Z}
"""


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, loop: asyncio.AbstractEventLoop) -> Pair:
    return pair_over(
        write_world(tmp_path_factory.mktemp("world"), {"beside.yaml": RULE_BY_PREFIX}), loop, body_limit_bytes=4096
    )


def asked(**changes: Any) -> bytes:
    return json.dumps({**question(), **changes}, ensure_ascii=False).encode()


accounts = st.sampled_from(["acct-near", "acct-half", "acct-bare", "acct-nobody", "ä", "", "a\x7f"])
addresses = st.sampled_from(["8.8.8.8", "8.8.9.1", "1.2.4.8", "2001:db8::1", "10.0.0.1", "nowhere", "", "x" * 300])
plain_bodies = st.builds(
    plain_question,
    accounts,
    st.sampled_from(["tool", "other", ""]),
    st.sampled_from(["use", "x", ""]),
    st.one_of(st.none(), addresses),
)
STRANGE_BODIES = [
    b"",
    b"{}",
    b"null",
    b"[]",
    b"{",
    b"\xff",
    b'{"subject":{"type":"account","id":"a\xed\xa0\x80"}}',
    asked() + b" ",
    b" \n" + asked(),
    asked() + b"x",
    asked(context={}),
    asked(context=None),
    asked(context={"ip": None}),
    asked(context={"ip": 8}),
    asked(context={"ip": "8.8.8.8", "more": [1, {"x": None}]}),
    asked(context={"ip": "8.8.8.8", "time": "2030-02-01T00:00:00Z"}),
    asked(context={"ip": "8.8.8.8", "at_least": "x"}),
    asked(more=True),
    asked(more=float("nan")),
    asked(subject={"type": "user", "id": "acct-near"}),
    asked(subject={"type": "account", "id": "acct-near", "properties": {}}),
    asked(subject={"type": "account", "id": "acct-near", "properties": {"entity": "far"}}),
    asked(subject={"type": "account"}),
    asked(subject={"type": "account", "id": 1}),
    asked(subject={"type": "account", "id": "n" * 1025}),
    asked(subject={"type": "account", "id": "n" * 5000}),
    asked(resource={"type": "tool", "id": "tool", "properties": {"x": 1}}),
    asked(action={"name": "use", "properties": {}}),
    json.dumps(question()).replace("acct-near", "acct\\u002dnear").encode(),
    json.dumps(question()).replace("acct-near", "\\ud800").encode(),
    json.dumps(question()).replace("acct-near", "a\\u0000").encode(),
    asked().replace(b'"action"', b'"subject":{"type":"account","id":"acct-half"},"action"'),
    asked().replace(b'"action"', b'"subject":{"type":"account"},"action"'),
    asked().replace(b'"id"', b'"id":"acct-half","id"', 1),
]
bodies = st.one_of(plain_bodies, plain_bodies, st.sampled_from(STRANGE_BODIES))
HEADERS = [
    b"X-Request-ID: abc-1",
    b"x-request-id: other",
    b"X-Request-ID:",
    b"X-Request-ID: \xe4\t\x80",
    b"x-request-Id: after\r\n folded",
    b"X-Request-ID:  spaced ",
    b"Accept: */*",
    b"Connection: close",
    b"Connection: keep-alive",
    b"Connection: upgrade",
    b"Upgrade: websocket",
    b"Upgrade: h2c",
    b"Expect: 100-continue",
    b"Transfer-Encoding: chunked",
    b"Content-Type: text/plain",
    b"Content-Length: 3",
    b"Authorization: Bearer nothing",
    b"X-Long: " + b"y" * 5000,
    b"X-Longer: " + b"y" * 70_000,
    b"Bad Header: x",
    b"X-Folded: a\r\n b",
]
header_lists = st.lists(st.sampled_from(HEADERS), max_size=2)
CONTENT_TYPES = [
    JSON,
    b"content-type: Application/JSON ; charset=utf-8",
    b"Content-Type: application/jsonx",
    b"Content-Type:",
    b"X: y",
]
LINE = b"POST " + PATH + b" HTTP/1.1"
LINES = [
    b"POST " + PATH + b" HTTP/1.0",
    b"POST " + PATH + b"?explain=maybe HTTP/1.1",
    b"POST " + PATH + b"? HTTP/1.1",
    b"POST /access/v1/evaluatio%6e HTTP/1.1",
    b"POST http://cordon" + PATH + b" HTTP/1.1",
    b"POST " + PATH + b"s HTTP/1.1",
    b"GET " + PATH + b" HTTP/1.1",
    b"HEAD " + PATH + b" HTTP/1.1",
    b"PUT " + PATH + b" HTTP/1.1",
    b"POST " + PATH,
]
chunked = st.builds(
    lambda body, size: b"".join(
        [
            b"POST " + PATH + b" HTTP/1.1\r\nHost: c\r\n" + JSON + b"\r\nTransfer-Encoding: chunked\r\n\r\n",
            *(b"%x\r\n%b\r\n" % (len(body[at : at + size]), body[at : at + size]) for at in range(0, len(body), size)),
            b"0\r\n\r\n",
        ]
    ),
    plain_bodies,
    st.integers(1, 100),
)
LENGTHS = [b"0", b"1", b"1025", b"99999", b"-1", b"x", b"+5", b"005", b"0" * 8 + b"5", b"18446744073709551616"]
requests = st.one_of(
    st.builds(lambda body: plain_request(body, JSON), plain_bodies),
    st.builds(
        lambda body, kind, headers, line, length: plain_request(body, kind, *headers, line=line, length=length),
        bodies,
        st.sampled_from([JSON] * 3 + CONTENT_TYPES),
        header_lists,
        st.sampled_from([LINE] * 6 + LINES),
        st.sampled_from([b""] * 8 + LENGTHS),
    ),
    chunked,
    st.sampled_from([b"\r\n", b"GET /livez HTTP/1.1\r\nHost: c\r\n\r\n", b"garbage\r\n\r\n", b"\x16\x03\x01"]),
)


@st.composite
def sent(draw: st.DrawFn) -> list[bytes]:
    """Requests one after another, some of them damaged, in pieces."""
    whole = draw(st.lists(requests, min_size=1, max_size=4))
    if draw(st.booleans()):
        return whole
    stream = bytearray(b"".join(whole))
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(stream) - 1))
        stream[at : at + draw(st.integers(0, 1))] = draw(st.binary(max_size=2))
    cuts = sorted(draw(st.lists(st.integers(0, len(stream)), max_size=4)))
    edges = [0, *cuts, len(stream)]
    return [bytes(stream[start:end]) for start, end in pairwise(edges) if end > start]


PLAIN = plain_question("acct-near", "tool", "use", "8.8.8.8")
PECULIAR = [
    *(plain_request(PLAIN, JSON, header) for header in HEADERS),
    *(plain_request(PLAIN, JSON, header, header) for header in HEADERS),
    *(plain_request(PLAIN, JSON, b"X-Request-ID: own", header) for header in HEADERS),
    *(plain_request(PLAIN, b"Content-Type: text/plain", JSON, header) for header in (b"X: y", b"X-Request-ID: own")),
    *(plain_request(PLAIN, kind) for kind in CONTENT_TYPES),
    *(plain_request(PLAIN, JSON, line=line) for line in LINES),
    *(plain_request(PLAIN, JSON, length=length) for length in LENGTHS),
    *(plain_request(body, JSON) for body in STRANGE_BODIES),
]


@pytest.mark.parametrize("peculiar", PECULIAR, ids=range(len(PECULIAR)))
def test_whatever_is_peculiar_in_a_request_makes_no_difference(pair: Pair, peculiar: bytes) -> None:
    plain = plain_request(PLAIN, JSON)
    pair.clock.now = NOW
    pair.both([plain, plain])
    pair.both([peculiar, plain])
    pair.both([plain, peculiar, plain])
    pair.both([peculiar])
    assert pair.fast.telemetry.decisions == pair.plain.telemetry.decisions


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=sent(), moment=st.sampled_from(MOMENTS), leaves=st.booleans())
def test_both_ways_give_the_same_bytes_and_count_the_same(
    pair: Pair, pieces: list[bytes], moment: datetime, leaves: bool
) -> None:
    pair.clock.now = moment
    pair.both(pieces, leaves=leaves)
    assert pair.fast.telemetry.decisions == pair.plain.telemetry.decisions


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=plain_bodies, moment=st.sampled_from(MOMENTS))
def test_a_question_asked_before_is_answered_by_the_fast_lane(pair: Pair, body: bytes, moment: datetime) -> None:
    pair.clock.now = moment
    ask = plain_request(body, JSON)
    first = pair.both([ask])
    before = pair.answered
    assert pair.both([ask]) == first
    is_plain = b"x" * 300 not in body
    assert pair.answered - before == is_plain


def test_a_head_that_is_not_known_is_parsed_and_then_known(pair: Pair) -> None:
    ask = plain_request(plain_question("acct-near", "tool", "use", "8.8.8.8"), JSON, b"X-Some: head")
    pair.both([ask])
    before = pair.answered
    pair.both([ask, ask, ask])
    assert pair.answered - before == 3


def test_requests_with_ids_of_their_own_are_answered_with_them(pair: Pair) -> None:
    pair.both([plain_request(plain_question("acct-near", "tool", "use", "8.8.8.8"), JSON, b"X-Request-ID: r-0")])
    before = pair.answered
    exchange = pair.both(
        [
            plain_request(plain_question("acct-near", "tool", "use", "8.8.8.8"), JSON, b"X-Request-ID: r-%d" % number)
            for number in (1, 2)
        ]
    )
    assert exchange.received.count(b"x-request-id: r-1\r\n\r\n") == 1
    assert exchange.received.count(b"x-request-id: r-2\r\n\r\n") == 1
    assert pair.answered - before == 2


def test_another_account_at_the_same_place_is_answered_from_the_same_bytes(pair: Pair) -> None:
    pair.both([plain_request(plain_question("acct-near", "tool", "use", "8.8.8.8"), JSON)])
    near = pair.both([plain_request(plain_question("acct-near", "tool", "use", "8.8.4.4"), JSON)])
    assert pair.both([plain_request(plain_question("acct-near", "tool", "use", "8.8.4.5"), JSON)]) == near


def test_pipelined_requests_are_answered_in_order_by_the_ordinary_way(pair: Pair) -> None:
    first, second = (
        plain_request(plain_question(account, "tool", "use", "8.8.8.8"), JSON) for account in ("acct-near", "acct-half")
    )
    answers = pair.both([first, second]).received
    before = pair.answered
    assert pair.both([first + second]).received == answers
    assert pair.answered == before


def test_a_request_within_the_header_of_another_is_none(pair: Pair) -> None:
    ask = plain_request(PLAIN, JSON)
    pair.both([ask, ask])
    before = pair.answered
    pair.both([b"GET /livez HTTP/1.1\r\nHost: c\r\nX-Some: ", ask])
    pair.both([plain_request(ask, JSON, line=b"POST /nowhere HTTP/1.1")[: -len(ask)], ask])
    assert pair.answered == before


def cut_to_fit(first: bytes, body: bytes, *headers: bytes) -> list[bytes]:
    """Two requests in two pieces: the first piece is as long as the first head, and the second's body."""
    size = 900
    second = plain_request(body + b" " * (size - len(body)), JSON, *headers)
    end = first.find(b"\r\n\r\n") + 4
    return [(first + second)[: end + size], (first + second)[end + size :]]


def test_lengths_that_fit_by_chance_change_no_order(pair: Pair) -> None:
    pair.clock.now = NOW
    allowed, denied = PLAIN, plain_question("acct-half", "tool", "use", "8.8.8.8")
    pair.both([plain_request(allowed, JSON), plain_request(denied, JSON)])
    for first in (plain_request(denied, JSON), b"GET /readyz HTTP/1.1\r\nHost: c\r\n\r\n"):
        pieces = cut_to_fit(first, allowed)
        pair.both(pieces)
        pair.both([b"".join(pieces)])
    received = pair.both(cut_to_fit(plain_request(denied, JSON), allowed)).received
    assert received.index(b'"effect":"deny"') < received.index(b'"effect":"challenge"')


def test_no_head_is_known_but_that_of_a_plain_question(pair: Pair) -> None:
    pair.clock.now = NOW
    line_ends = b"\r\n\r\n"
    padded = PLAIN + b" " * (900 - len(PLAIN))
    whole = plain_request(padded, JSON)
    pair.both([line_ends + whole[:900], whole[900:]])
    pair.both([line_ends + whole])
    pair.both(cut_to_fit(b"GET /healthz HTTP/1.1\r\nHost: c\r\n\r\n", PLAIN))
    for poisoned in (line_ends, b"GET /healthz HTTP/1.1\r\nHost: c\r\n\r\n"):
        before = pair.answered
        pair.both([poisoned + padded])
        assert pair.answered == before


def test_what_a_publication_replaces_is_let_go_though_nobody_asks(
    tmp_path: Path, loop: asyncio.AbstractEventLoop
) -> None:
    directory = write_world(tmp_path)
    made = service_over(directory, Clock())
    ask = plain_request(PLAIN, JSON)
    Connections(made, loop).exchange([ask] * 5)
    replaced = weakref.ref(made.programs.current.screenings)
    write_world(directory, {"policy.yaml": BARE.format(default="deny")})
    made.programs.load()
    gc.collect()
    assert replaced() is None


def test_a_request_waits_for_the_answer_to_the_one_before(pair: Pair) -> None:
    ask = plain_request(PLAIN, JSON)
    slow = plain_request(PLAIN, JSON, line=b"POST " + PATH + b"?explain=true HTTP/1.1")
    pair.both([ask, ask])
    explaining = pair.fast.decider.explaining
    assert explaining is not None
    released = threading.Event()
    explaining.submit(released.wait)
    try:
        assert pair.connections[0].exchange([slow, ask]).received == b""
    finally:
        released.set()


def test_a_publication_is_in_force_for_the_next_request(tmp_path: Path, loop: asyncio.AbstractEventLoop) -> None:
    directory = write_world(tmp_path, {"policy.yaml": BARE.format(default="allow")})
    pair = pair_over(directory, loop)
    ask = plain_request(plain_question("acct-near", "tool", "use", "8.8.8.8"), JSON)
    assert pair.both([ask, ask]).received.count(b'"effect":"allow"') == 2
    write_world(directory, {"policy.yaml": BARE.format(default="deny")})
    pair.load()
    assert pair.both([ask, ask]).received.count(b'"effect":"deny"') == 2


def test_an_idle_connection_is_closed_as_uvicorn_closes_it(tmp_path: Path, loop: asyncio.AbstractEventLoop) -> None:
    pair = pair_over(write_world(tmp_path), loop)
    ask = plain_request(plain_question("acct-near", "tool", "use", "8.8.8.8"), JSON)
    pair.both([ask])
    for connections in pair.connections:
        connections.config.timeout_keep_alive = 0
    assert pair.both([ask]).is_closed
