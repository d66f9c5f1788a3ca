"""Files of a directory that are no text, no table or no file: one fault each, and nothing that waits."""

import os
from pathlib import Path

import pytest

from service.documents import read_file
from service.storage.directory import TABLE_LIMIT_BYTES, InvalidDirectory, directory_stamp, load_directory
from tests.service.conftest import WORLD, write_world


def faults_of(directory: Path) -> list[tuple[str, str]]:
    """File name and message of every fault."""
    with pytest.raises(InvalidDirectory) as raised:
        load_directory(directory)
    return [(Path(fault.file).name, fault.message) for fault in raised.value.faults]


def pipe_in_place_of(file: Path) -> Path:
    file.unlink(missing_ok=True)
    os.mkfifo(file)
    return file


@pytest.mark.parametrize("name", ["entities.csv", "accounts.csv", "policy.yaml", "cases.yaml"])
def test_a_pipe_is_never_opened(tmp_path: Path, name: str) -> None:
    pipe_in_place_of(write_world(tmp_path) / name)
    assert faults_of(tmp_path) == [(name, "not a regular file")]


def test_a_link_to_a_device_is_as_bad_as_the_device(tmp_path: Path) -> None:
    write_world(tmp_path).joinpath("endless.yaml").symlink_to("/dev/zero")
    assert faults_of(tmp_path) == [("endless.yaml", "not a regular file")]


def test_a_link_to_a_file_is_followed(tmp_path: Path) -> None:
    table = write_world(tmp_path / "data") / "accounts.csv"
    table.rename(tmp_path / "elsewhere.csv")
    table.symlink_to(tmp_path / "elsewhere.csv")
    assert load_directory(tmp_path / "data").accounts


def test_a_document_that_is_a_pipe_has_that_fault(tmp_path: Path) -> None:
    document = read_file(pipe_in_place_of(tmp_path / "x.yaml"))
    assert [problem.message for problem in document.problems] == ["not a regular file"]


def test_a_table_past_the_limit_is_not_read(tmp_path: Path) -> None:
    os.truncate(write_world(tmp_path) / "entities.csv", TABLE_LIMIT_BYTES + 1)
    assert faults_of(tmp_path) == [("entities.csv", "larger than 1024 MiB")]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("name", ["entities.csv", "interests.csv"])
def test_a_table_in_utf_16_is_one_fault(tmp_path: Path, name: str, encoding: str) -> None:
    write_world(tmp_path).joinpath(name).write_bytes(WORLD[name].encode(encoding))
    assert faults_of(tmp_path) == [(name, "UTF-16 text: save it as UTF-8")]


def test_a_header_without_any_known_column_is_one_fault(tmp_path: Path) -> None:
    write_world(tmp_path, {"entities.csv": WORLD["entities.csv"].replace(",", ";")})
    (name, message), *others = faults_of(tmp_path)
    assert (name, others) == ("entities.csv", [])
    assert message.startswith("no column that is known: the columns are `id`")


def test_references_do_not_dangle_because_the_ids_of_entities_are_missing(tmp_path: Path) -> None:
    write_world(tmp_path, {"entities.csv": "name,headquarters\nFar Ltd,CN\n"})
    assert faults_of(tmp_path) == [("entities.csv", "column `id` is missing")]


def test_references_to_entities_dangle_if_there_is_no_table_of_them(tmp_path: Path) -> None:
    write_world(tmp_path).joinpath("entities.csv").unlink()
    assert ("resources.csv", "unknown entity `near`: entities.csv has no row for it") in faults_of(tmp_path)


def test_an_edit_that_keeps_size_and_time_is_noticed(tmp_path: Path) -> None:
    table = write_world(tmp_path) / "accounts.csv"
    before, times = directory_stamp(tmp_path), table.stat()
    with table.open("r+") as text:
        text.write("ID")
    os.utime(table, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert [name for name, *_ in set(directory_stamp(tmp_path)) - set(before)] == ["accounts.csv"]
