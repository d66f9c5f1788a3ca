"""`cordon migrate`: a database of record, brought to what this version needs."""

import os
from contextlib import closing, suppress

from service.cli_database import acting_user
from service.cli_output import fail, say
from service.clocks import utc_now
from service.storage.database import Database, NotADatabase, Unavailable, open_database
from service.storage.migrate import migration_of, renew_epoch, upgrade


def migrate_command(url: str, *, is_restored: bool) -> None:
    """Migrate a database and say what that changed."""
    try:
        with closing(open_database(url, utc_now)) as database:
            _keep_from_others(database)
            say(*_migrated(database, is_restored))
    except (NotADatabase, Unavailable) as error:
        fail(f"cordon: {error}")


def _keep_from_others(database: Database) -> None:
    """A file of SQLite that is made now is nobody's to read but its owner's and their group's; its logs are like it."""
    name = database.engine.url.database
    if database.is_sqlite and name and not os.path.lexists(name):
        with suppress(OSError):  # SQLite says better what is wrong
            os.close(os.open(name, os.O_CREAT | os.O_WRONLY, 0o640))


def _migrated(database: Database, is_restored: bool) -> list[str]:
    before = migration_of(database)
    upgrade(database)
    after = migration_of(database)
    lines = [f"the database is at migration {after}{' already' if before == after else ''}"]
    if is_restored:
        lines.append(f"its epoch is now {renew_epoch(database, acting_user())}")
    return lines
