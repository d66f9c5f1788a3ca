"""Pages and their cursors."""

import base64
import json

import pytest

from service.admin.pagination import page_of, read_cursor, read_number_cursor
from service.errors import BadRequest


def test_a_cursor_says_where_the_next_page_begins() -> None:
    page = page_of([{"id": "a"}, {"id": "b"}, {"id": "ü"}], 2, lambda row: [row["id"], 3])
    assert page["items"] == [{"id": "a"}, {"id": "b"}]
    assert read_cursor(str(page["next"])) == ["b", 3]


def test_the_last_page_has_no_cursor() -> None:
    assert page_of([1, 2], 2, lambda row: [row]) == {"items": [1, 2], "next": None}
    assert page_of([], 2, lambda row: [row]) == {"items": [], "next": None}
    assert (read_cursor(None), read_number_cursor(None)) == ([], None)


def test_items_can_be_shown_otherwise_than_they_are_read() -> None:
    assert page_of([1, 2], 2, lambda row: [row], item=str)["items"] == ["1", "2"]


def written(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


@pytest.mark.parametrize(
    "text", ["", "!", "e30", "bnVsbA", "W10", "ä", "W" * 3000, "_w", written({}), written([]), "W1tbW1s" * 100]
)
def test_a_cursor_of_nobodys_making_is_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        read_cursor(text)


@pytest.mark.parametrize("value", [[1, 2], ["1"], [True], [1.5], [2**63], [None]])
def test_a_cursor_that_holds_no_number_is_refused(value: object) -> None:
    with pytest.raises(BadRequest):
        read_number_cursor(written(value))
