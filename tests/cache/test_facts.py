"""Facts in Redis, on every kind of server that a URL can name."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from rules.facts import Account, AccountId, Resource, ResourceId
from service.cache.codec import SHAPE
from service.cache.facts import CacheLimits, RedisFacts
from tests.cache.waiting import EPOCH, dossier, facts_at, found, get, written
from tests.valkey_server import ValkeyServer

KINDS = ("valkey_url", "unix_url", "sentinel_url", "cluster_url")


@pytest.fixture
def unix_url(valkey: ValkeyServer) -> str:
    return valkey.unix_url


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest) -> str:
    """A server of every kind."""
    named: str = request.getfixturevalue(request.param)
    return named


def test_what_is_put_is_found_by_others_on_every_kind_of_server(url: str, tmp_path: Path) -> None:
    names = [f"acct-{number}" for number in range(40)]

    async def shared() -> None:
        namespace = f"test-{tmp_path.name}"
        async with facts_at(url, namespace=namespace) as one, facts_at(url, namespace=namespace) as other:
            assert await found(one, names[0]) is None
            await written(one, *map(dossier, names))
            assert await asyncio.gather(*(found(other, name) for name in names)) == list(map(dossier, names))
            assert await found(other, "nobody") is None
            assert other.counts.hits >= 40
            assert other.counts.misses >= 1

    asyncio.run(shared())


def in_valkey(
    valkey: ValkeyServer, test: Callable[[RedisFacts], Awaitable[None]], limits: CacheLimits | None = None
) -> None:
    async def run() -> None:
        async with facts_at(valkey.url, limits=limits) as facts:
            await test(facts)

    asyncio.run(run())


def test_facts_of_another_epoch_are_not_found(valkey: ValkeyServer) -> None:
    async def other_epoch(facts: RedisFacts) -> None:
        await written(facts, dossier(epoch="e1"))
        assert await found(facts) is None

    in_valkey(valkey, other_epoch)


def test_nothing_is_asked_before_the_epoch_is_known(valkey: ValkeyServer) -> None:
    async def unknown() -> None:
        async with facts_at(valkey.url, epoch="") as facts:
            assert await get(facts, "account", "acct") is None

    asyncio.run(unknown())
    assert b"mget" not in bytes(str(valkey.command("INFO", "commandstats")), "utf-8")


def test_an_account_and_a_resource_of_one_id_are_kept_apart(valkey: ValkeyServer) -> None:
    async def apart(facts: RedisFacts) -> None:
        tool = replace(dossier(), subject=Resource(ResourceId("acct"), frozenset({"tag"})))
        facts.put("resource", "acct", tool)
        await written(facts, dossier())
        assert await found(facts) == dossier()
        assert await found(facts, "acct", "resource") == tool

    in_valkey(valkey, apart)


@pytest.mark.parametrize("id", ["", ":", "a:b", "{a}", "a\nb", "\x00", "ü", "\ud800", "x" * 10_000])
def test_an_id_may_hold_anything(valkey: ValkeyServer, id: str) -> None:
    async def odd(facts: RedisFacts) -> None:
        facts.put("account", id, dossier(id))
        await written(facts, dossier("after"))
        assert await found(facts, id) == (None if id == "\ud800" else dossier(id))

    in_valkey(valkey, odd)


def key_of(valkey: ValkeyServer) -> bytes:
    (key,) = held(valkey)
    return key


def held(valkey: ValkeyServer) -> list[bytes]:
    """The keys that it holds, the one apart that only shows that it can."""
    return [key for key in valkey.held() if not key.endswith(b":probe")]


@pytest.mark.parametrize("value", [b"", b"CD", b"CD0000", b"garbage", b"\xff" * 100, b"CD\x00\x00\x00\x00"])
def test_a_value_that_cordon_did_not_write_is_a_miss(valkey: ValkeyServer, value: bytes) -> None:
    async def garbage(facts: RedisFacts) -> None:
        await written(facts, dossier())
        valkey.command("SET", key_of(valkey), value)
        assert await found(facts) is None
        assert bool(facts.counts.refused) == bool(value)

    in_valkey(valkey, garbage)


def test_a_value_of_another_type_is_a_miss(valkey: ValkeyServer) -> None:
    async def list_instead(facts: RedisFacts) -> None:
        await written(facts, dossier())
        valkey.command("DEL", key := key_of(valkey))
        valkey.command("RPUSH", key, "x")
        assert await found(facts) is None

    in_valkey(valkey, list_instead)


def test_a_value_under_the_key_of_somebody_else_is_a_miss(valkey: ValkeyServer) -> None:
    async def swapped(facts: RedisFacts) -> None:
        await written(facts, dossier())
        valkey.command("RENAME", (key := key_of(valkey)), b"aside")
        await written(facts, dossier("other"))
        other = next(name for name in held(valkey) if name != b"aside")
        valkey.command("COPY", other, key)
        assert await found(facts) is None
        assert facts.counts.refused >= 1

    in_valkey(valkey, swapped)


def test_another_release_with_other_fields_reads_nothing_of_this_one(valkey: ValkeyServer) -> None:
    async def named(facts: RedisFacts) -> None:
        await written(facts, dossier())
        assert key_of(valkey).startswith(f"test:{SHAPE}:{EPOCH}:account:".encode())

    in_valkey(valkey, named)


def test_what_nothing_is_recorded_of_is_not_left_there(valkey: ValkeyServer) -> None:
    async def strangers(facts: RedisFacts) -> None:
        facts.put("account", "made-up", replace(dossier(), subject=Account(AccountId("made-up"), registered=False)))
        facts.put("resource", "made-up", replace(dossier(), subject=Resource(ResourceId("made-up"))))
        await written(facts, dossier())
        assert len(held(valkey)) == 1

    in_valkey(valkey, strangers)


def test_what_is_too_large_is_not_left_there(valkey: ValkeyServer) -> None:
    async def large(facts: RedisFacts) -> None:
        facts.put("account", "long", dossier("x" * 2_000))
        facts.put("account", "wide", replace(dossier("wide"), reached=frozenset(map(str, range(11)))))
        await written(facts, dossier())
        assert len(held(valkey)) == 1
        assert facts.counts.dropped == 2

    in_valkey(valkey, large, limits=CacheLimits(value_bytes=1_000, entities=10))


def test_no_more_waits_to_be_written_than_may(valkey: ValkeyServer) -> None:
    async def crowd(facts: RedisFacts) -> None:
        for number in range(5):
            facts.put("account", str(number), dossier(str(number)))
        await written(facts)
        assert facts.counts.dropped == 3

    in_valkey(valkey, crowd, limits=CacheLimits(waiting=2))


def test_of_two_that_wait_the_newer_is_written(valkey: ValkeyServer) -> None:
    async def both(facts: RedisFacts) -> None:
        facts.put("account", "acct", dossier(seq=9))
        facts.put("account", "acct", dossier(seq=8))
        await written(facts, dossier("after"))
        assert await found(facts) == dossier(seq=9)

    in_valkey(valkey, both)


def test_what_is_left_there_goes_in_time(valkey: ValkeyServer) -> None:
    async def kept(facts: RedisFacts) -> None:
        await written(facts, dossier())
        milliseconds = int(valkey.command("PTTL", key_of(valkey)))
        assert 23 * 3600_000 < milliseconds <= 24 * 3600_000

    in_valkey(valkey, kept)
