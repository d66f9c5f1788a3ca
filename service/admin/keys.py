"""Endpoints of keys: made, shown once, renewed and revoked.

Nobody makes a key that may do more than they may themselves, nor gets hold of one by renewing it, nor lets it live on.
"""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response
from pydantic import AfterValidator, Field
from typing_extensions import TypedDict

from service.admin.calls import Call, Change, etag_of, requires
from service.admin.escalation import refusals_written, require_no_more
from service.admin.fact_filters import PageFilters
from service.admin.fact_models import Document, Moment
from service.admin.pagination import page_of, read_cursor
from service.errors import BadRequest, Conflict, NotAllowed, NotFound, RequestFault, Unprocessable
from service.storage import keys
from service.storage.key_records import (
    NAME_LIMIT,
    SCOPES,
    KeyRecord,
    KeyRow,
    NewKey,
    Scope,
    Status,
    fault_of_scopes,
    key_row,
    role_names_in,
)

router = APIRouter(prefix="/admin/v1/keys", tags=["keys"])

Managing = Annotated[Call, Depends(requires("keys.manage"))]
SCOPES_LIMIT = len(SCOPES)
GRACE_SECONDS_LIMIT = 7 * 24 * 3600
GRACE_SECONDS = 3600


def _one_line(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise ValueError("a name is one line of text")
    return text


Name = Annotated[str, Field(max_length=NAME_LIMIT), AfterValidator(_one_line)]


class NewKeyBody(Document):
    """A key to be made."""

    name: Name
    """Which gateway, or which automation."""
    scopes: Annotated[list[str], Field(max_length=SCOPES_LIMIT)]
    expires_at: Moment | None = None
    """Null: never."""


class ChangesBody(Document):
    """What is to change of a key; what is left out stays."""

    name: Name | None = None
    expires_at: Moment | None = None
    """Null: never."""


class RotationBody(Document):
    """How a key is to be renewed."""

    grace_seconds: Annotated[int, Field(strict=True, ge=0, le=GRACE_SECONDS_LIMIT)] = GRACE_SECONDS
    """So long the old key stays in force."""


class KeyFilters(PageFilters):
    """Keys that people look for."""

    status: Status | None = None
    scope: Annotated[Scope | None, Field(description="A scope that the key has.")] = None
    name: Annotated[str | None, Field(description="A part of the name, in any case.")] = None
    created_by: Annotated[str | None, Field(description="Id of whoever made it.")] = None


class KeysView(TypedDict):
    """One page of keys, the newest first."""

    items: list[KeyRow]
    next: str | None


class SecretView(TypedDict):
    """A key that was made."""

    key: KeyRow
    secret: str | None
    """The key itself, shown this once; null in the answer to a repeated call."""


class RotationView(SecretView):
    """A key that was made in the place of another."""

    replaced: KeyRow


@router.post("", response_model=SecretView, status_code=201)
def create_key(body: NewKeyBody, call: Managing) -> Response:
    """Make a key. Its text is in this answer, and nowhere else."""
    scopes = frozenset(body.scopes)
    if fault := fault_of_scopes(scopes):
        raise _faulty("/scopes", fault)
    _require_future(body.expires_at, call)
    with refusals_written(call, "key:"), call.write() as change:
        require_no_more(call, role_names_in(scopes))
        record, secret = keys.create(change.writing, NewKey(body.name, scopes, body.expires_at), call.principal.id)
        shown = key_row(record, change.at)
        change.audit("key.create", f"key:{record.id}", after=shown)
        return change.answer(
            201,
            SecretView(key=shown, secret=secret),
            etag=etag_of(record.version),
            location=f"{router.prefix}/{record.id}",
            kept=SecretView(key=shown, secret=None),
        )


@router.get("", response_model=KeysView)
def list_keys(call: Managing, filters: Annotated[KeyFilters, Query()]) -> Response:
    """Keys, the newest first."""
    now = call.admin.clock()
    wanted = keys.KeyFilter(now, filters.status, filters.scope, filters.name, filters.created_by)
    with call.admin.database.reading() as connection:
        found = keys.listed(connection, wanted, _after(filters.cursor), filters.limit + 1)
    return call.read_answer(page_of(found, filters.limit, keys.place_of, item=lambda record: key_row(record, now)))


@router.get("/{key_id}", response_model=KeyRow)
def read_key(key_id: str, call: Managing) -> Response:
    """One key, with when it was last used."""
    with call.admin.database.reading() as connection:
        record = _found(keys.get(connection, key_id), key_id)
    return call.read_answer(key_row(record, call.admin.clock()), etag=etag_of(record.version))


@router.patch("/{key_id}", response_model=KeyRow)
def amend_key(key_id: str, body: ChangesBody, call: Managing) -> Response:
    """Give a key another name or another end (`If-Match`)."""
    with refusals_written(call, f"key:{key_id}"), call.write() as change:
        before = _found(keys.get(change.connection, key_id), key_id)
        call.require_match(etag_of(before.version))
        _require_in_force(before, change)
        name = before.name if body.name is None else body.name
        after = keys.amend(change.writing, before, name=name, expires_at=_end(body, before, call))
        return _answered(change, "key.amend", before, after)


@router.post("/{key_id}/revoke", response_model=KeyRow)
def revoke_key(key_id: str, call: Managing) -> Response:
    """Put a key out of force, for good."""
    with call.write() as change:
        before = _found(keys.get(change.connection, key_id), key_id)
        after = keys.revoke(change.writing, before, call.principal.id)
        return _answered(change, "key.revoke", before, after)


@router.post("/{key_id}/rotate", response_model=RotationView, status_code=201)
def rotate_key(key_id: str, call: Managing, body: RotationBody | None = None) -> Response:
    """Make a key in the place of another, which stays in force for a while."""
    grace = timedelta(seconds=(body or RotationBody()).grace_seconds)
    with refusals_written(call, f"key:{key_id}"), call.write() as change:
        before = _found(keys.get(change.connection, key_id), key_id)
        require_no_more(call, before.role_names)
        _require_in_force(before, change)
        old, new, secret = keys.rotate(change.writing, before, call.principal.id, grace)
        shown, replaced = key_row(new, change.at), key_row(old, change.at)
        change.audit("key.rotate", f"key:{old.id}", before=key_row(before, change.at), after=replaced)
        change.audit("key.create", f"key:{new.id}", after=shown, reason=f"in the place of `{old.id}`")
        return change.answer(
            201,
            RotationView(key=shown, secret=secret, replaced=replaced),
            etag=etag_of(new.version),
            location=f"{router.prefix}/{new.id}",
            kept=RotationView(key=shown, secret=None, replaced=replaced),
        )


def _answered(change: Change, action: str, before: KeyRecord, after: KeyRecord) -> Response:
    shown = key_row(after, change.at)
    if after != before:
        change.audit(action, f"key:{after.id}", before=key_row(before, change.at), after=shown)
    return change.answer(200, shown, etag=etag_of(after.version))


def _found(record: KeyRecord | None, key_id: str) -> KeyRecord:
    if record is None:
        raise NotFound(f"there is no key `{key_id}`")
    return record


def _end(body: ChangesBody, before: KeyRecord, call: Call) -> datetime | None:
    """When a key is to end. To let it live on is to renew it: only whoever might make it may do so."""
    if "expires_at" not in body.model_fields_set:
        return before.expires_at
    _require_future(body.expires_at, call)
    if before.expires_at is not None and (body.expires_at is None or body.expires_at > before.expires_at):
        if before.is_first:
            raise NotAllowed("the first credential ends when it ends: make a key instead")
        require_no_more(call, before.role_names)
    return body.expires_at


def _require_in_force(record: KeyRecord, change: Change) -> None:
    if (status := record.status(change.at)) != "active":
        raise Conflict(f"the key `{record.id}` is {status}: make another one", key=key_row(record, change.at))


def _require_future(expires_at: datetime | None, call: Call) -> None:
    if expires_at is not None and expires_at <= call.admin.clock():
        raise _faulty("/expires_at", "this is past: revoke a key that is to end at once")


def _faulty(at: str, message: str) -> Unprocessable:
    return Unprocessable(f"{at}: {message}", (RequestFault(at, message),))


def _after(cursor: str | None) -> tuple[int, str] | None:
    match read_cursor(cursor):
        case []:
            return None
        case [int(created_at), str(key_id)] if abs(created_at) < 2**63 and key_id.isprintable():
            return created_at, key_id
        case _:
            raise BadRequest("the cursor is none that a page was given with: start without one")
