"""`cordon import`: what it prints, its exit status, and that a killed one goes on to the same end."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from typer.testing import CliRunner, Result

from service.cli import app
from service.storage.database import Database, open_database
from service.storage.schema import imports, sources
from tests.imports.importing import FILES, current, imported, interests, state, written
from tests.service.conftest import write_world

FAULTY = "owner,subject,share\na,b,51%\nc,d,half\n"
PATIENCE_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Importing:
    """Runs `cordon import` against one database."""

    url: str

    def __call__(self, *arguments: str | Path, code: int = 0) -> Result:
        done = CliRunner().invoke(app, ["import", *map(str, arguments), "--database", self.url])
        assert done.exit_code == code, done.output
        return done

    def document(self, *arguments: str | Path, code: int = 0) -> Any:
        return json.loads(self(*arguments, "-o", "json", code=code).stdout)


@pytest.fixture
def cordon(database_url: str) -> Importing:
    return Importing(database_url)


@pytest.fixture
def recorded(database_url: str) -> Iterator[Database]:
    """The same database, to be looked at."""
    database = open_database(database_url, lambda: datetime.now(UTC))
    yield database
    database.close()


def test_an_import_says_what_became_of_the_rows(cordon: Importing, tmp_path: Path) -> None:
    file, report = tmp_path / "interests.csv", tmp_path / "report.csv"
    file.write_text(FAULTY)
    done = cordon("csv", file, "--source", "register", "--report", report, code=1)
    assert "is done: 2 rows read, 1 rejected" in done.stdout
    assert "1 new, 0 changed, 0 unchanged, 0 retracted" in done.stdout
    assert report.read_text().splitlines()[1].startswith('3,share,"`half` is not a share')


def test_every_format_has_its_command(cordon: Importing, recorded: Database, tmp_path: Path) -> None:
    lines = written(tmp_path / "facts.ndjson", '{"type": "entity", "id": "acme"}\n').path
    cordon("ndjson", lines, "--source", "own")
    cordon("bods", FILES / "bods.json", "--source", "register", code=1)
    cordon("gleif", FILES / "repex.csv", "--source", "gleif-exceptions")
    cordon("ftm", FILES / "opensanctions.json", "--source", "opensanctions", "--lists", "eu_fsf=our-eu", code=1)
    names = [row["format"] for row in cordon.document("list")]
    assert names == ["ftm", "gleif", "bods", "ndjson"]
    assert ("our-eu",) in current(recorded, "listings", "list")


def test_a_report_lists_every_rejection_by_file_and_line(cordon: Importing, tmp_path: Path) -> None:
    file = written(tmp_path / "interests.csv", FAULTY).path
    id = cordon.document("csv", file, "--source", "register", code=1)["id"]
    assert "interests.csv:3: `half` is not a share" in cordon("report", id).stdout
    assert cordon.document("report", id)["rejections"][0]["column"] == "share"
    assert "there is no import `nobody`" in cordon("report", "nobody", code=1).stderr


def test_a_directory_of_data_is_taken_over_with_its_rule_sets(
    cordon: Importing, recorded: Database, tmp_path: Path
) -> None:
    directory = write_world(tmp_path / "world")
    assert cordon.document("directory", directory)["entities"] == 3
    assert interests(recorded) == ["far -> half: 50%"]
    assert sum(cordon.document("directory", directory).values()) == 0


def test_a_rank_is_given_along(cordon: Importing, recorded: Database, tmp_path: Path) -> None:
    file = written(tmp_path / "interests.csv", FAULTY).path
    cordon("csv", file, "--source", "register", "--rank", "5", code=1)
    with recorded.reading() as connection:
        assert connection.execute(select(sources.c.name, sources.c.rank)).all() == [("register", 5)]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "say who says this"),
        (("--source", "s", "--table", "shares"), "there is no table `shares`"),
        (("--source", "s", "--lists", "a=b"), "`--lists` for ftm"),
        (("--source", "s", "--lists", "a"), "a list is named `dataset=list`"),
    ],
)
def test_misuse_is_told_and_nothing_begins(
    sqlite_url: str, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    cordon = Importing(sqlite_url)
    file = written(tmp_path / "interests.csv", FAULTY).path
    assert said in cordon("csv", file, *arguments, code=2).stderr
    assert cordon.document("list") == []


def test_what_cannot_be_resumed_is_told(sqlite_url: str, tmp_path: Path) -> None:
    cordon = Importing(sqlite_url)
    file = written(tmp_path / "interests.csv", FAULTY).path
    id = cordon.document("csv", file, "--source", "register", code=1)["id"]
    assert "is done: there is nothing to go on with" in cordon("csv", file, "--resume", id, code=1).stderr
    assert "there is no import `x`" in cordon("csv", file, "--resume", "x", code=1).stderr


def test_a_killed_import_goes_on_to_the_state_of_one_that_was_not(
    cordon: Importing, recorded: Database, sqlite_database: Database, tmp_path: Path
) -> None:
    rows = "".join(f"owner-{number % 97},subject-{number // 3},0.0{number % 9 + 1}%\n" for number in range(4_000))
    file = written(tmp_path / "interests.csv", f"owner,subject,share\n{rows}owner-0,subject-0,9%\n")
    command = [sys.executable, "-m", "service.cli", "import", "csv", str(file.path), "--database", cordon.url]
    process = subprocess.Popen([*command, "--source", "register", "--batch", "40"], start_new_session=True)
    wait_until_begun(recorded)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    [stopped] = cordon.document("list")
    assert stopped["status"] == "running"
    assert 0 < stopped["position"] < 4_001
    done = cordon("csv", file.path, "--source", "register", "--batch", "40", code=1)
    assert f"goes on with import `{stopped['id']}` behind row {stopped['position']}" in done.stderr
    [row] = cordon.document("list")
    assert (row["status"], row["counts"]["read"], row["counts"]["rejected"]) == ("done", 4_001, 1)
    imported(sqlite_database, file, "csv")
    if recorded.engine.url != sqlite_database.engine.url:
        assert state(recorded) == state(sqlite_database)


def wait_until_begun(database: Database) -> None:
    """Wait until an import has settled a few batches."""
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        with database.reading() as connection:
            if (connection.scalar(select(func.max(imports.c.position))) or 0) >= 200:
                return
        time.sleep(0.005)
    raise AssertionError("the import never began")
