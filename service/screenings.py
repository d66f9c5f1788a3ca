"""Supplies the screenings of accounts and resources: a memo in the process, owned by one snapshot and gone with it.

Keyed by id. An entry is right from `since` until `until`, and made anew outside of that; a change of the data drops the
entries that depend on it, and no other. Bounded: the entry made first goes first; what is not registered is kept apart,
so that made-up ids never push out what is.

Where the data cannot be confirmed in time, accounts are unknown; resources stay what they were last known to be, since
a resource that is not known has no tags, and a rule that denies by tag would then open.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Generic, Literal, Protocol, TypeAlias, TypeVar, cast

from rules.compile import Program
from rules.evaluate import screen, screen_resource
from rules.facts import Account, AccountFacts, EntityId, ResourceFacts
from rules.profiles import Screening
from service.decide import AccessRequest, InlineFacts, Screened
from service.dossiers import Dated
from service.errors import NotAvailable

REGISTERED_LIMIT = 32_768
UNREGISTERED_LIMIT = 4_096

LARGE = 256
"""Facts that reach more entities than this are screened off the event loop."""

Kind: TypeAlias = Literal["account", "resource"]
Touched: TypeAlias = Mapping[str, Collection[str]]
"""What a change touches: ids by kind (`account`, `resource`, `entity`)."""

F = TypeVar("F", bound=AccountFacts | ResourceFacts)


class Unreachable(Exception):
    """The facts cannot be had now."""


class Known(Protocol):
    """What is known of one account or resource, with no rule in it."""

    @property
    def reached(self) -> frozenset[str]:
        """Ids of the entities that it depends on."""

    def at(self, moment: datetime) -> Dated: ...


class Dossiers(Protocol):
    """Supplies what is known."""

    @property
    def is_stale(self) -> bool:
        """Whether it could not be confirmed for too long that nothing has changed."""

    def at_hand(self, kind: Kind, id: str) -> Known | None:
        """What is known, if that takes no waiting."""

    async def fetched(self, kind: Kind, id: str) -> Known:
        """What is known.

        Raises:
            Unreachable: it cannot be had.
        """

    async def with_entity(self, account: str, entity: EntityId) -> Known:
        """What is known of an account, were this its entity; one that no row describes is not known.

        Raises:
            Unreachable: it cannot be had.
        """

    def last_known(self, resource: str) -> Known | None:
        """What was known of a resource when it was last fetched, right or not; None if it never was."""

    def stranger(self, account: str) -> Known:
        """What is known of an account of which nothing is."""

    def holds(self, known: Known) -> bool:
        """Whether no change that has been seen makes it old."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How many screenings are kept."""

    registered: int = REGISTERED_LIMIT
    unregistered: int = UNREGISTERED_LIMIT


@dataclass(frozen=True, slots=True)
class _Entry(Generic[F]):
    screened: Screened[F]
    known: Known

    def is_right(self, at: datetime) -> bool:
        since, until = self.screened.screening.since, self.screened.screening.until
        return (since is None or since <= at) and (until is None or at < until)


class _Memo(Generic[F]):
    """Screenings by id, those of registered ids apart from the others."""

    def __init__(self, limits: Limits) -> None:
        self._kept: dict[str, _Entry[F]] = {}
        self._strangers: dict[str, _Entry[F]] = {}
        self._foreign: dict[str, _Entry[F]] = {}
        """Apart from all others: an id of another kind may be spelt like one of ours."""
        self._limits = limits

    def find(self, id: str, at: datetime, foreign: bool = False) -> _Entry[F] | None:
        entry = self._foreign.get(id) if foreign else self._kept.get(id) or self._strangers.get(id)
        return entry if entry is not None and entry.is_right(at) else None

    def keep(self, id: str, entry: _Entry[F], foreign: bool = False) -> None:
        is_stranger = foreign or _is_stranger(entry.screened.facts)
        strangers = self._foreign if foreign else self._strangers
        memo = strangers if is_stranger else self._kept
        if len(memo) >= (self._limits.unregistered if is_stranger else self._limits.registered):
            memo.pop(next(iter(memo)), None)
        memo[id] = entry

    def drop(self, ids: Collection[str], entities: frozenset[str]) -> None:
        for memo in (self._kept, self._strangers):
            for id in ids:
                memo.pop(id, None)
            if entities:
                old = [id for id, entry in memo.items() if not entities.isdisjoint(entry.known.reached)]
                for id in old:
                    del memo[id]

    def clear(self) -> None:
        self._kept.clear()
        self._strangers.clear()
        self._foreign.clear()

    def __len__(self) -> int:
        return len(self._kept) + len(self._strangers) + len(self._foreign)


class Screenings:
    """The screenings made under one program."""

    def __init__(self, program: Program, dossiers: Dossiers, limits: Limits | None = None) -> None:
        self._program = program
        self._dossiers = dossiers
        self._accounts: _Memo[AccountFacts] = _Memo(limits or Limits())
        self._resources: _Memo[ResourceFacts] = _Memo(limits or Limits())
        self._unknown: _Memo[AccountFacts] = _Memo(limits or Limits())
        """Of accounts as they are screened while facts are stale: nothing but the id counts."""

    def at_hand(self, request: AccessRequest) -> tuple[Screened[AccountFacts], Screened[ResourceFacts]] | None:
        """Those of the account and of the resource, if both are memorised and right at the request's time."""
        if request.inline is not None or self._dossiers.is_stale:
            return None
        account = self._accounts.find(request.account, request.at, request.foreign)
        resource = self._resources.find(request.resource, request.at)
        return None if account is None or resource is None else (account.screened, resource.screened)

    async def screened(self, request: AccessRequest) -> tuple[Screened[AccountFacts], Screened[ResourceFacts]]:
        """The same, made now where they are missing; a screening of inline facts is never kept.

        Raises:
            NotAvailable: nothing is known of the resource, and it cannot be read.
        """
        return await self._account(request), await self._resource(request)

    def drop(self, touched: Touched) -> None:
        """Forget what a change makes old."""
        entities = frozenset(touched.get("entity", ()))
        self._accounts.drop(touched.get("account", ()), entities)
        self._resources.drop(touched.get("resource", ()), entities)

    def clear(self) -> None:
        """Forget everything."""
        self._accounts.clear()
        self._resources.clear()

    def __len__(self) -> int:
        return len(self._accounts) + len(self._resources)

    async def _account(self, request: AccessRequest) -> Screened[AccountFacts]:
        try:
            if self._dossiers.is_stale:
                return self._stale(request)
            if request.inline is not None:
                return await self._inline(request, request.inline)
            entry = self._accounts.find(request.account, request.at, request.foreign)
            return entry.screened if entry is not None and self._holds(entry) else await self._made(request)
        except Unreachable:
            return self._stale(request)

    async def _made(self, request: AccessRequest) -> Screened[AccountFacts]:
        id = request.account
        while True:
            known = self._dossiers.stranger(id) if request.foreign else await self._known("account", id)
            screened = await self._screen(known, request.at, _screened_account)
            if self._dossiers.holds(known):  # else a change came in while it was fetched or screened
                self._accounts.keep(id, _Entry(screened, known), request.foreign)
                return screened

    async def _resource(self, request: AccessRequest) -> Screened[ResourceFacts]:
        entry = self._resources.find(request.resource, request.at)
        while entry is None or not self._holds(entry):
            try:
                known = await self._known("resource", request.resource)
            except Unreachable:
                return await self._as_last_known(request)
            entry = _Entry(await self._screen(known, request.at, _screened_resource), known)
            if self._dossiers.holds(known):
                self._resources.keep(request.resource, entry)
        return entry.screened

    def _holds(self, entry: _Entry[F]) -> bool:
        """A request that began before a publication looks into a memo that no change drops from any more."""
        return self._dossiers.holds(entry.known)

    async def _as_last_known(self, request: AccessRequest) -> Screened[ResourceFacts]:
        known = self._dossiers.last_known(request.resource)
        if known is None or not self._dossiers.holds(known):
            raise NotAvailable("the facts of the resource cannot be read now: ask again")
        return await self._screen(known, request.at, _screened_resource)

    async def _inline(self, request: AccessRequest, inline: InlineFacts) -> Screened[AccountFacts]:
        id = request.account
        if inline.entity is not None:
            known = await self._dossiers.with_entity(id, inline.entity)
        else:
            known = self._dossiers.stranger(id) if request.foreign else await self._known("account", id)
        dated = known.at(request.at)
        facts = cast(AccountFacts, dated.facts)
        account = facts.account
        if request.foreign:
            account = Account(request.account, registered=False, entity=account.entity if inline.entity else None)
        if inline.declared is not None:
            account = replace(account, declared=inline.declared)
        return _screened_account(self._program, replace(dated, facts=AccountFacts(account, facts.graph)), request.at)

    def _stale(self, request: AccessRequest) -> Screened[AccountFacts]:
        """Nothing is known of the account but its id."""
        entry = self._unknown.find(request.account, request.at, foreign=True)
        if entry is None:
            known = self._dossiers.stranger(request.account)
            screened = _screened_account(self._program, known.at(request.at), request.at)
            entry = _Entry(replace(screened, is_stale=True), known)
            self._unknown.keep(request.account, entry, foreign=True)
        return entry.screened

    async def _known(self, kind: Kind, id: str) -> Known:
        return self._dossiers.at_hand(kind, id) or await self._dossiers.fetched(kind, id)

    async def _screen(
        self, known: Known, at: datetime, make: "Callable[[Program, Dated, datetime], Screened[F]]"
    ) -> Screened[F]:
        if len(known.reached) > LARGE:
            return await asyncio.to_thread(lambda: make(self._program, known.at(at), at))
        return make(self._program, known.at(at), at)


def _screened_account(program: Program, dated: Dated, at: datetime) -> Screened[AccountFacts]:
    facts = cast(AccountFacts, dated.facts)
    return Screened(_within(screen(program, facts, at), dated), facts)


def _screened_resource(program: Program, dated: Dated, at: datetime) -> Screened[ResourceFacts]:
    facts = cast(ResourceFacts, dated.facts)
    return Screened(_within(screen_resource(program, facts, at), dated), facts)


def _within(screening: Screening, dated: Dated) -> Screening:
    """The screening, right no longer than its facts are."""
    if dated.since is None and dated.until is None:
        return screening
    since = max((date for date in (screening.since, dated.since) if date is not None), default=None)
    until = min((date for date in (screening.until, dated.until) if date is not None), default=None)
    return replace(screening, since=since, until=until)


def _is_stranger(facts: AccountFacts | ResourceFacts) -> bool:
    """Whether nothing is recorded under this id, so that anyone could make up more of its kind."""
    if isinstance(facts, AccountFacts):
        return not facts.account.registered
    return not facts.resource.tags and facts.resource.provider is None
