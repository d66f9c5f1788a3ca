"""What a client sees before each real gateway, and what reaches the application behind it."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.gateways.programs import Gateway, guarding
from tests.gateways.running import Cordon
from tests.gateways.scenario import (
    CRIMEA,
    GERMANY,
    SUSPENDED,
    UNCLEAR,
    Seen,
    ask,
    connected,
    exchange,
    front,
    read,
    written,
)
from tests.gateways.upstream import Answering, Upstream

PROBLEM = "application/problem+json"
BLOCKED_BY = '<https://quillmere.example/compliance>; rel="blocked-by"'
BODY = b"x" * 300_000
"""More than a gateway keeps in memory for a request."""


def assert_denied(seen: Seen, status: int, kind: str) -> None:
    """A problem document that nobody may keep."""
    assert (seen.status, seen.media_type) == (status, PROBLEM)
    assert seen.header("Cache-Control") == "no-store"
    assert {"status": status, "kind": kind}.items() <= seen.document.items()
    assert seen.document["contact"] == "compliance@quillmere.example"


def assert_unavailable(seen: Seen) -> None:
    """Nothing was decided, and the gateway says so itself."""
    assert (seen.status, seen.media_type) == (503, PROBLEM)
    assert seen.header("Cache-Control") == "no-store"
    assert seen.document["status"] == 503


def test_what_is_allowed_reaches_the_application_with_what_cordon_said(gateway: Gateway) -> None:
    seen = ask(gateway.port, front())
    assert (seen.status, seen.document["path"]) == (200, "/v1/models")
    received = gateway.application.last
    assert received.values("X-Cordon-Effect") == ["allow"]
    assert received.values("X-Cordon-Country") == ["DE"]
    assert len(received.values("X-Cordon-Decision-Id")) == 1


def test_a_law_is_named_to_the_client_by_status_body_and_link(gateway: Gateway) -> None:
    before = len(gateway.application.received)
    seen = ask(gateway.port, front(address=CRIMEA))
    assert_denied(seen, 451, "blocked")
    assert seen.header("Link") == BLOCKED_BY
    assert seen.header("Content-Language") == "en"
    assert seen.document["policy"] == "demo"
    assert seen.document["decision_id"] == seen.header("X-Cordon-Decision-Id")
    assert len(gateway.application.received) == before


def test_a_client_is_told_the_id_of_its_denial_and_no_other_word_of_cordons(gateway: Gateway) -> None:
    seen = ask(gateway.port, front(address=CRIMEA))
    assert {name.lower() for name, _ in seen.headers if "cordon" in name.lower()} == {"x-cordon-decision-id"}


def test_the_application_is_told_the_address_of_the_client_and_not_of_the_part_in_front(gateway: Gateway) -> None:
    assert ask(gateway.port, front(address=GERMANY)).status == 200
    assert gateway.application.last.values("X-Forwarded-For") == [GERMANY]


def test_a_browser_is_shown_a_page_in_its_language(gateway: Gateway) -> None:
    accepts = [("Accept", "text/html,application/xhtml+xml,*/*;q=0.8"), ("Accept-Language", "uk, de;q=0.9, en;q=0.5")]
    seen = ask(gateway.port, [*front(address=CRIMEA), *accepts])
    assert (seen.status, seen.media_type) == (451, "text/html")
    assert seen.header("Content-Type") == "text/html; charset=utf-8"
    language = seen.header("Content-Language")
    assert language in {"uk", "de"}
    assert f'<html lang="{language}"'.encode() in seen.body
    assert b"<script" not in seen.body
    assert seen.header("Link") == BLOCKED_BY


def test_a_denial_that_is_no_law_is_forbidden_and_says_what_the_rule_says(gateway: Gateway) -> None:
    seen = ask(gateway.port, front(SUSPENDED))
    assert_denied(seen, 403, "denied")
    assert "This account is suspended." in seen.document["detail"]
    assert seen.header("Link") is None


def test_a_challenge_says_where_to_go_on(gateway: Gateway) -> None:
    seen = ask(gateway.port, front(UNCLEAR))
    assert_denied(seen, 403, "challenged")
    assert seen.document["verify"] == "https://quillmere.example/verify"


@pytest.mark.parametrize("account", [None, "", "nobody-of-that-name"], ids=["none", "empty", "strange"])
def test_an_account_that_is_not_known_gets_what_the_rules_say(gateway: Gateway, account: str | None) -> None:
    assert_denied(ask(gateway.port, front(account)), 403, "challenged")


def test_a_body_reaches_the_application_whole(gateway: Gateway) -> None:
    seen = ask(gateway.port, front(), method="POST", body=BODY)
    assert (seen.status, seen.document["method"]) == (200, "POST")
    assert gateway.application.last.body == BODY


def test_a_request_with_a_body_is_denied_and_the_connection_goes_on(gateway: Gateway) -> None:
    with connected(gateway.port) as connection:
        denied = exchange(connection, front(address=CRIMEA), method="POST", body=b"a question")
        assert_denied(denied, 451, "blocked")
        assert exchange(connection, front()).status == 200
        assert exchange(connection, front(address=CRIMEA)).status == 451
        assert exchange(connection, front(), method="POST", body=b"another").status == 200


def test_a_head_request_is_answered_without_a_body(gateway: Gateway) -> None:
    with connected(gateway.port) as connection:
        assert exchange(connection, front(), method="HEAD").status == 200
        denied = exchange(connection, front(address=CRIMEA), method="HEAD")
        assert (denied.status, denied.media_type, denied.header("Link")) == (451, PROBLEM, BLOCKED_BY)
        assert exchange(connection, front()).status == 200


@pytest.mark.parametrize(("address", "status"), [(GERMANY, 200), (CRIMEA, 451)])
def test_a_client_that_waits_to_send_its_body_is_answered(gateway: Gateway, address: str, status: int) -> None:
    with connected(gateway.port) as connection:
        connection.sendall(written([*front(address=address), ("Expect", "100-continue")], method="POST", length=4))
        seen = _after_continue(connection.recv(12, 2))
        if seen == 100:
            connection.sendall(b"four")
        assert read(connection, "POST").status == status


def _after_continue(line: bytes) -> int:
    return int(line[9:12])


def test_a_socket_is_opened_for_whom_it_is_allowed(gateway: Gateway) -> None:
    key = ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
    upgrade = [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"), key]
    with connected(gateway.port) as connection:
        connection.sendall(written([*front(), *upgrade]))
        head = bytearray()
        while not head.endswith(b"\r\n\r\n"):
            head += connection.recv(1)
        assert head.startswith(b"HTTP/1.1 101")
        connection.sendall(b"over the socket")
        assert connection.recv(100) == b"over the socket"
    assert ask(gateway.port, [*front(address=CRIMEA), *upgrade]).status == 451


@pytest.mark.parametrize(
    "lines",
    [["h2c"], ["H2C"], ["another"], ["websocket, h2c"], ["h2c, websocket"], ["h2c", "websocket"], ["h2c", "h2c"]],
    ids=" and ".join,
)
def test_no_other_protocol_leads_past_the_gateway(gateway: Gateway, lines: list[str]) -> None:
    key = ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
    asks = [("Connection", "Upgrade, HTTP2-Settings"), ("HTTP2-Settings", "AAMAAABkAAQCAAAAAAIAAAAA"), key]
    assert ask(gateway.port, [*front(), *asks, *(("Upgrade", line) for line in lines)]).status == 200
    assert gateway.application.last.values("Upgrade") == []


@pytest.mark.parametrize("status", [401, 403, 404, 500, 503])
def test_the_answers_of_the_application_are_its_own(gateway: Gateway, status: int) -> None:
    gateway.application.answering = Answering(status, (("Content-Type", "text/plain"),), b"said by the application")
    try:
        seen = ask(gateway.port, front())
    finally:
        gateway.application.answering = Answering()
    assert (seen.status, seen.body) == (status, b"said by the application")


def test_where_cordon_is_stopped_nobody_is_let_in(gateways: Mapping[str, Gateway], demo_cordon: Cordon) -> None:
    counts = {name: len(gateway.application.received) for name, gateway in gateways.items()}
    with demo_cordon.stopped():
        for gateway in gateways.values():
            assert_unavailable(ask(gateway.port, front()))
            assert_unavailable(ask(gateway.port, front(address=CRIMEA), method="POST", body=b"four"))
    assert {name: len(gateway.application.received) for name, gateway in gateways.items()} == counts
    assert {name: ask(gateway.port, front()).status for name, gateway in gateways.items()} == dict.fromkeys(counts, 200)


def test_where_cordon_says_nothing_nobody_is_let_in(gateway: Gateway, demo_cordon: Cordon) -> None:
    before = len(gateway.application.received)
    with demo_cordon.frozen():
        assert_unavailable(ask(gateway.port, front()))
        assert len(gateway.application.received) == before
    assert ask(gateway.port, front()).status == 200


@pytest.mark.parametrize("status", [302, 404, 500, 502])
def test_where_something_else_answers_nobody_is_let_in(
    gateway_name: str, place: Path, tmp_path: Path, status: int
) -> None:
    answering = Answering(status, (("Content-Type", "text/plain"), ("Location", "/elsewhere")), b"none of Cordon's")
    with Upstream(place, answering) as other, guarding(tmp_path / "gateway", gateway_name, place) as gateway:
        assert_unavailable(ask(gateway.port, front()))
        assert len(other.received) == 1
        assert gateway.application.received == []


def test_what_lets_everything_through_and_is_not_cordon_opens_no_door_where_the_gateway_can_tell(
    gateway_name: str, place: Path, tmp_path: Path
) -> None:
    if gateway_name == "nginx":
        pytest.skip("`auth_request` lets any 2xx through")
    with Upstream(place, Answering(200, (), b"")), guarding(tmp_path / "gateway", gateway_name, place) as gateway:
        assert_unavailable(ask(gateway.port, front()))
        assert gateway.application.received == []
