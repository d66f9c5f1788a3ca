"""The middleware before real applications under a real server: what reaches them, and what does not."""

import asyncio
from collections.abc import Iterator, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, Request
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request as StarletteRequest
from starlette.responses import JSONResponse
from starlette.routing import Route

from service.app import assemble
from service.client import AsyncCordonClient, CordonError, CordonRefused, Decision, Options, Question
from service.client.in_process import InProcess, running
from service.client.middleware import CordonMiddleware
from service.client.naming import Named, Use, by_path
from service.parts import Service
from service.settings import Settings
from tests.client.conftest import PATIENT
from tests.client.guarded import (
    NAMES,
    PROXIED,
    Noting,
    Receive,
    Reply,
    Send,
    demo_service,
    guarded,
    in_process,
    open_websocket,
    plain_app,
    send_request,
)
from tests.client.served import CRIMEA, GERMANY, MODEL, NORTHWIND, PRIVATE, Cordon, answering, application, peer
from tests.service.conftest import embedded

NOWHERE = "http://127.0.0.1:9"


def coming(address: str, account: str | None = NORTHWIND, *more: tuple[str, str]) -> list[tuple[str, str]]:
    """Headers of a client there, behind a proxy of this machine, who signed in."""
    signed_in = [] if account is None else [("X-Login", account)]
    return [("X-Forwarded-For", address), *signed_in, *more]


@pytest.fixture(scope="module")
def service() -> Service:
    return demo_service()


@pytest.fixture(scope="module", params=["in process", "over HTTP", "over a Unix socket"])
def site(request: pytest.FixtureRequest, service: Service, cordon: Cordon) -> Iterator[tuple[str, Noting]]:
    """The address of a guarded application, and what it asks."""
    if request.param == "in process":
        ask = in_process(service)
    else:
        address = cordon.url if request.param == "over HTTP" else cordon.socket
        ask = Noting(AsyncCordonClient(address, when_unreachable="deny", options=PATIENT))
    with application(guarded(ask)) as url:
        yield url, ask


Site = tuple[str, Noting]


def test_an_allow_reaches_the_application_with_the_decision(site: Site) -> None:
    url, ask = site
    reply = send_request(url, "/v1/models", coming(GERMANY))
    assert reply.status == 200
    assert reply.json["decision"] == ask.decisions[-1].decision_id is not None
    assert ask.questions[-1] == Question(NORTHWIND, MODEL, address=GERMANY)


def test_a_denial_by_law_is_a_451_that_names_who_blocks_and_is_not_kept(site: Site) -> None:
    url, ask = site
    reply = send_request(url, "/", coming(CRIMEA))
    assert reply.status == 451
    assert reply.headers["link"] == '<https://quillmere.example/compliance>; rel="blocked-by"'
    assert reply.headers["cache-control"] == "no-store"
    assert reply.headers["content-type"] == "application/problem+json"
    problem = reply.json
    assert problem["decision_id"] == ask.decisions[-1].decision_id
    assert (problem["status"], problem["kind"], problem["policy"]) == (451, "blocked", "demo")
    assert "may not be used from Crimea" in problem["detail"]
    assert "embargo/crimea" not in reply.body.decode()


def test_a_browser_gets_a_page_in_its_language(site: Site) -> None:
    url, _ = site
    browser = [("Accept", "text/html,*/*;q=0.8"), ("Accept-Language", "de-AT,de;q=0.9")]
    reply = send_request(url, "/", coming(CRIMEA, NORTHWIND, *browser))
    assert reply.status == 451
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert reply.headers["content-language"] == "de"
    assert b"<script" not in reply.body


def test_a_challenge_says_where_to_go_on(site: Site) -> None:
    url, _ = site
    for headers in (coming(PRIVATE), coming(GERMANY, "nobody"), coming(GERMANY, None)):
        reply = send_request(url, "/", headers)
        assert (reply.status, reply.json["kind"]) == (403, "challenged")
        assert reply.json["verify"] == "https://quillmere.example/verify"


def test_a_path_that_is_not_checked_has_no_decision(site: Site) -> None:
    url, ask = site
    asked = len(ask.questions)
    for path in ("/open", "/open/", "/open/more?a=b"):
        reply = send_request(url, path, coming(CRIMEA))
        assert (reply.status, reply.json["decision"]) == (200, None)
    assert len(ask.questions) == asked


@pytest.mark.parametrize(
    "path", ["/open/../v1", "/open//../v1", "/opens", "/OPEN", "/v1/../open", "//v1", "/open%2f..%2fv1"]
)
def test_a_path_that_may_lead_elsewhere_is_checked(site: Site, path: str) -> None:
    assert send_request(site[0], path, coming(CRIMEA)).status == 451


def test_the_longest_path_names_the_resource(site: Site) -> None:
    url, ask = site
    send_request(url, "/frontier/x", coming(GERMANY))
    assert ask.questions[-1].resource == "quill-frontier"


def test_bodies_reach_the_application_whole_and_a_refused_one_is_not_waited_for(site: Site) -> None:
    url, _ = site
    body = b"x" * 3_000_000
    reply = send_request(url, "/", coming(GERMANY), method="POST", body=body)
    assert reply.json["bytes"] == len(body)
    assert reply.json["pieces"] > 1
    announced = coming(CRIMEA, NORTHWIND, ("Content-Length", "3000000"))
    assert send_request(url, "/", announced, method="POST").status == 451


def test_a_websocket_opens_with_a_decision_and_is_refused_before_it_opens(site: Site) -> None:
    url, ask = site
    opened = open_websocket(url, "/ws", coming(GERMANY))
    assert opened.status == 101
    decision_id = ask.decisions[-1].decision_id
    assert decision_id is not None
    assert decision_id.encode() in opened.body
    refused = open_websocket(url, "/ws", coming(CRIMEA))
    assert (refused.status, refused.json["kind"]) == (451, "blocked")
    assert "blocked-by" in refused.headers["link"]


def test_where_a_server_cannot_say_why_a_websocket_is_closed_as_against_policy(service: Service) -> None:
    sent: list[MutableMapping[str, Any]] = []

    async def connects() -> MutableMapping[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "websocket", "path": "/", "headers": [(b"x-login", NORTHWIND.encode())], "client": None}
    asyncio.run(guarded(in_process(service))(scope, connects, send))
    assert sent == [{"type": "websocket.close", "code": 1008, "reason": ""}]


def test_a_kind_of_connection_that_cannot_be_checked_is_not_let_through(service: Service) -> None:
    async def never(*_: Any) -> Any:
        raise AssertionError

    with pytest.raises(ValueError, match="cannot be checked: `webtransport`"):
        asyncio.run(guarded(in_process(service))({"type": "webtransport", "headers": []}, never, never))


@pytest.mark.parametrize(("choice", "status"), [("deny", 503), ("raise", 503), ("allow", 200)])
def test_where_cordon_is_lost_the_choice_counts(choice: Any, status: int) -> None:
    with application(guarded(AsyncCordonClient(NOWHERE, when_unreachable=choice))) as url:
        reply = send_request(url, "/", coming(GERMANY))
    assert reply.status == status
    if choice == "allow":
        assert (reply.json["decision"], reply.json["fallback"]) == (None, True)
    else:
        assert (reply.json["kind"], reply.headers["cache-control"]) == ("unavailable", "no-store")


def test_a_frozen_cordon_lets_nobody_in(cordon: Cordon) -> None:
    ask = AsyncCordonClient(cordon.url, when_unreachable="deny", options=Options(deadline_seconds=0.3))
    with application(guarded(ask)) as url, cordon.frozen():
        assert send_request(url, "/", coming(GERMANY)).status == 503


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_fault_of_the_application_is_a_failure_of_the_server_even_where_outages_open(status: int) -> None:
    with (
        peer(answering(status, b"{}")) as other,
        application(guarded(AsyncCordonClient(other.url, when_unreachable="allow"))) as url,
    ):
        assert send_request(url, "/", coming(GERMANY)).status == 500


async def fastapi_answer(request: Request) -> dict[str, str]:
    return {"decision": request.state.cordon.decision_id}


async def starlette_answer(request: StarletteRequest) -> JSONResponse:
    return JSONResponse({"decision": request.state.cordon.decision_id, "kept": request.state.kept})


def test_fastapi_and_starlette_take_it_as_their_middleware(service: Service) -> None:
    @asynccontextmanager
    async def lifespan(_: Any) -> Any:
        async with running(service.app):
            yield {"kept": "by the lifespan"}

    ask = InProcess(service.decider, when_unreachable="deny")
    fast = FastAPI()
    fast.add_api_route("/v1", fastapi_answer)
    fast.add_middleware(CordonMiddleware, ask=ask, names=NAMES, client=PROXIED)
    guard = Middleware(CordonMiddleware, ask=ask, names=NAMES, client=PROXIED)
    bare = Starlette(routes=[Route("/v1", starlette_answer)], middleware=[guard], lifespan=lifespan)
    replies: list[Reply] = []
    for app in (fast, bare):
        with application(app) as url:
            assert send_request(url, "/v1", coming(CRIMEA)).status == 451
            replies.append(send_request(url, "/v1", coming(GERMANY)))
    assert [reply.status for reply in replies] == [200, 200]
    assert all(reply.json["decision"] for reply in replies)
    assert replies[1].json["kept"] == "by the lifespan"


def test_names_may_be_waited_for(service: Service) -> None:
    async def names(scope: MutableMapping[str, Any]) -> Named | None:
        await asyncio.sleep(0)
        return Named(NORTHWIND, MODEL)

    app = CordonMiddleware(plain_app, ask=in_process(service), names=names, client=PROXIED)
    with application(app) as url:
        assert [send_request(url, "/", coming(address)).status for address in (GERMANY, CRIMEA)] == [200, 451]


def test_paths_must_say_what_holds_for_all_others() -> None:
    with pytest.raises(ValueError, match="for all others: `/`"):
        by_path({"/v1": Use(MODEL)}, lambda _: None)
    with pytest.raises(ValueError, match="not a path: `v1`"):
        by_path({"/": None, "v1": Use(MODEL)}, lambda _: None)


def test_in_process_the_choice_counts_where_no_rules_are_loaded(tmp_path: Path) -> None:
    empty = assemble(Settings(data=tmp_path), locations=embedded()).decider
    question = Question(NORTHWIND, MODEL)
    assert not asyncio.run(InProcess(empty, when_unreachable="deny").evaluate(question)).decision
    assert asyncio.run(InProcess(empty, when_unreachable="allow").evaluate(question)).is_fallback
    with pytest.raises(CordonError, match="no rules are loaded yet"):
        asyncio.run(InProcess(empty, when_unreachable="raise").evaluate(question))


def meaning(decision: Decision) -> Decision:
    """All of it but for what no two decisions share, and for the state of each process."""
    return replace(decision, decision_id=None, data=())


def test_in_process_a_question_means_what_it_means_over_http(service: Service, cordon: Cordon) -> None:
    async def answers(question: Question) -> list[Decision]:
        here = InProcess(service.decider, when_unreachable="raise")
        async with AsyncCordonClient(cordon.url, when_unreachable="raise", options=PATIENT) as there:
            return [await here.evaluate(question), await there.evaluate(question)]

    for account in (NORTHWIND, "acct-lumen", "acct-harbour", "nobody", None):
        for address in (GERMANY, CRIMEA, PRIVATE, "garbage", None):
            here, there = map(meaning, asyncio.run(answers(Question(account, MODEL, address=address))))
            assert here == there


def test_in_process_what_cannot_be_asked_raises(service: Service) -> None:
    for faulty in (Question("a\0", MODEL), Question("a" * 2000, MODEL)):
        with pytest.raises(CordonRefused, match="400"):
            asyncio.run(InProcess(service.decider, when_unreachable="allow").evaluate(faulty))


def test_a_service_that_cannot_begin_says_so() -> None:
    async def failing(scope: Any, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": ""})

    async def run() -> None:
        async with running(failing):
            raise AssertionError

    with pytest.raises(CordonError, match="did not complete its startup"):
        asyncio.run(run())
