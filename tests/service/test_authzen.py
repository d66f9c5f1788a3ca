"""The AuthZEN endpoints by the table in the specification: what is answered, and how."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.service.conftest import NOW, Asker, question, serving, write_world

EVALUATION = "/access/v1/evaluation"
EVALUATIONS = "/access/v1/evaluations"


def without(*path: str) -> dict[str, Any]:
    document = question()
    target = document
    for key in path[:-1]:
        target = target[key]
    del target[path[-1]]
    return document


def with_value(value: object, *path: str) -> dict[str, Any]:
    document = question()
    target = document
    for key in path[:-1]:
        target = target.setdefault(key, {})
    target[path[-1]] = value
    return document


FAULTY_DOCUMENTS: dict[str, tuple[object, str]] = {
    "null character in an account": (with_value("a\u0000b", "subject", "id"), "/subject/id: holds a null character"),
    "null character in a resource": (with_value("a\u0000b", "resource", "id"), "/resource/id: holds a null character"),
    "no subject": (without("subject"), "/subject: is missing"),
    "no subject type": (without("subject", "type"), "/subject/type: is missing"),
    "no subject id": (without("subject", "id"), "/subject/id: is missing"),
    "no resource": (without("resource"), "/resource: is missing"),
    "no resource type": (without("resource", "type"), "/resource/type: is missing"),
    "no resource id": (without("resource", "id"), "/resource/id: is missing"),
    "no action": (without("action"), "/action: is missing"),
    "no action name": (without("action", "name"), "/action/name: is missing"),
    "subject as text": (with_value("acct-near", "subject"), "/subject: must be an object"),
    "subject as null": (with_value(None, "subject"), "/subject: must be an object"),
    "subject as list": (with_value([], "subject"), "/subject: must be an object"),
    "subject id as number": (with_value(7, "subject", "id"), "/subject/id: must be text"),
    "subject id as null": (with_value(None, "subject", "id"), "/subject/id: must be text"),
    "subject id too long": (with_value("x" * 1025, "subject", "id"), "/subject/id: is longer than 1024 characters"),
    "properties as list": (with_value([], "subject", "properties"), "/subject/properties: must be an object"),
    "resource properties as text": (
        with_value("x", "resource", "properties"),
        "/resource/properties: must be an object",
    ),
    "action as text": (with_value("use", "action"), "/action: must be an object"),
    "action name as boolean": (with_value(True, "action", "name"), "/action/name: must be text"),
    "context as list": (with_value([], "context"), "/context: must be an object"),
    "context as null": (with_value(None, "context"), "/context: must be an object"),
    "ip as number": (with_value(8, "context", "ip"), "/context/ip: must be text"),
    "ip as null": (with_value(None, "context", "ip"), "/context/ip: must be text"),
    "time as number": (with_value(8, "context", "time"), "/context/time: must be text"),
    "time as a date": (with_value("2026-01-31", "context", "time"), "/context/time: `2026-01-31` is not a time"),
    "time without offset": (with_value("2026-01-31T12:00:00", "context", "time"), "/context/time: "),
    "time that never was": (with_value("2026-02-31T12:00:00Z", "context", "time"), "/context/time: "),
    "entity as object": (with_value({}, "subject", "properties", "entity"), "/subject/properties/entity: must be text"),
    "declared unknown code": (
        with_value({"billing": "QQ"}, "subject", "properties", "declared"),
        "/subject/properties/declared/billing: unknown code `QQ`",
    ),
    "declared as list": (with_value([], "subject", "properties", "declared"), "declared: must be an object"),
    "activity of the unknown": (
        with_value({"cows": {"PT1H": 1}}, "context", "activity"),
        "/context/activity/cows: must",
    ),
    "activity below zero": (with_value({"countries": {"PT1H": -1}}, "context", "activity"), "whole number, 0 or more"),
    "activity as text": (with_value({"countries": {"PT1H": "1"}}, "context", "activity"), "whole number, 0 or more"),
    "activity by no duration": (
        with_value({"countries": {"1h": 1}}, "context", "activity"),
        "/context/activity/countries/1h",
    ),
    "a list": ([], "must be an object"),
    "text": ("x", "must be an object"),
    "null": (None, "must be an object"),
}

FAULTY_BODIES = {
    "empty": b"",
    "blank": b"  \n",
    "cut off": b'{"subject": {"type": "account"',
    "trailing": json.dumps(question()).encode() + b"}",
    "single quotes": b"{'subject': 1}",
    "not UTF-8": json.dumps(question()).encode().replace(b"acct-near", b"acct-\xff"),
    "lone surrogate": json.dumps(question()).encode().replace(b"acct-near", b"\\ud800"),
    "UTF-16": json.dumps(question()).encode("utf-16"),
    "NaN": json.dumps(question(number=float("nan"))).encode(),
    "Infinity": json.dumps(question(number=float("-inf"))).encode(),
    "deep list": b"[" * 100_000,
    "deep in what is ignored": b'{"x": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    "NUL": b"\x00",
}

CONTENT_TYPES = (
    "text/plain",
    "application/x-www-form-urlencoded",
    "application/jsonp",
    "",
    "application/json-patch+json",
)


@pytest.mark.parametrize("path", [EVALUATION, EVALUATIONS])
@pytest.mark.parametrize(("document", "message"), FAULTY_DOCUMENTS.values(), ids=FAULTY_DOCUMENTS)
def test_a_faulty_question_is_a_bad_request_that_names_the_fault(
    asker: Asker, path: str, document: object, message: str
) -> None:
    response = asker.post(path, document, {"X-Request-ID": "abc"})
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["x-request-id"] == "abc"
    assert response.json()["status"] == 400
    assert message in response.json()["detail"]


@pytest.mark.parametrize("path", [EVALUATION, EVALUATIONS])
@pytest.mark.parametrize("body", FAULTY_BODIES.values(), ids=FAULTY_BODIES)
def test_a_body_that_is_not_json_is_a_bad_request(asker: Asker, path: str, body: bytes) -> None:
    response = asker.send("POST", path, body, {"content-type": "application/json", "x-request-id": "abc"})
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["x-request-id"] == "abc"
    assert response.json()["errors"] == [{"at": "", "message": response.json()["detail"]}]


@pytest.mark.parametrize("path", [EVALUATION, EVALUATIONS])
@pytest.mark.parametrize("content_type", CONTENT_TYPES)
def test_another_content_type_is_a_bad_request(asker: Asker, path: str, content_type: str) -> None:
    headers = {"content-type": content_type} if content_type else {}
    response = asker.send("POST", path, json.dumps(question()).encode(), headers)
    assert response.status_code == 400
    assert "application/json" in response.json()["detail"]


@pytest.mark.parametrize("content_type", ["application/json", "Application/JSON", "application/json; charset=utf-8"])
def test_json_may_say_its_charset_and_be_spelt_in_any_case(asker: Asker, content_type: str) -> None:
    response = asker.send("POST", EVALUATION, json.dumps(question()).encode(), {"content-type": content_type})
    assert response.status_code == 200


def test_a_body_past_the_limit_is_too_large(asker: Asker) -> None:
    body = json.dumps(question(filler="x" * 1024 * 1024)).encode()
    response = asker.send("POST", EVALUATION, body, {"content-type": "application/json", "x-request-id": "abc"})
    assert response.status_code == 413
    assert response.json()["title"] == "Body too large"
    assert response.headers["x-request-id"] == "abc"


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", EVALUATION, 405), ("PUT", EVALUATIONS, 405), ("GET", "/x", 404)]
)
def test_what_is_not_there_is_a_problem_document_too(asker: Asker, method: str, path: str, status: int) -> None:
    response = asker.send(method, path, headers={"x-request-id": "abc"})
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["x-request-id"] == "abc"
    assert response.json()["status"] == status


def test_unknown_members_are_ignored(asker: Asker) -> None:
    document = {**question(zone="eu"), "extra": [1], "options": {"unheard": True}}
    document["subject"] |= {"name": 7, "properties": {"department": {"id": 7}}}
    document["action"]["properties"] = {"method": "GET"}
    assert asker.evaluate(document)["decision"] is True


def test_the_last_of_duplicate_members_counts(asker: Asker) -> None:
    body = json.dumps(question()).replace('"acct-near"', '"acct-near", "id": "acct-half"').encode()
    response = asker.send("POST", EVALUATION, body, {"content-type": "application/json"})
    assert response.json()["decision"] is False


def test_an_allow_carries_what_it_rests_on(asker: Asker) -> None:
    answer = asker.evaluate(question())
    context = answer["context"]
    assert answer["decision"] is True
    assert context["effect"] == "allow"
    assert context["rule"] is None
    assert context["reason_user"] == {}
    assert list(context["reason_admin"]) == ["default"]
    assert context["ruleset"]["id"] == "small-world"
    assert context["monitored"] == ["watched"]
    assert context["expires_at"] == "2030-01-01T00:00:00Z"
    assert [source["name"] for source in context["data"]] in (
        ["directory", "dbip-country-lite"],
        ["database", "dbip-country-lite"],
    )
    assert context["data"][0]["age"] == 0
    assert context["data"][1]["age"] > 0
    assert context["decision_id"].startswith("decision-")
    assert "trace" not in context


def test_a_deny_is_a_200_that_tells_the_user_only_the_message(asker: Asker) -> None:
    answer = asker.evaluate(with_value("acct-half", "subject", "id"))
    context = answer["context"]
    assert answer["decision"] is False
    assert context["effect"] == "deny"
    assert context["rule"] == "owned-from-afar"
    assert context["reason_user"] == {"owner.afar": "The organisation is owned from afar."}
    assert "A law" in context["reason_admin"]["owner.afar"]
    assert [(each["type"], each["properties"]) for each in context["obligations"]] == [
        ("suggest", {"resource": "other"})
    ]


def test_a_challenge_is_no_permission(asker: Asker) -> None:
    document = question()
    document["subject"]["id"] = "acct-bare"
    answer = asker.evaluate(document)
    assert (answer["decision"], answer["context"]["effect"]) == (False, "challenge")
    assert answer["context"]["unknown"] == ["activity.missing", "declared.missing", "entity.missing"]


@pytest.mark.parametrize("ip", ["", "nonsense", "010.8.8.8", "x" * 10_000, "\u0000", "🦊"])
def test_a_bad_address_is_an_unknown_address(asker: Asker, ip: str) -> None:
    answer = asker.evaluate(question(ip=ip))
    assert answer["decision"] is True
    assert "location.missing" in answer["context"]["unknown"]


def test_an_absent_context_is_an_unknown_address(asker: Asker) -> None:
    assert "location.missing" in asker.evaluate(without("context"))["context"]["unknown"]


def test_a_subject_of_another_type_is_not_registered(asker: Asker) -> None:
    answer = asker.evaluate(with_value("user", "subject", "type"))
    assert answer["decision"] is False
    assert "entity.missing" in answer["context"]["unknown"]


def test_the_time_of_a_request_can_be_set(asker: Asker) -> None:
    answer = asker.evaluate(question(time="2031-01-01T01:00:00+01:00"))
    assert answer["context"]["rule"] == "from-2030"
    assert asker.evaluate(question())["decision"] is True


def test_facts_of_the_request_stand_in_place_of_the_registered_ones(asker: Asker) -> None:
    owned = with_value({"entity": "half"}, "subject", "properties")
    assert asker.evaluate(owned)["context"]["rule"] == "owned-from-afar"
    declared = with_value({"declared": {"billing": "CN"}}, "subject", "properties")
    assert asker.evaluate(declared)["context"]["rule"] == "declared-afar"
    assert asker.evaluate(question())["decision"] is True


def test_an_entity_that_nobody_knows_is_unknown_not_innocent(asker: Asker) -> None:
    answer = asker.evaluate(with_value({"entity": "nobody"}, "subject", "properties"))
    assert answer["context"]["rule"] == "owned-from-afar"
    assert "entity.missing" in answer["context"]["unknown"]


def test_activity_of_the_request_counts(asker: Asker) -> None:
    assert asker.evaluate(question(activity={"countries": {"P1D": 3}}))["context"]["rule"] == "busy"
    assert asker.evaluate(question(activity={"countries": {"PT24H": 2}}))["decision"] is True


FORBIDDEN = {
    "time": question(time="2026-11-22T00:00:00Z"),
    "activity": question(activity={}),
    "entity": with_value({"entity": "near"}, "subject", "properties"),
    "declared": with_value({"declared": {}}, "subject", "properties"),
}


@pytest.mark.parametrize("document", FORBIDDEN.values(), ids=FORBIDDEN)
def test_what_a_caller_may_not_set_is_refused_not_ignored(guarded: Asker, document: object) -> None:
    response = guarded.post(EVALUATION, document)
    assert response.status_code == 403
    assert response.headers["content-type"] == "application/problem+json"
    assert guarded.post(EVALUATION, question()).status_code == 200


def test_an_explanation_is_refused_to_a_caller_who_may_not_ask_for_it(guarded: Asker) -> None:
    assert guarded.post(EVALUATION + "?explain=true", question()).status_code == 403
    assert guarded.post(EVALUATION + "?explain=false", question()).status_code == 200


@pytest.mark.parametrize("query", ["explain=yes", "explain=", "explain=true&explain=maybe"])
def test_explain_is_true_or_false(asker: Asker, query: str) -> None:
    assert asker.post(f"{EVALUATION}?{query}", question()).status_code == 400


def test_the_trace_names_every_rule_and_the_ownership_path(asker: Asker) -> None:
    document = with_value("acct-half", "subject", "id")
    context = asker.post(EVALUATION + "?explain=true&other=1", document).json()["context"]
    rules = {rule["id"]: rule for rule in context["trace"]["rules"]}
    assert list(rules) == ["beside/located-afar", "owned-from-afar", "declared-afar", "busy", "watched", "from-2030"]
    assert [rules[id]["truth"] for id in rules] == [False, True, False, None, True, True]
    step = rules["owned-from-afar"]["condition"]["ownership"]["steps"][0]
    assert (step["owner"], step["subject"], step["share"], step["source"]) == ("far", "half", "50%", "register")
    assert context["trace"]["address"]["claims"] == {"dbip-country-lite": "US"}


def test_the_metadata_names_only_endpoints_that_there_are(asker: Asker) -> None:
    response = asker.get("/.well-known/authzen-configuration")
    assert response.json() == {
        "policy_decision_point": "http://cordon.test",
        "access_evaluation_endpoint": "http://cordon.test/access/v1/evaluation",
        "access_evaluations_endpoint": "http://cordon.test/access/v1/evaluations",
        "search_subject_endpoint": "http://cordon.test/access/v1/search/subject",
        "search_resource_endpoint": "http://cordon.test/access/v1/search/resource",
        "search_action_endpoint": "http://cordon.test/access/v1/search/action",
    }
    for endpoint in list(response.json().values())[1:]:
        assert asker.post(endpoint.removeprefix("http://cordon.test"), question()).status_code == 200


def test_the_metadata_names_the_public_url_if_one_is_set(tmp_path: Path) -> None:
    public = serving(write_world(tmp_path), public_url="https://pdp.example/cordon/")
    document = public.get("/.well-known/authzen-configuration").json()
    assert document["policy_decision_point"] == "https://pdp.example/cordon"
    assert document["access_evaluation_endpoint"] == "https://pdp.example/cordon/access/v1/evaluation"


def test_a_host_header_that_is_no_host_does_not_reach_the_metadata(asker: Asker) -> None:
    response = asker.get("/.well-known/authzen-configuration", {"host": 'x"/><script>'})
    assert "script" not in response.text


def test_the_clock_of_the_service_is_the_time_of_a_request(asker: Asker) -> None:
    data = asker.evaluate(question())["context"]["data"]
    assert data[0]["date"] == NOW.isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize("time", ["2000-01-01T00:00:00Z", "2031-01-01T00:00:00Z"])
def test_the_age_of_data_is_that_of_now_whatever_time_is_decided_for(asker: Asker, time: str) -> None:
    ages = [source["age"] for source in asker.evaluate(question(time=time))["context"]["data"]]
    assert ages == [source["age"] for source in asker.evaluate(question())["context"]["data"]]
    assert ages[0] == 0
    assert ages[1] > 0


def test_a_request_is_decided_for_the_moment_when_all_of_it_is_there(tmp_path: Path) -> None:
    """Else whoever holds a body back is answered by the rules, the facts and the keys of an earlier time."""
    shown = [NOW]
    service = serving(write_world(tmp_path)).service
    authzen = service.app._hot[EVALUATION].__self__  # type: ignore[attr-defined]
    authzen = replace(authzen, reception=replace(authzen.reception, clock=lambda: shown[0]))
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        shown[0] = NOW.replace(year=2031)
        return {"type": "http.request", "body": json.dumps(question()).encode()}

    async def send(message: Any) -> None:
        sent.append(dict(message))

    headers = [(b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": EVALUATION, "query_string": b"", "headers": headers}
    asyncio.run(authzen.evaluation(scope, receive, send))
    assert json.loads(sent[1]["body"])["context"]["rule"] == "from-2030"
