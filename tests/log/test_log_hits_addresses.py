"""Hits say their addresses themselves; segments of the former form, whose places say them, are read as before.

`former/hits.ndjson` is a segment of the former form, and `former/answers.ndjson` the same decisions as lines of their
own.
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
from service.decision_log.replay import New, Replay
from service.decision_log.search import DecisionSearch, Filter
from service.decision_log.segments import segment_files, whole_lines
from service.decision_log.why import told
from service.errors import NotAvailable
from tests.log.answers import START, Located, lines, record
from tests.log.hits import MICROSECOND, again, close, many, record_hits, records, repeated
from tests.log.test_log_hits import as_found, members

FORMER = Path(__file__).parent / "former"
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


@pytest.mark.parametrize("addresses", ["masked", "full", "none"])
def test_the_address_of_a_hit_is_recorded_as_that_of_an_answer_is(tmp_path: Path, addresses: Addresses) -> None:
    made = from_everywhere(60)
    record_hits(tmp_path / "hits", made, addresses=addresses)
    record(tmp_path / "answers", made, addresses=addresses)
    assert members(records(tmp_path / "hits")) == members(records(tmp_path / "answers"))
    assert as_found(tmp_path / "hits") == as_found(tmp_path / "answers")


def test_places_say_nothing_of_the_address_and_are_as_many_as_are_told_apart(tmp_path: Path) -> None:
    record_hits(tmp_path, from_everywhere(200), addresses="full")
    places = [line for line in lines(tmp_path) if line["type"] == "place"]
    assert sorted(tuple(line) for line in places) == [
        ("type", "n", "address_status", "claims", "location"),
        ("type", "n", "address_status", "claims", "location"),
        ("type", "n", "address_status", "reserved", "claims", "location"),
    ]
    hits = [line for line in lines(tmp_path) if line["type"] == "hits"]
    assert len({address for line in hits for address in line["address"]}) > 100


def test_addresses_of_a_few_networks_are_recorded_as_those() -> None:
    made = [repeated(asked_from(number, IPV4_MAPPED | 203 << 24 | 113 << 8 | number)) for number in range(200)]
    text, _ = Records("w", "masked").of_hits(made)
    (hits,) = (json.loads(line) for line in text.splitlines() if line.startswith(b'{"type":"hits"'))
    assert hits["address"] == ["203.0.113.0/24"] * 200


def test_a_segment_of_the_former_form_is_read_as_the_same_decisions(tmp_path: Path) -> None:
    hits, answers = former(tmp_path / "hits"), former(tmp_path / "answers", "answers")
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


def test_every_decision_of_the_former_form_is_found_by_its_id_with_its_facts(tmp_path: Path) -> None:
    hits, answers = DecisionSearch(former(tmp_path / "hits")), DecisionSearch(former(tmp_path / "answers", "answers"))
    for each in records(tmp_path / "answers"):
        found, expected = hits.find(each["id"]), answers.find(each["id"])
        assert found is not None
        assert expected is not None
        assert members([found.record]) == members([expected.record])
        assert found.case() == expected.case()
        assert told(found.record) == told(expected.record)


def test_both_forms_are_read_from_one_directory(tmp_path: Path) -> None:
    made = [replace(each, id=f"{1_000 + number:032x}") for number, each in enumerate(from_everywhere(40))]
    former(tmp_path / "hits", segment="worker-w0-20261122T120000Z-0.ndjson")
    former(tmp_path / "answers", "answers", segment="worker-w0-20261122T120000Z-0.ndjson")
    record_hits(tmp_path / "hits", made)
    record(tmp_path / "answers", made)
    assert members(records(tmp_path / "hits")) == members(records(tmp_path / "answers"))
    assert as_found(tmp_path / "hits") == as_found(tmp_path / "answers")
    assert len(DecisionSearch(tmp_path / "hits").search(Filter(account="acct-near"), 99)) == 23


@pytest.mark.parametrize("is_former", [True, False])
def test_a_deletion_leaves_every_other_hit_its_own_address(tmp_path: Path, is_former: bool) -> None:
    if is_former:
        close(former(tmp_path))
    else:
        record_hits(tmp_path, from_everywhere(60))
    kept = [each for each in records(tmp_path) if each["account"] != "acct-half"]
    assert len({each["address"] for each in kept}) > 1
    delete_account(tmp_path, "acct-half")
    assert members(records(tmp_path)) == members(kept)
    assert members(DecisionSearch(tmp_path).search(Filter(), 99)) == members(kept[::-1])


def without_addresses(line: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in line.items() if name != "address"}


def with_no_addresses(line: dict[str, Any]) -> dict[str, Any]:
    return line | {"address": None} if line["type"] == "hits" else line


def with_fewer_addresses(line: dict[str, Any]) -> dict[str, Any]:
    return line | {"address": []} if line["type"] == "hits" else line


def with_more_addresses(line: dict[str, Any]) -> dict[str, Any]:
    return line | {"address": [*line["address"], None]} if line["type"] == "hits" else line


@pytest.mark.parametrize(
    "change",
    [without_addresses, with_no_addresses, with_fewer_addresses, with_more_addresses],
    ids=lambda each: each.__name__,
)
def test_hits_whose_addresses_are_missing_are_reported_by_every_reader(
    tmp_path: Path, change: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    record_hits(tmp_path, many(40))
    rewritten(tmp_path, change)
    search = DecisionSearch(tmp_path)
    with pytest.raises(NotAvailable, match="lacks what its decisions share"):
        search.search(Filter(), 50)
    with pytest.raises(NotAvailable, match="lacks what its decisions share"):
        list(search.export(Filter()))
    replay = Replay(New(), lambda id, revision, at: None)
    assert list(replay.run(tmp_path, None, None)) == []
    assert replay.tally.unsure["facts"] > 0


def test_an_address_that_is_written_in_unusual_letters_is_read_as_it_is(tmp_path: Path) -> None:
    record_hits(tmp_path, [again(0, at=START + 3 * MICROSECOND)])
    rewritten(tmp_path, lambda line: line | {"address": ['a"b\\名\n']} if line["type"] == "hits" else line)
    assert [each["address"] for each in DecisionSearch(tmp_path).search(Filter(), 9)] == ['a"b\\名\n']
