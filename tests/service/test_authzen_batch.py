"""Several questions in one AuthZEN request: defaults, where it stops, and what becomes of a faulty one."""

from pathlib import Path
from typing import Any

import pytest

from tests.service.conftest import Asker, question, serving, write_world

EVALUATIONS = "/access/v1/evaluations"


def test_items_take_defaults_whole_and_override_them_whole(asker: Asker) -> None:
    batch = {**question(), "evaluations": [{}, {"subject": {"type": "account", "id": "acct-half"}}, {"context": {}}]}
    answers = asker.post(EVALUATIONS, batch).json()["evaluations"]
    assert [answer["decision"] for answer in answers] == [True, False, True]
    assert "location.missing" in answers[2]["context"]["unknown"]
    assert "location.missing" not in answers[0]["context"]["unknown"]


@pytest.mark.parametrize("empty", [{}, {"evaluations": []}])
def test_without_items_a_batch_is_a_single_question(asker: Asker, empty: dict[str, Any]) -> None:
    answer = asker.post(EVALUATIONS, {**question(), **empty}).json()
    assert answer["decision"] is True
    assert "evaluations" not in answer


ITEMS = [
    {},
    {"subject": {"type": "account", "id": "acct-half"}},
    {"subject": {"type": "account"}},
    {},
]


@pytest.mark.parametrize(
    ("semantic", "decisions"),
    [
        (None, [True, False, False, True]),
        ("execute_all", [True, False, False, True]),
        ("deny_on_first_deny", [True, False]),
        ("permit_on_first_permit", [True]),
    ],
)
def test_a_semantic_says_where_a_batch_stops(asker: Asker, semantic: str | None, decisions: list[bool]) -> None:
    options = {"options": {"evaluations_semantic": semantic}} if semantic else {}
    answers = asker.post(EVALUATIONS, {**question(), "evaluations": ITEMS, **options}).json()["evaluations"]
    assert [answer["decision"] for answer in answers] == decisions


FAULTY_ITEMS: dict[str, tuple[object, int]] = {
    "no id": ({"subject": {"type": "account"}}, 400),
    "not an object": (7, 400),
    "null": (None, 400),
    "wrong type": ({"action": "use"}, 400),
    "bad time": ({"context": {"time": "x"}}, 400),
}


@pytest.mark.parametrize(("item", "status"), FAULTY_ITEMS.values(), ids=FAULTY_ITEMS)
def test_a_faulty_item_is_answered_in_its_place(asker: Asker, item: object, status: int) -> None:
    answers = asker.post(EVALUATIONS, {**question(), "evaluations": [{}, item, {}]}).json()["evaluations"]
    assert [answer["decision"] for answer in answers] == [True, False, True]
    assert answers[1]["context"]["error"]["status"] == status
    assert answers[1]["context"]["error"]["message"]


def test_an_item_still_incomplete_after_the_defaults_is_faulty_in_its_place(asker: Asker) -> None:
    batch = {"evaluations": [question(), {"subject": {"type": "account", "id": "acct-near"}}]}
    answers = asker.post(EVALUATIONS, batch).json()["evaluations"]
    assert answers[0]["decision"] is True
    assert "/resource: is missing" in answers[1]["context"]["error"]["message"]


def test_a_forbidden_item_is_refused_in_its_place(guarded: Asker) -> None:
    batch = {**question(), "evaluations": [{}, {"context": {"time": "2026-11-22T00:00:00Z"}}]}
    answers = guarded.post(EVALUATIONS, batch).json()["evaluations"]
    assert answers[1]["context"]["error"]["status"] == 403


@pytest.mark.parametrize(
    "frame",
    [
        {"evaluations": {}},
        {"evaluations": None},
        {"evaluations": [{}], "options": []},
        {"evaluations": [{}], "options": {"evaluations_semantic": "some"}},
        {"evaluations": [{}], "options": {"evaluations_semantic": None}},
        {"evaluations": [{}], "subject": "acct-near"},
        {"evaluations": [{}], "context": []},
        {"evaluations": [{}] * 1001},
    ],
)
def test_a_faulty_frame_is_a_bad_request(asker: Asker, frame: dict[str, Any]) -> None:
    assert asker.post(EVALUATIONS, {**question(), **frame}).status_code == 400


@pytest.mark.parametrize(("explain", "limit"), [("true", 20), ("false", 1000)])
def test_fewer_questions_may_be_explained_than_answered(asker: Asker, explain: str, limit: int) -> None:
    path = f"{EVALUATIONS}?explain={explain}"
    at_the_limit = asker.post(path, {**question(), "evaluations": [{}] * limit})
    assert len(at_the_limit.json()["evaluations"]) == limit
    past = asker.post(path, {**question(), "evaluations": [{}] * (limit + 1)})
    assert past.status_code == 400
    assert past.json()["errors"][0]["at"] == "/evaluations"


def test_the_limit_of_explanations_is_a_setting(tmp_path: Path) -> None:
    strict = serving(write_world(tmp_path), explanations_limit=1)
    batch = {**question(), "evaluations": [{}, {}]}
    assert strict.post(EVALUATIONS + "?explain=true", batch).status_code == 400
    assert strict.post(EVALUATIONS, batch).status_code == 200
