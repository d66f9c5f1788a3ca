"""What the OpenAPI document says of each endpoint: shapes from the models, errors from the table of statuses."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import JsonSchemaMode

from service.errors import PROBLEM_MEDIA_TYPE, TITLES
from service.gateways.authzen_models import (
    ActionSearch,
    ActionsFound,
    Configuration,
    Evaluation,
    EvaluationAnswer,
    EvaluationsAnswer,
    EvaluationsDocument,
    MembersFound,
    ProblemDocument,
    ResourceSearch,
    SubjectSearch,
)
from service.status import Readiness

_REFERENCE = "#/components/schemas/{model}"

REQUEST_ID = "X-Request-ID"

_MODELS: dict[str, tuple[TypeAdapter[Any], JsonSchemaMode]] = {
    "Evaluation": (TypeAdapter(Evaluation), "validation"),
    "EvaluationsDocument": (TypeAdapter(EvaluationsDocument), "validation"),
    "EvaluationAnswer": (TypeAdapter(EvaluationAnswer), "serialization"),
    "EvaluationsAnswer": (TypeAdapter(EvaluationsAnswer), "serialization"),
    "SubjectSearch": (TypeAdapter(SubjectSearch), "validation"),
    "ResourceSearch": (TypeAdapter(ResourceSearch), "validation"),
    "ActionSearch": (TypeAdapter(ActionSearch), "validation"),
    "MembersFound": (TypeAdapter(MembersFound), "serialization"),
    "ActionsFound": (TypeAdapter(ActionsFound), "serialization"),
    "Configuration": (TypeAdapter(Configuration), "serialization"),
    "Readiness": (TypeAdapter(Readiness), "serialization"),
    "ProblemDocument": (TypeAdapter(ProblemDocument), "serialization"),
}

_REQUEST_ID: dict[str, Any] = {
    "name": REQUEST_ID,
    "in": "header",
    "required": False,
    "description": "Comes back on the answer.",
    "schema": {"type": "string"},
}
_ECHO: dict[str, Any] = {
    "description": "That of the request, if it has one.",
    "required": False,
    "schema": {"type": "string"},
}
_GATEWAY_HEADERS = (
    ("X-Cordon-Account", "Id of the account, unless the route names another header."),
    ("X-Cordon-Client-Address", "Address of the client, unless the route names another header."),
    ("X-Cordon-Resource", "Where the route asks for it."),
    ("X-Cordon-Action", "Where the route asks for it."),
    ("X-Cordon-Key", "The gateway's key, where keys are required."),
    ("Accept", "That of the client: how it is told of a denial."),
    ("Accept-Language", "That of the client."),
)
_EXPLAIN: dict[str, Any] = {
    "name": "explain",
    "in": "query",
    "required": False,
    "description": "Add the trace to each answer; only where the caller may.",
    "schema": {"type": "string", "enum": ["true", "false"], "default": "false"},
}


def complete(document: dict[str, Any]) -> dict[str, Any]:
    """The framework's document, with what it does not know: the shapes, and the header that every answer may have."""
    document["components"] = {"schemas": _schemas(), "headers": {REQUEST_ID: _ECHO}}
    for path in document["paths"].values():
        for operation in path.values():
            for answer in operation["responses"].values():
                answer["headers"] = {REQUEST_ID: {"$ref": f"#/components/headers/{REQUEST_ID}"}}
    return document


def _schemas() -> dict[str, Any]:
    """The components that the endpoints refer to."""
    inputs = [(name, mode, adapter) for name, (adapter, mode) in _MODELS.items()]
    _, document = TypeAdapter.json_schemas(inputs, ref_template=_REFERENCE)
    return dict(document["$defs"])


def json_answer(model: str, description: str) -> dict[str, Any]:
    """An answer of this shape."""
    return {"description": description, "content": {"application/json": {"schema": _reference(model)}}}


def problems(statuses: Iterable[int]) -> dict[int | str, dict[str, Any]]:
    """The errors of an endpoint."""
    content = {PROBLEM_MEDIA_TYPE: {"schema": _reference("ProblemDocument")}}
    return {status: {"description": TITLES[status], "content": content} for status in statuses}


def question(model: str) -> dict[str, Any]:
    """The body and parameters of an endpoint that decides."""
    return {**_asking(model), "parameters": [_EXPLAIN, _REQUEST_ID]}


def gateway_request() -> dict[str, Any]:
    """What a gateway says of the request in front of it. Whatever its method and body, they say nothing."""
    route = {"name": "route", "in": "path", "required": True, "schema": {"type": "string"}}
    return {"parameters": [route, *(_header(*each) for each in _GATEWAY_HEADERS), _REQUEST_ID]}


def _header(name: str, description: str) -> dict[str, Any]:
    schema = {"type": "string"}
    return {"name": name, "in": "header", "required": False, "description": description, "schema": schema}


def permission() -> dict[int | str, dict[str, Any]]:
    """The answer to a gateway that may let a request through: headers, and no body."""
    return {200: {"description": "The request may go on. Headers say what was decided; there is no body."}}


def stopped(statuses: Iterable[int]) -> dict[int | str, dict[str, Any]]:
    """The answers to a gateway that may not: what the client is to get, or what is wrong with the question."""
    content = {
        PROBLEM_MEDIA_TYPE: {"schema": _reference("ProblemDocument")},
        "text/html": {"schema": {"type": "string"}},
    }
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}


def search(model: str) -> dict[str, Any]:
    """The body and parameters of an endpoint that searches."""
    return {**_asking(model), "parameters": [_REQUEST_ID]}


def _asking(model: str) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": _reference(model)}}}}


def _reference(model: str) -> dict[str, str]:
    return {"$ref": _REFERENCE.format(model=model)}
