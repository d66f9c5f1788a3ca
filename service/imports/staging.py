"""Records into the database, a batch at a time: staged in temporary tables, compared there with what is recorded.

Only what differs is written: versions that are no longer said are closed, new ones added, and the entities, accounts
and resources concerned are touched. A batch that says what is recorded already writes nothing and touches nothing.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from operator import itemgetter

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Integer,
    Table,
    Text,
    and_,
    case,
    cast,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    tuple_,
    update,
)

from service.imports.records import (
    AccountRecord,
    ActingRecord,
    Ending,
    EntityRecord,
    InterestRecord,
    ListingRecord,
    Record,
    ResourceRecord,
    Whole,
)
from service.imports.temporary import fill, temporary
from service.storage.database import CHANGED_LIMIT, FOREVER, Subject, Writing
from service.storage.precedence import DEFAULT_RANK
from service.storage.schema import accounts, acting, entities, interests, listings, resources, sources

_COUNTED = {"preserve_rowcount": True}
"""Of a statement that inserts: how many rows it did is wanted, too."""
_GAP = 2
"""So many numbers in a row without anything end what bears a key."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Where records of one kind wait beside the table that they are meant for."""

    record: type[Record]
    table: Table
    key: tuple[str, ...]
    subject: Subject
    touches: tuple[str, ...]
    """Columns that hold the ids of those whose facts a row is part of."""
    staged: Table = field(init=False)
    """The rows that wait, each with the line that it comes from."""

    def __post_init__(self) -> None:
        columns = (self.table.c[name] for name in self.columns)
        copies = [Column(column.name, column.type, primary_key=column.name in self.key) for column in columns]
        staged = temporary(f"staged_{self.table.name}", *copies, Column("line", BigInteger))
        object.__setattr__(self, "staged", staged)

    @property
    def columns(self) -> tuple[str, ...]:
        fields: tuple[str, ...] = self.record._fields
        return fields

    @property
    def same(self) -> ColumnElement[bool]:
        """A staged row and a recorded one are of the same thing, as it is recorded now."""
        keys = (self.table.c[name] == self.staged.c[name] for name in self.key)
        return and_(self.table.c.recorded_to == FOREVER, *keys)

    @property
    def is_recorded(self) -> ColumnElement[bool]:
        """Something is recorded now that is staged. Written so that both databases begin at what is staged."""
        staged = select(*(self.staged.c[name] for name in self.key))
        names = [self.table.c[name] for name in self.key]
        return and_(
            self.table.c.recorded_to == FOREVER,
            names[0].in_(staged) if len(names) == 1 else tuple_(*names).in_(staged),
        )

    @property
    def equal(self) -> ColumnElement[bool]:
        """They say the same of it, too."""
        values = [name for name in self.columns if name not in self.key]
        return and_(*(self.table.c[name].is_not_distinct_from(self.staged.c[name]) for name in values))


ENTITIES = Stage(EntityRecord, entities, ("id",), "entity", ("id",))
INTERESTS = Stage(InterestRecord, interests, ("id",), "entity", ("owner", "subject"))
LISTINGS = Stage(ListingRecord, listings, ("id",), "entity", ("entity",))
ACTING = Stage(ActingRecord, acting, ("one", "other"), "entity", ("one", "other"))
ACCOUNTS = Stage(AccountRecord, accounts, ("id",), "account", ("id",))
RESOURCES = Stage(ResourceRecord, resources, ("id",), "resource", ("id",))
STAGES = (ENTITIES, INTERESTS, LISTINGS, ACTING, ACCOUNTS, RESOURCES)

_WHOLES: Mapping[str, Stage] = {"interest": INTERESTS, "listing": LISTINGS}
_keyed = temporary("staged_keys", Column("key", Text), Column("number", BigInteger))
"""Keys of what is said as a whole (`number`: how many there are), or is ended (`number`: when)."""


@dataclass(slots=True)
class Changed:
    """How many rows were changed."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    retracted: int = 0
    outranked: int = 0

    def add(self, other: "Changed") -> None:
        self.new += other.new
        self.changed += other.changed
        self.unchanged += other.unchanged
        self.retracted += other.retracted
        self.outranked += other.outranked


@dataclass(slots=True)
class Staging:
    """One batch within the transaction that takes it over."""

    writing: Writing
    changed: Changed = field(default_factory=Changed)
    _loaded: list[Stage] = field(default_factory=list)

    @property
    def connection(self) -> Connection:
        return self.writing.connection

    def load(self, records: Mapping[type[Record], Sequence[tuple[object, ...]]]) -> None:
        """Stage records by kind, each with its line behind its own fields."""
        endings = records.get(Ending, ())
        for stage in STAGES:
            rows = records.get(stage.record, ())
            if rows or (endings and stage is INTERESTS):
                in_order = sorted(rows, key=itemgetter(*range(len(stage.key))))  # trees of ids are filled faster so
                fill(self.connection, stage.staged, in_order)
                self._loaded.append(stage)
        if endings:
            self._stage_endings(endings)
        for stage in self._loaded:
            self._leave_unchanged(stage)

    def _leave_unchanged(self, stage: Stage) -> None:
        """Unstage what is recorded already, just so."""
        same = exists(select(literal(1)).where(stage.same, stage.equal))
        self.changed.unchanged += self.connection.execute(delete(stage.staged).where(same)).rowcount

    def _stage_endings(self, endings: Sequence[tuple[object, ...]]) -> None:
        """Stage what is recorded under the keys, as it is, but ended."""
        fill(self.connection, _keyed, [row[:2] for row in endings])
        table, at = interests, _keyed.c.number
        end = case((or_(table.c.valid_to.is_(None), table.c.valid_to > at), at), else_=table.c.valid_to)
        values = [end if name == "valid_to" else table.c[name] for name in INTERESTS.columns]
        for number in _until_gap():
            bearing = and_(table.c.recorded_to == FOREVER, table.c.id == _numbered(number.value))
            query = select(*values, literal(0)).join_from(_keyed, table, bearing)
            staged = insert(INTERESTS.staged).from_select([column.name for column in INTERESTS.staged.c], query)
            number.found = self.connection.execute(staged, execution_options=_COUNTED).rowcount > 0

    def conflicts(self) -> Iterator[tuple[int, str, str]]:
        """Line and id of each staged row whose id belongs to another source, and that source."""
        for stage in (INTERESTS, LISTINGS):
            if stage in self._loaded:
                table, staged = stage.table, stage.staged
                theirs = select(table.c.source).where(stage.same, table.c.source != staged.c.source).scalar_subquery()
                query = select(staged.c.line, staged.c.id, theirs).where(theirs.is_not(None))
                yield from map(tuple, self.connection.execute(query))

    def leave_out(self, lines: Iterable[int]) -> None:
        """Stage nothing that comes from these lines."""
        fill(self.connection, _keyed, [("", line) for line in lines])
        for stage in self._loaded:
            self.connection.execute(delete(stage.staged).where(stage.staged.c.line.in_(select(_keyed.c.number))))

    def take_over(self, wholes: Iterable[Whole]) -> None:
        """Record whatever is staged and differs from what is recorded; retract what the wholes leave out."""
        for stage in self._loaded:
            self._take_over(stage)
        by_kind: dict[str, list[tuple[str, int]]] = {}
        for whole in wholes:
            by_kind.setdefault(whole.what, []).append((whole.key, whole.size))
        for what, keys in by_kind.items():
            self._retract_rest(_WHOLES[what], keys)

    def _take_over(self, stage: Stage) -> None:
        connection, staged, changed = self.connection, stage.staged, self.changed
        if stage is ENTITIES:
            changed.outranked += self._leave_outranked()
        if not connection.scalar(select(exists(select(literal(1)).select_from(staged)))):
            return
        closed = self._close(stage)
        values = [*(staged.c[name] for name in stage.columns), literal(self.writing.recorded_at, BigInteger)]
        in_order = select(*values).order_by(staged.c.line)  # those beside each other in the file touch fewer pages
        new = insert(stage.table).from_select([*stage.columns, "recorded_from"], in_order)
        added = connection.execute(new, execution_options=_COUNTED).rowcount
        changed.changed += closed
        changed.new += added - closed

    def _leave_outranked(self) -> int:
        """Unstage entities that a source of a better rank describes; between equals, the one whose name is first."""
        staged, theirs, ours = ENTITIES.staged, sources.alias("theirs"), sources.alias("ours")
        their_rank, our_rank = func.coalesce(theirs.c.rank, DEFAULT_RANK), func.coalesce(ours.c.rank, DEFAULT_RANK)
        better = or_(their_rank < our_rank, and_(their_rank == our_rank, entities.c.source < staged.c.source))
        joined = entities.outerjoin(theirs, theirs.c.name == entities.c.source)
        joined = joined.outerjoin(ours, ours.c.name == staged.c.source)
        found = select(literal(1)).select_from(joined)
        found = found.where(ENTITIES.same, entities.c.source != staged.c.source, better).correlate(staged)
        return self.connection.execute(delete(staged).where(exists(found))).rowcount

    def _close(self, stage: Stage) -> int:
        """Close what is recorded of all that is staged, and touch whom it concerns, before and after; how many."""
        after = [select(stage.staged.c[name]).where(stage.staged.c[name].is_not(None)) for name in stage.touches]
        before = [select(stage.table.c[name]).where(stage.is_recorded) for name in stage.touches]
        touched: set[str] = set()
        for query in (*after, *before):
            if len(touched) <= CHANGED_LIMIT:
                touched.update(self.connection.execute(query.distinct().limit(CHANGED_LIMIT + 1)).scalars())
        self.writing.touch(stage.subject, touched)
        closing = update(stage.table).where(stage.is_recorded).values(recorded_to=self.writing.recorded_at)
        return self.connection.execute(closing).rowcount

    def _retract_rest(self, stage: Stage, keys: Sequence[tuple[str, int]]) -> None:
        fill(self.connection, _keyed, keys)
        for number in _until_gap():
            ids = select(_numbered(_keyed.c.number + number.value))
            query = select(stage.table.c.id).where(stage.table.c.recorded_to == FOREVER, stage.table.c.id.in_(ids))
            surplus = [(id,) for id in self.connection.execute(query).scalars()]
            number.found = bool(surplus)
            if surplus:
                self.retract(stage, surplus)
                fill(self.connection, _keyed, keys)

    def retract(self, stage: Stage, keys: Sequence[tuple[str, ...]]) -> None:
        """Close what its source no longer says."""
        rows = [dict(zip(stage.key, key, strict=True)) for key in keys]
        fill(self.connection, stage.staged, [[row.get(column.name) for column in stage.staged.c] for row in rows])
        self.changed.retracted += self._close(stage)


@dataclass(slots=True)
class _Number:
    """A number that something may bear, and whether something does."""

    value: int
    found: bool = False


def _until_gap() -> Iterator[_Number]:
    """The numbers from 0 on, until several in a row were not found."""
    missing = 0
    for value in count():
        number = _Number(value)
        yield number
        missing = 0 if number.found else missing + 1
        if missing == _GAP:
            return


def _numbered(number: int | ColumnElement[int]) -> ColumnElement[str]:
    shown = literal(str(number)) if isinstance(number, int) else cast(cast(number, Integer), Text)
    return _keyed.c.key.concat(".").concat(shown)
