"""What is asked in one turn of the loop is one question, and nobody waits for longer than they may."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from service.cache.batches import GATHERED_LIMIT, KEYS_LIMIT, UNDER_WAY_LIMIT, Batches
from tests.cache.waiting import eventually

LONG = 60.0


@dataclass(slots=True)
class Store:
    """Says every key back, once it is let."""

    asked: list[tuple[str, ...]] = field(default_factory=list)
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)
    late: int = 0

    async def fetch(self, keys: Sequence[str]) -> Mapping[str, str]:
        self.asked.append(tuple(keys))
        await self.may_answer.wait()
        return {key: key for key in keys if not key.startswith("no")}

    def is_late(self) -> None:
        self.late += 1


def with_store(test: Callable[[Store, Batches[str]], Awaitable[None]], within: float = LONG) -> None:
    async def run() -> None:
        store = Store()
        batches = Batches(store.fetch, within, store.is_late)
        await test(store, batches)
        store.may_answer.set()
        await batches.close()

    asyncio.run(run())


async def get(batches: Batches[str], key: str) -> str | None:
    return (await batches.find([key])).get(key)


async def ask(batches: Batches[str], *keys: str) -> list[asyncio.Task[str | None]]:
    """Ask in one turn of the loop; return when the question is under way."""
    tasks = [asyncio.create_task(get(batches, key)) for key in keys]
    for _ in range(3):
        await asyncio.sleep(0)
    return tasks


def test_what_is_asked_in_one_turn_is_one_question_and_each_key_is_in_it_once() -> None:
    async def one_turn(store: Store, batches: Batches[str]) -> None:
        store.may_answer.set()
        tasks = await ask(batches, "a", "b", "a", "none")
        assert await asyncio.gather(*tasks) == ["a", "b", "a", None]
        assert store.asked == [("a", "b", "none")]

    with_store(one_turn)


def test_what_is_asked_when_enough_is_under_way_goes_together_in_the_next_question() -> None:
    async def crowded(store: Store, batches: Batches[str]) -> None:
        tasks = []
        for turn in range(UNDER_WAY_LIMIT + 5):
            tasks += await ask(batches, str(turn))
        assert len(store.asked) == UNDER_WAY_LIMIT
        store.may_answer.set()
        assert await asyncio.gather(*tasks) == [str(turn) for turn in range(UNDER_WAY_LIMIT + 5)]
        assert store.asked[UNDER_WAY_LIMIT:] == [tuple(str(UNDER_WAY_LIMIT + more) for more in range(5))]

    with_store(crowded)


def test_who_asks_too_long_is_answered_with_nothing_and_the_question_goes_on() -> None:
    async def late(store: Store, batches: Batches[str]) -> None:
        (task,) = await ask(batches, "a")
        assert await task is None
        assert store.late == 1
        store.may_answer.set()

        async def comes() -> bool:
            return await get(batches, "b") == "b"

        await eventually(comes, "the next one is answered")

    with_store(late, within=0.01)


def test_who_waits_for_a_place_waits_no_longer_and_is_no_sign_of_a_fault() -> None:
    async def late(store: Store, batches: Batches[str]) -> None:
        tasks = []
        for turn in range(UNDER_WAY_LIMIT + 1):
            tasks += await ask(batches, str(turn))
        assert set(await asyncio.gather(*tasks)) == {None}
        assert store.late == UNDER_WAY_LIMIT
        assert len(store.asked) == UNDER_WAY_LIMIT

    with_store(late, within=0.05)


def test_what_is_more_than_a_question_holds_is_asked_in_several() -> None:
    async def many(store: Store, batches: Batches[str]) -> None:
        store.may_answer.set()
        keys = list(map(str, range(2 * KEYS_LIMIT + 1)))
        assert await batches.find(keys) == {key: key for key in keys}
        assert list(map(len, store.asked)) == [KEYS_LIMIT, KEYS_LIMIT, 1]

    with_store(many)


def test_no_more_questions_wait_than_may_and_what_is_beyond_is_not_answered() -> None:
    async def many(store: Store, batches: Batches[str]) -> None:
        store.may_answer.set()
        keys = list(map(str, range(KEYS_LIMIT * (GATHERED_LIMIT + 1))))
        found = await batches.find(keys)
        assert list(found) == keys[: KEYS_LIMIT * GATHERED_LIMIT]
        assert await get(batches, keys[-1]) == keys[-1]

    with_store(many)


def test_one_who_gives_up_takes_nothing_from_the_others() -> None:
    async def given_up(store: Store, batches: Batches[str]) -> None:
        first, second = await ask(batches, "a", "a")
        first.cancel()
        store.may_answer.set()
        assert await second == "a"

    with_store(given_up)


def test_closing_lets_everyone_go() -> None:
    async def closed(store: Store, batches: Batches[str]) -> None:
        tasks = [asyncio.create_task(get(batches, "a"))]
        await asyncio.sleep(0)
        store.may_answer.set()
        await batches.close()
        assert await asyncio.gather(*tasks) == [None]

    with_store(closed)
