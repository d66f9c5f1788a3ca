"""Brings a database to the tables of this version of Cordon, and says whether one has them.

A migration writes like any other writer: alone, in one transaction, whole or not at all. Several instances that start
at once wait for one another, and the later ones find nothing left to do.
"""

import secrets
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, func, insert, inspect, select, text, update

from service.storage import audit
from service.storage.database import WRITERS_LOCK, Database, NotADatabase, moment_of
from service.storage.schema import state

_SCRIPTS = Path(__file__).parent / "migrations"
_EPOCH_BYTES = 6


def upgrade(database: Database) -> None:
    """Create what is missing; a database that has it all stays as it is.

    Raises:
        NotADatabase: it holds something else, or what a newer version made.
        Unavailable: it cannot be reached.
    """
    with database.noting() as connection:
        _wait_for_writers(connection)
        found = _revision(connection)
        if found is None and inspect(connection).get_table_names():
            raise NotADatabase("the database holds tables that are not Cordon's: give it one of its own")
        _refuse_newer(found)
        command.upgrade(_config(connection), "head")
        if connection.execute(select(state.c.epoch)).first() is None:
            connection.execute(insert(state).values(id=1, epoch=_new_epoch(), seq=0, at=0))


def require_current(database: Database) -> None:
    """Make sure that the database has the tables of this version.

    Raises:
        NotADatabase: it has not.
        Unavailable: it cannot be reached.
    """
    _require_file(database)
    found = migration_of(database)
    _refuse_newer(found)
    head = _scripts().get_current_head()
    if found is None:
        raise NotADatabase("the database is empty: run `cordon migrate`")
    if found != head:
        raise NotADatabase(f"the database is at migration {found}, and this version needs {head}: run `cordon migrate`")


def renew_epoch(database: Database, actor: str) -> str:
    """Give a database that comes from a backup an epoch of its own; the epoch.

    The numbers of its changes begin again at an earlier one, so what anyone keeps from before must not count as newer.

    Raises:
        Unavailable: it cannot be reached.
    """
    epoch = _new_epoch()
    with database.writing() as writing:
        before = str(writing.position)
        writing.touch_everything()
        writing.connection.execute(update(state).values(epoch=epoch))
        entry = audit.Entry(actor, "database.restore", f"database:{epoch}", before={"position": before})
        audit.append(writing.connection, entry, moment_of(writing.recorded_at))
    return epoch


def migration_of(database: Database) -> str | None:
    """The last migration that a database has been through; None before the first.

    Raises:
        Unavailable: it cannot be reached.
    """
    with database.reading() as connection:
        return _revision(connection)


def _require_file(database: Database) -> None:
    """SQLite makes a file where there is none: a name that is mistyped must not leave one behind."""
    name = database.engine.url.database
    if database.is_sqlite and name and not Path(name).exists():
        raise NotADatabase(f"there is no database `{name}`: run `cordon migrate`")


def _new_epoch() -> str:
    return secrets.token_hex(_EPOCH_BYTES)


def _wait_for_writers(connection: Connection) -> None:
    """SQLite has them waiting since the transaction began."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(select(func.pg_advisory_xact_lock(WRITERS_LOCK)))


def _refuse_newer(found: str | None) -> None:
    known = {script.revision for script in _scripts().walk_revisions()}
    if found is not None and found not in known:
        raise NotADatabase(
            f"a newer version of Cordon brought the database to migration {found}: "
            f"run `cordon migrate` and the service from that version"
        )


def _revision(connection: Connection) -> str | None:
    """The last migration that the database has been through."""
    return MigrationContext.configure(connection).get_current_revision()


def _config(connection: Connection) -> Config:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(_SCRIPTS))
