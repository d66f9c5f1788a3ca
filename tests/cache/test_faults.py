"""What a Redis that is gone, frozen, empty, full or read-only costs a decision: a miss, 50 ms at most, soon nothing."""

import asyncio
from collections.abc import Callable

import pytest

from service.cache.batches import UNDER_WAY_LIMIT
from service.cache.breaker import BreakerLimits
from service.cache.facts import RedisFacts
from tests.cache.relay import relay_to
from tests.cache.waiting import QUICK, dossier, eventually, facts_at, found, get, seconds_of_a_miss, written
from tests.valkey_server import ValkeyServer, free_port

LONGEST_SECONDS = 0.060
"""Of the quickest of several: the others say how busy the machine is."""
OPEN_SECONDS = 0.001
SELDOM = BreakerLimits(pause=60)
"""Stays open for as long as a test takes."""

Fault = Callable[[ValkeyServer], None]

UNREACHABLE = {
    "kill -9": (ValkeyServer.kill, ValkeyServer.start),
    "SIGSTOP": (ValkeyServer.freeze, ValkeyServer.thaw),
}
UNWRITABLE = {
    "READONLY": (ValkeyServer.refuse_writes, ValkeyServer.allow_writes),
    "OOM": (ValkeyServer.fill, ValkeyServer.unfill),
}


async def put_until_open(facts: RedisFacts) -> None:
    def is_open() -> bool:
        facts.put("account", "more", dossier("more"))
        return facts.is_open

    await eventually(is_open, "the circuit opens")


async def found_again(facts: RedisFacts) -> None:
    async def is_found() -> bool:
        facts.put("account", "acct", dossier())
        return await get(facts, "account", "acct") == dossier()

    await eventually(is_found, "the facts are found again")


@pytest.mark.parametrize("harm", [pair[0] for pair in UNREACHABLE.values()], ids=UNREACHABLE)
def test_an_unreachable_redis_costs_a_few_decisions_50_ms_and_then_none(valkey: ValkeyServer, harm: Fault) -> None:
    async def asked() -> tuple[list[float], list[float]]:
        async with facts_at(valkey.url, breaker=SELDOM) as facts:
            await written(facts, dossier())
            harm(valkey)
            first = []
            while not facts.is_open:
                first.append(await seconds_of_a_miss(facts))
            return first, [await seconds_of_a_miss(facts) for _ in range(20)]

    first, then = asyncio.run(asked())
    assert min(first) < LONGEST_SECONDS
    assert min(then) < OPEN_SECONDS


@pytest.mark.parametrize(("harm", "mend"), UNREACHABLE.values(), ids=UNREACHABLE)
def test_a_redis_that_can_be_reached_again_is_used_again(valkey: ValkeyServer, harm: Fault, mend: Fault) -> None:
    async def again() -> None:
        async with facts_at(valkey.url, breaker=QUICK) as facts:
            await written(facts, dossier())
            harm(valkey)

            async def opens() -> bool:
                assert await get(facts, "account", "acct") is None
                return facts.is_open

            await eventually(opens, "the circuit opens")
            mend(valkey)
            await found_again(facts)

    asyncio.run(again())


@pytest.mark.parametrize(("harm", "mend"), UNWRITABLE.values(), ids=UNWRITABLE)
def test_a_redis_that_takes_nothing_is_left_alone_until_it_does(valkey: ValkeyServer, harm: Fault, mend: Fault) -> None:
    async def left_alone() -> None:
        async with facts_at(valkey.url, breaker=QUICK) as facts:
            await written(facts, dossier())
            harm(valkey)
            await put_until_open(facts)
            assert await get(facts, "account", "acct") is None
            mend(valkey)
            await found_again(facts)

    asyncio.run(left_alone())


def test_a_restart_with_empty_memory_is_a_miss_and_no_more(valkey: ValkeyServer) -> None:
    async def restarted() -> None:
        async with facts_at(valkey.url) as facts:
            await written(facts, dossier())
            valkey.restart()
            assert await get(facts, "account", "acct") is None
            await found_again(facts)

    asyncio.run(restarted())


def test_a_server_that_never_was_there_harms_nobody() -> None:
    async def asked() -> None:
        async with facts_at(f"redis://127.0.0.1:{free_port()}") as facts:
            facts.put("account", "acct", dossier())
            assert await get(facts, "account", "acct") is None
            await eventually(lambda: facts.counts.dropped == 1, "the dossier is dropped")

    asyncio.run(asked())


def test_a_wrong_password_harms_nobody(valkey: ValkeyServer) -> None:
    valkey.command("CONFIG", "SET", "requirepass", "secret")

    async def asked() -> None:
        async with facts_at(valkey.url) as without, facts_at(valkey.url.replace("//", "//:secret@")) as facts:
            assert await get(without, "account", "acct") is None
            assert without.failures >= 2
            await written(facts, dossier())
            assert await found(facts) == dossier()

    asyncio.run(asked())


def test_a_link_that_died_in_silence_is_a_fault_like_any_other(valkey: ValkeyServer) -> None:
    async def cut() -> list[float]:
        async with relay_to(valkey.port) as relay, facts_at(relay.url, breaker=QUICK) as facts:
            await written(facts, dossier())
            assert await found(facts) == dossier()
            relay.is_silent = True
            waits = [await seconds_of_a_miss(facts) for _ in range(5)]
            relay.is_silent = False
            await found_again(facts)
            return waits

    assert min(asyncio.run(cut())) < LONGEST_SECONDS


def test_who_finds_too_much_under_way_at_a_frozen_redis_waits_no_longer_than_others(valkey: ValkeyServer) -> None:
    async def asked() -> list[float]:
        async with facts_at(valkey.url, breaker=SELDOM) as facts:
            await written(facts, dossier())
            valkey.freeze()
            asking = []
            for turn in range(UNDER_WAY_LIMIT * 2):
                asking.append(asyncio.create_task(seconds_of_a_miss(facts, str(turn))))
                await asyncio.sleep(0)
            return await asyncio.gather(*asking)

    assert min(asyncio.run(asked())[UNDER_WAY_LIMIT:]) < LONGEST_SECONDS


def test_what_is_asked_when_the_cache_closes_is_a_miss(valkey: ValkeyServer) -> None:
    async def closed() -> None:
        async with facts_at(valkey.url, breaker=SELDOM) as facts:
            await written(facts, dossier())
            valkey.freeze()
            asking = [asyncio.create_task(get(facts, "account", str(number))) for number in range(10)]
            await asyncio.sleep(0)
        assert await asyncio.gather(*asking) == [None] * 10

    asyncio.run(closed())
