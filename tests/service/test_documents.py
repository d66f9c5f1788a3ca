"""Text becomes plain data that knows where each value stands; whatever cannot be read is a fault with its place."""

import json
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.errors import Problem
from service.document_nodes import DEPTH_LIMIT, Lines
from service.documents import Document, faults_of, read_bytes, read_document, read_file

SCALARS = [
    ("NO", "NO"),
    ("yes", "yes"),
    ("on", "on"),
    ("y", "y"),
    ("2025-09-05", "2025-09-05"),
    ("2025-09-05T00:00:00Z", "2025-09-05T00:00:00Z"),
    ("12:30:00", "12:30:00"),
    ("1_000", "1_000"),
    ("51%", "51%"),
    ("true", True),
    ("TRUE", True),
    ("tRUE", "tRUE"),
    ("False", False),
    ("null", None),
    ("~", None),
    ("", None),
    ("NULL", None),
    ("nUll", "nUll"),
    ("7", 7),
    ("-7", -7),
    ("+7", 7),
    ("010", 10),
    ("0o17", 15),
    ("0x1F", 31),
    ("-0x1F", "-0x1F"),
    ("1.5", 1.5),
    (".5", 0.5),
    ("1.", 1.0),
    ("1e3", 1000.0),
    ("-.inf", float("-inf")),
    (".Inf", float("inf")),
    ("1.2.3", "1.2.3"),
    (".", "."),
    ("-", [None]),
    ("'7'", "7"),
    ('"true"', "true"),
    ("!!str 7", "7"),
    ('!!int "7"', 7),
    ('!!bool "true"', True),
    ("!!float 1", 1.0),
    ("!!null ~", None),
    ("! 7", "7"),
]


@pytest.mark.parametrize(("text", "value"), SCALARS, ids=[text or "nothing" for text, _ in SCALARS])
def test_a_scalar_means_what_the_core_schema_of_yaml_1_2_says(text: str, value: object) -> None:
    document = read_document(f"a:\n  {text}\n")
    assert document.problems == ()
    assert document.value == {"a": value}
    assert type(document.value["a"]) is type(value)


def test_a_number_that_is_none_is_read() -> None:
    assert str(read_document("a: .nan").value) == "{'a': nan}"


def test_keys_are_the_text_that_their_author_wrote() -> None:
    assert read_document("NO: 1\n404: 2\n~: 3\ntrue: 4\n2025-01-01: 5").value == {
        "NO": 1,
        "404": 2,
        "~": 3,
        "true": 4,
        "2025-01-01": 5,
    }


def test_a_merge_key_is_a_key_like_any_other() -> None:
    assert read_document("<<: {a: 1}").value == {"<<": {"a": 1}}


def test_an_alias_repeats_its_anchor() -> None:
    document = read_document("a: &x [US, GB]\nb: *x")
    assert document.value == {"a": ["US", "GB"], "b": ["US", "GB"]}
    assert document.position("/b") == (2, 4)
    assert document.position("/b/1") == (1, 12)


BROKEN = [
    ("", 1, 1, "the document is empty"),
    ("# only a comment\n", 1, 1, "the document is empty"),
    ("a: 1\n---\nb: 2\n", 2, 1, "a second document starts here: one file holds one"),
    ("a: 1\n\tb: 2\n", 2, 1, "not YAML: a tab cannot indent, use spaces"),
    ("a: >= 50%\n", 1, 5, "not YAML: text cannot start with `>` or `|`, put it in quotes"),
    ("in: [@eu]\n", 1, 6, "not YAML: text cannot start with `@`, put it in quotes"),
    ("cidr: [::1/128]\n", 1, 8, "not YAML: text cannot start with `:`, put it in quotes"),
    ("a: b: c\n", 1, 5, "not YAML: `: ` cannot stand here, put the text in quotes or check the indentation"),
    ('a: "b\n', 2, 1, "not YAML: the closing quote is missing"),
    ("a: b\x00\n", 1, 5, "the character U+0000 is not allowed here: write it as an escape"),
    ("a: b\u2028c: d\n", 1, 5, "the character U+2028 is not allowed here: write it as an escape"),
    ("a: 1\nb: \ufeffc\n", 2, 4, "the character U+FEFF is not allowed here: write it as an escape"),
    ("a: &x [*x]\n", 1, 8, "`*x` stands inside of what it repeats"),
]


@pytest.mark.parametrize(("text", "line", "column", "message"), BROKEN, ids=[case[3] for case in BROKEN])
def test_what_is_no_yaml_is_a_fault_with_its_place(text: str, line: int, column: int, message: str) -> None:
    document = read_document(text)
    (fault,) = faults_of(document, document.problems, "f.yaml")
    assert (fault.line, fault.column, fault.message) == (line, column, message)
    assert document.value is None
    assert not document.complete


FAULTY = [
    ("a: 1\nb: 2\na: 3\n", "/a", True, 3, 1, "duplicate key `a`: first given on line 1"),
    ("a: {b/c: 1, b/c: 2}\n", "/a/b~1c", True, 1, 13, "duplicate key `b/c`: first given on line 1"),
    ("? [a]\n: 1\n", "", False, 1, 3, "a key must be text"),
    ("a: *x\n", "/a", False, 1, 4, "unknown anchor `x`"),
    ("a: !thing x\n", "/a", False, 1, 4, "the tag `!thing` does not belong here"),
    ("a: !!set {b: }\n", "/a", False, 1, 4, "the tag `tag:yaml.org,2002:set` does not belong here"),
    ('a: !!int "x"\n', "/a", False, 1, 4, "`x` is no `!!int`"),
    (f"a: {'9' * 301}\n", "/a", False, 1, 4, "a number of more than 300 digits"),
]


@pytest.mark.parametrize(
    ("text", "at", "on_key", "line", "column", "message"), FAULTY, ids=[case[5] for case in FAULTY]
)
def test_a_faulty_value_is_told_and_the_rest_is_read(
    text: str, at: str, on_key: bool, line: int, column: int, message: str
) -> None:
    document = read_document(text)
    (problem,) = document.problems
    (fault,) = faults_of(document, document.problems, "f.yaml")
    assert (problem.at, problem.on_key) == (at, on_key)
    assert (fault.line, fault.column, fault.message) == (line, column, message)
    assert document.complete


def test_a_member_whose_key_is_no_text_is_left_out() -> None:
    assert read_document("? [a]\n: 1\nb: 2\n").value == {"b": 2}


def test_every_duplicate_is_told_and_the_first_counts() -> None:
    document = read_document("a: 1\na: 2\nb: {c: 1, c: 2, c: 3}\n")
    faults = faults_of(document, document.problems, "f.yaml")
    assert [(fault.line, fault.column) for fault in faults] == [(2, 1), (3, 11), (3, 17)]
    assert document.value == {"a": 1, "b": {"c": 1}}


def test_a_billion_laughs_are_refused_before_they_are_laughed() -> None:
    levels = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]\n" for n in range(1, 12))
    document = read_document(f"l0: &l0 [ha, ha]\n{levels}")
    assert [problem.message for problem in document.problems] == ["the aliases repeat more than 100000 values"]


@pytest.mark.parametrize("name", ["", "deep.json"])
@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_nesting_too_deep_is_a_fault(opening: str, name: str) -> None:
    document = read_document(opening * 100_000, name)
    (fault,) = faults_of(document, document.problems, name)
    assert fault.message == f"nested more than {DEPTH_LIMIT} deep"
    assert fault.column == DEPTH_LIMIT * len(opening) + 1


JSON_BROKEN = [
    ("", 1, 1, "the document is empty"),
    ('{"a": 1,}', 1, 9, "a name in double quotes is wanted here"),
    ("[1,]", 1, 4, "not JSON: `]` is no value"),
    ('{"a" 1}', 1, 6, "`:` is wanted here"),
    ('{"a": 1 "b": 2}', 1, 9, "`,` or `}` is wanted here"),
    ('{"a": NaN}', 1, 7, "not JSON: `NaN` is no value"),
    ('{"a": -Infinity}', 1, 7, "not JSON: `-Infinity` is no value"),
    ('{"a": 01}', 1, 7, "not JSON: `01` is no value"),
    ('{"a": tru}', 1, 7, "not JSON: `tru` is no value"),
    ("{'a': 1}", 1, 2, "a name in double quotes is wanted here"),
    ('{"a": "\t"}', 1, 8, "not JSON: invalid control character"),
    ('{"a": "\\x"}', 1, 8, "not JSON: invalid \\escape"),
    ('{"a": "\\ud800"}', 1, 7, "half of a surrogate pair is no text"),
    ('{\n  "a": 1\n}\nx', 4, 1, "the document goes on after its end"),
    ('{"a": ', 1, 7, "the document ends too soon"),
    ('{"a": 1', 1, 8, "`,` or `}` is wanted here"),
]


@pytest.mark.parametrize(("text", "line", "column", "message"), JSON_BROKEN, ids=[case[0] for case in JSON_BROKEN])
def test_what_is_no_json_is_a_fault_with_its_place(text: str, line: int, column: int, message: str) -> None:
    document = read_document(text, "f.json")
    (fault,) = faults_of(document, document.problems, "f.json")
    assert (fault.line, fault.column, fault.message) == (line, column, message)
    assert not document.complete


def test_json_is_read_as_json_whatever_its_name() -> None:
    assert read_document('{\t"a": "\\ud83d\\ude00"}').value == {"a": "😀"}


def test_a_duplicate_name_of_json_is_a_fault_with_its_place() -> None:
    document = read_document('{"a": 1,\n "a": 2}', "f.json")
    (fault,) = faults_of(document, document.problems, "f.json")
    assert (fault.at, fault.line, fault.column) == ("/a", 2, 2)


@pytest.fixture
def document() -> Document:
    return read_document("rules:\n  - id: a\n    when: {in: [US, NO]}\na/b:\n  ~c: 1\n")


@pytest.mark.parametrize(
    ("at", "on_key", "place"),
    [
        ("", False, (1, 1)),
        ("/rules", True, (1, 1)),
        ("/rules", False, (2, 3)),
        ("/rules/0", False, (2, 5)),
        ("/rules/0/when/in", True, (3, 12)),
        ("/rules/0/when/in/1", False, (3, 21)),
        ("/a~1b/~0c", True, (5, 3)),
        ("/a~1b/~0c", False, (5, 7)),
        ("/rules/0/reason", True, (2, 5)),
        ("/rules/7/reason", False, (2, 3)),
        ("/rules/x", False, (2, 3)),
        ("/rules/0/id/more", True, (2, 9)),
    ],
)
def test_a_pointer_has_the_place_of_its_value_its_key_or_its_nearest_ancestor(
    document: Document, at: str, on_key: bool, place: tuple[int, int]
) -> None:
    assert document.position(at, on_key) == place


def test_faults_are_told_from_the_top_of_the_document_to_its_end(document: Document) -> None:
    problems = [Problem("/a~1b", "last"), Problem("/rules/0/id", "second"), Problem("/rules", "first", on_key=True)]
    assert [fault.message for fault in faults_of(document, problems, "f")] == ["first", "second", "last"]


def test_a_file_of_windows_is_read_and_its_lines_are_counted(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_bytes(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")
    document = read_file(file)
    assert document.value == {"a": 1, "b": 2}
    assert document.position("/b") == (2, 4)


@pytest.mark.parametrize(
    ("content", "line", "column", "message"),
    [
        (b"a: 1\nb: \xff\n", 2, 4, "not UTF-8: the byte 0xff does not belong here"),
        (b"\xff\xfea\x00", 1, 1, "UTF-16 text: save it as UTF-8"),
    ],
)
def test_a_file_that_is_no_utf_8_is_a_fault(
    tmp_path: Path, content: bytes, line: int, column: int, message: str
) -> None:
    file = tmp_path / "policy.yaml"
    file.write_bytes(content)
    document = read_file(file)
    (fault,) = faults_of(document, document.problems, "policy.yaml")
    assert (fault.line, fault.column, fault.message) == (line, column, message)


def test_a_file_that_cannot_be_read_is_a_fault(tmp_path: Path) -> None:
    unreadable = [tmp_path / "missing.yaml", tmp_path, tmp_path / "a\0b", tmp_path / ("x" * 5_000)]
    messages = [problem.message for path in unreadable for problem in read_file(path).problems]
    assert messages[:2] == ["no such file", "a directory, not a file"]
    assert len(messages) == len(unreadable)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(PLAIN, st.sampled_from([None, 2]))
def test_json_is_read_as_the_standard_library_reads_it(value: object, indent: int | None) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=indent is None)
    assert read_document(text, "f.json").value == value


@given(st.dictionaries(st.text(string.printable), st.integers() | st.booleans() | st.none(), max_size=5))
def test_yaml_that_is_json_means_the_same(value: dict[str, object]) -> None:
    lines = "".join(f"{json.dumps(key)}: {json.dumps(member)}\n" for key, member in value.items())
    assert read_document(lines or "{}").value == value


@given(st.text() | st.text(alphabet="ab: -[]{}&*!|>'\"%@`#,?\n\t0~", max_size=60))
def test_any_text_is_read_or_refused_with_a_place_inside_of_it(text: str) -> None:
    for name in ("", "f.json"):
        document = read_document(text, name)
        for fault in faults_of(document, document.problems, name):
            assert 1 <= fault.line <= len(text.splitlines()) + 1
            assert fault.column >= 1
            assert fault.message.isprintable()
        assert document.complete or document.problems


@given(st.binary(max_size=80))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    document = read_bytes(raw)
    assert document.complete or document.problems


@given(st.lists(st.sampled_from(["a", "é", "😀", "\n", "\r\n", "\r"]), max_size=20))
def test_the_place_of_an_offset_is_where_an_editor_shows_it(parts: list[str]) -> None:
    text = "".join(parts)
    lines = Lines(text)
    for offset in (offset for offset in range(len(text)) if text[offset] != "\n"):
        before = text[:offset]
        breaks = before.replace("\r\n", "\n").replace("\r", "\n").count("\n")
        start = max(before.rfind("\n"), before.rfind("\r"))
        assert lines.place(offset) == (breaks + 1, offset - start)
