"""The gRPC service that Envoy asks: what counts of a call, what is answered, and what comes of calls that go wrong."""

import asyncio
import re
import stat
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import grpc
import grpc.aio
import pytest
from envoy.service.auth.v3.external_auth_pb2 import CheckRequest, CheckResponse  # type: ignore[import-untyped]
from google.protobuf.json_format import MessageToDict

from service.gateways.checks import EFFECT, Incoming, Verdict
from service.gateways.envoy_grpc import Authorization, response_of
from service.grpc_server import GrpcPlaces, GrpcServer
from tests.gateways.envoys import ENVOY, FAIL_OPEN, LONGER, enveloped, grpc_socket
from tests.gateways.running import Cordon
from tests.gateways.scenario import CRIMEA, CUSTOMER, GERMANY, SUSPENDED, UNCLEAR, Seen, ask, front
from tests.valkey_server import HOST, free_port

T = TypeVar("T")

METHOD = "/envoy.service.auth.v3.Authorization/Check"
SECONDS = 20.0
Metadata = tuple[tuple[str, str], ...]


def check_request(route: str | None = "models", **headers: str) -> CheckRequest:
    """A question; headers are those of the client's request."""
    request = CheckRequest()
    if route is not None:
        request.attributes.context_extensions["cordon_route"] = route
    request.attributes.source.address.socket_address.address = GERMANY
    for name, value in headers.items():
        request.attributes.request.http.headers[name.replace("_", "-")] = value
    return request


def said(account: str = CUSTOMER, address: str = GERMANY) -> Metadata:
    """What Envoy says of a client."""
    return (("x-cordon-account", account), ("x-cordon-client-address", address))


def asking(channel: grpc.aio.Channel) -> Callable[..., Any]:
    return channel.unary_unary(
        METHOD, request_serializer=CheckRequest.SerializeToString, response_deserializer=CheckResponse.FromString
    )


def asked(place: str, request: CheckRequest, metadata: Metadata = ()) -> Any:
    """The answer to one question."""

    async def ask() -> Any:
        async with grpc.aio.insecure_channel(place) as channel:
            return await asking(channel)(request, metadata=metadata, timeout=SECONDS)

    return asyncio.run(ask())


@pytest.fixture
def place(demo_cordon: Cordon) -> str:
    return f"unix:{grpc_socket(demo_cordon)}"


@pytest.fixture
def port(demo_cordon: Cordon) -> str:
    """The free port that was taken, as the greeting says."""
    return str(re.findall(rf"({HOST}:\d+) +decisions, for Envoy by gRPC", demo_cordon.log)[-1])


def headers_of(answer: Any) -> dict[str, str]:
    return {option.header.key: option.header.value for option in answer.headers}


def test_an_allowance_tells_the_application_and_envoy_itself(place: str) -> None:
    answer = asked(place, check_request(), said())
    assert (answer.status.code, answer.WhichOneof("http_response")) == (0, "ok_response")
    told = headers_of(answer.ok_response)
    metadata = MessageToDict(answer.dynamic_metadata)
    assert (told["x-cordon-effect"], told["x-cordon-country"]) == ("allow", "DE")
    assert told["x-cordon-decision-id"] == metadata["decision_id"]
    assert {"effect": "allow", "rule": "serve-models", "country": "DE"}.items() <= metadata.items()
    assert metadata["ruleset"].startswith("demo;")
    assert {option.append_action for option in answer.ok_response.headers} == {2}  # OVERWRITE_IF_EXISTS_OR_ADD


def test_what_cordon_has_not_said_is_removed_on_the_way_to_the_application(place: str) -> None:
    answer = asked(place, check_request("models-open"), said(address=GERMANY)).ok_response
    names = {f"x-cordon-{name}" for name in ("account", "client-address", "resource", "action", "key")}
    assert set(answer.headers_to_remove) == names | {"x-cordon-ruleset", "x-cordon-obligations"}


@pytest.mark.parametrize(
    ("account", "address", "code", "status", "kind"),
    [
        (CUSTOMER, CRIMEA, "PERMISSION_DENIED", 451, "blocked"),
        (SUSPENDED, GERMANY, "PERMISSION_DENIED", 403, "denied"),
        (UNCLEAR, GERMANY, "PERMISSION_DENIED", 403, "challenged"),
        ("nobody", GERMANY, "PERMISSION_DENIED", 403, "challenged"),
    ],
)
def test_a_denial_holds_status_headers_and_body(
    place: str, account: str, address: str, code: str, status: int, kind: str
) -> None:
    answer = asked(place, check_request(), said(account, address))
    denied = answer.denied_response
    assert (answer.status.code, denied.status.code) == (grpc.StatusCode[code].value[0], status)
    assert f'"kind":"{kind}"' in denied.body
    names = set(headers_of(denied))
    assert {"content-type", "content-language", "cache-control", "x-cordon-decision-id"} == names - {"link"}
    assert ("link" in names) == (status == 451)


@pytest.mark.parametrize("status", [401, 404, 429, 503])
def test_a_denial_is_one_whatever_status_its_rule_has(status: int) -> None:
    response = response_of(Verdict(status, "deny", ()))
    assert response.status.code == grpc.StatusCode.PERMISSION_DENIED.value[0]
    assert response.denied_response.status.code == status


@pytest.mark.parametrize(("listed", "raw"), [(False, False), (True, False), (True, True)], ids=["map", "list", "raw"])
def test_the_client_chooses_form_and_language_however_envoy_sends_its_headers(
    place: str, listed: bool, raw: bool
) -> None:
    request = check_request() if listed else check_request(accept="text/html", accept_language="de")
    for key, value in (("accept", "text/html"), ("accept-language", "de")) if listed else ():
        header = request.attributes.request.http.header_map.headers.add(key=key)
        header.value, header.raw_value = ("", value.encode()) if raw else (value, b"")
    answer = asked(place, request, said(address=CRIMEA)).denied_response
    assert headers_of(answer)["content-type"] == "text/html; charset=utf-8"
    assert '<html lang="de"' in answer.body


def test_nothing_that_the_client_wrote_says_who_or_where_it_is(place: str) -> None:
    forged = {"x_cordon_account": CUSTOMER, "x_cordon_client_address": GERMANY, "x_forwarded_for": GERMANY}
    assert "suspended" in asked(place, check_request(**forged), said(SUSPENDED)).denied_response.body
    assert asked(place, check_request(**forged), said(address=CRIMEA)).denied_response.status.code == 451
    assert asked(place, check_request(**forged)).denied_response.status.code == 403


def test_a_client_without_an_address_is_nowhere_and_not_where_the_connection_comes_from(place: str) -> None:
    answer = asked(place, check_request(), (("x-cordon-account", CUSTOMER),))
    assert (answer.denied_response.status.code, "country" in answer.dynamic_metadata) == (403, False)


def test_obligations_are_told_to_envoy_as_they_are(place: str) -> None:
    metadata = MessageToDict(asked(place, check_request(), said("acct-lumen")).dynamic_metadata)
    assert (metadata["effect"], metadata["rule"]) == ("challenge", "declared-conflict")
    [obligation] = metadata["obligations"]
    assert (obligation["type"], obligation["properties"]) == ("verify", {"what": "country"})


def test_two_accounts_are_none(place: str) -> None:
    answer = asked(place, check_request(), (*said(), ("x-cordon-account", CUSTOMER)))
    assert '"kind":"challenged"' in answer.denied_response.body


@pytest.mark.parametrize("length", [1_025, 9_000, 20_000, 60_000])
def test_a_name_that_is_too_long_is_an_account_that_is_not_known_and_no_outage(place: str, length: int) -> None:
    answer = asked(place, check_request(), said("a" * length))
    assert '"kind":"challenged"' in answer.denied_response.body


@pytest.mark.parametrize(
    ("request_", "code", "status"),
    [
        (CheckRequest(), "INVALID_ARGUMENT", 400),
        (check_request(None), "INVALID_ARGUMENT", 400),
        (check_request(""), "INVALID_ARGUMENT", 400),
        (check_request("no-such"), "NOT_FOUND", 404),
        (check_request("anything"), "INVALID_ARGUMENT", 400),
    ],
    ids=["empty", "no-route", "empty-route", "unknown-route", "no-resource"],
)
def test_what_asks_wrongly_is_denied_and_told_why(place: str, request_: Any, code: str, status: int) -> None:
    answer = asked(place, request_, said())
    assert (answer.status.code, answer.denied_response.status.code) == (grpc.StatusCode[code].value[0], status)
    assert answer.WhichOneof("http_response") == "denied_response"
    assert headers_of(answer.denied_response)["content-type"] == "application/problem+json"


def test_bytes_that_are_no_message_are_denied_too(place: str) -> None:
    async def ask() -> Any:
        async with grpc.aio.insecure_channel(place) as channel:
            call = channel.unary_unary(METHOD, request_serializer=bytes, response_deserializer=CheckResponse.FromString)
            return await call(b"\xff" * 40, metadata=said(), timeout=SECONDS)

    answer = asyncio.run(ask())
    assert (answer.status.code, answer.denied_response.status.code) == (3, 400)


def test_the_port_is_for_gateways_of_the_route_and_the_socket_may_be_opened_by_its_group(
    demo_cordon: Cordon, port: str
) -> None:
    assert asked(port, check_request(), said()).WhichOneof("http_response") == "ok_response"
    assert stat.S_IMODE(grpc_socket(demo_cordon).stat().st_mode) == 0o660


def test_calls_that_were_given_up_harm_no_others(place: str) -> None:
    async def ask() -> list[str]:
        async with grpc.aio.insecure_channel(place) as channel:
            call = asking(channel)
            for _ in range(50):
                call(check_request(), metadata=said(), timeout=SECONDS).cancel()
                await asyncio.gather(call(check_request(), metadata=said(), timeout=0.0001), return_exceptions=True)
            answers = [call(check_request(), metadata=said(), timeout=SECONDS) for _ in range(20)]
            return [answer.WhichOneof("http_response") for answer in await asyncio.gather(*answers)]

    assert asyncio.run(ask()) == ["ok_response"] * 20


@dataclass
class FakeChecks:
    """Answers as it is told, and remembers what it was asked."""

    verdict: Verdict | None = None
    """None: everything may go on."""
    fault: Exception | None = None
    may_go_on: asyncio.Event | None = None
    begun: list[str] = field(default_factory=list)
    ended: list[Incoming] = field(default_factory=list)

    async def check(self, name: str, incoming: Incoming) -> Verdict:
        self.begun.append(name)
        if self.may_go_on is not None:
            await self.may_go_on.wait()
        if self.fault is not None:
            raise self.fault
        self.ended.append(incoming)
        return self.verdict or Verdict(200, "allow", ())


def with_server(
    checks: FakeChecks,
    places: GrpcPlaces,
    act: Callable[[], Awaitable[T]],
    *,
    report: Callable[[Exception], None] = lambda error: None,
    socket_admits: bool = True,
) -> T:
    """What comes of acting while a server answers."""

    async def run() -> T:
        async with GrpcServer(places, Authorization(checks, report, socket_admits=socket_admits)).serving():
            return await act()

    return asyncio.run(run())


async def ask_at(place: str) -> Any:
    async with grpc.aio.insecure_channel(place) as channel:
        return await asking(channel)(check_request(), timeout=SECONDS)


def test_a_fault_of_cordons_own_is_reported_to_cordon_and_to_nobody_else(tmp_path: Path) -> None:
    reported: list[Exception] = []

    async def ask() -> tuple[grpc.StatusCode, str | None]:
        try:
            await ask_at(f"unix:{tmp_path}/g.sock")
        except grpc.aio.AioRpcError as error:
            return error.code(), error.details()
        raise AssertionError("it was answered")

    checks = FakeChecks(fault=ValueError("a secret"))
    code, details = with_server(checks, GrpcPlaces(socket=tmp_path / "g.sock"), ask, report=reported.append)
    assert (code, details) == (grpc.StatusCode.INTERNAL, "the service failed to answer: its log says why")
    assert [str(error) for error in reported] == ["a secret"]


@pytest.mark.skipif(not ENVOY.exists(), reason="envoy is not installed")
def test_where_cordon_says_itself_that_it_cannot_decide_the_client_reads_its_words(tmp_path: Path) -> None:
    said = (EFFECT, b"unavailable"), (b"content-type", b"text/html"), (b"content-language", b"de")
    checks, place = FakeChecks(Verdict(503, "unavailable", said, b"in its own words")), tmp_path / "g.sock"

    def ask_envoy() -> tuple[Seen, int]:
        with enveloped(tmp_path / "envoy", "grpc", place, {**LONGER, **FAIL_OPEN}) as gateway:
            return ask(gateway.port, front()), len(gateway.application.received)

    seen, received = with_server(checks, GrpcPlaces(socket=place), lambda: asyncio.to_thread(ask_envoy))
    assert (seen.status, seen.media_type, seen.body, received) == (503, "text/html", b"in its own words", 0)


def test_a_question_that_envoy_gave_up_is_answered_to_its_end(tmp_path: Path) -> None:
    checks = FakeChecks(may_go_on=asyncio.Event())

    async def give_up() -> None:
        async with grpc.aio.insecure_channel(f"unix:{tmp_path}/g.sock") as channel:
            call = asking(channel)(check_request(), timeout=SECONDS)
            while not checks.begun:
                await asyncio.sleep(0.001)
            call.cancel()
        assert checks.may_go_on
        checks.may_go_on.set()

    with_server(checks, GrpcPlaces(socket=tmp_path / "g.sock"), give_up)
    assert len(checks.ended) == 1


@pytest.mark.parametrize("socket_admits", [True, False])
def test_a_socket_admits_where_the_settings_say_so_and_a_port_never(tmp_path: Path, socket_admits: bool) -> None:
    checks, places = FakeChecks(), GrpcPlaces(port=free_port(), socket=tmp_path / "g.sock")

    async def ask() -> None:
        await ask_at(f"unix:{places.socket}")
        await ask_at(places.address)

    with_server(checks, places, ask, socket_admits=socket_admits)
    seen = [(incoming.peer, incoming.is_admitted) for incoming in checks.ended]
    assert seen == [("unix", socket_admits), (HOST, False)]
    assert not (tmp_path / "g.sock").exists()


def test_a_v6_peer_is_named_without_its_brackets_and_port() -> None:
    checks, places = FakeChecks(), GrpcPlaces(host="::1", port=free_port())
    with_server(checks, places, lambda: ask_at(places.address))
    assert [incoming.peer for incoming in checks.ended] == ["::1"]
