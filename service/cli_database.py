"""What commands share that work on a database: it is opened for one of them, and they act as whoever runs them."""

import getpass
from collections.abc import Iterator
from contextlib import contextmanager

from service.cli_output import fail
from service.clocks import utc_now
from service.storage.database import STATEMENT_SECONDS, Database, NotADatabase, Unavailable, open_database
from service.storage.migrate import require_current


def acting_user() -> str:
    """The principal that stands for whoever runs the command."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):
        return "cli:unknown"


@contextmanager
def opened(url: str, *faults: type[Exception], statement_seconds: float = STATEMENT_SECONDS) -> Iterator[Database]:
    """A migrated database, for as long as a command works; what keeps it from working ends it in plain words.

    `faults`: what else does so.
    """
    try:
        database = open_database(url, utc_now, statement_seconds=statement_seconds)
        try:
            require_current(database)
            yield database
        finally:
            database.close()
    except Exception as error:
        if isinstance(error, (NotADatabase, Unavailable, *faults)):
            fail(f"cordon: {error}")
        raise
