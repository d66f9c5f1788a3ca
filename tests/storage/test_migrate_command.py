"""`cordon migrate`: what it says, and that no URL ends in a traceback."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from service.cli import app
from service.storage.database import open_database
from service.storage.migrate import require_current
from tests.databases import Clock


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["migrate", *arguments])


def test_a_file_that_is_not_there_is_made_and_migrated(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new.db'}"
    first, second = run("--database", url), run("--database", url)
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert first.stdout == second.stdout.replace(" already", "")
    require_current(open_database(url, Clock().read))


def test_a_restored_database_is_told_its_new_epoch(database_url: str) -> None:
    before = open_database(database_url, Clock().read).position()
    done = run("--database", database_url, "--restored")
    after = open_database(database_url, Clock().read).position()
    assert done.stdout.splitlines()[1] == f"its epoch is now {after.epoch}"
    assert after.epoch != before.epoch


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://127.0.0.1:1/none", "connection refused"),
        ("mysql://localhost/cordon", "`mysql` is no database that Cordon knows"),
        ("cordon.db", "not a URL of a database"),
        ("sqlite://", "a database in memory is gone with its process"),
        ("sqlite:////nowhere/at/all.db", "unable to open database file"),
    ],
)
def test_a_url_that_leads_nowhere_is_said_in_one_line(url: str, said: str) -> None:
    done = run("--database", url)
    assert done.exit_code == 1
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
