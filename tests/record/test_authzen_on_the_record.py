"""The AuthZEN suite once more, over the record: on either database, with and without Redis."""

import inspect
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

import tests.service.test_authzen
import tests.service.test_authzen_batch
from service.settings import Permission
from tests.record.conftest import COMBINATIONS, asker_of, fill, held_database, settings_for
from tests.record.worker import working
from tests.service.conftest import NOW, Asker
from tests.valkey_server import ValkeyServer

EVERYTHING: frozenset[Permission] = frozenset({"time", "facts", "explain", "search"})

SUITE: dict[str, Any] = {
    name: test
    for module in (tests.service.test_authzen, tests.service.test_authzen_batch)
    for name, test in vars(module).items()
    if name.startswith("test_") and {"asker", "guarded"} & set(inspect.signature(test).parameters)
}
globals().update(SUITE)


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyServer]:
    server = ValkeyServer(tmp_path_factory.mktemp("valkey"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module", params=COMBINATIONS, ids=lambda both: f"{both[0].removesuffix('_url')}-{both[1]}")
def places(
    request: pytest.FixtureRequest, redis_server: ValkeyServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, str | None]]:
    """URLs of a database that holds the small world, and of Redis, if there is one."""
    database, redis = request.param
    directory = tmp_path_factory.mktemp("record")
    with held_database(request, database.removesuffix("_url"), directory) as url:
        fill(url, directory / "world")
        yield url, redis_server.url if redis == "with-redis" else None


@pytest.fixture(scope="module")
def askers(places: tuple[str, str | None]) -> Iterator[tuple[Asker, Asker]]:
    """One who may do everything, and one who may only ask, each with a worker."""
    with ExitStack() as workers:
        settings = [settings_for(*places, caller_may=may) for may in (EVERYTHING, frozenset())]
        first, second = (asker_of(workers.enter_context(working(each, lambda: NOW))) for each in settings)
        yield first, second


@pytest.fixture
def asker(askers: tuple[Asker, Asker]) -> Asker:
    return askers[0]


@pytest.fixture
def guarded(askers: tuple[Asker, Asker]) -> Asker:
    return askers[1]


def test_the_suite_is_not_empty() -> None:
    assert len(SUITE) > 30
