"""`cordon audit`: verifies, exports and signs, and its exit status says whether the trail holds."""

import json
from pathlib import Path

import pytest
from sqlalchemy import update
from typer.testing import CliRunner, Result

from service.cli import app
from service.storage.audit_heads import audit_files, exported_heads, key_at
from service.storage.database import Database
from service.storage.schema import audit
from tests.storage.test_audit import as_owner, write
from tests.storage.test_audit_heads import cut


def run(*arguments: object, **environment: str) -> Result:
    return CliRunner().invoke(app, ["audit", *map(str, arguments)], env=environment)


@pytest.fixture
def url(sqlite_url: str, sqlite_database: Database) -> str:
    """Three entries."""
    write(sqlite_database, *"abc")
    return sqlite_url


def test_a_head_is_signed_by_the_key_and_kept_in_the_file(url: str, tmp_path: Path) -> None:
    key, kept = tmp_path / "elsewhere.pem", tmp_path / "kept.ndjson"
    assert run("head", "--database", url).exit_code == 1
    key_at(key)
    signed = run("head", "--database", url, "--key", key, "--heads", kept)
    assert signed.exit_code == 0, signed.output
    assert json.loads(signed.stdout)["number"] == 3
    assert kept.read_text() == signed.stdout
    assert run("head", "--database", url).stdout == signed.stdout
    verified = run("verify", "--database", url, "--heads", kept, "--public-key", key.with_suffix(".pub"))
    assert (verified.exit_code, verified.stdout) == (0, "intact: 3 entries, signed up to entry 3\n")


def test_what_the_service_keeps_beside_the_database_is_what_it_is_held_against(
    url: str, sqlite_database: Database
) -> None:
    files = audit_files(url, None, None)
    assert files.key is not None
    key_at(files.key)
    run("head", "--database", url)
    assert files.heads is not None
    assert [head.number for head in exported_heads(files.heads)] == [3]
    as_owner(sqlite_database, lambda owner: cut(owner, 1))
    found = run("verify", "--database", url)
    assert (found.exit_code, found.stderr) == (1, "")
    assert found.stdout.splitlines() == [
        "the head of entry 3 was removed from the database",
        "entries 2 to 3 are cut off: there is a signed head of entry 3",
        "2 findings: 1 entry, signed up to entry 0",
    ]
    assert run("head", "--database", url).stderr.startswith("cordon: the audit trail is broken: entries 2 to 3")


def test_findings_are_exit_status_1_and_can_be_had_as_json(url: str, sqlite_database: Database) -> None:
    as_owner(sqlite_database, lambda owner: owner.execute(update(audit).where(audit.c.number == 2).values(actor="x")))
    found = run("verify", "--database", url, "--output", "json")
    assert found.exit_code == 1
    assert json.loads(found.stdout)["findings"][0]["number"] == 2


def test_without_a_public_key_it_says_that_signatures_are_not_checked(url: str) -> None:
    verified = run("verify", "--database", url)
    assert verified.exit_code == 0
    assert verified.stderr == "signatures are not checked: name the public key with --public-key\n"


def test_an_export_is_a_line_for_every_entry_with_itself_as_the_last(url: str) -> None:
    exported = run("export", "--database", url)
    lines = [json.loads(line) for line in exported.stdout.splitlines()]
    assert [(line["number"], line["action"]) for line in lines[-2:]] == [(3, "entity.put"), (4, "audit.export")]
    assert lines[-1]["actor"].startswith("cli:")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--database", "mysql://x/y"), "`mysql` is no database that Cordon knows"),
        (("--database", "sqlite:////nonexistent/x.db"), "there is no database `/nonexistent/x.db`"),
    ],
)
def test_what_is_no_database_is_said_in_a_line(arguments: tuple[str, ...], said: str) -> None:
    for command in ("verify", "export", "head"):
        ended = run(command, *arguments)
        assert ended.exit_code == 1
        assert said in ended.stderr
        assert len(ended.stderr.splitlines()) == 1


def test_files_that_hold_no_heads_or_keys_are_named(url: str, tmp_path: Path) -> None:
    path = tmp_path / "wrong"
    path.write_text("x\n")
    assert "wrong:1: holds no head" in run("verify", "--database", url, "--heads", path).stderr
    assert "wrong: holds no public" in run("verify", "--database", url, "--public-key", path).stderr
    assert "wrong: holds no private" in run("head", "--database", url, "--key", path).stderr
