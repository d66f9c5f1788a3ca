"""Decisions for a decision log to record: answers, and hits, by some accounts that ask far more often than others."""

import random
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice

from loadtests.decisions import AT, graph, rule_set
from rules.compile import compile_ruleset
from rules.evaluate import evaluate, screen, screen_resource
from rules.facts import (
    IPV4_MAPPED,
    Account,
    AccountFacts,
    AccountId,
    Address,
    Claim,
    EntityId,
    Interest,
    Location,
    Request,
    Resource,
    ResourceFacts,
    ResourceId,
)
from rules.geography import Jurisdiction
from service.decide import (
    AccessRequest,
    Answer,
    Columns,
    Hits,
    InlineFacts,
    KeptHits,
    Located,
    NewHits,
    Screened,
    Settled,
    SourceState,
    Then,
)
from service.errors import BadRequest

ACCOUNTS = 1_000
TURN_HITS = 16
"""Hits that arrive in one turn of the event loop."""
RULES = 100
ADDRESSES = 20_000
MICRO = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Found:
    """A located address."""

    address: Address
    location: Location
    status: str = "located"
    reserved: str | None = None
    text: str | None = None


class World:
    """Everything that a decision is made from, at hand: what is left is what deciding itself costs."""

    def __init__(self) -> None:
        ownership = graph([(f"n{number + 1}", f"n{number}", 600_000) for number in range(ACCOUNTS + 3)], "n9")
        self.program = compile_ruleset(rule_set(RULES))
        self.ruleset = self.program.ruleset
        self.sources = (SourceState("directory", "0" * 12, AT), SourceState("dbip-country-lite", "2026-11", AT))
        location = Location((Claim("dbip-country-lite", Jurisdiction("DE")),), tells=frozenset({"vpn"}))
        self.located = Found(Address(IPV4_MAPPED | 0xCB007109), location)
        resource = ResourceFacts(Resource(ResourceId("model")), ownership)
        self.resource = Screened(screen_resource(self.program, resource, AT), resource)
        small = [replace(ownership, owners=_above(ownership.owners, number), entities={}) for number in range(ACCOUNTS)]
        self.accounts: dict[str, Screened[AccountFacts]] = {}
        for number, own in enumerate(small):
            facts = AccountFacts(Account(AccountId(f"acct-{number}"), entity=EntityId(f"n{number}")), own)
            self.accounts[facts.account.id] = Screened(screen(self.program, facts, AT), facts)

    @property
    def current(self) -> "World":
        return self

    @property
    def screenings(self) -> "World":
        return self

    def at_hand(self, request: AccessRequest) -> tuple[Screened[AccountFacts], Screened[ResourceFacts]]:
        return self.accounts[request.account], self.resource

    async def screened(self, request: AccessRequest) -> tuple[Screened[AccountFacts], Screened[ResourceFacts]]:
        return self.at_hand(request)

    def locate(self, text: str | None) -> Located:
        return self.located

    async def reach(self, token: str) -> None:
        """Nothing is waited for."""

    async def then(self, request: AccessRequest) -> Then:
        raise BadRequest("nothing is known here but the present")

    def request(self, number: int, inline: InlineFacts | None = None) -> AccessRequest:
        at = AT + number * MICRO
        account = AccountId(f"acct-{number % ACCOUNTS}")
        return AccessRequest(account, ResourceId("model"), at, "203.0.113.9", inline=inline, asked_at=at)

    def answer(self, number: int) -> Answer:
        request = self.request(number)
        account, resource = self.at_hand(request)
        located = self.locate(request.address)
        asked = Request(request.at, located.location, located.address)
        decision = evaluate(self.program, account.screening, resource.screening, asked)
        return Answer(f"{number:032x}", decision, request, located, self.sources, (account.facts, resource.facts))

    def hits(self, count: int, rate: int, *, are_new: bool = False) -> Iterator[Hits]:
        """Decisions given again from now on, by turns, as many a second: some ask far more often.

        `are_new`: each from an address that was never seen.
        """
        begun = datetime.now(UTC)
        asked = self.questions()
        those = [] if are_new else list(enumerate(islice(asked, ADDRESSES), 1))
        draw = random.Random(2)
        for number in range(0, count, TURN_HITS):
            turn = [
                (0, next(asked)) if are_new else those[int(draw.paretovariate(0.4)) % ADDRESSES]
                for _ in range(TURN_HITS)
            ]
            numbers, settled = [number for number, _ in turn], [settled for _, settled in turn]
            ids = [secrets.token_hex(16) for _ in settled]
            at = begun + timedelta(seconds=number / rate)
            if are_new:
                yield NewHits(at, self.sources, ids, Columns._make(map(list, zip(*settled, strict=True))))
            else:
                yield KeptHits(at, self.sources, ids, settled, numbers)

    def questions(self) -> Iterator[Settled]:
        """Questions, each from an address of its own."""
        draw = random.Random(1)
        accounts = list(self.accounts.values())
        decisions = [replace(self.answer(0).decision, unknown=(f"fact.{number}",)) for number in range(8)]
        while True:
            account = accounts[int(draw.paretovariate(0.6)) % ACCOUNTS]
            address = Address(IPV4_MAPPED | draw.getrandbits(32))
            yield account, self.resource, "use", address, self.located, draw.choice(decisions)


def _above(owners: Mapping[EntityId, tuple[Interest, ...]], number: int) -> dict[EntityId, tuple[Interest, ...]]:
    """The three interests above one entity."""
    return {id: owners[id] for place in range(3) if (id := EntityId(f"n{number + place}")) in owners}
