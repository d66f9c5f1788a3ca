"""Keys through the admin API: made, shown once, renewed, revoked, and never more than their maker may."""

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from service.admin import keys, roles
from service.storage import keys as kept
from service.storage.bootstrap import issue_bootstrap_key
from service.storage.database import Database
from service.storage.key_records import digest_of
from tests.admin.conftest import ADDRESS, Asker, served
from tests.databases import Clock

PATH = "/admin/v1/keys"
GATEWAY = {"name": "edge", "scopes": ["decide", "decide:time"]}
ROUTERS = (keys.router, roles.router)


@pytest.fixture
def asker(database: Database, clock: Clock) -> Asker:
    return served(database, clock, ROUTERS)


@pytest.fixture
def sqlite_asker(sqlite_database: Database, clock: Clock) -> Asker:
    return served(sqlite_database, clock, ROUTERS)


def created(asker: Asker, **changed: object) -> dict[str, Any]:
    answer = asker.post(PATH, {**GATEWAY, **changed})
    assert answer.status_code == 201, answer.text
    document: dict[str, Any] = answer.json()
    return document


def audited(asker: Asker) -> list[Any]:
    query = "SELECT actor, address, action, object, before, after, reason FROM audit ORDER BY number"
    with asker.admin.database.reading() as connection:
        return list(connection.execute(text(query)))


def test_a_key_is_shown_once_and_counts(asker: Asker) -> None:
    made = created(asker, expires_at="2027-01-01T00:00:00+01:00")
    key = made["key"]
    assert made["secret"].startswith(f"cordon_{key['id']}_")
    assert (key["status"], key["scopes"], key["created_by"], key["expires_at"]) == (
        "active",
        ["decide", "decide:time"],
        "test:everything",
        "2026-12-31T23:00:00Z",
    )
    shown = asker.get(f"{PATH}/{key['id']}")
    assert (shown.json(), shown.headers["etag"]) == (key, '"1"')
    with asker.admin.database.reading() as connection:
        assert kept.by_digest(connection, digest_of(made["secret"])) is not None


def test_what_is_written_down_of_a_key_never_holds_it(asker: Asker) -> None:
    headers = {"idempotency-key": "k1"}
    first = asker.post(PATH, GATEWAY, headers=headers).json()
    asker.post(f"{PATH}/{first['key']['id']}/rotate", {}, headers={"idempotency-key": "k2"})
    with asker.admin.database.reading() as connection:
        rows = [connection.execute(text(f"SELECT * FROM {table}")).all() for table in ("audit", "idempotency", "keys")]
    assert first["secret"].removeprefix(f"cordon_{first['key']['id']}_") not in repr(rows)
    assert digest_of(first["secret"]) not in repr(rows[0])


def test_a_repeated_call_makes_no_second_key_and_is_not_told_the_first(sqlite_asker: Asker) -> None:
    headers = {"idempotency-key": "k1"}
    first = sqlite_asker.post(PATH, GATEWAY, headers=headers)
    second = sqlite_asker.post(PATH, GATEWAY, headers=headers)
    assert (second.status_code, second.json()) == (201, {"key": first.json()["key"], "secret": None})
    assert len(sqlite_asker.get(PATH).json()["items"]) == 1


@pytest.mark.parametrize(
    ("changed", "at"),
    [
        ({"scopes": []}, "/scopes"),
        ({"scopes": ["decide", "role:viewer"]}, "/scopes"),
        ({"scopes": ["decide", "everything"]}, "/scopes"),
        ({"name": ""}, "/name"),
        ({"name": "a\nb"}, "/name"),
        ({"name": "a" * 201}, "/name"),
        ({"expires_at": "2026-11-22T12:00:00Z"}, "/expires_at"),
        ({"expires_at": "2027-01-01T00:00:00"}, "/expires_at"),
        ({"expires_at": "9999-12-31T23:59:59-14:00"}, "/expires_at"),
        ({"roles": []}, "/roles"),
    ],
)
def test_a_faulty_key_is_refused_with_the_place_of_its_fault(
    sqlite_asker: Asker, changed: dict[str, Any], at: str
) -> None:
    answer = sqlite_asker.post(PATH, {**GATEWAY, **changed})
    assert (answer.status_code, [fault["at"] for fault in answer.json()["errors"]]) == (422, [at])


def test_nobody_makes_a_key_with_a_role_that_they_lack(sqlite_asker: Asker) -> None:
    wanted = {"name": "robot", "scopes": ["role:operator", "role:approver"]}
    answer = sqlite_asker.post(PATH, wanted, who="operator")
    assert (answer.status_code, answer.json()["detail"]) == (
        403,
        "nobody hands out a role that may do what they may not: `approver`",
    )
    assert [tuple(row)[:4] for row in audited(sqlite_asker)] == [("test:operator", ADDRESS, "auth.refused", "key:")]
    assert sqlite_asker.post(PATH, {**wanted, "scopes": ["role:operator"]}, who="operator").status_code == 201


def test_an_operator_hands_out_a_role_that_may_do_no_more_than_they(sqlite_asker: Asker) -> None:
    for role, status in {"viewer": 201, "operator": 201, "editor": 403, "auditor": 403, "approver": 403}.items():
        answer = sqlite_asker.post(PATH, {"name": "robot", "scopes": [f"role:{role}"]}, who="operator")
        assert (role, answer.status_code) == (role, status)


@pytest.mark.parametrize("end", ["2027-01-01T00:00:00Z", None])
def test_nobody_lets_a_key_live_on_that_may_do_more_than_they(sqlite_asker: Asker, end: str | None) -> None:
    key = created(sqlite_asker, scopes=["role:approver"], expires_at="2026-12-01T00:00:00Z")["key"]
    path, state = f"{PATH}/{key['id']}", {"if-match": "*"}
    answer = sqlite_asker.patch(path, {"expires_at": end}, who="operator", headers=state)
    assert (answer.status_code, sqlite_asker.get(path).json()) == (403, key)
    last = audited(sqlite_asker)[-1]
    assert (last.actor, last.action, last.object) == ("test:operator", "auth.refused", f"key:{key['id']}")
    shorter = {"expires_at": "2026-11-30T00:00:00Z", "name": "ends soon"}
    assert sqlite_asker.patch(path, shorter, who="operator", headers=state).status_code == 200
    assert sqlite_asker.patch(path, {"expires_at": end}, headers=state).status_code == 200


def test_whoever_manages_keys_lets_a_decision_key_live_on(sqlite_asker: Asker) -> None:
    path = f"{PATH}/{created(sqlite_asker, expires_at='2026-12-01T00:00:00Z')['key']['id']}"
    assert sqlite_asker.patch(path, {"expires_at": None}, who="operator", headers={"if-match": "*"}).status_code == 200


def test_the_first_credential_ends_when_it_ends(asker: Asker, clock: Clock) -> None:
    issue_bootstrap_key(asker.admin.database)
    path, state = f"{PATH}/bootstrap", {"if-match": "*"}
    clock.advance(timedelta(hours=1))
    for end in (None, "2026-11-24T00:00:00Z"):
        assert asker.patch(path, {"expires_at": end}, headers=state).status_code == 403
    assert [row.action for row in audited(asker)] == ["key.create", "auth.refused", "auth.refused"]
    renewed = asker.post(f"{path}/rotate", {"grace_seconds": 604_800}).json()
    assert {renewed[name]["expires_at"] for name in ("key", "replaced")} == {"2026-11-23T12:00:00Z"}


def test_nobody_gets_hold_of_a_key_with_a_role_that_they_lack_by_renewing_it(sqlite_asker: Asker) -> None:
    made = created(sqlite_asker, scopes=["role:approver"])
    answer = sqlite_asker.post(f"{PATH}/{made['key']['id']}/rotate", who="operator")
    assert answer.status_code == 403
    assert sqlite_asker.post(f"{PATH}/{made['key']['id']}/revoke", who="operator").status_code == 200


def test_a_renewed_key_is_a_new_one_and_the_old_one_ends_soon(asker: Asker, clock: Clock) -> None:
    old = created(asker)["key"]
    answer = asker.post(f"{PATH}/{old['id']}/rotate", {"grace_seconds": 60})
    document = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"{PATH}/{document['key']['id']}"
    assert (document["key"]["name"], document["key"]["scopes"]) == (old["name"], old["scopes"])
    assert (document["replaced"]["id"], document["replaced"]["expires_at"]) == (
        old["id"],
        "2026-11-22T12:01:00.000001Z",
    )
    clock.advance(timedelta(seconds=61))
    assert asker.get(f"{PATH}/{old['id']}").json()["status"] == "expired"
    assert asker.post(f"{PATH}/{old['id']}/rotate").status_code == 409
    assert [row.action for row in audited(asker)] == ["key.create", "key.rotate", "key.create"]


def test_the_last_of_all_ends_is_kept_by_a_renewed_key(sqlite_asker: Asker, clock: Clock) -> None:
    old = created(sqlite_asker, expires_at="9999-12-31T23:59:59.999999Z")["key"]
    clock.advance()
    new = sqlite_asker.post(f"{PATH}/{old['id']}/rotate").json()["key"]
    assert new["expires_at"] == old["expires_at"] == "9999-12-31T23:59:59.999999Z"


def test_a_revoked_key_stays_revoked(asker: Asker) -> None:
    key = created(asker)["key"]
    first = asker.post(f"{PATH}/{key['id']}/revoke").json()
    assert (first["status"], first["revoked_by"]) == ("revoked", "test:everything")
    assert asker.post(f"{PATH}/{key['id']}/revoke").json() == first
    assert asker.patch(f"{PATH}/{key['id']}", {"name": "x"}, headers={"if-match": "*"}).status_code == 409
    revoked = [row for row in audited(asker) if row.action == "key.revoke"]
    assert [(json.loads(row.before)["status"], json.loads(row.after)["status"]) for row in revoked] == [
        ("active", "revoked")
    ]


def test_a_key_gets_another_name_or_end_from_whoever_knows_its_state(asker: Asker) -> None:
    path = f"{PATH}/{created(asker, expires_at='2027-01-01T00:00:00Z')['key']['id']}"
    assert asker.patch(path, {"name": "x"}).status_code == 428
    assert asker.patch(path, {"name": "x"}, headers={"if-match": '"7"'}).status_code == 412
    renamed = asker.patch(path, {"name": "x"}, headers={"if-match": '"1"'})
    assert (renamed.json()["name"], renamed.json()["expires_at"]) == ("x", "2027-01-01T00:00:00Z")
    assert renamed.headers["etag"] == '"2"'
    endless = asker.patch(path, {"expires_at": None}, headers={"if-match": '"2"'})
    assert (endless.json()["name"], endless.json()["expires_at"]) == ("x", None)
    past = asker.patch(path, {"expires_at": "2020-01-01T00:00:00Z"}, headers={"if-match": '"3"'})
    assert past.status_code == 422


def test_keys_are_listed_by_pages_and_found_by_what_is_known_of_them(asker: Asker, clock: Clock) -> None:
    for name in ("one", "two", "three"):
        created(asker, name=name)
        clock.advance()
    page = asker.get(f"{PATH}?limit=2").json()
    rest = asker.get(f"{PATH}?limit=2&cursor={page['next']}").json()
    assert [key["name"] for key in page["items"] + rest["items"]] == ["three", "two", "one"]
    assert rest["next"] is None
    found = asker.get(f"{PATH}?name=TW&status=active&scope=decide&created_by=test:everything").json()
    assert [key["name"] for key in found["items"]] == ["two"]
    assert asker.get(f"{PATH}?status=revoked").json()["items"] == []


@pytest.mark.parametrize("query", ["status=lost", "scope=role:root", "scope="])
def test_keys_are_not_looked_for_by_what_no_key_has(sqlite_asker: Asker, query: str) -> None:
    assert sqlite_asker.get(f"{PATH}?{query}").status_code == 422


@pytest.mark.parametrize("seconds", [True, "60", 60.0])
def test_a_grace_is_a_whole_number(sqlite_asker: Asker, seconds: object) -> None:
    path = f"{PATH}/{created(sqlite_asker)['key']['id']}/rotate"
    assert sqlite_asker.post(path, {"grace_seconds": seconds}).status_code == 422


@pytest.mark.parametrize("cursor", ["x", "WyJhIl0", "WzEsMl0", "e30", "WzEsIlx1MDAwMCJd"])
def test_a_cursor_that_no_page_gave_is_refused(sqlite_asker: Asker, cursor: str) -> None:
    assert sqlite_asker.get(f"{PATH}?cursor={cursor}").status_code == 400


def test_a_key_that_there_is_not_is_not_found(sqlite_asker: Asker) -> None:
    assert sqlite_asker.get(f"{PATH}/none").status_code == 404
    assert sqlite_asker.post(f"{PATH}/none/revoke").status_code == 404
    assert sqlite_asker.post(f"{PATH}/none/rotate").status_code == 404
    assert sqlite_asker.patch(f"{PATH}/none", {}, headers={"if-match": "*"}).status_code == 404


def test_every_change_of_a_key_is_told_to_workers(sqlite_asker: Asker) -> None:
    key = created(sqlite_asker)["key"]
    sqlite_asker.post(f"{PATH}/{key['id']}/revoke")
    with sqlite_asker.admin.database.reading() as connection:
        changes = connection.execute(text("SELECT seq, subject, id FROM changes ORDER BY seq")).all()
    assert [tuple(change) for change in changes] == [(1, "key", key["id"]), (2, "key", key["id"])]
    assert [position.seq for position in sqlite_asker.positions] == [1, 2]
