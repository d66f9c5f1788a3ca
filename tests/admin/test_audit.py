"""`/admin/v1/audit`: who reads it sees all of it, verified and signed; an export is an entry itself."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import update

from service.admin import audit as endpoints
from service.storage import audit as trail
from service.storage.audit import Entry, append
from service.storage.audit_verification import sign_head
from service.storage.database import Database
from service.storage.schema import audit
from tests.admin.conftest import Asker, served
from tests.databases import Clock
from tests.storage.test_audit import as_owner, write
from tests.storage.test_audit_heads import KEY, OTHER, cut

BASE = "/admin/v1/audit"


@pytest.fixture
def trailed(sqlite_database: Database, clock: Clock) -> Asker:
    """Five entries: three of `test:a`, a second apart, and two of `test:b`."""
    return with_entries(sqlite_database, clock)


@pytest.fixture
def trailed_everywhere(database: Database, clock: Clock) -> Asker:
    """The same over each kind of database."""
    return with_entries(database, clock)


def with_entries(database: Database, clock: Clock) -> Asker:
    for name in ("one", "two", "three"):
        write(database, name)
        clock.advance(timedelta(seconds=1))
    with database.writing() as writing:
        entry = Entry("test:b", "entityx.put", "entity:one", address="192.0.2.1", before={"a": 1}, reason="why")
        append(writing.connection, entry, clock.now)
        append(writing.connection, Entry("test:b", "draft.submit", "draft:50%_"), clock.now)
    return served(database, clock, [endpoints.router], audit_keys=(KEY.public_key(),))


def numbers(asker: Asker, query: str) -> list[int]:
    answer = asker.get(f"{BASE}?{query}", who="auditor")
    assert answer.status_code == 200, answer.text
    return [item["number"] for item in answer.json()["items"]]


FOUND = [
    ("", [5, 4, 3, 2, 1]),
    ("actor=test:b", [5, 4]),
    ("action=entity.put", [3, 2, 1]),
    ("action=entity.", [3, 2, 1]),
    ("action=entity", []),
    ("object=entity:one", [4, 1]),
    ("object=draft:", [5]),
    ("object=draft:50%25_", [5]),
    ("object=draft:5%25:", []),
    ("since=2026-11-22T12:00:02Z", [5, 4, 3]),
    ("until=2026-11-22T12:00:02Z", [2, 1]),
    ("since=2026-11-22", [5, 4, 3, 2, 1]),
    ("actor=test:a&since=2026-11-22T12:00:01Z&until=2026-11-22T12:00:02Z", [2]),
]


def test_entries_are_found_by_who_what_and_when(trailed_everywhere: Asker) -> None:
    assert [(query, numbers(trailed_everywhere, query)) for query, _ in FOUND] == FOUND


def test_pages_follow_one_another_whatever_is_added_meanwhile(trailed_everywhere: Asker) -> None:
    first = trailed_everywhere.get(f"{BASE}?limit=2").json()
    write(trailed_everywhere.admin.database, "later")
    second = trailed_everywhere.get(f"{BASE}?limit=2&cursor={first['next']}").json()
    third = trailed_everywhere.get(f"{BASE}?limit=2&cursor={second['next']}").json()
    pages = [[item["number"] for item in page["items"]] for page in (first, second, third)]
    assert (pages, third["next"]) == ([[5, 4], [3, 2], [1]], None)


@pytest.mark.parametrize(
    ("query", "status"),
    [("limit=0", 422), ("limit=501", 422), ("since=yesterday", 422), ("nonsense=1", 422), ("cursor=x", 400)],
)
def test_what_is_no_filter_is_refused(trailed: Asker, query: str, status: int) -> None:
    assert trailed.get(f"{BASE}?{query}").status_code == status


def test_one_entry_is_shown_whole(trailed: Asker) -> None:
    shown = trailed.get(f"{BASE}/4").json()
    assert (shown["actor"], shown["address"], shown["before"], shown["after"]) == (
        "test:b",
        "192.0.2.1",
        {"a": 1},
        None,
    )
    assert (shown["at"], shown["reason"]) == ("2026-11-22T12:00:03.000000Z", "why")
    assert shown["previous"] == trailed.get(f"{BASE}/3").json()["digest"]


@pytest.mark.parametrize(("number", "status"), [("6", 404), ("0", 422), ("x", 422), (str(2**63), 422)])
def test_an_entry_that_is_not_there_is_not_found(trailed: Asker, number: str, status: int) -> None:
    assert trailed.get(f"{BASE}/{number}").status_code == status


def test_only_an_auditor_reads_the_trail(trailed: Asker) -> None:
    for path in ("", "/1", "/head", "/export"):
        assert trailed.get(BASE + path, who="operator").status_code == 403
    assert trailed.post(f"{BASE}/verify", who="operator").status_code == 403
    assert numbers(trailed, "action=auth.refused") == [10, 9, 8, 7, 6]


def test_the_head_says_where_the_trail_ends_and_what_was_signed(trailed: Asker) -> None:
    unsigned = trailed.get(f"{BASE}/head").json()
    assert (unsigned["number"], unsigned["signed"]) == (5, None)
    head = sign_head(trailed.admin.database, KEY)
    assert head is not None
    assert trailed.get(f"{BASE}/head").json() == {
        "number": 5,
        "digest": head.digest,
        "signed": head.document(),
    }


def test_a_trail_that_holds_is_verified(trailed: Asker) -> None:
    sign_head(trailed.admin.database, KEY)
    write(trailed.admin.database, "later")
    assert trailed.post(f"{BASE}/verify").json() == {
        "intact": True,
        "entries": 6,
        "signed_until": 5,
        "signatures_checked": True,
        "findings": [],
    }


def test_an_edited_entry_is_told_with_its_number(trailed_everywhere: Asker) -> None:
    edit = update(audit).where(audit.c.number == 2).values(reason="x")
    as_owner(trailed_everywhere.admin.database, lambda owner: owner.execute(edit))
    found = trailed_everywhere.post(f"{BASE}/verify").json()
    message = "entry 2 is not what was written: its digest is another one"
    assert found["intact"] is False
    assert found["findings"] == [{"number": 2, "kind": "edited", "message": message}]


def test_a_head_that_the_caller_kept_shows_that_the_end_was_cut_off(trailed: Asker) -> None:
    sign_head(trailed.admin.database, KEY)
    kept = trailed.get(f"{BASE}/head").json()["signed"]
    as_owner(trailed.admin.database, lambda owner: cut(owner, 3))
    assert trailed.post(f"{BASE}/verify").json()["intact"] is True
    found = trailed.post(f"{BASE}/verify", {"heads": [kept]}).json()
    assert [(finding["number"], finding["kind"]) for finding in found["findings"]] == [(5, "head"), (4, "cut_off")]


def test_a_head_of_another_key_is_no_witness(trailed: Asker) -> None:
    sign_head(trailed.admin.database, OTHER)
    [finding] = trailed.post(f"{BASE}/verify").json()["findings"]
    assert (finding["number"], finding["kind"]) == (5, "head")
    assert "is signed by a key that is not trusted" in finding["message"]


def test_what_is_no_head_is_refused_with_its_place(trailed: Asker) -> None:
    answer = trailed.post(f"{BASE}/verify", {"heads": [{"number": "x"}]})
    assert (answer.status_code, answer.json()["errors"][0]["at"]) == (422, "/heads/0")


def test_an_export_holds_every_entry_and_is_the_last_of_them(
    trailed_everywhere: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trail, "PAGE", 2)
    answer = trailed_everywhere.get(f"{BASE}/export", who="auditor")
    assert answer.headers["content-type"] == "application/x-ndjson"
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [line["number"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert (lines[-1]["action"], lines[-1]["actor"]) == ("audit.export", "test:auditor")
    assert lines[3] == trailed_everywhere.get(f"{BASE}/4").json()


def test_an_export_holds_what_is_asked_for_and_says_what_that_was(trailed: Asker) -> None:
    answer = trailed.get(f"{BASE}/export?actor=test:a&until=2026-11-22T12:00:01Z")
    assert [json.loads(line)["number"] for line in answer.text.splitlines()] == [1]
    assert trailed.get(f"{BASE}/6").json()["after"] == {"actor": "test:a", "until": "2026-11-22T12:00:01Z"}
