"""The OpenAPI document says what is served, and nothing that is sent breaks the service."""

import json
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as example_settings
from hypothesis import strategies as st
from schemathesis import Case, openapi
from schemathesis.specs.openapi.checks import positive_data_acceptance

from tests.service.conftest import Asker, question

PATHS = ("/access/v1/evaluation", "/access/v1/evaluations")
SEARCHES = ("subject", "resource", "action")
ASKED = (*PATHS, *(f"/access/v1/search/{kind}" for kind in SEARCHES))
JSON_HEADERS = {"content-type": "application/json"}
PLAIN = ("configuration", "index", "livez", "metrics", "readyz")
CHECKS = ("check_envoy", "check_forward_auth", "check_nginx")
OPERATIONS = (*CHECKS, "evaluation", "evaluations", *(f"search_{kind}" for kind in SEARCHES), *PLAIN)

JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
TYPES = st.sampled_from(["account", "user", ""]) | JSON
IDS = st.sampled_from(["acct-near", "acct-half", "tool", ""]) | JSON
FACTS = st.fixed_dictionaries({}, optional={"entity": IDS, "declared": st.dictionaries(st.text(), TYPES, max_size=2)})
ACTIVITY = st.dictionaries(
    st.sampled_from(["countries", "x"]), st.dictionaries(st.text(), JSON, max_size=2), max_size=2
)
QUESTIONS = st.fixed_dictionaries(
    {},
    optional={
        "subject": st.fixed_dictionaries({}, optional={"type": TYPES, "id": IDS, "properties": FACTS | JSON}) | JSON,
        "resource": st.fixed_dictionaries({"type": TYPES, "id": IDS}) | JSON,
        "action": st.fixed_dictionaries({"name": IDS}) | JSON,
        "context": st.fixed_dictionaries({}, optional={"ip": JSON, "time": JSON, "activity": ACTIVITY | JSON}) | JSON,
        "evaluations": st.lists(JSON, max_size=3) | JSON,
        "page": st.fixed_dictionaries({}, optional={"limit": JSON, "token": JSON}) | JSON,
        "options": st.fixed_dictionaries({"evaluations_semantic": TYPES}) | JSON,
    },
)


ANSWERS = ("decision", "evaluations", "results")


def answers_honestly(asker: Asker, path: str, body: bytes) -> None:
    """Whatever the body: an answer or a bad request, never a failure, and always JSON."""
    response = asker.send("POST", path + "?explain=true", body, JSON_HEADERS)
    assert response.status_code in (200, 400)
    assert (not response.json().keys().isdisjoint(ANSWERS)) is (response.status_code == 200)


@given(path=st.sampled_from(ASKED), document=QUESTIONS | JSON)
def test_no_json_makes_the_service_fail(asker: Asker, path: str, document: object) -> None:
    answers_honestly(asker, path, json.dumps(document).encode())


@given(path=st.sampled_from(ASKED), body=st.binary(max_size=200))
def test_no_bytes_make_the_service_fail(asker: Asker, path: str, body: bytes) -> None:
    answers_honestly(asker, path, body)


@given(position=st.integers(0, 200), noise=st.binary(min_size=1, max_size=4), path=st.sampled_from(ASKED))
def test_no_noise_in_a_good_question_makes_the_service_fail(
    asker: Asker, position: int, noise: bytes, path: str
) -> None:
    body = json.dumps(question()).encode()
    answers_honestly(asker, path, body[:position] + noise + body[position + len(noise) :])


@given(query=st.binary(max_size=20))
def test_no_query_makes_the_service_fail(asker: Asker, query: bytes) -> None:
    path = PATHS[0] + "?" + "".join(f"%{byte:02X}" if byte % 2 else chr(33 + byte % 90) for byte in query)
    response = asker.send("POST", path.replace("#", ""), json.dumps(question()).encode(), JSON_HEADERS)
    assert response.status_code in (200, 400)


def operation(asker: Asker, name: str) -> Any:
    schema = openapi.from_asgi("/openapi.json", asker.service.app)
    return schema.find_operation_by_id(name)


@pytest.mark.parametrize("name", OPERATIONS)
def test_answers_are_as_the_openapi_document_says(asker: Asker, name: str) -> None:
    @example_settings(max_examples=40, suppress_health_check=list(HealthCheck))
    @given(case=operation(asker, name).as_strategy())
    def holds(case: Case[Any]) -> None:
        # A code or a time may be of the right shape and still be none: no schema can say that.
        case.call_and_validate(excluded_checks=[positive_data_acceptance])

    holds()


def test_the_openapi_document_lists_every_endpoint_and_no_framework_error(asker: Asker) -> None:
    document = asker.get("/openapi.json").json()
    named = {operation["operationId"] for path in document["paths"].values() for operation in path.values()}
    assert named == set(OPERATIONS)
    assert "422" not in json.dumps(document)
    for path in ASKED:
        assert set(document["paths"][path]["post"]["responses"]) == {"200", "400", "403", "413", "503"}


def described(asker: Asker, model: str, member: str) -> Any:
    document = asker.get("/openapi.json").json()
    return document["components"]["schemas"][model]["properties"][member]


@pytest.mark.parametrize("time", ["", "2026-01-31", "2026-01-31T12:00:00", "now"])
def test_the_described_form_of_a_time_refuses_what_is_refused(asker: Asker, time: str) -> None:
    described_time = described(asker, "Context", "time")
    assert described_time["format"] == "date-time"
    assert not re.search(described_time["pattern"], time)
    assert asker.post(PATHS[0], question(time=time)).status_code == 400


@pytest.mark.parametrize("time", ["2026-01-31T12:00:00Z", "2026-01-31t12:00:00.123+01:00"])
def test_the_described_form_of_a_time_lets_through_what_is_read(asker: Asker, time: str) -> None:
    assert re.search(described(asker, "Context", "time")["pattern"], time)
    assert asker.post(PATHS[0], question(time=time)).status_code == 200


def test_searches_are_described_without_what_they_search_for(asker: Asker) -> None:
    models = asker.get("/openapi.json").json()["components"]["schemas"]
    assert "action" not in models["ActionSearch"]["properties"]
    for wanted in ("SubjectWanted", "ResourceWanted"):
        assert models[wanted]["required"] == ["type"]
        assert models[wanted]["properties"]["id"]["description"].startswith("Ignored")


@pytest.mark.parametrize(("model", "member"), [("SearchContext", "known_at"), ("PropertiesWanted", "entity")])
def test_what_no_search_can_heed_is_described_as_refused(asker: Asker, model: str, member: str) -> None:
    assert described(asker, model, member)["not"] == {}


def test_pages_are_followed_as_the_openapi_document_says(asker: Asker) -> None:
    """Each page's token is given back: the answer is as described too, and the last one says that it is the last."""
    search = operation(asker, "search_subject")
    body: dict[str, Any] = {name: question()[name] for name in ("resource", "action")}
    body |= {"subject": {"type": "account"}, "page": {"limit": 0}}
    first = search.Case(body=body, media_type="application/json").call_and_validate()
    body["page"] = {"token": first.json()["page"]["next_token"], "limit": 0}
    second = search.Case(body=body, media_type="application/json").call_and_validate()
    assert second.json()["page"] == first.json()["page"]


def test_items_and_defaults_of_a_batch_are_described_member_by_member(asker: Asker) -> None:
    items = described(asker, "EvaluationsDocument", "evaluations")["items"]
    assert items == {"$ref": "#/components/schemas/EvaluationItem"}
    models = asker.get("/openapi.json").json()["components"]["schemas"]
    assert models["EvaluationItem"]["properties"].keys() == models["Evaluation"]["properties"].keys()
    for model in ("EvaluationItem", "SubjectDefault", "ResourceDefault", "ActionDefault"):
        assert "required" not in models[model]


def test_moments_in_answers_are_described_as_such(asker: Asker) -> None:
    assert described(asker, "DataSource", "date")["format"] == "date-time"
    kinds = described(asker, "AnswerContext", "expires_at")["anyOf"]
    assert kinds == [{"format": "date-time", "type": "string"}, {"type": "null"}]


def test_every_answer_is_described_with_the_id_of_its_request(asker: Asker) -> None:
    document = asker.get("/openapi.json").json()
    answers = [
        answer
        for path in document["paths"].values()
        for operation in path.values()
        for answer in operation["responses"].values()
    ]
    assert all(answer["headers"].keys() == {"X-Request-ID"} for answer in answers)
    assert "X-Request-ID" in document["components"]["headers"]
