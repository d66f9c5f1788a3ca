"""What the endpoints of all kinds of facts have in common: lists, one thing, its history; put and retract.

Nothing is overwritten: what is put takes the place of what was known from then on, and what is deleted is known no more
from then on. An entity tag stands for one state of one thing, whenever it is read.
"""

import hashlib
import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Generic, TypeAlias, TypeVar
from urllib.parse import quote

from fastapi import Depends
from fastapi.responses import Response
from pydantic import ValidationError
from pydantic_core import to_json
from sqlalchemy import Connection, Row, Table, select

from service.admin.calls import Call, Change, etag_of, requires
from service.admin.fact_filters import Filters, PageFilters, page_wanted
from service.admin.fact_models import Document, Kind, shown
from service.admin.pagination import page_of, read_number_cursor
from service.errors import NotFound, PreconditionFailed, PreconditionRequired, RequestFault, Unprocessable
from service.storage.database import FOREVER, Writing, micros, moment_of
from service.storage.fact_history import Deed, Version, deeds, versions, versions_at
from service.storage.fact_pages import Page, Wanted
from service.storage.fact_rows import known

B = TypeVar("B", bound=Document)
Reading = Annotated[Call, Depends(requires("facts.read"))]
Editing = Annotated[Call, Depends(requires("facts.edit"))]

View: TypeAlias = dict[str, Any]
Pager: TypeAlias = Callable[[Connection, Wanted, Page], Sequence[Row[Any]]]


@dataclass(frozen=True, slots=True)
class FactKind(Generic[B]):
    """One kind of fact, and how it is stored and shown."""

    name: Kind
    plural: str
    """As its path says it."""
    table: Table
    body: type[B]
    put: Callable[[Writing, Mapping[str, B]], object]
    """Record these by id from now on, and say whose facts that makes old."""
    retract: Callable[[Writing, str], object]
    """Record it no more from now on."""
    view: Callable[[Row[Any]], View]
    """What is shown of a row, record time and partners apart."""

    def object(self, id: str) -> str:
        """What the audit trail calls it."""
        return f"{self.name}:{id}"

    def path(self, id: str) -> str:
        """Where it is."""
        return f"/admin/v1/{self.plural}/{quote(id, safe='')}"


def list_facts(call: Call, kind: FactKind[B], pager: Pager, filters: Filters) -> Response:
    """One page of what was recorded at a time, now unless said."""
    wanted, page = page_wanted(filters)
    with call.admin.database.reading() as connection:
        rows = pager(connection, wanted, page)
        views = views_of(connection, kind, rows, wanted.span.known_at)
    return call.read_answer(page_of(views, filters.limit, lambda view: [view["id"]]))


def read_fact(call: Call, kind: FactKind[B], id: str, known_at: datetime | None) -> Response:
    """One thing as it is recorded, or was at a time.

    Raises:
        NotFound: it is not, or was not.
    """
    with call.admin.database.reading() as connection:
        view = found(connection, kind, id, None if known_at is None else micros(known_at))
    if view is None:
        raise NotFound(f"no {kind.name} `{id}` {'is' if known_at is None else 'was'} recorded")
    return call.read_answer(view, etag=etag_of_view(view))


def read_history(call: Call, kind: FactKind[B], id: str, filters: PageFilters) -> Response:
    """Everything that was ever recorded of one thing, the newest first, and by whom.

    Raises:
        NotFound: nothing ever was.
    """
    before = read_number_cursor(filters.cursor)
    with call.admin.database.reading() as connection:
        all_versions = versions(connection, kind.table, id)
        if not all_versions:
            raise NotFound(f"no {kind.name} `{id}` was ever recorded")
        rows = [row for row in all_versions if before is None or row.recorded_from < before][: filters.limit + 1]
        moments = {moment for row in rows for moment in (row.recorded_from, row.recorded_to) if moment != FOREVER}
        who = deeds(connection, kind.object(id), moments)
    items = page_of(rows, filters.limit, lambda row: [row.recorded_from], item=lambda row: _version(kind, row, who))
    return call.read_answer(items)


def put_fact(call: Call, kind: FactKind[B], id: str, body: B) -> Response:
    """Create it where the call says that it is new, else replace the state that the call means.

    Raises:
        PreconditionRequired: the call says neither.
        PreconditionFailed: it says what is not so.
    """
    with call.write() as change:
        before = found(change.connection, kind, id)
        require_meant(call, None if before is None else etag_of_view(before))
        after = put_into(change, kind, id, body)
        change.audit(f"{kind.name}.put", kind.object(id), before=before, after=after)
        status, location = (201, kind.path(id)) if before is None else (200, None)
        return change.answer(status, after, etag=etag_of_view(after), location=location)


def create_fact(call: Call, kind: FactKind[B], body: B) -> Response:
    """Record something new, under an id that it is given."""
    with call.write() as change:
        id = new_id()
        after = put_into(change, kind, id, body)
        change.audit(f"{kind.name}.put", kind.object(id), after=after)
        return change.answer(201, after, etag=etag_of_view(after), location=kind.path(id))


def delete_fact(call: Call, kind: FactKind[B], id: str) -> Response:
    """Record it no more from now on; what was known of it stays.

    Raises:
        NotFound: it is not recorded.
        PreconditionRequired, PreconditionFailed: as `Call.require_match` has it.
    """
    with call.write() as change:
        before = required(change.connection, kind, id)
        call.require_match(etag_of_view(before))
        kind.retract(change.writing, id)
        change.audit(f"{kind.name}.delete", kind.object(id), before=before)
        return change.answer(204, None)


def end_fact(call: Call, kind: FactKind[B], id: str, end: datetime) -> Response:
    """Record when something ends, or ended, in the world.

    Raises:
        NotFound: it is not recorded.
        PreconditionRequired, PreconditionFailed: as `Call.require_match` has it.
        Unprocessable: it would end before it starts.
    """
    with call.write() as change:
        before = required(change.connection, kind, id)
        call.require_match(etag_of_view(before))
        after = put_into(change, kind, id, ended(kind, before, end))
        change.audit(f"{kind.name}.end", kind.object(id), before=before, after=after)
        return change.answer(200, after, etag=etag_of_view(after))


def ended(kind: FactKind[B], view: View, end: datetime, *, at: str = "") -> B:
    """What is shown, with that end.

    Raises:
        Unprocessable: it would end before it starts; `at` is where the end stands.
    """
    members = {name: value for name, value in view.items() if name in kind.body.model_fields}
    try:
        return kind.body.model_validate({**members, "end": shown(end)})
    except ValidationError:
        message = f"the end, `{shown(end)}`, is not after the start, `{view['start']}`"
        raise Unprocessable(message, (RequestFault(f"{at}/end", message),)) from None


def put_into(change: Change, kind: FactKind[B], id: str, body: B) -> View:
    """Record it, and show it as it is recorded."""
    kind.put(change.writing, {id: body})
    return required(change.connection, kind, id)


def found(connection: Connection, kind: FactKind[B], id: str, known_at: int | None = None) -> View | None:
    """What is recorded under an id, or was at a time."""
    return found_all(connection, kind, (id,), known_at).get(id)


def found_all(
    connection: Connection, kind: FactKind[B], ids: Collection[str], known_at: int | None = None
) -> dict[str, View]:
    """The same of several, by id."""
    condition = kind.table.c.id.in_(ids) & known(kind.table, known_at)
    rows = connection.execute(select(kind.table).where(condition)).all()
    return {view["id"]: view for view in views_of(connection, kind, rows, known_at)}


def required(connection: Connection, kind: FactKind[B], id: str) -> View:
    """The same of what must be there.

    Raises:
        NotFound: it is not recorded.
    """
    view = found(connection, kind, id)
    if view is None:
        raise NotFound(f"no {kind.name} `{id}` is recorded")
    return view


def views_of(connection: Connection, kind: FactKind[B], rows: Sequence[Row[Any]], known_at: int | None) -> list[View]:
    """Rows as they are shown."""
    return [_recorded(kind, version) for version in versions_at(connection, kind.table, rows, known_at)]


def etag_of_view(view: View) -> str:
    """The entity tag of one state; one that comes again later has another."""
    state = {name: value for name, value in view.items() if name != "recorded_to"}
    return etag_of(hashlib.sha256(to_json(state)).hexdigest()[:24])


def new_id() -> str:
    """An id that nothing else has."""
    return secrets.token_hex(10)


def _recorded(kind: FactKind[B], version: Version) -> View:
    view = {"id": version.row.id, **kind.view(version.row)}
    if kind.name == "entity":
        view["acts_with"] = list(version.partners)
    view["recorded_from"] = shown(moment_of(version.recorded_from))
    view["recorded_to"] = None if version.is_known else shown(moment_of(version.recorded_to))
    return view


def _version(kind: FactKind[B], version: Version, who: Mapping[int, Deed]) -> View:
    made, ended = who.get(version.recorded_from), who.get(version.recorded_to)
    return {**_recorded(kind, version), "recorded_by": _deed(made), "ended_by": _deed(ended)}


def _deed(deed: Deed | None) -> View | None:
    if deed is None:
        return None
    return {"actor": deed.actor, "action": deed.action, "reason": deed.reason, "audit": deed.number}


def require_meant(call: Call, etag: str | None) -> None:
    """Go on only if the call means to create what is not there, or to replace the state that it is in.

    Raises:
        PreconditionRequired: the call does not say what it means.
        PreconditionFailed: it means something else.
    """
    if etag is not None:
        call.require_absent(etag)
        return call.require_match(etag)
    if call.if_match is not None:
        raise PreconditionFailed("there is none any more, or not yet: send `If-None-Match: *` to create it")
    if (call.if_none_match or "").strip() != "*":
        raise PreconditionRequired("there is none yet: send `If-None-Match: *` to create it")
    return None
