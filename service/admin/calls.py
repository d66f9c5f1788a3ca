"""One call of the admin API: who sends it and whether they may; then what it writes, once and all of it.

A call that bears an `Idempotency-Key` is answered once: its answer is stored in the transaction that makes the change,
and a repeat within a day is answered from there. Writers follow one another, so a repeat that arrives while the first
is under way waits for it. What fails stores nothing.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from pydantic_core import to_json
from sqlalchemy import Connection, delete, insert, select
from starlette.requests import ClientDisconnect

from service.admin.characters import refuse_in_body, refuse_in_target
from service.admin.context import Admin
from service.admin.permissions import Function, may
from service.admin.principals import Principal
from service.errors import (
    BadRequest,
    NotAllowed,
    NotAuthenticated,
    PreconditionFailed,
    PreconditionRequired,
    Unprocessable,
)
from service.storage.audit import Entry, append
from service.storage.database import Writing, micros, moment_of
from service.storage.schema import idempotency

POSITION_HEADER = "Cordon-Position"
"""In answers to writers: the token that makes a reader see at least this change."""
REPLAYED_HEADER = "Idempotent-Replayed"

ANSWERS_KEPT = timedelta(hours=24)
"""For so long a repeated call is answered with the answer to the first."""
_KEY = re.compile(r"[\x21-\x7e]{1,200}", re.ASCII)
_ETAG = re.compile(r'(W/)?"([\x21\x23-\x7e]*)"', re.ASCII)
_LOCATION_SAFE = "/?&=%:@!$'()*+,;~"


class Replayed(Exception):
    """The call was answered before: this is the answer."""

    def __init__(self, response: Response) -> None:
        super().__init__("answered before")
        self.response = response


def etag_of(version: object) -> str:
    """The strong entity tag of a state that its number or digest names."""
    return f'"{version}"'


@dataclass(frozen=True, slots=True)
class Requires:
    """The dependency of an endpoint: whoever sends the request may do this, or is refused."""

    function: Function
    is_streamed: bool = False
    """The endpoint reads the body itself, piece by piece; a repeat is then known by its length alone."""

    async def __call__(self, request: Request) -> "Call":
        admin: Admin = request.app.state.admin
        refuse_in_target(request.scope)
        principal = await run_in_threadpool(_authorised, admin, self.function, request)
        return Call(
            admin=admin,
            principal=principal,
            method=request.method,
            path=_path(request),
            digest=await _digest(request, self.is_streamed),
            headers={name.lower(): value for name, value in request.headers.items() if name.lower() in _READ},
        )


_READ = ("if-match", "if-none-match", "idempotency-key")


def requires(function: Function, *, is_streamed: bool = False) -> Requires:
    """What an endpoint depends on: `call: Annotated[Call, Depends(requires("facts.read"))]`."""
    return Requires(function, is_streamed)


def _authorised(admin: Admin, function: Function, request: Request) -> Principal:
    address = request.client.host if request.client else ""
    try:
        principal = admin.authenticate(request)
    except NotAuthenticated as error:
        admin.refuse(_refusal("unknown", function, address, reason=str(error)))
        raise
    if not may(principal, function):
        message = f"none of your roles may do this: `{function}`"
        admin.refuse(_refusal(principal.id, function, principal.address, reason=message))
        raise NotAllowed(message)
    return principal


def _refusal(actor: str, function: Function, address: str, *, reason: str) -> Entry:
    return Entry(actor, "auth.refused", f"function:{function}", address=address, reason=reason)


def _path(request: Request) -> str:
    query = request.scope.get("query_string", b"").decode("latin-1")
    path = str(request.scope["path"])
    return f"{path}?{query}" if query else path


async def _digest(request: Request, is_streamed: bool) -> str:
    if is_streamed or request.method in ("GET", "HEAD"):
        return request.headers.get("content-length", "")
    try:
        body = await request.body()
    except ClientDisconnect:
        raise BadRequest("the request never came to its end") from None
    await run_in_threadpool(refuse_in_body, body)
    return hashlib.sha256(body).hexdigest()


@dataclass(frozen=True, slots=True)
class Call:
    """One call of somebody who may make it."""

    admin: Admin
    principal: Principal
    method: str
    path: str
    """With its query."""
    digest: str
    """SHA-256 of the body."""
    headers: Mapping[str, str]
    """Those that bear on what is written or answered, by their names in lower case."""

    @property
    def if_match(self) -> str | None:
        return self.headers.get("if-match")

    @property
    def if_none_match(self) -> str | None:
        return self.headers.get("if-none-match")

    @property
    def idempotency_key(self) -> str | None:
        return self.headers.get("idempotency-key")

    @property
    def request_digest(self) -> str:
        """What tells this call from any other of the same actor."""
        return hashlib.sha256(f"{self.method} {self.path}\n{self.digest}".encode()).hexdigest()

    def require_match(self, etag: str) -> None:
        """Go on only if the caller means the state that the object is in.

        Raises:
            PreconditionRequired: the call does not say which state it means.
            PreconditionFailed: it means another one.
        """
        if self.if_match is None:
            raise PreconditionRequired("say which state you mean to change: send its `ETag` as `If-Match`")
        if self.if_match.strip() != "*" and etag not in _strong(self.if_match):
            raise PreconditionFailed(f"it has changed since: it is {etag} now")

    def require_absent(self, etag: str | None) -> None:
        """Go on unless the call is meant to create (`If-None-Match: *`) what is there already.

        Raises:
            PreconditionFailed: it is there.
        """
        if etag is not None and (self.if_none_match or "").strip() == "*":
            raise PreconditionFailed(f"it is there already: it is {etag} now")

    def read_answer(self, body: object, *, etag: str | None = None) -> Response:
        """Answer a reader; without a body if it has this state already (`If-None-Match`)."""
        headers = {"ETag": etag} if etag else {}
        if etag and self.if_none_match and etag in _any(self.if_none_match):
            return Response(status_code=304, headers=headers)
        return Response(to_json(body), 200, headers, "application/json")

    @contextmanager
    def write(self) -> Iterator["Change"]:
        """One transaction of the record, told of once it is committed; undone whole if the block raises.

        Raises:
            Replayed: the call was made before.
            Unprocessable: its `Idempotency-Key` belongs to another call.
            Unavailable: the database cannot be reached.
        """
        with self.admin.database.writing() as writing:
            self._replay(writing.connection)
            yield Change(self, writing)
            position = writing.position
        self.admin.changed(position)

    def _replay(self, connection: Connection) -> None:
        key = self._checked_key()
        if key is None:
            return
        since = micros(self.admin.clock() - ANSWERS_KEPT)
        same = (idempotency.c.actor == self.principal.id, idempotency.c.key == key, idempotency.c.at >= since)
        row = connection.execute(select(idempotency).where(*same)).one_or_none()
        if row is None:
            return
        if row.request != self.request_digest:
            raise Unprocessable("this `Idempotency-Key` belongs to another request: take a new one for each")
        raise Replayed(Response(row.body, row.status, {**json.loads(row.headers), REPLAYED_HEADER: "true"}))

    def _checked_key(self) -> str | None:
        key = self.idempotency_key
        if key is not None and not _KEY.fullmatch(key):
            raise BadRequest("an `Idempotency-Key` has 1 to 200 visible characters of ASCII")
        return key


def _strong(header: str) -> set[str]:
    return {f'"{tag}"' for weak, tag in _ETAG.findall(header) if not weak}


def _any(header: str) -> set[str]:
    return {f'"{tag}"' for _, tag in _ETAG.findall(header)}


@dataclass(frozen=True, slots=True)
class Change:
    """What one call writes, in one transaction."""

    call: Call
    writing: Writing

    @property
    def connection(self) -> Connection:
        return self.writing.connection

    @property
    def at(self) -> datetime:
        """When the change is known to Cordon."""
        return moment_of(self.writing.recorded_at)

    def audit(self, action: str, object: str, *, before: object = None, after: object = None, reason: str = "") -> None:
        """Write down who did what: the last thing of a change."""
        who = self.call.principal
        entry = Entry(who.id, action, object, address=who.address, before=before, after=after, reason=reason)
        append(self.connection, entry, self.at)

    def answer(
        self, status: int, body: object, *, etag: str | None = None, location: str | None = None, kept: object = None
    ) -> Response:
        """The answer, stored with the change if the call bears an `Idempotency-Key`.

        Where the body holds a secret, `kept` is what a repeat is told instead: what is stored is in the database.
        """
        headers = {"Content-Type": "application/json", POSITION_HEADER: str(self.writing.position)}
        headers |= {} if etag is None else {"ETag": etag}
        headers |= {} if location is None else {"Location": quote(location, safe=_LOCATION_SAFE)}
        if body is None:
            del headers["Content-Type"]
        if self.call.idempotency_key is not None and status < 400:
            self._store(status, headers, _content(body if kept is None else kept))
        return Response(_content(body), status, headers)

    def _store(self, status: int, headers: Mapping[str, str], content: bytes) -> None:
        call, at = self.call, micros(self.call.admin.clock())
        old = idempotency.c.at < at - ANSWERS_KEPT // timedelta(microseconds=1)
        self.connection.execute(delete(idempotency).where(old))
        row = {"actor": call.principal.id, "key": call.idempotency_key, "request": call.request_digest, "at": at}
        answer = {"status": status, "headers": json.dumps(headers, sort_keys=True), "body": content}
        self.connection.execute(insert(idempotency).values({**row, **answer}))


def _content(body: object) -> bytes:
    return b"" if body is None else to_json(body)
