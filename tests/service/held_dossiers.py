"""Dossiers that a test holds in its hand, and that are made anew each time, as if they came from elsewhere."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from rules.facts import Account, AccountFacts, AccountId, EntityId, OwnershipGraph, Resource, ResourceFacts, ResourceId
from service.directory_facts import DirectoryFacts
from service.dossiers import Dossier
from service.screenings import Kind, Known

EPOCH = "0f1e2d3c4b5a"


def bare(subject: Account | Resource) -> Known:
    """What is known of one about whose entity nothing is."""
    return Dossier(EPOCH, 1, subject)


def registered(id: str) -> Known:
    return bare(Account(AccountId(id)))


def tagged(id: str) -> Known:
    return bare(Resource(ResourceId(id), frozenset({"tagged"})))


def facts_of(account: Account, graph: OwnershipGraph) -> Known:
    return DirectoryFacts(AccountFacts(account, graph))


def resource_facts_of(resource: Resource, graph: OwnershipGraph) -> Known:
    return DirectoryFacts(ResourceFacts(resource, graph))


@dataclass
class HeldDossiers:
    """Supplies what functions make of ids."""

    account: Callable[[str], Known] = registered
    resource: Callable[[str], Known] = tagged
    is_stale: bool = False
    fetches: list[tuple[Kind, str]] = field(default_factory=list)

    def at_hand(self, kind: Kind, id: str) -> Known | None:
        return None

    async def fetched(self, kind: Kind, id: str) -> Known:
        self.fetches.append((kind, id))
        return self.account(id) if kind == "account" else self.resource(id)

    async def with_entity(self, account: str, entity: EntityId) -> Known:
        known = self.account(account)
        assert isinstance(known, Dossier)
        assert isinstance(known.subject, Account)
        return replace(known, subject=replace(known.subject, entity=entity))

    def last_known(self, resource: str) -> Known | None:
        return None

    def stranger(self, account: str) -> Known:
        return bare(Account(AccountId(account), registered=False))

    def holds(self, known: Known) -> bool:
        return True
