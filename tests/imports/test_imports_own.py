"""Cordon's own CSV and NDJSON: the columns of a directory of data, every fault with its line, its column and why."""

import gzip
import io
import zipfile
from pathlib import Path

import pytest

from service.imports.own_csv import read_csv
from service.imports.own_json import read_json
from service.imports.records import BrokenFile
from service.storage.database import Database
from tests.imports.importing import current, imported, interests, messages, rejections, state, stream, written

INTERESTS = """owner,subject,share,control,start,end
a,b,51%,,,
c,b,"(25%, 50%]",true,2020-01-01,2021-01-01T00:00:00+01:00
"""


def csv_faults(text: str | bytes, table: str) -> list[tuple[int, str, str]]:
    return messages(read_csv(stream(text).bytes, source="s", table=table, name=""))


def test_a_table_of_interests_is_recorded_exactly(database: Database, tmp_path: Path) -> None:
    done = imported(database, written(tmp_path / "interests.csv", INTERESTS), "csv")
    assert interests(database) == [
        "a -> b: 51%",
        "c -> b: (25%, 50%], control, from 2020-01-01, until 2020-12-31",
    ]
    assert (done.status, done.counts.read, done.counts.changed.new) == ("done", 2, 2)


def test_a_share_finer_than_a_millionth_is_kept_as_an_interval(database: Database, tmp_path: Path) -> None:
    text = 'owner,subject,share\na,b,33.33333%\nc,b,"[10%, 66.666661%]"\n'
    imported(database, written(tmp_path / "interests.csv", text), "csv")
    assert interests(database) == ["a -> b: (33.3333%, 33.3334%)", "c -> b: [10%, 66.6667%)"]


def test_every_table_of_a_directory_can_be_imported(database: Database, tmp_path: Path) -> None:
    tables = {
        "entities.csv": "id,name,kind,headquarters,listed,acts_with\nb,B AG,company,DE;FR,us-sdn,a\n",
        "listings.csv": "entity,list,start,end\nb,eu-freeze,2022-01-01,\n",
        "accounts.csv": "id,entity,tags,declared.billing\nacct,b,trial;eu,DE\n",
        "resources.csv": "id,tags,provider\nchat,api,b\n",
        "acting.csv": "one,other\nz,b\n",
    }
    for name, text in tables.items():
        assert imported(database, written(tmp_path / name, text), "csv").status == "done"
    assert current(database, "entities", "id", "kind", "seats") == [("b", "company", '{"headquarters":["DE","FR"]}')]
    assert current(database, "listings", "entity", "list") == [("b", "eu-freeze"), ("b", "us-sdn")]
    assert current(database, "accounts", "id", "entity", "tags", "declared") == [
        ("acct", "b", '["eu","trial"]', '{"billing":"DE"}')
    ]
    assert current(database, "resources", "id", "tags", "provider") == [("chat", '["api"]', "b")]
    assert current(database, "acting", "one", "other") == [("a", "b"), ("b", "z")]


def test_a_list_that_a_row_no_longer_names_is_retracted(database: Database, tmp_path: Path) -> None:
    imported(database, written(tmp_path / "entities.csv", "id,listed\na,x;y;z\nb,x\n"), "csv")
    done = imported(database, written(tmp_path / "entities.csv", "id,listed\na,y\nb,x\n"), "csv")
    assert current(database, "listings", "entity", "list") == [("a", "y"), ("b", "x")]
    assert done.counts.changed.retracted == 2


@pytest.mark.parametrize(
    ("table", "row", "column", "said"),
    [
        ("interests", "owner,subject,share\n,b,1%\n", "owner", "the owner is empty"),
        ("interests", "owner,subject,share\na,b,half\n", "share", "`half` is not a share"),
        ("interests", "owner,subject,share\na,b,101%\n", "share", "`101%` is more than 100%"),
        ("interests", "owner,subject,share\na,b,100.00001%\n", "share", "`100.00001%` is more than 100%"),
        ("interests", "owner,subject,control\na,b,yes\n", "control", "`yes` is neither `true` nor `false`"),
        ("interests", "owner,subject,start\na,b,2020-13-01\n", "start", "there is no such moment"),
        ("interests", "owner,subject,start,end\na,b,2020-01-02,2020-01-02\n", "end", "is not after the start"),
        ("entities", "id,headquarters\na,UK\n", "headquarters", "write `GB`"),
        ("accounts", "id,declared.phone\na,XX\n", "declared.phone", "unknown code `XX`"),
        ("interests", "owner,subject\na\n", "", "too short: 1 cells"),
        ("interests", "owner,subject\na,b,c\n", "", "too long: 3 cells"),
        ("interests", 'owner,subject\n"a"x,b\n', "", "the quotes are not in order"),
        ("interests", "owner,subject\na\x00b,c\n", "owner", "a control character"),
        ("acting", "one,other\na,a\n", "other", "cannot act together with itself"),
    ],
)
def test_a_faulty_row_is_told_by_line_column_and_why(table: str, row: str, column: str, said: str) -> None:
    [(line, at, message)] = csv_faults(row, table)
    assert (line, at) == (2, column)
    assert said in message


def test_every_fault_of_a_row_is_found_and_lines_are_those_of_the_file() -> None:
    text = 'owner,subject,share,start\n"a\n",b,1%,\n\n,b,x,y\n'
    assert [(line, column) for line, column, _ in csv_faults(text, "interests")] == [
        (5, "owner"),
        (5, "start"),
        (5, "share"),
    ]


def test_a_row_that_is_not_utf_8_is_rejected_and_the_next_is_not() -> None:
    assert csv_faults(b"owner,subject\na\xff,b\nc,d\n", "interests") == [
        (2, "owner", "a control character, or not UTF-8")
    ]


@pytest.mark.parametrize(
    ("text", "table", "said"),
    [
        ("", "", "no header row"),
        ("owner,subject,stake\n", "interests", "unknown column `stake`"),
        ("owner,owner,subject\n", "interests", "a second time"),
        ("owner,share\n", "interests", "column `subject` is missing"),
        ("id,tags\n", "", "do not say which table"),
        ("id\n", "shares", "there is no table `shares`"),
    ],
)
def test_a_faulty_header_ends_the_reading(text: str, table: str, said: str) -> None:
    with pytest.raises(BrokenFile, match=said):
        csv_faults(text, table)


def test_the_columns_say_which_table_it_is_where_the_name_does_not(database: Database, tmp_path: Path) -> None:
    assert imported(database, written(tmp_path / "export-17.csv", INTERESTS), "csv").counts.changed.new == 2


def test_packed_files_are_unpacked(database: Database, tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("interests.csv", INTERESTS)
    imported(database, written(tmp_path / "interests.csv.gz", gzip.compress(INTERESTS.encode())), "csv")
    again = imported(database, written(tmp_path / "interests.csv.zip", packed.getvalue()), "csv")
    assert again.counts.changed.unchanged == 2


def test_a_damaged_file_fails_and_says_so(database: Database, tmp_path: Path) -> None:
    damaged = gzip.compress(INTERESTS.encode())[:-12]
    done = imported(database, written(tmp_path / "interests.csv.gz", damaged), "csv", complete=True)
    assert done.status == "failed"
    assert [each.message for each in rejections(database, done)] == ["the packed file is damaged, or ends too early"]


def test_lines_of_json_say_the_same_as_tables(database: Database, tmp_path: Path) -> None:
    lines = """{"type": "entity", "id": "b", "kind": "company", "incorporation": "DE", "acts_with": ["a"]}
{"type": "interest", "owner": "a", "subject": "b", "share": "51%", "control": true, "kind": "votes", "id": "i-1"}

{"type": "listing", "entity": "b", "list": "us-sdn", "start": "2020-01-01"}
{"type": "account", "id": "acct", "entity": "b", "tags": ["x"], "declared": {"billing": "DE"}}
{"type": "resource", "id": "chat", "provider": "b"}
{"type": "acting", "one": "b", "other": "c"}
"""
    done = imported(database, written(tmp_path / "facts.ndjson", lines), "ndjson")
    assert (done.counts.read, done.counts.rejected) == (6, 0)
    recorded = state(database)
    assert [len(rows) for rows in recorded.values()] == [1, 1, 1, 2, 1, 1]
    assert current(database, "interests", "id", "kind", "control") == [("i-1", "votes", True)]


@pytest.mark.parametrize(
    ("line", "column", "said"),
    [
        ("{", "", "not JSON"),
        ("17", "", "an object is expected"),
        ('{"type": "stake"}', "type", "none of `entity`"),
        ('{"type": "interest", "owner": "a", "subject": "b", "share": 51.5}', "share", 'write `"51.5%"`'),
        ('{"type": "interest", "owner": 7, "subject": "b"}', "owner", "a text is expected"),
        ('{"type": "interest", "owner": "a", "subject": "b", "stake": "1%"}', "stake", "unknown member"),
        ('{"type": "account", "id": "a", "declared": {"phone": 49}}', "declared.phone", "a code is expected"),
        ('{"type": "entity", "id": "a", "listed": [1]}', "listed", "a list of texts is expected"),
        ('{"type": "entity", "id": "a\\u0000"}', "id", "a control character"),
    ],
)
def test_a_faulty_line_of_json_is_told_by_member(line: str, column: str, said: str) -> None:
    [(number, at, message)] = messages(read_json(stream(f"\n{line}\n").bytes, source="s"))
    assert (number, at) == (2, column)
    assert said in message
