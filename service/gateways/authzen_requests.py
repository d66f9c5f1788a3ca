"""Bodies of AuthZEN requests -> access requests, or a fault in words for their sender. Never any other exception."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from typing import Any, Literal, NoReturn, TypeAlias, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from rules.errors import pointer
from rules.facts import AccountId, EntityId, ResourceId
from rules.geography import Jurisdiction, fault_of
from rules.times import parse_duration, parse_instant
from service.decide import AccessRequest, InlineFacts
from service.errors import BadRequest, NotAllowed, RequestFault
from service.gateways.authzen_models import Context, Evaluation, Evaluations, SubjectProperties

ACCOUNT = "account"
"""The one type of subject that can be registered."""

OWN_FACTS = frozenset(("entity", "declared"))
"""Properties of a subject that are said in place of what is registered."""

ADDRESS_LIMIT = 256
"""Longer text names no address."""
FAULTS_SHOWN = 20
_FAULTY_NAME = "[key]"

Permission: TypeAlias = Literal["time", "facts", "explain", "search"]
Permissions: TypeAlias = frozenset[Permission]

T = TypeVar("T")

_EVALUATION: TypeAdapter[Evaluation] = TypeAdapter(Evaluation)
_EVALUATIONS: TypeAdapter[Evaluations] = TypeAdapter(Evaluations)
_DATE_LENGTH = len("2026-01-31")


@dataclass(frozen=True, slots=True)
class Caller:
    """What the sender may ask, and when it asked."""

    may: Permissions
    now: datetime
    is_told_why: bool = False
    """It asks for explanations."""


def read_evaluation(body: bytes) -> Evaluation:
    """One question.

    Raises:
        BadRequest: the body is not JSON, or not a question.
    """
    return read_json(_EVALUATION, body)


def read_evaluations(body: bytes) -> Evaluations:
    """Several questions, each of them still to be read.

    Raises:
        BadRequest: the body is not JSON, or its frame is faulty.
    """
    return read_json(_EVALUATIONS, body)


def read_item(defaults: Mapping[str, Any], item: object) -> Evaluation:
    """One question of several; a member of its own replaces the default whole.

    Raises:
        BadRequest: it is not a question even so.
    """
    if not isinstance(item, dict):
        raise BadRequest("an evaluation must be an object")
    try:
        return _EVALUATION.validate_python({**defaults, **item}, strict=True)
    except ValidationError as invalid:
        _refuse(invalid)


def access_request(evaluation: Evaluation, caller: Caller) -> AccessRequest:
    """What is asked, in Cordon's own terms.

    Raises:
        BadRequest: a fact is not what it says it is.
        NotAllowed: it holds what this caller may not give.
    """
    subject, context = evaluation["subject"], evaluation.get("context") or Context()
    _require_text("/subject/id", subject["id"])
    _require_text("/resource/id", evaluation["resource"]["id"])
    is_account = subject["type"] == ACCOUNT
    return AccessRequest(
        account=AccountId(subject["id"] if is_account else f"{subject['type']}:{subject['id']}"),
        resource=ResourceId(evaluation["resource"]["id"]),
        at=_time(context, caller),
        address=_address(context),
        action=evaluation["action"]["name"],
        foreign=not is_account,
        inline=_inline(subject.get("properties"), caller),
        activity=_activity(context, caller),
        asked_at=caller.now,
        at_least=context.get("at_least"),
        known_at=_known_at(context, caller),
    )


def _require_text(at: str, id: str) -> None:
    """An id that not every database can hold is refused by all: else one knows nothing of it, and another fails."""
    if "\0" in id:
        raise fault(at, "holds a null character")


def _address(context: Context) -> str | None:
    address = context.get("ip")
    return address if address is None or len(address) <= ADDRESS_LIMIT else ""


def _time(context: Context, caller: Caller) -> datetime:
    if "time" not in context:
        return caller.now
    _require("time", caller, "`context.time`")
    return _instant("/context/time", context["time"])


def _known_at(context: Context, caller: Caller) -> datetime | None:
    if "known_at" not in context:
        return None
    _require("time", caller, "`context.known_at`")
    if not caller.is_told_why:
        raise fault("/context/known_at", "decisions are made from what is known now: ask with `explain=true`")
    known_at = _instant("/context/known_at", context["known_at"])
    if known_at > caller.now:
        raise fault("/context/known_at", "nobody knows yet what will be known then")
    return known_at


def _instant(at: str, text: str) -> datetime:
    try:
        if len(text) <= _DATE_LENGTH:
            raise ValueError(f"`{text}` is not a time: write `2026-01-31T12:00:00Z`")
        return parse_instant(text)
    except ValueError as error:
        raise fault(at, str(error)) from None


def _inline(properties: SubjectProperties | None, caller: Caller) -> InlineFacts | None:
    if not properties or OWN_FACTS.isdisjoint(properties):
        return None
    _require("facts", caller, "`subject.properties.entity` and `subject.properties.declared`")
    entity, declared = properties.get("entity"), properties.get("declared")
    return InlineFacts(
        entity=None if entity is None else EntityId(entity),
        declared=None if declared is None else {signal: _code(signal, code) for signal, code in declared.items()},
    )


def _code(signal: str, code: str) -> Jurisdiction:
    if wrong := fault_of(code):
        raise fault(pointer("/subject/properties/declared", signal), wrong)
    return Jurisdiction(code)


def _activity(context: Context, caller: Caller) -> dict[tuple[str, timedelta], int]:
    if "activity" not in context:
        return {}
    _require("facts", caller, "`context.activity`")
    activity: dict[tuple[str, timedelta], int] = {}
    for count, windows in context["activity"].items():
        for window, number in windows.items():
            activity[count, _duration(count, window)] = number
    return activity


def _duration(count: str, window: str) -> timedelta:
    try:
        return parse_duration(window)
    except ValueError as error:
        raise fault(pointer(pointer("/context/activity", count), window), str(error)) from None


def _require(permission: Literal["time", "facts"], caller: Caller, what: str) -> None:
    if permission not in caller.may:
        raise NotAllowed(f"this caller may not set {what}")


def fault(at: str, message: str) -> BadRequest:
    """A fault of one value of a body."""
    return BadRequest(f"{at}: {message}", (RequestFault(at, message),))


def read_json(adapter: TypeAdapter[T], body: bytes) -> T:
    """A body of this shape.

    Raises:
        BadRequest: it is not JSON, or of another shape.
    """
    if b"NaN" in body or b"Infinity" in body:
        _refuse_what_is_no_number(body)
    try:
        return adapter.validate_json(body, strict=True)
    except ValidationError as invalid:
        _refuse(invalid)


def _refuse_what_is_no_number(body: bytes) -> None:
    """RFC 8259 section 6 has no such numbers, but the fast reader takes them."""
    try:
        json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return  # the fast reader finds the same fault, and says where


def _refuse_constant(word: str) -> NoReturn:
    message = f"the body is not JSON: `{word}` is not a number"
    raise BadRequest(message, (RequestFault("", message),))


def _refuse(invalid: ValidationError) -> NoReturn:
    errors = invalid.errors(include_url=False, include_input=False)
    faults = tuple(RequestFault(_at(error), _message(error)) for error in errors[:FAULTS_SHOWN])
    detail = "; ".join(f"{found.at}: {found.message}" if found.at else found.message for found in faults)
    raise BadRequest(detail, faults)


def _at(error: ErrorDetails) -> str:
    """JSON Pointer to the fault; to the member whose name is faulty, which the validator marks by a step of its own."""
    steps = error["loc"]
    if error["type"] == "literal_error" and steps[-1:] == (_FAULTY_NAME,):
        steps = steps[:-1]
    return reduce(pointer, steps, "")


_MESSAGES = {
    "missing": "is missing",
    "string_type": "must be text",
    "dict_type": "must be an object",
    "list_type": "must be a list",
    "int_type": "must be a whole number, 0 or more",
    "greater_than_equal": "must be a whole number, 0 or more",
}


def _message(error: ErrorDetails) -> str:
    context = error.get("ctx", {})
    match error["type"]:
        case "json_invalid":
            return f"the body is not JSON: {context.get('error', 'it cannot be read')}"
        case "literal_error":
            return f"must be {str(context['expected']).replace(chr(39), '`')}"
        case "string_too_long":
            return f"is longer than {context['max_length']} characters"
        case kind:
            return _MESSAGES.get(kind) or error["msg"].lower()
