"""Connections to the database of record: snapshots to read from, and writes that follow one another.

Writers are serialised, whatever they write: SQLite by `BEGIN IMMEDIATE` (write-ahead log and busy timeout alone still
answer "database is locked" where a reader turns writer), PostgreSQL by an advisory lock that the transaction holds.
The order in which changes are numbered is therefore the order in which they become visible.
"""

import os
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeAlias
from weakref import WeakSet

import psycopg
from sqlalchemy import Connection, Engine, create_engine, event, func, insert, select, update
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, OperationalError, SQLAlchemyError

from service.errors import Unavailable as Unavailable
from service.errors import Unusable
from service.storage.schema import changes, state

BUSY_SECONDS = 5.0
"""How long a writer waits for another one."""
CONNECT_SECONDS = 2
STATEMENT_SECONDS = 30
"""How long PostgreSQL works at one statement; imports set their own."""
WRITERS_LOCK = 0x43_6F_72_64_6F_6E
"""The advisory lock that writers take; a number of our own ("Cordon")."""

CHANGED_LIMIT = 1_000
"""Ids that one change names one by one; more are said as `everything`."""

EPOCH_START = datetime(1970, 1, 1, tzinfo=UTC)
FOREVER = 2**63 - 1
"""Microseconds: the end of what has not ended."""

Subject: TypeAlias = Literal["entity", "account", "resource", "ruleset", "key", "everything"]
"""What a change touches. An interest and a listing touch entities; `everything` leaves no memorised fact right."""


class NotADatabase(Unusable):
    """A URL that names no database Cordon can use, or one that is not migrated; in words for whoever gave it."""


def micros(moment: datetime) -> int:
    """Microseconds since 1970 in UTC, exactly."""
    return (moment - EPOCH_START) // timedelta(microseconds=1)


def moment_of(count: int) -> datetime:
    """The moment so many microseconds after 1970 began."""
    return EPOCH_START + timedelta(microseconds=count)


@dataclass(frozen=True, slots=True)
class Position:
    """How far the record has come."""

    epoch: str
    """Of the database itself; another one after a restore, whose numbers would begin again."""
    seq: int
    """Number of the last change."""

    def __str__(self) -> str:
        """The token that writers are given."""
        return f"{self.epoch}.{self.seq}"


@dataclass(slots=True)
class Writing:
    """One transaction that writes. All that it changes is numbered and dated alike."""

    connection: Connection
    now: Callable[[], datetime]
    _position: Position | None = None
    _recorded_at: int = 0
    _touched: dict[Subject, set[str]] = field(default_factory=dict)

    @property
    def position(self) -> Position:
        """The number of this change, taken when it is first asked for."""
        if self._position is None:
            self._number()
        assert self._position is not None
        return self._position

    @property
    def recorded_at(self) -> int:
        """Microseconds: when this change is known to Cordon. Later than that of every change before it."""
        _ = self.position
        return self._recorded_at

    def touch(self, subject: Subject, ids: Iterable[str]) -> None:
        """Say whose facts this change makes old."""
        _ = self.position
        self._touched.setdefault(subject, set()).update(ids)

    def touch_everything(self) -> None:
        """Say that no memorised fact is right any more."""
        self.touch("everything", [""])

    def _number(self) -> None:
        before = self.connection.execute(select(state.c.epoch, state.c.seq, state.c.at)).one()
        self._position = Position(before.epoch, before.seq + 1)
        self._recorded_at = max(micros(self.now()), before.at + 1)
        self.connection.execute(update(state).values(seq=self._position.seq, at=self._recorded_at))

    def close(self) -> None:
        """Write down what was touched: the last statement of the transaction."""
        if self._position is None:
            return
        if sum(map(len, self._touched.values())) > CHANGED_LIMIT:
            kept: dict[Subject, set[str]] = {
                subject: ids for subject, ids in self._touched.items() if subject in ("ruleset", "key")
            }
            self._touched = {**kept, "everything": {""}}
        rows = [
            {"seq": self._position.seq, "subject": subject, "id": id, "at": self._recorded_at}
            for subject, ids in self._touched.items()
            for id in sorted(ids)
        ]
        if rows:
            self.connection.execute(insert(changes), rows)


@dataclass(frozen=True, slots=True)
class Database:
    """The database of record."""

    engine: Engine
    now: Callable[[], datetime]
    connections: "WeakSet[psycopg.Connection[Any]]" = field(default_factory=WeakSet, compare=False, repr=False)
    """All there are to PostgreSQL."""

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One state of the record: all that is read within sees the same.

        Raises:
            Unavailable: it cannot be reached.
        """
        with _said_plainly(), self.engine.connect() as connection:
            isolation = "SERIALIZABLE" if self.is_sqlite else "REPEATABLE READ"
            connection = connection.execution_options(isolation_level=isolation, cordon_begin="DEFERRED")
            with connection.begin():
                yield connection

    @contextmanager
    def writing(self) -> Iterator[Writing]:
        """One transaction after all others that write; undone whole if the block raises.

        Raises:
            Unavailable: it cannot be reached, or another writer takes too long.
        """
        with self._writer() as connection:
            if not self.is_sqlite:
                connection.execute(select(func.pg_advisory_xact_lock(WRITERS_LOCK)))
            writing = Writing(connection, self.now)
            yield writing
            writing.close()

    @contextmanager
    def noting(self) -> Iterator[Connection]:
        """A short write that is no change of the record: a heartbeat, a last use. Numbered and audited nowhere.

        Raises:
            Unavailable: it cannot be reached.
        """
        with self._writer() as connection:
            yield connection

    @contextmanager
    def _writer(self) -> Iterator[Connection]:
        with _said_plainly(), self.engine.connect() as connection:
            connection = connection.execution_options(cordon_begin="IMMEDIATE")
            with connection.begin():
                yield connection

    def position(self) -> Position:
        """How far the record has come.

        Raises:
            Unavailable: it cannot be reached.
        """
        with self.reading() as connection:
            return position_of(connection)

    def abort(self) -> None:
        """Break off every connection to PostgreSQL: whoever waits at one is told that the database is unavailable."""
        for connection in tuple(self.connections):
            with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as link:
                link.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def position_of(connection: Connection) -> Position:
    """How far the record had come in this state of it."""
    row = connection.execute(select(state.c.epoch, state.c.seq)).one()
    return Position(row.epoch, row.seq)


def open_database(url: str, now: Callable[[], datetime], *, statement_seconds: float = STATEMENT_SECONDS) -> Database:
    """Name a database. Nothing is connected yet.

    Raises:
        NotADatabase: the URL names none that Cordon can use.
    """
    parsed = _parsed(url)
    if parsed.get_backend_name() == "sqlite":
        return Database(_sqlite(parsed), now)
    connections: WeakSet[psycopg.Connection[Any]] = WeakSet()
    return Database(_postgresql(parsed, statement_seconds, connections), now, connections)


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise NotADatabase("not a URL of a database: write `sqlite:///cordon.db` or `postgresql://…`") from None
    backend = parsed.get_backend_name()
    if backend == "sqlite" and (parsed.database in (None, "", ":memory:")):
        raise NotADatabase("a database in memory is gone with its process: write `sqlite:///cordon.db`")
    if backend in ("postgresql", "postgres"):
        return parsed.set(drivername="postgresql+psycopg")
    if backend != "sqlite":
        raise NotADatabase(f"`{backend}` is no database that Cordon knows: `sqlite` or `postgresql`")
    return parsed


def _sqlite(url: URL) -> Engine:
    engine = create_engine(
        url,
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
        pool_size=8,
        pool_timeout=CONNECT_SECONDS,
    )

    @event.listens_for(engine, "connect")
    def opened(connection: Any, _: object) -> None:
        connection.isolation_level = None  # the driver begins nothing by itself
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "cache_size = -65536"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        kind = connection.get_execution_options().get("cordon_begin", "IMMEDIATE")
        connection.exec_driver_sql(f"BEGIN {kind}")

    return engine


def _postgresql(url: URL, statement_seconds: float, connections: "WeakSet[psycopg.Connection[Any]]") -> Engine:
    options = f"-c statement_timeout={int(statement_seconds * 1000)} -c timezone=UTC"
    engine = create_engine(
        url,
        pool_size=8,
        max_overflow=8,
        pool_timeout=CONNECT_SECONDS,
        pool_pre_ping=True,
        connect_args={
            "connect_timeout": CONNECT_SECONDS,
            "options": options,
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
            "tcp_user_timeout": 5000,
        },
    )
    event.listen(engine, "connect", lambda connection, _: connections.add(connection))
    return engine


@contextmanager
def _said_plainly() -> Iterator[None]:
    """What keeps the database from answering, in one kind of error; faults of our own statements stay what they are."""
    try:
        yield
    except OperationalError as error:
        raise Unavailable(_plain(error)) from error
    except SQLAlchemyError as error:
        if getattr(error, "connection_invalidated", False) or type(error).__name__ == "TimeoutError":
            raise Unavailable(_plain(error)) from error
        if "file is not a database" in str(error):
            raise NotADatabase("the file is not a database of SQLite") from error
        raise


def _plain(error: SQLAlchemyError) -> str:
    cause = getattr(error, "orig", None) or error
    return str(cause).strip().splitlines()[0].lower() if str(cause).strip() else type(cause).__name__.lower()
