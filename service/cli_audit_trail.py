"""Verifies, exports and signs the audit trail, without a server."""

import json
import sys
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import typer

from service.cli_database import acting_user, opened
from service.cli_output import FAULTS, Output, complain, counted, fail, say, say_json
from service.storage.audit import Entry, append, document_of, end_of, page_after
from service.storage.audit_heads import (
    InvalidHeads,
    InvalidKey,
    audit_files,
    exported_heads,
    key_at,
    newest_head,
    public_keys_at,
)
from service.storage.audit_verification import BrokenTrail, Verification, sign_head, verify


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the trail is held against; empty: what the service itself keeps."""

    heads: list[Path]
    public_keys: list[Path]


def verify_command(url: str, evidence: Evidence, key: Path | None, output: Output) -> None:
    """Follow the whole trail; exit status 1 if anything is wrong with it."""
    with opened(url, InvalidKey, InvalidHeads, BrokenTrail) as database:
        files = audit_files(url, key, None)
        heads = list(chain.from_iterable(map(exported_heads, evidence.heads or _existing(files.heads))))
        trusted = [
            each for path in evidence.public_keys or _existing(files.public_key) for each in public_keys_at(path)
        ]
        with database.reading() as connection:
            found = verify(connection, heads, trusted)
    _say(found, output)
    if found.findings:
        raise typer.Exit(FAULTS)


def _existing(path: Path | None) -> list[Path]:
    return [path] if path is not None and path.exists() else []


def _say(found: Verification, output: Output) -> None:
    if output is Output.JSON:
        return say_json(
            {
                "intact": not found.findings,
                "entries": found.entries,
                "signed_until": found.signed_until,
                "signatures_checked": found.is_trusted,
                "findings": [
                    {"number": each.number, "kind": each.kind, "message": each.message} for each in found.findings
                ],
            }
        )
    say(*(finding.message for finding in found.findings))
    if not found.is_trusted:
        complain("signatures are not checked: name the public key with --public-key")
    verdict = f"{counted(len(found.findings), 'finding')}" if found.findings else "intact"
    return say(f"{verdict}: {_entries(found.entries)}, signed up to entry {found.signed_until}")


def _entries(number: int) -> str:
    return "1 entry" if number == 1 else f"{number} entries"


def export_command(url: str) -> None:
    """Write every entry, a line of JSON each, to standard output; that it was exported is an entry itself."""
    with opened(url, InvalidKey, InvalidHeads, BrokenTrail) as database:
        with database.writing() as writing:
            entry = Entry(acting_user(), "audit.export", "audit:")
            append(writing.connection, entry, database.now())
            last, _ = end_of(writing.connection)
        after = 0
        while after < last:
            with database.reading() as connection:
                rows = page_after(connection, after, last)
            if not rows:
                return
            sys.stdout.writelines(json.dumps(document_of(row)) + "\n" for row in rows)
            after = rows[-1].number


def head_command(url: str, key: Path | None, heads: Path | None) -> None:
    """Sign the end of the trail if the key is at hand, and print the newest head."""
    with opened(url, InvalidKey, InvalidHeads, BrokenTrail) as database:
        files = audit_files(url, key, heads)
        if files.key is not None and files.key.exists():
            sign_head(database, key_at(files.key), files.heads)
        with database.reading() as connection:
            head = newest_head(connection)
    if head is None:
        fail("cordon: no head was ever signed, and there is no key to sign one with, or nothing to sign")
    say(json.dumps(head.document(), sort_keys=True, separators=(",", ":")))
