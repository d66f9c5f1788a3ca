"""Migrations: they end in the tables of the schema, once, however many start at the same time."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

from service.storage.database import Database, NotADatabase, Position, open_database
from service.storage.migrate import renew_epoch, require_current, upgrade
from service.storage.schema import metadata
from tests.databases import Clock

STARTED_AT_ONCE = 3


@pytest.fixture(params=["sqlite", "postgresql"])
def bare_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'bare.db'}"
    url: str = request.getfixturevalue("bare_postgresql_url")
    return url


@pytest.fixture
def bare(bare_url: str, clock: Clock) -> Iterator[Database]:
    database = open_database(bare_url, clock.read)
    yield database
    database.close()


def test_migrations_end_in_the_tables_of_the_schema(database: Database) -> None:
    with database.reading() as connection:
        options = {"compare_type": True, "compare_server_default": default_differs if database.is_sqlite else True}
        differences = compare_metadata(MigrationContext.configure(connection, opts=options), metadata)
    assert differences == []


def default_differs(*compared: object) -> bool:
    """Alembic's own comparison takes the default `('')` of SQLite for another than `''`."""
    *_, found, _, wanted = compared
    return str(found).strip("()'") != str(wanted)


def test_a_migrated_database_is_current(database: Database) -> None:
    require_current(database)
    assert database.position().seq == 0


def test_migrating_twice_changes_nothing(database: Database) -> None:
    before = database.position()
    upgrade(database)
    assert database.position() == before


def test_an_empty_database_is_refused_with_what_to_do(bare: Database) -> None:
    said = r"there is no database `.*bare\.db`" if bare.is_sqlite else "the database is empty"
    with pytest.raises(NotADatabase, match=f"{said}: run `cordon migrate`"):
        require_current(bare)


def test_a_file_without_tables_is_refused_with_what_to_do(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "empty.db").touch()
    empty = open_database(f"sqlite:///{tmp_path / 'empty.db'}", clock.read)
    with pytest.raises(NotADatabase, match="the database is empty: run `cordon migrate`"):
        require_current(empty)
    empty.close()


def test_a_database_that_is_behind_is_refused_with_what_to_do(database: Database) -> None:
    set_revision(database, "0001")
    with pytest.raises(NotADatabase, match=r"at migration 0001, .* run `cordon migrate`"):
        require_current(database)


def test_a_database_of_a_newer_version_is_refused_and_not_migrated(database: Database) -> None:
    set_revision(database, "9999")
    for action in (require_current, upgrade):
        with pytest.raises(NotADatabase, match="a newer version of Cordon brought the database to migration 9999"):
            action(database)


def set_revision(database: Database, revision: str) -> None:
    with database.noting() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})


def test_a_database_of_something_else_is_left_alone(bare: Database) -> None:
    with bare.noting() as connection:
        connection.execute(text("CREATE TABLE diary (entry TEXT)"))
    with pytest.raises(NotADatabase, match="not Cordon's"):
        upgrade(bare)
    with bare.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM diary")).scalar_one() == 0


def test_a_migration_that_fails_leaves_nothing_behind(bare: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.storage.migrate._new_epoch", lambda: None)
    with pytest.raises(Exception, match="epoch"):
        upgrade(bare)
    with pytest.raises(NotADatabase, match="empty"):
        require_current(bare)


def test_instances_that_start_at_once_migrate_once(bare_url: str, clock: Clock) -> None:
    program = (
        "import sys; from datetime import UTC, datetime; from service.storage.database import open_database; "
        "from service.storage.migrate import require_current, upgrade; "
        "database = open_database(sys.argv[1], lambda: datetime.now(UTC)); sys.stdin.read(); "
        "upgrade(database); require_current(database); print(database.position())"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", program, bare_url], stdin=-1, stdout=-1, stderr=-1, text=True)
        for _ in range(STARTED_AT_ONCE)
    ]
    for process in started:
        assert process.stdin
        process.stdin.close()
        process.stdin = None
    said = [process.communicate(timeout=60) for process in started]
    assert [error for _, error in said if error] == []
    assert len({position for position, _ in said}) == 1


def test_a_restored_database_gets_another_epoch_and_everything_counts_as_changed(database: Database) -> None:
    before = database.position()
    epoch = renew_epoch(database, "cli:root")
    assert epoch != before.epoch
    assert database.position() == Position(epoch, before.seq + 1)
    with database.reading() as connection:
        touched = connection.execute(text("SELECT subject, id FROM changes")).all()
        noted = connection.execute(text("SELECT actor, action FROM audit")).all()
    assert [tuple(row) for row in touched] == [("everything", "")]
    assert [tuple(row) for row in noted] == [("cli:root", "database.restore")]
