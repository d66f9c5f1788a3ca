"""`cordon migrate`: a database of record, brought to what this version needs."""

from contextlib import closing

from service.cli_database import acting_user
from service.cli_output import fail, say
from service.clocks import utc_now
from service.storage.database import Database, NotADatabase, Unavailable, open_database
from service.storage.migrate import migration_of, renew_epoch, upgrade


def migrate_command(url: str, *, is_restored: bool) -> None:
    """Migrate a database and say what that changed."""
    try:
        with closing(open_database(url, utc_now)) as database:
            say(*_migrated(database, is_restored))
    except (NotADatabase, Unavailable) as error:
        fail(f"cordon: {error}")


def _migrated(database: Database, is_restored: bool) -> list[str]:
    before = migration_of(database)
    upgrade(database)
    after = migration_of(database)
    lines = [f"the database is at migration {after}{' already' if before == after else ''}"]
    if is_restored:
        lines.append(f"its epoch is now {renew_epoch(database, acting_user())}")
    return lines
