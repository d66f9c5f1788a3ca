"""The case files once more, their facts read from the record: on either database, with and without Redis."""

import asyncio
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from sqlalchemy import delete

from rules.case_expectations import differences
from rules.cases import Case, CaseFile
from rules.compile import compile_ruleset
from rules.evaluate import evaluate
from rules.facts import OwnershipGraph
from service.cache.connections import connections_to
from service.cache.facts import RedisFacts
from service.case_files import load_case_file
from service.decide import AccessRequest
from service.follow import Clocks, Follower
from service.recorded import NoCache, RecordedDossiers
from service.screenings import Screenings, Touched
from service.storage.database import Database, open_database
from service.storage.directory import World
from service.storage.schema import accounts, acting, entities, interests, listings, resources
from service.storage.seed import seed
from tests.pages import ROOT
from tests.record.worker import now

FACTS = (accounts, acting, entities, interests, listings, resources)


@cache
def case_files() -> dict[str, CaseFile]:
    paths = sorted([*(ROOT / "tests" / "cases").rglob("*.yaml"), *(ROOT / "demo" / "cases").rglob("*.yaml")])
    return {str(path.relative_to(ROOT)): load_case_file(path) for path in paths if _has_cases(path)}


def _has_cases(path: Path) -> bool:
    return "\ncases:" in path.read_text(encoding="utf-8")


class Deaf:
    """Keeps nothing that a change could make old."""

    def drop(self, touched: Touched) -> None: ...

    def drop_everything(self) -> None: ...

    async def take_up(self, subjects: Collection[str]) -> None: ...

    def confirmed(self) -> None: ...


def world_of(case_file: CaseFile) -> World:
    """The facts of a file as a directory would hold them; of one source, since several would weigh on each other."""
    held = (replace(interest, source="") for each in case_file.graph.owners.values() for interest in each)
    graph = OwnershipGraph.of(case_file.graph.entities.values(), held)
    registered = {case.account.id: case.account for case in case_file.cases if case.account.registered}
    named = {case.resource.id: case.resource for case in case_file.cases}
    return World(case_file.ruleset, graph, registered, named, "")


def record(database: Database, case_file: CaseFile) -> None:
    """Put the facts of one file in the place of all that was there."""
    with database.writing() as writing:
        for table in FACTS:
            writing.connection.execute(delete(table))
        seed(writing, world_of(case_file), (), "cli:test")
        writing.touch_everything()


async def faults(case_file: CaseFile, dossiers: RecordedDossiers) -> list[str]:
    program = compile_ruleset(case_file.ruleset)
    screenings = Screenings(program, dossiers)
    found: list[str] = []
    for case in case_file.cases:
        account, resource = await screenings.screened(_request(case))
        decision = evaluate(program, account.screening, resource.screening, case.request)
        found += [f"{case.name}: {difference}" for difference in differences(case.expect, decision)]
    return found


def _request(case: Case) -> AccessRequest:
    return AccessRequest(case.account.id, case.resource.id, case.request.at, action=case.request.action)


async def run_all(database: Database, redis: str | None) -> dict[str, list[str]]:
    """Every file by two processes: what the first one reads the second may find in Redis."""
    epoch = database.position().epoch
    caches = [RedisFacts(connections_to(redis), lambda: epoch) if redis else NoCache() for _ in range(2)]
    found: dict[str, list[str]] = {}
    with ThreadPoolExecutor(2) as threads:
        clocks = Clocks(now, asyncio.get_running_loop().time)
        followers = [Follower(database, clocks, 3600, threads) for _ in caches]
        both = [
            RecordedDossiers(database, follower, cache, threads)
            for follower, cache in zip(followers, caches, strict=True)
        ]
        for name, case_file in case_files().items():
            record(database, case_file)
            for follower, dossiers in zip(followers, both, strict=True):
                assert await follower.poll(Deaf()), follower.failure
                found[name] = found.get(name, []) + await faults(case_file, dossiers)
                await asyncio.sleep(0)
    for each in caches:
        if isinstance(each, RedisFacts):
            await each.close()
    if redis:
        assert isinstance(caches[1], RedisFacts)
        assert caches[1].counts.hits > 100
    return {name: each for name, each in found.items() if each}


@pytest.fixture
def filled(combination: tuple[str, str | None]) -> Iterator[tuple[Database, str | None]]:
    url, redis = combination
    database = open_database(url, now)
    yield database, redis
    database.close()


def test_every_case_is_decided_from_the_record_as_from_its_file(filled: tuple[Database, str | None]) -> None:
    assert sum(len(each.cases) for each in case_files().values()) > 700
    assert asyncio.run(run_all(*filled)) == {}
