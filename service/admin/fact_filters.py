"""What lists of facts can be narrowed to, as their query says it."""

import re
from datetime import datetime
from typing import Annotated, Any

from fastapi import Query
from pydantic import Field

from service.admin.fact_models import Code, Document, Moment, Text
from service.admin.pagination import PAGE_ITEMS, PAGE_ITEMS_LIMIT, read_cursor
from service.errors import BadRequest
from service.storage.database import micros
from service.storage.fact_pages import Page, Span, Wanted

KnownAt = Annotated[Moment | None, Query(description="As it was known then; now unless said.")]


class PageFilters(Document):
    """One page."""

    limit: Annotated[int, Field(ge=1, le=PAGE_ITEMS_LIMIT, description="The most items of one page.")] = PAGE_ITEMS
    cursor: Annotated[str | None, Field(description="`next` of the page before.")] = None


class Filters(PageFilters):
    """One page of what was known at a time."""

    known_at: Annotated[Moment | None, Field(description="As it was known then; now unless said.")] = None


class ValidFilters(Filters):
    """One page of what is true in the world at a time."""

    valid_at: Annotated[Moment | None, Field(description="Only what is valid then; of any time unless said.")] = None


class EntityFilters(ValidFilters):
    """Entities that people look for."""

    name: Annotated[Text | None, Field(description="A part of the name, in any case.")] = None
    kind: Text | None = None
    country: Annotated[Code | None, Field(description="A seat there, or in a province of it.")] = None
    list: Annotated[Text | None, Field(description="On this list, at `valid_at` (now unless said).")] = None
    source: Text | None = None


class InterestFilters(ValidFilters):
    """Interests that people look for."""

    owner: Text | None = None
    subject: Text | None = None
    kind: Text | None = None
    source: Text | None = None


class ListingFilters(ValidFilters):
    """Listings that people look for."""

    entity: Text | None = None
    list: Text | None = None
    source: Text | None = None


class AccountFilters(Filters):
    """Accounts that people look for."""

    entity: Text | None = None
    tag: Text | None = None
    country: Annotated[Code | None, Field(description="Declared by some signal: the country, or a province of it.")] = (
        None
    )


class ResourceFilters(Filters):
    """Resources that people look for."""

    tag: Text | None = None
    provider: Text | None = None


UNSTORABLE = re.compile("[\0\ud800-\udfff]")
"""Characters that a database does not take; everything else of a request was looked at before."""
_PAGING = {"known_at", "valid_at", "limit", "cursor"}


def page_wanted(filters: PageFilters) -> tuple[Wanted, Page]:
    """What a list is asked for; one row more than the page holds, to tell whether there is another.

    Raises:
        BadRequest: the cursor is none of ours.
    """
    named: dict[str, Any] = filters.model_dump(exclude=_PAGING, exclude_none=True)
    span = span_of(getattr(filters, "known_at", None), getattr(filters, "valid_at", None))
    return Wanted(span, named), Page(filters.limit + 1, _after(filters.cursor))


def span_of(known_at: datetime | None, valid_at: datetime | None) -> Span:
    """The same times as the record has them."""
    return Span(None if known_at is None else micros(known_at), None if valid_at is None else micros(valid_at))


def _after(cursor: str | None) -> str | None:
    match read_cursor(cursor):
        case []:
            return None
        case [str(after)] if not UNSTORABLE.search(after):
            return after
        case _:
            raise BadRequest("the cursor is none that a page was given with: start without one")
