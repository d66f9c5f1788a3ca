"""Hints reach everyone who listens, and listening goes on whatever becomes of the server and the link."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from threading import Thread

import pytest

from service.cache.connections import connections_to
from service.hints import HintPace, Hints
from tests.cache.relay import relay_to
from tests.cache.waiting import eventually
from tests.valkey_server import ValkeyServer, WatchedServers

PACE = HintPace(heartbeat=0.1, subscribing=0.3, pause=0.02, longest_pause=0.1)


@dataclass(slots=True)
class Heard:
    """Counts the hints of one worker."""

    hints: Hints = field(init=False)
    count: int = 0

    def hint(self) -> None:
        self.count += 1


@asynccontextmanager
async def worker(url: str) -> AsyncIterator[Heard]:
    """Speaks and listens."""
    heard = Heard()
    heard.hints = Hints(connections_to(url), "test", heard.hint, PACE)
    task = asyncio.create_task(heard.hints.run())
    try:
        await eventually(lambda: heard.hints.is_listening, "the worker listens")
        yield heard
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def is_told(speaker: Heard, listener: Heard) -> None:
    """A hint gets through, at last."""
    before = listener.count

    def gets_through() -> bool:
        speaker.hints.publish("e0.1")
        return listener.count > before and listener.hints.is_listening

    await eventually(gets_through, "a hint gets through")


@pytest.mark.parametrize("kind", ["valkey_url", "sentinel_url", "cluster_url"])
def test_a_hint_reaches_the_others_on_every_kind_of_server(request: pytest.FixtureRequest, kind: str) -> None:
    url = request.getfixturevalue(kind)

    async def told() -> None:
        async with worker(url) as one, worker(url) as other:
            await is_told(one, other)
            await is_told(other, one)

    asyncio.run(told())


def test_a_worker_that_begins_to_listen_asks_once_for_what_it_missed(valkey: ValkeyServer) -> None:
    async def begun() -> None:
        async with worker(valkey.url) as one:
            assert one.count == 1

    asyncio.run(begun())


def test_a_hint_may_come_from_any_thread(valkey: ValkeyServer) -> None:
    async def told() -> None:
        async with worker(valkey.url) as one:
            thread = Thread(target=one.hints.publish, args=["e0.1"])
            thread.start()
            await eventually(lambda: one.count == 2, "the hint is heard")
            thread.join()

    asyncio.run(told())


def test_a_hint_that_nobody_can_carry_is_lost_without_a_word(valkey: ValkeyServer) -> None:
    hints = Hints(connections_to(valkey.url), "test", lambda: None)
    hints.publish("e0.1")
    asyncio.run(asyncio.sleep(0))


@pytest.mark.parametrize("fault", ["restart", "freeze and thaw"])
def test_listening_goes_on_after_the_server_was_gone(valkey: ValkeyServer, fault: str) -> None:
    async def gone() -> None:
        async with worker(valkey.url) as one:
            before = one.count
            if fault == "restart":
                valkey.restart()
            else:
                valkey.freeze()
                await eventually(lambda: one.hints.losses > 0, "the silence is noticed")
                valkey.thaw()
            await eventually(lambda: one.hints.losses > 0 and one.hints.is_listening, "it listens again")
            assert one.count > before
            await is_told(one, one)

    asyncio.run(gone())


def test_a_link_that_died_in_silence_is_noticed_and_replaced(valkey: ValkeyServer) -> None:
    async def cut() -> None:
        async with relay_to(valkey.port) as relay, worker(relay.url) as one, worker(valkey.url) as other:
            relay.is_silent = True
            await eventually(lambda: one.hints.losses > 0, "the silence is noticed")
            relay.is_silent = False
            await is_told(other, one)

    asyncio.run(cut())


def test_a_link_over_which_nothing_is_said_is_kept(valkey: ValkeyServer) -> None:
    async def quiet() -> None:
        async with worker(valkey.url) as one:
            await asyncio.sleep(PACE.heartbeat * 5)
            assert (one.hints.losses, one.count) == (0, 1)

    asyncio.run(quiet())


def test_the_new_master_is_listened_to(watched: WatchedServers) -> None:
    async def failed_over() -> None:
        async with worker(watched.url) as one:
            watched.master.kill()
            await eventually(lambda: one.hints.losses > 0 and one.hints.is_listening, "it listens again")
            await is_told(one, one)

    asyncio.run(failed_over())
