"""Case files on disk: the rule set by id, by path or inline, and every fault with its file, line and column."""

from pathlib import Path

import pytest

from rules.cases import run_cases
from service.case_files import InvalidCaseFile, load_case_file

POLICY = "language: 1\nruleset: policy\ndefault: allow\nif_unknown: apply\ninclude: [shared, us-embargo]\n"
SHARED = (
    "language: 1\nruleset: shared\ndefault: allow\nif_unknown: apply\nrules: [{id: r, effect: deny, when: {all: []}}]\n"
)
CASES = "at: 2026-01-01\ncases: [{name: it, expect: {effect: deny, rule: shared/r}}]\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "policy.yaml").write_text(POLICY)
    (tmp_path / "other-name.yml").write_text(SHARED)
    (tmp_path / "cases").mkdir()
    return tmp_path


def written(folder: Path, text: str) -> Path:
    path = folder / "cases" / "it.yaml"
    path.write_text(text)
    return path


def faults(path: Path) -> list[tuple[str, int, int, str]]:
    with pytest.raises(InvalidCaseFile) as raised:
        load_case_file(path)
    return [(Path(fault.file).name, fault.line, fault.column, fault.message) for fault in raised.value.faults]


def test_a_rule_set_is_found_by_its_path_and_includes_those_beside_it_and_packs(folder: Path) -> None:
    case_file = load_case_file(written(folder, f"ruleset: ../policy.yaml\n{CASES}"))
    assert [name.partition("@")[0] for name in case_file.ruleset.includes] == ["shared", "us-embargo"]
    assert [result.passed for result in run_cases(case_file)] == [True]


def test_a_rule_set_is_found_by_the_id_of_a_pack(folder: Path) -> None:
    assert load_case_file(written(folder, f"ruleset: us-embargo\n{CASES}")).ruleset.id == "us-embargo"


def test_a_rule_set_inline_may_include_packs(folder: Path) -> None:
    inline = "{language: 1, ruleset: own, default: deny, if_unknown: skip, include: [us-embargo]}"
    case_file = load_case_file(written(folder, f"ruleset: {inline}\n{CASES}"))
    assert case_file.ruleset.includes[0].startswith("us-embargo@")


def test_a_rule_set_inline_may_include_documents_beside_the_case_file(folder: Path) -> None:
    base = "{language: 1, ruleset: base, default: deny, if_unknown: skip}"
    path = written(folder, f"ruleset: {base.replace('base', 'own')[:-1]}, include: [base]}}\n{CASES}")
    path.with_name("base.yaml").write_text(base, encoding="utf-8")
    assert load_case_file(path).ruleset.includes[0].startswith("base@")


def test_a_rule_set_that_is_not_there_is_a_fault_of_the_case_file(folder: Path) -> None:
    assert faults(written(folder, f"ruleset: ../polcy.yaml\n{CASES}")) == [
        ("it.yaml", 1, 10, "there is no rule set `../polcy.yaml`"),
    ]


def test_the_faults_of_the_text_of_a_rule_set_name_its_file(folder: Path) -> None:
    (folder / "policy.yaml").write_text("a: 1\na: 2\n")
    assert ("policy.yaml", 2, 1, "duplicate key `a`: first given on line 1") in faults(
        written(folder, f"ruleset: ../policy.yaml\n{CASES}")
    )


def test_every_fault_of_a_case_file_has_its_place(folder: Path) -> None:
    path = written(folder, f"ruleset: us-embargo\nat: 2026-01-01\nat: 2026-01-02\nsorce: x\n{CASES[15:]}")
    assert [fault[:3] for fault in faults(path)] == [("it.yaml", 3, 1), ("it.yaml", 4, 1)]


def test_a_file_that_is_no_text_is_a_fault(folder: Path) -> None:
    (folder / "cases" / "it.yaml").write_bytes(b"\xff\xff")
    assert faults(folder / "cases" / "it.yaml") == [("it.yaml", 1, 1, "not UTF-8: the byte 0xff does not belong here")]


def test_a_file_that_is_not_there_is_a_fault(folder: Path) -> None:
    assert faults(folder / "nowhere.yaml") == [("nowhere.yaml", 1, 1, "no such file")]
