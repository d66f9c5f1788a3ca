"""The suite of searches once more, over the record: on either database. And what a search through the record leaves."""

import asyncio
import inspect
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import tests.gateways.test_authzen_search as suite
from rules.compile import compile_ruleset
from rules.facts import Account, AccountId, EntityId, Interest
from rules.shares import parse_bounds
from service.clocks import since_boot
from service.directory_facts import DirectoryDossiers
from service.errors import NotAvailable
from service.follow import Clocks, Follower
from service.recorded_catalogue import RecordedCatalogue
from service.screenings import Screenings
from service.settings import EVERY_PERMISSION
from service.storage.catalogue import REACHED_LIMIT, accounts_after
from service.storage.database import Database, open_database
from service.storage.directory import load_directory
from service.storage.fact_rows import INTERESTS, RecordedInterest
from service.storage.facts import put_account, put_all, remove_account
from service.storage.seed import import_directory
from tests.gateways.authzen_worlds import LARGE, TODO, asked, found, names
from tests.record.conftest import asker_of, held_database, settings_for
from tests.record.worker import Worker, now, working
from tests.service.conftest import NOW, Asker, write_world

ON_A_LOOP_OF_THEIR_OWN = {
    "test_decisions_are_made_while_a_search_goes_on",
    "test_too_many_searches_at_once_are_turned_away",
}

OF_THE_WIRE_ALONE = ("_is_a_bad_request", "_that_names_the_fault", "_is_refused", "_is_ignored", "_unnoticed")

SUITE: dict[str, Any] = {
    name: test
    for name, test in vars(suite).items()
    if name.startswith("test_")
    and {"todo", "large"} & set(inspect.signature(test).parameters)
    and name not in ON_A_LOOP_OF_THEIR_OWN
    and not name.endswith(OF_THE_WIRE_ALONE)
}
globals().update(SUITE)


@contextmanager
def _worker(request: pytest.FixtureRequest, kind: str, directory: Path, ruleset: str) -> Iterator[Worker]:
    """One over what the files of a directory say."""
    with held_database(request, kind, directory) as url:
        database = open_database(url, now)
        import_directory(database, directory / "world", "cli:test")
        database.close()
        settings = settings_for(url, caller_may=EVERY_PERMISSION)
        with working(settings.model_copy(update={"ruleset": ruleset})) as worker:
            yield worker


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def kept_in(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def todo(request: pytest.FixtureRequest, kept_in: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asker]:
    directory = tmp_path_factory.mktemp("todo")
    write_world(directory / "world", TODO)
    with _worker(request, kept_in, directory, "todo") as worker:
        yield asker_of(worker)


@pytest.fixture(scope="module")
def large(request: pytest.FixtureRequest, kept_in: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asker]:
    directory = tmp_path_factory.mktemp("large")
    write_world(directory / "world", LARGE)
    with _worker(request, kept_in, directory, "large") as worker:
        yield asker_of(worker)


def test_the_suite_is_not_empty() -> None:
    assert len(SUITE) > 15


def test_a_search_sees_what_was_recorded_before_it(sqlite_url: str, tmp_path: Path) -> None:
    database = open_database(sqlite_url, now)
    import_directory(database, write_world(tmp_path / "world", TODO), "cli:test")
    settings = settings_for(sqlite_url, caller_may=EVERY_PERMISSION).model_copy(update={"ruleset": "todo"})
    with working(settings) as worker:
        asker = asker_of(worker)
        assert names(found(asker, "subject", asked(action="can_delete_todo"))) == ["rick"]
        with database.writing() as writing:
            put_account(writing, Account(AccountId("zed"), tags=frozenset({"admin"})))
            remove_account(writing, "rick")
            token = str(writing.position)
        assert names(found(asker, "subject", asked(action="can_delete_todo", at_least=token))) == ["zed"]
    database.close()


def test_what_reaches_very_much_is_found_in_its_place(sqlite_database: Database) -> None:
    """More entities than are read at once: the page is read in parts, and the last part alone however large it is."""
    owners = {"a": 10, "b": REACHED_LIMIT + 10, "c": REACHED_LIMIT // 2, "d": REACHED_LIMIT // 2, "e": 1}
    with sqlite_database.writing() as writing:
        for name, count in owners.items():
            put_account(writing, Account(AccountId(name), entity=EntityId(f"company-{name}")))
            owned, share = EntityId(f"company-{name}"), parse_bounds("0.01%")
            held = [(f"{name}-{number}", EntityId(f"{name}-{number}")) for number in range(count)]
            put_all(writing, INTERESTS, [RecordedInterest(id, Interest(owner, owned, share)) for id, owner in held])
    with sqlite_database.reading() as connection:
        page = accounts_after(connection, "", 10)
        assert [dossier.subject.id for dossier in page] == list(owners)
        assert [len(dossier.interests) for dossier in page] == list(owners.values())
        assert [dossier.subject.id for dossier in accounts_after(connection, "b", 2)] == ["c", "d"]
        assert accounts_after(connection, "e", 2) == []


def test_a_database_that_is_not_there_makes_a_search_unavailable() -> None:
    database = open_database("postgresql://127.0.0.1:1/none", now)
    with ThreadPoolExecutor(1) as threads:
        follower = Follower(database, Clocks(now, since_boot), 10.0, threads)
        catalogue = RecordedCatalogue(database, follower, threads)
        with pytest.raises(NotAvailable, match="the database"):
            asyncio.run(catalogue.accounts("", 10))


def test_accounts_that_could_not_be_confirmed_are_not_told_from_one_another(tmp_path: Path) -> None:
    world = load_directory(write_world(tmp_path, TODO))
    stale = Screenings(compile_ruleset(world.ruleset), DirectoryDossiers(world, is_stale=True))
    known = DirectoryDossiers(world).at_hand("account", "rick")
    with pytest.raises(NotAvailable, match="could not be confirmed in time"):
        asyncio.run(stale.passing_account(known, NOW))
