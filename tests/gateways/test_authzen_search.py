"""AuthZEN search by the specification: what is found, page by page, and what is wrong with what is asked."""

import asyncio
import json
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.gateways.authzen_worlds import (
    ACCOUNTS,
    ACTIONS,
    LARGE,
    MANY,
    RESOURCES,
    TODO,
    all_names,
    allowed,
    asked,
    found,
    is_rare,
    names,
    pages,
    path_of,
)
from tests.service.conftest import Asker, serving, write_world

KINDS = ("subject", "resource", "action")


@pytest.fixture(scope="module")
def todo(tmp_path_factory: pytest.TempPathFactory) -> Asker:
    return serving(write_world(tmp_path_factory.mktemp("todo"), TODO))


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Asker:
    return serving(write_world(tmp_path_factory.mktemp("large"), LARGE))


@pytest.mark.parametrize("resource", RESOURCES)
@pytest.mark.parametrize("action", ACTIONS)
def test_the_accounts_found_are_those_that_an_evaluation_allows(todo: Asker, resource: str, action: str) -> None:
    decisions = allowed(todo, [asked(account, resource, action) for account in ACCOUNTS])
    expected = [account for account, is_allowed in zip(ACCOUNTS, decisions, strict=True) if is_allowed]
    assert names(found(todo, "subject", asked(resource=resource, action=action))) == expected


@pytest.mark.parametrize("account", [*ACCOUNTS, "nobody"])
@pytest.mark.parametrize("action", ACTIONS)
def test_the_resources_found_are_those_that_an_evaluation_allows(todo: Asker, account: str, action: str) -> None:
    decisions = allowed(todo, [asked(account, resource, action) for resource in RESOURCES])
    expected = [resource for resource, is_allowed in zip(RESOURCES, decisions, strict=True) if is_allowed]
    assert names(found(todo, "resource", asked(account, action=action))) == expected


@pytest.mark.parametrize("account", [*ACCOUNTS, "nobody"])
@pytest.mark.parametrize("resource", [*RESOURCES, "nothing"])
def test_the_actions_found_are_those_that_an_evaluation_allows(todo: Asker, account: str, resource: str) -> None:
    decisions = allowed(todo, [asked(account, resource, action) for action in ACTIONS])
    expected = [action for action, is_allowed in zip(ACTIONS, decisions, strict=True) if is_allowed]
    assert names(found(todo, "action", asked(account, resource))) == expected


def test_results_are_of_the_type_that_was_asked_for(todo: Asker) -> None:
    assert found(todo, "subject", asked(action="can_delete_todo"))["results"] == [{"type": "account", "id": "rick"}]
    results = found(todo, "resource", asked("beth", action="can_read_user"))["results"]
    assert results == [{"type": "todo", "id": resource} for resource in RESOURCES]
    assert found(todo, "action", asked("tammy"))["results"] == []
    assert found(todo, "action", asked("beth"))["results"] == [{"name": "can_read_todos"}, {"name": "can_read_user"}]


def test_the_page_comes_first_and_says_how_many_there_are(todo: Asker) -> None:
    answer = found(todo, "subject", asked())
    assert list(answer) == ["page", "results"]
    assert answer["page"] == {"next_token": "", "count": 5, "total": 5}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("id", [None, 7, "rick", {"x": []}, "x" * 2000, "a\0b"])
def test_the_id_of_what_is_searched_for_is_ignored(todo: Asker, kind: str, id: object) -> None:
    without = asked("morty")
    without[kind].pop("id", None)
    document = {**asked("morty"), kind: {**without[kind], "id": id}}
    assert found(todo, kind, document) == found(todo, kind, without)


def test_the_action_is_no_part_of_a_search_for_actions(todo: Asker) -> None:
    document = asked("morty")
    del document["action"]
    for action in ({"name": "can_swim"}, 7, None):
        assert found(todo, "action", {**document, "action": action}) == found(todo, "action", document)


@pytest.mark.parametrize("type", ["user", "", "ACCOUNT", "group"])
def test_no_subject_of_an_unknown_type_is_found(todo: Asker, type: str) -> None:
    answer = found(todo, "subject", {**asked(), "subject": {"type": type}})
    assert answer == {"page": {"next_token": "", "count": 0, "total": 0}, "results": []}


def test_a_subject_of_an_unknown_type_may_search_like_one_that_is_not_registered(todo: Asker) -> None:
    document = {**asked(action="can_swim", time="2026-07-01T00:00:00Z"), "subject": {"type": "user", "id": "rick"}}
    assert names(found(todo, "resource", document)) == list(RESOURCES)
    assert names(found(todo, "resource", {**document, "action": {"name": "can_read_todos"}})) == []


def test_a_search_is_from_where_and_for_when_the_context_says(todo: Asker) -> None:
    assert names(found(todo, "action", asked("beth", ip="8.8.8.8"))) == ["can_read_todos", "can_read_user"]
    assert names(found(todo, "action", asked("beth", ip="114.114.114.114"))) == []
    assert "can_swim" in names(found(todo, "action", asked("beth", time="2026-07-01T00:00:00Z")))
    assert names(found(todo, "subject", asked(action="can_swim", time="2026-07-01T00:00:00Z"))) == list(ACCOUNTS)


def test_facts_of_the_caller_count_for_the_one_account_that_is_asked_for(tmp_path: Path) -> None:
    asker = serving(write_world(tmp_path))
    document: dict[str, Any] = {**asked("acct-near", "tool", "use"), "subject": {"type": "account", "id": "acct-near"}}
    assert names(found(asker, "resource", document)) == ["tool"]
    document["subject"]["properties"] = {"entity": "half"}
    assert names(found(asker, "resource", document)) == []
    assert names(found(asker, "action", document)) == []


MISSING = {
    "subject": ["subject", "subject.type", "resource", "resource.type", "resource.id", "action", "action.name"],
    "resource": ["subject", "subject.type", "subject.id", "resource", "resource.type", "action", "action.name"],
    "action": ["subject", "subject.type", "subject.id", "resource", "resource.type", "resource.id"],
}


@pytest.mark.parametrize(("kind", "path"), [(kind, path) for kind, paths in MISSING.items() for path in paths])
def test_a_search_without_what_is_required_is_a_bad_request(todo: Asker, kind: str, path: str) -> None:
    document = asked()
    *parents, member = path.split(".")
    del (document[parents[0]] if parents else document)[member]
    response = todo.post(path_of(kind), document, {"x-request-id": "abc"})
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["x-request-id"] == "abc"
    assert response.json()["errors"] == [{"at": "/" + path.replace(".", "/"), "message": "is missing"}]


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "page as a list": ({"page": []}, "/page: must be an object"),
    "page as null": ({"page": None}, "/page: must be an object"),
    "limit as text": ({"page": {"limit": "1"}}, "/page/limit: must be a whole number, 0 or more"),
    "limit below zero": ({"page": {"limit": -1}}, "/page/limit: must be a whole number, 0 or more"),
    "limit as a truth": ({"page": {"limit": True}}, "/page/limit: must be a whole number, 0 or more"),
    "token as a number": ({"page": {"token": 1}}, "/page/token: must be text"),
    "token that never was": ({"page": {"token": "abcd"}}, "/page/token: is no `next_token` of this search"),
    "token of another alphabet": ({"page": {"token": "ä" * 40}}, "/page/token: is no `next_token` of this search"),
    "token with signs": ({"page": {"token": "!" * 40}}, "/page/token: is no `next_token` of this search"),
    "token that is long": ({"page": {"token": "A" * 100_000}}, "/page/token: is no `next_token` of this search"),
    "context as text": ({"context": "x"}, "/context: must be an object"),
    "time that is none": ({"context": {"time": "now"}}, "/context/time: "),
    "knowledge of then": (
        {"context": {"known_at": "2026-01-01T00:00:00Z"}},
        "/context/known_at: a search is made from",
    ),
    "subject as text": ({"subject": "rick"}, "/subject: must be an object"),
    "type as a number": ({"subject": {"type": 7, "id": "x"}}, "/subject/type: must be text"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("change", "message"), FAULTS.values(), ids=FAULTS)
def test_a_faulty_search_is_a_bad_request_that_names_the_fault(
    todo: Asker, kind: str, change: dict[str, Any], message: str
) -> None:
    response = todo.post(path_of(kind), {**asked(), **change})
    assert response.status_code == 400
    assert message in response.json()["detail"]


def test_a_directory_has_no_positions_to_search_from(tmp_path: Path) -> None:
    response = serving(write_world(tmp_path, TODO)).post(path_of("subject"), asked(at_least="x.1"))
    assert response.status_code == 400
    assert "a directory of data has no positions" in response.json()["detail"]


@pytest.mark.parametrize("name", ["entity", "declared"])
def test_facts_of_one_account_cannot_be_said_of_all(todo: Asker, name: str) -> None:
    document = {**asked(), "subject": {"type": "account", "properties": {name: "x"}}}
    response = todo.post(path_of("subject"), document)
    assert response.status_code == 400
    assert response.json()["errors"][0]["at"] == f"/subject/properties/{name}"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"x"', b"\xff", b'{"subject": NaN}'])
def test_a_body_that_is_no_object_is_a_bad_request(todo: Asker, kind: str, body: bytes) -> None:
    assert todo.send("POST", path_of(kind), body, {"content-type": "application/json"}).status_code == 400


@pytest.mark.parametrize("kind", KINDS)
def test_a_search_of_another_content_type_or_method_is_refused(todo: Asker, kind: str) -> None:
    body = json.dumps(asked()).encode()
    assert todo.send("POST", path_of(kind), body, {"content-type": "text/plain"}).status_code == 400
    assert todo.send("GET", path_of(kind)).status_code == 405


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_caller_may_not_do_is_not_allowed_in_a_search_either(tmp_path: Path, kind: str) -> None:
    world = write_world(tmp_path, TODO)
    nothing, searching = serving(world, may=frozenset()), serving(world, may=frozenset({"search"}))
    assert nothing.post(path_of(kind), asked()).status_code == 403
    assert searching.post(path_of(kind), asked()).status_code == 200
    assert searching.post(path_of(kind), asked(time="2026-01-01T00:00:00Z")).status_code == 403


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_pages_together_hold_every_result_once_and_in_order(todo: Asker, kind: str, limit: int) -> None:
    document = asked()
    every = pages(todo, kind, document, limit)
    assert all_names(every) == names(found(todo, kind, document))
    assert all(page["page"]["count"] == len(page["results"]) <= limit for page in every)


@pytest.mark.parametrize(("kind", "count"), [("subject", 5), ("resource", 4), ("action", 5)])
def test_only_a_page_with_results_behind_it_has_a_token(todo: Asker, kind: str, count: int) -> None:
    exact = found(todo, kind, asked(), limit=count)["page"]
    assert exact == {"next_token": "", "count": count, "total": count}
    short = found(todo, kind, asked(), limit=count - 1)["page"]
    assert short["next_token"]
    assert "total" not in short


def test_a_page_of_no_results_tells_whether_there_are_any(todo: Asker) -> None:
    assert found(todo, "subject", asked(), limit=0)["page"]["next_token"]
    assert found(todo, "subject", asked(action="unheard"), limit=0)["page"]["next_token"] == ""


def test_a_token_is_the_same_for_the_same_place_of_the_same_search(todo: Asker, tmp_path: Path) -> None:
    other = serving(write_world(tmp_path, TODO))
    tokens = {found(asker, "subject", asked(), limit=2)["page"]["next_token"] for asker in (todo, todo, other)}
    assert len(tokens) == 1
    assert names(found(other, "subject", asked(), token=tokens.pop())) == ["morty", "rick"]


CHANGES: dict[str, dict[str, Any]] = {
    "action": {"action": {"name": "can_read_user"}},
    "resource": {"resource": {"type": "todo", "id": "todo-3"}},
    "resource type": {"resource": {"type": "list", "id": "todo-1"}},
    "context": {"context": {"ip": "8.8.8.8"}},
    "no context": {"context": {}},
    "subject properties": {"subject": {"type": "account", "properties": {"department": "x"}}},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_token_is_refused_where_anything_else_is_asked(todo: Asker, change: dict[str, Any]) -> None:
    document = asked(ip="1.1.1.1")
    token = found(todo, "subject", document, limit=2)["page"]["next_token"]
    again = {"page": {"token": token, "limit": 2}}
    assert todo.post(path_of("subject"), {**document, **again}).status_code == 200
    assert todo.post(path_of("subject"), {**document, **change, **again}).status_code == 400
    assert todo.post(path_of("resource"), {**document, **again}).status_code == 400
    other = todo.post(path_of("subject"), {**document, "page": {"token": token, "limit": 3}})
    assert (other.status_code, other.json()["errors"][0]["at"]) == (400, "/page/limit")


def test_no_token_is_altered_unnoticed(todo: Asker) -> None:
    token = found(todo, "subject", asked(), limit=2)["page"]["next_token"]
    for position in range(len(token)):
        altered = token[:position] + ("A" if token[position] != "A" else "B") + token[position + 1 :]
        response = todo.post(path_of("subject"), {**asked(), "page": {"token": altered}})
        # The last digit may hold bits that mean nothing.
        assert response.status_code == 400 or (position == len(token) - 1 and names(response.json())[0] == "morty")


def test_a_token_may_be_left_empty_for_the_first_page(todo: Asker) -> None:
    assert found(todo, "subject", asked(), token="") == found(todo, "subject", asked())


@pytest.mark.parametrize(("limit", "usual"), [(None, 100), (1, 1), (5_000, 1_000)])
def test_a_page_holds_no_more_than_the_limit_nor_a_thousand(large: Asker, limit: int | None, usual: int) -> None:
    page = {} if limit is None else {"limit": limit}
    answer = found(large, "subject", asked(resource="r-000", action="use"), **page)
    assert len(answer["results"]) == min(usual, 500)


def test_one_request_looks_at_so_many_and_the_next_goes_on_there(large: Asker) -> None:
    """A page may hold fewer results than its limit, or none, and yet have one behind it."""
    rare = pages(large, "subject", asked(resource="r-000", action="rare"), limit=50)
    assert [len(page["results"]) for page in rare] == [10, 1]
    assert all_names(rare) == [f"a-{number:04}" for number in range(MANY) if is_rare(number)]
    last = pages(large, "subject", asked(resource="r-000", action="last"), limit=50)
    assert [names(page) for page in last] == [[], ["a-1149"]]
    assert all("total" not in page["page"] for page in (*rare, *last))


@pytest.mark.parametrize("limit", [7, 99, 100, 101, 1_000])
def test_many_pages_miss_nothing_and_repeat_nothing(large: Asker, limit: int) -> None:
    every = pages(large, "subject", asked(resource="r-000", action="use"), limit)
    assert all_names(every) == [f"a-{number:04}" for number in range(0, MANY, 2)]
    others = pages(large, "resource", asked("a-0000", action="see"), limit)
    assert all_names(others) == [f"r-{number:03}" for number in range(0, 250, 2)]


def test_a_search_leaves_the_memo_and_the_counts_of_decisions_as_they_are(large: Asker) -> None:
    screenings, decisions = large.service.programs.current.screenings, large.service.telemetry.decisions
    found(large, "subject", asked(resource="r-000", action="use"))
    before = len(screenings), dict(decisions)
    found(large, "subject", asked(resource="r-000", action="use"), limit=900)
    assert (len(screenings), dict(decisions)) == before


def test_searches_are_counted_by_what_they_are_for(tmp_path: Path) -> None:
    asker = serving(write_world(tmp_path, TODO))
    for kind in KINDS:
        found(asker, kind, asked())
    text = asker.get("/metrics").text
    for kind in KINDS:
        assert f'cordon_searches_total{{for="{kind}"}} 1.0' in text


def test_decisions_are_made_while_a_search_goes_on(large: Asker) -> None:
    async def both() -> tuple[httpx.Response, int]:
        transport = httpx.ASGITransport(large.service.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://cordon.test") as client:
            wanted = asked(resource="r-000", action="last")
            searching = asyncio.create_task(client.post(path_of("subject"), json=wanted))
            answered = 0
            while not searching.done():
                await asyncio.sleep(0)
                response = await client.post("/access/v1/evaluation", json=asked("a-0000", "r-000", "use"))
                answered += response.json()["decision"]
            return searching.result(), answered

    response, answered = asyncio.run(both())
    assert response.status_code == 200
    assert answered > 20


def test_too_many_searches_at_once_are_turned_away(large: Asker) -> None:
    async def at_once(count: int) -> list[int]:
        transport = httpx.ASGITransport(large.service.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://cordon.test") as client:
            wanted = asked(resource="r-000", action="last")
            searches: list[Coroutine[Any, Any, httpx.Response]] = [
                client.post(path_of("subject"), json=wanted) for _ in range(count)
            ]
            return sorted(response.status_code for response in await asyncio.gather(*searches))

    assert asyncio.run(at_once(12)) == [200] * 9 + [503] * 3
    assert asyncio.run(at_once(1)) == [200]
