"""The real Envoy as it ships, by HTTP and by gRPC: what clients and the application see, and what cannot be forged."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.gateways.envoys import ENVOY, FAIL_OPEN, LONGER, Wire, enveloped, grpc_socket, logged, send
from tests.gateways.programs import Gateway
from tests.gateways.running import Cordon
from tests.gateways.scenario import (
    CRIMEA,
    CUSTOMER,
    GERMANY,
    STRANGER,
    SUSPENDED,
    UNCLEAR,
    Headers,
    Seen,
    ask,
    connected,
    exchange,
    front,
    written,
)
from tests.gateways.upstream import Answering, Upstream

pytestmark = pytest.mark.skipif(not ENVOY.exists(), reason="envoy is not installed")

PROBLEM = "application/problem+json"
BODY = b"x" * 300_000
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")


@pytest.fixture(scope="module")
def envoys(demo_cordon: Cordon, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Gateway]]:
    directory = tmp_path_factory.mktemp("envoys")
    with (
        enveloped(directory / "http", "http", demo_cordon.socket) as by_http,
        enveloped(directory / "grpc", "grpc", grpc_socket(demo_cordon)) as by_grpc,
    ):
        yield {"http": by_http, "grpc": by_grpc}


@pytest.fixture(params=["http", "grpc"])
def wire(request: pytest.FixtureRequest) -> Wire:
    return "http" if request.param == "http" else "grpc"


@pytest.fixture
def gateway(envoys: Mapping[str, Gateway], wire: Wire) -> Gateway:
    return envoys[wire]


@pytest.fixture
def place(demo_cordon: Cordon, wire: Wire) -> Path:
    """The socket on which an Envoy asks Cordon."""
    return demo_cordon.socket if wire == "http" else grpc_socket(demo_cordon)


def own_names(headers: Headers) -> set[str]:
    return {name.lower() for name, _ in headers if name.lower().startswith(("x-cordon", "x_cordon"))}


def assert_unavailable(seen: Seen) -> None:
    assert (seen.status, seen.media_type, seen.document["status"]) == (503, PROBLEM, 503)
    assert (seen.header("Cache-Control"), seen.header("Retry-After")) == ("no-store", "1")


def test_what_is_allowed_reaches_the_application_with_what_cordon_said(gateway: Gateway) -> None:
    assert ask(gateway.port, front()).status == 200
    received = gateway.application.last
    assert received.values("X-Cordon-Effect") == ["allow"]
    assert received.values("X-Cordon-Country") == ["DE"]
    assert own_names(received.headers) == {"x-cordon-effect", "x-cordon-country", "x-cordon-decision-id"}


def test_a_law_is_named_to_the_client_by_status_body_and_link(gateway: Gateway) -> None:
    before = len(gateway.application.received)
    seen = ask(gateway.port, front(address=CRIMEA))
    assert (seen.status, seen.media_type, seen.document["kind"]) == (451, PROBLEM, "blocked")
    assert seen.header("Link") == '<https://quillmere.example/compliance>; rel="blocked-by"'
    assert (seen.header("Cache-Control"), seen.header("Content-Language")) == ("no-store", "en")
    assert seen.header("X-Cordon-Decision-Id") == seen.document["decision_id"]
    assert own_names(seen.headers) == {"x-cordon-decision-id"}
    assert len(gateway.application.received) == before


def test_a_browser_is_shown_a_page_in_its_language(gateway: Gateway) -> None:
    wants = [("Accept", "text/html,*/*;q=0.8"), ("Accept-Language", "de")]
    seen = ask(gateway.port, [*front(address=CRIMEA), *wants])
    assert (seen.status, seen.header("Content-Type")) == (451, "text/html; charset=utf-8")
    assert b'<html lang="de"' in seen.body


def test_a_denial_says_what_the_rule_says_and_a_challenge_where_to_go_on(gateway: Gateway) -> None:
    denied, challenged = ask(gateway.port, front(SUSPENDED)), ask(gateway.port, front(UNCLEAR))
    assert (denied.status, denied.document["kind"]) == (403, "denied")
    assert "This account is suspended." in denied.document["detail"]
    assert (challenged.status, challenged.document["kind"]) == (403, "challenged")
    assert challenged.document["verify"] == "https://quillmere.example/verify"


@pytest.mark.parametrize("account", [None, "", "nobody-of-that-name", "a\u00fc"], ids=repr)
def test_an_account_that_is_not_known_gets_what_the_rules_say(gateway: Gateway, account: str | None) -> None:
    seen = ask(gateway.port, front(account))
    assert (seen.status, seen.document["kind"]) == (403, "challenged")


def test_another_resource_is_named_by_envoy_itself(gateway: Gateway) -> None:
    trial = front("acct-tidewatch", GERMANY)
    assert ask(gateway.port, trial).status == 200
    seen = send(gateway.port, "/v1/frontier/complete", [*trial, ("X-Cordon-Resource", "quill-large")])
    assert (seen.status, "not part of a trial" in seen.document["detail"]) == (403, True)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_is_guarded(gateway: Gateway, method: str) -> None:
    assert send(gateway.port, "/v1/models", front(address=CRIMEA), method=method).status == 451
    assert send(gateway.port, "/v1/models", front(), method=method).status == 200
    assert gateway.application.last.method == method


def test_bodies_pass_whole_and_a_denial_of_one_leaves_the_connection_open(gateway: Gateway) -> None:
    with connected(gateway.port) as connection:
        assert exchange(connection, front(address=CRIMEA), method="POST", body=b"a question").status == 451
        assert exchange(connection, front(), method="POST", body=BODY).status == 200
        assert gateway.application.last.body == BODY
        assert exchange(connection, front(address=CRIMEA), method="HEAD").status == 451


def test_a_socket_is_opened_for_whom_it_is_allowed(gateway: Gateway) -> None:
    upgrade = [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")]
    key = ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
    with connected(gateway.port) as connection:
        connection.sendall(written([*front(), *upgrade, key]))
        head = bytearray()
        while not head.endswith(b"\r\n\r\n"):
            head += connection.recv(1)
        assert head.startswith(b"HTTP/1.1 101")
        connection.sendall(b"over the socket")
        assert connection.recv(100) == b"over the socket"
    assert ask(gateway.port, [*front(address=CRIMEA), *upgrade, key]).status == 451


UNGUARDED = ("/healthz", "/healthz?of=all", "//healthz", "/v1/../healthz")
GUARDED = (
    "/",
    "/..",
    "/../../check/envoy/models-open/",
    "/v1/models/../../../check/envoy/anything",
    "/v1//models",
    "/v1/%2e%2e/models",
    "/v1%2fmodels",
    "/v1/models%00",
    "/v1/models?x=/check/envoy/models-open&cordon_route=models-open",
    "/v1/models#/../healthz",
    "/healthz/",
    "/healthz/v1",
    "/healthz/../v1/models",
    "/healthz/..%2fv1/models",
    "/healthz%2f../v1/models",
    "/healthz;/v1/models",
    "/HEALTHZ",
    "/\u00e9\u00ff",
    "http://other.example/v1/models",
    "http://other.example/healthz/../v1/models",
    "*",
    "models-open",
)


@pytest.mark.parametrize("target", GUARDED)
def test_no_path_leads_past_the_check(gateway: Gateway, target: str) -> None:
    before = len(gateway.application.received)
    assert send(gateway.port, target, front(address=CRIMEA)).status in {307, 400, 404, 451}
    assert len(gateway.application.received) == before


@pytest.mark.parametrize("target", UNGUARDED)
def test_only_the_path_that_is_named_is_not_guarded(gateway: Gateway, target: str) -> None:
    assert send(gateway.port, target, [("X-Cordon-Effect", "allow")], source=STRANGER).status == 200
    assert gateway.application.last.path.partition("?")[0] == "/healthz"
    assert own_names(gateway.application.last.headers) == set()


ANOTHER_ACCOUNT = [("X-Cordon-Account", CUSTOMER), ("x_cordon_account", CUSTOMER), ("X-CORDON-ACCOUNT", CUSTOMER)]
ANOTHER_PLACE = [
    ("X-Cordon-Client-Address", GERMANY),
    ("X-Cordon-Country", "DE"),
    ("X-Real-IP", GERMANY),
    ("Forwarded", f"for={GERMANY}"),
    ("X-Envoy-External-Address", GERMANY),
    ("X-Envoy-Internal", "true"),
    ("True-Client-IP", GERMANY),
]
ANOTHER_ANSWER = [
    ("X-Cordon-Effect", "allow"),
    ("X-Cordon-Key", "anything"),
    ("X-Cordon-Resource", "quill-small"),
    ("X-Cordon-Route", "models-open"),
    ("X-Envoy-Auth-Failure-Mode-Allowed", "true"),
    ("X-Envoy-Original-Path", "/healthz"),
    ("X-HTTP-Method-Override", "OPTIONS"),
]


@pytest.mark.parametrize("forged", [*ANOTHER_ACCOUNT, *ANOTHER_PLACE, *ANOTHER_ANSWER], ids=lambda forged: forged[0])
def test_nothing_that_a_client_sends_changes_who_and_where_it_is(gateway: Gateway, forged: tuple[str, str]) -> None:
    for headers in ([forged], [forged, forged]):
        assert ask(gateway.port, [*headers, *front(address=CRIMEA)]).status == 451
        assert "suspended" in ask(gateway.port, [*front(SUSPENDED), *headers]).document["detail"]


def test_no_name_of_cordons_reaches_the_application_from_a_client(gateway: Gateway) -> None:
    names = ("Obligations", "Ruleset", "Account", "Key", "Anything", "Decision-Id", "Country", "Effect")
    forged = [(f"{prefix}{name}", "forged") for name in names for prefix in ("X-Cordon-", "x_cordon_", "X-CORDON-")]
    assert ask(gateway.port, [*forged, *front(), ("X-Envoy-Auth-Failure-Mode-Allowed", "true")]).status == 200
    received = gateway.application.last
    assert own_names(received.headers) == {"x-cordon-effect", "x-cordon-country", "x-cordon-decision-id"}
    assert "forged" not in dict(received.headers).values()
    assert received.values("X-Envoy-Auth-Failure-Mode-Allowed") == []


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ([f"{GERMANY}, {CRIMEA}"], 451),
        ([f"{CRIMEA}, {GERMANY}"], 200),
        ([GERMANY, CRIMEA], 451),
        ([CRIMEA, GERMANY], 200),
        ([f"{GERMANY}, unknown"], 403),
        ([f"{GERMANY}, 010.8.8.8"], 403),
        ([f"{GERMANY},"], 403),
        ([], 403),
    ],
)
def test_the_address_is_what_the_part_in_front_wrote_last(gateway: Gateway, lines: list[str], status: int) -> None:
    lines_written = [("X-Forwarded-For", line) for line in lines]
    assert ask(gateway.port, [*front(address=None), *lines_written]).status == status


def test_whoever_passes_the_part_in_front_by_is_believed_in_nothing(gateway: Gateway) -> None:
    target = "/v1/models?passed-by"
    seen = send(gateway.port, target, front(SUSPENDED), source=STRANGER)
    assert (seen.status, seen.document["kind"]) == (403, "challenged")
    assert logged(gateway, target)["client"] == STRANGER
    assert ask(gateway.port, front(), source=STRANGER).status == 403


def test_an_account_that_is_named_twice_is_named_by_nobody(gateway: Gateway) -> None:
    for named in ([("X-Api-Account", SUSPENDED), *front()], [*front(), ("X-Api-Account", CUSTOMER)]):
        seen = ask(gateway.port, named)
        assert (seen.status, seen.document["kind"]) == (403, "challenged")


def test_where_cordon_is_stopped_nobody_is_let_in_but_where_that_is_configured(
    demo_cordon: Cordon, envoys: Mapping[str, Gateway], tmp_path: Path
) -> None:
    before = {name: len(gateway.application.received) for name, gateway in envoys.items()}
    crimea = [*front(address=CRIMEA), ("X-Cordon-Effect", "allow")]
    changes = {**FAIL_OPEN, **LONGER}
    with (
        enveloped(tmp_path / "http", "http", demo_cordon.socket, changes) as open_by_http,
        enveloped(tmp_path / "grpc", "grpc", grpc_socket(demo_cordon), changes) as open_by_grpc,
    ):
        with demo_cordon.stopped():
            for gateway in envoys.values():
                assert_unavailable(ask(gateway.port, front()))
                assert_unavailable(ask(gateway.port, crimea, method="POST", body=b"four"))
            for gateway in (open_by_http, open_by_grpc):
                assert ask(gateway.port, crimea).status == 200
                received = gateway.application.last
                assert received.values("X-Envoy-Auth-Failure-Mode-Allowed") == ["true"]
                assert own_names(received.headers) == set()
        assert {ask(gateway.port, crimea).status for gateway in (open_by_http, open_by_grpc)} == {451}
    assert {name: len(gateway.application.received) for name, gateway in envoys.items()} == before
    assert {ask(gateway.port, front()).status for gateway in envoys.values()} == {200}


def test_where_cordon_says_nothing_in_time_nobody_is_let_in(
    demo_cordon: Cordon, place: Path, wire: Wire, tmp_path: Path
) -> None:
    with enveloped(tmp_path, wire, place, {}) as gateway:
        with demo_cordon.frozen():
            assert_unavailable(ask(gateway.port, front()))
            assert gateway.application.received == []
        assert logged(gateway, "/v1/models")["details"] == "ext_authz_error"


@pytest.mark.parametrize("status", [301, 404, 500, 503])
def test_where_something_else_answers_nobody_is_let_in(wire: Wire, tmp_path: Path, status: int) -> None:
    place = tmp_path / "other.sock"
    answering = Answering(status, (("Content-Type", "text/plain"),), b"none of Cordon's")
    with Upstream(place, answering), enveloped(tmp_path / "envoy", wire, place) as gateway:
        seen = ask(gateway.port, front())
        assert seen.status == (status if wire == "http" and status < 500 else 503)
        assert gateway.application.received == []


def test_the_log_of_envoy_names_the_decision(gateway: Gateway) -> None:
    target = "/v1/models?logged"
    seen = send(gateway.port, target, front(address=CRIMEA))
    line = logged(gateway, target)
    assert (line["status"], line["client"]) == (451, CRIMEA)
    decision_id = line["cordon"].get("decision_id") or line["cordon"]["x-cordon-decision-id"]
    assert decision_id == seen.document["decision_id"]
