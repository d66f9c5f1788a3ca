"""What the admin API refuses, as problem documents (RFC 9457), and replays, as they were answered first."""

import json
from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from rules.errors import pointer
from service.admin.calls import Replayed
from service.admin.strict_json import read_json
from service.errors import (
    FAILURE,
    PROBLEM_MEDIA_TYPE,
    BadRequest,
    NotAvailable,
    RequestFault,
    ServiceError,
    Unprocessable,
    headers_of,
    problem,
    problem_of,
)
from service.storage.database import Unavailable

FAULTS_SHOWN = 100

_MESSAGES = {
    "missing": "is missing",
    "extra_forbidden": "is not known here",
    "string_type": "must be text",
    "string_unicode": "holds characters that are none",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "list_type": "must be a list",
    "timezone_aware": "must say its time zone: write `2026-01-31T12:00:00Z`",
}


def add_problem_handlers(api: FastAPI) -> None:
    """Answer every fault of a request by a problem document."""
    api.add_exception_handler(ServiceError, _refused)
    api.add_exception_handler(Unavailable, _unavailable)
    api.add_exception_handler(RequestValidationError, _invalid)
    api.add_exception_handler(HTTPException, _refused_by_framework)
    api.add_exception_handler(Replayed, _replayed)


def refusal(error: ServiceError) -> Response:
    """The answer to a request that is refused."""
    status, document = problem_of(error)
    return _written(document, status, headers_of(error))


def failure() -> Response:
    """The answer where the service itself is at fault."""
    return _written(problem(500, FAILURE), 500, None)


def _written(document: Mapping[str, object], status: int, headers: Mapping[str, str] | None) -> Response:
    """In ASCII: what a message quotes need not be text that UTF-8 can hold."""
    return Response(json.dumps(document), status, headers, PROBLEM_MEDIA_TYPE)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, ServiceError)
    return refusal(error)


async def _unavailable(request: Request, error: Exception) -> Response:
    return refusal(NotAvailable("the database of record does not answer: ask again"))


async def _replayed(request: Request, error: Exception) -> Response:
    assert isinstance(error, Replayed)
    return error.response


async def _refused_by_framework(request: Request, error: Exception) -> Response:
    """What the framework refuses: no such path, no such method, a body that it cannot read."""
    assert isinstance(error, HTTPException)
    if error.status_code == 400:
        return await _unreadable(request)
    headers = {"Allow": _methods(request)} if error.status_code == 405 else error.headers
    return _written(problem(error.status_code, error.detail.lower()), error.status_code, headers)


def _methods(request: Request) -> str:
    """Every method that the path knows, of whichever route. Whoever takes GET is asked by HEAD too."""
    routes: Sequence[APIRoute] = request.app.state.routes
    path = request.scope["path"]
    methods = {method for route in routes if route.path_regex.match(path) for method in route.methods or ()}
    return ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))


async def _unreadable(request: Request) -> Response:
    """The answer to a body that the framework could not read."""
    try:
        read_json(await request.body())
    except BadRequest as error:
        return refusal(error)
    except ClientDisconnect:
        return refusal(BadRequest("the request never came to its end"))
    return refusal(BadRequest("the body cannot be read"))


async def _invalid(request: Request, error: Exception) -> Response:
    """A body that is not JSON, or holds what an endpoint does not take; parameters that are none."""
    assert isinstance(error, RequestValidationError)
    errors = error.errors()
    if errors and errors[0]["type"] == "json_invalid":
        return await _unreadable(request)
    faults = faults_of(errors)
    detail = "; ".join(f"{fault.at}: {fault.message}" if fault.at else fault.message for fault in faults[:5])
    return refusal(Unprocessable(detail, faults))


def faults_of(errors: Sequence[Any]) -> tuple[RequestFault, ...]:
    """Each fault with a JSON Pointer into the body; a parameter is named in the message."""
    return tuple(_fault(error) for error in errors[:FAULTS_SHOWN])


def _fault(error: Any) -> RequestFault:
    place, *steps = error["loc"]
    message = _message(error)
    if place == "body":
        return RequestFault(reduce(pointer, steps, ""), message if steps else f"the body {message}")
    return RequestFault("", f"the {place} parameter `{'.'.join(map(str, steps))}` {message}")


def _message(error: Any) -> str:
    context = error.get("ctx", {})
    match error["type"]:
        case "literal_error" | "enum":
            return f"must be {str(context['expected']).replace(chr(39), '`')}"
        case "string_too_long":
            return f"is longer than {context['max_length']} characters"
        case "string_too_short":
            return f"is shorter than {context['min_length']} characters"
        case "string_pattern_mismatch":
            return f"does not match `{context['pattern']}`"
        case "greater_than_equal":
            return f"must be {context['ge']} or more"
        case "less_than_equal":
            return f"must be {context['le']} or less"
        case "value_error":
            return str(context.get("error", error["msg"]))
        case kind:
            return _MESSAGES.get(kind) or str(error["msg"]).lower()
