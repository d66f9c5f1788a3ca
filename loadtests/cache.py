"""What facts in Redis cost: coding them, finding one, finding many at once, and finding out that nothing answers.

Prints figures and ratios, asserts nothing: machines are noisy. `python -m loadtests.cache redis://127.0.0.1:6379/15`
writes to that server, under keys of its own that go within a minute.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from statistics import median

from redis.asyncio import Redis

from rules.facts import Account, AccountId, Entity, EntityId, Interest
from rules.geography import Jurisdiction
from rules.shares import Bounds, Share
from service.cache.breaker import Breaker, BreakerLimits
from service.cache.codec import decoded, encoded
from service.cache.connections import connections_to
from service.cache.facts import CacheLimits, RedisFacts
from service.changelog import ChangeLog
from service.dossiers import Dossier

ROUNDS = 7
AT_ONCE = 64
EPOCH = "loadtest"
NOBODY = "redis://127.0.0.1:1"


def dossier(account: str, size: int) -> Dossier:
    """An account under a chain of so many entities."""
    ids = [EntityId(f"entity-{number}") for number in range(size)]
    seat = frozenset({Jurisdiction("DE")})
    half = Bounds(Share(500_000), Share(500_000))
    return Dossier(
        epoch=EPOCH,
        seq=1,
        subject=Account(AccountId(account), entity=ids[0], declared={"billing": Jurisdiction("DE")}),
        entities=tuple(Entity(id, f"Name of {id}", "company", {"headquarters": seat}) for id in ids),
        interests=tuple(Interest(owner, owned, half, source="register") for owned, owner in pairwise(ids)),
        reached=frozenset(ids),
    )


def micros(work: Callable[[], object], count: int) -> float:
    """Microseconds of one, the median of several rounds."""
    rounds = []
    for _ in range(ROUNDS):
        before = time.perf_counter()
        for _ in range(count):
            work()
        rounds.append((time.perf_counter() - before) / count * 1e6)
    return median(rounds)


async def awaited_micros(work: Callable[[], Awaitable[object]], count: int) -> float:
    """The same of what is waited for."""
    rounds = []
    for _ in range(ROUNDS):
        before = time.perf_counter()
        for _ in range(count):
            await work()
        rounds.append((time.perf_counter() - before) / count * 1e6)
    return median(rounds)


def say(what: str, figure: float, one: float) -> None:
    print(f"{what:<58}{figure:>12.1f} µs {figure / one:>9.2f}")


def report_coding() -> None:
    """Bytes, microseconds and ratios by size."""
    one = micros(lambda: encoded(dossier_of_three), 1_000)
    print(f"{'coding (1.00: to encode 3 entities)':<58}")
    for size in (3, 100, 1_000):
        made = dossier("acct", size)
        value, count = encoded(made), 1_000 // size + 1
        say(f"  encode {size} entities ({len(value):,} bytes)", micros(lambda made=made: encoded(made), count), one)  # type: ignore[misc]
        say("  decode them", micros(lambda value=value: decoded(value), count), one)  # type: ignore[misc]


def report_changes() -> None:
    """Whether facts hold, by how much they depend on and how much has changed since."""
    log = ChangeLog(EPOCH, 0)
    log.apply(1, [("entity", f"other-{number}") for number in range(100_000)])
    log.apply(2, [("entity", "other-0")])
    own = ("account", "acct")
    for size in (3, 100_000):
        reached = frozenset(f"entity-{number}" for number in range(size))
        for seq, since in ((1, "1 change"), (0, "100,000 changes")):
            ask = lambda reached=reached, seq=seq: log.holds(EPOCH, seq, own, reached)  # noqa: E731
            say(f"  does it hold: {size:,} entities, {since} since", micros(ask, 5), 1.0)


dossier_of_three = dossier("acct", 3)


async def get(facts: RedisFacts, kind: str, id: str) -> Dossier | None:
    """What is found of one."""
    return (await facts.find([(kind, id)])).get((kind, id))


async def report_finding(url: str) -> None:
    """One at a time and many at once, against the bare client."""
    facts = RedisFacts(connections_to(url), lambda: EPOCH, limits=CacheLimits(timedelta(minutes=1)))
    names = [f"acct-{number}" for number in range(AT_ONCE)]
    await facts.connect()
    for name in names:
        facts.put("account", name, replace(dossier_of_three, subject=Account(AccountId(name))))
    while facts.counts.written < AT_ONCE:
        await asyncio.sleep(0.01)

    async def at_once() -> None:
        await asyncio.gather(*(get(facts, "account", name) for name in names))

    async with Redis.from_url(url) as bare:
        one = await awaited_micros(lambda: bare.get("none"), 500)
        say("bare GET of redis-py, one at a time (1.00)", one, one)
        say("one at a time", await awaited_micros(lambda: get(facts, "account", names[0]), 500), one)
        say(f"{AT_ONCE} at once, each", await awaited_micros(at_once, 50) / AT_ONCE, one)
        gets = [name.encode() for name in names]
        bare_at_once = await awaited_micros(lambda: asyncio.gather(*(bare.get(name) for name in gets)), 20)
        say(f"{AT_ONCE} bare GETs at once, each", bare_at_once / AT_ONCE, one)
    print(f"found {facts.counts.hits:,}, missed {facts.counts.misses}, failed {facts.failures}")
    await facts.close()


async def report_nobody() -> None:
    """Nobody listens there: what the circuit breaker spares."""
    facts = RedisFacts(connections_to(NOBODY), lambda: EPOCH, breaker=Breaker(BreakerLimits(pause=60)))
    before, asked = time.perf_counter(), 0
    while not facts.is_open:
        await get(facts, "account", "acct")
        asked += 1
    one = (time.perf_counter() - before) / asked * 1e6
    say("refused, circuit closed (1.00)", one, one)
    say("circuit open", await awaited_micros(lambda: get(facts, "account", "acct"), 1_000), one)
    await facts.close()


def main() -> None:
    """Print the report."""
    report_coding()
    report_changes()
    asyncio.run(report_finding(sys.argv[1]))
    asyncio.run(report_nobody())


if __name__ == "__main__":
    main()
