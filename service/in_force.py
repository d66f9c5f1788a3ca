"""Puts changes of the record in force in this process: screenings go, rule sets and keys come."""

import asyncio
from dataclasses import dataclass

from sqlalchemy import Connection

from service.callers import Callers
from service.programs import Programs
from service.screenings import Touched
from service.storage.database import Database
from service.storage.rulesets import in_force_by_break_glass, published_documents


@dataclass(frozen=True, slots=True)
class Publications:
    """What the record said of rule sets when it was last read."""

    revisions: dict[str, str]
    """Of the documents in force, by rule set."""
    break_glass: tuple[str, ...]
    """Rule sets that are in force without having been approved."""


class InForce:
    """What is in force here of the record."""

    def __init__(self, database: Database, programs: Programs, callers: Callers) -> None:
        self._database = database
        self._programs = programs
        self._callers = callers
        self.publications = Publications({}, ())
        self.broken_trail = ""
        """Why the audit trail cannot be signed any more; empty if it can."""

    def drop(self, touched: Touched) -> None:
        """Forget the screenings that a change makes old."""
        if self._programs.is_ready:
            self._programs.current.screenings.drop(touched)

    def drop_everything(self) -> None:
        """Forget all screenings."""
        if self._programs.is_ready:
            self._programs.current.screenings.clear()

    async def take_up(self, touched: Touched) -> None:
        """Put new rule sets and keys in force.

        Raises:
            Unavailable: the database cannot be reached.
        """
        if "ruleset" in touched:
            await asyncio.to_thread(self._take_up_rules)
        if "key" in touched:
            await asyncio.to_thread(self._take_up_keys)

    def confirmed(self) -> None:
        """Let decisions say how fresh their data is."""
        self._programs.restate_sources()

    def _take_up_rules(self) -> None:
        self._programs.load()
        with self._database.reading() as connection:
            self.publications = _publications(connection)

    def _take_up_keys(self) -> None:
        with self._database.reading() as connection:
            self._callers.reload(connection)


def _publications(connection: Connection) -> Publications:
    revisions = {id: document.revision for id, document in published_documents(connection).items()}
    return Publications(revisions, tuple(in_force_by_break_glass(connection)))
