"""Follows the chain of the audit trail, and names every entry that does not hang on the one before it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection

from service.storage.audit import BEGINNING, DIGESTED, Recorded, digest_of, entries

Kind = Literal["edited", "moved", "missing", "inserted", "cut_off", "rewritten", "head"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with the audit trail."""

    number: int
    """Of the first entry that it concerns."""
    kind: Kind
    message: str


@dataclass(slots=True)
class Chain:
    """The chain as far as it has been followed."""

    number: int = 0
    digest: str | None = BEGINNING
    """As the last entry states it, right or wrong: so each fault is named once. None: not known, so not compared."""

    def follow(self, row: Recorded) -> Finding | None:
        """Go on by one entry; what is wrong with it."""
        if type(row.number) is not int or row.number <= self.number:
            return Finding(self.number + 1, "inserted", f"an entry has the number `{row.number}`, which none can have")
        finding = self._fault_of(row)
        self.number, self.digest = row.number, row.digest
        return finding

    def _fault_of(self, row: Recorded) -> Finding | None:
        expected = self.number + 1
        if row.number > expected:
            return Finding(expected, "missing", f"{_named(expected, row.number - 1)} missing")
        if row.digest != _digest(row):
            return Finding(expected, "edited", f"entry {expected} is not what was written: its digest is another one")
        if self.digest is not None and row.previous != self.digest:
            return Finding(expected, "moved", f"entry {expected} does not follow entry {expected - 1}")
        return None


def _digest(row: Recorded) -> str | None:
    try:
        return digest_of(row.previous, {name: getattr(row, name) for name in DIGESTED})
    except (TypeError, ValueError):
        return None  # SQLite keeps any value in any column: bytes are in no entry of ours


def _named(first: int, last: int) -> str:
    return f"entry {first} is" if first == last else f"entries {first} to {last} are"


def cut_off(last: int, signed: int) -> Finding:
    """The end is missing: the trail was longer when a head was signed."""
    return Finding(last + 1, "cut_off", f"{_named(last + 1, signed)} cut off: there is a signed head of entry {signed}")


def rewritten(number: int) -> Finding:
    """The chain holds, but it is another one than was signed."""
    return Finding(number, "rewritten", f"entry {number} is not the one that was signed: the trail up to it is another")


def followed(connection: Connection, chain: Chain) -> Iterator[tuple[Recorded, Finding | None]]:
    """Every entry behind the chain's end in order, and what is wrong with it."""
    after = -(2**63) if chain.number == 0 else chain.number
    for row in entries(connection, after=after):
        yield row, chain.follow(row)
