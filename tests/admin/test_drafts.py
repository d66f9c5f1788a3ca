"""The life of a draft, as people see it through the API."""

from datetime import timedelta

import pytest

from service.publishing.schedule import publish_due
from service.storage.audit import entries
from service.storage.database import Database
from tests.admin.conftest import Asker, served
from tests.admin.rulesets_api import (
    APPROVER,
    AUTHOR,
    DRAFTS,
    OTHER_APPROVER,
    ROUTERS,
    RULESETS,
    VIEWER,
    act,
    approved,
    begin,
    done,
    etag,
    publish,
    put_cases,
)
from tests.databases import Clock
from tests.storage.ruleset_texts import cases, rules

SECOND = rules(deny=["RU"])


@pytest.fixture
def asker(database: Database, clock: Clock) -> Asker:
    """The endpoints over each kind of database."""
    return served(database, clock, ROUTERS)


@pytest.fixture
def sqlite_asker(sqlite_database: Database, clock: Clock) -> Asker:
    """The same over SQLite alone, for what no database sees."""
    return served(sqlite_database, clock, ROUTERS)


def audit_of(asker: Asker) -> list[tuple[str, str]]:
    with asker.admin.database.reading() as connection:
        return [(entry.actor.removeprefix("test:"), entry.action) for entry in entries(connection)]


def test_a_draft_goes_from_its_author_through_review_into_force(asker: Asker) -> None:
    draft = begin(asker, title="First rules")
    assert (draft["status"], draft["base"], draft["approvals"], draft["conflict"]) == ("draft", None, [], None)
    assert done(act(asker, draft, "submit", AUTHOR))["status"] == "in_review"
    found = done(act(asker, draft, "approve", APPROVER, {"comment": "as agreed"}))
    assert found["status"] == "approved"
    assert [(each["approver"], each["comment"]) for each in found["approvals"]] == [("test:approver", "as agreed")]
    assert done(act(asker, draft, "publish", APPROVER))["status"] == "published"
    ruleset = asker.get(f"{RULESETS}/small", who=VIEWER).json()
    assert ruleset["revision"] == draft["revision"]
    assert (ruleset["publication"]["kind"], ruleset["publication"]["draft"]) == ("approved", draft["id"])
    steps = ["draft.create", "draft.submit", "draft.approve", "ruleset.publish", "draft.publish"]
    assert [action for _, action in audit_of(asker)] == steps


def test_nobody_but_the_author_sees_a_draft_before_it_is_submitted(asker: Asker) -> None:
    draft = begin(asker)
    path = f"{DRAFTS}/{draft['id']}"
    headers = {"If-Match": etag(asker, draft)}
    for who in ("everything", "other-editor", "auditor"):
        assert asker.get(path, who=who).status_code == 404
        assert asker.get(DRAFTS, who=who).json() == {"items": [], "next": None}
        assert asker.get(f"{RULESETS}/small", who=who).status_code == 404
    for verb in ("approve", "publish", "unschedule"):
        assert asker.post(f"{path}/{verb}", who="everything", headers=headers).status_code == 404
    assert asker.post(f"{path}/reject", {"reason": "no"}, who="everything", headers=headers).status_code == 404
    assert asker.put(path, {"text": SECOND}, who="everything", headers=headers).status_code == 404
    assert asker.delete(path, who="everything", headers=headers).status_code == 404
    assert [item["id"] for item in asker.get(DRAFTS, who=AUTHOR).json()["items"]] == [draft["id"]]
    done(act(asker, draft, "submit", AUTHOR))
    assert asker.get(path, who=VIEWER).status_code == 200
    assert asker.get(f"{RULESETS}/small", who=VIEWER).json()["revision"] is None


def test_the_author_never_approves_whatever_their_roles_and_that_they_tried_is_on_record(asker: Asker) -> None:
    answer = asker.post(DRAFTS, {"ruleset": "small", "text": rules()}, who="author-and-approver")
    path = answer.headers["Location"]
    tag = asker.post(f"{path}/submit", who="author-and-approver", headers={"If-Match": answer.headers["ETag"]})
    headers = {"If-Match": tag.headers["ETag"]}
    refused = asker.post(f"{path}/approve", who="author-and-approver", headers=headers)
    assert refused.status_code == 403
    assert "other than its author" in refused.json()["detail"]
    assert audit_of(asker)[-1] == ("author-and-approver", "auth.refused")
    assert asker.post(f"{path}/approve", who=APPROVER, headers=headers).status_code == 200


def test_the_author_publishes_what_others_have_approved(sqlite_asker: Asker) -> None:
    answer = sqlite_asker.post(DRAFTS, {"ruleset": "small", "text": rules()}, who="author-and-approver")
    path = answer.headers["Location"]
    for verb, who in (("submit", "author-and-approver"), ("approve", APPROVER), ("publish", "author-and-approver")):
        answer = sqlite_asker.post(f"{path}/{verb}", who=who, headers={"If-Match": answer.headers["ETag"]})
        assert answer.status_code == 200


def test_an_edit_resets_approvals(asker: Asker) -> None:
    draft = approved(asker)
    path = f"{DRAFTS}/{draft['id']}"
    answer = asker.put(path, {"text": SECOND}, who=AUTHOR, headers={"If-Match": etag(asker, draft)})
    assert (done(answer)["status"], answer.json()["approvals"], answer.json()["version"]) == ("in_review", [], 2)
    refused = act(asker, draft, "publish", APPROVER)
    assert (refused.status_code, refused.json()["state"]) == (409, "in_review")


def test_the_number_of_approvals_is_a_setting(database: Database, clock: Clock) -> None:
    asker = served(database, clock, ROUTERS, approvals_required=2)
    draft = approved(asker)
    assert (draft["status"], draft["approvals_required"]) == ("in_review", 2)
    assert act(asker, draft, "approve", APPROVER).status_code == 409
    assert done(act(asker, draft, "approve", OTHER_APPROVER))["status"] == "approved"
    assert done(act(asker, draft, "publish", APPROVER))["status"] == "published"


@pytest.mark.parametrize("verb", ["submit", "approve", "reject", "withdraw", "schedule", "unschedule", "publish"])
def test_whoever_changes_a_draft_says_which_state_of_it_they_mean(sqlite_asker: Asker, verb: str) -> None:
    draft = begin(sqlite_asker)
    body = {"reject": {"reason": "no"}, "schedule": {"at": "2030-01-01T00:00:00Z"}}.get(verb)
    path, stale = f"{DRAFTS}/{draft['id']}", etag(sqlite_asker, draft)
    done(sqlite_asker.put(path, {"text": SECOND}, who=AUTHOR, headers={"If-Match": stale}))
    who = AUTHOR if verb in ("submit", "withdraw") else "everything"
    if who == "everything":
        done(act(sqlite_asker, draft, "submit", AUTHOR))
    assert sqlite_asker.post(f"{path}/{verb}", body, who=who).status_code == 428
    assert sqlite_asker.post(f"{path}/{verb}", body, who=who, headers={"If-Match": stale}).status_code == 412


def test_a_draft_whose_base_moved_shows_the_conflict_and_is_rebased(asker: Asker) -> None:
    first, second = approved(asker), approved(asker, SECOND)
    done(act(asker, first, "publish", APPROVER))
    refused = act(asker, second, "publish", APPROVER)
    assert refused.status_code == 409
    assert (refused.json()["base"], refused.json()["published"]) == (None, first["revision"])
    shown = asker.get(f"{DRAFTS}/{second['id']}", who=VIEWER).json()["conflict"]
    assert shown == {name: refused.json()[name] for name in ("base", "published", "diff")}
    assert "+ruleset: small" in shown["diff"]
    path, headers = f"{DRAFTS}/{second['id']}", {"If-Match": etag(asker, second)}
    for base in ("0123456789ab", None):
        elsewhere = asker.put(path, {"text": SECOND, "base": base}, who=AUTHOR, headers=headers)
        assert (elsewhere.status_code, elsewhere.json()["published"]) == (409, first["revision"])
    rebased = asker.put(path, {"text": SECOND, "base": first["revision"]}, who=AUTHOR, headers=headers)
    assert (done(rebased)["status"], rebased.json()["conflict"]) == ("in_review", None)
    done(act(asker, second, "approve", APPROVER))
    done(act(asker, second, "publish", APPROVER))
    states = {item["id"]: item["status"] for item in asker.get(DRAFTS, who=VIEWER).json()["items"]}
    assert states == {first["id"]: "superseded", second["id"]: "published"}


def test_a_faulty_document_may_be_written_and_not_published(sqlite_asker: Asker) -> None:
    draft = approved(sqlite_asker, rules().replace("effect: deny", "effect: forbid"))
    refused = act(sqlite_asker, draft, "publish", APPROVER)
    assert refused.status_code == 422
    (fault,) = refused.json()["errors"]
    assert (fault["at"], fault["file"], fault["line"], fault["column"]) == ("/rules/0/effect", "small.yaml", 9, 13)
    checked = done(act(sqlite_asker, draft, "check", VIEWER))
    assert (checked["publishable"], checked["faults"]) == (False, [fault])


def test_a_draft_is_not_published_while_a_case_fails(asker: Asker) -> None:
    draft = begin(asker)
    assert put_cases(asker, cases("CN", "allow")).status_code == 201
    done(act(asker, draft, "submit", AUTHOR))
    done(act(asker, draft, "approve", APPROVER))
    refused = act(asker, draft, "publish", APPROVER)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["file"] == "small/first.yaml"
    assert refused.json()["errors"][0]["message"].startswith("the case `from CN` fails: ")
    assert act(asker, draft, "schedule", APPROVER, {"at": "2030-01-01T00:00:00Z"}).status_code == 422


def test_a_check_says_what_would_change_and_changes_nothing(asker: Asker) -> None:
    publish(asker)
    put_cases(asker, cases("RU", "deny"))
    draft = begin(asker, SECOND + "  - id: new\n    effect: deny\n    when: {action: [use]}\n")
    position = asker.admin.database.position()
    checked = done(act(asker, draft, "check", AUTHOR))
    assert checked["publishable"]
    assert checked["cases"] == {"passed": 1, "failed": []}
    assert checked["effect"] == [
        {"what": "rule", "id": "located", "change": "changed", "members": ["when"]},
        {"what": "rule", "id": "new", "change": "added", "members": []},
    ]
    assert checked["revision"] == draft["revision"]
    assert asker.admin.database.position() == position


def test_a_scheduled_draft_is_published_on_time(asker: Asker, clock: Clock) -> None:
    draft = approved(asker)
    past = act(asker, draft, "schedule", APPROVER, {"at": "2026-11-22T12:00:00Z"})
    assert (past.status_code, past.json()["errors"][0]["at"]) == (422, "/at")
    planned = done(act(asker, draft, "schedule", APPROVER, {"at": "2026-11-22T13:00:00Z"}))
    assert (planned["status"], planned["publish_at"]) == ("scheduled", "2026-11-22T13:00:00Z")
    clock.advance(timedelta(hours=1))
    publish_due(asker.admin.database, clock.now, approvals_required=1)
    publications = asker.get(f"{RULESETS}/small/publications", who=VIEWER).json()["items"]
    assert [(each["kind"], each["at"]) for each in publications] == [("scheduled", "2026-11-22T13:00:00Z")]


def test_a_suspended_draft_says_why_and_can_be_taken_up_again(asker: Asker) -> None:
    draft = approved(asker)
    done(act(asker, draft, "schedule", APPROVER, {"at": "2026-11-22T13:00:00Z"}))
    asker.post(f"{RULESETS}/small/break-glass", {"text": SECOND, "reason": "attack"}, who="operator")
    shown = asker.get(f"{DRAFTS}/{draft['id']}", who=VIEWER).json()
    assert shown["status"] == "suspended"
    assert "the base of the draft moved" in shown["notice"]
    assert shown["conflict"]["published"] == asker.get(f"{RULESETS}/small", who=VIEWER).json()["revision"]
    assert done(act(asker, draft, "unschedule", APPROVER))["status"] == "approved"


def change_cases(asker: Asker, text: str | None, ruleset: str = "small") -> None:
    """Put another text in place of a case file, or detach it."""
    path = f"{RULESETS}/{ruleset}/cases/first.yaml"
    headers = {"If-Match": asker.get(path, who=VIEWER).headers["ETag"]}
    sent = {"text": text} if text else None
    answer = asker.send("PUT" if text else "DELETE", path, sent, who=AUTHOR, headers=headers)
    assert answer.status_code in (200, 204)


@pytest.mark.parametrize("text", [None, cases("CN", "deny")], ids=["detached", "replaced"])
def test_approvals_count_no_more_once_the_cases_change(asker: Asker, text: str | None) -> None:
    publish(asker)
    put_cases(asker, cases("RU", "deny"))
    reviewed, planned = approved(asker, SECOND), approved(asker, SECOND)
    done(act(asker, planned, "schedule", APPROVER, {"at": "2026-11-22T13:00:00Z"}))
    unread = begin(asker, SECOND)
    done(act(asker, unread, "submit", AUTHOR))
    before = etag(asker, unread)
    change_cases(asker, text)
    for draft in (reviewed, planned):
        shown = asker.get(f"{DRAFTS}/{draft['id']}", who=VIEWER).json()
        assert (shown["status"], shown["approvals"], shown["publish_at"]) == ("in_review", [], None)
        assert shown["notice"] == "approvals were taken back: the case file `first.yaml` of `small` changed"
        assert act(asker, draft, "publish", APPROVER).status_code == 409
    assert etag(asker, unread) == before
    assert audit_of(asker)[-2:] == [(AUTHOR, "approvals.void")] * 2
    assert done(act(asker, reviewed, "approve", APPROVER))["status"] == "approved"


def test_cases_that_are_written_again_as_they_were_leave_approvals(asker: Asker) -> None:
    publish(asker)
    put_cases(asker, cases("RU", "deny"))
    draft = approved(asker, SECOND)
    change_cases(asker, cases("RU", "deny"))
    assert asker.get(f"{DRAFTS}/{draft['id']}", who=VIEWER).json()["status"] == "approved"


def test_cases_of_a_rule_set_that_includes_a_draft_guard_its_approvals_too(asker: Asker) -> None:
    publish(asker)
    publish(asker, rules("above", include=["small"]), ruleset="above")
    put_cases(asker, cases("CN", "deny", "above"), ruleset="above")
    draft = approved(asker, SECOND)
    change_cases(asker, None, "above")
    assert asker.get(f"{DRAFTS}/{draft['id']}", who=VIEWER).json()["status"] == "in_review"


def test_a_draft_is_rejected_with_a_reason_by_somebody_else(asker: Asker) -> None:
    draft = begin(asker)
    done(act(asker, draft, "submit", AUTHOR))
    assert act(asker, draft, "reject", APPROVER, {"reason": " "}).status_code == 422
    rejected = done(act(asker, draft, "reject", APPROVER, {"reason": "too wide"}))
    assert (rejected["status"], rejected["notice"]) == ("rejected", "too wide")
    assert act(asker, draft, "approve", OTHER_APPROVER).status_code == 409


def test_a_deleted_draft_is_withdrawn(asker: Asker) -> None:
    draft = begin(asker)
    headers = {"If-Match": etag(asker, draft)}
    assert asker.delete(f"{DRAFTS}/{draft['id']}", who=AUTHOR, headers=headers).status_code == 204
    assert asker.get(f"{DRAFTS}/{draft['id']}", who=AUTHOR).json()["status"] == "withdrawn"


def test_the_same_call_sent_twice_creates_one_draft(asker: Asker) -> None:
    body, headers = {"ruleset": "small", "text": rules()}, {"Idempotency-Key": "once"}
    first, again = (asker.post(DRAFTS, body, who=AUTHOR, headers=headers) for _ in range(2))
    assert (first.status_code, again.status_code, first.content) == (201, 201, again.content)
    assert len(asker.get(DRAFTS, who=AUTHOR).json()["items"]) == 1


def test_a_publication_that_is_sent_again_is_answered_as_before(asker: Asker) -> None:
    draft = approved(asker)
    headers = {"If-Match": etag(asker, draft), "Idempotency-Key": "once"}
    path = f"{DRAFTS}/{draft['id']}/publish"
    first, again = (asker.post(path, who=APPROVER, headers=headers) for _ in range(2))
    assert (first.status_code, again.status_code, first.content) == (200, 200, again.content)


def test_drafts_are_listed_page_by_page_and_narrowed(asker: Asker) -> None:
    drafts = [begin(asker, note) for note in (rules(note="1"), rules(note="2"), rules(note="3"))]
    done(act(asker, drafts[0], "submit", AUTHOR))
    page = asker.get(f"{DRAFTS}?limit=2", who=AUTHOR).json()
    rest = asker.get(f"{DRAFTS}?limit=2&cursor={page['next']}", who=AUTHOR).json()
    ids = [item["id"] for item in (*page["items"], *rest["items"])]
    assert ids == [drafts[0]["id"], drafts[2]["id"], drafts[1]["id"]]
    assert rest["next"] is None
    for query, count in (("status=in_review", 1), ("ruleset=other", 0), ("author=test:editor", 3), ("author=me", 0)):
        assert len(asker.get(f"{DRAFTS}?{query}", who=AUTHOR).json()["items"]) == count
    assert asker.get(f"{DRAFTS}?cursor=WzFd", who=AUTHOR).status_code == 400
    assert asker.get(f"{DRAFTS}?status=done", who=AUTHOR).status_code == 422


@pytest.mark.parametrize(
    ("body", "at"),
    [
        ({"ruleset": "Small", "text": ""}, "/ruleset"),
        ({"ruleset": "small"}, "/text"),
        ({"ruleset": "small", "text": "a\0b"}, "/text"),
        ({"ruleset": "small", "text": "", "form": "toml"}, "/form"),
        ({"ruleset": "small", "text": "", "titel": ""}, "/titel"),
        ({"ruleset": "small", "text": "", "base": "latest"}, "/base"),
    ],
)
def test_what_is_no_draft_is_refused_with_its_place(sqlite_asker: Asker, body: object, at: str) -> None:
    answer = sqlite_asker.post(DRAFTS, body, who=AUTHOR)
    assert (answer.status_code, answer.json()["errors"][0]["at"]) == (422, at)


@pytest.mark.parametrize("who", ["viewer", "approver", "operator", "auditor", "nobody"])
def test_only_editors_write_drafts(sqlite_asker: Asker, who: str) -> None:
    assert sqlite_asker.post(DRAFTS, {"ruleset": "small", "text": ""}, who=who).status_code == 403


@pytest.mark.parametrize("who", ["viewer", "editor", "operator", "auditor"])
def test_only_approvers_approve_and_publish(sqlite_asker: Asker, who: str) -> None:
    draft = approved(sqlite_asker)
    assert act(sqlite_asker, draft, "approve", who).status_code == 403
    assert act(sqlite_asker, draft, "publish", who).status_code == 403
