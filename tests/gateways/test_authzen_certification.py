"""The certification scenario of AuthZEN against `cordon serve`: Basic, Batch, Search and Discovery.

SOURCE: OpenID AuthZEN Authorization API 1.0, final, 11 January 2026; each claim names its section. The world is that of
the working group's own interoperability scenario: a list of things to do.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.gateways.authzen_worlds import ACCOUNTS, ACTIONS, RESOURCES, TODO, asked
from tests.service.conftest import write_world
from tests.service.test_service_process import start

EVALUATION, EVALUATIONS = "/access/v1/evaluation", "/access/v1/evaluations"
SEARCHES = {kind: f"/access/v1/search/{kind}" for kind in ("subject", "resource", "action")}
ENDPOINTS = (EVALUATION, EVALUATIONS, *SEARCHES.values())
WELL_KNOWN = "/.well-known/authzen-configuration"


@pytest.fixture(scope="module")
def pdp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of a decision point that runs as a process of its own."""
    directory = write_world(tmp_path_factory.mktemp("todo"), TODO)
    process = start("--data", str(directory), "--port", "0")
    assert process.stdout is not None
    try:
        greeting = process.stdout.readline()
        with httpx.Client(base_url=greeting.split(" at ")[1].strip()) as client:
            yield client
    finally:
        process.kill()
        process.communicate()


def answer(pdp: httpx.Client, path: str, document: object) -> dict[str, Any]:
    """The answer to what is in order (section 10.1: 200, and JSON)."""
    response = pdp.post(path, json=document)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"
    content = response.json()
    assert isinstance(content, dict)
    return content


def decides(pdp: httpx.Client, *names: str) -> bool:
    decision = answer(pdp, EVALUATION, asked(*names))["decision"]
    assert isinstance(decision, bool)
    return decision


DECISIONS = [
    ("rick", "todo-1", "can_read_user", True),
    ("beth", "todo-1", "can_read_todos", True),
    ("beth", "todo-1", "can_create_todo", False),
    ("morty", "todo-1", "can_update_todo", True),
    ("morty", "todo-2", "can_update_todo", False),
    ("morty", "todo-1", "can_delete_todo", False),
    ("rick", "todo-1", "can_delete_todo", True),
    ("rick", "todo-2", "can_delete_todo", False),
    ("tammy", "todo-1", "can_read_todos", False),
    ("nobody", "todo-1", "can_read_todos", False),
    ("rick", "todo-1", "unheard_of", False),
]


@pytest.mark.parametrize(("account", "resource", "action", "expected"), DECISIONS)
def test_basic_a_decision_is_a_200_whatever_it_is(
    pdp: httpx.Client, account: str, resource: str, action: str, expected: bool
) -> None:
    """Sections 6.2 and 10.1.2."""
    assert decides(pdp, account, resource, action) is expected


def without(document: dict[str, Any], path: str) -> dict[str, Any]:
    *parents, member = path.split(".")
    if not parents:
        return {name: value for name, value in document.items() if name != member}
    return {**document, parents[0]: without(document[parents[0]], ".".join([*parents[1:], member]))}


EVERYTHING = [
    *("subject", "subject.type", "subject.id"),
    *("resource", "resource.type", "resource.id"),
    *("action", "action.name"),
]
REQUIRED = {
    EVALUATION: EVERYTHING,
    EVALUATIONS: EVERYTHING,
    SEARCHES["subject"]: [name for name in EVERYTHING if name != "subject.id"],
    SEARCHES["resource"]: [name for name in EVERYTHING if name != "resource.id"],
    SEARCHES["action"]: [name for name in EVERYTHING if not name.startswith("action")],
}


@pytest.mark.parametrize(("path", "member"), [(path, name) for path, names in REQUIRED.items() for name in names])
def test_basic_a_missing_member_that_is_required_is_a_bad_request(pdp: httpx.Client, path: str, member: str) -> None:
    """Section 10.1.1: if a required attribute is omitted, the server MUST return a "Bad Request" error."""
    assert pdp.post(path, json=without(asked(), member)).status_code == 400


WRONG = {"subject": "rick", "resource": [], "action": 7, "context": "here"}


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize(("member", "value"), WRONG.items(), ids=WRONG)
def test_basic_a_member_of_the_wrong_type_is_a_bad_request(
    pdp: httpx.Client, path: str, member: str, value: object
) -> None:
    is_ignored = path == SEARCHES["action"] and member == "action"
    assert pdp.post(path, json={**asked(), member: value}).status_code == (200 if is_ignored else 400)


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize("body", [b"", b" ", b"{", b'{"subject":', b"[]", b"null", b'"text"', b"\xff\xfe", b"7"])
def test_basic_a_body_that_is_no_json_object_is_a_bad_request(pdp: httpx.Client, path: str, body: bytes) -> None:
    """Section 10.1.1: the top-level element of all request and response bodies MUST be a JSON object."""
    assert pdp.post(path, content=body, headers={"content-type": "application/json"}).status_code == 400


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "application/xml"])
def test_basic_another_content_type_is_a_bad_request(pdp: httpx.Client, path: str, media_type: str) -> None:
    """Section 10.1: requests MUST include a `Content-Type` header with the value `application/json`."""
    body = json.dumps(asked()).encode()
    assert pdp.post(path, content=body, headers={"content-type": media_type}).status_code == 400
    assert pdp.post(path, content=body).status_code == 400


@pytest.mark.parametrize("path", ENDPOINTS)
def test_basic_unknown_members_are_ignored_wherever_they_are(pdp: httpx.Client, path: str) -> None:
    """Section 10.1.1: receivers MUST ignore unknown fields present in request or response bodies."""
    plain = asked()
    full: dict[str, Any] = {**asked(unheard={"of": [1]}), "extra": None, "page": {"size": 7}, "options": {"another": 1}}
    for member in ("subject", "resource", "action"):
        full[member] |= {"unheard": True, "properties": {"department": "Sales", "deep": [{"x": None}]}}
    one, other = answer(pdp, path, plain), answer(pdp, path, full)
    assert one.get("decision") == other.get("decision")
    assert one.get("results") == other.get("results")


@pytest.mark.parametrize("path", ENDPOINTS)
def test_basic_the_order_of_members_means_nothing(pdp: httpx.Client, path: str) -> None:
    """Section 10.1.1: implementations MUST NOT assume a particular ordering of JSON object members."""
    backwards = {name: dict(reversed(value.items())) for name, value in reversed(asked().items())}
    one, other = answer(pdp, path, asked()), answer(pdp, path, backwards)
    assert (one.get("decision"), one.get("results")) == (other.get("decision"), other.get("results"))


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize("body", [asked(), {}], ids=["in order", "faulty"])
@pytest.mark.parametrize("id", ["bfe9eb29-ab87-4ca3-be83-a1d5d8305716", "any text; at=all", "x" * 500])
def test_basic_the_id_of_a_request_comes_back(pdp: httpx.Client, path: str, body: dict[str, Any], id: str) -> None:
    """Section 10.1.3: the PDP MUST include the same identifier in the response to that request."""
    assert pdp.post(path, json=body, headers={"X-Request-ID": id}).headers["x-request-id"] == id


@pytest.mark.parametrize("path", ENDPOINTS)
def test_basic_only_a_post_asks(pdp: httpx.Client, path: str) -> None:
    """Section 10.1: all API requests within this binding are made via a POST request."""
    for method in ("GET", "PUT", "DELETE", "PATCH"):
        assert pdp.request(method, path).status_code == 405


def test_basic_reasons_are_objects_keyed_by_a_code(pdp: httpx.Client) -> None:
    """Section 5.5."""
    context = answer(pdp, EVALUATION, asked("morty", "todo-2", "can_update_todo"))["context"]
    assert context["reason_admin"].keys() == {"not-what-is-locked"}
    assert isinstance(context["reason_user"], dict)


READ, UPDATE, DELETE = ({"action": {"name": name}} for name in ("can_read_todos", "can_update_todo", "can_delete_todo"))


def batch(pdp: httpx.Client, items: list[Any], **more: Any) -> list[bool]:
    answers = answer(pdp, EVALUATIONS, {**asked("morty"), "evaluations": items, **more})
    assert "decision" not in answers
    return [each["decision"] for each in answers["evaluations"]]


@pytest.mark.parametrize("empty", [{}, {"evaluations": []}], ids=["absent", "empty"])
def test_batch_without_items_it_is_a_single_evaluation(pdp: httpx.Client, empty: dict[str, Any]) -> None:
    """Section 7.1: behaves in a backwards-compatible manner with the (single) Access Evaluation API Request."""
    content = answer(pdp, EVALUATIONS, {**asked(), **empty})
    assert content["decision"] is True
    assert "evaluations" not in content


def test_batch_answers_come_in_the_order_of_the_questions(pdp: httpx.Client) -> None:
    """Section 7.2."""
    assert batch(pdp, [READ, DELETE, UPDATE, DELETE, READ]) == [True, False, True, False, True]


def test_batch_items_may_say_everything_themselves(pdp: httpx.Client) -> None:
    """Section 7.1: top-level keys MAY be omitted if every object contains the respective key."""
    items = [asked(*question[:3]) for question in DECISIONS]
    answers = answer(pdp, EVALUATIONS, {"evaluations": items})["evaluations"]
    assert [each["decision"] for each in answers] == [question[3] for question in DECISIONS]


def test_batch_a_member_of_an_item_replaces_the_default_whole(pdp: httpx.Client) -> None:
    """Section 7.1.1: any of these keys specified within an individual object overrides the top-level default."""
    document = {
        **asked("morty", "todo-1", "can_update_todo", ip="8.8.8.8"),
        "evaluations": [
            {},
            {"subject": {"type": "account", "id": "beth"}},
            {"resource": {"type": "todo", "id": "todo-2"}},
            {"action": {"name": "can_delete_todo"}},
            {"context": {"ip": "114.114.114.114"}},
            {"context": {}},
            {"subject": {"type": "account"}},
        ],
    }
    answers = answer(pdp, EVALUATIONS, document)["evaluations"]
    assert [each["decision"] for each in answers] == [True, False, False, False, False, True, False]
    assert answers[6]["context"]["error"]["status"] == 400


def test_batch_an_item_that_is_still_incomplete_is_denied_in_its_place(pdp: httpx.Client) -> None:
    """Section 7.2.1: decisions default to closed, and the context can include errors specific to that request."""
    items = [asked(), {"subject": {"type": "account", "id": "rick"}}, "no object", asked()]
    answers = answer(pdp, EVALUATIONS, {"evaluations": items})["evaluations"]
    assert [each["decision"] for each in answers] == [True, False, False, True]
    for faulty in answers[1:3]:
        assert faulty["context"]["error"].keys() == {"status", "message"}


SEMANTICS = [
    ("execute_all", [READ, DELETE, READ], [True, False, True]),
    ("deny_on_first_deny", [READ, DELETE, READ], [True, False]),
    ("deny_on_first_deny", [READ, "faulty", READ], [True, False]),
    ("deny_on_first_deny", [READ, READ], [True, True]),
    ("permit_on_first_permit", [DELETE, READ, DELETE], [False, True]),
    ("permit_on_first_permit", [DELETE, DELETE], [False, False]),
]


@pytest.mark.parametrize(("semantic", "items", "expected"), SEMANTICS)
def test_batch_a_semantic_says_where_it_stops(
    pdp: httpx.Client, semantic: str, items: list[Any], expected: list[bool]
) -> None:
    """Section 7.1.2.1."""
    assert batch(pdp, items, options={"evaluations_semantic": semantic, "another_option": "value"}) == expected


def test_batch_everything_is_executed_unless_said_otherwise_and_no_other_semantic_is_known(pdp: httpx.Client) -> None:
    """Section 7.1.2.1: exactly one of the following values."""
    assert batch(pdp, [READ, DELETE, READ], options={}) == [True, False, True]
    document = {**asked(), "evaluations": [READ], "options": {"evaluations_semantic": "some"}}
    assert pdp.post(EVALUATIONS, json=document).status_code == 400


def every_page(pdp: httpx.Client, kind: str, document: dict[str, Any], limit: int) -> list[dict[str, Any]]:
    """All pages by the tokens alone, as section 8.2 says: until the token is an empty text."""
    pages = [answer(pdp, SEARCHES[kind], {**document, "page": {"limit": limit}})]
    while token := pages[-1]["page"]["next_token"]:
        assert isinstance(token, str)
        pages.append(answer(pdp, SEARCHES[kind], {**document, "page": {"token": token, "limit": limit}}))
    return pages


QUERIES = [("subject", asked(action=action)) for action in ACTIONS] + [
    (kind, asked(account)) for kind in ("resource", "action") for account in (*ACCOUNTS, "nobody")
]


def brute_force(pdp: httpx.Client, kind: str, document: dict[str, Any]) -> list[dict[str, Any]]:
    """What an evaluation allows, one by one."""
    member: dict[str, list[dict[str, Any]]] = {
        "subject": [{"type": "account", "id": account} for account in ACCOUNTS],
        "resource": [{"type": "todo", "id": resource} for resource in RESOURCES],
        "action": [{"name": action} for action in ACTIONS],
    }
    answers = answer(pdp, EVALUATIONS, {**document, "evaluations": [{kind: each} for each in member[kind]]})
    return [each for each, told in zip(member[kind], answers["evaluations"], strict=True) if told["decision"]]


@pytest.mark.parametrize(("kind", "document"), QUERIES)
@pytest.mark.parametrize("limit", [1, 3, 1000])
def test_search_pages_together_hold_what_an_evaluation_allows_once_each(
    pdp: httpx.Client, kind: str, document: dict[str, Any], limit: int
) -> None:
    """Sections 8.1 and 8.2."""
    pages = every_page(pdp, kind, document, limit)
    assert [result for page in pages for result in page["results"]] == brute_force(pdp, kind, document)
    assert all(page["page"]["count"] == len(page["results"]) <= limit for page in pages)


@pytest.mark.parametrize("kind", SEARCHES)
def test_search_an_answer_has_results_and_a_page_that_comes_first(pdp: httpx.Client, kind: str) -> None:
    """Sections 8.2.2 and 8.3."""
    content = answer(pdp, SEARCHES[kind], asked())
    assert list(content) == ["page", "results"]
    assert content["page"]["next_token"] == ""
    assert content["page"]["total"] == content["page"]["count"] == len(content["results"])


@pytest.mark.parametrize("kind", ["subject", "resource"])
@pytest.mark.parametrize("id", ["morty", "unheard", 7, None])
def test_search_the_id_of_what_is_searched_for_is_ignored(pdp: httpx.Client, kind: str, id: object) -> None:
    """Sections 8.4.1 and 8.5.1: SHOULD be omitted, and if present, MUST be ignored."""
    plain = without(asked(), f"{kind}.id")
    assert answer(pdp, SEARCHES[kind], {**plain, kind: {**plain[kind], "id": id}}) == answer(pdp, SEARCHES[kind], plain)


def test_search_an_action_is_no_part_of_a_search_for_actions(pdp: httpx.Client) -> None:
    """Section 8.6.1."""
    assert answer(pdp, SEARCHES["action"], without(asked(), "action")) == answer(pdp, SEARCHES["action"], asked())


def test_search_an_unknown_type_of_subject_has_no_results(pdp: httpx.Client) -> None:
    content = answer(pdp, SEARCHES["subject"], {**asked(), "subject": {"type": "spaceship"}})
    assert content["results"] == []
    assert content["page"]["next_token"] == ""


@pytest.mark.parametrize("kind", SEARCHES)
def test_search_a_token_is_only_good_for_the_search_that_it_is_from(pdp: httpx.Client, kind: str) -> None:
    """Section 8.2: PDPs SHOULD return an error when any entity or parameter has been changed."""
    path, document = SEARCHES[kind], asked("rick", "todo-1", "can_read_todos")
    token = answer(pdp, path, {**document, "page": {"limit": 1}})["page"]["next_token"]
    assert pdp.post(path, json={**document, "page": {"token": token}}).status_code == 200
    for change in ({"page": {"token": token, "limit": 2}}, {"context": {"ip": "8.8.8.8"}}):
        changed = {**document, "page": {"token": token, "limit": 1}, **change}
        assert pdp.post(path, json=changed).status_code == 400
    for wrong in (token[:-2], token + "A", "unheard"):
        assert pdp.post(path, json={**document, "page": {"token": wrong}}).status_code == 400


def test_discovery_the_metadata_names_endpoints_that_answer(pdp: httpx.Client) -> None:
    """Section 9: 200, JSON, `policy_decision_point` identical to where it was found, no parameter without a value."""
    response = pdp.get(WELL_KNOWN)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    metadata = response.json()
    base = str(pdp.base_url).rstrip("/")
    assert metadata["policy_decision_point"] == base
    assert metadata["access_evaluation_endpoint"] == base + EVALUATION
    assert metadata["access_evaluations_endpoint"] == base + EVALUATIONS
    assert {kind: metadata[f"search_{kind}_endpoint"] for kind in SEARCHES} == {
        kind: base + path for kind, path in SEARCHES.items()
    }
    assert all(metadata.values())
    for name, endpoint in metadata.items():
        if name.endswith("_endpoint"):
            assert httpx.post(endpoint, json=asked()).status_code == 200


def test_discovery_is_a_get_that_echoes_the_id_of_the_request_too(pdp: httpx.Client) -> None:
    """Section 9.2.1."""
    assert pdp.get(WELL_KNOWN, headers={"X-Request-ID": "r-1"}).headers["x-request-id"] == "r-1"
    assert pdp.post(WELL_KNOWN, json={}).status_code == 405


def test_discovery_names_an_https_url_where_one_is_set(tmp_path: Path) -> None:
    """Section 9.1.1: a URL that uses the "https" scheme and has no query or fragment components."""
    process = start(
        "--data", str(write_world(tmp_path, TODO)), "--port", "0", CORDON_PUBLIC_URL="https://pdp.example.com"
    )
    assert process.stdout is not None
    try:
        url = process.stdout.readline().split(" at ")[1].strip()
        metadata = httpx.get(url + WELL_KNOWN).json()
    finally:
        process.kill()
        process.communicate()
    assert metadata["policy_decision_point"] == "https://pdp.example.com"
    assert all(value.startswith("https://pdp.example.com") for value in metadata.values())
