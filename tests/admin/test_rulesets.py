"""Rule sets through the API: what is in force, what was, and the ways past a draft."""

import pytest

from service.storage.audit import entries
from service.storage.database import Database
from tests.admin.conftest import Asker, served
from tests.admin.rulesets_api import APPROVER, AUTHOR, ROUTERS, RULESETS, VIEWER, begin, publish, put_cases
from tests.databases import Clock
from tests.storage.ruleset_texts import cases, rules, text_of

FIRST, SECOND = rules(deny=["CN"]), rules(deny=["RU"])
ONE, TWO = text_of(deny=["CN"]).revision, text_of(deny=["RU"]).revision
SMALL = f"{RULESETS}/small"


@pytest.fixture
def asker(database: Database, clock: Clock) -> Asker:
    """The endpoints over each kind of database."""
    return served(database, clock, ROUTERS)


@pytest.fixture
def sqlite_asker(sqlite_database: Database, clock: Clock) -> Asker:
    """The same over SQLite alone, for what no database sees."""
    return served(sqlite_database, clock, ROUTERS)


def twice(asker: Asker) -> None:
    publish(asker, FIRST)
    publish(asker, SECOND)


def roll_back(asker: Asker, revision: str = ONE, who: str = APPROVER, **headers: str) -> tuple[int, dict[str, object]]:
    body = {"revision": revision, "reason": "it locked us out"}
    answer = asker.post(f"{SMALL}/rollback", body, who=who, headers=headers)
    return answer.status_code, answer.json()


def break_glass(asker: Asker, who: str = "operator", **members: object) -> tuple[int, dict[str, object]]:
    answer = asker.post(f"{SMALL}/break-glass", {"text": SECOND, "reason": "attack", **members}, who=who)
    return answer.status_code, answer.json()


def test_a_rule_set_names_its_document_and_what_decisions_name(asker: Asker) -> None:
    publish(asker, FIRST)
    asker.post(
        f"{RULESETS}/above/break-glass", {"text": rules("above", include=["small"]), "reason": "r"}, who="operator"
    )
    before = {item["id"]: item for item in asker.get(RULESETS, who=VIEWER).json()["items"]}
    assert before["small"]["revision"] == ONE
    publish(asker, SECOND)
    after = {item["id"]: item for item in asker.get(RULESETS, who=VIEWER).json()["items"]}
    assert before["above"]["revision"] == after["above"]["revision"]
    assert before["above"]["program_revision"] != after["above"]["program_revision"]
    assert asker.get(f"{RULESETS}/above", who=VIEWER).json() == after["above"]


def test_every_revision_can_be_read_for_good(asker: Asker) -> None:
    twice(asker)
    listed = asker.get(f"{SMALL}/revisions", who=VIEWER).json()["items"]
    assert [item["revision"] for item in listed] == [TWO, ONE]
    answer = asker.get(f"{SMALL}/revisions/{ONE}", who=VIEWER)
    own = {"ruleset": "small", "revision": ONE, "form": "yaml", "text": FIRST}
    assert answer.json() == {**own, "program_revision": None}
    seen = {"If-None-Match": answer.headers["ETag"]}
    assert asker.get(f"{SMALL}/revisions/{ONE}", who=VIEWER, headers=seen).status_code == 304
    assert asker.get(f"{SMALL}/revisions/0123456789ab", who=VIEWER).status_code == 404


def test_the_revision_that_a_decision_named_leads_to_its_document_for_good(asker: Asker) -> None:
    publish(asker, FIRST)
    above = rules("above", include=["small"])
    publish(asker, above, ruleset="above")
    path = f"{RULESETS}/above"
    first = asker.get(path, who=VIEWER).json()
    publish(asker, SECOND)
    second = asker.get(path, who=VIEWER).json()
    publish(asker, rules("above"), ruleset="above")
    third = asker.get(path, who=VIEWER).json()
    named = [each["program_revision"] for each in (third, second, first)]
    assert len(set(named)) == 3
    publications = asker.get(f"{path}/publications", who=VIEWER).json()["items"]
    assert [each["program_revision"] for each in publications] == [named[0], named[2]]
    assert third["publication"] == publications[0]
    assert second["publication"]["program_revision"] == first["program_revision"]
    for revision in named[1:]:
        found = asker.get(f"{path}/revisions/{revision}", who=VIEWER).json()
        assert found == {
            "ruleset": "above",
            "revision": first["revision"],
            "program_revision": revision,
            "form": "yaml",
            "text": above,
        }
    assert asker.get(f"{SMALL}/revisions/{named[0]}", who=VIEWER).status_code == 404


def test_a_text_that_nobody_approved_is_told_when_a_rollback_leads_back_to_it(asker: Asker) -> None:
    publish(asker, FIRST)
    break_glass(asker)
    assert roll_back(asker, ONE)[1]["break_glass"] is False
    assert roll_back(asker, TWO)[1]["break_glass"] is True
    assert asker.get(SMALL, who=VIEWER).json()["break_glass"]
    assert [item["break_glass"] for item in asker.get(RULESETS, who=VIEWER).json()["items"]] == [True]
    publish(asker, SECOND)
    assert not asker.get(SMALL, who=VIEWER).json()["break_glass"]


def test_revisions_and_publications_are_listed_page_by_page(asker: Asker) -> None:
    twice(asker)
    for name, member in (("revisions", "revision"), ("publications", "number")):
        page = asker.get(f"{SMALL}/{name}?limit=1", who=VIEWER).json()
        rest = asker.get(f"{SMALL}/{name}?limit=1&cursor={page['next']}", who=VIEWER).json()
        assert (len(page["items"]), len(rest["items"]), rest["next"]) == (1, 1, None)
        assert page["items"][0][member] != rest["items"][0][member]


def test_a_diff_compares_the_last_two_unless_said(asker: Asker) -> None:
    twice(asker)
    found = asker.get(f"{SMALL}/diff", who=VIEWER).json()
    assert (found["older"], found["newer"]) == (ONE, TWO)
    assert "-    when: {location: {in: [CN]}}\n+    when: {location: {in: [RU]}}\n" in found["diff"]
    back = asker.get(f"{SMALL}/diff?from={TWO}&to={ONE}", who=VIEWER).json()
    assert "-    when: {location: {in: [RU]}}\n+    when: {location: {in: [CN]}}\n" in back["diff"]
    assert asker.get(f"{SMALL}/diff?from=0123456789ab", who=VIEWER).status_code == 404


def test_a_rollback_is_one_call(asker: Asker) -> None:
    twice(asker)
    status, done = roll_back(asker)
    assert (status, done["revision"], done["replaced"]) == (200, ONE, TWO)
    found = asker.get(SMALL, who=VIEWER).json()
    assert (found["revision"], found["publication"]["kind"]) == (ONE, "rollback")
    assert found["publication"]["reason"] == "it locked us out"
    assert roll_back(asker)[0] == 409
    assert roll_back(asker, "0123456789ab")[0] == 404


def test_a_rollback_may_say_what_it_rolls_back(asker: Asker) -> None:
    publish(asker, FIRST)
    tag = asker.get(SMALL, who=VIEWER).headers["ETag"]
    publish(asker, SECOND)
    assert roll_back(asker, **{"If-Match": tag})[0] == 412
    assert roll_back(asker, **{"If-Match": asker.get(SMALL, who=VIEWER).headers["ETag"]})[0] == 200


def test_a_rollback_tells_which_cases_it_fails(asker: Asker) -> None:
    twice(asker)
    put_cases(asker, cases("CN", "allow"))
    status, done = roll_back(asker)
    assert status == 200
    assert "from CN" in str(done["cases"])


def test_break_glass_says_so_everywhere_until_something_else_is_published(asker: Asker) -> None:
    publish(asker, FIRST)
    status, done = break_glass(asker)
    assert (status, done["break_glass"], done["revision"]) == (200, True, TWO)
    assert asker.get(SMALL, who=VIEWER).json()["break_glass"]
    assert len(asker.get(f"{RULESETS}?break_glass=true", who=VIEWER).json()["items"]) == 1
    latest = asker.get(f"{SMALL}/publications", who=VIEWER).json()["items"][0]
    assert (latest["kind"], latest["reason"], latest["actor"]) == ("break_glass", "attack", "test:operator")
    with asker.admin.database.reading() as connection:
        last = list(entries(connection))[-1]
    assert (last.action, last.object, last.reason) == ("ruleset.break_glass", "ruleset:small", "attack")
    assert roll_back(asker)[0] == 200
    assert not asker.get(SMALL, who=VIEWER).json()["break_glass"]
    assert asker.get(f"{RULESETS}?break_glass=true", who=VIEWER).json()["items"] == []


def test_break_glass_needs_a_reason_and_a_document_without_fault(sqlite_asker: Asker) -> None:
    assert break_glass(sqlite_asker, reason=" ")[0] == 422
    status, problem = break_glass(sqlite_asker, text="language: 1\nruleset: small\n", despite_cases=True)
    assert status == 422
    assert {"at": "", "message": "missing `default`", "file": "small.yaml", "line": 1, "column": 1} in list(
        problem["errors"]  # type: ignore[call-overload]
    )
    assert sqlite_asker.get(SMALL, who=VIEWER).status_code == 404


def test_break_glass_fails_cases_only_if_that_is_said(asker: Asker) -> None:
    begin(asker)
    assert put_cases(asker, cases("RU", "allow")).status_code == 201
    assert break_glass(asker)[0] == 422
    status, done = break_glass(asker, despite_cases=True)
    assert status == 200
    assert "from RU" in str(done["cases"])


@pytest.mark.parametrize("who", ["viewer", "editor", "auditor"])
def test_who_neither_approves_nor_operates_rolls_nothing_back(sqlite_asker: Asker, who: str) -> None:
    twice(sqlite_asker)
    assert roll_back(sqlite_asker, who=who)[0] == 403


@pytest.mark.parametrize("who", ["viewer", "editor", "approver", "auditor"])
def test_only_operators_break_the_glass(sqlite_asker: Asker, who: str) -> None:
    assert break_glass(sqlite_asker, who=who)[0] == 403


def test_the_service_is_told_of_every_publication(asker: Asker) -> None:
    publish(asker, FIRST)
    assert asker.positions[-1] == asker.admin.database.position()
    break_glass(asker)
    assert asker.positions[-1] == asker.admin.database.position()


def test_rule_sets_are_listed_page_by_page_and_narrowed(asker: Asker) -> None:
    for id in ("b", "a", "c-1"):
        publish(asker, rules(id), ruleset=id)
    begin(asker)
    page = asker.get(f"{RULESETS}?limit=2", who=VIEWER).json()
    rest = asker.get(f"{RULESETS}?limit=2&cursor={page['next']}", who=VIEWER).json()
    assert [item["id"] for item in (*page["items"], *rest["items"])] == ["a", "b", "c-1"]
    assert [item["id"] for item in asker.get(f"{RULESETS}?containing=-", who=VIEWER).json()["items"]] == ["c-1"]
    assert asker.get(f"{RULESETS}?cursor=e30", who=VIEWER).status_code == 400


@pytest.mark.parametrize("path", ["small", "small/revisions", "small/publications", "small/diff", "small/cases"])
def test_a_rule_set_that_nobody_may_know_of_is_not_found(sqlite_asker: Asker, path: str) -> None:
    begin(sqlite_asker)
    assert sqlite_asker.get(f"{RULESETS}/{path}", who=VIEWER).status_code == 404
    assert sqlite_asker.get(f"{RULESETS}/{path}", who=AUTHOR).status_code == 200


def test_a_case_file_is_attached_read_replaced_and_detached(asker: Asker) -> None:
    begin(asker)
    path, first = f"{SMALL}/cases/first.yaml", put_cases(asker, cases("CN", "deny"))
    assert (first.status_code, first.headers["Location"]) == (201, path)
    read = asker.get(path, who=VIEWER)
    assert (read.json()["text"], read.headers["ETag"]) == (cases("CN", "deny"), first.headers["ETag"])
    assert put_cases(asker, cases("RU", "deny")).status_code == 412
    body, headers = {"text": cases("RU", "deny")}, {"If-Match": first.headers["ETag"]}
    assert asker.put(path, body, who=AUTHOR).status_code == 428
    second = asker.put(path, body, who=AUTHOR, headers=headers)
    assert (second.status_code, second.json()["version"]) == (200, 2)
    assert asker.delete(path, who=AUTHOR, headers=headers).status_code == 412
    assert [item["name"] for item in asker.get(f"{SMALL}/cases", who=VIEWER).json()["items"]] == ["first.yaml"]
    assert asker.delete(path, who=AUTHOR, headers={"If-Match": second.headers["ETag"]}).status_code == 204
    assert asker.get(path, who=VIEWER).status_code == 404


def test_a_case_file_is_attached_only_to_a_rule_set_that_is_known(asker: Asker) -> None:
    assert put_cases(asker, cases("CN", "deny")).status_code == 404
    assert asker.get(SMALL, who=AUTHOR).status_code == 404
    begin(asker)
    headers = {"If-None-Match": "*"}
    others = asker.put(f"{SMALL}/cases/a.yaml", {"text": cases("CN", "deny")}, who="other-editor", headers=headers)
    assert (others.status_code, put_cases(asker, cases("CN", "deny")).status_code) == (404, 201)


def test_a_case_file_that_cannot_be_run_is_refused_with_its_faults(sqlite_asker: Asker) -> None:
    answer = put_cases(sqlite_asker, "ruleset: small\nat: 2026-11-22T00:00:00Z\ncases:\n  - expect: {efect: deny}\n")
    assert answer.status_code == 422
    (fault,) = answer.json()["errors"]
    assert (fault["at"], fault["file"], fault["line"]) == ("/cases/0/expect/efect", "small/first.yaml", 4)
    assert put_cases(sqlite_asker, cases("CN", "deny", "other")).status_code == 422


def test_only_editors_attach_case_files(sqlite_asker: Asker) -> None:
    for who in ("viewer", "approver", "operator", "auditor"):
        path = f"{SMALL}/cases/first.yaml"
        headers = {"If-None-Match": "*"}
        assert sqlite_asker.put(path, {"text": cases("CN", "deny")}, who=who, headers=headers).status_code == 403
