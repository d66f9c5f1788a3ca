"""Following the record: each change drops what depends on it and no more, and nothing old is memorised after it."""

import asyncio
import threading
from collections.abc import Collection, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, delete, update

from rules.facts import AccountId, EntityId, Resource, ResourceId
from service.decide import AccessRequest
from service.dossiers import Dossier, Listing
from service.errors import NotAvailable
from service.follow import Clocks, Follower
from service.misses import Key
from service.programs import Programs
from service.recorded import FactsCache, NoCache, RecordedDossiers
from service.recorded_catalogue import RecordedCatalogue
from service.recorded_rules import RecordedSource, ruleset_in_force
from service.screenings import Kind, Screenings, Touched
from service.storage.changes import KEPT, prune_changes
from service.storage.database import Database
from service.storage.fact_rows import RecordedListing
from service.storage.facts import put_listing, put_resource, retract_listing
from service.storage.rulesets import publish_imported
from service.storage.schema import documents, publications, rulesets, state
from service.storage.seed import import_directory
from service.telemetry import Telemetry
from tests.databases import Clock
from tests.service.conftest import write_world

STALENESS = 10.0
HALF = AccessRequest(AccountId("acct-half"), ResourceId("nothing"), Clock().now)
NEAR = replace(HALF, account=AccountId("acct-near"))
STRANGER = replace(HALF, account=AccountId("stranger"))
TOOL = replace(STRANGER, resource=ResourceId("tool"))


@dataclass(slots=True)
class Ticks:
    """A clock that never steps, and moves when it is told to."""

    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds


class Following:
    """A process that follows the record, one poll at a time."""

    def __init__(self, database: Database, cache: FactsCache | None = None) -> None:
        self.ticks = Ticks()
        self.loop = asyncio.new_event_loop()
        self.threads = ThreadPoolExecutor(4)
        clocks = Clocks(database.now, self.ticks)
        self.follower = Follower(database, clocks, STALENESS, self.threads)
        self.dossiers = RecordedDossiers(database, self.follower, cache or NoCache(), self.threads)
        catalogue = RecordedCatalogue(database, self.follower, self.threads)
        source = RecordedSource(database, self.dossiers, self.follower, catalogue, "small-world")
        self.programs = Programs(source, Telemetry(database.now), database.now)
        self.taken_up: list[set[str]] = []

    def drop(self, touched: Touched) -> None:
        self.screenings.drop(touched)

    def drop_everything(self) -> None:
        if self.programs.is_ready:
            self.screenings.clear()

    async def take_up(self, subjects: Collection[str]) -> None:
        self.taken_up.append(set(subjects))
        if "ruleset" in subjects:
            await asyncio.to_thread(self.programs.load)

    def confirmed(self) -> None:
        self.programs.restate_sources()

    @property
    def screenings(self) -> Screenings:
        return self.programs.current.screenings

    def run(self, work: Coroutine[object, object, object]) -> object:
        return self.loop.run_until_complete(work)

    def poll(self) -> bool:
        return bool(self.run(self.follower.poll(self)))

    def screen(self, *requests: AccessRequest) -> None:
        for request in requests:
            self.run(self.screenings.screened(request))

    def at_hand(self, *requests: AccessRequest) -> list[bool]:
        return [self.screenings.at_hand(request) is not None for request in requests]

    def close(self) -> None:
        self.threads.shutdown()
        self.loop.close()


@pytest.fixture
def filled(database: Database, tmp_path: Path) -> Database:
    import_directory(database, write_world(tmp_path / "world"), "cli:test")
    return database


@pytest.fixture
def following(filled: Database) -> Iterator[Following]:
    process = Following(filled)
    assert process.poll()
    yield process
    process.close()


def list_entity(database: Database, entity: str) -> None:
    with database.writing() as writing:
        put_listing(writing, RecordedListing(f"listing-{entity}", EntityId(entity), Listing("black")))


def test_a_change_of_an_entity_drops_what_is_owned_by_it_and_leaves_the_rest(
    following: Following, filled: Database
) -> None:
    following.screen(HALF, NEAR, STRANGER)
    list_entity(filled, "far")  # which holds half of what `acct-half` belongs to
    assert following.at_hand(HALF, NEAR, STRANGER) == [True, True, True]
    following.poll()
    assert following.at_hand(HALF, NEAR, STRANGER) == [False, True, True]


def test_a_change_of_who_is_owned_leaves_the_owner_alone(following: Following, filled: Database) -> None:
    following.screen(HALF, NEAR, TOOL)
    list_entity(filled, "half")
    following.poll()
    assert following.at_hand(HALF, NEAR, TOOL) == [False, True, True]


def test_a_change_of_a_provider_drops_its_resources(following: Following, filled: Database) -> None:
    following.screen(HALF, STRANGER, TOOL)
    list_entity(filled, "near")
    following.poll()
    assert following.at_hand(HALF, STRANGER, TOOL) == [True, True, False]


def test_a_resource_that_comes_is_no_longer_unknown(following: Following, filled: Database) -> None:
    following.screen(STRANGER, TOOL)
    with filled.writing() as writing:
        put_resource(writing, Resource(ResourceId("nothing"), frozenset({"high-risk"})))
    following.poll()
    assert following.at_hand(STRANGER, TOOL) == [False, True]


def test_a_change_that_touches_too_much_drops_everything(following: Following, filled: Database) -> None:
    following.screen(HALF, NEAR)
    with filled.writing() as writing:
        writing.touch_everything()
    following.poll()
    assert following.at_hand(HALF, NEAR) == [False, False]


def test_another_epoch_drops_everything_and_reads_the_rules_anew(following: Following, filled: Database) -> None:
    following.screen(HALF, NEAR)
    with filled.noting() as connection:
        connection.execute(update(state).values(epoch="another", seq=1))
    following.poll()
    assert following.follower.position.epoch == "another"
    assert following.at_hand(HALF, NEAR) == [False, False]
    assert following.taken_up[-1] == {"ruleset", "key"}


def test_who_was_away_for_longer_than_changes_are_kept_begins_anew(
    following: Following, filled: Database, clock: Clock
) -> None:
    following.screen(HALF, NEAR)
    list_entity(filled, "far")
    clock.advance(KEPT + timedelta(days=1))
    list_entity(filled, "near")
    assert prune_changes(filled) > 0
    following.poll()
    assert following.at_hand(HALF, NEAR) == [False, False]


def test_a_publication_is_in_force_after_the_next_poll(following: Following, filled: Database) -> None:
    before = following.programs.current.ruleset.revision
    text = "language: 1\nruleset: small-world\ndefault: deny\nif_unknown: challenge\n"
    with filled.writing() as writing:
        publish_imported(writing, "small-world", text, "yaml", "cli:test")
    following.poll()
    assert following.programs.current.ruleset.revision != before
    assert following.programs.current.ruleset.default == "deny"


class HeldCache:
    """Finds nothing, and lets nobody go on before it is told to."""

    def __init__(self) -> None:
        self.is_asked = threading.Event()
        self.may_go_on = asyncio.Event()

    async def find(self, keys: Sequence[Key]) -> Mapping[Key, Dossier]:
        self.is_asked.set()
        await self.may_go_on.wait()
        return {} if self.old is None else dict.fromkeys(keys, self.old)

    def put(self, kind: Kind, id: str, dossier: Dossier) -> None:
        self.left = dossier

    old: Dossier | None = None
    left: Dossier | None = None


def test_what_a_slow_reader_left_behind_is_not_believed(filled: Database) -> None:
    """It read the facts, a change came, and then it wrote what it had read over what was newer."""
    cache = HeldCache()
    cache.may_go_on.set()
    process = Following(filled, cache)
    process.poll()
    process.screen(HALF)
    cache.old = cache.left
    list_entity(filled, "far")
    process.poll()
    process.screen(HALF)
    assert process.at_hand(HALF) == [True]
    assert cache.left is not None
    assert cache.old is not None
    assert cache.left.seq > cache.old.seq
    process.close()


class BrokenFor:
    """Fails so many times, then lets what is to be taken up come into force."""

    def __init__(self, following: Following, times: int) -> None:
        self.following = following
        self.times = times

    def __getattr__(self, name: str) -> object:
        return getattr(self.following, name)

    async def take_up(self, subjects: Collection[str]) -> None:
        self.times -= 1
        if self.times >= 0:
            raise RuntimeError("no memory left")
        await self.following.take_up(subjects)


def publish(database: Database, default: str) -> None:
    text = f"language: 1\nruleset: small-world\ndefault: {default}\nif_unknown: challenge\n"
    with database.writing() as writing:
        publish_imported(writing, "small-world", text, "yaml", "cli:test")


def test_what_could_not_be_put_in_force_is_tried_again_and_the_position_waits(
    following: Following, filled: Database
) -> None:
    publish(filled, "deny")
    before = following.follower.position
    broken = BrokenFor(following, times=2)
    for _ in range(2):
        assert not following.run(following.follower.poll(broken))  # type: ignore[arg-type]
        assert following.follower.failure == "no memory left"
        assert following.follower.position == before
    assert following.run(following.follower.poll(broken))  # type: ignore[arg-type]
    assert following.programs.current.ruleset.default == "deny"
    assert following.follower.position == filled.position()
    assert following.follower.failure == ""


def test_facts_are_stale_while_rules_or_keys_cannot_be_put_in_force(following: Following, filled: Database) -> None:
    publish(filled, "deny")
    broken = BrokenFor(following, times=100)
    following.run(following.follower.poll(broken))  # type: ignore[arg-type]
    following.ticks.seconds += STALENESS + 1
    following.run(following.follower.poll(broken))  # type: ignore[arg-type]
    assert following.dossiers.is_stale
    assert not following.follower.is_silent


def test_a_change_is_followed_while_rules_are_still_being_taken_up(following: Following, filled: Database) -> None:
    following.screen(HALF)
    publish(filled, "deny")
    may_end = asyncio.Event()

    class Slow(BrokenFor):
        async def take_up(self, subjects: Collection[str]) -> None:
            await may_end.wait()
            await self.following.take_up(subjects)

    slow = Slow(following, 0)

    async def meanwhile() -> None:
        await following.follower._look(slow)  # type: ignore[arg-type]
        await asyncio.to_thread(list_entity, filled, "far")
        await following.follower._look(slow)  # type: ignore[arg-type]
        assert following.at_hand(HALF) == [False]
        assert following.follower.position.seq < following.follower.facts.seq
        may_end.set()
        await following.follower.poll(slow)  # type: ignore[arg-type]

    following.run(meanwhile())
    following.poll()
    assert following.follower.position == filled.position()


def test_a_request_that_began_before_a_publication_believes_no_memo_that_a_change_made_old(
    following: Following, filled: Database
) -> None:
    old = following.screenings
    following.screen(HALF)
    publish(filled, "deny")
    following.poll()
    assert following.screenings is not old
    list_entity(filled, "far")
    following.poll()
    found, _ = following.loop.run_until_complete(old.screened(HALF))
    assert any(entity.listed for entity in found.facts.graph.entities.values())


def test_a_resource_that_is_known_to_have_changed_is_not_answered_from_before(
    following: Following, filled: Database
) -> None:
    following.screen(TOOL)
    with filled.writing() as writing:
        put_resource(writing, Resource(ResourceId("tool"), frozenset({"closed"})))
    following.poll()
    following.ticks.seconds += 5.0  # the database is silent
    with pytest.raises(NotAvailable):
        following.screen(TOOL)


def test_a_second_rule_set_that_nothing_includes_does_not_take_over(filled: Database) -> None:
    other = "language: 1\nruleset: another\ndefault: deny\nif_unknown: challenge\n"
    with filled.writing() as writing:
        publish_imported(writing, "another", other, "yaml", "cli:test")
    with filled.reading() as connection:
        assert ruleset_in_force(connection, None).id == "small-world"
        assert ruleset_in_force(connection, "another").id == "another"


def test_what_is_included_at_a_revision_is_no_root_either(filled: Database) -> None:
    with filled.reading() as connection:
        beside = ruleset_in_force(connection, "beside").revision
    text = f"language: 1\nruleset: pinning\ndefault: deny\nif_unknown: challenge\ninclude: [beside@{beside}]\n"
    with filled.writing() as writing:
        for column in (publications.c.ruleset, documents.c.ruleset, rulesets.c.id):
            writing.connection.execute(delete(column.table).where(column == "small-world"))
        publish_imported(writing, "pinning", text, "yaml", "cli:test")
    with filled.reading() as connection:
        assert ruleset_in_force(connection, None).id == "pinning"


def test_what_was_fetched_before_a_change_is_fetched_again_after_it(filled: Database) -> None:
    cache = HeldCache()
    cache.may_go_on.set()
    process = Following(filled, cache)
    process.poll()
    process.screen(HALF)
    cache.old, cache.left = cache.left, None
    process.screenings.clear()
    cache.may_go_on.clear()

    async def meanwhile() -> None:
        screening = asyncio.create_task(process.screenings.screened(HALF))
        await asyncio.sleep(0)
        await asyncio.to_thread(list_entity, filled, "far")
        await process.follower.poll(process)
        cache.may_go_on.set()
        await screening

    process.run(meanwhile())
    assert cache.old is not None
    assert cache.left is not None
    assert cache.left.seq > cache.old.seq
    process.close()


def test_many_who_ask_for_the_same_wait_for_one_reading(filled: Database) -> None:
    cache = HeldCache()
    process = Following(filled, cache)
    process.poll()
    asked: list[str] = []
    find = cache.find

    async def counted(keys: Sequence[Key]) -> Mapping[Key, Dossier]:
        asked.extend(id for _, id in keys)
        return await find(keys)

    cache.find = counted  # type: ignore[method-assign]

    async def together() -> None:
        waiting = [asyncio.create_task(process.dossiers.fetched("account", "acct-half")) for _ in range(100)]
        await asyncio.sleep(0)
        cache.may_go_on.set()
        await asyncio.gather(*waiting)

    process.run(together())
    assert asked == ["acct-half"]
    process.close()


@pytest.mark.parametrize(("seconds", "is_stale"), [(0.0, False), (STALENESS, False), (STALENESS + 0.1, True)])
def test_facts_are_stale_when_they_were_not_confirmed_for_too_long(
    following: Following, seconds: float, is_stale: bool
) -> None:
    following.ticks.seconds += seconds
    assert following.dossiers.is_stale is is_stale


@dataclass(frozen=True, slots=True)
class SlowDatabase(Database):
    """Takes nine seconds to answer."""

    ticks: Ticks = field(default_factory=Ticks)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        self.ticks.seconds += 9.0
        with Database.reading(self) as connection:
            yield connection


def test_a_poll_that_takes_long_confirms_what_was_true_when_it_began(filled: Database) -> None:
    slow = SlowDatabase(filled.engine, filled.now)
    process = Following(slow)
    process.ticks = slow.ticks
    process.follower = Follower(slow, Clocks(slow.now, slow.ticks), STALENESS, process.threads)
    process.poll()
    slow.ticks.seconds += 2.0
    assert process.follower.is_stale
    process.close()


def test_who_never_saw_the_record_knows_nothing(filled: Database) -> None:
    process = Following(filled)
    assert process.dossiers.is_stale
    process.close()


def test_a_change_that_is_taken_back_is_a_change(following: Following, filled: Database) -> None:
    list_entity(filled, "far")
    following.poll()
    following.screen(HALF)
    with filled.writing() as writing:
        retract_listing(writing, "listing-far")
    following.poll()
    assert following.at_hand(HALF) == [False]
