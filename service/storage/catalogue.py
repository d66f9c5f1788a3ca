"""Pages of accounts and of resources with all that is above them, behind a key: what a search looks through.

However many there are, and wherever a page begins, it costs what is on it and above that.
"""

from collections.abc import Callable, Collection, Sequence
from typing import TypeAlias

from sqlalchemy import Connection, Table, select

from service.dossiers import Dossier
from service.storage.closure import TooMuch
from service.storage.dossiers import read_accounts, read_resources
from service.storage.fact_rows import known
from service.storage.schema import accounts, resources

REACHED_LIMIT = 2_048
"""What reaches more entities than these together is read in parts: what each reaches is found among what all do."""

_Read: TypeAlias = Callable[[Connection, Collection[str], int | None], dict[str, Dossier]]


def accounts_after(connection: Connection, after: str, most: int) -> list[Dossier]:
    """The next so many registered accounts behind an id, in the order of ids."""
    return _in_parts(connection, _ids_after(connection, accounts, after, most), _accounts)


def resources_after(connection: Connection, after: str, most: int) -> list[Dossier]:
    """The same of resources."""
    return _in_parts(connection, _ids_after(connection, resources, after, most), _resources)


def _ids_after(connection: Connection, table: Table, after: str, most: int) -> Sequence[str]:
    query = select(table.c.id).where(known(table, None), table.c.id > after).order_by(table.c.id).limit(most)
    return connection.scalars(query).all()


def _in_parts(connection: Connection, ids: Sequence[str], read: _Read) -> list[Dossier]:
    """The dossiers of these, in their order."""
    if not ids:
        return []
    try:
        found = read(connection, ids, REACHED_LIMIT if len(ids) > 1 else None)
    except TooMuch:
        half = len(ids) // 2
        return _in_parts(connection, ids[:half], read) + _in_parts(connection, ids[half:], read)
    return [found[id] for id in ids]


def _accounts(connection: Connection, ids: Collection[str], at_most: int | None) -> dict[str, Dossier]:
    return read_accounts(connection, ids, at_most=at_most)


def _resources(connection: Connection, ids: Collection[str], at_most: int | None) -> dict[str, Dossier]:
    return read_resources(connection, ids, at_most=at_most)
