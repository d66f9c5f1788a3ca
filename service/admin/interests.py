"""Endpoints of interests: what one entity has in another, from when until when; and where that exceeds the whole."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response
from sqlalchemy import Row

from rules.facts import EntityId, Interest
from rules.shares import percent
from service.admin.fact_filters import Filters, InterestFilters, KnownAt, PageFilters, page_wanted
from service.admin.fact_models import (
    EndBody,
    ExcessView,
    FactPage,
    Id,
    InterestBody,
    InterestView,
    shown_or_none,
)
from service.admin.facts import (
    Editing,
    FactKind,
    Reading,
    View,
    create_fact,
    delete_fact,
    end_fact,
    list_facts,
    put_fact,
    read_fact,
    read_history,
)
from service.admin.pagination import cursor_of
from service.storage.database import Writing
from service.storage.fact_pages import excesses, interest_page
from service.storage.fact_rows import INTERESTS, RecordedInterest, moment_or_none, share_of
from service.storage.facts import put_all, retract_interest
from service.storage.precedence import CARRIED, Excess
from service.storage.schema import interests

router = APIRouter(prefix="/admin/v1/interests", tags=["interests"])
excess_router = APIRouter(prefix="/admin/v1/excesses", tags=["interests"])


def _put(writing: Writing, bodies: Mapping[str, InterestBody]) -> None:
    put_all(writing, INTERESTS, (_recorded(id, body) for id, body in bodies.items()))


def _recorded(id: str, body: InterestBody) -> RecordedInterest:
    interest = Interest(
        owner=EntityId(body.owner),
        subject=EntityId(body.subject),
        share=share_of(body.share or "", body.control),
        control=body.control,
        start=body.start,
        end=body.end,
        source=body.source,
    )
    return RecordedInterest(id, interest, body.kind, body.details)


def _view(row: Row[Any]) -> View:
    return {
        "owner": row.owner,
        "subject": row.subject,
        "share": row.share or None,
        "control": row.control,
        "kind": row.kind,
        "carries": CARRIED.get(row.kind),
        "start": shown_or_none(moment_or_none(row.valid_from)),
        "end": shown_or_none(moment_or_none(row.valid_to)),
        "source": row.source,
        "details": json.loads(row.details),
    }


INTEREST = FactKind("interest", "interests", interests, InterestBody, _put, retract_interest, _view)


@router.get("", response_model=FactPage[InterestView])
def list_interests(call: Reading, filters: Annotated[InterestFilters, Query()]) -> Response:
    """Interests, in the order of their ids."""
    return list_facts(call, INTEREST, interest_page, filters)


@router.post("", response_model=InterestView, status_code=201)
def create_interest(call: Editing, body: InterestBody) -> Response:
    """Record an interest under an id that it is given."""
    return create_fact(call, INTEREST, body)


@router.get("/{id:path}/history", response_model=FactPage[InterestView])
def read_interest_history(call: Reading, id: Id, filters: Annotated[PageFilters, Query()]) -> Response:
    """Everything that was ever recorded of an interest, the newest first, and by whom."""
    return read_history(call, INTEREST, id, filters)


@router.post("/{id:path}/end", response_model=InterestView)
def end_interest(call: Editing, id: Id, body: EndBody) -> Response:
    """Record when an interest ends, or ended, in the world."""
    return end_fact(call, INTEREST, id, body.end)


@router.get("/{id:path}", response_model=InterestView)
def read_interest(call: Reading, id: Id, known_at: KnownAt = None) -> Response:
    """An interest as it is recorded, or was at a time."""
    return read_fact(call, INTEREST, id, known_at)


@router.put("/{id:path}", response_model=InterestView)
def put_interest_fact(call: Editing, id: Id, body: InterestBody) -> Response:
    """Record an interest, or what is now known of it in place of what was."""
    return put_fact(call, INTEREST, id, body)


@router.delete("/{id:path}", status_code=204)
def delete_interest(call: Editing, id: Id) -> Response:
    """Record that an interest was recorded in error. One that ended is ended instead."""
    return delete_fact(call, INTEREST, id)


@excess_router.get("", response_model=FactPage[ExcessView])
def list_excesses(call: Reading, filters: Annotated[Filters, Query()]) -> Response:
    """Everyone in whom more shares are recorded than there are: sources contradict one another, or one is wrong.

    A page may hold fewer than `limit`, or none, and yet have a next one.
    """
    wanted, page = page_wanted(filters)
    with call.admin.database.reading() as connection:
        excess = excesses(connection, wanted.span.known_at, replace(page, limit=filters.limit))
    after = None if excess.after is None else cursor_of([excess.after])
    return call.read_answer({"items": list(map(_excess, excess.found)), "next": after})


def _excess(excess: Excess) -> ExcessView:
    return {
        "subject": excess.subject,
        "total": percent(excess.total),
        "since": shown_or_none(excess.since),
        "until": shown_or_none(excess.until),
        "interests": list(excess.interests),
    }
