"""Endpoints of the case files that a rule set must pass before it is published."""

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import Response
from sqlalchemy import Connection

from service.admin.calls import Call, Change, etag_of, requires
from service.admin.fact_models import shown
from service.admin.ruleset_models import (
    CaseFileBody,
    CaseFilePage,
    CaseFileSummary,
    CaseFileView,
    CasesPath,
    RuleSetPath,
)
from service.errors import NotFound, PreconditionFailed, PreconditionRequired, Unprocessable
from service.publishing.case_runs import case_file_faults
from service.publishing.checks import held_by_cases_of
from service.storage import case_files
from service.storage.case_files import AttachedCases, the_case_file
from service.storage.database import moment_of
from service.storage.open_drafts import void_approvals
from service.storage.rulesets import is_known_to

router = APIRouter(prefix="/admin/v1/rulesets/{id}/cases", tags=["case files"])

Reading = Annotated[Call, Depends(requires("rulesets.read"))]
Editing = Annotated[Call, Depends(requires("cases.edit"))]


@router.get("", response_model=CaseFilePage)
def list_case_files(id: RuleSetPath, call: Reading) -> Response:
    """The case files of a rule set."""
    with call.admin.database.reading() as connection:
        _require_known(connection, id, call)
        found = case_files.attached(connection, [id])
    return call.read_answer(CaseFilePage(items=[_summary(cases) for cases in found]))


@router.get("/{name}", response_model=CaseFileView)
def read_case_file(id: RuleSetPath, name: CasesPath, call: Reading) -> Response:
    """A case file."""
    with call.admin.database.reading() as connection:
        cases = the_case_file(connection, id, name)
    return call.read_answer(_view(cases), etag=_etag(cases))


@router.put("/{name}", response_model=CaseFileView)
def put_case_file(id: RuleSetPath, name: CasesPath, body: CaseFileBody, call: Editing) -> Response:
    """Attach a case file, or replace one. It counts at once; approvals of drafts that must pass it count no more."""
    faults = case_file_faults(AttachedCases(id, name, body.text))
    if faults:
        raise Unprocessable("the case file cannot be run", faults)
    with call.write() as change:
        _require_known(change.connection, id, call)
        former = case_files.find(change.connection, id, name)
        _require_meant(call, former)
        cases = case_files.attach(change.writing, id, name, body.text, call.principal.id)
        before = former and {"text": former.text}
        change.audit("cases.put", f"cases:{id}/{name}", before=before, after={"text": body.text})
        if former is None or former.text != body.text:
            _void_approvals(change, id, name)
        status, location = (200, None) if former else (201, f"/admin/v1/rulesets/{id}/cases/{name}")
        return change.answer(status, _view(cases), etag=_etag(cases), location=location)


@router.delete("/{name}", status_code=204, response_class=Response)
def delete_case_file(id: RuleSetPath, name: CasesPath, call: Editing) -> Response:
    """Detach a case file: drafts need not pass it any more, and approvals that they had with it count no more."""
    with call.write() as change:
        former = the_case_file(change.connection, id, name)
        call.require_match(_etag(former))
        case_files.detach(change.writing, id, name)
        change.audit("cases.delete", f"cases:{id}/{name}", before={"text": former.text})
        _void_approvals(change, id, name)
        return change.answer(204, None)


def _require_known(connection: Connection, id: str, call: Call) -> None:
    if not is_known_to(connection, id, call.principal.id):
        raise NotFound(f"there is no rule set `{id}`")


def _void_approvals(change: Change, id: str, name: str) -> None:
    """Let drafts that these cases can hold back be approved again: who approved relied on others."""
    held = held_by_cases_of(change.connection, id)
    reason = f"the case file `{name}` of `{id}` changed"
    void_approvals(change.writing, held, actor=change.call.principal.id, reason=reason)


def _require_meant(call: Call, former: AttachedCases | None) -> None:
    if former is not None:
        call.require_absent(_etag(former))
        return call.require_match(_etag(former))
    if call.if_match is not None:
        raise PreconditionFailed("there is none any more, or not yet: send `If-None-Match: *` to create it")
    if (call.if_none_match or "").strip() != "*":
        raise PreconditionRequired("there is none yet: send `If-None-Match: *` to create it")
    return None


def _etag(cases: AttachedCases) -> str:
    return etag_of(cases.updated_at)


def _summary(cases: AttachedCases) -> CaseFileSummary:
    at = shown(moment_of(cases.updated_at))
    return CaseFileSummary(name=cases.name, version=cases.version, updated_at=at, updated_by=cases.updated_by)


def _view(cases: AttachedCases) -> CaseFileView:
    return CaseFileView(**_summary(cases), ruleset=cases.ruleset, text=cases.text)
