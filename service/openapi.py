"""What the OpenAPI document says of each endpoint: shapes from the models, errors from the table of statuses."""

from collections.abc import Iterable
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import JsonSchemaMode

from service.errors import PROBLEM_MEDIA_TYPE, TITLES
from service.gateways.authzen_models import (
    Configuration,
    Evaluation,
    EvaluationAnswer,
    EvaluationsAnswer,
    EvaluationsDocument,
    ProblemDocument,
)
from service.status import Readiness

_REFERENCE = "#/components/schemas/{model}"

REQUEST_ID = "X-Request-ID"

_MODELS: dict[str, tuple[TypeAdapter[Any], JsonSchemaMode]] = {
    "Evaluation": (TypeAdapter(Evaluation), "validation"),
    "EvaluationsDocument": (TypeAdapter(EvaluationsDocument), "validation"),
    "EvaluationAnswer": (TypeAdapter(EvaluationAnswer), "serialization"),
    "EvaluationsAnswer": (TypeAdapter(EvaluationsAnswer), "serialization"),
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
    content = {"application/json": {"schema": _reference(model)}}
    return {"requestBody": {"required": True, "content": content}, "parameters": [_EXPLAIN, _REQUEST_ID]}


def _reference(model: str) -> dict[str, str]:
    return {"$ref": _REFERENCE.format(model=model)}
