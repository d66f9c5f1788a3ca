"""`cordon`: what each command prints, its exit codes, and that no input ends in a traceback."""

import io
import json
import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.cli import main
from tests.service.address_databases import write_database
from tests.service.conftest import WORLD, write_world

AT = ("--at", "2026-11-22T12:00:00Z")
CASES = """
ruleset: us-embargo
at: 2026-11-22T00:00:00Z
cases:
  - name: Cuba is embargoed
    location: {claims: {geo: CU}}
    expect: {effect: deny}
  - name: Germany is too
    location: {claims: {geo: DE}}
    expect: {effect: deny}
"""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


class Cordon:
    """Runs `cordon` in this process, as its entry point does."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.monkeypatch = monkeypatch
        self.capsys = capsys

    def __call__(self, *arguments: str | Path, stdin: bytes = b"") -> Ended:
        self.monkeypatch.setattr(sys, "argv", ["cordon", *map(str, arguments)])
        self.monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        with pytest.raises(SystemExit) as end:
            main()
        out, err = self.capsys.readouterr()
        assert "Traceback" not in out + err
        assert "a fault of its own" not in err
        assert isinstance(end.value.code, int)
        return Ended(end.value.code, out, err)


@pytest.fixture
def cordon(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cordon:
    return Cordon(monkeypatch, capsys)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_world(tmp_path / "data")


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    file = tmp_path / "cases.yaml"
    file.write_text(CASES)
    return file


def test_help_names_every_command(cordon: Cordon) -> None:
    ended = cordon("--help")
    assert ended.code == 0
    for command in ("serve", "decide", "explain", "check", "test", "locate", "packs", "--install-completion"):
        assert command in ended.out


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["decide"],
        ["decide", "--data", "."],
        ["decide", "--data", ".", "--account", "a", "--at", "soon"],
        ["check"],
        ["check", ".", "--output", "xml"],
        ["packs", "show", "nonsense"],
        ["--nonsense"],
    ],
)
def test_wrong_usage_is_exit_code_2(cordon: Cordon, arguments: list[str]) -> None:
    ended = cordon(*arguments)
    assert ended.code == 2
    assert ended.err


def test_the_version_is_printed(cordon: Cordon) -> None:
    ended = cordon("--version")
    assert ended.code == 0
    assert ended.out.startswith("cordon ")


def test_decide_prints_the_effect_first(cordon: Cordon, data: Path) -> None:
    ended = cordon("decide", "--data", data, "--account", "acct-half", "--ip", "8.8.8.8", "--resource", "tool", *AT)
    assert ended.code == 0
    assert ended.out.splitlines()[0] == "deny"
    assert "owned-from-afar" in ended.out


def test_decide_without_options_asks_as_of_now_from_an_unknown_address(cordon: Cordon, data: Path) -> None:
    ended = cordon("decide", "--data", data, "--account", "acct-near", "-o", "json")
    assert "location.missing" in ended.document["context"]["unknown"]


@pytest.mark.parametrize("account", ["acct-half", "nobody"])
def test_decide_and_explain_give_the_same_decision(cordon: Cordon, data: Path, account: str) -> None:
    options = ("--data", data, "--account", account, "--ip", "8.8.8.8", "--resource", "tool", *AT, "--output", "json")
    decided, explained = cordon("decide", *options).document, cordon("explain", *options).document
    holding = [
        rule for rule in explained["context"].pop("trace")["rules"] if rule["holds"] and rule["mode"] == "enforce"
    ]
    for answer in (decided, explained):
        answer["context"].pop("decision_id")
        for source in answer["context"]["data"]:
            source.pop("date")
            source.pop("age")
    assert decided == explained
    assert decided["context"]["rule"] == (holding[0]["id"] if holding else None)


def test_explain_shows_who_holds_how_much_of_whom(cordon: Cordon, data: Path) -> None:
    ended = cordon("explain", "--data", data, "--account", "acct-half", "--ip", "8.8.8.8", *AT)
    assert ended.code == 0
    assert "far (Far Ltd) holds 50% of half (Half SA) (source: register; named by the rule)" in ended.out


def test_piped_output_is_never_wrapped(cordon: Cordon, data: Path) -> None:
    write_world(data, {"entities.csv": WORLD["entities.csv"].replace("Far Ltd", "Far " + "and Far " * 50 + "Ltd")})
    ended = cordon("explain", "--data", data, "--account", "acct-half", *AT)
    assert max(map(len, ended.out.splitlines())) > 400


def test_names_in_data_cannot_move_the_cursor(cordon: Cordon, data: Path) -> None:
    write_world(data, {"entities.csv": WORLD["entities.csv"].replace("Far Ltd", '"Far [red]\u009b31m\nLtd"')})
    ended = cordon("explain", "--data", data, "--account", "acct-half", *AT)
    assert ended.code == 0
    assert "far (Far [red]\\x9b31m\\nLtd)" in ended.out


def test_a_faulty_directory_ends_a_decision_with_every_fault(cordon: Cordon, data: Path) -> None:
    write_world(data, {"accounts.csv": "id,entity\na,who\nb,who\n"})
    ended = cordon("decide", "--data", data, "--account", "a")
    assert (ended.code, ended.out) == (1, "")
    assert [line.split(": ")[0] for line in ended.err.splitlines()] == [f"{data}/accounts.csv:{n}:3" for n in (2, 3)]


def test_an_address_database_that_is_none_is_a_fault(cordon: Cordon, data: Path) -> None:
    ended = cordon("decide", "--data", data, "--account", "a", "--geo", data / "policy.yaml")
    assert ended.code == 1
    assert "policy.yaml" in ended.err


@pytest.mark.parametrize("command", ["decide", "explain"])
def test_faults_are_json_where_the_result_would_be(cordon: Cordon, data: Path, command: str) -> None:
    write_world(data, {"accounts.csv": "id,entity\na,who\n"})
    ended = cordon(command, "--data", data, "--account", "a", "-o", "json")
    (fault,) = ended.document["faults"]
    assert (ended.code, fault["line"], fault["column"]) == (1, 2, 3)
    assert set(fault) == {"file", "at", "line", "column", "message"}
    assert "accounts.csv:2:3" in ended.err


@pytest.mark.parametrize("command", ["decide", "explain", "locate"])
def test_faults_of_a_database_are_json_too(cordon: Cordon, data: Path, command: str) -> None:
    options = {"locate": ["8.8.8.8"]}.get(command, ["--data", str(data), "--account", "a"])
    ended = cordon(command, *options, "--geo", data / "policy.yaml", "-o", "json")
    (fault,) = ended.document["faults"]
    assert ended.code == 1
    assert "policy.yaml" in fault["message"]


def test_the_age_of_data_is_never_below_zero(cordon: Cordon, data: Path) -> None:
    options = ("--data", data, "--account", "acct-near", "--at", "2000-01-01", "-o", "json")
    assert all(source["age"] >= 0 for source in cordon("decide", *options).document["context"]["data"])


def test_check_finds_nothing_in_what_is_in_order(cordon: Cordon, data: Path, cases: Path) -> None:
    assert cordon("check", data, cases, data / "beside.yaml", data / "policy.yaml").code == 0
    ended = cordon("check", data, "--output", "json")
    assert (ended.code, ended.document) == (0, [])


def test_check_finds_every_fault_of_everything_it_is_given(cordon: Cordon, data: Path, cases: Path) -> None:
    write_world(data, {"policy.yaml": WORLD["policy.yaml"] + "colour: red\n", "accounts.csv": "id\na\na\n"})
    cases.write_text(CASES + "colour: red\n")
    ended = cordon("check", data, cases, data / "absent.yaml", data / "accounts.csv", "--output", "json")
    assert ended.code == 1
    found = [(Path(fault["file"]).name, fault["line"], fault["column"]) for fault in ended.document]
    assert found == [
        ("accounts.csv", 3, 1),
        ("policy.yaml", 35, 1),
        ("cases.yaml", 11, 1),
        ("absent.yaml", 1, 1),
        ("accounts.csv", 1, 1),
    ]
    assert set(ended.document[0]) == {"file", "at", "line", "column", "message"}


def test_check_reads_case_files_beside_the_data(cordon: Cordon, data: Path) -> None:
    write_world(data, {"cases.yaml": CASES + "colour: red\n"})
    ended = cordon("check", data)
    assert ended.code == 1
    assert "cases.yaml:11:1: unknown key `colour`" in ended.out


def test_check_of_a_folder_reads_every_document_below_it(cordon: Cordon, tmp_path: Path, cases: Path) -> None:
    tmp_path.joinpath("deep", "er").mkdir(parents=True)
    tmp_path.joinpath("deep", "er", "x.json").write_text("{")
    ended = cordon("check", tmp_path)
    assert ended.code == 1
    assert f"{tmp_path}/deep/er/x.json:1:2" in ended.out


def test_a_folder_without_documents_is_a_fault(cordon: Cordon, tmp_path: Path) -> None:
    assert cordon("check", tmp_path).code == 1
    assert cordon("test", tmp_path).code == 1


def test_test_prints_a_line_for_each_failed_case_and_a_count(cordon: Cordon, cases: Path) -> None:
    ended = cordon("test", cases)
    assert ended.code == 1
    failed, count = ended.out.splitlines()
    assert failed.startswith(f"{cases}: Germany is too: ")
    assert "deny" in failed
    assert "allow" in failed
    assert "us-embargo" not in failed or "is false" in failed
    assert count == "1 passed, 1 failed"


def test_test_passes_if_every_case_does(cordon: Cordon, cases: Path) -> None:
    cases.write_text(CASES[: CASES.index("  - name: Germany")])
    ended = cordon("test", cases.parent)
    assert (ended.code, ended.out) == (0, "1 passed, 0 failed\n")


def test_test_counts_a_file_that_cannot_be_run_as_failed(cordon: Cordon, cases: Path) -> None:
    broken = cases.with_name("broken.yaml")
    broken.write_text("cases: [}")
    ended = cordon("test", cases, broken, cases.with_name("absent.yaml"))
    assert ended.code == 1
    assert ended.out.endswith("1 passed, 3 failed\n")
    assert f"{broken}:1:9" in ended.err
    assert "no such file" in ended.err


def test_test_gives_its_results_as_json(cordon: Cordon, cases: Path) -> None:
    document = cordon("test", cases, "--output", "json").document
    assert (document["passed"], document["failed"], document["faults"]) == (1, 1, [])
    assert [case["passed"] for case in document["cases"]] == [True, False]


def test_locate_gives_the_rows_of_its_contract(cordon: Cordon) -> None:
    ended = cordon("locate", "8.8.8.8", "::ffff:8.8.8.8", "10.0.0.1", "010.8.8.8", "--output", "json")
    assert ended.code == 0
    google: dict[str, Any] = {
        "address": "8.8.8.8",
        "status": "located",
        "reserved": None,
        "claims": {"dbip-country-lite": "US"},
        "kinds": [],
    }
    reserved = {"address": "10.0.0.1", "status": "reserved", "reserved": "private", "claims": {}, "kinds": ["reserved"]}
    invalid: dict[str, Any] = {"address": None, "status": "invalid", "reserved": None, "claims": {}, "kinds": []}
    assert ended.document == [google, google, reserved, invalid]


def test_locate_reads_addresses_from_input_a_line_each(cordon: Cordon) -> None:
    ended = cordon("locate", stdin=b"8.8.8.8\r\n\n \xff\xfe\n")
    assert ended.code == 0
    assert ended.out.splitlines() == ["8.8.8.8  located  US says dbip-country-lite", "\\xff\\xfe  invalid"]


def test_locate_shows_people_what_else_a_source_tells(cordon: Cordon, tmp_path: Path) -> None:
    record = {"country": {"iso_code": "FR"}, "city": {"names": {"en": "Lyon"}}}
    write_database(tmp_path / "mine.mmdb", "DBIP-City-Lite", {"5.6.7.0/24": record})
    ended = cordon("locate", "5.6.7.8", "--geo", tmp_path / "mine.mmdb")
    assert "FR says mine" in ended.out
    assert "Lyon" in ended.out.splitlines()[1]


def test_packs_are_listed_and_shown(cordon: Cordon) -> None:
    listed = cordon("packs", "list", "--output", "json").document
    assert {"us-embargo", "us-ofac-50-percent"} <= {pack["id"] for pack in listed}
    assert "us-embargo" in cordon("packs", "list").out
    assert "ruleset: us-embargo" in cordon("packs", "show", "us-embargo").out
    assert cordon("packs", "show", "us-embargo", "-o", "json").document["document"]["ruleset"] == "us-embargo"


ARGUMENT = st.text(st.characters(exclude_characters="\0/.~", codec="utf-8"), max_size=8)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    words=st.lists(
        ARGUMENT | st.sampled_from(["check", "test", "packs", "show", "list", "--output", "json"]), max_size=4
    )
)
def test_no_arguments_end_in_a_traceback(cordon: Cordon, words: list[str]) -> None:
    assert cordon(*words).code in (0, 1, 2)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=60) | st.text("[]{}:,-&*!|>'\"%@`#?\n abc", max_size=60).map(str.encode))
def test_no_document_ends_in_a_traceback(cordon: Cordon, tmp_path: Path, content: bytes) -> None:
    for name in ("x.yaml", "x.json"):
        tmp_path.joinpath(name).write_bytes(content)
        assert cordon("check", tmp_path / name).code == 1
        assert cordon("test", tmp_path / name).code == 1


@pytest.mark.parametrize("content", ["[" * 100_000, '{"a":' * 50_000, "- " * 50_000, "a: &a [*a]", "cases: &c {c: *c}"])
def test_no_deep_or_circular_document_ends_in_a_traceback(cordon: Cordon, tmp_path: Path, content: str) -> None:
    for name in ("x.yaml", "x.json"):
        tmp_path.joinpath(name).write_text(content)
        assert cordon("check", tmp_path / name).code == 1
        assert cordon("test", tmp_path / name).code == 1


def run_process(*arguments: str, **options: Any) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "service.cli", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


def test_a_reader_that_leaves_early_is_no_traceback() -> None:
    process = run_process("packs", "show", "us-embargo")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    assert process.wait() == 1
    assert err == b""


def test_an_output_that_knows_only_ascii_is_no_traceback(data: Path) -> None:
    write_world(data, {"entities.csv": WORLD["entities.csv"].replace("Far Ltd", "Färre 有限公司")})
    environment = {"PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    process = run_process("explain", "--data", str(data), "--account", "acct-half", *AT, env=environment)
    out, err = process.communicate()
    assert (process.returncode, err) == (0, b"")
    assert b"F\\xe4rre" in out


@pytest.mark.parametrize("words", [["check", ".", "-o", "json"], ["packs", "list"], ["locate"], ["--help"]])
@pytest.mark.parametrize("closed", ["<&-", ">&-", "<&- >&-", ">&- 2>&-"])
def test_closed_standard_streams_are_no_traceback(data: Path, words: list[str], closed: str) -> None:
    command = shlex.join([sys.executable, "-m", "service.cli", *words])
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    ended = subprocess.run(
        ["sh", "-c", f"exec {command} {closed}"], input=b"", capture_output=True, cwd=data, env=environment
    )
    assert (ended.returncode, ended.stderr) == (0, b"")
