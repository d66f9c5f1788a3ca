"""Hits or their questions say their addresses; segments of former forms are read as before.

`former/hits.ndjson` is a segment of the first form, where places say addresses; `former/columns.ndjson` one of the
next, where all hits say everything themselves; and `former/answers.ndjson` the same decisions as lines of their own.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from shutil import copy
from typing import Any

import pytest

from rules.facts import IPV4_MAPPED, NOWHERE, Address
from service.decide import Answer
from service.decision_log.keeping import delete_account
from service.decision_log.records import Addresses, Records
from service.decision_log.replay import New, Replay, recorded_cases
from service.decision_log.search import DecisionSearch, Filter
from service.decision_log.segments import segment_files, whole_lines
from service.decision_log.thawing import Case, Incomplete
from service.decision_log.why import told
from service.errors import NotAvailable
from tests.log.answers import START, Located, lines, record
from tests.log.hits import MICROSECOND, again, close, many, record_hits, records, repeated
from tests.log.test_log_hits import as_found, members
from tests.log.test_log_search import place

FORMER = Path(__file__).parent / "former"
FORMS = pytest.mark.parametrize("form", ["hits", "columns"])
KEPT = pytest.mark.parametrize("are_kept", [True, False])
SEGMENT = "worker-w1-20261122T120000Z-0.ndjson"
IPV6 = 0x20010DB8_00010000_00000000_00000000


def asked_from(number: int, address: int | None, status: str = "located", reserved: str | None = None) -> Answer:
    """A decision on who asks from an address."""
    made = again(number, ("acct-half", "acct-near")[number % 2])
    location = made.located.location if status == "located" else NOWHERE
    return replace(made, located=Located(None if address is None else Address(address), location, status, reserved))


def from_everywhere(count: int) -> list[Answer]:
    """Decisions on who asks from addresses of every kind, most of them different ones."""
    kinds: Sequence[Callable[[int], Answer]] = (
        lambda number: asked_from(number, IPV4_MAPPED | 203 << 24 | number << 8 | 9),
        lambda number: asked_from(number, IPV6 | number << 80),
        lambda number: asked_from(number, None, "invalid"),
        lambda number: asked_from(number, IPV4_MAPPED | 127 << 24 | 1, "reserved", "loopback"),
    )
    return [kinds[number * 5 % 7 % 4](number) for number in range(count)]


def former(directory: Path, name: str = "hits", segment: str = SEGMENT) -> Path:
    """A log that was written in the former form."""
    directory.mkdir(exist_ok=True)
    copy(FORMER / f"{name}.ndjson", directory / segment)
    return directory


def rewritten(directory: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Change every line of the only segment."""
    (file,) = segment_files(directory)
    kept = [json.dumps(change(json.loads(line)), separators=(",", ":")) for line in whole_lines(file.path)]
    file.path.unlink()
    (directory / SEGMENT).write_text("\n".join(kept) + "\n")


@KEPT
@pytest.mark.parametrize("addresses", ["masked", "full", "none"])
def test_the_address_of_a_hit_is_recorded_as_that_of_an_answer_is(
    tmp_path: Path, addresses: Addresses, are_kept: bool
) -> None:
    made = from_everywhere(60)
    record_hits(tmp_path / "hits", made, addresses=addresses, are_kept=are_kept)
    record(tmp_path / "answers", made, addresses=addresses)
    assert members(records(tmp_path / "hits")) == members(records(tmp_path / "answers"))
    assert as_found(tmp_path / "hits") == as_found(tmp_path / "answers")


@KEPT
def test_places_say_nothing_of_the_address_and_are_as_many_as_are_told_apart(tmp_path: Path, are_kept: bool) -> None:
    record_hits(tmp_path, from_everywhere(200), addresses="full", are_kept=are_kept)
    places = [line for line in lines(tmp_path) if line["type"] == "place"]
    assert sorted(tuple(line) for line in places) == [
        ("type", "n", "address_status", "claims", "location"),
        ("type", "n", "address_status", "claims", "location"),
        ("type", "n", "address_status", "reserved", "claims", "location"),
    ]
    said = [line for line in lines(tmp_path) if line["type"] == ("questions" if are_kept else "hits")]
    assert len({address for line in said for address in line["address"]}) > 100


def test_addresses_of_a_few_networks_are_recorded_as_those() -> None:
    made = [repeated(asked_from(number, IPV4_MAPPED | 203 << 24 | 113 << 8 | number)) for number in range(200)]
    text, _ = Records("w", "masked").of_hits(made)
    (hits,) = (json.loads(line) for line in text.splitlines() if line.startswith(b'{"type":"hits"'))
    assert hits["address"] == ["203.0.113.0/24"] * 200


@FORMS
def test_a_segment_of_a_former_form_is_read_as_the_same_decisions(tmp_path: Path, form: str) -> None:
    hits, answers = former(tmp_path / "hits", form), former(tmp_path / "answers", "answers")
    assert [each["address"] for each in records(hits)] == [
        *["203.0.113.0/24"] * 5,
        "127.0.0.0/24",
        "2001:db8:1::/48",
        None,
    ]
    assert members(records(hits)) == members(records(answers))
    assert as_found(hits) == as_found(answers)
    close(hits)
    assert as_found(hits) == as_found(answers)


@FORMS
def test_every_decision_of_a_former_form_is_found_by_its_id_with_its_facts(tmp_path: Path, form: str) -> None:
    hits = DecisionSearch(former(tmp_path / "hits", form))
    answers = DecisionSearch(former(tmp_path / "answers", "answers"))
    for each in records(tmp_path / "answers"):
        found, expected = hits.find(each["id"]), answers.find(each["id"])
        assert found is not None
        assert expected is not None
        assert members([found.record]) == members([expected.record])
        assert found.case() == expected.case()
        assert told(found.record) == told(expected.record)


@FORMS
def test_all_forms_are_read_from_one_directory(tmp_path: Path, form: str) -> None:
    made = [replace(each, id=f"{1_000 + number:032x}") for number, each in enumerate(from_everywhere(40))]
    former(tmp_path / "hits", form, segment="worker-w0-20261122T120000Z-0.ndjson")
    former(tmp_path / "answers", "answers", segment="worker-w0-20261122T120000Z-0.ndjson")
    record_hits(tmp_path / "hits", made[:25], are_kept=True)
    record_hits(tmp_path / "hits", made[25:])
    record(tmp_path / "answers", made)
    read = [members(sorted(records(tmp_path / name), key=place)) for name in ("hits", "answers")]
    assert read[0] == read[1]
    assert as_found(tmp_path / "hits") == as_found(tmp_path / "answers")
    assert len(DecisionSearch(tmp_path / "hits").search(Filter(account="acct-near"), 99)) == 23


def mixed(directory: Path) -> Path:
    """A log of one segment with all forms in it, each hit with an address that its number tells."""
    record_hits(directory, [told_apart(number) for number in range(12)], are_kept=True)
    record_hits(directory, [told_apart(number) for number in range(12, 24)])
    kept, others = ([json.loads(line) for line in whole_lines(file.path)] for file in segment_files(directory))
    told = [numbered_anew(line) for line in others]
    first = [line for line in map(in_first_form, told) if line["type"] in ("place", "hits")]
    for file in segment_files(directory):
        file.path.unlink()
    whole = [*kept, *told, *first]
    (directory / SEGMENT).write_text("".join(json.dumps(each, separators=(",", ":")) + "\n" for each in whole))
    return directory


def told_apart(number: int) -> Answer:
    return asked_from(number, IPV4_MAPPED | 203 << 24 | (number % 2) << 8 | 9)


def numbered_anew(line: dict[str, Any]) -> dict[str, Any]:
    """What hits share under other numbers than the kept questions of the segment have."""
    if line["type"] == "hits":
        return line | {name: [number + 100 for number in line[name]] for name in ("account", "place", "answer")}
    return line | {"n": line["n"] + 100} if "n" in line else line


def in_first_form(line: dict[str, Any]) -> dict[str, Any]:
    """The same hits under other ids, with an address that places say."""
    if line["type"] == "hits":
        line = line | {"id": ["f" + id[1:] for id in line["id"]], "place": [number + 100 for number in line["place"]]}
        return without_addresses(line)
    return line | {"n": line["n"] + 100, "address": "198.51.100.0/24"} if line["type"] == "place" else line


@pytest.mark.parametrize("is_closed", [True, False])
def test_all_forms_are_read_from_one_segment(tmp_path: Path, is_closed: bool) -> None:
    mixed(tmp_path / "hits")
    if is_closed:
        close(tmp_path / "hits")
    made = [told_apart(number) for number in range(24)]
    anew = Located(Address(IPV4_MAPPED | 198 << 24 | 51 << 16 | 100 << 8), made[0].located.location)
    record(tmp_path / "answers", [*made, *(replace(each, id="f" + each.id[1:], located=anew) for each in made[12:])])
    read = [members(sorted(records(tmp_path / name), key=place)) for name in ("hits", "answers")]
    assert read[0] == read[1]
    assert as_found(tmp_path / "hits") == as_found(tmp_path / "answers")
    deletions = [delete_account(tmp_path / name, "acct-half").records for name in ("hits", "answers")]
    assert deletions == [18, 18]
    assert as_found(tmp_path / "hits") == as_found(tmp_path / "answers")


@pytest.mark.parametrize("form", ["hits", "columns", "kept", "other"])
def test_a_deletion_leaves_every_other_hit_its_own_address(tmp_path: Path, form: str) -> None:
    if form in ("hits", "columns"):
        close(former(tmp_path, form))
    else:
        record_hits(tmp_path, from_everywhere(60), are_kept=form == "kept")
    kept = [each for each in records(tmp_path) if each["account"] != "acct-half"]
    assert len({each["address"] for each in kept}) > 1
    delete_account(tmp_path, "acct-half")
    assert members(records(tmp_path)) == members(kept)
    assert members(DecisionSearch(tmp_path).search(Filter(), 99)) == members(kept[::-1])


def without_addresses(line: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in line.items() if name != "address"}


def with_no_addresses(line: dict[str, Any]) -> dict[str, Any]:
    return line | {"address": None} if "address" in line else line


def with_fewer_addresses(line: dict[str, Any]) -> dict[str, Any]:
    return line | {"address": []} if "address" in line else line


def with_more_addresses(line: dict[str, Any]) -> dict[str, Any]:
    return line | {"address": [*line["address"], None]} if "address" in line else line


@KEPT
@pytest.mark.parametrize(
    "change",
    [without_addresses, with_no_addresses, with_fewer_addresses, with_more_addresses],
    ids=lambda each: each.__name__,
)
def test_hits_whose_addresses_are_missing_are_reported_by_every_reader(
    tmp_path: Path, change: Callable[[dict[str, Any]], dict[str, Any]], are_kept: bool
) -> None:
    record_hits(tmp_path, many(40), are_kept=are_kept)
    rewritten(tmp_path, change)
    search = DecisionSearch(tmp_path)
    with pytest.raises(NotAvailable, match="lacks what its decisions share"):
        search.search(Filter(), 50)
    with pytest.raises(NotAvailable, match="lacks what its decisions share"):
        list(search.export(Filter()))
    replay = Replay(New(), lambda id, revision, at: None)
    assert list(replay.run(tmp_path, None, None)) == []
    assert replay.tally.unsure["facts"] > 0


def test_a_question_does_not_have_the_address_of_its_place(tmp_path: Path) -> None:
    record_hits(tmp_path, many(4), are_kept=True)
    elsewhere = {"address": "198.51.100.0/24"}
    rewritten(tmp_path, lambda line: line | elsewhere if line["type"] == "place" else without_addresses(line))
    assert all(isinstance(each, Incomplete) for each in recorded_cases(tmp_path, None, None))
    with pytest.raises(NotAvailable, match="lacks what its decisions share"):
        DecisionSearch(tmp_path).search(Filter(), 9)


def test_where_one_question_is_missing_the_hits_of_others_are_read_as_they_are(tmp_path: Path) -> None:
    record_hits(tmp_path, many(40), are_kept=True)
    before = {each["id"]: each for each in records(tmp_path)}
    (asked,) = (line for line in lines(tmp_path) if line["type"] == "hits")
    missing = {id for id, number in zip(asked["id"], asked["question"], strict=True) if number == asked["question"][0]}
    rewritten(tmp_path, without_the_first)
    found = list(recorded_cases(tmp_path, None, None))
    assert len(missing) == sum(isinstance(each, Incomplete) for each in found) == 10
    left = {each.record["id"]: each.record for each in found if isinstance(each, Case)}
    assert left == {id: record for id, record in before.items() if id not in missing}
    search = DecisionSearch(tmp_path)
    for id in sorted(before)[:4]:
        if id in missing:
            with pytest.raises(NotAvailable, match="lacks what its decisions share"):
                search.find(id)
        else:
            one = search.find(id)
            assert one is not None
            assert one.record == before[id]


def without_the_first(line: dict[str, Any]) -> dict[str, Any]:
    columns = ("n", "account", "address", "place", "answer")
    return line | {name: line[name][1:] for name in columns} if line["type"] == "questions" else line


@KEPT
def test_an_address_that_is_written_in_unusual_letters_is_read_as_it_is(tmp_path: Path, are_kept: bool) -> None:
    record_hits(tmp_path, [again(0, at=START + 3 * MICROSECOND)], are_kept=are_kept)
    rewritten(tmp_path, lambda line: line | {"address": ['a"b\\名\n']} if "address" in line else line)
    assert [each["address"] for each in DecisionSearch(tmp_path).search(Filter(), 9)] == ['a"b\\名\n']
