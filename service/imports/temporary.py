"""Temporary tables of one connection: made when first needed, filled in bulk, empty at the end of a transaction."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column, Connection, MetaData, Table, delete, text
from sqlalchemy.schema import CreateTable

_metadata = MetaData()


def temporary(name: str, *columns: Column[object]) -> Table:
    """A temporary table, not made yet."""
    return Table(name, _metadata, *columns, prefixes=["TEMPORARY"], postgresql_on_commit="DELETE ROWS")


def fill(connection: Connection, table: Table, rows: Sequence[Sequence[Any]]) -> None:
    """Make these the rows of the table. They are bound as they are, in the order of its columns."""
    connection.execute(CreateTable(table, if_not_exists=True))
    names = ", ".join(f'"{column.name}"' for column in table.c)
    if connection.dialect.name == "sqlite":
        connection.execute(delete(table))
        places = ", ".join("?" * len(table.c))
        connection.connection.cursor().executemany(f"INSERT INTO {table.name} ({names}) VALUES ({places})", rows)
        return
    connection.execute(text(f"TRUNCATE {table.name}"))
    with connection.connection.cursor().copy(f"COPY {table.name} ({names}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
    connection.execute(text(f"ANALYZE {table.name}"))
