"""The OpenAPI document of the admin API says how each operation may end, and what it says is so."""

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, given
from hypothesis import settings as example_settings
from schemathesis import Case, GenerationMode, openapi
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from service.admin.api import DESCRIPTION_PATH, ROUTERS
from service.errors import PROBLEM_MEDIA_TYPE
from service.storage.database import open_database
from tests.admin.conftest import Asker, served
from tests.databases import Clock

OPERATIONS = sorted(
    (route.path_format, method.lower())
    for router in ROUTERS
    for route in router.routes
    if isinstance(route, APIRoute)
    for method in route.methods or ()
)
RUN_ELSEWHERE = {("/admin/v1/imports", "post")}
"""Goes on in the background after its answer."""
CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module")
def asker(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asker]:
    path = tmp_path_factory.mktemp("description") / "cordon.db"
    shutil.copy(sqlite_template, path)
    database = open_database(f"sqlite:///{path}", Clock().read)
    yield served(database, Clock())
    database.close()


@pytest.fixture(scope="module")
def described(asker: Asker) -> BaseSchema:
    return openapi.from_asgi(DESCRIPTION_PATH, asker.app)


@pytest.fixture(scope="module")
def document(asker: Asker) -> Mapping[str, Any]:
    answer: dict[str, Any] = asker.get(DESCRIPTION_PATH, who="").json()
    return answer


def sent(operation: Mapping[str, Any]) -> set[str]:
    """The headers that an operation says it takes."""
    return {each["name"] for each in operation.get("parameters", []) if each["in"] == "header"}


def is_check(path: str) -> bool:
    return path.endswith(("/audit/verify", "/check"))


def test_every_operation_is_described(document: Mapping[str, Any]) -> None:
    assert sorted((path, method) for path, found in document["paths"].items() for method in found) == OPERATIONS


@pytest.mark.parametrize(("path", "method"), OPERATIONS, ids=str)
def test_an_operation_says_how_it_is_refused(document: Mapping[str, Any], path: str, method: str) -> None:
    operation = document["paths"][path][method]
    refusals = {status: answer for status, answer in operation["responses"].items() if status >= "400"}
    assert refusals.keys() >= {"400", "401", "403", "429", "503"}
    assert ("413" in refusals) == (method != "get")
    assert "422" in refusals or not (operation.get("parameters") or "requestBody" in operation)
    assert "404" in refusals or "{" not in path
    assert all(
        answer["content"] == {PROBLEM_MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
        for answer in refusals.values()
    )
    assert operation["security"] == [{"HTTPBearer": []}, {"APIKeyHeader": []}]


@pytest.mark.parametrize(("path", "method"), OPERATIONS, ids=str)
def test_an_operation_says_which_headers_count(document: Mapping[str, Any], path: str, method: str) -> None:
    operation = document["paths"][path][method]
    answers = operation["responses"]
    writes = method != "get" and not is_check(path)
    assert ("Idempotency-Key" in sent(operation)) == writes
    assert "412" in answers or "If-Match" not in sent(operation)
    assert "428" not in answers or "If-Match" in sent(operation) or path.endswith("/batch")
    assert ("304" in answers) == (method == "get" and "If-None-Match" in sent(operation))
    good = [answer for status, answer in answers.items() if status[0] == "2"]
    assert all("Cordon-Position" in answer["headers"] for answer in good) or not writes
    assert not path.endswith("/export") or list(answers["200"]["content"]) == ["application/x-ndjson"]


def test_nothing_of_the_framework_is_left(document: Mapping[str, Any]) -> None:
    assert "ValidationError" not in str(document)


@pytest.mark.parametrize(("path", "method"), [each for each in OPERATIONS if each not in RUN_ELSEWHERE], ids=str)
def test_answers_are_as_the_document_says(described: BaseSchema, path: str, method: str) -> None:
    states = [{"if-match": "*"}, {"if-none-match": "*"}][: 2 if method == "put" else 1]
    operation = described[path][method.upper()]

    @example_settings(max_examples=2, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy() | operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))
    def holds(case: Case[Any]) -> None:
        for state in states:
            case.call_and_validate(headers={"authorization": "Bearer everything", **state}, checks=CHECKS)

    holds()
