"""Answers to record: decisions really made, of a small world, and segments that hold them."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from rules.compile import compile_ruleset
from rules.evaluate import evaluate, screen, screen_resource
from rules.facts import (
    IPV4_MAPPED,
    Account,
    AccountFacts,
    AccountId,
    Address,
    Claim,
    Entity,
    EntityId,
    Interest,
    Location,
    OwnershipGraph,
    Request,
    Resource,
    ResourceFacts,
    ResourceId,
)
from rules.geography import Jurisdiction
from rules.language import RuleSet
from rules.parse import parse_ruleset
from rules.shares import parse_bounds
from service.decide import AccessRequest, Answer, SourceState
from service.decision_log.recorder import DecisionLog
from service.decision_log.segments import segment_files, whole_lines
from service.decision_log.writer import Options

START = datetime(2026, 11, 22, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
SOURCES = (SourceState("directory", "abc123", START), SourceState("dbip-country-lite", "2026-11", START))


@dataclass(frozen=True, slots=True)
class Located:
    """An address, and what is known of it."""

    address: Address | None
    location: Location
    status: str = "located"
    reserved: str | None = None
    text: str | None = None


def rule_set(**changes: Any) -> RuleSet:
    """Denies those owned from afar, and those who ask from there."""
    document: dict[str, object] = {
        "language": 1,
        "ruleset": "small-world",
        "default": "allow",
        "if_unknown": "challenge",
        "rules": [
            {
                "id": "owned-from-afar",
                "effect": "deny",
                "when": {"owned": {"by": {"seat_in": ["CN"]}, "share": ">= 50%"}},
                "reason": "owner.afar",
                "message": "The organisation is owned from afar.",
                "source": "A law",
            },
            {
                "id": "located-afar",
                "effect": "deny",
                "when": {"location": {"in": ["CN"]}},
                "reason": "location.afar",
                "if_unknown": "skip",
            },
        ],
    }
    return parse_ruleset(document | changes, {})


RULES = rule_set()
LOCATIONS: Mapping[str, Location] = {
    code: Location((Claim("dbip-country-lite", Jurisdiction(code)),), tells=frozenset({"hosting"}))
    for code in ("DE", "CN")
}


def world(share: str = "50%", revision: str = "state-1") -> OwnershipGraph:
    """`far` in China has a share of `half`; `near` belongs to nobody known."""
    return OwnershipGraph.of(
        [
            Entity(EntityId("far"), "Far Ltd", seats={"headquarters": frozenset({Jurisdiction("CN")})}),
            Entity(EntityId("half"), "Half SA", seats={"headquarters": frozenset({Jurisdiction("FR")})}),
            Entity(EntityId("near"), "Near AG", seats={"headquarters": frozenset({Jurisdiction("DE")})}),
        ],
        [Interest(EntityId("far"), EntityId("half"), parse_bounds(share), source="register")],
        revision,
    )


GRAPH = world()


def facts(account: str = "acct-half", graph: OwnershipGraph = GRAPH) -> tuple[AccountFacts, ResourceFacts]:
    """What is known of an account, named for its entity, and of the tool."""
    entity = account.removeprefix("acct-")
    known = Account(AccountId(account), entity=EntityId(entity) if EntityId(entity) in graph.entities else None)
    return AccountFacts(known, graph), ResourceFacts(Resource(ResourceId("tool"), frozenset({"high-risk"})), graph)


def answered(
    id: str, request: AccessRequest, located: Located, known: tuple[AccountFacts, ResourceFacts], rules: RuleSet = RULES
) -> Answer:
    """The answer to a request."""
    program = compile_ruleset(rules)
    asked = Request(request.at, located.location, located.address, request.action, request.activity)
    screenings = screen(program, known[0], request.at), screen_resource(program, known[1], request.at)
    return Answer(id, evaluate(program, *screenings, asked), request, located, SOURCES, known)


def answer(number: int = 0, account: str = "acct-half", *, country: str = "DE", **request: Any) -> Answer:
    """The answer to a question of `account`, a second after the one before it."""
    at = START + number * SECOND
    asked = AccessRequest(AccountId(account), ResourceId("tool"), at, "203.0.113.9", asked_at=at)
    located = Located(Address(IPV4_MAPPED | 203 << 24 | 113 << 8 | 9), LOCATIONS[country])
    return answered(f"decision-{number}", replace(asked, **request), located, facts(account))


def answers(count: int) -> list[Answer]:
    """Several answers, to two accounts in turn."""
    return [answer(number, ("acct-half", "acct-near")[number % 2]) for number in range(count)]


@contextmanager
def logging(directory: Path, clock: Callable[[], datetime] = lambda: START, **options: Any) -> Iterator[DecisionLog]:
    """A running log, closed in the end."""
    log = DecisionLog(Options(directory, **{"worker": "w1", **options}), clock)
    log.start()
    try:
        yield log
    finally:
        log.close()


def record(directory: Path, those: Iterable[Answer], **options: Any) -> None:
    """Have answers recorded."""
    with logging(directory, **options) as log:
        for each in those:
            log.decided(each)


async def recorded_durably(log: DecisionLog, those: Iterable[Answer]) -> list[BaseException | None]:
    """Ask for the records of several answers at once, and wait for all; what came of each."""
    waiting = [log.decided(each) for each in those]
    return list(await asyncio.gather(*(each for each in waiting if each is not None), return_exceptions=True))


def lines(directory: Path) -> list[dict[str, Any]]:
    """Every line of every segment, read."""
    return [msgspec.json.decode(line) for file in segment_files(directory) for line in whole_lines(file.path)]


def recorded(directory: Path) -> list[dict[str, Any]]:
    """Every record."""
    return [line for line in lines(directory) if line["type"] == "decision"]


def recorded_ids(directory: Path) -> list[str]:
    return [line["id"] for line in recorded(directory)]
