"""What the commands of `cordon import` do: results on standard output, progress on standard error, on a terminal."""

import csv
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from service.cli_database import acting_user, opened
from service.cli_output import FAULTS, Output, complain, counted, fail, faults_as, say, say_json, say_rich
from service.imports import engine, journal
from service.imports.engine import Importer, unheard
from service.imports.journal import Import, Options, Overtaken
from service.imports.own_csv import TABLES
from service.imports.streams import ImportFile
from service.imports.views import import_row, rejection_row
from service.storage.database import Database, Unavailable
from service.storage.facts import put_source
from service.storage.seed import import_directory

STATEMENT_SECONDS = 600
"""How long PostgreSQL works at one statement of an import."""
LISTED = 100
"""Imports that a list shows."""
COLUMNS = ("id", "status", "format", "source", "rows", "new", "changed", "rejected", "started", "file")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the options say of an import."""

    format: str
    source: str | None
    rank: int | None
    said: Mapping[str, Any]
    lists: list[str]
    resume: str | None
    anew: bool


def import_command(path: Path, url: str, wanted: Wanted, report: Path | None, output: Output) -> None:
    """Take a file over, and say what became of it."""
    file = ImportFile(path, path.name)
    with opened(url, statement_seconds=STATEMENT_SECONDS) as database:
        importer = Importer(database, acting_user())
        import_ = _resumed(database, file, wanted) if wanted.resume else _begun(importer, file, wanted)
        _set_rank(database, import_.options.source, wanted.rank)
        done = _run(importer, file, import_)
        if report is not None:
            _write_report(database, done, report)
    if output is Output.JSON:
        say_json(import_row(done))
    else:
        say(*_lines(done))
    if done.status != "done" or done.counts.rejected:
        raise typer.Exit(FAULTS)


def _begun(importer: Importer, file: ImportFile, wanted: Wanted) -> Import:
    """A new import, or the same one that was never ended."""
    options = _options(wanted)
    unfinished = importer.unfinished(file, options)
    if unfinished is None:
        return importer.start(file, options)
    if wanted.anew:
        importer.abandon(unfinished)
        return importer.start(file, options)
    complain(f"goes on with import `{unfinished.id}` behind row {unfinished.position}; `--anew` begins again")
    return unfinished


def _resumed(database: Database, file: ImportFile, wanted: Wanted) -> Import:
    with database.reading() as connection:
        import_ = journal.find(connection, wanted.resume or "")
    if import_ is None:
        fail(f"cordon: there is no import `{wanted.resume}`")
    if import_.status != "running":
        fail(f"cordon: import `{import_.id}` is {import_.status}: there is nothing to go on with")
    if import_.digest != file.digest() or import_.options.format != wanted.format:
        fail(f"cordon: import `{import_.id}` is of another file, or format: `{import_.file}`")
    return import_


def _options(wanted: Wanted) -> Options:
    if not wanted.source or not wanted.source.isprintable():
        _misused("say who says this: `--source NAME`")
    if wanted.said["table"] and wanted.said["table"] not in TABLES:
        _misused(f"there is no table `{wanted.said['table']}`: the tables are {', '.join(TABLES)}")
    lists = dict(pair.split("=", 1) for pair in wanted.lists if "=" in pair)
    if len(lists) < len(wanted.lists) or not all(lists.values()):
        _misused("a list is named `dataset=list`, each dataset once")
    if (lists and wanted.format != "ftm") or (wanted.said["table"] and wanted.format != "csv"):
        _misused("`--table` is for csv alone, and `--lists` for ftm")
    return Options(**{"format": wanted.format, "source": wanted.source, "lists": lists, **wanted.said})


def _misused(message: str) -> NoReturn:
    complain(f"cordon: {message}")
    raise typer.Exit(2)


def _set_rank(database: Database, source: str, rank: int | None) -> None:
    if rank is not None:
        with database.writing() as writing:
            put_source(writing, source, rank)


def _run(importer: Importer, file: ImportFile, import_: Import) -> Import:
    try:
        with _progress(file.name) as heard:
            return engine.Importer(importer.database, importer.actor, on_progress=heard).run(file, import_)
    except Overtaken as overtaken:
        fail(f"cordon: {overtaken}")
    except (KeyboardInterrupt, Unavailable):
        complain(f"import `{import_.id}` is not ended: the same command goes on with it")
        raise


@contextmanager
def _progress(name: str) -> Iterator[Callable[[engine.Progress], None]]:
    """A bar on standard error if that is a terminal; else nothing."""
    if not sys.stderr.isatty():
        yield unheard
        return
    shown = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[rows]}"), TimeRemainingColumn())
    with Progress(*shown, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(name, total=None, rows="")

        def heard(progress: engine.Progress) -> None:
            rows = f"{progress.rows:,} rows, {progress.rejected:,} rejected"
            bar.update(task, total=progress.total_bytes, completed=progress.bytes, rows=rows)

        yield heard


def _write_report(database: Database, done: Import, path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file, database.reading() as connection:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("line", "column", "message"))
        writer.writerows(rejection for _, rejection in journal.rejected(connection, done.id))


def _lines(done: Import) -> Iterator[str]:
    """What became of an import, for people."""
    counts, changed = done.counts, done.counts.changed
    yield f"import `{done.id}` is {done.status}: {counted(counts.read, 'row')} read, {counts.rejected} rejected"
    written = f"{changed.new} new, {changed.changed} changed, {changed.unchanged} unchanged"
    yield f"  {written}, {changed.retracted} retracted"
    if counts.undone_batches:
        yield f"  {counted(counts.undone_batches, 'batch')} undone for faults".replace("batchs", "batches")
    if changed.outranked:
        yield f"  {counted(changed.outranked, 'row')} left to a source of a better rank"
    for reason, number in [*sorted(counts.left_out.items()), *sorted(counts.notes.items())]:
        yield f"  {number}: {reason}"
    if counts.unrecorded:
        yield f"  {counts.unrecorded}: owners and subjects of whom nothing else is recorded"
    if counts.above_whole:
        named = ", ".join(f"`{id}`" for id in counts.above_whole_first[:10])
        yield f"  {counts.above_whole}: subjects of which more than 100 % is held, such as {named}"


def directory_command(path: Path, url: str, output: Output) -> None:
    """Take a directory of data over."""
    with faults_as(output), opened(url, statement_seconds=STATEMENT_SECONDS) as database:
        seeded = import_directory(database, path, acting_user())
    if output is Output.JSON:
        return say_json(asdict(seeded))
    names = {"acting": "partnerships", "rulesets": "rule sets"}
    changed = (f"{names.get(name, name)}: {number}" for name, number in asdict(seeded).items())
    return say("changed: " + ", ".join(changed))


def list_command(url: str, output: Output) -> None:
    """Show the newest imports."""
    with opened(url, statement_seconds=STATEMENT_SECONDS) as database, database.reading() as connection:
        found = journal.listed(connection, LISTED)
    if output is Output.JSON:
        return say_json([import_row(each) for each in found])
    table = Table(*COLUMNS, box=None, pad_edge=False)
    for each in found:
        counts = each.counts
        numbers = (each.position, counts.changed.new, counts.changed.changed, counts.rejected)
        started = each.started_at.strftime("%Y-%m-%d %H:%M")
        table.add_row(
            each.id, each.status, each.options.format, each.options.source, *map(str, numbers), started, each.file
        )
    return say_rich(table) if found else say("no imports")


def report_command(id: str, url: str, output: Output) -> None:
    """Show one import and its rejections."""
    with opened(url, statement_seconds=STATEMENT_SECONDS) as database, database.reading() as connection:
        found = journal.find(connection, id)
        if found is None:
            fail(f"cordon: there is no import `{id}`")
        rejections = (rejection for _, rejection in journal.rejected(connection, id))
        if output is Output.JSON:
            return say_json({**import_row(found), "rejections": [rejection_row(each) for each in rejections]})
        say(*_lines(found))
        for line, column, message in rejections:
            say(f"{found.file}:{line}: {message}" + (f" at {column}" if column else ""))
    return None
