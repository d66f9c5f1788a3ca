"""Who callers are and what they may do: keys and tokens at the door of the admin API, roles of people, escalation."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import text

from service.admin import keys, roles
from service.admin.authentication import Authenticator, Watch
from service.admin.issuer import IssuerKeys
from service.admin.oidc import Oidc, OidcTerms
from service.admin.principals import ROLES
from service.attempts import Attempts
from service.callers import Uses
from service.storage import keys as kept
from service.storage.bootstrap import issue_bootstrap_key
from service.storage.database import Database
from service.storage.key_records import NewKey
from tests.admin.conftest import ADDRESS, Asker, served
from tests.admin.issuer_server import AUDIENCE, Issuer, ec_key, running_issuer, token
from tests.databases import START, Clock

SIGNING = ec_key("e1")
ME = "/admin/v1/me"


@dataclass(slots=True)
class Door:
    """The admin API behind real authentication."""

    asker: Asker
    issuer: Issuer
    uses: Uses
    refused: list[tuple[str, str, str]] = field(default_factory=list)

    def key(self, *scopes: str, ends_in: timedelta | None = None, by: str = "cli:root") -> str:
        with self.asker.admin.database.writing() as writing:
            new = NewKey("robot", frozenset(scopes), None if ends_in is None else START + ends_in)
            return kept.create(writing, new, by)[1]

    def token(self, **claims: object) -> str:
        return token(self.issuer.claims(START, **claims), SIGNING, {"alg": "ES256", "kid": "e1"})

    def me(self, who: str) -> dict[str, Any]:
        answer = self.asker.get(ME, who=who)
        return {"status": answer.status_code, **answer.json()}

    def person(self, subject: str) -> str:
        return f"oidc:{self.issuer.url}#{subject}"

    def give(self, person: str, role: str, *, who: str, method: str = "PUT") -> int:
        return self.asker.send(method, f"/admin/v1/roles/{quote(person, safe='')}/{role}", who=who).status_code

    def audited(self) -> list[tuple[str, str, str, str]]:
        with self.asker.admin.database.reading() as connection:
            rows = connection.execute(text("SELECT actor, action, object, reason FROM audit ORDER BY number"))
            return [(row.actor, row.action, row.object, row.reason) for row in rows]


def door_of(database: Database, clock: Clock, issuer: Issuer, *, limit: int = 100) -> Door:
    refused: list[tuple[str, str, str]] = []
    uses = Uses()
    watch = Watch(Attempts(limit, 60), uses, lambda reason, peer, claimed: refused.append((reason, peer, claimed)))
    oidc = Oidc(OidcTerms(issuer.url, AUDIENCE, "roles"), IssuerKeys(issuer.url, lambda: 0.0))
    authenticate = Authenticator(database, clock.read, watch, oidc)
    asker = served(database, clock, (keys.router, roles.router), authenticate=authenticate)
    return Door(asker, issuer, uses, refused)


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with running_issuer() as issuer:
        issuer.keys = [SIGNING]
        yield issuer


@pytest.fixture
def door(sqlite_database: Database, clock: Clock, issuer: Issuer) -> Door:
    return door_of(sqlite_database, clock, issuer)


def test_a_key_acts_in_the_roles_of_its_scopes(database: Database, clock: Clock, issuer: Issuer) -> None:
    door = door_of(database, clock, issuer)
    me = door.me(door.key("role:viewer", "role:auditor"))
    assert (me["status"], me["name"], me["roles"]) == (200, "robot", ["auditor", "viewer"])
    assert "audit.read" in me["functions"]
    assert "keys.manage" not in me["functions"]


def test_a_person_acts_in_the_roles_they_were_given_and_those_of_their_token(
    database: Database, clock: Clock, issuer: Issuer
) -> None:
    door = door_of(database, clock, issuer)
    assert door.me(door.token(name="Ann"))["functions"] == []
    operator = door.key("role:operator")
    assert door.give(door.person("ann"), "editor", who=operator) == 201
    assert door.give(door.person("ann"), "editor", who=operator) == 200
    me = door.me(door.token(roles=["auditor"]))
    assert (me["id"], me["roles"]) == (door.person("ann"), ["auditor", "editor"])
    assert door.me(door.token(sub="bob"))["roles"] == []
    assert door.give(door.person("ann"), "editor", who=operator, method="DELETE") == 204
    assert door.give(door.person("ann"), "editor", who=operator, method="DELETE") == 404
    assert door.me(door.token())["roles"] == []
    assert [entry[1] for entry in door.audited()] == ["role.give", "role.take"]


def test_roles_are_listed_by_pages(door: Door) -> None:
    operator = door.key("role:operator")
    for role in ("viewer", "editor", "auditor"):
        door.give(door.person("ann"), role, who=operator)
    page = door.asker.get("/admin/v1/roles?limit=2", who=operator).json()
    rest = door.asker.get(f"/admin/v1/roles?limit=2&cursor={page['next']}", who=operator).json()
    assert [grant["role"] for grant in page["items"] + rest["items"]] == ["auditor", "editor", "viewer"]
    assert len(door.asker.get("/admin/v1/roles?role=viewer", who=operator).json()["items"]) == 1


@pytest.mark.parametrize("person", ["ann", "key:abc", "oidc:id.example#ann", "oidc:https://id.example", "bootstrap"])
def test_roles_are_for_people_alone(door: Door, person: str) -> None:
    assert door.give(person, "viewer", who=door.key("role:operator")) == 422


def test_nobody_gives_themselves_a_role(door: Door) -> None:
    operator = door.token(roles=["operator"])
    assert door.give(door.person("ann"), "approver", who=operator) == 403
    assert door.give(door.person("bob"), "approver", who=operator) == 201
    assert door.audited()[0] == (
        door.person("ann"),
        "auth.refused",
        f"role:{door.person('ann')}/approver",
        "nobody gives themselves a role",
    )


def test_nobody_gives_themselves_a_role_by_a_key_that_they_made(door: Door) -> None:
    operator = door.token(roles=["operator"])
    body = {"name": "mine", "scopes": ["role:operator"]}
    first = door.asker.post("/admin/v1/keys", body, who=operator).json()["secret"]
    second = door.asker.post("/admin/v1/keys", body, who=first).json()["secret"]
    assert door.give(door.person("ann"), "approver", who=first) == 403
    assert door.give(door.person("ann"), "approver", who=second) == 403


def test_a_decision_key_may_only_ask(door: Door) -> None:
    secret = door.key("decide")
    assert door.me(secret)["status"] == 403
    assert [(reason, peer) for reason, peer, _ in door.refused] == [("a decision key may only ask", ADDRESS)]


def test_a_key_is_out_of_force_at_once(door: Door, clock: Clock) -> None:
    lasting, ending = door.key("role:viewer"), door.key("role:viewer", ends_in=timedelta(hours=1))
    assert door.me(lasting)["status"] == door.me(ending)["status"] == 200
    with door.asker.admin.database.writing() as writing:
        record = kept.get(writing.connection, lasting.split("_")[1])
        assert record is not None
        kept.revoke(writing, record, "cli:root")
    clock.advance(timedelta(hours=1))
    assert door.me(lasting)["detail"] == f"the key `{record.id}` is revoked"
    assert "is expired" in door.me(ending)["detail"]


def test_what_is_no_credential_is_refused_and_written_down(door: Door) -> None:
    header = door.asker.get(ME, who="", headers={"x-api-key": "cordon_abc"})
    assert (header.status_code, header.headers["www-authenticate"]) == (401, "Bearer")
    assert door.me("")["detail"] == "send a key or a token as `Authorization: Bearer …`"
    assert door.me("cordon_abc_" + "x" * 43)["detail"] == "the key is not known"
    assert door.me("a.b.c")["detail"] == "the token cannot be read"
    assert door.me(door.token(aud="other"))["detail"] == "the token is meant for others"
    assert {(entry[0], entry[1]) for entry in door.audited()} == {("unknown", "auth.refused")}
    assert len(door.audited()) == 5


def test_a_key_may_be_sent_in_a_header_of_its_own(door: Door) -> None:
    secret = door.key("role:viewer")
    assert door.asker.get(ME, who="", headers={"x-api-key": secret}).status_code == 200
    assert door.asker.get(ME, who="cordon_abc", headers={"x-api-key": secret}).status_code == 401


def test_from_where_too_many_were_refused_only_good_credentials_are_looked_at(
    sqlite_database: Database, clock: Clock, issuer: Issuer
) -> None:
    door = door_of(sqlite_database, clock, issuer, limit=3)
    used, unused = door.key("role:viewer"), door.key("role:viewer")
    assert door.me(used)["status"] == 200
    assert [door.me("cordon_wrong")["status"] for _ in range(4)] == [401, 401, 401, 429]
    answer = door.asker.get(ME, who=unused)
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["retry-after"]) <= 61
    assert door.me(used)["status"] == 200
    assert {reason for reason, _, _ in door.refused} == {"too many refused credentials before it"}


def test_the_last_use_of_a_key_is_seen(door: Door) -> None:
    operator = door.key("role:operator")
    door.me(operator)
    door.uses.flush(door.asker.admin.database)
    items = door.asker.get("/admin/v1/keys", who=operator).json()["items"]
    assert [key["used_at"] for key in items] == ["2026-11-22T12:00:00Z"]


def test_the_first_credential_does_all_but_approve(door: Door) -> None:
    secret = issue_bootstrap_key(door.asker.admin.database)
    assert secret is not None
    me = door.me(secret)
    assert (me["id"], set(me["roles"])) == ("bootstrap", set(ROLES) - {"approver"})
    assert door.give(door.person("ann"), "approver", who=secret) == 201
    body = {"name": "robot", "scopes": ["role:approver"]}
    assert door.asker.post("/admin/v1/keys", body, who=secret).status_code == 403


def test_without_an_issuer_tokens_do_not_count(sqlite_database: Database, clock: Clock, issuer: Issuer) -> None:
    watch = Watch(Attempts(100, 60), Uses(), lambda *_: None)
    authenticate = Authenticator(sqlite_database, clock.read, watch, None)
    asker = served(sqlite_database, clock, (roles.router,), authenticate=authenticate)
    answer = asker.get(ME, who=token(issuer.claims(START), SIGNING, {"alg": "ES256", "kid": "e1"}))
    assert (answer.status_code, answer.json()["detail"]) == (
        401,
        "the credential is no key, and tokens do not count here",
    )
