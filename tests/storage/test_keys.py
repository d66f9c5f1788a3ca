"""Keys and roles in the database: what is kept of them, what puts them in and out of force, who has seen them."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from service.storage import keys, roles
from service.storage.bootstrap import issue_bootstrap_key
from service.storage.changes import changes_after
from service.storage.database import Database, position_of
from service.storage.key_records import SCOPES, KeyRecord, NewKey, digest_of, fault_of_scopes, key_id_in
from tests.databases import START, Clock

HOUR = timedelta(hours=1)
GATEWAY = frozenset(("decide", "decide:time"))


def made(database: Database, name: str = "edge", *, by: str = "cli:root", ends: datetime | None = None) -> KeyRecord:
    return made_with_text(database, NewKey(name, GATEWAY, ends), by)[0]


def made_with_text(database: Database, new: NewKey, by: str = "cli:root") -> tuple[KeyRecord, str]:
    with database.writing() as writing:
        return keys.create(writing, new, by)


def read(database: Database, key_id: str) -> KeyRecord:
    with database.reading() as connection:
        record = keys.get(connection, key_id)
    assert record is not None
    return record


def listed(database: Database, wanted: keys.KeyFilter, after: tuple[int, str] | None = None) -> list[str]:
    with database.reading() as connection:
        return [record.name for record in keys.listed(connection, wanted, after, 2)]


def touched(database: Database, after_seq: int) -> set[tuple[str, str]]:
    with database.reading() as connection:
        since = position_of(connection)
        page = changes_after(connection, type(since)(since.epoch, after_seq))
    return {(change.subject, change.id) for change in page.changes}


def test_a_key_is_found_by_its_text_which_is_nowhere_kept(database: Database) -> None:
    record, secret = made_with_text(database, NewKey("edge", GATEWAY))
    assert key_id_in(secret) == record.id
    assert len(secret) == len(f"cordon_{record.id}_") + 43
    with database.reading() as connection:
        assert keys.by_digest(connection, digest_of(secret)) == record
        rows = connection.execute(text("SELECT * FROM keys")).all()
    assert secret.removeprefix(f"cordon_{record.id}_") not in repr(rows)


def test_no_two_keys_are_alike(sqlite_database: Database) -> None:
    made_keys = [made_with_text(sqlite_database, NewKey("edge", GATEWAY)) for _ in range(20)]
    assert len({record.id for record, _ in made_keys}) == len({secret for _, secret in made_keys}) == 20


@pytest.mark.parametrize("other", ["", "cordon_", "cordon_abc_short", "cordon_ABC_" + "x" * 43, "cordon_a_" + "é" * 43])
def test_what_has_not_the_form_of_a_key_names_none(other: str) -> None:
    assert key_id_in(other) is None


@pytest.mark.parametrize(
    ("scopes", "fault"),
    [
        ((), "a key needs a scope"),
        (("decide", "root"), f"`root` is no scope: {', '.join(SCOPES)}"),
        (
            ("decide", "role:viewer"),
            "a decision key has no role: make one key to ask, and another for the role",
        ),
        (("decide:time",), "`decide:time` adds to `decide`: name both"),
        (("decide", "decide:facts"), None),
        (("role:viewer", "role:editor"), None),
    ],
)
def test_a_key_may_ask_or_has_roles_never_both(scopes: tuple[str, ...], fault: str | None) -> None:
    assert fault_of_scopes(scopes) == fault


def test_a_key_counts_until_the_moment_it_expires(database: Database, clock: Clock) -> None:
    key_id = made(database, ends=START + HOUR).id
    assert read(database, key_id).status(START + HOUR - timedelta(microseconds=1)) == "active"
    assert read(database, key_id).status(START + HOUR) == "expired"


def test_a_revoked_key_says_when_and_by_whom_and_workers_are_told(database: Database) -> None:
    record = made(database)
    before = database.position().seq
    with database.writing() as writing:
        keys.revoke(writing, record, "oidc:https://id.example#ann")
    revoked = read(database, record.id)
    assert (revoked.status(START), revoked.revoked_by) == ("revoked", "oidc:https://id.example#ann")
    assert touched(database, before) == {("key", record.id)}
    with database.reading() as connection:
        assert keys.active_keys(connection) == {}


def test_a_key_that_is_revoked_again_keeps_when_it_was(database: Database, clock: Clock) -> None:
    record = made(database)
    with database.writing() as writing:
        first = keys.revoke(writing, record, "one")
    clock.advance()
    with database.writing() as writing:
        assert keys.revoke(writing, first, "other") == first


def test_workers_remember_every_key_that_is_not_revoked(database: Database) -> None:
    record, secret = made_with_text(database, NewKey("edge", GATEWAY, START + HOUR))
    with database.reading() as connection:
        assert keys.active_keys(connection) == {digest_of(secret): record}
    assert record.permissions == {"time"}


def test_a_renewed_key_leaves_the_old_one_in_force_for_a_while(database: Database, clock: Clock) -> None:
    record = made(database, ends=START + 10 * HOUR)
    now = clock.advance(HOUR)
    with database.writing() as writing:
        old, new, secret = keys.rotate(writing, record, "key:other", HOUR)
    assert (old.status(now), old.status(now + 2 * HOUR), old.version) == ("active", "expired", 2)
    assert (new.name, new.scopes, new.created_by) == (record.name, record.scopes, "key:other")
    assert key_id_in(secret) == new.id != old.id
    assert new.expires_at is not None
    assert new.expires_at - new.created_at == 10 * HOUR


def test_a_renewed_key_does_not_live_longer_than_it_was_to(database: Database) -> None:
    record = made(database, ends=START + HOUR)
    with database.writing() as writing:
        old, *_ = keys.rotate(writing, record, "key:other", 5 * HOUR)
    assert old.expires_at == START + HOUR


def test_keys_are_listed_newest_first_a_page_at_a_time(database: Database, clock: Clock) -> None:
    for name in ("one", "two", "three"):
        made(database, name)
        clock.advance()
    everything = keys.KeyFilter(clock.now)
    assert listed(database, everything) == ["three", "two"]
    with database.reading() as connection:
        last = keys.listed(connection, everything, None, 2)[-1]
    assert listed(database, everything, keys.place_of(last)) == ["one"]


def test_keys_are_found_by_state_scope_name_and_maker(database: Database, clock: Clock) -> None:
    made(database, "Edge_1", ends=START + HOUR)
    made_with_text(database, NewKey("robot", frozenset(("role:viewer",))), "oidc:https://id.example#ann")
    with database.writing() as writing:
        keys.revoke(writing, keys.create(writing, NewKey("lost", GATEWAY), "cli:root")[0], "cli:root")
    later = START + 2 * HOUR
    assert listed(database, keys.KeyFilter(START, status="active")) == ["robot", "Edge_1"]
    assert listed(database, keys.KeyFilter(later, status="expired")) == ["Edge_1"]
    assert listed(database, keys.KeyFilter(later, status="revoked")) == ["lost"]
    assert listed(database, keys.KeyFilter(START, scope="role:viewer")) == ["robot"]
    assert listed(database, keys.KeyFilter(START, name="EDGE_")) == ["Edge_1"]
    assert listed(database, keys.KeyFilter(START, name="%")) == []
    assert listed(database, keys.KeyFilter(START, created_by="oidc:https://id.example#ann")) == ["robot"]


def test_last_uses_are_written_without_a_change_and_never_go_back(database: Database) -> None:
    record = made(database)
    before = database.position()
    keys.note_use(database, {record.id: START + HOUR, "gone": START})
    keys.note_use(database, {record.id: START})
    assert read(database, record.id).used_at == START + HOUR
    assert database.position() == before


def test_whoever_made_a_key_is_known_through_every_key_between(database: Database) -> None:
    ann = "oidc:https://id.example#ann"
    first = made(database, by=ann)
    second = made(database, by=f"key:{first.id}")
    third = made(database, by="cli:root")
    with database.reading() as connection:
        assert keys.makers_of(connection, f"key:{second.id}") == (f"key:{first.id}", ann)
        assert keys.makers_of(connection, ann) == ()
        assert keys.may_be_one(connection, f"key:{second.id}", ann)
        assert not keys.may_be_one(connection, f"key:{third.id}", ann)


def test_the_command_line_and_the_first_credential_make_keys_for_others(database: Database) -> None:
    one, other = made(database, by="cli:root"), made(database, by="cli:root")
    third, fourth = made(database, by="bootstrap"), made(database, by="bootstrap")
    with database.reading() as connection:
        assert not keys.may_be_one(connection, f"key:{one.id}", f"key:{other.id}")
        assert not keys.may_be_one(connection, f"key:{third.id}", f"key:{fourth.id}")


def test_of_instances_that_start_at_once_one_makes_the_first_key(database: Database) -> None:
    with ThreadPoolExecutor(4) as starting:
        issued = [key for key in starting.map(issue_bootstrap_key, [database] * 4) if key]
    assert len(issued) == 1
    record = read(database, "bootstrap")
    assert record.digest == digest_of(issued[0])
    assert record.expires_at == record.created_at + timedelta(hours=24)
    assert "role:approver" not in record.scopes
    with database.reading() as connection:
        entries = connection.execute(text("SELECT actor, action, object, after FROM audit")).all()
    assert [tuple(entry)[:3] for entry in entries] == [("system", "key.create", "key:bootstrap")]
    assert record.digest not in repr(entries)


def test_a_database_that_had_a_key_gets_no_first_one(database: Database) -> None:
    record = made(database)
    with database.writing() as writing:
        keys.revoke(writing, record, "cli:root")
    assert issue_bootstrap_key(database) is None


def test_roles_are_given_taken_and_listed(database: Database) -> None:
    with database.writing() as writing:
        first = roles.give(writing, "oidc:https://id.example#ann", "editor", "bootstrap")
        roles.give(writing, "oidc:https://id.example#ann", "viewer", "bootstrap")
        roles.give(writing, "oidc:https://id.example#bob", "viewer", "bootstrap")
    assert first.granted_at.tzinfo is UTC
    with database.reading() as connection:
        assert roles.roles_of(connection, first.person) == {"editor", "viewer"}
        viewers = roles.listed(connection, roles.GrantFilter(role="viewer"), None, 10)
        after_first = roles.listed(connection, roles.GrantFilter(), roles.place_of(first), 10)
    assert [grant.person[-3:] for grant in viewers] == ["ann", "bob"]
    assert [(grant.person[-3:], grant.role) for grant in after_first] == [("ann", "viewer"), ("bob", "viewer")]
    with database.writing() as writing:
        roles.take(writing, first)
    with database.reading() as connection:
        assert roles.roles_of(connection, first.person) == {"viewer"}
        assert roles.get(connection, first.person, "editor") is None
