"""What the service says of itself, and what becomes of its own failures."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from service.app import assemble
from service.errors import STATUS, TITLES
from service.front import Front
from service.gateways.wire import Receive, Scope, Send
from service.settings import Settings, is_loopback
from tests.service.conftest import NOW, Asker, embedded, question, write_world


@pytest.fixture
def unready(tmp_path: Path) -> Asker:
    return Asker(assemble(Settings(data=write_world(tmp_path)), clock=lambda: NOW, locations=embedded()))


def test_alive_is_not_ready(unready: Asker) -> None:
    assert unready.get("/livez").text == "alive\n"
    assert unready.get("/readyz").status_code == 503
    assert unready.get("/readyz").json() == {"ready": False, "refused": None}


def test_nothing_is_decided_before_rules_are_loaded(unready: Asker) -> None:
    response = unready.post("/access/v1/evaluation", question(), {"x-request-id": "abc"})
    assert response.status_code == 503
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["x-request-id"] == "abc"


def test_ready_names_the_rules_and_the_build_dates_of_the_data(asker: Asker) -> None:
    state = asker.get("/readyz").json()
    assert state["ready"] is True
    assert state["ruleset"]["id"] == "small-world"
    assert [source["name"] for source in state["sources"]] == ["directory", "dbip-country-lite"]
    assert state["sources"][1]["age"] > 0
    assert state["refused"] is None


def test_the_start_page_attributes_the_address_data(asker: Asker) -> None:
    page = asker.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "<a href='https://db-ip.com'>IP Geolocation by DB-IP</a>" in page.text


def test_decisions_and_faults_are_counted(unready: Asker) -> None:
    unready.service.programs.load()
    unready.evaluate(question())
    unready.evaluate({**question(), "subject": {"type": "account", "id": "acct-half"}})
    unready.post("/access/v1/evaluation", {})
    metrics = unready.get("/metrics").text
    assert 'cordon_decisions_total{effect="allow"} 1.0' in metrics
    assert 'cordon_decisions_total{effect="deny"} 1.0' in metrics
    assert 'cordon_decisions_total{effect="challenge"} 0.0' in metrics
    assert 'cordon_faulty_requests_total{status="400"} 1.0' in metrics
    assert 'cordon_data_age_seconds{source="dbip-country-lite"}' in metrics


def test_every_answer_echoes_the_request_id(asker: Asker) -> None:
    for path in ("/", "/livez", "/readyz", "/metrics", "/openapi.json", "/nowhere"):
        assert asker.get(path, {"X-Request-ID": "r 1/~"}).headers["x-request-id"] == "r 1/~"
    assert asker.post("/access/v1/evaluation", question(), {"X-Request-ID": "r1"}).headers["x-request-id"] == "r1"
    assert "x-request-id" not in asker.get("/livez").headers


async def failing(scope: Scope, receive: Receive, send: Send) -> None:
    raise RuntimeError("the secret is 42")


async def failing_late(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    raise RuntimeError("the secret is 42")


def messages_of(front: Front) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(dict(message))

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    scope = {"type": "http", "method": "POST", "path": "/hot", "headers": [(b"x-request-id", b"a\x01\x7fb")]}
    asyncio.run(front(scope, receive, send))
    return sent


def test_a_failure_of_the_service_is_reported_and_never_shown() -> None:
    reported: list[Exception] = []
    start, body = messages_of(Front(failing, {}, reported.append))
    assert start["status"] == 500
    assert (b"x-request-id", b"ab") in start["headers"]
    assert json.loads(body["body"])["title"] == "Internal error"
    assert b"42" not in body["body"]
    assert len(reported) == 1


def test_a_failure_after_the_answer_has_begun_adds_nothing_to_it() -> None:
    reported: list[Exception] = []
    assert len(messages_of(Front(failing, {"/hot": failing_late}, reported.append))) == 1
    assert len(reported) == 1


def test_a_failure_inside_the_framework_is_a_problem_document(tmp_path: Path) -> None:
    clock = iter([NOW])
    broken = Asker(assemble(Settings(data=write_world(tmp_path)), clock=lambda: next(clock), locations=embedded()))
    broken.service.programs.load()
    response = broken.get("/readyz")
    assert response.status_code == 500
    assert response.headers["content-type"] == "application/problem+json"


def test_a_client_that_leaves_early_gets_no_answer_and_is_no_failure(asker: Asker) -> None:
    sent: list[object] = []

    async def send(message: object) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/access/v1/evaluation",
        "headers": [(b"content-type", b"application/json")],
        "query_string": b"",
    }
    asyncio.run(asker.service.app(scope, receive, send))
    assert sent == []


def test_every_status_has_a_title() -> None:
    assert set(STATUS.values()) <= set(TITLES)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("localhost", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("::", False),
        ("example.org", False),
    ],
)
def test_callers_are_trusted_by_default_only_where_this_machine_alone_connects(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback
    assert bool(Settings(data=Path(), host=host).permissions) is loopback
    assert Settings(data=Path(), host=host, caller_may=frozenset({"time"})).permissions == {"time"}


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "DATA": "d",
        "PORT": "9",
        "GEO": "a:b",
        "CALLER_MAY": "time, explain",
        "PUBLIC_URL": "u/",
    }.items():
        monkeypatch.setenv(f"CORDON_{name}", value)
    settings = Settings()
    assert (settings.data, settings.port, settings.geo) == (Path("d"), 9, (Path("a"), Path("b")))
    assert settings.permissions == {"time", "explain"}
    assert settings.public_url == "u"
    monkeypatch.setenv("CORDON_CALLER_MAY", "")
    assert Settings().permissions == frozenset()
