"""Endpoints of listings: an entity is on a list from one time until another, as a source has it."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response
from sqlalchemy import Row

from rules.facts import EntityId
from service.admin.fact_filters import KnownAt, ListingFilters, PageFilters
from service.admin.fact_models import EndBody, FactPage, Id, ListingBody, ListingView, shown_or_none
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
from service.dossiers import Listing
from service.storage.database import Writing
from service.storage.fact_pages import listing_page
from service.storage.fact_rows import LISTINGS, RecordedListing, moment_or_none
from service.storage.facts import put_all, retract_listing
from service.storage.schema import listings

router = APIRouter(prefix="/admin/v1/listings", tags=["listings"])


def _put(writing: Writing, bodies: Mapping[str, ListingBody]) -> None:
    put_all(writing, LISTINGS, (_recorded(id, body) for id, body in bodies.items()))


def _recorded(id: str, body: ListingBody) -> RecordedListing:
    listing = Listing(body.list, body.start, body.end, body.source)
    return RecordedListing(id, EntityId(body.entity), listing)


def _view(row: Row[Any]) -> View:
    return {
        "entity": row.entity,
        "list": row.list,
        "start": shown_or_none(moment_or_none(row.valid_from)),
        "end": shown_or_none(moment_or_none(row.valid_to)),
        "source": row.source,
    }


LISTING = FactKind("listing", "listings", listings, ListingBody, _put, retract_listing, _view)


@router.get("", response_model=FactPage[ListingView])
def list_listings(call: Reading, filters: Annotated[ListingFilters, Query()]) -> Response:
    """Listings, in the order of their ids."""
    return list_facts(call, LISTING, listing_page, filters)


@router.post("", response_model=ListingView, status_code=201)
def create_listing(call: Editing, body: ListingBody) -> Response:
    """Record that an entity is on a list, under an id that the listing is given."""
    return create_fact(call, LISTING, body)


@router.get("/{id:path}/history", response_model=FactPage[ListingView])
def read_listing_history(call: Reading, id: Id, filters: Annotated[PageFilters, Query()]) -> Response:
    """Everything that was ever recorded of a listing, the newest first, and by whom."""
    return read_history(call, LISTING, id, filters)


@router.post("/{id:path}/end", response_model=ListingView)
def end_listing(call: Editing, id: Id, body: EndBody) -> Response:
    """Record when an entity is, or was, taken off the list."""
    return end_fact(call, LISTING, id, body.end)


@router.get("/{id:path}", response_model=ListingView)
def read_listing(call: Reading, id: Id, known_at: KnownAt = None) -> Response:
    """A listing as it is recorded, or was at a time."""
    return read_fact(call, LISTING, id, known_at)


@router.put("/{id:path}", response_model=ListingView)
def put_listing_fact(call: Editing, id: Id, body: ListingBody) -> Response:
    """Record a listing, or what is now known of it in place of what was."""
    return put_fact(call, LISTING, id, body)


@router.delete("/{id:path}", status_code=204)
def delete_listing(call: Editing, id: Id) -> Response:
    """Record that a listing was recorded in error. One that ended is ended instead."""
    return delete_fact(call, LISTING, id)
