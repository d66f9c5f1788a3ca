"""Facts through the admin API: put, read, edit, end and retract; nothing is lost, and nobody overwrites blindly."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from service.storage.database import Database
from service.storage.schema import audit, changes
from tests.admin.conftest import Asker
from tests.admin.facts_app import NEW, create, etag, facts, ids, pointers, post, read, sqlite_facts
from tests.databases import Clock

__all__ = ["facts", "sqlite_facts"]

ENTITY = {
    "name": "Acme AG",
    "kind": "company",
    "seats": {"headquarters": ["DE"], "operations": ["UA-43", "FR"]},
    "acts_with": ["beta"],
    "source": "register",
}
INTEREST = {"owner": "acme", "subject": "beta", "share": "(25%, 50%]", "start": "2024-01-01", "source": "register"}
BODIES: dict[str, tuple[Any, Any]] = {
    "entities/acme": (ENTITY, {"name": "Acme SE"}),
    "interests/i1": (INTEREST, {**INTEREST, "share": "51%"}),
    "listings/l1": ({"entity": "acme", "list": "us-sdn", "start": "2024-01-01"}, {"entity": "acme", "list": "eu"}),
    "accounts/a1": ({"entity": "acme", "tags": ["trial"], "declared": {"billing": "DE"}}, {"tags": []}),
    "resources/r1": ({"tags": ["high-risk"], "provider": "acme"}, {"provider": None}),
    "sources/register": ({"rank": 1}, {"rank": 2}),
}
HISTORIED = pytest.mark.parametrize("path", [path for path in BODIES if not path.startswith("sources")])


def test_what_is_put_is_read_back_in_its_canonical_form(facts: Asker) -> None:
    create(facts, "entities/acme", ENTITY)
    shown = read(facts, "entities/acme")
    assert shown.pop("recorded_from") == "2026-11-22T12:00:00Z"
    assert shown == {
        "id": "acme",
        **ENTITY,
        "seats": {"headquarters": ["DE"], "operations": ["FR", "UA-43"]},
        "recorded_to": None,
    }
    create(facts, "interests/i1", INTEREST)
    shown = read(facts, "interests/i1")
    shown.pop("recorded_from")
    assert shown == {
        "id": "i1",
        **INTEREST,
        "start": "2024-01-01T00:00:00Z",
        "end": None,
        "control": False,
        "kind": "shareholding",
        "carries": "share",
        "details": {},
        "recorded_to": None,
    }


def test_who_acts_together_is_known_of_both(facts: Asker) -> None:
    create(facts, "entities/beta")
    create(facts, "entities/acme", ENTITY)
    assert read(facts, "entities/beta")["acts_with"] == ["acme"]
    facts.put("/admin/v1/entities/beta", {"acts_with": []}, headers=etag(facts, "entities/beta"))
    assert read(facts, "entities/acme")["acts_with"] == []


def test_creating_needs_to_say_that_it_is_new(facts: Asker) -> None:
    for path, (first, _) in BODIES.items():
        assert facts.put(f"/admin/v1/{path}", first).status_code == 428
        assert facts.put(f"/admin/v1/{path}", first, headers={"If-Match": '"x"'}).status_code == 412
        answer = facts.put(f"/admin/v1/{path}", first, headers=NEW)
        assert answer.status_code == 201
        assert "cordon-position" in answer.headers
        assert facts.put(f"/admin/v1/{path}", first, headers=NEW).status_code == 412


def test_an_edit_counts_only_for_the_state_that_its_author_saw(facts: Asker) -> None:
    for path, (first, second) in BODIES.items():
        tag = create(facts, path, first)
        assert facts.put(f"/admin/v1/{path}", second).status_code == 428
        answer = facts.put(f"/admin/v1/{path}", second, headers={"If-Match": tag})
        assert answer.status_code == 200
        assert answer.headers["etag"] != tag
        assert facts.put(f"/admin/v1/{path}", first, headers={"If-Match": tag}).status_code == 412
        assert facts.get(f"/admin/v1/{path}").headers["etag"] == answer.headers["etag"]


def test_what_is_deleted_is_there_no_more_and_may_come_again(facts: Asker) -> None:
    for path, (first, _) in BODIES.items():
        tag = create(facts, path, first)
        assert facts.delete(f"/admin/v1/{path}").status_code == 428
        assert facts.delete(f"/admin/v1/{path}", headers={"If-Match": '"x"'}).status_code == 412
        answer = facts.delete(f"/admin/v1/{path}", headers={"If-Match": tag})
        assert answer.status_code == 204
        assert "cordon-position" in answer.headers
        assert facts.get(f"/admin/v1/{path}").status_code == 404
        assert facts.delete(f"/admin/v1/{path}", headers={"If-Match": tag}).status_code == 404
        create(facts, path, first)


@HISTORIED
def test_what_was_known_then_can_be_read_after_it_changed(facts: Asker, clock: Clock, path: str) -> None:
    first, second = BODIES[path]
    tag = create(facts, path, first)
    before = read(facts, path)
    clock.advance(timedelta(hours=1))
    tag = facts.put(f"/admin/v1/{path}", second, headers={"If-Match": tag}).headers["etag"]
    clock.advance(timedelta(hours=1))
    facts.delete(f"/admin/v1/{path}", headers={"If-Match": tag})
    at = "?known_at=2026-11-22T12:30:00Z"
    then = read(facts, f"{path}{at}")
    assert then == {**before, "recorded_to": "2026-11-22T13:00:00Z"}
    assert facts.get(f"/admin/v1/{path}?known_at=2026-11-22T11:59:59Z").status_code == 404
    assert ids(read(facts, f"{path.split('/')[0]}{at}")) == [then["id"]]
    assert ids(read(facts, path.split("/")[0])) == []


@HISTORIED
def test_the_history_says_who_recorded_each_version_and_who_ended_it(facts: Asker, clock: Clock, path: str) -> None:
    first, second = BODIES[path]
    tag = create(facts, path, first, who="editor")
    clock.advance()
    tag = facts.put(f"/admin/v1/{path}", second, headers={"If-Match": tag}, who="other-editor").headers["etag"]
    clock.advance()
    facts.delete(f"/admin/v1/{path}", headers={"If-Match": tag}, who="editor")
    newest, oldest = read(facts, f"{path}/history")["items"]
    assert (oldest["recorded_to"], newest["recorded_to"]) == (newest["recorded_from"], "2026-11-22T12:00:02Z")
    assert (oldest["recorded_by"]["actor"], oldest["ended_by"]["actor"]) == ("test:editor", "test:other-editor")
    assert newest["ended_by"]["action"].endswith(".delete")
    page = read(facts, f"{path}/history?limit=1")
    assert page["items"] == [newest]
    assert read(facts, f"{path}/history?limit=1&cursor={page['next']}") == {"items": [oldest], "next": None}


def test_a_history_of_nothing_is_not_found(facts: Asker) -> None:
    assert facts.get("/admin/v1/entities/acme/history").status_code == 404


def test_an_entity_has_another_version_when_its_partner_says_that_they_act_together(facts: Asker, clock: Clock) -> None:
    create(facts, "entities/beta")
    before = facts.get("/admin/v1/entities/beta").headers["etag"]
    clock.advance()
    create(facts, "entities/acme", ENTITY, who="editor")
    after = facts.get("/admin/v1/entities/beta").headers["etag"]
    assert before != after
    newest, oldest = read(facts, "entities/beta/history")["items"]
    assert (newest["acts_with"], oldest["acts_with"]) == (["acme"], [])
    assert newest["recorded_by"]["actor"] == "test:editor"


def test_an_interest_ends_in_the_world_and_was_there_before(facts: Asker) -> None:
    created = post(facts, "interests", INTEREST)
    path = f"interests/{created['id']}"
    end = {"end": "2026-01-01T00:00:00+01:00"}
    assert facts.post(f"/admin/v1/{path}/end", end).status_code == 428
    answer = facts.post(f"/admin/v1/{path}/end", end, headers=etag(facts, path))
    assert answer.status_code == 200
    assert answer.json()["end"] == "2025-12-31T23:00:00Z"
    assert ids(read(facts, "interests?valid_at=2025-12-31")) == [created["id"]]
    assert ids(read(facts, "interests?valid_at=2026-01-01")) == []
    early = facts.post(f"/admin/v1/{path}/end", {"end": "2023-01-01"}, headers=etag(facts, path))
    assert early.status_code == 422
    assert list(pointers(early)) == ["/end"]


def test_a_listing_ends_when_the_entity_is_taken_off_the_list(facts: Asker) -> None:
    created = post(facts, "listings", {"entity": "acme", "list": "us-sdn"})
    path = f"listings/{created['id']}"
    facts.post(f"/admin/v1/{path}/end", {"end": "2025-07-01"}, headers=etag(facts, path))
    assert read(facts, path)["end"] == "2025-07-01T00:00:00Z"


@pytest.mark.parametrize("path", ["interests", "listings"])
def test_the_same_creation_sent_twice_creates_one(facts: Asker, path: str) -> None:
    body = BODIES[f"{path}/{'i1' if path == 'interests' else 'l1'}"][0]
    headers = {"Idempotency-Key": "once"}
    first = facts.post(f"/admin/v1/{path}", body, headers=headers)
    second = facts.post(f"/admin/v1/{path}", body, headers=headers)
    assert first.status_code == second.status_code == 201
    assert first.json() == second.json()
    assert first.headers["location"] == f"/admin/v1/{path}/{first.json()['id']}"
    assert len(read(facts, path)["items"]) == 1


def test_every_write_is_in_the_audit_trail_with_before_and_after(facts: Asker, database: Database) -> None:
    tag = create(facts, "accounts/a1", {"tags": ["one"]}, who="editor")
    facts.put("/admin/v1/accounts/a1", {"tags": ["two"]}, headers={"If-Match": tag}, who="editor")
    facts.delete("/admin/v1/accounts/a1", headers=etag(facts, "accounts/a1"), who="editor")
    with database.reading() as connection:
        rows = connection.execute(select(audit).order_by(audit.c.number)).all()
    assert [(row.actor, row.action, row.object) for row in rows] == [
        ("test:editor", f"account.{verb}", "account:a1") for verb in ("put", "put", "delete")
    ]
    shown = [("one" in (row.before or ""), "two" in (row.after or "")) for row in rows]
    assert shown == [(False, False), (True, True), (False, False)]


def test_an_edit_that_changes_nothing_leaves_no_version(facts: Asker) -> None:
    tag = create(facts, "entities/acme", ENTITY)
    answer = facts.put("/admin/v1/entities/acme", ENTITY, headers={"If-Match": tag})
    assert (answer.status_code, answer.headers["etag"]) == (200, tag)
    assert len(read(facts, "entities/acme/history")["items"]) == 1


def test_a_change_makes_old_what_is_known_of_owner_and_subject(facts: Asker, database: Database) -> None:
    create(facts, "interests/i1", INTEREST)
    facts.delete("/admin/v1/interests/i1", headers=etag(facts, "interests/i1"))
    create(facts, "sources/register", {"rank": 1})
    with database.reading() as connection:
        rows = connection.execute(select(changes.c.seq, changes.c.subject, changes.c.id).order_by(changes.c.seq)).all()
    touched = [{(row.subject, row.id) for row in rows if row.seq == seq} for seq in sorted({row.seq for row in rows})]
    both = {("entity", "acme"), ("entity", "beta")}
    assert touched == [both, both, {("everything", "")}]


def test_an_id_may_hold_what_a_path_does_not(facts: Asker) -> None:
    id = "http:%2F%2Fexample.com%2Fa%3Fb%20%C3%BC"
    create(facts, f"entities/{id}", {"name": "odd"})
    assert read(facts, f"entities/{id}")["id"] == "http://example.com/a?b ü"
    assert len(read(facts, f"entities/{id}/history")["items"]) == 1


NOT_KNOWN = "is not known here"
FAULTY: list[tuple[str, object, dict[str, str]]] = [
    (
        "interests/i",
        {**INTEREST, "share": "fifty"},
        {"/share": "`fifty` is not a share: write `51%` or an interval such as `(25%, 50%]`"},
    ),
    ("interests/i", {**INTEREST, "share": 50}, {"/share": "a text is wanted here"}),
    (
        "interests/i",
        {**INTEREST, "start": "2026-01-31T12:00:00"},
        {"/start": "`2026-01-31T12:00:00` is not a moment without its offset: write `2026-01-31T12:00:00Z`"},
    ),
    ("interests/i", {"owner": ""}, {"/owner": "the id is empty", "/subject": "is missing"}),
    ("entities/e", {"seats": {"headquarters": ["de"]}}, {"/seats/headquarters/0": "unknown code `de`: write `DE`"}),
    ("entities/e", {"seats": {"hq": ["DE"]}, "nmae": "x"}, {"/seats/hq": NOT_KNOWN, "/nmae": NOT_KNOWN}),
    (
        "accounts/a",
        {"declared": {"billing": "EU"}},
        {"/declared/billing": "`EU` is a group, not a country: write `@eu`"},
    ),
    ("sources/s", {"rank": -1}, {"/rank": "must be 0 or more"}),
    ("entities/e", {"name": "a\0b"}, {"/name": "holds a character that is none"}),
]


@pytest.mark.parametrize(("path", "body", "faults"), FAULTY)
def test_a_faulty_body_is_refused_with_the_place_and_the_reason(
    sqlite_facts: Asker, path: str, body: object, faults: dict[str, str]
) -> None:
    answer = sqlite_facts.put(f"/admin/v1/{path}", body, headers=NEW)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert pointers(answer) == faults


@pytest.mark.parametrize(
    "body",
    [
        {**INTEREST, "details": {"a\0": "b\0"}},
        {**INTEREST, "details": {"a": "x" * 20_000}},
        {**INTEREST, "end": "2023-01-01"},
        {**INTEREST, "kind": " "},
        {**INTEREST, "owner": " acme"},
        {**INTEREST, "source": "\ud800"},
        {**INTEREST, "details": {"a": "\ud800"}},
    ],
)
def test_what_cannot_be_kept_is_refused_or_kept_whole(facts: Asker, body: dict[str, Any]) -> None:
    answer = facts.put("/admin/v1/interests/i", body, headers=NEW)
    assert answer.status_code == 422 or (answer.status_code, answer.json()["details"]) == (201, body["details"])


@pytest.mark.parametrize("who", ["viewer", "approver", "operator", "auditor"])
def test_only_editors_change_facts_and_everyone_reads_them(sqlite_facts: Asker, who: str) -> None:
    facts = sqlite_facts
    assert facts.put("/admin/v1/entities/acme", ENTITY, headers=NEW, who=who).status_code == 403
    assert facts.post("/admin/v1/interests", INTEREST, who=who).status_code == 403
    assert facts.post("/admin/v1/facts/batch", {"operations": []}, who=who).status_code in (403, 422)
    assert facts.get("/admin/v1/entities", who=who).status_code == 200
    assert facts.get("/admin/v1/entities", who="").status_code == 401


def test_of_two_editors_with_the_same_state_in_hand_exactly_one_wins(facts: Asker) -> None:
    tag = create(facts, "entities/acme", {"name": "0"})
    writers = 4
    together = threading.Barrier(writers)

    def write(number: int) -> int:
        together.wait()
        body = {"name": f"by {number}"}
        return facts.put("/admin/v1/entities/acme", body, headers={"If-Match": tag}).status_code

    with ThreadPoolExecutor(writers) as pool:
        codes = sorted(pool.map(write, range(writers)))
    assert codes == [200, *[412] * (writers - 1)]
    assert len(read(facts, "entities/acme/history")["items"]) == 2


@pytest.mark.parametrize("rank", [True, "5", 5.0, 1.5])
def test_a_rank_is_a_whole_number(sqlite_facts: Asker, rank: object) -> None:
    answer = sqlite_facts.put("/admin/v1/sources/register", {"rank": rank}, headers=NEW)
    assert (answer.status_code, pointers(answer)) == (422, {"/rank": "must be a whole number"})


@pytest.mark.parametrize("control", [1, "yes"])
def test_control_is_true_or_false(sqlite_facts: Asker, control: object) -> None:
    answer = sqlite_facts.post("/admin/v1/interests", {"owner": "a", "subject": "b", "control": control})
    assert (answer.status_code, pointers(answer)) == (422, {"/control": "must be true or false"})
