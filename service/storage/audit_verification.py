"""Signs the end of the audit trail, and verifies the whole of it against the heads that were signed.

A head is signed only over a trail that still holds since the last one: else a signature would cover up what was done in
between.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain as joined
from itertools import islice
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from sqlalchemy import Connection

from service.storage.audit import end_of
from service.storage.audit_chain import Chain, Finding, cut_off, followed, rewritten
from service.storage.audit_heads import (
    Head,
    export_head,
    fingerprint,
    is_signed_by,
    last_exported,
    newest_head,
    signed_head,
    store_head,
    stored_heads,
)
from service.storage.database import Database

FINDINGS_LIMIT = 1_000


class BrokenTrail(Exception):
    """The audit trail does not hold, so that its end is not signed; in words for the operator."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(f"the audit trail is broken: {finding.message}")
        self.finding = finding


@dataclass(frozen=True, slots=True)
class Verification:
    """What verifying found."""

    entries: int
    """Number of the last entry."""
    signed_until: int
    """Number of the last entry that a head speaks for: what was cut off behind it, nobody sees."""
    is_trusted: bool
    """Signatures were checked: without public keys, anyone may have signed."""
    findings: tuple[Finding, ...]


def sign_head(database: Database, key: Ed25519PrivateKey, export: Path | None = None) -> Head | None:
    """Sign the end of the trail, and export the head; None if there is nothing since the last one.

    Raises:
        BrokenTrail: it does not hold since the last head.
        InvalidHeads: the file of heads holds something else.
        Unavailable: the database cannot be reached.
        OSError: the head cannot be exported.
    """
    kept = None if export is None else last_exported(export)
    with database.reading() as connection:
        newest = newest_head(connection)
        number, digest = end_of(connection)
        for head in {kept, newest} - {None} or {None}:
            _require_holding(connection, head, number)
    if number == (newest.number if newest else 0):
        return None
    head = signed_head(key, number, digest, database.now())
    with database.writing() as writing:
        newest = newest_head(writing.connection)
        if newest is not None and newest.number >= number:
            return None  # another instance was quicker
        store_head(writing.connection, head)
    if export is not None:
        export_head(export, head)
    return head


def _require_holding(connection: Connection, head: Head | None, last: int) -> None:
    """Follow the chain from the entry that a head names to the last one; from its beginning without one."""
    if head is not None and last < head.number:
        raise BrokenTrail(cut_off(last, head.number))
    chain = Chain() if head is None else Chain(head.number - 1, None)
    for row, finding in followed(connection, chain):
        if finding is not None:
            raise BrokenTrail(finding)
        if head is not None and row.number == head.number and row.digest != head.digest:
            raise BrokenTrail(rewritten(head.number))


def verify(
    connection: Connection, heads: Iterable[Head] = (), trusted: Sequence[Ed25519PublicKey] = ()
) -> Verification:
    """Follow the whole trail, and compare it with the heads in the database and with those that were kept elsewhere."""
    witnesses = _Witnesses(tuple(trusted), kept=list(heads))
    chain = Chain()
    found = joined(witnesses.called(connection), _compared(connection, chain, witnesses), witnesses.unheard(chain))
    findings = tuple(islice(found, FINDINGS_LIMIT))
    return Verification(chain.number, witnesses.signed_until(chain), bool(trusted), findings)


def _compared(connection: Connection, chain: Chain, witnesses: "_Witnesses") -> Iterator[Finding]:
    for row, finding in followed(connection, chain):
        if finding is not None:
            yield finding
        if row.number in witnesses.digests and witnesses.digests[row.number] != {row.digest}:
            yield rewritten(row.number)


@dataclass(slots=True)
class _Witnesses:
    """The heads whose signatures count, by the entries they name."""

    trusted: tuple[Ed25519PublicKey, ...]
    kept: list[Head]
    digests: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))

    def called(self, connection: Connection) -> Iterator[Finding]:
        """Take up every head; those that are not what they should be."""
        stored = stored_heads(connection)
        for head in dict.fromkeys((*stored, *self.kept)):
            fault = self._fault_of(head)
            if fault is None:
                self.digests[head.number].add(head.digest)
            else:
                yield Finding(head.number, "head", f"the head of entry {head.number} {fault}")
        present = {head.number for head in stored}
        for number in sorted({head.number for head in self.kept} - present):
            yield Finding(number, "head", f"the head of entry {number} was removed from the database")

    def _fault_of(self, head: Head) -> str | None:
        if not self.trusted:
            return None
        key = next((key for key in self.trusted if fingerprint(key) == head.key), None)
        if key is None:
            return f"is signed by a key that is not trusted: `{head.key[:16]}`"
        return None if is_signed_by(head, key) else "has a signature that does not fit"

    def unheard(self, chain: Chain) -> Iterator[Finding]:
        """Whether a head names an entry behind the end of the trail."""
        last = max(self.digests, default=0)
        if last > chain.number:
            yield cut_off(chain.number, last)

    def signed_until(self, chain: Chain) -> int:
        """The last entry there is that a head names."""
        return max((number for number in self.digests if number <= chain.number), default=0)
