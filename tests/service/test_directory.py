"""A directory of data: what it means, and every fault with its file, line and column."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rules.facts import AccountId, EntityId, Interest, ResourceId
from rules.shares import NO_SHARE, UNKNOWN_SHARE, parse_bounds
from service.documents import Fault
from service.packs import pack_text
from service.storage.directory import InvalidDirectory, directory_stamp, load_directory
from service.storage.records import COLUMNS
from tests.service.conftest import WORLD, write_world

HEADER = "owner,subject,share,control,start,end,source\n"


def faults_of(directory: Path) -> list[tuple[str, int, int, str]]:
    """File name, line, column and message of every fault."""
    with pytest.raises(InvalidDirectory) as raised:
        load_directory(directory)
    return [(Path(fault.file).name, fault.line, fault.column, fault.message) for fault in raised.value.faults]


CELLS = {
    "unknown code": ("entities.csv", "id,headquarters\nfar,CN\nnear,DE\nhalf,XQ", 4, 6, "unknown code `XQ`"),
    "one of several codes": ("entities.csv", "id,headquarters\nfar,CN\nnear,DE; XQ\nhalf,", 3, 6, "unknown code `XQ`"),
    "a group as a seat": ("entities.csv", "id,headquarters\nfar,EU\nnear,\nhalf,", 2, 5, "`EU` is a group"),
    "two kinds": ("entities.csv", "id,kind\nfar,state;bank\nnear,\nhalf,", 2, 5, "more than one kind"),
    "id twice": ("entities.csv", "id\nfar\nnear\nhalf\nfar", 5, 1, "`far` stands in line 2 already"),
    "empty id": ("entities.csv", "name,id\nx,far\ny,near\nz,half\nv,", 5, 3, "the id is empty"),
    "acting with nobody": ("entities.csv", "id,acts_with\nfar,near;who\nnear,\nhalf,", 2, 5, "unknown entity `who`"),
    "unknown column": ("entities.csv", "id,naem\nfar,\nnear,\nhalf,", 1, 4, "unknown column `naem`"),
    "column twice": ("entities.csv", "id,name,name\nfar,,\nnear,,\nhalf,,", 1, 9, "`name` stands here a second time"),
    "unnamed column": ("entities.csv", "id,\nfar,\nnear,\nhalf,", 1, 4, "unknown column ``"),
    "no header": ("resources.csv", "", 1, 1, "no header row"),
    "blank lines only": ("resources.csv", "\n \n", 1, 1, "no header row"),
    "no first column": ("resources.csv", "tags\nhigh\n", 1, 1, "column `id` is missing"),
    "no subject": ("interests.csv", "owner,share\nfar,50%\n", 1, 1, "column `subject` is missing"),
    "no owner": ("interests.csv", "subject,share\nhalf,50%\n", 1, 1, "column `owner` is missing"),
    "empty owner": ("interests.csv", HEADER + ",half,50%,,,,", 2, 1, "the owner is empty"),
    "unknown owner": ("interests.csv", HEADER + "who,half,50%,,,,", 2, 1, "unknown entity `who`"),
    "unknown subject": ("interests.csv", HEADER + "far,who,50%,,,,", 2, 5, "unknown entity `who`"),
    "share of nothing": ("interests.csv", HEADER + "far,half,half,,,,", 2, 10, "`half` is not a share"),
    "share past the whole": ("interests.csv", HEADER + "far,half,101%,,,,", 2, 10, "`101%` is more than 100%"),
    "quoted share": ("interests.csv", HEADER + 'far,half,"(50%, 25%]",,,,', 2, 10, "is empty"),
    "control as yes": ("interests.csv", HEADER + "far,half,50%,yes,,,", 2, 14, "neither `true` nor `false`"),
    "start without offset": ("interests.csv", HEADER + "far,half,,,2024-01-01T00:00:00,,", 2, 12, "without its offset"),
    "end that never was": ("interests.csv", HEADER + "far,half,,,,2024-02-30,", 2, 13, "there is no such moment"),
    "end at the start": (
        "interests.csv",
        HEADER + "far,half,,,2024-01-01,2024-01-01,",
        2,
        23,
        "is not after the start",
    ),
    "unknown account entity": ("accounts.csv", "id,entity\na,who", 2, 3, "unknown entity `who`"),
    "unknown declared code": ("accounts.csv", "id,declared.billing\na,germany", 2, 3, "unknown code `germany`"),
    "signal without a name": ("accounts.csv", "id,declared.\na,DE", 1, 4, "unknown column `declared.`"),
    "unknown provider": ("resources.csv", "id,provider\ntool,who", 2, 6, "unknown entity `who`"),
    "row too long": ("resources.csv", "id,tags\ntool,x,y", 2, 8, "the row is too long: 3 cells where the header has 2"),
    "row too short": ("resources.csv", "id,tags\ntool", 2, 1, "the row is too short: 1 cells where the header has 2"),
    "quote never closed": ("resources.csv", 'id,tags\ntool,"x\n\n', 2, 6, "the quote that opens here is never closed"),
    "text behind a quote": ("resources.csv", 'id,tags\ntool,"x"y', 2, 6, "`y` stands behind the closing quote"),
    "quote inside a cell": ("resources.csv", 'id,tags\ntool,x"y"', 2, 6, "a quote inside a cell"),
    "NUL": ("resources.csv", "id,tags\ntool,\0x", 2, 6, "control character U+0000"),
    "old line ends": ("resources.csv", "id,tags\ntool,x\rnext", 2, 7, "a carriage return alone"),
    "after a multi-line cell": (
        "interests.csv",
        'owner,source,subject\nfar,"two\nlines",who\n',
        3,
        8,
        "unknown entity `who`",
    ),
    "after doubled quotes": (
        "interests.csv",
        'owner,source,subject\nfar,"a ""b"", c",who\n',
        2,
        18,
        "unknown entity `who`",
    ),
    "after a byte order mark": ("resources.csv", "\ufeffid,provider\ntool,who", 2, 6, "unknown entity `who`"),
    "with Windows line ends": ("resources.csv", "id,provider\r\ntool,who\r\n", 2, 6, "unknown entity `who`"),
    "policy syntax": ("policy.yaml", "language: 1\nruleset: x: y\n", 2, 11, ""),
    "policy with an unknown key": (
        "policy.yaml",
        WORLD["policy.yaml"] + "colour: red\n",
        35,
        1,
        "unknown key `colour`",
    ),
    "faulty neighbour": ("beside.yaml", WORLD["beside.yaml"] + "colour: red\n", 12, 1, "unknown key `colour`"),
}


@pytest.mark.parametrize(("file", "text", "line", "column", "message"), CELLS.values(), ids=CELLS)
def test_a_fault_points_at_its_cell(tmp_path: Path, file: str, text: str, line: int, column: int, message: str) -> None:
    faults = faults_of(write_world(tmp_path, {file: text}))
    own = [fault for fault in faults if fault[0] == file]
    assert (file, line, column) == own[0][:3]
    assert message in own[0][3]
    assert len(own) == 1


def test_a_small_world_is_read(tmp_path: Path) -> None:
    world = load_directory(write_world(tmp_path))
    assert [rule.id for rule in world.ruleset.rules][:2] == ["beside/located-afar", "owned-from-afar"]
    assert world.accounts[AccountId("acct-near")].tags == {"trial", "eu"}
    assert world.accounts[AccountId("acct-bare")].declared == {}
    assert world.accounts[AccountId("acct-bare")].entity is None
    assert world.resources[ResourceId("tool")].provider == "near"
    assert world.graph.entities[EntityId("far")].seats["headquarters"] == {"CN"}
    assert "residence" not in world.graph.entities[EntityId("far")].seats


def test_what_no_row_describes_is_not_registered(tmp_path: Path) -> None:
    world = load_directory(write_world(tmp_path))
    assert world.account_facts("nobody").account.registered is False
    assert world.resource_facts("nothing").resource.provider is None


def test_every_table_may_be_absent(tmp_path: Path) -> None:
    write_world(tmp_path)
    for table in COLUMNS:
        tmp_path.joinpath(table).unlink()
    world = load_directory(tmp_path)
    tables = (world.accounts, world.resources, world.graph.entities, world.graph.owners)
    assert not any(len(table) for table in tables)


def interests(tmp_path: Path, *rows: str) -> tuple[Interest, ...]:
    world = load_directory(write_world(tmp_path, {"interests.csv": HEADER + "\n".join(rows)}))
    return world.graph.owners[EntityId("half")]


def test_a_share_may_be_exact_bounded_unknown_or_none(tmp_path: Path) -> None:
    rows = (
        "far,half,51%,,,,",
        'far,half,"(25%, 50%]",false,,,',
        "far,half,,,,,",
        "far,half,,true,,,",
        "far,half,5%,true,,,",
    )
    read = [(interest.share, interest.control) for interest in interests(tmp_path, *rows)]
    assert read == [
        (parse_bounds("51%"), False),
        (parse_bounds("(25%, 50%]"), False),
        (UNKNOWN_SHARE, False),
        (NO_SHARE, True),
        (parse_bounds("5%"), True),
    ]


def test_a_date_is_its_first_moment_in_utc(tmp_path: Path) -> None:
    (interest,) = interests(tmp_path, "far,half,5%,,2024-01-01,2025-01-01T01:00:00+01:00,")
    assert interest.start == datetime(2024, 1, 1, tzinfo=UTC)
    assert interest.end == datetime(2025, 1, 1, tzinfo=UTC)


def test_acting_together_holds_both_ways(tmp_path: Path) -> None:
    table = "id,acts_with\nfar,near\nnear,\nhalf,"
    entities = load_directory(write_world(tmp_path, {"entities.csv": table})).graph.entities
    assert entities[EntityId("near")].acts_with == {"far"}
    assert entities[EntityId("half")].acts_with == set()


def test_columns_come_in_any_order_and_cells_may_be_quoted(tmp_path: Path) -> None:
    table = '"provider" ,"id",tags\r\n near ,"to""ol" ," a;; b "\r\n\r\n'
    world = load_directory(write_world(tmp_path, {"resources.csv": table}))
    assert world.resources[ResourceId('to"ol')].tags == {"a", "b"}


def test_bytes_that_are_not_utf8_are_a_fault_at_their_place(tmp_path: Path) -> None:
    write_world(tmp_path).joinpath("resources.csv").write_bytes(b"id,tags\ntool,caf\xe9\nother,na\xefve;who\n")
    places = [fault[:3] for fault in faults_of(tmp_path)]
    assert places == [("resources.csv", 2, 9), ("resources.csv", 3, 9)]


def test_every_fault_of_every_file_is_found_at_once(tmp_path: Path) -> None:
    changes = {
        "policy.yaml": WORLD["policy.yaml"] + "colour: red\n",
        "beside.yaml": WORLD["beside.yaml"] + "colour: red\n",
        "entities.csv": "id,headquarters\nfar,XQ\nnear,XQ\nhalf,",
        "interests.csv": "owner,subject,share\nwho,half,x%\n",
        "accounts.csv": "id,entity\na,who\n",
        "resources.csv": "id,tags\na\n",
    }
    faults = faults_of(write_world(tmp_path, changes))
    assert [fault[0] for fault in faults] == [
        "accounts.csv",
        "beside.yaml",
        "entities.csv",
        "entities.csv",
        "interests.csv",
        "interests.csv",
        "policy.yaml",
        "policy.yaml",
        "resources.csv",
    ]


def test_a_row_that_is_not_sound_is_one_fault(tmp_path: Path) -> None:
    faults = faults_of(write_world(tmp_path, {"interests.csv": "owner,subject,share\nwho,x%\n"}))
    assert len(faults) == 1


def test_a_row_that_is_not_sound_still_names_its_entity(tmp_path: Path) -> None:
    faults = faults_of(write_world(tmp_path, {"entities.csv": "id,name\nfar,a,b\nnear,\nhalf,"}))
    assert len(faults) == 1


def test_a_directory_without_a_policy_is_a_fault(tmp_path: Path) -> None:
    assert faults_of(tmp_path) == [("policy.yaml", 1, 1, "there is no `policy.yaml`: it is the rule set in force")]


def test_a_path_that_is_no_directory_is_a_fault(tmp_path: Path) -> None:
    assert len(faults_of(tmp_path / "nowhere")) == 1
    tmp_path.joinpath("file").write_text("x")
    assert "not a directory" in faults_of(tmp_path / "file")[0][3]


def test_a_folder_in_place_of_a_file_is_a_fault(tmp_path: Path) -> None:
    write_world(tmp_path).joinpath("accounts.csv").unlink()
    tmp_path.joinpath("accounts.csv").mkdir()
    assert faults_of(tmp_path)[0][3] == "a directory, not a file"


def test_a_neighbour_cannot_take_the_id_of_a_pack(tmp_path: Path) -> None:
    faults = faults_of(write_world(tmp_path, {"mine.yaml": pack_text("us-embargo")}))
    assert faults[0][0] == "mine.yaml"
    assert faults[0][3] == "`us-embargo` is the id of a pack that ships already"


def test_two_neighbours_cannot_have_one_id(tmp_path: Path) -> None:
    faults = faults_of(write_world(tmp_path, {"other.json": '{"ruleset": "beside"}'}))
    assert "`beside` is the id of `beside.yaml` already" in [fault[3] for fault in faults]


def test_packs_and_neighbours_can_be_included(tmp_path: Path) -> None:
    policy = WORLD["policy.yaml"].replace("[beside]", "[beside, us-embargo]")
    world = load_directory(write_world(tmp_path, {"policy.yaml": policy}))
    assert [name.split("@")[0] for name in world.ruleset.includes] == ["beside", "us-embargo"]


def test_case_files_drafts_and_other_files_do_not_count(tmp_path: Path) -> None:
    revision = load_directory(write_world(tmp_path)).revision
    write_world(tmp_path, {".policy.yaml": "x: [", "notes.txt": "x", "policy.yaml.orig": "x"})
    assert load_directory(tmp_path).revision == revision
    write_world(tmp_path, {"cases.yaml": "cases: []"})
    assert load_directory(tmp_path).revision != revision


def test_the_revision_follows_the_content_alone(tmp_path: Path) -> None:
    first, second = write_world(tmp_path / "a"), write_world(tmp_path / "b")
    assert load_directory(first).revision == load_directory(second).revision
    write_world(second, {"accounts.csv": WORLD["accounts.csv"] + "acct-new,,,\n"})
    assert load_directory(first).revision != load_directory(second).revision


def test_the_stamp_changes_with_any_file_and_never_raises(tmp_path: Path) -> None:
    stamps = [directory_stamp(tmp_path / "nowhere"), directory_stamp(write_world(tmp_path / "a"))]
    tmp_path.joinpath("a", "accounts.csv").write_text("id\n")
    stamps.append(directory_stamp(tmp_path / "a"))
    tmp_path.joinpath("a", "new.yaml").write_text("")
    stamps.append(directory_stamp(tmp_path / "a"))
    assert len(set(stamps)) == 4


def faults_or_none(directory: Path) -> tuple[Fault, ...]:
    try:
        load_directory(directory)
    except InvalidDirectory as invalid:
        return invalid.faults
    return ()


@pytest.fixture(scope="session")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_world(tmp_path_factory.mktemp("scratch"))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(table=st.sampled_from(sorted(COLUMNS)), data=st.binary(max_size=80), header=st.booleans())
def test_no_bytes_of_a_table_end_in_anything_but_faults(scratch: Path, table: str, data: bytes, header: bool) -> None:
    columns = ",".join(COLUMNS[table].names).encode() + b"\n"
    write_world(scratch).joinpath(table).write_bytes((columns if header else b"") + data)
    for fault in faults_or_none(scratch):
        assert min(fault.line, fault.column) >= 1
        assert fault.message.isprintable()


CELL = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=8).map(str.strip)


@given(cells=st.lists(st.tuples(CELL, CELL, st.booleans()), max_size=6))
def test_what_is_quoted_by_the_book_comes_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, cells: list[tuple[str, str, bool]]
) -> None:
    quoted = {
        f"e{number}": (name.replace(";", "") + "\n" if breaks else name)
        for number, (_, name, breaks) in enumerate(cells)
    }
    rows = "".join('{},"{}"\r\n'.format(id, name.replace('"', '""')) for id, name in quoted.items())
    directory = tmp_path_factory.mktemp("quoted")
    directory.joinpath("policy.yaml").write_text(WORLD["beside.yaml"])
    directory.joinpath("entities.csv").write_bytes(f"id,name\r\n{rows}".encode())
    entities = load_directory(directory).graph.entities
    assert {id: entity.name for id, entity in entities.items()} == {id: name.strip() for id, name in quoted.items()}
