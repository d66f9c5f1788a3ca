"""`cordon keys`: the way in for whoever can open the database."""

import json
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from service.cli import app
from service.cli_database import acting_user
from service.storage import keys
from service.storage.database import Database
from service.storage.key_records import digest_of


@dataclass(frozen=True, slots=True)
class Cordon:
    """Runs `cordon keys` against one database."""

    url: str

    def __call__(self, *arguments: str, code: int = 0) -> str:
        result = CliRunner().invoke(app, ["keys", *arguments, "--database", self.url])
        assert result.exit_code == code, result.output
        return result.stdout if code == 0 else result.stderr

    def json(self, *arguments: str) -> Any:
        return json.loads(self(*arguments, "--output", "json"))


@pytest.fixture
def cordon(database_url: str) -> Cordon:
    return Cordon(database_url)


@pytest.fixture
def sqlite_cordon(sqlite_url: str) -> Cordon:
    return Cordon(sqlite_url)


def test_a_key_is_made_written_alone_to_the_output_and_counts(cordon: Cordon, database: Database) -> None:
    secret = cordon("create", "--name", "first operator", "--role", "operator", "--role", "viewer").strip()
    with database.reading() as connection:
        record = keys.by_digest(connection, digest_of(secret))
        entry = connection.execute(text("SELECT actor, action, object, after FROM audit")).one()
    assert record is not None
    assert record.role_names == {"operator", "viewer"}
    assert record.created_by == acting_user()
    assert tuple(entry)[:3] == (acting_user(), "key.create", f"key:{record.id}")
    assert acting_user().startswith("cli:")
    assert record.digest not in entry.after


def test_a_key_of_a_gateway_has_an_end(sqlite_cordon: Cordon) -> None:
    made = sqlite_cordon.json(
        "create", "--name", "edge", "--scope", "decide", "--scope", "decide:time", "--expires", "2999-01-01"
    )
    assert (made["key"]["scopes"], made["key"]["expires_at"]) == (["decide", "decide:time"], "2999-01-01T00:00:00Z")
    assert sqlite_cordon.json("list") == [made["key"]]
    assert sqlite_cordon.json("list", "--status", "expired") == []


def test_a_key_is_revoked_by_its_id(cordon: Cordon) -> None:
    key_id = cordon.json("create", "--name", "edge", "--scope", "decide")["key"]["id"]
    assert key_id in cordon("list")
    assert cordon("revoke", key_id) == f"key `{key_id}` is revoked\n"
    assert cordon("revoke", key_id) == f"key `{key_id}` is revoked\n"
    assert [key["status"] for key in cordon.json("list")] == ["revoked"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--name", "x"), "cordon: a key needs a scope\n"),
        (
            ("--name", "x", "--role", "viewer", "--scope", "decide"),
            "cordon: a decision key has no role: make one key to ask, and another for the role\n",
        ),
        (("--name", " ", "--role", "viewer"), "cordon: a name is one line of up to 200 characters\n"),
        (("--name", "x", "--role", "viewer", "--expires", "2020-01-01"), "cordon: `2020-01-01` is past\n"),
        (
            ("--name", "x", "--role", "viewer", "--expires", "soon"),
            "cordon: `soon` is not a time: write `2026-01-31` or `2026-01-31T12:00:00Z`\n",
        ),
    ],
)
def test_options_that_make_no_key_are_a_fault_of_usage(
    sqlite_cordon: Cordon, options: tuple[str, ...], message: str
) -> None:
    assert sqlite_cordon("create", *options, code=2) == message
    assert sqlite_cordon("list") == "no keys\n"


def test_a_key_or_a_database_that_there_is_not_is_said_in_one_line(sqlite_cordon: Cordon) -> None:
    assert sqlite_cordon("revoke", "none", code=1) == "cordon: there is no key `none`\n"
    assert (
        Cordon("mysql://x")("list", code=1)
        == "cordon: `mysql` is no database that Cordon knows: `sqlite` or `postgresql`\n"
    )
