"""The first credential of a database: made once, by whichever instance starts first, and shown once.

It does all but approve. Whoever approves is to be somebody else, so that no one person can put rules in force on the
first day either.
"""

from datetime import timedelta

from sqlalchemy import Connection, insert, select

from service.storage import audit, keys
from service.storage.database import Database, moment_of
from service.storage.key_records import NewKey, key_row
from service.storage.schema import secrets

BOOTSTRAP = "bootstrap"
"""Id of the key, and name of what says that it was made."""
LIFETIME = timedelta(hours=24)
SCOPES = frozenset(("role:viewer", "role:editor", "role:operator", "role:auditor"))
MAKER = "system"


def issue_bootstrap_key(database: Database) -> str | None:
    """Make the first key of a database that never had one, and return its text; else None.

    To be called only where nobody but this machine can connect: whoever reads the terminal rules the database.

    Raises:
        Unavailable: the database cannot be reached.
    """
    if not is_without_keys(database):
        return None
    with database.writing() as writing:
        if _had_keys(writing.connection):
            return None
        ends = moment_of(writing.recorded_at) + LIFETIME
        record, text = keys.create(writing, NewKey(BOOTSTRAP, SCOPES, ends), MAKER, key_id=BOOTSTRAP)
        row = {"name": BOOTSTRAP, "value": record.digest, "at": writing.recorded_at}
        writing.connection.execute(insert(secrets).values(row))
        after = key_row(record, record.created_at)
        entry = audit.Entry(MAKER, "key.create", f"key:{BOOTSTRAP}", after=after, reason="first start")
        audit.append(writing.connection, entry, record.created_at)
    return text


def is_without_keys(database: Database) -> bool:
    """Whether the database never had a key.

    Raises:
        Unavailable: the database cannot be reached.
    """
    with database.reading() as connection:
        return not _had_keys(connection)


def _had_keys(connection: Connection) -> bool:
    if keys.are_there_any(connection):
        return True
    return connection.execute(select(secrets.c.name).where(secrets.c.name == BOOTSTRAP)).first() is not None
