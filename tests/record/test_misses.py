"""Facts that are not at hand: many are fetched as one, and nobody waits for longer than they must."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from sqlalchemy import Connection

from rules.facts import Account, AccountId, Entity, EntityId, Interest, Resource, ResourceId
from rules.shares import parse_bounds
from service.cache.connections import connections_to
from service.cache.facts import RedisFacts
from service.dossiers import Dossier
from service.follow import Clocks, Follower
from service.misses import LET_GO_AT_ONCE, REACHED_LIMIT, TOGETHER, WAITING_LIMIT, Key, Misses
from service.recorded import REMEMBERED_RESOURCES, FactsCache, NoCache, RecordedDossiers
from service.screenings import Unreachable
from service.storage.database import Database
from service.storage.dossiers import read_accounts, read_resources
from service.storage.fact_rows import ACCOUNTS, ENTITIES, INTERESTS, RESOURCES, RecordedEntity, RecordedInterest
from service.storage.facts import put_account, put_all
from tests.cache.waiting import eventually
from tests.record.shelf import Shelf, account
from tests.valkey_server import ValkeyServer

NUMBER = 150
DEEP = REACHED_LIMIT + 10
MOMENT = datetime(2026, 11, 22, tzinfo=UTC)
LONG = 60.0


class Waiting:
    """Misses over a shelf, and everyone who waits for them."""

    def __init__(self, shelf: Shelf, seconds: float) -> None:
        self.shelf = shelf
        self.landed: list[Key] = []
        self.threads = ThreadPoolExecutor(4)
        self.misses = Misses(shelf, self.threads, lambda key, _: self.landed.append(key), seconds=seconds)

    def ask(self, *ids: str) -> list["asyncio.Task[str]"]:
        return [asyncio.create_task(self._answer(id)) for id in ids]

    async def _answer(self, id: str) -> str:
        """Whom the facts are of, or why there are none."""
        try:
            return (await self.misses.fetched(account(id))).subject.id
        except Unreachable as fault:
            return str(fault)


def with_shelf(test: Callable[[Waiting], Awaitable[None]], shelf: Shelf | None = None, seconds: float = LONG) -> None:
    async def run() -> None:
        waiting = Waiting(shelf or Shelf(), seconds)
        try:
            await test(waiting)
        finally:
            waiting.shelf.opened.set()
            waiting.threads.shutdown()

    asyncio.run(run())


def names(number: int) -> list[str]:
    return [str(each) for each in range(number)]


def test_what_is_asked_for_together_is_asked_and_read_as_one() -> None:
    async def together(waiting: Waiting) -> None:
        asked = names(100)
        assert await asyncio.gather(*waiting.ask(*asked, *asked)) == [*asked, *asked]
        assert waiting.shelf.asked == waiting.shelf.readings == [tuple(asked)]
        assert waiting.shelf.kept == asked

    with_shelf(together)


def test_what_comes_while_others_are_asked_for_goes_together_into_the_next_question() -> None:
    async def crowded(waiting: Waiting) -> None:
        waiting.shelf.may_answer.clear()
        tasks = waiting.ask("first")
        for id in names(50):
            await asyncio.sleep(0)
            tasks += waiting.ask(id)
        waiting.shelf.may_answer.set()
        await asyncio.gather(*tasks)
        assert waiting.shelf.asked == [("first",), tuple(names(50))]

    with_shelf(crowded)


def test_what_others_left_is_not_read() -> None:
    async def left(waiting: Waiting) -> None:
        assert await asyncio.gather(*waiting.ask("a", "b")) == ["a", "b"]
        assert waiting.shelf.readings == [("b",)]
        assert sorted(waiting.landed) == [account("a"), account("b")]

    with_shelf(left, Shelf(at_hand={"a"}))


def test_what_comes_while_a_reading_is_under_way_goes_together_into_the_next() -> None:
    async def crowded(waiting: Waiting) -> None:
        first = waiting.ask("first")
        await eventually(lambda: bool(waiting.shelf.readings), "the first is being read")
        others = []
        for id in names(50):
            others += waiting.ask(id)
            await asyncio.sleep(0)
        await eventually(lambda: sum(map(len, waiting.shelf.asked)) == 51, "all are asked for")
        waiting.shelf.opened.set()
        await asyncio.gather(*first, *others)
        assert waiting.shelf.readings == [("first",), tuple(names(50))]

    with_shelf(crowded, Shelf(shut={"first"}))


def test_one_reading_has_only_so_many() -> None:
    async def many(waiting: Waiting) -> None:
        await asyncio.gather(*waiting.ask(*names(2 * TOGETHER.at_once + 1)))
        assert list(map(len, waiting.shelf.readings)) == [TOGETHER.at_once, TOGETHER.at_once, 1]

    with_shelf(many)


def test_what_is_very_large_is_read_apart_and_holds_up_nobody_else() -> None:
    async def apart(waiting: Waiting) -> None:
        large = waiting.ask("large")
        small = waiting.ask(*names(100))
        assert await asyncio.gather(*small) == names(100)
        assert not large[0].done()
        waiting.shelf.opened.set()
        assert await large[0] == "large"
        before = len(waiting.shelf.readings)
        await asyncio.gather(*waiting.ask("large", "other"))
        assert set(waiting.shelf.readings[before:]) == {("large",), ("other",)}

    with_shelf(apart, Shelf(sizes={"large": DEEP}, shut={"large"}))


def test_what_is_too_much_together_is_read_in_parts() -> None:
    async def parts(waiting: Waiting) -> None:
        assert await asyncio.gather(*waiting.ask(*names(64))) == names(64)
        assert list(map(len, waiting.shelf.readings)) == [64, 32, 16, 16, 32, 16, 16]

    with_shelf(parts, Shelf(sizes=dict.fromkeys(names(64), REACHED_LIMIT // 16)))


def test_those_who_waited_go_on_a_few_in_each_turn_of_the_loop() -> None:
    async def slowly(waiting: Waiting) -> None:
        turn, went_on = 0, Counter[int]()

        async def note(task: "asyncio.Task[str]") -> None:
            await task
            went_on[turn] += 1

        async def count_turns() -> None:
            nonlocal turn
            while True:
                turn += 1
                await asyncio.sleep(0)

        counting = asyncio.create_task(count_turns())
        await asyncio.gather(*map(note, waiting.ask(*names(100), *["the same"] * 100)))
        counting.cancel()
        assert went_on.total() == 200
        assert max(went_on.values()) <= LET_GO_AT_ONCE

    with_shelf(slowly)


def test_nobody_waits_for_longer_than_they_may_and_what_comes_late_is_for_who_asks_next() -> None:
    async def late(waiting: Waiting) -> None:
        assert await asyncio.gather(*waiting.ask("slow", "slow")) == ["the database does not answer in time"] * 2
        assert waiting.misses.late(account("slow")) is None
        waiting.shelf.opened.set()
        await eventually(lambda: bool(waiting.landed), "it came")
        await asyncio.sleep(0)
        found = waiting.misses.late(account("slow"))
        assert found is not None
        assert found.subject.id == "slow"
        assert waiting.misses.late(account("slow")) is None

    with_shelf(late, Shelf(shut={"slow"}), seconds=0.05)


def test_what_nobody_waits_for_any_more_is_not_read() -> None:
    async def given_up(waiting: Waiting) -> None:
        slow = waiting.ask("slow")
        await eventually(lambda: bool(waiting.shelf.readings), "it is being read")
        await asyncio.gather(*slow, *waiting.ask("b", "c"))
        waiting.shelf.opened.set()
        await asyncio.gather(*waiting.ask("d"))
        assert waiting.shelf.readings == [("slow",), ("d",)]

    with_shelf(given_up, Shelf(shut={"slow"}), seconds=0.5)


def test_one_who_gives_up_takes_nothing_from_the_others() -> None:
    async def given_up(waiting: Waiting) -> None:
        first, second = waiting.ask("a", "a")
        await asyncio.sleep(0)
        first.cancel()
        assert await second == "a"

    with_shelf(given_up)


def test_no_more_are_waited_for_than_can_be_served() -> None:
    async def crowd(waiting: Waiting) -> None:
        tasks = waiting.ask(*names(WAITING_LIMIT), "one too many")
        assert await tasks[-1] == "too many facts are waited for"
        assert set(await asyncio.gather(*tasks[:-1])) == {"the database does not answer"}
        waiting.shelf.is_silent = False
        assert await asyncio.gather(*waiting.ask("again")) == ["again"]

    with_shelf(crowd, Shelf(is_silent=True))


def test_a_database_that_says_nothing_is_not_waited_for() -> None:
    async def silent(waiting: Waiting) -> None:
        assert await asyncio.gather(*waiting.ask("a", "left")) == ["the database does not answer", "left"]
        assert waiting.shelf.readings == []

    with_shelf(silent, Shelf(is_silent=True, at_hand={"left"}))


def test_a_fault_is_told_to_all_who_wait_and_to_nobody_after() -> None:
    async def faulty(waiting: Waiting) -> None:
        assert await asyncio.gather(*waiting.ask("a", "b")) == ["the disk is on fire"] * 2
        assert await asyncio.gather(*waiting.ask("a", "b")) == ["a", "b"]

    with_shelf(faulty, Shelf(faults=1))


def test_facts_that_are_always_old_once_they_are_read_are_given_up() -> None:
    async def old(waiting: Waiting) -> None:
        assert await asyncio.gather(*waiting.ask("a")) == ["it changes faster than it can be read"]
        assert waiting.shelf.readings == [("a",)] * 4
        assert waiting.shelf.kept == []

    with_shelf(old, Shelf(is_old=True))


@dataclass(frozen=True, slots=True)
class Counted(Database):
    """Counts the states that are read from."""

    readings: list[None] = field(default_factory=list)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        self.readings.append(None)
        with Database.reading(self) as connection:
            yield connection


class Nobody:
    """Puts nothing in force."""

    def drop(self, touched: object) -> None: ...

    def drop_everything(self) -> None: ...

    async def take_up(self, subjects: object) -> None: ...

    def confirmed(self) -> None: ...


class Process:
    """Follows a record, and fetches from it."""

    def __init__(self, database: Database, redis: str | None = None) -> None:
        self.database = Counted(database.engine, database.now)
        self.threads = ThreadPoolExecutor(4)
        self.follower = Follower(database, Clocks(database.now, lambda: 0.0), LONG, self.threads)
        self.redis = None
        if redis is not None:
            self.redis = RedisFacts(connections_to(redis), lambda: self.follower.facts.epoch, namespace="misses")
        cache: FactsCache = self.redis or NoCache()
        self.dossiers = RecordedDossiers(self.database, self.follower, cache, self.threads)

    async def __aenter__(self) -> "Process":
        assert await self.follower.poll(Nobody())
        if self.redis is not None:
            await self.redis.connect()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.redis is not None:
            await self.redis.close()
        self.threads.shutdown()

    async def fetch(self, *keys: Key) -> list[Dossier]:
        return list(await asyncio.gather(*map(self._fetched, keys)))

    async def _fetched(self, key: Key) -> Dossier:
        """Asked for again where a busy machine was too slow."""
        while True:
            try:
                return cast(Dossier, self.dossiers.at_hand(*key) or await self.dossiers.fetched(*key))
            except Unreachable:
                await asyncio.sleep(0.1)


@pytest.fixture
def owned(database: Database) -> Database:
    """Accounts of companies that share an owner; one at the end of a long chain; a resource with a provider."""
    entities = [*(f"company-{number}" for number in range(NUMBER)), "owner", "deep-0"]
    pairs = [("owner", f"company-{number}") for number in range(NUMBER)]
    pairs += [(f"deep-{number + 1}", f"deep-{number}") for number in range(DEEP)]
    with database.writing() as writing:
        put_all(writing, ENTITIES, (RecordedEntity(Entity(EntityId(id))) for id in entities))
        put_all(writing, INTERESTS, (_half(str(number), *pair) for number, pair in enumerate(pairs)))
        put_all(writing, ACCOUNTS, (_account(str(number), f"company-{number}") for number in range(NUMBER)))
        put_account(writing, _account("deep", "deep-0"))
        put_all(writing, RESOURCES, [Resource(ResourceId("tool"), frozenset({"tag"}), EntityId("company-1"))])
    return database


def _half(id: str, owner: str, owned: str) -> RecordedInterest:
    return RecordedInterest(id, Interest(EntityId(owner), EntityId(owned), parse_bounds("50%")))


def _account(id: str, entity: str) -> Account:
    return Account(AccountId(id), entity=EntityId(entity))


KEYS: Sequence[Key] = (
    *(account(id) for id in [*names(NUMBER), "deep", "nobody"]),
    ("resource", "tool"),
    ("resource", "nothing"),
    ("resource", "0"),
)


def test_what_is_fetched_together_is_what_is_read_one_by_one(owned: Database) -> None:
    async def fetched() -> None:
        async with Process(owned) as process:
            found = await process.fetch(*KEYS)
            with owned.reading() as connection:
                readers = {"account": read_accounts, "resource": read_resources}
                assert found == [readers[kind](connection, [id])[id] for kind, id in KEYS]
            assert len(found[NUMBER].reached) == DEEP + 1

    asyncio.run(fetched())


def test_made_up_ids_are_read_by_the_hundred(owned: Database) -> None:
    async def made_up() -> None:
        async with Process(owned) as process:
            found = await process.fetch(*(account(f"made-up-{number}") for number in range(NUMBER)))
            assert not any(cast(Account, each.subject).registered for each in found)
            assert len(process.database.readings) == -(-NUMBER // TOGETHER.at_once)

    asyncio.run(made_up())


def test_many_misses_at_once_are_one_question_to_redis(owned: Database, valkey: ValkeyServer) -> None:
    keys = [account(id) for id in [*names(NUMBER), *(f"made-up-{number}" for number in range(50))]]

    async def asked() -> None:
        valkey.command("CONFIG", "RESETSTAT")
        async with Process(owned, valkey.url) as process:
            found = await process.fetch(*keys)
            assert [each.subject.id for each in found] == [id for _, id in keys]
            redis = cast(RedisFacts, process.redis)
            assert redis.counts.hits + redis.counts.misses == len(keys)
            await eventually(lambda: handled(redis) >= NUMBER, "every account is found there, or written")

    def handled(redis: RedisFacts) -> int:
        return redis.counts.hits + redis.counts.written + redis.counts.dropped

    def questions() -> int:
        counted: Any = valkey.command("INFO", "commandstats")
        return int(counted["cmdstat_mget"]["calls"])

    for _ in range(2):  # the second time most are found
        asyncio.run(asked())
        assert questions() == 1
    assert len(valkey.held()) <= NUMBER + 1  # and a probe: nothing is left of what is made up


def test_made_up_resources_push_out_nothing_that_is_remembered_for_an_outage(owned: Database) -> None:
    async def flooded() -> None:
        async with Process(owned) as process:
            await process.fetch(("resource", "tool"))
            for start in range(0, REMEMBERED_RESOURCES + 1, 500):
                await process.fetch(*(("resource", f"made-up-{start + number}") for number in range(500)))
            known = process.dossiers.last_known("tool")
            assert known is not None
            assert known.reached == {"company-1", "owner"}
            assert process.dossiers.last_known("made-up-0") is None

    asyncio.run(flooded())
