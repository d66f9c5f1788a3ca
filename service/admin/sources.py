"""Endpoints of the precedence of sources: of two that speak of the same stake, which one is believed.

A rank has no history: it says how the record is read, now and as of any time.
"""

from fastapi import APIRouter
from fastapi.responses import Response
from sqlalchemy import Connection, select

from service.admin.calls import etag_of
from service.admin.fact_models import FactPage, SourceBody, SourceView, Word
from service.admin.facts import Editing, Reading, require_meant
from service.errors import NotFound
from service.storage.fact_pages import source_ranks
from service.storage.facts import put_source, remove_source
from service.storage.schema import sources

router = APIRouter(prefix="/admin/v1/sources", tags=["sources"])


@router.get("", response_model=FactPage[SourceView])
def list_sources(call: Reading) -> Response:
    """Every source that has a rank of its own, the most believed first."""
    with call.admin.database.reading() as connection:
        items = [_view(row.name, row.rank) for row in source_ranks(connection)]
    return call.read_answer({"items": items, "next": None})


@router.get("/{name:path}", response_model=SourceView)
def read_source(call: Reading, name: Word) -> Response:
    """How far a source is believed."""
    with call.admin.database.reading() as connection:
        view = _required(connection, name)
    return call.read_answer(view, etag=etag_of(view["rank"]))


@router.put("/{name:path}", response_model=SourceView)
def put_source_rank(call: Editing, name: Word, body: SourceBody) -> Response:
    """Say how far a source is believed."""
    with call.write() as change:
        before = _found(change.connection, name)
        require_meant(call, None if before is None else etag_of(before["rank"]))
        put_source(change.writing, name, body.rank)
        after = _view(name, body.rank)
        change.audit("source.put", f"source:{name}", before=before, after=after)
        return change.answer(201 if before is None else 200, after, etag=etag_of(body.rank))


@router.delete("/{name:path}", status_code=204)
def delete_source(call: Editing, name: Word) -> Response:
    """Give a source the rank of those that have none of their own, 1000."""
    with call.write() as change:
        before = _required(change.connection, name)
        call.require_match(etag_of(before["rank"]))
        remove_source(change.writing, name)
        change.audit("source.delete", f"source:{name}", before=before)
        return change.answer(204, None)


def _found(connection: Connection, name: str) -> SourceView | None:
    row = connection.execute(select(sources).where(sources.c.name == name)).one_or_none()
    return None if row is None else _view(row.name, row.rank)


def _required(connection: Connection, name: str) -> SourceView:
    view = _found(connection, name)
    if view is None:
        raise NotFound(f"source `{name}` has no rank of its own")
    return view


def _view(name: str, rank: int) -> SourceView:
    return {"name": name, "rank": rank}
