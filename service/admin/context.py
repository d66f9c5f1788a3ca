"""What the admin API works with: put together once, and carried by the application (`app.state.admin`)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from fastapi import Request

from service.admin.principals import Principal
from service.decision_log.why import DecisionReader
from service.storage.audit import Entry, append
from service.storage.database import Database, Position


@dataclass(frozen=True, slots=True)
class Admin:
    """Everything that the endpoints need of the rest of the service."""

    database: Database
    clock: Callable[[], datetime]
    authenticate: Callable[[Request], Principal]
    """Who sends a request. Raises NotAuthenticated, in words that hold nothing of the credential."""
    changed: Callable[[Position], None]
    """Told of every change, after it is committed."""
    decisions: DecisionReader | None = None
    """The decision log; None: there is none."""
    approvals_required: int = 1
    """How many others must approve a draft."""
    refused: Callable[[Entry], None] | None = None
    """Writes down a refusal, and keeps a flood of them in bounds; None: each is written as it comes."""
    audit_keys: Sequence[Ed25519PublicKey] = ()
    """Whose signatures of the audit trail count."""

    def refuse(self, entry: Entry) -> None:
        """Write down that a request was refused, in a transaction of its own.

        Raises:
            Unavailable: the database cannot be reached.
        """
        if self.refused is not None:
            return self.refused(entry)
        with self.database.writing() as writing:
            append(writing.connection, entry, self.clock())
        return None
