"""How long an answer takes by the level that its facts come from: the memo, Redis, or the database.

Asked inside the process, of the screenings of a whole service: what the connection costs comes on top, and is the same
for all. At a low rate one account is asked for at a time, with a pause; at once, so many are asked for in one turn of
the event loop, and each is timed from that turn on.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count

from prometheus_client import CollectorRegistry

from loadtests.scale_figures import Figure
from loadtests.scale_inside import inside, request, screenings
from loadtests.scale_world import account_id
from service.parts import Service

AT_ONCE = 64
PAUSE_SECONDS = 0.002
STRIDE = 7_919
"""Accounts are taken so far apart, that no page of the database serves two."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked."""

    accounts: int
    """How many there are."""
    low: int = 1_000
    """How often one is asked for alone."""
    rounds: int = 30
    """How often `AT_ONCE` are."""

    def names(self, start: int = 0) -> Iterator[str]:
        """Ids of accounts, each once in so many as there are."""
        return (account_id(number * STRIDE % self.accounts) for number in count(start))


async def misses(database: str, redis: str | None, plan: Plan) -> dict[str, Figure]:
    """Latencies by level."""
    name = "sqlite" if database.startswith("sqlite") else "postgresql"
    async with inside(database) as service:
        found = await _level(service, plan, name, plan.names())
        found |= await _hits(service, plan)
    if redis is not None:
        async with _warmed(database, redis, plan) as service:
            before = _hits_in_redis(service)
            found |= await _level(service, plan, "redis", plan.names())
            asked = plan.low + plan.rounds * AT_ONCE
            print(f"of {asked:,} accounts, Redis knew {_hits_in_redis(service) - before:,.0f}")
    return found


@asynccontextmanager
async def _warmed(database: str, redis: str, plan: Plan) -> AsyncIterator[Service]:
    """A service that knows nothing of the accounts that Redis knows: another one has asked for them."""
    names, asked = plan.names(), plan.low + plan.rounds * AT_ONCE
    async with inside(database, redis) as first:
        for _ in range(0, asked, AT_ONCE):
            await asyncio.gather(*(_ask(first, next(names)) for _ in range(AT_ONCE)))
        await asyncio.sleep(0.5)
    async with inside(database, redis) as second:
        await _ask(second, "somebody")
        yield second


async def _level(service: Service, plan: Plan, level: str, names: Iterator[str]) -> dict[str, Figure]:
    began = time.process_time()
    alone = [await _timed(service, next(names), pause=PAUSE_SECONDS) for _ in range(plan.low)]
    between = time.process_time()
    together: list[float] = []
    for _ in range(plan.rounds):
        asked = [next(names) for _ in range(AT_ONCE)]
        together += await _together(service, asked)
    ended = time.process_time()
    cpu = (ended - between) / (plan.rounds * AT_ONCE) * 1e6
    cpu_alone = (between - began) / plan.low * 1e6
    how = f"{plan.low:,} one at a time, {plan.rounds} times {AT_ONCE} at once"
    return {
        f"{level}_alone_us": Figure.of(alone, 1e6, "µs", how),
        f"{level}_at_once_us": Figure.of(together, 1e6, "µs", how),
        f"{level}_cpu_us": Figure(cpu, cpu, cpu_alone, "µs of CPU", "at once; high: one at a time"),
    }


async def _hits(service: Service, plan: Plan) -> dict[str, Figure]:
    """What is at hand, in runs of a thousand, since one is too short to be timed."""
    known = account_id(0)
    await _ask(service, known)
    asked, at_hand = request(known), screenings(service).at_hand
    assert at_hand(asked) is not None
    runs = []
    for _ in range(20):
        began = time.perf_counter()
        for _ in range(1_000):
            at_hand(asked)
        runs.append((time.perf_counter() - began) / 1_000)
    return {"memo_us": Figure.of(runs, 1e6, "µs", "20 runs of 1,000: both screenings at hand")}


async def _timed(service: Service, name: str, pause: float = 0) -> float:
    began = time.perf_counter()
    await _ask(service, name)
    ended = time.perf_counter()
    await asyncio.sleep(pause)
    return ended - began


async def _together(service: Service, names: Sequence[str]) -> list[float]:
    began = time.perf_counter()

    async def one(name: str) -> float:
        await _ask(service, name)
        return time.perf_counter() - began

    return list(await asyncio.gather(*map(one, names)))


async def _ask(service: Service, name: str) -> None:
    await screenings(service).screened(request(name))


def _hits_in_redis(service: Service) -> float:
    registry: CollectorRegistry = service.telemetry.registry
    return registry.get_sample_value("cordon_facts_cache_total", {"result": "hit"}) or 0.0
