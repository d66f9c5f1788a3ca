"""What an instance does beside deciding: publishes what is due, says how it is, signs, writes down, clears away."""

import os
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from service.callers import Uses
from service.follow import Follower
from service.in_force import InForce
from service.programs import Programs
from service.publishing.schedule import Suspended, publish_due
from service.status import Notices
from service.storage.audit_verification import BrokenTrail, sign_head
from service.storage.changes import prune_changes
from service.storage.database import Database, Position, moment_of
from service.storage.drafts import next_due
from service.storage.instances import InstanceState, beat, forget
from service.upkeep import Turn
from service.version import own_version

SCHEDULE_SECONDS = 0.5
BEAT_SECONDS = 1.0
USES_SECONDS = 5.0
SIGN_SECONDS = 10.0
PRUNE_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Instance:
    """One run of one process."""

    id: str
    started_at: datetime
    host: str
    process: int

    @classmethod
    def here(cls, id: str, started_at: datetime) -> "Instance":
        """This process."""
        return cls(id, started_at, socket.gethostname(), os.getpid())


@dataclass(frozen=True, slots=True)
class Signing:
    """What the heads of the audit trail are signed with, and where they are kept beside the database."""

    key: Ed25519PrivateKey
    export: Path | None


class Noticeboard:
    """Says once what is not as it should be, and once that it is again."""

    def __init__(self, begun: Callable[[str], None], ended: Callable[[str], None]) -> None:
        self._begun = begun
        self._ended = ended
        self._shown: tuple[str, ...] = ()

    def show(self, notices: tuple[str, ...]) -> None:
        """These are the notices of now."""
        for notice in notices:
            if notice not in self._shown:
                self._begun(notice)
        for notice in self._shown:
            if notice not in notices:
                self._ended(notice)
        self._shown = notices


@dataclass(frozen=True, slots=True)
class Housekeeping:
    """The work of one instance."""

    database: Database
    instance: Instance
    programs: Programs
    follower: Follower
    in_force: InForce
    uses: Uses
    notices: Notices
    board: Noticeboard
    changed: Callable[[Position], None]
    suspended: Callable[[str, str], None]
    """Is told of a draft that could not be published in its time, and why."""
    approvals_required: int
    signing: Signing | None

    def turns(self) -> Sequence[Turn]:
        """Each piece of work, and how often it is done."""
        return (
            Turn("publish what is scheduled", self.publish, SCHEDULE_SECONDS),
            Turn("look for what is not as it should be", self.look, BEAT_SECONDS),
            Turn("say how it is", self.beat, BEAT_SECONDS),
            Turn("note when keys were used", self.note_uses, USES_SECONDS),
            Turn("sign the audit trail", self.sign, SIGN_SECONDS),
            Turn("clear away old changes", self.prune, PRUNE_SECONDS),
        )

    def publish(self) -> float | None:
        """Publish what is due; then again when the next one is, or soon, since somebody may schedule one."""
        with self.database.reading() as connection:
            due = next_due(connection)
        if due is None:
            return None
        remaining = (moment_of(due) - self.database.now()).total_seconds()
        if remaining > 0:
            return min(remaining, SCHEDULE_SECONDS)
        done = publish_due(self.database, self.database.now(), approvals_required=self.approvals_required)
        for each in done:
            if isinstance(each, Suspended):
                self.suspended(each.draft.id, each.draft.notice)
        if done:
            self.changed(self.database.position())
        return None

    def look(self) -> None:
        """Log what begins, and what ends, of all that is not as it should be. Asks no database."""
        self.board.show(self.notices())

    def beat(self) -> None:
        """Say how this instance is."""
        beat(self.database, self._state())

    def note_uses(self) -> None:
        """Write down when keys were last used."""
        self.uses.flush(self.database)

    def sign(self) -> None:
        """Sign how far the audit trail has come."""
        if self.signing is None:
            return
        try:
            sign_head(self.database, self.signing.key, self.signing.export)
            self.in_force.broken_trail = ""
        except BrokenTrail as broken:
            self.in_force.broken_trail = str(broken)
            raise

    def prune(self) -> None:
        """Clear away changes that everyone has followed."""
        prune_changes(self.database)

    def leave(self) -> None:
        """Strike this instance out: it stops as it should."""
        forget(self.database, self.instance.id)

    def _state(self) -> InstanceState:
        ready = self.programs.is_ready
        snapshot = self.programs.current if ready else None
        ruleset = snapshot.ruleset.id if snapshot else ""
        return InstanceState(
            id=self.instance.id,
            host=self.instance.host,
            process=self.instance.process,
            version=own_version(),
            started_at=self.instance.started_at,
            seq=self.follower.position.seq,
            confirmed_at=self.follower.confirmed_at,
            ruleset=ruleset,
            revision=self.in_force.publications.revisions.get(ruleset, ""),
            data=snapshot.sources[1:] if snapshot else (),
            notice="; ".join(self.notices()),
        )
