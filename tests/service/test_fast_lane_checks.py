"""What gateways are answered from the connection is what the ordinary way answers, byte by byte."""

import asyncio
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.service.both_ways import Pair, pair_over
from tests.service.conftest import write_world

EXAMPLES = 150
ROUTES = """
gateways: 1
denials: {blocked_by: "https://example.org/b"}
routes:
  tool: {resource: tool}
  kept: {resource: tool, keep_seconds: 5}
  named: {resource: {header: X-What}, action: {header: X-Do}, account: {header: X-User}}
  proxied: {resource: tool, client: {header: X-Forwarded-For, trusted: [10.0.0.0/8]}}
  afar: {resource: tool, from: [192.0.2.0/24]}
"""


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, loop: asyncio.AbstractEventLoop) -> Pair:
    directory = tmp_path_factory.mktemp("both")
    gateways = directory / "gateways.yaml"
    gateways.write_text(ROUTES, encoding="utf-8")
    return pair_over(write_world(directory / "world"), loop, door="socket", gateways=gateways)


def check(
    route: str = "tool",
    *headers: bytes,
    account: bytes = b"acct-near",
    address: bytes = b"8.8.8.8",
    wire: str = "nginx",
) -> bytes:
    lines = [f"GET /check/{wire}/{route} HTTP/1.1".encode(), b"Host: cordon"]
    named = [b"X-Cordon-Account: " + account, b"X-Cordon-Client-Address: " + address]
    return b"\r\n".join([*lines, *named, *headers, b"", b""])


MORE = [
    b"X-Request-ID: one",
    b"X-Request-ID: two",
    b"Connection: close",
    b"Connection: upgrade\r\nUpgrade: websocket",
    b"Expect: 100-continue",
    b"Content-Length: 0",
    b"Content-Length: 2",
    b"Transfer-Encoding: chunked",
    b"Accept: text/html",
    b"Accept-Language: de",
    b"X-Cordon-Account: acct-half",
    b"X-Cordon-Client-Address: 1.2.4.8",
    b"X-Forwarded-For: 6.6.6.6, 1.2.4.8, 10.0.0.7",
    b"X-What: tool",
    b"X-Do: use",
    b"X-User: acct-near",
    b"X-Cordon-Key: nonsense",
]
requests = st.builds(
    lambda route, wire, account, address, headers, method: check(
        route, *headers, account=account, address=address, wire=wire
    ).replace(b"GET", method, 1),
    st.sampled_from(["tool", "tool", "kept", "named", "proxied", "afar", "none", "tool/more?x=y", "t%6Fol", ""]),
    st.sampled_from(["nginx", "nginx", "forward-auth", "envoy", "other"]),
    st.sampled_from([b"acct-near", b"acct-near", b"acct-half", b"nobody", b"", b"\xc3\xa4", b"\xff", b"n" * 2000]),
    st.sampled_from([b"8.8.8.8", b"8.8.8.8", b"1.2.4.8", b"10.0.0.1", b"2001:db8::1", b"garbage", b"", b"::1%x"]),
    st.lists(st.sampled_from(MORE), max_size=3, unique=True),
    st.sampled_from([b"GET", b"GET", b"HEAD", b"POST", b"OPTIONS", b"DELETE"]),
)


@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asked=st.lists(requests, min_size=1, max_size=4), is_one_piece=st.booleans())
def test_both_ways_give_the_same_bytes(pair: Pair, asked: list[bytes], is_one_piece: bool) -> None:
    pieces = [b"".join(asked)] if is_one_piece else asked
    pair.both(pieces)
    pair.both(pieces)


@pytest.mark.parametrize("wire", ["nginx", "forward-auth", "envoy"])
def test_a_permission_is_given_from_the_connection(pair: Pair, wire: str) -> None:
    pair.both([check(wire=wire)])
    before = pair.answered
    exchange = pair.both([check(wire=wire)] * 3)
    assert pair.answered == before + 3
    assert exchange.received.count(b"HTTP/1.1 200 OK\r\n") == 3
    assert exchange.received.count(b"x-cordon-effect: allow\r\n") == 3


def test_another_id_of_the_request_is_the_same_question(pair: Pair) -> None:
    pair.both([check("tool", b"X-Request-ID: a")])
    before = pair.answered
    exchange = pair.both([check("tool", b"X-Request-ID: b"), check("tool", b"X-Request-ID: c")])
    assert pair.answered == before + 2
    assert b"x-request-id: c\r\n" in exchange.received


def test_each_country_is_told_where_all_are_decided_alike(pair: Pair) -> None:
    said = pair.both([check(address=b"8.8.8.8"), check(address=b"2.125.160.216")] * 2).received
    assert said.count(b"x-cordon-country: US\r\n") == said.count(b"x-cordon-country: GB\r\n") == 2


def test_a_denial_is_left_to_the_ordinary_way(pair: Pair) -> None:
    before = pair.answered
    exchange = pair.both([check(account=b"acct-half")] * 3)
    assert pair.answered == before
    assert exchange.received.count(b"HTTP/1.1 403 Forbidden\r\n") == 3


def test_what_may_be_kept_says_so_from_the_connection_too(pair: Pair) -> None:
    pair.both([check("kept")])
    before = pair.answered
    assert b"cache-control: private, max-age=5\r\nx-accel-expires: 4\r\n" in pair.both([check("kept")] * 2).received
    assert pair.answered == before + 2


def test_what_one_door_has_admitted_is_not_admitted_without_it(pair: Pair) -> None:
    pair.both([check("afar")] * 2)
    before = pair.answered
    outside = replace(pair, door=None)
    assert outside.both([check("afar")] * 2).received.count(b"is not a gateway of route `afar`") == 2
    assert pair.answered == before
