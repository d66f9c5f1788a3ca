"""Databases for tests: real ones, migrated and empty, with a clock that moves when it is told to."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from service.storage.database import Database, open_database
from service.storage.migrate import upgrade

START = datetime(2026, 11, 22, 12, tzinfo=UTC)


@dataclass(slots=True)
class Clock:
    """Shows the same time until it is set."""

    now: datetime = START

    def read(self) -> datetime:
        return self.now

    def advance(self, by: timedelta = timedelta(seconds=1)) -> datetime:
        """Go on; the time it then shows."""
        self.now += by
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file that is copied for each test."""
    path = tmp_path_factory.mktemp("template") / "cordon.db"
    database = open_database(f"sqlite:///{path}", Clock().read)
    upgrade(database)
    database.close()
    return path


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """A migrated, empty database."""
    path = tmp_path / "cordon.db"
    shutil.copy(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A migrated, empty database of each kind."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def database(database_url: str, clock: Clock) -> Iterator[Database]:
    """A migrated, empty database of each kind, dated by `clock`."""
    database = open_database(database_url, clock.read)
    yield database
    database.close()


@pytest.fixture
def sqlite_database(sqlite_url: str, clock: Clock) -> Iterator[Database]:
    """SQLite alone, for what takes many examples."""
    database = open_database(sqlite_url, clock.read)
    yield database
    database.close()


@pytest.fixture
def postgresql_database(postgresql_url: str, clock: Clock) -> Iterator[Database]:
    """PostgreSQL alone."""
    database = open_database(postgresql_url, clock.read)
    yield database
    database.close()
