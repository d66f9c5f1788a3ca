"""Signed heads: what they prove, who can sign, and where keys and heads are kept."""

import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, delete, insert, select, update

from service.storage.audit import DIGESTED, digest_of
from service.storage.audit_heads import (
    AuditFiles,
    Head,
    InvalidHeads,
    InvalidKey,
    audit_files,
    exported_heads,
    fingerprint,
    head_of,
    is_signed_by,
    key_at,
    last_exported,
    public_keys_at,
    signed_head,
    stored_heads,
)
from service.storage.audit_verification import BrokenTrail, Verification, sign_head, verify
from service.storage.database import Database
from service.storage.schema import audit, audit_heads
from tests.databases import START, Clock
from tests.storage.test_audit import as_owner, write

KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
OTHER = Ed25519PrivateKey.from_private_bytes(b"o" * 32)


def verified(database: Database, *kept: Head, trusted: Ed25519PrivateKey | None = KEY) -> Verification:
    keys = [] if trusted is None else [trusted.public_key()]
    with database.reading() as connection:
        return verify(connection, kept, keys)


def found(database: Database, *kept: Head, trusted: Ed25519PrivateKey | None = KEY) -> list[tuple[int, str]]:
    return [(finding.number, finding.kind) for finding in verified(database, *kept, trusted=trusted).findings]


@pytest.fixture
def signed(database: Database) -> tuple[Database, list[Head]]:
    """Ten entries, with heads of the third, the sixth and the tenth."""
    return with_heads(database)


def with_heads(database: Database) -> tuple[Database, list[Head]]:
    heads = []
    for names in ("abc", "def", "ghij"):
        write(database, *names)
        head = sign_head(database, KEY)
        assert head is not None
        heads.append(head)
    return database, heads


def rewrite(owner: Connection, first: int) -> None:
    """Write the entries from there on anew, with digests that hold."""
    previous = None
    for row in owner.execute(select(audit).where(audit.c.number >= first).order_by(audit.c.number)).all():
        fields = {name: getattr(row, name) for name in DIGESTED} | {"actor": "test:b"}
        previous = row.previous if previous is None else previous
        digest = digest_of(previous, fields)
        new = {"actor": "test:b", "previous": previous, "digest": digest}
        owner.execute(update(audit).where(audit.c.number == row.number).values(new))
        previous = digest


def cut(owner: Connection, last: int) -> None:
    """Remove everything behind an entry, and the heads that would tell."""
    owner.execute(delete(audit).where(audit.c.number > last))
    owner.execute(delete(audit_heads).where(audit_heads.c.number > last))


def test_a_trail_holds_with_the_heads_that_were_signed_of_it(signed: tuple[Database, list[Head]]) -> None:
    database, heads = signed
    assert [head.number for head in heads] == [3, 6, 10]
    assert verified(database, *heads) == Verification(10, 10, True, ())


def test_what_no_head_speaks_for_is_said(signed: tuple[Database, list[Head]]) -> None:
    database, _ = signed
    write(database, "k")
    assert (verified(database).entries, verified(database).signed_until) == (11, 10)


def test_there_is_nothing_to_sign_twice(signed: tuple[Database, list[Head]]) -> None:
    database, _ = signed
    assert sign_head(database, KEY) is None
    assert sign_head(database, OTHER) is None


def test_nothing_is_signed_where_nothing_was_done(database: Database) -> None:
    assert sign_head(database, KEY) is None


def test_an_end_that_was_cut_off_is_found_by_a_head_in_the_database(signed: tuple[Database, list[Head]]) -> None:
    database, _ = signed
    as_owner(database, lambda owner: owner.execute(delete(audit).where(audit.c.number > 7)))
    [finding] = verified(database).findings
    assert (finding.number, finding.kind) == (8, "cut_off")
    assert finding.message == "entries 8 to 10 are cut off: there is a signed head of entry 10"


def test_an_end_that_was_cut_off_with_its_heads_is_found_by_a_head_that_was_kept(
    signed: tuple[Database, list[Head]],
) -> None:
    database, heads = signed
    as_owner(database, lambda owner: cut(owner, 7))
    assert found(database) == []
    assert found(database, *heads) == [(10, "head"), (8, "cut_off")]


def test_a_trail_that_was_all_written_anew_is_found(signed: tuple[Database, list[Head]]) -> None:
    database, _ = signed
    as_owner(database, lambda owner: rewrite(owner, 5))
    assert found(database) == [(6, "rewritten"), (10, "rewritten")]


def test_a_trail_written_anew_and_signed_by_whoever_did_it_is_found(signed: tuple[Database, list[Head]]) -> None:
    database, heads = signed

    def forge(owner: Connection) -> None:
        rewrite(owner, 5)
        owner.execute(delete(audit_heads).where(audit_heads.c.number > 3))
        row = owner.execute(select(audit).where(audit.c.number == 10)).one()
        head = signed_head(OTHER, 10, row.digest, START)
        values = {"number": 10, "digest": head.digest, "at": 0, "key": head.key, "signature": head.signature}
        owner.execute(insert(audit_heads).values(values))

    as_owner(database, forge)
    assert found(database) == [(10, "head")]
    assert found(database, *heads) == [(10, "head"), (6, "head"), (6, "rewritten"), (10, "rewritten")]


@pytest.mark.parametrize(
    "values",
    [{"signature": "00" * 64}, {"signature": "x"}, {"at": 5}, {"digest": "0" * 64}, {"number": 5}, {"key": "0" * 64}],
)
def test_a_head_that_was_edited_is_found(sqlite_database: Database, values: dict[str, object]) -> None:
    database, _ = with_heads(sqlite_database)
    as_owner(database, lambda owner: owner.execute(update(audit_heads).where(audit_heads.c.number == 6).values(values)))
    [(number, kind)] = found(database)
    assert (number, kind) == (values.get("number", 6), "head")


def test_without_a_public_key_signatures_are_not_checked_and_it_says_so(signed: tuple[Database, list[Head]]) -> None:
    database, _ = signed
    assert verified(database, trusted=None) == Verification(10, 10, False, ())


def test_a_trail_that_was_changed_since_the_last_head_is_not_signed(signed: tuple[Database, list[Head]]) -> None:
    database, _ = signed
    write(database, "k", "l")
    as_owner(database, lambda owner: owner.execute(update(audit).where(audit.c.number == 11).values(actor="x")))
    with pytest.raises(BrokenTrail, match="entry 11 is not what was written"):
        sign_head(database, KEY)


def test_a_trail_whose_last_signed_entry_is_another_is_not_signed(signed: tuple[Database, list[Head]]) -> None:
    database, _ = signed
    as_owner(database, lambda owner: rewrite(owner, 10))
    write(database, "k")
    with pytest.raises(BrokenTrail, match="entry 10 is not the one that was signed"):
        sign_head(database, KEY)


def test_a_trail_that_is_shorter_than_the_exported_heads_is_not_signed(database: Database, tmp_path: Path) -> None:
    export = tmp_path / "kept" / "heads.ndjson"
    write(database, *"abc")
    sign_head(database, KEY, export)
    as_owner(database, lambda owner: cut(owner, 1))
    with pytest.raises(BrokenTrail, match="entries 2 to 3 are cut off"):
        sign_head(database, KEY, export)


def test_heads_are_exported_line_by_line(database: Database, tmp_path: Path, clock: Clock) -> None:
    export = tmp_path / "heads.ndjson"
    for name in "abc":
        write(database, name)
        clock.advance(timedelta(seconds=1))
        sign_head(database, KEY, export)
    with database.reading() as connection:
        assert list(exported_heads(export)) == stored_heads(connection)
    assert last_exported(export) == list(exported_heads(export))[-1]
    assert found(database, *exported_heads(export)) == []


def test_a_line_that_was_never_finished_is_no_head(database: Database, tmp_path: Path) -> None:
    export = tmp_path / "heads.ndjson"
    write(database, "a")
    head = sign_head(database, KEY, export)
    with export.open("a") as file:
        file.write('{"number": 2, "dig')
    assert (list(exported_heads(export)), last_exported(export)) == ([head], head)


@pytest.mark.parametrize("line", ["x", "{}", "[]", '{"number": 1}', "[" * 100_000, "\ufffd"])
def test_a_file_that_holds_no_heads_is_refused_with_the_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "heads.ndjson"
    path.write_text(f"\n{line}\n", encoding="utf-8")
    with pytest.raises(InvalidHeads, match=r"heads\.ndjson:2: "):
        list(exported_heads(path))
    with pytest.raises(InvalidHeads):
        last_exported(path)


def test_no_file_and_an_empty_one_hold_no_head(tmp_path: Path) -> None:
    assert last_exported(tmp_path / "none") is None
    tmp_path.joinpath("empty").touch()
    assert last_exported(tmp_path / "empty") is None


def test_a_signature_is_of_one_head_by_one_key() -> None:
    head = signed_head(KEY, 3, "d" * 64, START)
    assert is_signed_by(head, KEY.public_key())
    assert not is_signed_by(head, OTHER.public_key())
    assert not is_signed_by(replace(head, number=4), KEY.public_key())
    assert not is_signed_by(replace(head, key=fingerprint(OTHER.public_key())), KEY.public_key())
    assert head_of(json.loads(json.dumps(head.document()))) == head


def test_of_several_instances_that_sign_at_once_one_does(database: Database) -> None:
    write(database, *"abc")
    with ThreadPoolExecutor(4) as pool:
        heads = list(pool.map(lambda _: sign_head(database, KEY), range(4)))
    assert len([head for head in heads if head]) == 1


def test_of_several_instances_that_start_at_once_one_makes_the_key(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "audit.pem"
    with ThreadPoolExecutor(8) as pool:
        keys = {key.private_bytes_raw() for key in pool.map(lambda _: key_at(path), range(8))}
    assert len(keys) == 1
    assert sorted(file.name for file in path.parent.iterdir()) == ["audit.pem", "audit.pub"]


def test_the_key_is_readable_by_its_owner_alone_and_its_public_half_is_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "audit.pem"
    key = key_at(path)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert [fingerprint(public) for public in public_keys_at(tmp_path / "audit.pub")] == [fingerprint(key.public_key())]
    assert key_at(path).private_bytes_raw() == key.private_bytes_raw()


def test_a_file_may_hold_several_public_keys(tmp_path: Path) -> None:
    key_at(tmp_path / "one.pem"), key_at(tmp_path / "two.pem")
    both = tmp_path / "both.pub"
    both.write_text(tmp_path.joinpath("one.pub").read_text() + tmp_path.joinpath("two.pub").read_text())
    assert len(public_keys_at(both)) == 2


@pytest.mark.parametrize(
    "content", [b"", b"x", b"\xff", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"]
)
def test_a_file_that_holds_no_key_is_refused_with_its_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "audit.pem"
    path.write_bytes(content)
    with pytest.raises(InvalidKey, match=r"audit\.pem: holds no private Ed25519 key"):
        key_at(path)
    with pytest.raises(InvalidKey, match=r"audit\.pem: holds no public Ed25519 key"):
        public_keys_at(path)


def test_key_and_heads_are_beside_the_file_that_is_the_database_unless_they_are_set() -> None:
    beside = audit_files("sqlite:////srv/cordon.db", None, None)
    assert beside == AuditFiles(Path("/srv/cordon.db.audit-key.pem"), Path("/srv/cordon.db.heads.ndjson"))
    assert beside.public_key == Path("/srv/cordon.db.audit-key.pub")
    assert audit_files("sqlite:////srv/cordon.db", Path("/k"), Path("/h")) == AuditFiles(Path("/k"), Path("/h"))
    assert audit_files("postgresql://host/cordon", None, None) == AuditFiles(None, None)
