"""Pages of lists: a cursor says where the next one begins, so that what is added meanwhile moves nothing."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import Annotated, TypeVar

from fastapi import Query

from service.errors import BadRequest

PAGE_ITEMS = 50
PAGE_ITEMS_LIMIT = 500
_CURSOR_LENGTH_LIMIT = 2_000

Limit = Annotated[int, Query(ge=1, le=PAGE_ITEMS_LIMIT, description="The most items of one page.")]
Cursor = Annotated[str | None, Query(description="`next` of the page before.")]

T = TypeVar("T")


def page_of(
    rows: Sequence[T],
    limit: int,
    key: Callable[[T], Sequence[object]],
    *,
    item: Callable[[T], object] = lambda row: row,
) -> dict[str, object]:
    """One page of rows, of which one more than `limit` was asked for: where there is one more, there is a next page.

    `key` gives what the next page begins after, from the last row of this one.
    """
    shown = rows[:limit]
    more = len(rows) > limit
    return {"items": [item(row) for row in shown], "next": cursor_of(key(shown[-1])) if more else None}


def read_cursor(text: str | None) -> list[object]:
    """What a cursor says the page begins after; nothing for the first page.

    Raises:
        BadRequest: it is none of ours.
    """
    if text is None:
        return []
    try:
        if len(text) > _CURSOR_LENGTH_LIMIT:
            raise ValueError
        value = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError):
        raise _not_ours() from None
    if not isinstance(value, list) or not value:
        raise _not_ours()
    return value


def read_number_cursor(text: str | None) -> int | None:
    """The number that a page begins after, where a cursor holds just that.

    Raises:
        BadRequest: it is none of ours.
    """
    values = read_cursor(text)
    if not values:
        return None
    if len(values) != 1 or type(values[0]) is not int or abs(values[0]) >= 2**63:
        raise _not_ours()
    return values[0]


def cursor_of(values: Sequence[object]) -> str:
    """The cursor of a page that begins after these."""
    text = json.dumps(list(values), separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _not_ours() -> BadRequest:
    return BadRequest("the cursor is none that a page was given with: start without one")
