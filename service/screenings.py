"""Supplies the screenings of accounts and resources: a memo in the process, owned by one snapshot and gone with it.

Keyed by id. An entry is right from `since` until `until`, and made anew outside of that; a change of the data drops the
entries that depend on it, and no other. Bounded by bytes: see `memo`.

Where the data cannot be confirmed in time, accounts are unknown; resources stay what they were last known to be, since
a resource that is not known has no tags, and a rule that denies by tag would then open.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal, Protocol, TypeAlias, TypeVar, cast

from rules.compile import Program
from rules.evaluate import screen, screen_resource
from rules.facts import Account, AccountFacts, EntityId, ResourceFacts
from rules.language import AccountIs, ResourceIs
from rules.profiles import Screening
from service.decide import AccessRequest, InlineFacts, Screened
from service.dossiers import Dated
from service.errors import NotAvailable
from service.memo import MOST_VISITS, Cell, Memo, MemoState
from service.shelf import MIB, Bounds, Entry, Known, Limits, Shelf

__all__ = ["Dossiers", "Kind", "Known", "Limits", "Screenings", "Touched", "Unreachable"]

MEMO_MIB = 256
"""How much memory screenings may take where nobody says."""

NO_FACE = -1
"""Of a screening that is like none: see `Screened.face`."""

LARGE = 256
"""Facts that reach more entities than this are screened off the event loop."""

Kind: TypeAlias = Literal["account", "resource"]
Touched: TypeAlias = Mapping[str, Collection[str]]
"""What a change touches: ids by kind (`account`, `resource`, `entity`)."""

F = TypeVar("F", AccountFacts, ResourceFacts)
Pair: TypeAlias = tuple[Screened[AccountFacts], Screened[ResourceFacts]]
"""Of an account and a resource."""
AccountCell: TypeAlias = Cell[Entry[AccountFacts]]
ResourceCell: TypeAlias = Cell[Entry[ResourceFacts]]
Cells: TypeAlias = tuple[AccountCell, ResourceCell]
"""Where they are memorised; each is right until its cell is gone, or by its dates."""
Ready: TypeAlias = tuple[list[AccountCell], list[ResourceCell], list[int]]
"""Cells of accounts, and of resources, that are right; and the positions of those who asked for any that is not."""


class Unreachable(Exception):
    """The facts cannot be had now."""


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


class Screenings:
    """The screenings made under one program."""

    def __init__(self, program: Program, dossiers: Dossiers, limits: Limits | None = None) -> None:
        self._program = program
        self._dossiers = dossiers
        self.limits = limits or Limits.of(MEMO_MIB * MIB)
        self._bounds = Bounds.of(self.limits)
        self.goings = self._bounds.goings
        """Of what is memorised here, and of what is worked out from it: see `derived`."""
        self._accounts = Shelf(program, AccountIs, screen, self._bounds)
        self._resources = Shelf(program, ResourceIs, screen_resource, self._bounds)
        self._unknown: Memo[str, Entry[AccountFacts]] = Memo(self._bounds.strangers)
        """Of accounts as they are screened while facts are stale: nothing but the id counts."""
        self._misses = 0
        self.derived: Any = None
        """What another has worked out from them, and keeps here, so that it goes with them."""
        self._find_account, self._find_stranger = self._accounts.registered.find, self._accounts.strangers.find
        self._find_resource, self._find_nameless = self._resources.registered.find, self._resources.strangers.find

    @property
    def is_stale(self) -> bool:
        """Whether accounts are unknown, because the data could not be confirmed in time."""
        return self._dossiers.is_stale

    def ready(self, account: str, resource: str, at: datetime) -> Cells | None:
        """Those of an account and of a resource, if both are memorised, right at that time, and not stale.

        Of neither a foreign subject nor one with inline facts.
        """
        if self._dossiers.is_stale:
            return None
        accounts, resources, missing = self.ready_each([(account, resource)], at)
        return None if missing else (accounts[0], resources[0])

    def ready_each(self, asked: Iterable[tuple[str, str]], at: datetime) -> Ready:
        """HOT PATH: the same of some accounts and resources. Whoever asks looks whether they are stale."""
        find_account, find_stranger = self._find_account, self._find_stranger
        find_resource, find_nameless = self._find_resource, self._find_nameless
        accounts: list[AccountCell] = []
        resources: list[ResourceCell] = []
        missing: list[int] = []
        for number, (account, resource) in enumerate(asked):
            one = find_account(account) or find_stranger(account)
            other = find_resource(resource) or find_nameless(resource)
            if one is None or other is None:
                missing.append(number)
                continue
            if one.visits < MOST_VISITS:
                one.visits += 1
            if other.visits < MOST_VISITS:
                other.visits += 1
            who, what = one.value, other.value
            if (who.is_dated and not who.is_right(at)) or (what.is_dated and not what.is_right(at)):
                missing.append(number)
                continue
            accounts.append(one)
            resources.append(other)
        return accounts, resources, missing

    def at_hand(self, request: AccessRequest) -> Pair | None:
        """Those of the account and of the resource, if both are memorised and right at the request's time."""
        if request.inline is not None:
            return None
        if not request.foreign:
            cells = self.ready(request.account, request.resource, request.at)
            return None if cells is None else pair_of(cells)
        if self._dossiers.is_stale:
            return None
        account = self._accounts.find(request.account, request.at, foreign=True)
        resource = self._resources.find(request.resource, request.at)
        return None if account is None or resource is None else (account.screened, resource.screened)

    async def screened(self, request: AccessRequest) -> Pair:
        """The same, made now where they are missing; a screening of inline facts is never kept.

        Raises:
            NotAvailable: nothing is known of the resource, and it cannot be read.
        """
        return await self.account(request), await self.resource(request)

    async def passing_account(self, known: Known, at: datetime) -> Screening:
        """That of one of many accounts that are looked through: neither looked for in the memo, nor kept there.

        Raises:
            NotAvailable: accounts cannot be told from one another, because the data could not be confirmed in time.
        """
        if self._dossiers.is_stale:
            raise NotAvailable("the accounts could not be confirmed in time: ask again")
        return (await self._screening(self._accounts, known, at))[1]

    async def passing_resource(self, known: Known, at: datetime) -> Screening:
        """The same of a resource, which is what it was last known to be."""
        return (await self._screening(self._resources, known, at))[1]

    def drop(self, touched: Touched) -> None:
        """Forget what a change makes old."""
        entities = touched.get("entity", ())
        self._accounts.drop(touched.get("account", ()), entities)
        self._resources.drop(touched.get("resource", ()), entities)

    def clear(self) -> None:
        """Forget everything."""
        self._accounts.clear()
        self._resources.clear()
        self._unknown.clear()
        self.derived = None

    def __len__(self) -> int:
        return len(self._accounts) + len(self._resources)

    @property
    def state(self) -> MemoState:
        """How full the memo is."""
        registered, strangers = self._bounds.registered, self._bounds.strangers
        profiles, others = self._accounts.faces, self._resources.faces
        return MemoState(
            entries=len(registered) + len(strangers),
            size_bytes=registered.size_bytes + strangers.size_bytes + profiles.size_bytes + others.size_bytes,
            limit_bytes=registered.limit_bytes + strangers.limit_bytes + profiles.limit_bytes + others.limit_bytes,
            misses=self._misses,
            evictions=registered.evictions + strangers.evictions,
        )

    async def account(self, request: AccessRequest) -> Screened[AccountFacts]:
        """That of the account, whatever the resource is."""
        try:
            if self._dossiers.is_stale:
                return self._stale(request)
            if request.inline is not None:
                return await self._inline(request, request.inline)
            entry = self._accounts.find(request.account, request.at, foreign=request.foreign)
            return entry.screened if entry is not None and self._holds(entry) else await self._made(request)
        except Unreachable:
            return self._stale(request)

    async def _made(self, request: AccessRequest) -> Screened[AccountFacts]:
        id = request.account
        self._misses += 1
        while True:
            known = self._dossiers.stranger(id) if request.foreign else await self._known("account", id)
            entry, size_bytes = await self._entry(self._accounts, known, request.at)
            if self._dossiers.holds(known):  # else a change came in while it was fetched or screened
                self._accounts.keep(id, entry, size_bytes, foreign=request.foreign)
                return entry.screened

    async def resource(self, request: AccessRequest) -> Screened[ResourceFacts]:
        """That of the resource, whoever the account is.

        Raises:
            NotAvailable: nothing is known of it, and it cannot be read.
        """
        entry = self._resources.find(request.resource, request.at)
        if entry is None or not self._holds(entry):
            self._misses += 1
        while entry is None or not self._holds(entry):
            try:
                known = await self._known("resource", request.resource)
            except Unreachable:
                return await self._as_last_known(request)
            entry, size_bytes = await self._entry(self._resources, known, request.at)
            if self._dossiers.holds(known):
                self._resources.keep(request.resource, entry, size_bytes)
        return entry.screened

    def _holds(self, entry: Entry[F]) -> bool:
        """A request that began before a publication looks into a memo that no change drops from any more."""
        return self._dossiers.holds(entry.known)

    async def _as_last_known(self, request: AccessRequest) -> Screened[ResourceFacts]:
        known = self._dossiers.last_known(request.resource)
        if known is None or not self._dossiers.holds(known):
            raise NotAvailable("the facts of the resource cannot be read now: ask again")
        entry, _ = await self._entry(self._resources, known, request.at)
        return entry.screened

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
        facts = AccountFacts(account, facts.graph)
        return Screened(_within(screen(self._program, facts, request.at), dated), facts)

    def _stale(self, request: AccessRequest) -> Screened[AccountFacts]:
        """Nothing is known of the account but its id."""
        entry = self._unknown.get(request.account)
        if entry is None:
            known = self._dossiers.stranger(request.account)
            facts = cast(AccountFacts, known.at(request.at).facts)
            entry, size_bytes = self._accounts.entry(known, *self._accounts.screened(facts, request.at))
            entry = replace(entry, screened=replace(entry.screened, is_stale=True, face=NO_FACE))
            self._unknown.put(request.account, entry, size_bytes)
        return entry.screened

    async def _known(self, kind: Kind, id: str) -> Known:
        return self._dossiers.at_hand(kind, id) or await self._dossiers.fetched(kind, id)

    async def _entry(self, shelf: Shelf[F], known: Known, at: datetime) -> tuple[Entry[F], int]:
        """An entry for this shelf, and how many bytes it takes."""
        return shelf.entry(known, *await self._screening(shelf, known, at))

    async def _screening(self, shelf: Shelf[F], known: Known, at: datetime) -> tuple[F, Screening]:
        """The facts of a time, and their screening."""

        def made() -> tuple[F, Screening]:
            dated = known.at(at)
            facts, screening = shelf.screened(cast(F, dated.facts), at)
            return facts, _within(screening, dated)

        return await asyncio.to_thread(made) if len(known.reached) > LARGE else made()


def pair_of(cells: Cells) -> Pair:
    """What is memorised there. Neither may be gone."""
    account, resource = cells
    return account.value.screened, resource.value.screened


def _within(screening: Screening, dated: Dated) -> Screening:
    """The screening, right no longer than its facts are."""
    if dated.since is None and dated.until is None:
        return screening
    since = max((date for date in (screening.since, dated.since) if date is not None), default=None)
    until = min((date for date in (screening.until, dated.until) if date is not None), default=None)
    return replace(screening, since=since, until=until)
