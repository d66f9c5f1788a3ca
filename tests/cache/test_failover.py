"""Servers that are watched, and clusters: when a master is gone, the next one is found without being told."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cache.waiting import QUICK, dossier, eventually, facts_at, found, get, written
from tests.valkey_server import CLUSTER_SLOTS, HOST, Cluster, WatchedServers, cluster


@pytest.fixture
def own_cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A cluster that this test may harm."""
    servers = cluster(tmp_path)
    try:
        servers.start()
        yield servers
    finally:
        servers.stop()


def test_a_replica_that_becomes_the_master_is_found(watched: WatchedServers) -> None:
    async def failed_over() -> None:
        async with facts_at(watched.url, breaker=QUICK) as facts:
            await written(facts, dossier())
            before = watched.master
            before.kill()
            assert await get(facts, "account", "acct") is None

            async def is_found() -> bool:
                facts.put("account", "acct", dossier())
                return await get(facts, "account", "acct") == dossier()

            await eventually(is_found, "the facts are found again")
            assert watched.master.port != before.port

    asyncio.run(failed_over())


def test_a_frozen_master_is_left_for_the_next(watched: WatchedServers) -> None:
    async def failed_over() -> None:
        async with facts_at(watched.url, breaker=QUICK) as facts:
            await written(facts, dossier())
            watched.master.freeze()

            async def is_found() -> bool:
                facts.put("account", "acct", dossier())
                return await get(facts, "account", "acct") == dossier()

            await eventually(is_found, "the facts are found again")

    asyncio.run(failed_over())


def test_slots_that_move_to_another_node_are_followed(own_cluster: Cluster) -> None:
    names = [f"acct-{number}" for number in range(30)]

    async def moved() -> None:
        async with facts_at(own_cluster.url, breaker=QUICK) as facts:
            await written(facts, *map(dossier, names))
            give_away_slots(own_cluster)

            async def are_found() -> bool:
                for name in names:
                    facts.put("account", name, dossier(name))
                answers = await asyncio.gather(*(get(facts, "account", name) for name in names))
                return answers == list(map(dossier, names))

            await eventually(are_found, "all facts are found again")

    asyncio.run(moved())


def give_away_slots(servers: Cluster) -> None:
    """The first node's slots go to the second, without their keys."""
    giver, taker, other = servers.nodes
    giver.command("FLUSHALL")
    taker_id = taker.command("CLUSTER", "MYID").decode()
    for node in (taker, giver, other):
        slots = range(0, CLUSTER_SLOTS // 3, 97)
        for slot in slots:
            node.command("CLUSTER", "SETSLOT", slot, "NODE", taker_id)


def test_a_node_that_is_gone_costs_misses_until_it_is_back(own_cluster: Cluster) -> None:
    names = [f"acct-{number}" for number in range(30)]

    async def gone() -> None:
        async with facts_at(own_cluster.url, breaker=QUICK) as facts:
            await written(facts, *map(dossier, names))
            node = own_cluster.nodes[1]
            node.kill()
            assert None in await asyncio.gather(*(get(facts, "account", name) for name in names))
            node.start()

            async def are_found() -> bool:
                for name in names:
                    facts.put("account", name, dossier(name))
                answers = await asyncio.gather(*(get(facts, "account", name) for name in names))
                return answers == list(map(dossier, names))

            await eventually(are_found, "all facts are found again")

    asyncio.run(gone())


def test_a_cluster_is_found_though_the_first_host_of_its_url_is_gone(whole_cluster: Cluster) -> None:
    async def asked() -> None:
        async with facts_at(whole_cluster.url.replace("//", f"//{HOST}:1,"), namespace="one-gone") as facts:
            await written(facts, dossier())
            assert await found(facts) == dossier()

    asyncio.run(asked())
