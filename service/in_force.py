"""Puts changes of the record in force in this process: screenings go, rule sets and keys come."""

import asyncio
from collections.abc import Collection
from concurrent.futures import Executor
from dataclasses import dataclass

from sqlalchemy import Connection

from service.callers import Callers
from service.programs import Programs
from service.screenings import Touched
from service.storage.database import Database, Unavailable
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

    def __init__(self, database: Database, programs: Programs, callers: Callers, threads: Executor) -> None:
        """`threads`: at their own pace, they read and compile what is new."""
        self._threads = threads
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

    async def take_up(self, subjects: Collection[str]) -> None:
        """Put new rule sets and keys in force: keys first, so that nobody is refused by rules that come too early.

        Raises:
            Unavailable: the database cannot be reached.
        """
        loop = asyncio.get_running_loop()
        if "key" in subjects:
            await loop.run_in_executor(self._threads, self._take_up_keys)
        if "ruleset" in subjects:
            await loop.run_in_executor(self._threads, self._take_up_rules)

    def confirmed(self) -> None:
        """Let decisions say how fresh their data is."""
        self._programs.restate_sources()

    def _take_up_rules(self) -> None:
        self._programs.load()
        refusal = self._programs.refusal
        if refusal is not None and refusal.may_pass:
            raise Unavailable(refusal.reason)
        if refusal is not None:
            return  # what is in force is still what was
        with self._database.reading() as connection:
            self.publications = _publications(connection)

    def _take_up_keys(self) -> None:
        with self._database.reading() as connection:
            self._callers.reload(connection)


def _publications(connection: Connection) -> Publications:
    revisions = {id: document.revision for id, document in published_documents(connection).items()}
    return Publications(revisions, tuple(in_force_by_break_glass(connection)))
