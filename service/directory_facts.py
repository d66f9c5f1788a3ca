"""What a data directory knows, as screenings ask for it: all of it at hand, confirmed by being read."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from rules.facts import Account, AccountFacts, AccountId, EntityId, OwnershipGraph, ResourceFacts
from rules.language import RuleSet
from service.catalogue import Candidate
from service.decide import AccessRequest, SourceState, Then
from service.dossiers import Dated
from service.errors import BadRequest
from service.screenings import Kind, Known
from service.storage.directory import World

DIRECTORY_SOURCE = "directory"
"""What decisions call the data directory among their sources."""

NOTHING: frozenset[str] = frozenset()

FACTS_BYTES = 256
"""The rest is the world's."""


@dataclass(frozen=True, slots=True)
class DirectoryFacts:
    """Facts that hold for as long as their snapshot is in force: they depend on nothing that could change."""

    facts: AccountFacts | ResourceFacts
    reached: frozenset[str] = NOTHING
    size_bytes: int = FACTS_BYTES

    def at(self, moment: datetime) -> Dated:
        return Dated(self.facts)


@dataclass(frozen=True, slots=True)
class DirectoryDossiers:
    """Supplies what one state of a directory knows."""

    world: World
    is_stale: bool = False

    def at_hand(self, kind: Kind, id: str) -> Known:
        return DirectoryFacts(self.world.account_facts(id) if kind == "account" else self.world.resource_facts(id))

    async def fetched(self, kind: Kind, id: str) -> Known:
        return self.at_hand(kind, id)

    async def with_entity(self, account: str, entity: EntityId) -> Known:
        facts = self.world.account_facts(account)
        known = entity if entity in facts.graph.entities else None
        return DirectoryFacts(AccountFacts(replace(facts.account, entity=known), facts.graph))

    def last_known(self, resource: str) -> Known:
        return self.at_hand("resource", resource)

    def stranger(self, account: str) -> Known:
        return DirectoryFacts(unregistered(account, self.world.graph))

    def holds(self, known: Known) -> bool:
        return True


class DirectoryCatalogue:
    """Enumerates what is registered in one state of a directory, in the order of code points."""

    def __init__(self, world: World) -> None:
        self._dossiers = DirectoryDossiers(world)
        self._accounts: Sequence[str] = sorted(world.accounts)
        self._resources: Sequence[str] = sorted(world.resources)

    async def accounts(self, after: str, most: int) -> Sequence[Candidate]:
        return [Candidate(id, self._dossiers.at_hand("account", id)) for id in _behind(self._accounts, after, most)]

    async def resources(self, after: str, most: int) -> Sequence[Candidate]:
        return [Candidate(id, self._dossiers.at_hand("resource", id)) for id in _behind(self._resources, after, most)]


def _behind(ids: Sequence[str], after: str, most: int) -> Sequence[str]:
    start = bisect_right(ids, after)
    return ids[start : start + most]


@dataclass(frozen=True, slots=True)
class NoHistory:
    """Of a directory only the present state is known."""

    async def reach(self, token: str) -> None:
        raise BadRequest("/context/at_least: a directory of data has no positions")

    async def then(self, request: AccessRequest) -> Then:
        raise BadRequest("/context/known_at: a directory of data knows nothing but its present state")


@dataclass(frozen=True, slots=True)
class DirectoryWorld:
    """One state of a directory, ready to decide from."""

    world: World
    read_at: datetime
    catalogue: DirectoryCatalogue = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "catalogue", DirectoryCatalogue(self.world))

    @property
    def ruleset(self) -> RuleSet:
        return self.world.ruleset

    @property
    def dossiers(self) -> DirectoryDossiers:
        return DirectoryDossiers(self.world)

    @property
    def revision(self) -> str:
        return self.world.revision

    def state(self) -> SourceState:
        """The directory as decisions name it."""
        return SourceState(DIRECTORY_SOURCE, self.world.revision, self.read_at)

    def example(self) -> tuple[str, str]:
        """An account and a resource to ask about."""
        return next(iter(self.world.accounts), "nobody"), next(iter(self.world.resources), "anything")


def unregistered(account: str, graph: OwnershipGraph) -> AccountFacts:
    """An account of which nothing but its id is known."""
    return AccountFacts(Account(AccountId(account), registered=False), graph)
