"""What a decision costs in process: evaluate by number of rules, screen by shape of the ownership graph.

Prints figures and ratios, asserts nothing: machines are noisy. `python -m loadtests.decisions`.
"""

import gc
import time
from collections.abc import Callable
from datetime import UTC, datetime

from rules.compile import compile_ruleset
from rules.evaluate import evaluate, screen, screen_resource
from rules.facts import (
    Account,
    AccountFacts,
    AccountId,
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
from rules.geography import Jurisdiction, Region
from rules.iso3166 import COUNTRIES
from rules.language import (
    AccountTagged,
    AllOf,
    Attribution,
    Condition,
    HoldingTest,
    ListedOn,
    LocatedIn,
    OwnedBy,
    ResourceTagged,
    Rule,
    RuleSet,
)
from rules.shares import Bounds, Share, Threshold

AT = datetime(2026, 11, 22, tzinfo=UTC)
MAJORITY = Threshold(Share(500_000), strict=True)


def rule_set(count: int) -> RuleSet:
    """Rules that no German trial account meets: each names two countries and a tag, every tenth asks for owners."""
    codes = sorted(set(COUNTRIES) - {"DE"})
    rules = []
    for number in range(count):
        region = Region(frozenset(map(Jurisdiction, (codes[number % 240], codes[(number * 7) % 240]))))
        parts: tuple[Condition, ...] = (LocatedIn(region), ResourceTagged(frozenset({f"tag-{number}"})))
        if number % 10 == 0:
            parts = (OwnedBy(ListedOn(frozenset({f"list-{number}"})), HoldingTest(MAJORITY)),)
        elif number % 10 == 1:
            parts = (LocatedIn(region), AccountTagged(frozenset({f"tag-{number}"})))
        rules.append(Rule(f"r{number}", "deny", AllOf(parts), "challenge", "bench"))
    return RuleSet("bench", "0" * 12, "allow", tuple(rules))


def graph(interests: list[tuple[str, str, int]], listed: str) -> OwnershipGraph:
    names = {name for owner, subject, _ in interests for name in (owner, subject)}
    return OwnershipGraph.of(
        [
            Entity(EntityId(name), listed=frozenset({"seed"} if name.startswith(listed) else ()))
            for name in sorted(names)
        ],
        [Interest(EntityId(o), EntityId(s), Bounds(Share(share), Share(share))) for o, s, share in interests],
    )


def chain(length: int) -> OwnershipGraph:
    return graph([(f"n{number + 1}", f"n{number}", 600_000) for number in range(length)], f"n{length}")


def star(points: int) -> OwnershipGraph:
    return graph([(f"owner{number}", "n0", 1_000_000 // points) for number in range(points)], "owner")


def best(work: Callable[[], object], *, repeats: int = 5, loops: int = 1) -> float:
    """Seconds of this process for one call (other load apart): the best of some repeats."""
    found = []
    for _ in range(repeats):
        gc.collect()
        begun = time.process_time()
        for _ in range(loops):
            work()
        found.append((time.process_time() - begun) / loops)
    return min(found)


def measure_evaluate() -> None:
    location = Location((Claim("geo", Jurisdiction("DE")),), tells=frozenset({"vpn"}))
    request = Request(AT, location)
    facts = AccountFacts(Account(AccountId("a"), entity=EntityId("n0")), chain(3))
    resource = ResourceFacts(Resource(ResourceId("model")), facts.graph)
    for count in (10, 100, 1_000, 10_000):
        program = compile_ruleset(rule_set(count))
        account, asked = screen(program, facts, AT), screen_resource(program, resource, AT)
        seconds = best(lambda p=program, a=account, r=asked: evaluate(p, a, r, request), loops=5_000)  # type: ignore[misc]
        print(f"evaluate, {count:>6} rules: {seconds * 1e6:8.2f} µs")


def measure_screen(name: str, world: OwnershipGraph, attribution: Attribution, *, aggregate: bool) -> None:
    condition = OwnedBy(ListedOn(frozenset({"seed"})), HoldingTest(MAJORITY, attribution, aggregate))
    program = compile_ruleset(RuleSet("b", "0" * 12, "allow", (Rule("r", "deny", condition, "challenge", "r"),)))
    facts = AccountFacts(Account(AccountId("a"), entity=EntityId("n0")), world)
    seconds = best(lambda: screen(program, facts, AT), repeats=3)
    print(f"screen, {name:<16} {attribution:<13} {'aggregate' if aggregate else 'single':<9}: {seconds * 1e3:9.2f} ms")


def main() -> None:
    measure_evaluate()
    worlds = {
        "chain of 3": chain(3),
        "chain of 100": chain(100),
        "chain of 10,000": chain(10_000),
        "star of 100,000": star(100_000),
    }
    attributions: tuple[Attribution, ...] = ("cascade", "proportional", "hybrid")
    for name, world in worlds.items():
        for attribution in attributions:
            for aggregate in (True, False):
                measure_screen(name, world, attribution, aggregate=aggregate)


if __name__ == "__main__":
    main()
