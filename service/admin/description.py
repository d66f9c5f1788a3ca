"""What the OpenAPI document says beyond what the framework knows: problems, preconditions, repeats, and their headers.

Which of them an operation has follows from its method and path. `Traits` says how.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from service.errors import PROBLEM_MEDIA_TYPE, TITLES

NDJSON = "application/x-ndjson"
READ_BY_POST = ("/audit/verify", "/drafts/{id}/check")
"""Ends of paths whose POST changes nothing."""
_MEANT = ("/end", "/submit", "/approve", "/reject", "/withdraw", "/schedule", "/unschedule", "/publish")
"""Ends of paths whose POST asks for `If-Match`."""
_MAY_BE_MEANT = ("/rollback", "/break-glass")
_IN_STATES = (
    "/admin/v1/drafts/{id}",
    "/admin/v1/keys/{key_id}",
    "/admin/v1/rulesets/{id}/rollback",
    "/admin/v1/rulesets/{id}/break-glass",
)
"""Beginnings of paths whose changes do not fit every state; it always does to revoke a key."""
_STATELESS = ("/admin/v1/roles", "/admin/v1/decisions", "/admin/v1/imports", "/admin/v1/facts/batch")
"""What has no entity tag."""
_SHOWN_WHOLE = ("/admin/v1/drafts/{id}", "/admin/v1/rulesets/{id}")
"""What is never answered by 304: it shows more than the state that its tag stands for."""

_TEXT = {"type": "string"}
_HEADERS: dict[str, dict[str, Any]] = {
    "ETag": {"description": "Stands for the state that the object is in.", "schema": _TEXT},
    "Cordon-Position": {
        "description": "How far the record has come: as `context.at_least` of a question, it is answered from no less.",
        "schema": _TEXT,
    },
    "Location": {"description": "Where it is.", "schema": _TEXT},
    "Idempotent-Replayed": {"description": "`true` where the call was answered before.", "schema": _TEXT},
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}},
    "WWW-Authenticate": {"description": "`Bearer`.", "schema": _TEXT},
}
_PARAMETERS = {
    "If-Match": "The `ETag` of the state that is meant; `*` for whatever state it is in.",
    "If-None-Match": "To create: `*`, it must not be there yet. To read: the `ETag` that one has.",
    "Idempotency-Key": "1 to 200 visible characters of ASCII: a repeat under the same key is not done again.",
}
_FAULT = {
    "type": "object",
    "required": ["at", "message"],
    "properties": {
        "at": {"type": "string", "description": "JSON Pointer to the faulty value."},
        "message": _TEXT,
        "file": _TEXT,
        "line": {"type": "integer"},
        "column": {"type": "integer"},
    },
}
_PROBLEM = {
    "type": "object",
    "title": "Problem",
    "description": "A problem document (RFC 9457). Of a conflict, further members say what it conflicts with.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": _TEXT,
        "title": _TEXT,
        "status": {"type": "integer"},
        "detail": _TEXT,
        "errors": {"type": "array", "items": _FAULT},
    },
}
_OF_FRAMEWORK = ("HTTPValidationError", "ValidationError")


@dataclass(frozen=True, slots=True)
class Traits:
    """What bears on one operation."""

    method: str
    """In upper case."""
    path: str
    takes_input: bool
    """Parameters or a body."""

    @property
    def writes(self) -> bool:
        return self.method != "GET" and not self.path.endswith(READ_BY_POST)

    @property
    def creates_by_put(self) -> bool:
        """Answers 201 where it was not there yet."""
        return self.method == "PUT" and not self.path.startswith("/admin/v1/drafts")

    @property
    def has_state(self) -> bool:
        return not self.path.startswith(_STATELESS)

    @property
    def asks_for_state(self) -> bool:
        """`If-Match` must be sent where it is there already."""
        by_method = self.method in ("PUT", "PATCH", "DELETE")
        return self.has_state and (by_method or (self.method == "POST" and self.path.endswith(_MEANT)))

    @property
    def takes_state(self) -> bool:
        return self.asks_for_state or self.path.endswith(_MAY_BE_MEANT)

    @property
    def shows_state(self) -> bool:
        """Answers hold an `ETag`."""
        if self.method == "GET":
            return self.has_state and self.path.endswith("}")
        return self.writes and self.has_state and self.method != "DELETE"

    @property
    def may_be_unchanged(self) -> bool:
        return self.method == "GET" and self.shows_state and self.path not in _SHOWN_WHOLE

    @property
    def headers(self) -> Iterator[str]:
        """Those that may be sent."""
        if self.takes_state:
            yield "If-Match"
        if self.may_be_unchanged or (self.creates_by_put and self.has_state):
            yield "If-None-Match"
        if self.writes:
            yield "Idempotency-Key"

    @property
    def problems(self) -> Iterator[int]:
        """The statuses by which it may be refused."""
        is_batch = self.path == "/admin/v1/facts/batch"
        yield from (400, 401, 403, 429, 503)
        if "{" in self.path or is_batch or self.path.startswith("/admin/v1/decisions"):
            yield 404
        if self.writes and self.path.startswith(_IN_STATES) and not self.path.endswith("/revoke"):
            yield 409
        if self.takes_state or is_batch:
            yield 412
        if self.method != "GET":
            yield 413
        if self.takes_input or self.writes:
            yield 422
        if self.asks_for_state or is_batch:
            yield 428


def complete(document: dict[str, Any]) -> dict[str, Any]:
    """The framework's document, with what it does not know."""
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            takes_input = bool(operation.get("parameters")) or "requestBody" in operation
            _describe(operation, Traits(method.upper(), path, takes_input))
    components = document["components"]
    for name in _OF_FRAMEWORK:
        components["schemas"].pop(name, None)
    components["schemas"]["Problem"] = _PROBLEM
    components["headers"] = _HEADERS
    return document


def _describe(operation: dict[str, Any], traits: Traits) -> None:
    answers = operation["responses"]
    answers.pop("422", None)
    if traits.creates_by_put:
        answers["201"] = {**answers["200"], "description": "Created"}
    if traits.path.endswith("/export"):
        answers["200"]["content"] = {NDJSON: {"schema": {"type": "string"}}}
    for status, answer in answers.items():
        answer["headers"] = _references(_answered(traits, status))
    if traits.may_be_unchanged:
        answers["304"] = {"description": "It has the state that the reader has", "headers": _references(["ETag"])}
    answers.update({str(status): _problem(status) for status in sorted(traits.problems)})
    sent = [_parameter(name) for name in traits.headers]
    if sent:
        operation["parameters"] = [*operation.get("parameters", ()), *sent]
    if traits.path == "/admin/v1/imports" and traits.method == "POST":
        file = {"schema": {"type": "string", "format": "binary"}}
        operation["requestBody"] = {"required": True, "content": {"application/octet-stream": file}}


def _answered(traits: Traits, status: str) -> Iterator[str]:
    """The headers of an answer that is none of a refusal."""
    if traits.shows_state:
        yield "ETag"
    if traits.writes or traits.path == "/admin/v1/instances":
        yield "Cordon-Position"
    if traits.writes:
        yield "Idempotent-Replayed"
    if status == "202" or (status == "201" and traits.has_state):
        yield "Location"


def _problem(status: int) -> dict[str, Any]:
    content = {PROBLEM_MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    answer: dict[str, Any] = {"description": TITLES[status], "content": content}
    if status == 401:
        answer["headers"] = _references(["WWW-Authenticate"])
    if status in (429, 503):
        answer["headers"] = _references(["Retry-After"])
    return answer


def _references(names: Iterable[str]) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _parameter(name: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": False, "description": _PARAMETERS[name], "schema": _TEXT}
