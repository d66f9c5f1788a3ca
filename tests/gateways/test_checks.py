"""What a gateway is answered, whatever its wire: whom it is believed, what it asks about, and how it is told."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from service.app import assemble
from service.decide import AccessRequest, Answer
from service.errors import NotReady
from service.gateways.checks import GatewayChecks, Incoming, Verdict
from service.gateways.envoy import answer_to_envoy
from service.gateways.nginx import answer_to_nginx
from service.settings import Settings
from tests.service.conftest import NOW, Asker, embedded, write_world

ROUTES = """
gateways: 1
denials: {contact: help@example.org, blocked_by: "https://example.org/b"}
routes:
  tool: {resource: tool, from: [127.0.0.0/8]}
  afar: {resource: tool, from: [192.0.2.0/24]}
  named: {resource: {header: X-What}, action: {header: X-Do}}
  proxied: {resource: tool, client: {header: X-Forwarded-For, trusted: [10.0.0.0/8]}}
  kept: {resource: tool, keep_seconds: 5}
  open: {resource: tool, if_unavailable: allow}
"""
LEGAL = """
language: 1
ruleset: beside
default: allow
if_unknown: challenge
rules:
  - id: located-afar
    effect: deny
    status: 451
    when: {location: {in: [CN]}}
    reason: location.afar
    source: An internal memorandum
    if_unknown: skip
"""
CHINA = "1.2.4.8"
AMERICA = "8.8.8.8"


@pytest.fixture(scope="module")
def asker(tmp_path_factory: pytest.TempPathFactory) -> Asker:
    directory = tmp_path_factory.mktemp("checks")
    (directory / "gateways.yaml").write_text(ROUTES, encoding="utf-8")
    world = write_world(directory / "world", {"beside.yaml": LEGAL})
    settings = Settings(data=world, host="127.0.0.1", gateways=directory / "gateways.yaml")
    service = assemble(settings, clock=lambda: NOW, locations=embedded())
    service.programs.load()
    return Asker(service)


def ask(
    asker: Asker, path: str, *, account: str = "acct-near", address: str = AMERICA, **others: str
) -> httpx.Response:
    headers = {"X-Cordon-Account": account, "X-Cordon-Client-Address": address}
    return asker.get(f"/check/{path}", {**headers, **{name.replace("_", "-"): value for name, value in others.items()}})


@pytest.mark.parametrize("wire", ["nginx", "forward-auth", "envoy"])
def test_a_permission_is_an_empty_200_with_the_decision_in_its_headers(asker: Asker, wire: str) -> None:
    answer = ask(asker, f"{wire}/tool")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["x-cordon-effect"] == "allow"
    assert answer.headers["x-cordon-country"] == "US"
    assert len(answer.headers["x-cordon-decision-id"]) == 32
    assert answer.headers["x-cordon-ruleset"].startswith("small-world;")
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("wire", ["forward-auth", "envoy"])
def test_a_denial_has_the_status_of_the_rule_and_a_problem_document(asker: Asker, wire: str) -> None:
    answer = ask(asker, f"{wire}/tool", address=CHINA)
    assert answer.status_code == 451
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["link"] == '<https://example.org/b>; rel="blocked-by"'
    assert answer.headers["cache-control"] == "no-store"
    document = answer.json()
    assert document["decision_id"] == answer.headers["x-cordon-decision-id"]
    assert (document["status"], document["policy"], document["contact"]) == (451, "small-world", "help@example.org")


def test_nginx_is_told_of_a_denial_in_headers(asker: Asker) -> None:
    answer = ask(asker, "nginx/tool", address=CHINA, Accept_Language="fr")
    assert (answer.status_code, answer.content) == (403, b"")
    assert answer.headers["x-error-status"] == "451"
    assert answer.headers["x-error-type"] == "application/problem+json"
    assert answer.headers["x-error-link"] == '<https://example.org/b>; rel="blocked-by"'
    assert "content-type" not in answer.headers
    raw = next(value for name, value in answer.headers.raw if name.lower() == b"x-error-body")
    assert json.loads(raw)["title"] == "Indisponible pour des raisons juridiques"


@pytest.mark.parametrize("accept", ["application/json", "text/html"])
def test_a_denial_says_nothing_of_the_rule_but_its_message(asker: Asker, accept: str) -> None:
    text = ask(asker, "forward-auth/tool", address=CHINA, Accept=accept).text
    for internal in ("located-afar", "location.afar", "memorandum"):
        assert internal not in text
    text = ask(asker, "forward-auth/tool", account="acct-half", Accept=accept).text
    assert "The organisation is owned from afar." in text
    assert "owned-from-afar" not in text


def test_obligations_are_told_in_one_line(asker: Asker) -> None:
    answer = ask(asker, "forward-auth/tool", account="acct-half")
    assert json.loads(answer.headers["x-cordon-obligations"])[0]["properties"] == {"resource": "other"}


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("X-Cordon-Account", "")],
        [("X-Cordon-Account", "acct-near"), ("X-Cordon-Account", "acct-near")],
        [("X-Cordon-Account", "n" * 1025)],
        [("X-Cordon-Account", b"\xff\xfe")],
    ],
)
def test_an_account_that_is_not_named_once_is_not_known(asker: Asker, headers: list[tuple[str, Any]]) -> None:
    answer = send(asker, "/check/forward-auth/tool", [*headers, ("X-Cordon-Client-Address", AMERICA)])
    assert answer.headers["x-cordon-effect"] == "challenge"


def send(asker: Asker, path: str, headers: list[tuple[str, Any]]) -> httpx.Response:
    async def sent() -> httpx.Response:
        transport = httpx.ASGITransport(asker.service.app, client=("127.0.0.1", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://cordon.test") as client:
            return await client.get(path, headers=headers)

    return asker.run(sent())


@pytest.mark.parametrize("address", ["", "garbage", "010.8.8.8", f"{AMERICA}, {AMERICA}"])
def test_an_address_that_is_none_is_unknown_and_counted(asker: Asker, address: str) -> None:
    counted = 'cordon_unknown_client_addresses_total{reason="garbage"}'
    before = sample(asker, counted)
    answer = ask(asker, "forward-auth/tool", address=address)
    assert "x-cordon-country" not in answer.headers
    assert sample(asker, counted) == before + 1


def sample(asker: Asker, name: str) -> float:
    lines = asker.get("/metrics").text.splitlines()
    return float(next((line.rpartition(" ")[2] for line in lines if line.startswith(name)), "0"))


def test_what_the_client_wrote_into_the_list_of_proxies_does_not_count(asker: Asker) -> None:
    forwarded = f"{AMERICA}, {CHINA}, 10.0.0.7"
    assert ask(asker, "forward-auth/proxied", X_Forwarded_For=forwarded).status_code == 451
    assert ask(asker, "forward-auth/tool", X_Forwarded_For=forwarded).status_code == 200


@pytest.mark.parametrize("name", ["X-Cordon-Country", "X-Cordon-Decision-Id", "X-Cordon-Effect", "Authorization"])
def test_headers_that_say_what_only_cordon_says_change_nothing(asker: Asker, name: str) -> None:
    answer = ask(asker, "forward-auth/tool", address=CHINA, **{name: "allow"})
    assert (answer.status_code, answer.headers["x-cordon-country"]) == (451, "CN")


def test_a_gateway_names_the_resource_and_the_action_where_the_route_says_so(asker: Asker) -> None:
    assert ask(asker, "forward-auth/named", X_What="tool", X_Do="use").status_code == 200
    missing = ask(asker, "forward-auth/named", X_Do="use")
    assert (missing.status_code, missing.json()["detail"]) == (400, "the header `x-what` must name the resource, once")
    assert ask(asker, "nginx/named", X_Do="use").status_code == 400


def test_only_a_gateway_of_the_route_is_answered(asker: Asker) -> None:
    assert ask(asker, "forward-auth/afar").status_code == 403
    assert ask(asker, "nginx/afar").status_code == 400


@pytest.mark.parametrize("path", ["forward-auth/none", "nothing/tool", "forward-auth/tool/more", "nginx", ""])
def test_where_nobody_asks_nobody_is_let_through(asker: Asker, path: str) -> None:
    assert ask(asker, path).status_code == 404


def test_the_path_of_the_request_in_front_of_envoy_counts_for_nothing(asker: Asker) -> None:
    assert ask(asker, "envoy/tool//nginx/afar?resource=other").status_code == 200
    assert "x-cordon-key" in ask(asker, "envoy/tool/a/b").headers["x-envoy-auth-headers-to-remove"]


def test_a_denial_is_never_too_long_for_nginx_to_be_one() -> None:
    long = b"x" * 40_000
    answer = answer_to_nginx(Verdict(451, "deny", ((b"x-cordon-obligations", long), (b"link", b"<a>")), long))
    assert dict(answer.headers) == {b"x-error-link": b"<a>", b"x-error-status": b"451", b"x-error-body": b""}
    assert answer.status == 403


@pytest.mark.parametrize(
    ("verdict", "status"),
    [
        (Verdict(503, "deny", ()), 403),
        (Verdict(451, "deny", ()), 451),
        (Verdict(503, "unavailable", ()), 503),
    ],
    ids=lambda given: str(getattr(given, "effect", given)),
)
def test_a_denial_is_never_an_outage_to_envoy_whatever_status_its_rule_has(verdict: Verdict, status: int) -> None:
    assert answer_to_envoy(verdict).status == status


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND"])
def test_every_method_asks_the_same(asker: Asker, method: str) -> None:
    headers = {"X-Cordon-Account": "acct-near", "X-Cordon-Client-Address": AMERICA}
    assert asker.send(method, "/check/envoy/tool", b"a body", headers).status_code == 200


class Undecided:
    """A decision point that is up and cannot decide."""

    async def decide(self, request: AccessRequest) -> Answer:
        raise NotReady("no rules are loaded yet")

    async def explain(self, request: AccessRequest) -> Any:
        raise NotReady("no rules are loaded yet")


def checks(asker: Asker, **changes: Any) -> GatewayChecks:
    service = asker.service
    members = {name: getattr(service.checks, name) for name in GatewayChecks.__slots__}
    return GatewayChecks(**{**members, **changes})


INCOMING = Incoming([(b"x-cordon-account", b"acct-near"), (b"x-cordon-client-address", AMERICA.encode())], "127.0.0.1")


def test_where_nothing_can_be_decided_the_route_says_what_is_answered(asker: Asker) -> None:
    undecided = checks(asker, decider=Undecided())
    denied = asker_run(asker, undecided, "tool")
    assert (denied.status, denied.effect) == (503, "unavailable")
    assert json.loads(denied.body)["kind"] == "unavailable"
    allowed = asker_run(asker, undecided, "open")
    assert (allowed.status, allowed.effect, dict(allowed.headers)[b"x-cordon-effect"]) == (
        200,
        "unavailable",
        b"unavailable",
    )


def asker_run(asker: Asker, checks: GatewayChecks, route: str) -> Any:
    run: Callable[..., Any] = asker.run
    return run(checks.check(route, INCOMING))


@pytest.mark.parametrize(
    ("fresh", "left", "expected"),
    [
        (10.0, None, b"private, max-age=5"),
        (3.9, None, b"private, max-age=3"),
        (10.0, timedelta(seconds=2.5), b"private, max-age=2"),
        (10.0, timedelta(seconds=0.9), b"no-store"),
        (0.0, None, b"no-store"),
    ],
)
def test_a_permission_is_kept_no_longer_than_it_is_right(
    asker: Asker, fresh: float, left: timedelta | None, expected: bytes
) -> None:
    until = None if left is None else NOW + left
    kept = checks(asker, freshness=lambda: fresh).kept(asker.service.checks.routes["kept"], until, NOW)
    assert dict(kept)[b"cache-control"] == expected


def test_only_permissions_are_kept(asker: Asker) -> None:
    assert ask(asker, "nginx/kept").headers["x-accel-expires"] == "4"
    denied = ask(asker, "nginx/kept", address=CHINA).headers
    assert denied["cache-control"] == "no-store"
    assert "x-accel-expires" not in denied
