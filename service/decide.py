"""HOT PATH: one request in, one decision out. Imports no other service module; what it needs stands here as protocols.

Total: an unknown address, account or resource is a value that the rule set decides on. Nothing is awaited when the
screenings are at hand, unless the answer must be recorded first.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Generic, NamedTuple, Protocol, TypeAlias, TypeVar

from rules.compile import Program
from rules.evaluate import evaluate
from rules.explain import explain
from rules.facts import (
    AccountFacts,
    AccountId,
    Activity,
    Address,
    EntityId,
    Location,
    Request,
    ResourceFacts,
    ResourceId,
)
from rules.geography import Jurisdiction
from rules.language import DEFAULT_ACTION, Decision, RuleSet
from rules.profiles import Screening
from rules.traces import Explanation

F = TypeVar("F", bound=AccountFacts | ResourceFacts, covariant=True)

STALE = {"account.missing": "account.stale", "declared.missing": "declared.stale", "entity.missing": "entity.stale"}
"""What an account's facts are unknown for where the data could not be confirmed in time."""


@dataclass(frozen=True, slots=True)
class InlineFacts:
    """What the caller itself says of the account, for this request alone."""

    entity: EntityId | None = None
    """None: what the data says. An id that the data does not know makes the entity unknown."""
    declared: Mapping[str, Jurisdiction] | None = None
    """None: what the data says; else all that is declared."""


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """May this account, from this address, use this resource now?"""

    account: AccountId
    resource: ResourceId
    at: datetime
    """Aware, UTC: the moment that is decided for."""
    address: str | None = None
    """As the caller wrote it."""
    action: str = DEFAULT_ACTION
    foreign: bool = False
    """The subject is of a kind that is never registered, whatever its id."""
    inline: InlineFacts | None = None
    activity: Activity = field(default_factory=dict)
    asked_at: datetime | None = None
    """What the clock said, which enters here and nowhere else; None: the same as `at`."""
    at_least: str | None = None
    """The token of a write: decide from data that has seen it."""
    known_at: datetime | None = None
    """Explain from what was recorded then, by the rules that were in force then; None: as of now."""


@dataclass(frozen=True, slots=True)
class SourceState:
    """One source of data that a decision used."""

    name: str
    revision: str
    """What tells this state of it from another."""
    dated: datetime
    """When it was built; for a source without a date of its own, when it was read."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A decision, and what it was made from."""

    id: str
    decision: Decision
    request: AccessRequest
    located: "Located"
    sources: tuple[SourceState, ...]
    facts: tuple[AccountFacts, ResourceFacts]


@dataclass(frozen=True, slots=True, eq=False)
class Screened(Generic[F]):
    """A screening, and the facts that it was made from."""

    screening: Screening
    facts: F
    is_stale: bool = False
    """The facts are unknown because the data could not be confirmed in time."""
    face: int = -1
    """Screenings of one program and kind with the same number decide alike; -1 is like none, itself included."""


class Place(Protocol):
    """What is known of an address, the address itself apart."""

    @property
    def status(self) -> str: ...
    @property
    def reserved(self) -> str | None: ...
    @property
    def location(self) -> Location: ...


class Located(Place, Protocol):
    """What is known of one address."""

    @property
    def text(self) -> str | None: ...
    @property
    def address(self) -> Address | None: ...


class Locations(Protocol):
    """Supplies the location of an address. Never raises."""

    def locate(self, text: str | None) -> Located: ...


class Screenings(Protocol):
    """Supplies what is settled about an account and a resource until the facts, the rules or the dates change."""

    def at_hand(self, request: AccessRequest) -> "tuple[Screened[AccountFacts], Screened[ResourceFacts]] | None":
        """Those of the account and of the resource, if both are memorised and right at the request's time."""

    async def screened(self, request: AccessRequest) -> "tuple[Screened[AccountFacts], Screened[ResourceFacts]]":
        """The same, made now where they are missing."""


class Snapshot(Protocol):
    """A program with everything that was derived under it."""

    @property
    def program(self) -> Program: ...
    @property
    def ruleset(self) -> RuleSet: ...
    @property
    def screenings(self) -> Screenings: ...
    @property
    def sources(self) -> tuple[SourceState, ...]: ...


class Programs(Protocol):
    """Supplies the program in force."""

    @property
    def current(self) -> Snapshot: ...


Settled: TypeAlias = tuple[Screened[AccountFacts], Screened[ResourceFacts], str, Address | None, Place, Decision]
"""A question (account, resource, action, address and its place), and what it is answered with until facts, rules or
dates change.

The decision is right but for `facts`: of those, the screening of the account tells the revision.
"""
# A plain tuple: a named one is made by copying one.


class Columns(NamedTuple):
    """What some questions settle, by what it is and not by whom it is for: see `Settled`. Of one length.

    Nothing is made for any of them: what each refers to is there in any case, and shared.
    """

    accounts: list[Screened[AccountFacts]]
    resources: list[Screened[ResourceFacts]]
    actions: list[str]
    addresses: list[Address | None]
    places: list[Place]
    decisions: list[Decision]

    @classmethod
    def none(cls) -> "Columns":
        """Of no questions yet."""
        return cls([], [], [], [], [], [])

    def add(self, more: "Columns") -> None:
        """HOT PATH: what others settle."""
        self.accounts.extend(more.accounts)
        self.resources.extend(more.resources)
        self.actions.extend(more.actions)
        self.addresses.extend(more.addresses)
        self.places.extend(more.places)
        self.decisions.extend(more.decisions)

    def add_one(self, settled: Settled) -> None:
        """HOT PATH: what one more settles."""
        account, resource, action, address, place, decision = settled
        self.accounts.append(account)
        self.resources.append(resource)
        self.actions.append(action)
        self.addresses.append(address)
        self.places.append(place)
        self.decisions.append(decision)

    def part(self, some: slice) -> "Columns":
        """What some of them settle."""
        return Columns._make([column[some] for column in self])


ACTION_LENGTH = 64
"""Characters of an action that a hit may have: hits are taken to be small."""


class KeptHits(NamedTuple):
    """Decisions that were made before for the like, and given again at one moment, to questions that are kept."""

    at: datetime
    """Aware, UTC: the moment that is decided for, and that it was asked at."""
    sources: tuple[SourceState, ...]
    ids: Sequence[str]
    settled: Sequence[Settled]
    """Of each id."""
    numbers: Sequence[int]
    """Of each question, the number that it has whenever it is asked again, and no other question of this process ever
    has."""


class NewHits(NamedTuple):
    """The same, to questions that are not kept, and as good as new."""

    at: datetime
    sources: tuple[SourceState, ...]
    ids: Sequence[str]
    settled: Columns
    """Of all ids."""


Hits: TypeAlias = KeptHits | NewHits


class Recorder(Protocol):
    """Is told of every decision. Never raises, never blocks."""

    def decided(self, answer: Answer) -> Awaitable[None] | None:
        """What must have ended before the answer is given; None if nothing must."""

    def repeated(self, hits: Hits) -> None:
        """HOT PATH: the same of decisions given again, where no answer waits for its record."""


@dataclass(frozen=True, slots=True)
class Then:
    """What decided at an earlier time."""

    ruleset: RuleSet
    account: AccountFacts
    resource: ResourceFacts
    sources: tuple[SourceState, ...]


class History(Protocol):
    """Supplies what was known before now."""

    async def reach(self, token: str) -> None:
        """Wait until decisions are made from data that has seen a write.

        Raises:
            ServiceError: they are not, or there is no such write.
        """

    async def then(self, request: AccessRequest) -> Then:
        """The rules and facts of `request.known_at`.

        Raises:
            ServiceError: none are recorded of then.
        """


@dataclass(frozen=True, slots=True)
class Decider:
    """Joins the program, the screenings and the location of each request."""

    programs: Programs
    locations: Locations
    recorder: Recorder
    new_id: Callable[[], str]
    history: History
    explaining: Executor | None = None
    """Threads for explanations, which take long and must keep nobody else waiting."""

    async def decide(self, request: AccessRequest) -> Answer:
        """Decide by the program that is in force when the request arrives."""
        if request.at_least is not None:
            await self.history.reach(request.at_least)
        return await self._recorded(request, self.programs.current)

    async def explain(self, request: AccessRequest) -> tuple[Answer, Explanation]:
        """Decide, and say why by the reference meaning of the same rule set and facts."""
        if request.at_least is not None:
            await self.history.reach(request.at_least)
        if request.known_at is not None:
            return await self._explain_then(request)
        snapshot = self.programs.current
        answer = await self._recorded(request, snapshot)
        moment = _moment(request, answer.located)
        explanation = await self._explained(snapshot.ruleset, *answer.facts, moment)
        return answer, replace(explanation, decision=answer.decision)

    async def _recorded(self, request: AccessRequest, snapshot: Snapshot) -> Answer:
        answer = await self._decide(request, snapshot)
        recorded = self.recorder.decided(answer)
        if recorded is not None:
            await recorded
        return answer

    async def _decide(self, request: AccessRequest, snapshot: Snapshot) -> Answer:
        screenings = snapshot.screenings  # read once: a publication mid-request changes nothing
        account, resource = screenings.at_hand(request) or await screenings.screened(request)
        located = self.locations.locate(request.address)
        decision = evaluate(snapshot.program, account.screening, resource.screening, _moment(request, located))
        if account.is_stale:
            decision = _told_stale(decision)
        return Answer(self.new_id(), decision, request, located, snapshot.sources, (account.facts, resource.facts))

    async def _explain_then(self, request: AccessRequest) -> tuple[Answer, Explanation]:
        """What would have been answered, from what was known then. It decides nothing, and is not recorded."""
        then = await self.history.then(request)
        located = self.locations.locate(request.address)
        moment = _moment(request, located)
        explanation = await self._explained(then.ruleset, then.account, then.resource, moment)
        facts = (then.account, then.resource)
        return Answer(self.new_id(), explanation.decision, request, located, then.sources, facts), explanation

    async def _explained(
        self, ruleset: RuleSet, account: AccountFacts, resource: ResourceFacts, moment: Request
    ) -> Explanation:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.explaining, explain, ruleset, account, resource, moment)


def _told_stale(decision: Decision) -> Decision:
    return replace(decision, unknown=tuple(sorted(STALE.get(code, code) for code in decision.unknown)))


def _moment(request: AccessRequest, located: Located) -> Request:
    return Request(request.at, located.location, located.address, request.action, request.activity)
