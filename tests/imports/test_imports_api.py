"""Imports through the admin API: a file as a body, taken over in the background, looked at page by page."""

import time
from typing import Any

import pytest

from service.admin import imports
from service.storage.database import Database
from tests.admin.conftest import Asker, served
from tests.databases import Clock
from tests.imports.importing import interests

PATH = "/admin/v1/imports"
CSV = b"owner,subject,share\na,b,51%\nc,d,half\ne,f,\n,g,1%\n"
PATIENCE_SECONDS = 20


@pytest.fixture
def asker(database: Database, clock: Clock) -> Asker:
    """The endpoints of imports over each kind of database."""
    return served(database, clock, (imports.router,))


def ended(asker: Asker, location: str) -> Any:
    """An import, once it is over."""
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        shown = asker.get(location, who="viewer").json()
        if shown["status"] != "running":
            return shown
        time.sleep(0.01)
    raise AssertionError("the import never ended")


def started(asker: Asker, body: bytes = CSV, query: str = "format=csv&source=register&table=interests") -> str:
    """Begin an import; where it is."""
    answer = asker.post(f"{PATH}?{query}", body, who="editor")
    assert answer.status_code == 202, answer.text
    return str(answer.headers["location"])


def test_a_file_is_taken_over_and_its_import_can_be_watched(asker: Asker, database: Database) -> None:
    shown = ended(asker, started(asker))
    assert (shown["status"], shown["counts"]["read"], shown["counts"]["rejected"]) == ("done", 4, 2)
    assert interests(database) == ["a -> b: 51%", "e -> f: ?"]
    assert shown["actor"] == "test:editor"
    assert asker.positions[-1] == database.position()


def test_rejections_are_listed_page_by_page(asker: Asker) -> None:
    location = started(asker)
    ended(asker, location)
    first = asker.get(f"{location}/rejections?limit=1").json()
    second = asker.get(f"{location}/rejections?limit=1&cursor={first['next']}").json()
    assert [(item["line"], item["column"]) for item in (*first["items"], *second["items"])] == [
        (3, "share"),
        (5, "owner"),
    ]
    assert second["next"] is None


def test_imports_are_listed_the_newest_first(asker: Asker, clock: Clock) -> None:
    locations = []
    for source in ("one", "two", "three"):
        clock.advance()
        locations.append(started(asker, query=f"format=csv&source={source}&table=interests"))
        ended(asker, locations[-1])
    first = asker.get(f"{PATH}?limit=2").json()
    second = asker.get(f"{PATH}?limit=2&cursor={first['next']}").json()
    assert [item["source"] for item in (*first["items"], *second["items"])] == ["three", "two", "one"]
    assert asker.get(f"{PATH}?cursor=WzFd").status_code == 400


def test_a_repeated_call_begins_one_import(asker: Asker) -> None:
    headers = {"Idempotency-Key": "first"}
    query = f"{PATH}?format=csv&source=register&table=interests"
    answers = [asker.post(query, CSV, who="operator", headers=headers) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert answers[1].headers["Idempotent-Replayed"] == "true"
    ended(asker, answers[0].headers["location"])
    assert len(asker.get(PATH).json()["items"]) == 1


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("format=xls&source=s", 422),
        ("format=csv", 422),
        ("format=csv&source=s&colour=red", 422),
        ("format=ftm&source=s&lists=a", 400),
    ],
)
def test_what_is_not_asked_for_in_order_is_refused(sqlite_database: Database, query: str, status: int) -> None:
    asker = served(sqlite_database, Clock(), (imports.router,))
    assert asker.post(f"{PATH}?{query}", CSV).status_code == status
    assert asker.get(PATH).json()["items"] == []


def test_only_editors_and_operators_run_imports(asker: Asker) -> None:
    assert asker.post(f"{PATH}?format=csv&source=s", CSV, who="viewer").status_code == 403
    assert asker.get(f"{PATH}/nobody", who="viewer").status_code == 404
