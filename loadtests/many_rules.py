"""What each stage of a decision costs in process, by the number of rules: compile, screen, locate, decide.

Seconds are those of this process's CPU, with the collector of garbage off meanwhile, and the rules the same on every
run. Prints figures, asserts nothing: machines are noisy. `python -m loadtests.many_rules --rules 10 10000`.
"""

import argparse
import gc
import itertools
import random
import statistics
import time
import tracemalloc
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from rules.compile import Program, compile_ruleset
from rules.evaluate import evaluate, screen, screen_resource
from rules.facts import (
    Account,
    AccountFacts,
    AccountId,
    Basis,
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
from rules.geography import PREDEFINED_GROUPS, Jurisdiction, Region
from rules.iso3166 import COUNTRIES, SUBDIVISIONS
from rules.language import (
    AccountTagged,
    AllOf,
    AnyOf,
    Condition,
    DeclaredIn,
    Effect,
    EntityMatches,
    HoldingTest,
    ListedOn,
    LocatedIn,
    NetworkIs,
    NotOf,
    OwnedBy,
    Period,
    Posture,
    ResourceTagged,
    Rule,
    RuleSet,
    SeatIn,
)
from rules.profiles import Screening
from rules.shares import Bounds, Share, Threshold

AT = datetime(2026, 11, 22, tzinfo=UTC)
CODES = tuple(map(Jurisdiction, sorted(COUNTRIES)))
PROVINCES = tuple(
    Jurisdiction(f"{country}-{each}") for country in ("US", "CA", "UA", "CN") for each in SUBDIVISIONS[country]
)
TAGS = tuple(f"tag-{number}" for number in range(300))
LISTS = tuple(f"list-{number}" for number in range(60))
DATES = tuple(AT + timedelta(days=30 * month) for month in range(-30, 6))
BASES: tuple[Basis, ...] = ("headquarters", "incorporation")
TESTS = tuple(
    HoldingTest(Threshold(Share(share), strict=strict))
    for share, strict in ((500_000, False), (250_000, False), (500_000, True))
)
KINDS = ("vpn", "tor", "hosting")

T = TypeVar("T")


def region(random: random.Random) -> Region:
    """A group, a few provinces, or a few countries."""
    if random.random() < 0.15:
        return Region(PREDEFINED_GROUPS[random.choice(sorted(PREDEFINED_GROUPS))])
    if random.random() < 0.1:
        return Region(frozenset(random.sample(PROVINCES, 2)))
    return Region(frozenset(random.sample(CODES, random.randint(1, 5))))


def tags(random: random.Random, count: int) -> frozenset[str]:
    return frozenset(random.sample(TAGS, count))


def owned(random: random.Random) -> OwnedBy:
    """By the listed, or by those seated somewhere."""
    by = ListedOn(frozenset({random.choice(LISTS)})) if random.random() < 0.5 else SeatIn(region(random), BASES)
    return OwnedBy(by, random.choice(TESTS))


def condition(random: random.Random, kind: int) -> Condition:
    """What rules of these kinds ask in the field: exports, sanctions, connections, licences."""
    place = region(random)
    asked = ResourceTagged(tags(random, 1))
    if kind < 4:
        there = (LocatedIn(place), DeclaredIn(place, None, "any"), EntityMatches(SeatIn(place, BASES)))
        return AllOf((asked, AnyOf(there)))
    if kind < 6:
        return AllOf((owned(random), NotOf(AccountTagged(tags(random, 1)))))
    if kind < 8:
        return AllOf((LocatedIn(place), NetworkIs(frozenset(random.sample(KINDS, 2))), asked))
    if kind < 9:
        return AnyOf((AllOf((LocatedIn(place), asked)), AllOf((owned(random), asked))))
    return AllOf((AccountTagged(tags(random, 2)), asked, NotOf(LocatedIn(place))))


def rule_set(count: int) -> RuleSet:
    """So many rules about regions, tags, owners and connections, half of them dated."""
    chance = random.Random(count)
    effects: tuple[Effect, ...] = ("deny", "deny", "deny", "challenge", "allow")
    postures: tuple[Posture, ...] = ("challenge", "skip", "skip", "apply")
    rules = []
    for number in range(count):
        effect = chance.choice(effects)
        start = chance.choice(DATES) if chance.random() < 0.5 else None
        until = AT + timedelta(days=30 * chance.randint(1, 12)) if chance.random() < 0.1 else None
        rules.append(
            Rule(
                id=f"r{number}",
                effect=effect,
                when=condition(chance, number % 10),
                if_unknown="skip" if effect == "allow" else chance.choice(postures),
                reason="bench",
                effective=Period(start, until),
            )
        )
    return RuleSet("bench", "0" * 12, "allow", tuple(rules))


@dataclass(frozen=True, slots=True)
class World:
    accounts: list[AccountFacts]
    resources: list[ResourceFacts]
    locations: list[Location]


def world(count: int) -> World:
    """Accounts with an entity and its owners, resources, and locations."""
    chance = random.Random(7)
    kinds = (frozenset[str](), frozenset({"vpn"}), frozenset({"hosting"}), frozenset({"vpn", "tor"}))
    return World(
        accounts=[account(chance, number) for number in range(count)],
        resources=[
            ResourceFacts(Resource(ResourceId(f"m{number}"), tags(chance, 3)), OwnershipGraph(revision="f"))
            for number in range(200)
        ],
        locations=[
            Location((Claim("geo", code),), kind, frozenset(KINDS), frozenset({system}))
            for code, kind, system in itertools.product((*CODES, *PROVINCES), kinds, range(2))
        ],
    )


def account(chance: random.Random, number: int) -> AccountFacts:
    """One in ten is not registered; the others have an entity with up to three owners, one of them owned in turn."""
    if number % 10 == 9:
        return AccountFacts(Account(AccountId(f"a{number}"), registered=False), OwnershipGraph(revision="f"))
    names = [EntityId(f"e{number}.{owner}") for owner in range(1 + chance.randint(0, 3))]
    entities = [entity(chance, name) for name in names]
    shares = [Share(share) for share in (600_000, 300_000, 100_000)]
    interests = [
        Interest(owner, names[0], Bounds(share, share)) for owner, share in zip(names[1:], shares, strict=False)
    ]
    declared = {signal: chance.choice(CODES) for signal in ("billing", "kyc")[: chance.randint(0, 2)]}
    return AccountFacts(
        Account(AccountId(f"a{number}"), True, names[0], tags(chance, 2), declared),
        OwnershipGraph.of(entities, interests, "f"),
    )


def entity(chance: random.Random, id: EntityId) -> Entity:
    seat = frozenset({chance.choice(CODES)})
    bases = BASES if chance.random() < 0.8 else BASES[:1]
    listed = frozenset({chance.choice(LISTS)} if chance.random() < 0.05 else ())
    return Entity(id, kind="company", seats=dict.fromkeys(bases, seat), listed=listed)


@contextmanager
def uncollected() -> Iterator[None]:
    """No garbage is collected meanwhile, but all of it before."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def seconds(work: Callable[[T], object], of: Iterable[T]) -> list[float]:
    """CPU seconds of each call."""
    found = []
    for each in of:
        begun = time.process_time_ns()
        work(each)
        found.append((time.process_time_ns() - begun) / 1e9)
    return found


@dataclass(frozen=True, slots=True)
class Figures:
    """Microseconds, unless it says otherwise."""

    compile_ms: float
    screen: float
    """An account that was not seen before; the mean, after some."""
    screen_worst: float
    resource: float
    location: float
    location_worst: float
    warm: float
    first: float
    """A combination that was not seen before, of screenings and locations that were."""
    first_worst: float
    screening_bytes: float
    program_mib: float


def measure(count: int, facts: World) -> Figures:
    """Every stage once, for this many rules."""
    ruleset = rule_set(count)
    with uncollected():
        compile_ms = min(seconds(compile_ruleset, [ruleset] * 2)) * 1e3
    program = compile_ruleset(ruleset)
    with uncollected():
        screened = seconds(lambda account: screen(program, account, AT), facts.accounts)
        resources = seconds(lambda resource: screen_resource(program, resource, AT), facts.resources)
    resource = screen_resource(program, facts.resources[0], AT)
    account = screen(program, facts.accounts[0], AT)
    with uncollected():
        located = seconds(lambda place: evaluate(program, account, resource, Request(AT, place)), facts.locations)
    warm = warm_evaluate(program, account, resource, Request(AT, facts.locations[0]))
    first = first_combinations(program, facts)
    screening_bytes, program_mib = memory(ruleset, facts)
    return Figures(
        compile_ms,
        statistics.mean(screened) * 1e6,
        max(screened) * 1e6,
        statistics.mean(resources) * 1e6,
        statistics.mean(located) * 1e6,
        max(located) * 1e6,
        warm,
        statistics.mean(first) * 1e6,
        max(first) * 1e6,
        screening_bytes,
        program_mib,
    )


def warm_evaluate(program: Program, account: Screening, resource: Screening, request: Request) -> float:
    """Microseconds of a decision that was made before; the best of some rounds."""
    rounds = []
    with uncollected():
        for _ in range(5):
            begun = time.process_time_ns()
            for _ in range(2_000):
                evaluate(program, account, resource, request)
            rounds.append((time.process_time_ns() - begun) / 2_000 / 1e3)
    return min(rounds)


def first_combinations(program: Program, facts: World) -> list[float]:
    """Seconds of each decision about an account, a resource and a location that did not meet before."""
    chance = random.Random(3)
    accounts = [screen(program, each, AT) for each in facts.accounts[:100]]
    resources = [screen_resource(program, each, AT) for each in facts.resources[:50]]
    locations = facts.locations[:200]
    for location in locations:
        evaluate(program, accounts[0], resources[0], Request(AT, location))
    met = [
        (chance.choice(accounts), chance.choice(resources), Request(AT, chance.choice(locations))) for _ in range(2_000)
    ]
    with uncollected():
        return seconds(lambda each: evaluate(program, *each), met)


def memory(ruleset: RuleSet, facts: World) -> tuple[float, float]:
    """Bytes of a screening, with what it brings into the program; mebibytes of the program without any."""
    gc.collect()
    tracemalloc.start()
    program = compile_ruleset(ruleset)
    gc.collect()
    empty, _ = tracemalloc.get_traced_memory()
    kept = [screen(program, account, AT) for account in facts.accounts]
    gc.collect()
    full, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return (full - empty) / len(kept), empty / 2**20


HEADINGS = {
    "compile_ms": "compile, ms",
    "screen": "screen, µs",
    "screen_worst": "… worst",
    "resource": "resource, µs",
    "location": "location, µs",
    "location_worst": "… worst",
    "warm": "warm, µs",
    "first": "first, µs",
    "first_worst": "… worst",
    "screening_bytes": "screening, B",
    "program_mib": "program, MiB",
}


def report(measured: Sequence[tuple[int, Figures]]) -> None:
    """Print one line for each number of rules."""
    print(f"{'rules':>7}" + "".join(f"{heading:>14}" for heading in HEADINGS.values()))
    for count, figures in measured:
        print(f"{count:>7}" + "".join(f"{getattr(figures, name):>14,.1f}" for name in HEADINGS))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rules", type=int, nargs="*", default=[10, 100, 1_000, 10_000])
    parser.add_argument("--accounts", type=int, default=500)
    options = parser.parse_args()
    facts = world(options.accounts)
    report([(count, measure(count, facts)) for count in options.rules])


if __name__ == "__main__":
    main()
