"""The small world in a database, and a worker over it: on either database, with and without Redis."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from service.settings import Settings
from service.storage.database import open_database
from service.storage.seed import import_directory
from tests.postgresql_server import PostgresqlServer
from tests.record.worker import Worker, now, working
from tests.service.conftest import Asker, write_world
from tests.valkey_server import ValkeyServer

COMBINATIONS = [
    (database, redis) for database in ("sqlite_url", "postgresql_url") for redis in ("without-redis", "with-redis")
]


def fill(url: str, directory: Path) -> None:
    """Put the small world into a database."""
    database = open_database(url, now)
    try:
        import_directory(database, write_world(directory), "cli:test")
    finally:
        database.close()


def settings_for(url: str, redis: str | None = None, **others: Any) -> Settings:
    """Those of a worker that anyone may ask anything."""
    return Settings(database=url, redis=redis, ruleset="small-world", keys="none", **others)


@contextmanager
def held_database(request: pytest.FixtureRequest, kind: str, directory: Path) -> Iterator[str]:
    """URL of a migrated, empty database, for as long as whoever asks needs it; `kind`: `sqlite` or `postgresql`."""
    if kind == "sqlite":
        copy = directory / "cordon.db"
        copy.write_bytes(request.getfixturevalue("sqlite_template").read_bytes())
        yield f"sqlite:///{copy}"
        return
    server: PostgresqlServer = request.getfixturevalue("postgresql_server")
    url = server.create(request.getfixturevalue("postgresql_template"))
    yield url
    server.drop(url)


def asker_of(worker: Worker) -> Asker:
    return Asker(worker.service, worker.run)


@pytest.fixture(params=COMBINATIONS, ids=lambda both: f"{both[0].removesuffix('_url')}-{both[1]}")
def combination(request: pytest.FixtureRequest, valkey: ValkeyServer) -> tuple[str, str | None]:
    """URL of a migrated, empty database, and of Redis, if there is one."""
    database, redis = request.param
    return request.getfixturevalue(database), valkey.url if redis == "with-redis" else None


@pytest.fixture
def worker(combination: tuple[str, str | None], tmp_path: Path) -> Iterator[Worker]:
    """A worker over the small world, on each combination."""
    url, redis = combination
    fill(url, tmp_path / "world")
    with working(settings_for(url, redis, decision_log=tmp_path / "log")) as worker:
        yield worker


@pytest.fixture
def asker(worker: Worker) -> Asker:
    return asker_of(worker)
