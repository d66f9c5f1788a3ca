"""Supplies the screenings of accounts and resources: a memo in the process, owned by one snapshot and gone with it.

Keyed by id. An entry is right from `since` until `until`, and made anew outside of that. Bounded: the entry made first
goes first; what is not registered is kept apart, so that made-up ids never push out what is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from rules.compile import Program
from rules.evaluate import screen, screen_resource
from rules.facts import Account, AccountFacts, AccountId, OwnershipGraph, Resource, ResourceFacts, ResourceId
from rules.profiles import Screening
from service.decide import AccessRequest, InlineFacts

REGISTERED_LIMIT = 32_768
UNREGISTERED_LIMIT = 4_096

Id = TypeVar("Id", bound=str)


class World(Protocol):
    """What is known of accounts, resources and the entities behind them."""

    @property
    def graph(self) -> OwnershipGraph: ...
    @property
    def accounts(self) -> Mapping[AccountId, Account]: ...
    @property
    def resources(self) -> Mapping[ResourceId, Resource]: ...
    def account_facts(self, id: str) -> AccountFacts: ...
    def resource_facts(self, id: str) -> ResourceFacts: ...


@dataclass(frozen=True, slots=True)
class Limits:
    """How many screenings are kept."""

    registered: int = REGISTERED_LIMIT
    unregistered: int = UNREGISTERED_LIMIT


class _Memo(Generic[Id]):
    """Screenings by id, those of registered ids apart from the others."""

    def __init__(self, registered: Mapping[Id, object], limits: Limits) -> None:
        self._registered = registered
        self._kept: dict[Id, Screening] = {}
        self._strangers: dict[Id, Screening] = {}
        self._limits = limits

    def at_hand(self, id: Id, at: datetime, foreign: bool) -> Screening | None:
        screening = None if foreign else self._kept.get(id)
        if screening is None:
            screening = self._strangers.get(id)
        return screening if screening is not None and _is_right(screening, at) else None

    def keep(self, id: Id, screening: Screening, foreign: bool) -> None:
        is_stranger = foreign or id not in self._registered
        memo = self._strangers if is_stranger else self._kept
        if len(memo) >= (self._limits.unregistered if is_stranger else self._limits.registered):
            memo.pop(next(iter(memo)), None)
        memo[id] = screening

    def __len__(self) -> int:
        return len(self._kept) + len(self._strangers)


class Screenings:
    """The screenings made under one program, from one state of the data."""

    def __init__(self, program: Program, world: World, limits: Limits | None = None) -> None:
        self._program = program
        self._world = world
        self._accounts = _Memo(world.accounts, limits or Limits())
        self._resources = _Memo(world.resources, limits or Limits())

    def at_hand(self, request: AccessRequest) -> tuple[Screening, Screening] | None:
        """Those of the account and of the resource, if both are memorised and right at the request's time."""
        if request.inline is not None:
            return None
        account = self._accounts.at_hand(request.account, request.at, request.foreign)
        resource = self._resources.at_hand(request.resource, request.at, False)
        return None if account is None or resource is None else (account, resource)

    async def screened(self, request: AccessRequest) -> tuple[Screening, Screening]:
        """The same, made now where they are missing; a screening of inline facts is never kept."""
        return self._account(request), self._resource(request)

    def facts(self, request: AccessRequest) -> tuple[AccountFacts, ResourceFacts]:
        """What the screenings are made from."""
        return self._account_facts(request), self._world.resource_facts(request.resource)

    def __len__(self) -> int:
        return len(self._accounts) + len(self._resources)

    def _account(self, request: AccessRequest) -> Screening:
        if request.inline is not None:
            return screen(self._program, self._account_facts(request), request.at)
        found = self._accounts.at_hand(request.account, request.at, request.foreign)
        if found is None:
            found = screen(self._program, self._account_facts(request), request.at)
            self._accounts.keep(request.account, found, request.foreign)
        return found

    def _resource(self, request: AccessRequest) -> Screening:
        found = self._resources.at_hand(request.resource, request.at, False)
        if found is None:
            found = screen_resource(self._program, self._world.resource_facts(request.resource), request.at)
            self._resources.keep(request.resource, found, False)
        return found

    def _account_facts(self, request: AccessRequest) -> AccountFacts:
        facts = self._world.account_facts(request.account)
        if request.foreign:
            facts = AccountFacts(Account(request.account, registered=False), facts.graph)
        return facts if request.inline is None else _with_inline(facts, request.inline)


def _is_right(screening: Screening, at: datetime) -> bool:
    since, until = screening.since, screening.until
    return (since is None or since <= at) and (until is None or at < until)


def _with_inline(facts: AccountFacts, inline: InlineFacts) -> AccountFacts:
    """The facts with those that the caller gave in their place. An entity that no row describes is not known."""
    account = facts.account
    if inline.entity is not None:
        account = replace(account, entity=inline.entity if inline.entity in facts.graph.entities else None)
    if inline.declared is not None:
        account = replace(account, declared=inline.declared)
    return AccountFacts(account, facts.graph)
