"""Supplies what recorded decisions are explained and made again from: the rules of then, and what is known now.

From the record the rules of any time can be had; from a directory of data only those that are in it now.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import cast

from sqlalchemy import Connection, select

from rules.facts import AccountFacts, ResourceFacts
from rules.language import RuleSet
from service.documents import InvalidData
from service.errors import NotReady
from service.recorded_rules import ruleset_in_force
from service.storage.database import Database, micros
from service.storage.directory import World, load_directory
from service.storage.dossiers import read_account, read_resource
from service.storage.schema import publications

LOOKED_AT = 50
"""Publications before a decision among which its rules are looked for: a worker may have been late to follow."""
SLACK = timedelta(seconds=10)
"""By how much the clock of a worker may be behind that of the database."""


@dataclass(frozen=True, slots=True)
class RecordedPast:
    """The rules and facts of a database."""

    database: Database
    ruleset: str | None = None
    """Id of the rule set that decides; None: the only one that no other includes."""
    _found: dict[tuple[str, str], RuleSet | None] = field(default_factory=dict)

    def ruleset_of(self, id: str, revision: str, at: datetime) -> RuleSet | None:
        """The rule set of that revision, if it was in force about then.

        Raises:
            Unavailable: the database cannot be reached.
        """
        if (id, revision) not in self._found:
            with self.database.reading() as connection:
                states = _states_before(connection, id, micros(at + SLACK))
                self._found[id, revision] = next((found for found in states if found.revision == revision), None)
        return self._found[id, revision]

    def current_ruleset(self) -> RuleSet:
        """The rule set that decides now.

        Raises:
            InvalidData: it is faulty.
            NotReady: none is published, or it is not said which of them decides.
            Unavailable: the database cannot be reached.
        """
        with self.database.reading() as connection:
            return ruleset_in_force(connection, self.ruleset)

    def facts_of(self, account: str, resource: str, at: datetime) -> tuple[AccountFacts, ResourceFacts]:
        """What is known today, as of a time.

        Raises:
            Unavailable: the database cannot be reached.
        """
        with self.database.reading() as connection:
            dossiers = read_account(connection, account), read_resource(connection, resource)
        return cast(AccountFacts, dossiers[0].at(at).facts), cast(ResourceFacts, dossiers[1].at(at).facts)


@dataclass(frozen=True, slots=True)
class DirectoryPast:
    """The rules and facts of a directory of data."""

    world: World

    @classmethod
    def at(cls, path: Path) -> "DirectoryPast":
        """Read a directory.

        Raises:
            InvalidData: with every fault.
        """
        return cls(load_directory(path))

    def ruleset_of(self, id: str, revision: str, at: datetime) -> RuleSet | None:
        """The rule set of the directory, if it is that one."""
        ruleset = self.world.ruleset
        return ruleset if (ruleset.id, ruleset.revision) == (id, revision) else None

    def current_ruleset(self) -> RuleSet:
        """The rule set of the directory."""
        return self.world.ruleset

    def facts_of(self, account: str, resource: str, at: datetime) -> tuple[AccountFacts, ResourceFacts]:
        """What the directory says."""
        return self.world.account_facts(account), self.world.resource_facts(resource)


def _states_before(connection: Connection, id: str, at: int) -> Iterator[RuleSet]:
    """A rule set as it was after each publication before a time, that of another one too, the latest first."""
    query = select(publications.c.at).where(publications.c.at <= at).distinct()
    moments = connection.execute(query.order_by(publications.c.at.desc()).limit(LOOKED_AT)).scalars().all()
    for moment in moments:
        try:
            yield ruleset_in_force(connection, id, moment)
        except (NotReady, InvalidData):
            continue
