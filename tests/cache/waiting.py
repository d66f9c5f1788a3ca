"""What every test of the cache needs: dossiers, a cache that is closed at its end, and patience."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from rules.facts import Account, AccountId, Entity, EntityId, Interest
from rules.geography import Jurisdiction
from rules.shares import Bounds, Share
from service.cache.breaker import Breaker, BreakerLimits
from service.cache.connections import connections_to
from service.cache.facts import CacheLimits, RedisFacts
from service.dossiers import Dossier

EPOCH = "e0"
PATIENCE_SECONDS = 10.0
QUICK = BreakerLimits(failures=3, together=0.0, pause=0.05, longest_pause=0.1)
"""Opens and recovers sooner than in service, so that tests need not wait."""


def dossier(id: str = "acct", seq: int = 7, epoch: str = EPOCH) -> Dossier:
    """An account whose entity is half owned by another."""
    owner, owned = EntityId("owner"), EntityId(f"entity of {id}")
    return Dossier(
        epoch=epoch,
        seq=seq,
        subject=Account(AccountId(id), entity=owned),
        entities=(Entity(owned, seats={"headquarters": frozenset({Jurisdiction("DE")})}),),
        interests=(Interest(owner, owned, Bounds(Share(500_000), Share(500_000))),),
        reached=frozenset({owner, owned}),
    )


@asynccontextmanager
async def facts_at(
    url: str,
    *,
    epoch: str = EPOCH,
    breaker: BreakerLimits | None = None,
    limits: CacheLimits | None = None,
    namespace: str = "test",
) -> AsyncIterator[RedisFacts]:
    """The facts that are kept there."""
    facts = RedisFacts(connections_to(url), lambda: epoch, namespace=namespace, limits=limits, breaker=Breaker(breaker))
    try:
        await facts.connect()
        yield facts
    finally:
        await facts.close()


async def eventually(claim: Callable[[], bool | Awaitable[bool]], what: str) -> None:
    """Return soon after it holds."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        holds = claim()
        if holds is True or (not isinstance(holds, bool) and await holds):
            return
        assert time.monotonic() < deadline, f"not within {PATIENCE_SECONDS:g} s: {what}"
        await asyncio.sleep(0.005)


async def written(facts: RedisFacts, *dossiers: Dossier) -> None:
    """Put them, and return once Redis has them all."""

    async def are_written() -> bool:
        before = (facts.counts.written, facts.counts.dropped)
        for one in dossiers:
            facts.put("account", one.subject.id, one)
        await eventually(lambda: sum(before) + len(dossiers) <= facts.counts.written + facts.counts.dropped, "it tried")
        return facts.counts.written >= before[0] + len(dossiers)

    await eventually(are_written, "the dossiers are written")


async def get(facts: RedisFacts, kind: str, id: str) -> Dossier | None:
    """What is found of one."""
    return (await facts.find([(kind, id)])).get((kind, id))


async def found(facts: RedisFacts, id: str = "acct", kind: str = "account") -> Dossier | None:
    """What is found where nothing fails; on a busy machine even a server in health does not always answer in time."""
    while True:
        failures = facts.failures
        dossier = await get(facts, kind, id)
        if facts.failures == failures and not facts.is_open:
            return dossier
        await asyncio.sleep(0.05)


async def seconds_of_a_miss(facts: RedisFacts, id: str = "acct") -> float:
    """How long it takes to learn that nothing is found."""
    before = time.perf_counter()
    assert await get(facts, "account", id) is None
    return time.perf_counter() - before
