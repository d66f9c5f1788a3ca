"""Many changes of facts in one call: all of them, or none. Every fault of every operation is found at once."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import ValidationError

from service.admin.accounts import ACCOUNT
from service.admin.calls import Change
from service.admin.entities import ENTITY
from service.admin.fact_models import BatchBody, BatchView, Changed, Document, EndBody, Kind, Operation
from service.admin.facts import Editing, FactKind, View, ended, etag_of_view, found_all, new_id
from service.admin.interests import INTEREST
from service.admin.listings import LISTING
from service.admin.problems import faults_of
from service.admin.resources import RESOURCE
from service.errors import NotFound, PreconditionFailed, PreconditionRequired, RequestFault, Unprocessable

router = APIRouter(prefix="/admin/v1/facts", tags=["facts"])

KINDS: Mapping[Kind, FactKind[Any]] = {
    "entity": ENTITY,
    "interest": INTEREST,
    "listing": LISTING,
    "account": ACCOUNT,
    "resource": RESOURCE,
}
NAMED_BY_US: frozenset[Kind] = frozenset({"interest", "listing"})
"""Kinds that are given an id where a client gives none; they also end in the world."""
ANY = "*"


@dataclass(frozen=True, slots=True)
class Step:
    """One operation that is sound in itself."""

    at: str
    """JSON Pointer to it."""
    operation: Operation
    kind: FactKind[Any]
    id: str
    body: Document | None = None
    end: datetime | None = None

    @property
    def object(self) -> str:
        return self.kind.object(self.id)

    @property
    def action(self) -> str:
        return f"{self.kind.name}.{self.operation.op}"


@router.post("/batch", response_model=BatchView)
def change_facts(call: Editing, batch: BatchBody) -> Response:
    """Make all these changes in one transaction, in their order, or none."""
    steps = _steps(batch)
    with call.write() as change:
        before = _recorded(change, steps)
        for step in steps:
            _require_meant(step, before.get(step.object))
        _take(change, steps, before)
        after = _recorded(change, steps)
        for step in steps:
            was, is_now = before.get(step.object), after.get(step.object)
            change.audit(step.action, step.object, before=was, after=is_now, reason=batch.reason)
        view: BatchView = {"items": [_changed(step, after.get(step.object)) for step in steps]}
        return change.answer(200, view)


def _recorded(change: Change, steps: Sequence[Step]) -> dict[str, View]:
    """What is recorded of everything that the steps change, by object."""
    views: dict[str, View] = {}
    for kind in KINDS.values():
        ids = [step.id for step in steps if step.kind is kind]
        for id, view in found_all(change.connection, kind, ids).items() if ids else ():
            views[kind.object(id)] = view
    return views


def _steps(batch: BatchBody) -> list[Step]:
    """The operations, each read by the model of its kind.

    Raises:
        Unprocessable: with every fault.
    """
    faults: list[RequestFault] = []
    steps: list[Step] = []
    seen: dict[str, str] = {}
    for index, operation in enumerate(batch.operations):
        at = f"/operations/{index}"
        wrong = list(_faults(operation, at, seen))
        faults += wrong
        if not wrong:
            steps.append(_step(operation, at))
    if faults:
        raise Unprocessable(f"{faults[0].at}: {faults[0].message}", tuple(faults))
    return steps


def _faults(operation: Operation, at: str, seen: dict[str, str]) -> Iterator[RequestFault]:
    if operation.id is None and (operation.op != "put" or operation.kind not in NAMED_BY_US):
        yield RequestFault(f"{at}/id", "is missing")
    if operation.id is not None:
        object = f"{operation.kind}:{operation.id}"
        if object in seen:
            yield RequestFault(at, f"`{object}` is changed by `{seen[object]}` already")
        seen.setdefault(object, at)
    if operation.op == "end" and operation.kind not in NAMED_BY_US:
        yield RequestFault(f"{at}/op", f"one of the kind `{operation.kind}` does not end: put it as it is now")
    if operation.op == "delete":
        if operation.body is not None:
            yield RequestFault(f"{at}/body", "is not known here")
    elif operation.body is None:
        yield RequestFault(f"{at}/body", "is missing")
    else:
        yield from _body_faults(operation, at)


def _body_faults(operation: Operation, at: str) -> Iterator[RequestFault]:
    try:
        _model(operation).model_validate(operation.body)
    except ValidationError as error:
        place = ("body", *at.split("/")[1:], "body")
        yield from faults_of([{**fault, "loc": (*place, *fault["loc"])} for fault in error.errors()])


def _model(operation: Operation) -> type[Document]:
    return EndBody if operation.op == "end" else KINDS[operation.kind].body


def _step(operation: Operation, at: str) -> Step:
    kind, id = KINDS[operation.kind], operation.id or new_id()
    if operation.op == "delete":
        return Step(at, operation, kind, id)
    body = _model(operation).model_validate(operation.body)
    if isinstance(body, EndBody):
        return Step(at, operation, kind, id, end=body.end)
    return Step(at, operation, kind, id, body)


def _take(change: Change, steps: Sequence[Step], before: Mapping[str, View]) -> None:
    """Make the changes in their order, those of one kind that stand together at once."""
    for (name, is_deletion), alike in groupby(steps, lambda step: (step.kind.name, step.operation.op == "delete")):
        if is_deletion:
            for step in alike:
                step.kind.retract(change.writing, step.id)
        else:
            KINDS[name].put(change.writing, {step.id: _body(step, before) for step in alike})


def _body(step: Step, before: Mapping[str, View]) -> Document:
    """What is to be recorded."""
    if step.end is not None:
        ending: Document = ended(step.kind, before[step.object], step.end, at=f"{step.at}/body")
        return ending
    assert step.body is not None
    return step.body


def _require_meant(step: Step, before: View | None) -> None:
    """Go on only if what is recorded is what the operation means."""
    meant, is_put = step.operation.if_match, step.operation.op == "put"
    if before is None:
        if not is_put:
            raise NotFound(f"{step.at}: no {step.kind.name} `{step.id}` is recorded")
        if meant not in (None, ANY):
            raise PreconditionFailed(f"{step.at}: there is none any more, or not yet")
        return
    etag = etag_of_view(before)
    if meant is None and not is_put:
        raise PreconditionRequired(f"{step.at}: say which state you mean to change: its `ETag` as `if_match`")
    if meant not in (etag, ANY):
        raise PreconditionFailed(f"{step.at}: {'it is there already' if meant is None else 'it has changed'}: {etag}")


def _changed(step: Step, after: View | None) -> Changed:
    etag = None if after is None else etag_of_view(after)
    return {"op": step.operation.op, "kind": step.kind.name, "id": step.id, "etag": etag}
