"""HOT PATH: one request in, one decision out. Imports no other service module; what it needs stands here as protocols.

Total: an unknown address, account or resource is a value that the rule set decides on. Nothing is awaited when the
screenings are at hand.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

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


class Located(Protocol):
    """What is known of one address."""

    @property
    def text(self) -> str | None: ...
    @property
    def status(self) -> str: ...
    @property
    def reserved(self) -> str | None: ...
    @property
    def address(self) -> Address | None: ...
    @property
    def location(self) -> Location: ...


class Locations(Protocol):
    """Supplies the location of an address. Never raises."""

    def locate(self, text: str | None) -> Located: ...


class Screenings(Protocol):
    """Supplies what is settled about an account and a resource until the facts, the rules or the dates change."""

    def at_hand(self, request: AccessRequest) -> tuple[Screening, Screening] | None:
        """Those of the account and of the resource, if both are memorised and right at the request's time."""

    async def screened(self, request: AccessRequest) -> tuple[Screening, Screening]:
        """The same, made now where they are missing."""

    def facts(self, request: AccessRequest) -> tuple[AccountFacts, ResourceFacts]:
        """What the screenings are made from."""


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


class Recorder(Protocol):
    """Is told of every decision. Never raises, never waits."""

    def decided(self, answer: Answer) -> None: ...


@dataclass(frozen=True, slots=True)
class Decider:
    """Joins the program, the screenings and the location of each request."""

    programs: Programs
    locations: Locations
    recorder: Recorder
    new_id: Callable[[], str]

    async def decide(self, request: AccessRequest) -> Answer:
        """Decide by the program that is in force when the request arrives."""
        return await self._decide(request, self.programs.current)

    async def explain(self, request: AccessRequest) -> tuple[Answer, Explanation]:
        """Decide, and say why by the reference meaning of the same rule set and facts."""
        snapshot = self.programs.current
        answer = await self._decide(request, snapshot)
        account, resource = snapshot.screenings.facts(request)
        moment = _moment(request, answer.located)
        return answer, await asyncio.to_thread(explain, snapshot.ruleset, account, resource, moment)

    async def _decide(self, request: AccessRequest, snapshot: Snapshot) -> Answer:
        screenings = snapshot.screenings  # read once: a publication mid-request changes nothing
        account, resource = screenings.at_hand(request) or await screenings.screened(request)
        located = self.locations.locate(request.address)
        decision = evaluate(snapshot.program, account, resource, _moment(request, located))
        answer = Answer(self.new_id(), decision, request, located, snapshot.sources)
        self.recorder.decided(answer)
        return answer


def _moment(request: AccessRequest, located: Located) -> Request:
    return Request(request.at, located.location, located.address, request.action, request.activity)
