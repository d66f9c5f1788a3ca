"""What the decision log costs: on the hot path, in the writer, on the disk, to whoever waits, and to search.

Prints figures and ratios, asserts nothing: machines are noisy. `python -m loadtests.decision_log [DIRECTORY]`.
"""

import asyncio
import gc
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from loadtests.decisions import AT, best, graph, rule_set
from rules.compile import Program, compile_ruleset
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
from rules.profiles import Screening
from service.decide import AccessRequest, Answer, Decider, InlineFacts, Located, Screened, SourceState, Then
from service.decision_log.keeping import delete_account, tend
from service.decision_log.recorder import DecisionLog
from service.decision_log.records import Records
from service.decision_log.search import DecisionSearch, Filter
from service.decision_log.segments import segment_files
from service.decision_log.writer import Options
from service.errors import BadRequest

ACCOUNTS = 1_000
RULES = 100
RECORDS = 200_000
AT_ONCE = (1, 8, 64)
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
        self.location = Location((Claim("dbip-country-lite", Jurisdiction("DE")),), tells=frozenset({"vpn"}))
        resource = ResourceFacts(Resource(ResourceId("model")), ownership)
        self.resource = Screened(screen_resource(self.program, resource, AT), resource)
        small = [replace(ownership, owners=_above(ownership.owners, number), entities={}) for number in range(ACCOUNTS)]
        self.accounts: dict[str, Screened[AccountFacts]] = {}
        for number, own in enumerate(small):
            facts = AccountFacts(Account(AccountId(f"acct-{number}"), entity=EntityId(f"n{number}")), own)
            self.accounts[facts.account.id] = Screened(_screened(self.program, facts), facts)

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
        return Found(Address(IPV4_MAPPED | 0xCB007109), self.location)

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


def _above(owners: Mapping[EntityId, tuple[Interest, ...]], number: int) -> dict[EntityId, tuple[Interest, ...]]:
    """The three interests above one entity."""
    return {id: owners[id] for place in range(3) if (id := EntityId(f"n{number + place}")) in owners}


def _screened(program: Program, facts: AccountFacts) -> Screening:
    return screen(program, facts, AT)


class Silent:
    """Records nothing."""

    def decided(self, answer: Answer) -> None:
        """Do nothing."""


def measure_hot_path(world: World) -> None:
    answers = [world.answer(number) for number in range(10_000)]
    log = DecisionLog(Options(Path("unused"), "w", queue_records=10**9, queue_bytes=10**15), lambda: AT)
    decided = best(lambda: [log.decided(answer) for answer in answers]) / len(answers)
    nothing = best(lambda: [None for _ in answers]) / len(answers)
    decider = Decider(world, world, Silent(), lambda: "0" * 32, world)
    requests = [world.request(number) for number in range(2_000)]

    async def decide() -> None:
        for request in requests:
            await decider.decide(request)

    decision = best(lambda: asyncio.run(decide())) / len(requests)
    cost = decided - nothing
    print(f"hot path: {cost * 1e6:.2f} µs, {cost / decision:.1%} of a decision in process ({decision * 1e6:.2f} µs)")


def measure_writer(world: World) -> None:
    answers = [world.answer(number) for number in range(10_000)]
    records = Records("w", "masked")
    first = best(lambda: [Records("w", "masked").lines(answer) for answer in answers[:500]], repeats=3) / 500
    again = best(lambda: [records.lines(answer) for answer in answers]) / len(answers)
    print(f"writer:   {again * 1e6:.2f} µs a record, {first * 1e6:.1f} µs with facts seen for the first time")


def measure_recording(world: World, directory: Path) -> None:
    """Offer decisions as fast as the queue takes them, and see what the writer keeps up with."""
    answers = [world.answer(number) for number in range(RECORDS)]
    options = Options(directory, "w", queue_records=16_384, segment_age=timedelta(days=1))
    log = DecisionLog(options, lambda: AT)
    gc.collect()
    log.start()
    begun, cpu = time.perf_counter(), time.process_time()
    for number, answer in enumerate(answers):
        while number % 1_000 == 0 and log.state.waiting > 10_000:
            time.sleep(0.001)
        log.decided(answer)
    log.close()
    wall, cpu = time.perf_counter() - begun, time.process_time() - cpu
    tend(directory, AT, None)
    compressed = sum(file.path.stat().st_size for file in segment_files(directory))
    raw = log.state.written_bytes
    print(f"recorded: {RECORDS / wall:,.0f} a second ({cpu / RECORDS * 1e6:.1f} µs of CPU each), {log.state.dropped}")
    print(f"disk:     {raw / RECORDS:.0f} bytes a record, {compressed / RECORDS:.0f} compressed")


def measure_required(world: World, directory: Path) -> None:
    for count in AT_ONCE:
        seconds, rate = asyncio.run(_waited(world, directory, count))
        spread = f"median {statistics.median(seconds) * 1e3:.2f} ms, 99th percentile {_high(seconds) * 1e3:.2f} ms"
        print(f"required: {count:>3} at once: {spread}, {rate:,.0f} a second")


async def _waited(world: World, directory: Path, count: int) -> tuple[list[float], float]:
    log = DecisionLog(Options(directory, "w", required=True), lambda: AT)
    log.start()
    seconds: list[float] = []

    async def ask(first: int) -> None:
        for number in range(first, 2_000, count):
            begun = time.perf_counter()
            waiting = log.decided(world.answer(number))
            if waiting is not None:
                await waiting
            seconds.append(time.perf_counter() - begun)

    begun = time.perf_counter()
    await asyncio.gather(*(ask(first) for first in range(count)))
    wall = time.perf_counter() - begun
    log.close()
    return seconds, len(seconds) / wall


def measure_search(directory: Path) -> None:
    search = DecisionSearch(directory)
    search.search(Filter(id="none"), 1)
    last = f"{RECORDS - 1:032x}"
    timed("find one by its id", lambda: search.find(last))
    timed("50 of one account", lambda: search.search(Filter(account="acct-7"), 50))
    timed("50 of a tenth of the time", lambda: search.search(Filter(since=AT + RECORDS * 0.9 * MICRO), 50))
    timed("export one account", lambda: list(search.export(Filter(account="acct-7"))))
    timed("delete one account", lambda: delete_account(directory, "acct-7"))


def timed(name: str, work: object) -> None:
    assert callable(work)
    begun = time.perf_counter()
    work()
    print(f"search:   {name:<28} {time.perf_counter() - begun:6.2f} s of {RECORDS:,} records")


def _high(seconds: Sequence[float]) -> float:
    return sorted(seconds)[int(len(seconds) * 0.99)]


def main() -> None:
    world = World()
    measure_hot_path(world)
    measure_writer(world)
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as directory:
        measure_recording(world, Path(directory) / "many")
        measure_required(world, Path(directory) / "required")
        measure_search(Path(directory) / "many")


if __name__ == "__main__":
    main()
