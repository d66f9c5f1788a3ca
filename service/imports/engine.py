"""One import from its beginning to its end: batch by batch, each in a transaction that also says how far it has come.

Whatever stops it, what is recorded is that of whole batches, and a second run of the same import goes on behind them.
The file is read again from its beginning then: what it has said so far is needed to know what it says twice.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from itertools import chain

from sqlalchemy import select

from service.imports import examination, journal
from service.imports.batches import ACTING, ENDING, Batch, batches, pair_id
from service.imports.formats import read_rows
from service.imports.journal import Counts, Import, Options, Status
from service.imports.records import BrokenFile, Fault
from service.imports.seen import Seen
from service.imports.staging import ACTING as ACTING_STAGE
from service.imports.staging import ENTITIES, INTERESTS, LISTINGS, Changed, Stage, Staging
from service.imports.streams import ByteStream, ImportFile
from service.storage.audit import Entry, append
from service.storage.database import FOREVER, Database, Position, Writing, micros

ABOVE_WHOLE_SHOWN = 100
"""Subjects owned more than whole that an import names."""

_SAID: tuple[tuple[Stage, str], ...] = (
    (ENTITIES, "entity"),
    (INTERESTS, "interest"),
    (LISTINGS, "listing"),
    (ACTING_STAGE, ACTING),
)
"""What belongs to a source, by the name under which it is seen."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an import has come."""

    rows: int
    rejected: int
    bytes: int
    """Of the file as it lies there."""
    total_bytes: int


def unheard(progress: Progress) -> None:
    """Tell nobody."""


def untold(position: Position) -> None:
    """Tell nobody."""


class _Faulty(Exception):
    """The transaction is given up for faults of a batch that only the database showed."""

    def __init__(self, batch: Batch) -> None:
        super().__init__("faulty")
        self.batch = batch


@dataclass(frozen=True, slots=True)
class Importer:
    """Takes files over into a database."""

    database: Database
    actor: str
    address: str = ""
    on_progress: Callable[[Progress], None] = unheard
    on_change: Callable[[Position], None] = untold
    """Told how far the record has come, after each batch."""

    def start(self, file: ImportFile, options: Options) -> Import:
        """Begin an import; nothing of the file is taken over yet."""
        digest = file.digest()
        with self.database.writing() as writing:
            return self.start_within(writing, options, name=file.name, digest=digest)

    def start_within(self, writing: Writing, options: Options, *, name: str, digest: str) -> Import:
        """Begin an import of a file, within a transaction."""
        at, connection = self.database.now(), writing.connection
        id = journal.begin(connection, options, file=(name, digest), actor=self.actor, at=at)
        self._audit(writing, "import.start", id, {"file": name, "digest": digest, "options": asdict(options)})
        found = journal.find(connection, id)
        assert found is not None
        return found

    def unfinished(self, file: ImportFile, options: Options) -> Import | None:
        """The import of the same file in the same way that was begun and not ended."""
        with self.database.reading() as connection:
            return journal.unfinished(connection, options, file.digest())

    def abandon(self, import_: Import) -> None:
        """Give an unfinished import up; what it took over stays."""
        with self.database.writing() as writing:
            at = self.database.now()
            journal.close(writing.connection, import_.id, "abandoned", import_.counts, at=at)
            self._audit(writing, "import.abandon", import_.id, {"position": import_.position})

    def run(self, file: ImportFile, import_: Import) -> Import:
        """Take a file over, from where the import stands.

        Raises:
            Overtaken: somebody else goes on with it at the same time.
            Unavailable: the database cannot be reached; a later run goes on.
        """
        run = _Run(self, file, import_)
        if import_.options.on_fault == "file":
            run.whole()
        else:
            run.by_batches()
        return self._found(import_.id)

    def _found(self, id: str) -> Import:
        with self.database.reading() as connection:
            found = journal.find(connection, id)
        assert found is not None
        return found

    def _audit(self, writing: Writing, action: str, id: str, told: object) -> None:
        entry = Entry(self.actor, action, f"import:{id}", address=self.address, after=told)
        append(writing.connection, entry, self.database.now())


@dataclass(slots=True)
class _Run:
    """One run over the file, and what came of it so far."""

    importer: Importer
    file: ImportFile
    import_: Import
    total_bytes: int = field(init=False)

    def __post_init__(self) -> None:
        self.total_bytes = self.file.size_bytes

    @property
    def database(self) -> Database:
        return self.importer.database

    @property
    def options(self) -> Options:
        return self.import_.options

    def by_batches(self) -> None:
        """Each batch in a transaction of its own."""
        broken: BrokenFile | None = None
        with Seen() as seen:
            for batch in self._batches(seen):
                broken = batch.broken
                if batch.end > self.import_.position or broken is not None:
                    self._settle(batch)
                    self._tell_position()
            if broken is None and self.options.complete:
                with self.database.writing() as writing:
                    self._retract_unsaid(writing, seen)
        self._end("done" if broken is None else "failed")

    def whole(self) -> None:
        """The whole file in one transaction, once it is known to be without fault."""
        with Seen() as seen:
            for batch in self._batches(seen):
                self.import_.counts.add(batch)
                self._keep_rejections(batch)
        if self.import_.counts.rejected:
            return self._end("failed")
        examined = self.import_.counts
        self.import_ = replace(self.import_, counts=Counts())
        try:
            self._write_whole()
        except _Faulty as faulty:
            self.import_ = replace(self.import_, counts=examined)
            examined.rejected += len(faulty.batch.rejections)
            self._keep_rejections(faulty.batch)
            return self._end("failed")
        return self._end("done")

    def _write_whole(self) -> None:
        with Seen() as seen, self.database.writing() as writing:
            for batch in self._batches(seen):
                self.import_.counts.changed.add(self._take_over(writing, batch))
                self.import_.counts.add(batch)
            if self.options.complete:
                self._retract_unsaid(writing, seen)

    def _batches(self, seen: Seen) -> Iterator[Batch]:
        rejected = self.import_.counts.rejected
        try:
            with self.file.opened() as stream:
                rows = read_rows(self.file, stream, self.options)
                for batch in batches(rows, self.options.batch_rows, seen):
                    if batch.broken is not None:
                        batch.reject(batch.broken.line, Fault(batch.broken.column, str(batch.broken)))
                    rejected += len(batch.rejections)
                    self._tell(batch, rejected, stream)
                    yield batch
        except BrokenFile as broken:
            batch = Batch(0, broken=broken)
            batch.reject(broken.line, Fault(broken.column, str(broken)))
            yield batch

    def _tell(self, batch: Batch, rejected: int, stream: ByteStream) -> None:
        self.importer.on_progress(Progress(batch.end, rejected, stream.consumed_bytes, self.total_bytes))

    def _settle(self, batch: Batch) -> None:
        """Take a batch over, or its rejections alone, and say that it is done with."""
        if self.options.on_fault == "batch" and batch.rejections:
            return self._write(batch, undone=True)
        try:
            return self._write(batch, undone=False)
        except _Faulty:
            return self._write(batch, undone=True)

    def _write(self, batch: Batch, *, undone: bool) -> None:
        counts, position = self.import_.counts, max(self.import_.position, batch.end)
        with self.database.writing() as writing:
            changed = Changed() if undone else self._take_over(writing, batch)
            counts.changed.add(changed)
            counts.undone_batches += undone
            self.import_.counts.add(batch)
            self._journal(writing, batch, position)
        self.import_ = replace(self.import_, position=position)

    def _keep_rejections(self, batch: Batch) -> None:
        """Write down the rejections of a file that is taken over whole or not at all."""
        if batch.rejections:
            with self.database.writing() as writing:
                self._journal(writing, batch, self.import_.position)

    def _journal(self, writing: Writing, batch: Batch, position: int) -> None:
        counts, at = self.import_.counts, self.database.now()
        first = counts.rejected - len(batch.rejections) + 1
        journal.reject(writing.connection, self.import_.id, first, batch.rejections)
        journal.advance(writing.connection, self.import_, position, counts, at=at)

    def _take_over(self, writing: Writing, batch: Batch) -> Changed:
        staging = Staging(writing)
        staging.load(batch.records)
        foreign = {line: (id, source) for line, id, source in staging.conflicts()}
        for line, (id, source) in sorted(foreign.items()):
            batch.reject(line, Fault("id", f"`{id}` is what source `{source}` calls something of its own"))
        if foreign and self.options.on_fault != "skip":
            raise _Faulty(batch)
        if foreign:
            staging.leave_out(foreign)
            batch.leave_out(foreign)
        staging.take_over([whole for whole, _ in batch.wholes])
        return staging.changed

    def _tell_position(self) -> None:
        if self.importer.on_change is not untold:
            self.importer.on_change(self.database.position())

    def _end(self, status: Status) -> None:
        """Look at what is recorded now, and say that the import is over."""
        counts, at = self.import_.counts, self.database.now()
        with self.database.reading() as connection:
            counts.unrecorded = examination.unrecorded(connection, self.options.source)
            for subject in examination.above_whole(connection, self.options.source, micros(at)):
                counts.above_whole += 1
                counts.above_whole_first += [subject] if counts.above_whole <= ABOVE_WHOLE_SHOWN else []
        with self.database.writing() as writing:
            journal.close(writing.connection, self.import_.id, status, counts, at=at)
            told = {"status": status, "counts": asdict(counts)}
            self.importer._audit(writing, "import.end", self.import_.id, told)
        self._tell_position()

    def _retract_unsaid(self, writing: Writing, seen: Seen) -> None:
        counts = self.import_.counts
        if counts.rejected or not counts.read:
            return counts.note("nothing retracted: not all of the file was taken over")
        staging = Staging(writing)
        for stage, what in _SAID:
            unsaid = list(self._unsaid(writing, seen, stage, what))
            for start in range(0, len(unsaid), self.options.batch_rows):
                staging.retract(stage, unsaid[start : start + self.options.batch_rows])
        return counts.changed.add(staging.changed)

    def _unsaid(self, writing: Writing, seen: Seen, stage: Stage, what: str) -> Iterator[tuple[str, ...]]:
        columns = [stage.table.c[name] for name in stage.key]
        ours = (stage.table.c.source == self.options.source, stage.table.c.recorded_to == FOREVER)
        for row in writing.connection.execute(select(*columns).where(*ours)):
            key = tuple(row)
            id = pair_id(*key) if len(key) == 2 else key[0]
            ended = chain((id,), (id.rpartition(".")[0],) if "." in id else ())
            if all(seen.line_of(kind, name) is None for kind, name in zip((what, ENDING), ended, strict=False)):
                yield key
