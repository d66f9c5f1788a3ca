"""What every import keeps to: nothing twice, faults undo what was chosen, and whoever is concerned is touched."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from service.imports import journal
from service.imports.engine import Importer, Progress
from service.imports.journal import Options, Overtaken
from service.imports.streams import ImportFile
from service.storage.database import FOREVER, Database
from service.storage.facts import put_source
from service.storage.schema import audit, changes
from service.storage.schema import interests as interests_table
from tests.databases import Clock
from tests.imports.importing import (
    ACTOR,
    FILES,
    current,
    imported,
    interests,
    rejections,
    state,
    written,
)

HEADER = "owner,subject,share\n"
FAULTY = HEADER + "a,b,1%\nc,d,2%\ne,f,half\ng,h,3%\n"
"""The third row is at fault: in batches of two, it is in the second."""


def touched(database: Database) -> list[tuple[str, str]]:
    """Whom the last change touched."""
    query = select(changes.c.subject, changes.c.id).where(changes.c.seq == database.position().seq)
    with database.reading() as connection:
        return sorted((row.subject, row.id) for row in connection.execute(query))


@pytest.mark.parametrize(
    ("name", "format"),
    [("bods.json", "bods"), ("rr.csv", "gleif"), ("repex.csv", "gleif"), ("opensanctions.json", "ftm")],
)
def test_the_same_file_twice_changes_nothing(database: Database, name: str, format: str) -> None:
    first = imported(database, FILES / name, format, batch_rows=3)
    before, position = state(database), database.position()
    again = imported(database, FILES / name, format, batch_rows=4, complete=True)
    assert (state(database), database.position()) == (before, position)
    assert again.counts.changed.unchanged == first.counts.changed.new > 0
    assert (again.counts.changed.new, again.counts.changed.changed, again.counts.changed.retracted) == (0, 0, 0)


def test_what_changed_is_a_new_version_and_the_old_one_stays_known(
    database: Database, clock: Clock, tmp_path: Path
) -> None:
    imported(database, written(tmp_path / "interests.csv", HEADER + "a,b,1%\nc,d,2%\n"), "csv")
    clock.advance()
    imported(database, written(tmp_path / "interests.csv", HEADER + "a,b,1%\nc,d,5%\n"), "csv")
    columns = (interests_table.c.owner, interests_table.c.share, interests_table.c.recorded_to == FOREVER)
    with database.reading() as connection:
        versions = [tuple(row) for row in connection.execute(select(*columns).order_by(interests_table.c.row))]
    assert versions == [("a", "1%", True), ("c", "2%", False), ("c", "5%", True)]
    assert touched(database) == [("entity", "c"), ("entity", "d")]


def test_an_interest_that_moves_touches_whom_it_was_of_and_whom_it_is_of(database: Database, tmp_path: Path) -> None:
    table = "id,owner,subject,share\ni-1,{},b,1%\n"
    for owner in ("a", "z"):
        imported(database, written(tmp_path / "interests.csv", table.format(owner)), "csv")
    assert touched(database) == [("entity", "a"), ("entity", "b"), ("entity", "z")]


def test_accounts_and_resources_are_touched_by_their_ids(database: Database, tmp_path: Path) -> None:
    lines = '{"type": "account", "id": "acct"}\n{"type": "resource", "id": "chat"}\n'
    imported(database, written(tmp_path / "facts.ndjson", lines), "ndjson")
    assert touched(database) == [("account", "acct"), ("resource", "chat")]


def test_more_than_a_thousand_concerned_are_everything(database: Database, tmp_path: Path) -> None:
    rows = "".join(f"owner-{number},subject,0.01%\n" for number in range(1001))
    imported(database, written(tmp_path / "interests.csv", HEADER + rows), "csv")
    assert touched(database) == [("everything", "")]


def test_a_fault_undoes_its_row_alone_unless_told_otherwise(database: Database, tmp_path: Path) -> None:
    done = imported(database, written(tmp_path / "interests.csv", FAULTY), "csv", batch_rows=2)
    assert (done.status, interests(database)) == ("done", ["a -> b: 1%", "c -> d: 2%", "g -> h: 3%"])
    assert [(each.line, each.column) for each in rejections(database, done)] == [(4, "share")]


def test_a_fault_undoes_its_batch_where_that_is_chosen(database: Database, tmp_path: Path) -> None:
    file = written(tmp_path / "interests.csv", FAULTY)
    done = imported(database, file, "csv", batch_rows=2, on_fault="batch")
    assert (done.status, interests(database)) == ("done", ["a -> b: 1%", "c -> d: 2%"])
    assert (done.counts.undone_batches, done.counts.rejected, done.counts.read) == (1, 1, 4)


def test_a_fault_undoes_the_whole_file_where_that_is_chosen(database: Database, tmp_path: Path) -> None:
    file = written(tmp_path / "interests.csv", FAULTY)
    before = database.position()
    done = imported(database, file, "csv", batch_rows=2, on_fault="file")
    assert (done.status, interests(database), database.position()) == ("failed", [], before)
    assert [each.line for each in rejections(database, done)] == [4]
    sound = written(tmp_path / "interests.csv", FAULTY.replace("half", "50%"))
    done = imported(database, sound, "csv", batch_rows=2, on_fault="file")
    assert (done.status, len(interests(database)), done.counts.read) == ("done", 4, 4)
    assert database.position().seq == before.seq + 1


@pytest.mark.parametrize(("on_fault", "left"), [("skip", 1), ("batch", 0), ("file", 0)])
def test_an_id_of_another_source_is_not_taken_away_from_it(
    database: Database, tmp_path: Path, on_fault: str, left: int
) -> None:
    table = "id,owner,subject,share\n"
    imported(database, written(tmp_path / "interests.csv", f"{table}1,a,b,1%\n"), "csv", source="theirs")
    ours = written(tmp_path / "interests.csv", f"{table}1,x,y,2%\n2,v,w,3%\n")
    done = imported(database, ours, "csv", source="ours", on_fault=on_fault)
    assert interests(database) == ["a -> b: 1%", "v -> w: 3%"][: 1 + left]
    [rejection] = rejections(database, done)
    assert (rejection.line, rejection.column) == (2, "id")
    assert rejection.message == "`1` is what source `theirs` calls something of its own"


@pytest.mark.parametrize("batch_rows", [2, 100])
def test_what_a_file_says_twice_is_rejected_the_second_time_in_whatever_batch(
    database: Database, tmp_path: Path, batch_rows: int
) -> None:
    file = written(tmp_path / "interests.csv", HEADER + "a,b,1%\nc,d,2%\na,b,3%\n")
    done = imported(database, file, "csv", batch_rows=batch_rows)
    assert interests(database) == ["a -> b: 1%", "c -> d: 2%"]
    [rejection] = rejections(database, done)
    assert (rejection.line, rejection.message[:31]) == (4, "line 2 says the same already: `")


def test_what_a_complete_source_no_longer_says_is_retracted(database: Database, tmp_path: Path) -> None:
    lines = [
        '{"type": "entity", "id": "a", "acts_with": ["z"], "listed": ["x"]}',
        '{"type": "interest", "owner": "a", "subject": "b", "share": "1%"}',
        '{"type": "interest", "owner": "c", "subject": "d", "share": "1%"}',
    ]
    path = tmp_path / "facts.ndjson"
    imported(database, written(path, lines[1].replace('"b"', '"other"')), "ndjson", source="others")
    imported(database, written(path, "\n".join(lines)), "ndjson", complete=True)
    done = imported(database, written(path, lines[2]), "ndjson", complete=True)
    assert interests(database) == ["a -> other: 1%", "c -> d: 1%"]
    assert [len(rows) for name, rows in state(database).items() if name != "interests"] == [0, 0, 0, 0, 0]
    assert done.counts.changed.retracted == 4


@pytest.mark.parametrize("rest", ["", "a,b,half\n"])
def test_a_complete_source_that_was_not_taken_over_whole_retracts_nothing(
    database: Database, tmp_path: Path, rest: str
) -> None:
    path = tmp_path / "interests.csv"
    imported(database, written(path, HEADER + "a,b,1%\n"), "csv")
    done = imported(database, written(path, HEADER + rest), "csv", complete=True)
    assert interests(database) == ["a -> b: 1%"]
    assert done.counts.notes == {"nothing retracted: not all of the file was taken over": 1}


def test_an_entity_is_as_the_source_of_the_best_rank_describes_it(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "entities.csv"
    with database.writing() as writing:
        put_source(writing, "good", 10)
    for source in ("beta", "alpha", "beta", "good", "alpha"):
        last = imported(database, written(path, f"id,name\na,as {source} says\n"), "csv", source=source)
    assert current(database, "entities", "name", "source") == [("as good says", "good")]
    assert last.counts.changed.outranked == 1


def test_between_sources_without_rank_the_first_by_name_describes_an_entity(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "entities.csv"
    for source in ("beta", "alpha", "beta"):
        imported(database, written(path, f"id,name\na,as {source} says\n"), "csv", source=source)
    assert current(database, "entities", "name") == [("as alpha says",)]


def test_subjects_owned_more_than_whole_are_named_and_only_while_they_are(database: Database, tmp_path: Path) -> None:
    rows = [
        "a,over,50.00%,,",
        "b,over,50.0001%,,",
        "a,exact,5.17%,,",
        "b,exact,15.73%,,",
        "c,exact,25.73%,,",
        "d,exact,53.37%,,",
        "a,sold,90%,,2020-01-01",
        "b,sold,90%,2020-01-01,",
        'a,banded,"(50%, 75%]",,',
        'b,banded,"(50%, 75%]",,',
    ]
    file = written(tmp_path / "interests.csv", "owner,subject,share,start,end\n" + "\n".join(rows))
    counts = imported(database, file, "csv").counts
    assert (counts.above_whole, counts.above_whole_first) == (1, ["over"])


def test_those_of_whom_nothing_else_is_recorded_are_counted_once(database: Database, tmp_path: Path) -> None:
    imported(database, written(tmp_path / "entities.csv", "id\nb\n"), "csv")
    done = imported(database, written(tmp_path / "interests.csv", HEADER + "a,b,1%\nb,c,1%\na,c,2%\n"), "csv")
    assert done.counts.unrecorded == 2


def test_an_import_is_audited_when_it_begins_and_when_it_ends(database: Database, tmp_path: Path) -> None:
    done = imported(database, written(tmp_path / "interests.csv", FAULTY), "csv")
    query = select(audit.c.actor, audit.c.action, audit.c.object, audit.c.after).order_by(audit.c.number)
    with database.reading() as connection:
        begun, ended = (tuple(row) for row in connection.execute(query))
    assert begun[:3] == (ACTOR, "import.start", f"import:{done.id}")
    assert json.loads(begun[3])["digest"] == done.digest
    assert ended[:3] == (ACTOR, "import.end", f"import:{done.id}")
    assert json.loads(ended[3])["counts"]["rejected"] == 1


def running(database: Database, file: ImportFile, **options: Any) -> tuple[Importer, journal.Import]:
    """An import that has begun."""
    importer = Importer(database, ACTOR)
    return importer, importer.start(file, Options("csv", "register", **options))


def stop_after(rows: int) -> Callable[[Progress], None]:
    """Fails once an import has come to so many rows: what it was told of is not taken over yet."""

    def heard(progress: Progress) -> None:
        if progress.rows > rows:
            raise KeyboardInterrupt

    return heard


@pytest.mark.parametrize("on_fault", ["skip", "batch", "file"])
def test_an_import_that_was_stopped_goes_on_behind_its_last_batch(
    database: Database, sqlite_database: Database, tmp_path: Path, on_fault: str
) -> None:
    file = written(tmp_path / "interests.csv", FAULTY.replace("half", "4%") + "a,b,9%\ni,j,9%\n")
    options = {"batch_rows": 2, "on_fault": on_fault, "complete": True}
    importer, import_ = running(database, file, **options)
    with pytest.raises(KeyboardInterrupt):
        Importer(database, ACTOR, on_progress=stop_after(4)).run(file, import_)
    unfinished = importer.unfinished(file, import_.options)
    assert unfinished is not None
    assert unfinished.position == (0 if on_fault == "file" else 4)
    done = importer.run(file, unfinished)
    assert importer.unfinished(file, import_.options) is None
    if database is not sqlite_database:
        imported(sqlite_database, file, "csv", **options)
    assert state(database) == state(sqlite_database)
    assert (done.counts.read, done.counts.rejected) == (6, 1)
    assert [each.line for each in rejections(database, done)] == [6]


def test_two_who_go_on_with_one_import_do_not_both(database: Database, tmp_path: Path) -> None:
    file = written(tmp_path / "interests.csv", FAULTY)
    importer, import_ = running(database, file, batch_rows=2)
    importer.run(file, import_)
    with pytest.raises(Overtaken):
        importer.run(file, import_)


def test_an_import_that_is_given_up_is_not_gone_on_with(database: Database, tmp_path: Path) -> None:
    file = written(tmp_path / "interests.csv", FAULTY)
    importer, import_ = running(database, file)
    importer.abandon(import_)
    assert importer.unfinished(file, import_.options) is None
    with database.reading() as connection:
        assert [each.status for each in journal.listed(connection, 10)] == ["abandoned"]
