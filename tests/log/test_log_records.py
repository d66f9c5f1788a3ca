"""What a record holds: facts that stand for themselves, and no more of an address than it may."""

from dataclasses import replace
from datetime import timedelta
from ipaddress import IPv6Network
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.compile import compile_ruleset
from rules.evaluate import evaluate, screen, screen_resource
from rules.explain import explain
from rules.facts import (
    IPV4_MAPPED,
    AccountFacts,
    AccountId,
    Address,
    EntityId,
    Location,
    OwnershipGraph,
    Request,
    ResourceFacts,
)
from rules.language import RuleSet
from service.decide import AccessRequest, InlineFacts
from service.decision_log.fragments import TEXT_LIMIT
from service.decision_log.freezing import PART_SIZE, closure, frozen_graph, partners_of
from service.decision_log.records import Records, recorded_address
from service.decision_log.thawing import Case, Facts, block_of
from tests.log.answers import GRAPH, SECOND, START, Located, answer, answered
from tests.strategies import questions, rule_sets

Question = tuple[AccountFacts, ResourceFacts, Request]


def read(lines: bytes) -> list[dict[str, Any]]:
    return [msgspec.json.decode(line) for line in lines.splitlines()]


def thawed(lines: bytes) -> Case:
    """The case that the lines of one answer tell of."""
    gathered = Facts()
    *before, record = read(lines)
    for line in before:
        gathered.add(line)
    return gathered.case(record)


@given(rule_sets(), questions())
def test_the_recorded_facts_decide_and_explain_as_those_that_were_used(rules: RuleSet, question: Question) -> None:
    account, resource, request = question
    located = Located(request.address, request.location)
    asked = AccessRequest(
        account.account.id, resource.resource.id, request.at, "x", request.action, activity=request.activity
    )
    made = answered("d", asked, located, (account, resource), rules)
    case = thawed(Records("w", "full").lines(made))
    program = compile_ruleset(rules)
    screenings = screen(program, case.account, request.at), screen_resource(program, case.resource, request.at)
    again = evaluate(program, *screenings, case.request)
    assert again == made.decision
    assert explain(rules, case.account, case.resource, case.request) == explain(rules, account, resource, request)


def test_facts_are_said_once_in_a_segment_and_again_in_the_next() -> None:
    records = Records("w", "masked")
    assert [line["type"] for line in read(records.lines(answer(0)))] == ["location", "facts", "decision"]
    assert [line["type"] for line in read(records.lines(answer(1)))] == ["decision"]
    records.begin_segment()
    assert [line["type"] for line in read(records.lines(answer(2)))] == ["location", "facts", "decision"]


def test_facts_whose_lines_were_lost_are_said_again() -> None:
    records = Records("w", "masked")
    records.lines(answer(0))
    records.lost()
    assert [line["type"] for line in read(records.lines(answer(1)))] == ["location", "facts", "decision"]
    records.written()
    records.lost()
    assert [line["type"] for line in read(records.lines(answer(2)))] == ["decision"]


def test_the_same_facts_have_the_same_name_in_every_process() -> None:
    one, other = (Records(worker, "masked").lines(answer(0)) for worker in ("a", "b"))
    assert [line["id"] for line in read(one)] == [line["id"] for line in read(other)]


def test_a_record_says_who_asked_what_and_what_came_of_it() -> None:
    record = read(Records("w1", "masked").lines(answer(3, asked_at=START + 5 * SECOND)))[-1]
    shown = {name: record[name] for name in ("id", "time", "at", "worker", "account", "resource", "action", "address")}
    assert shown == {
        "id": "decision-3",
        "time": "2026-11-22T12:00:05.000000Z",
        "at": "2026-11-22T12:00:03.000000Z",
        "worker": "w1",
        "account": "acct-half",
        "resource": "tool",
        "action": "use",
        "address": "203.0.113.0/24",
    }
    assert (record["effect"], record["rule"], record["reason"]) == ("deny", "owned-from-afar", "owner.afar")
    assert (record["ruleset"], record["claims"]) == ("small-world", {"dbip-country-lite": "DE"})
    assert [source["revision"] for source in record["data"]] == ["abc123", "2026-11"]
    assert record["unknown"] == []


def test_what_the_caller_gave_itself_is_recorded_as_such() -> None:
    inline = answer(
        0, inline=InlineFacts(EntityId("half")), foreign=True, activity={("countries", timedelta(days=1)): 3}
    )
    record = read(Records("w", "masked").lines(inline))[-1]
    assert (record["inline"], record["foreign"]) == (True, True)
    assert record["activity"] == [{"count": "countries", "within_seconds": 86_400, "value": 3}]


IPV6 = Address(0x2001_0DB8_0001_0002_0003_0004_0005_0006)
IPV4 = Address(IPV4_MAPPED | 203 << 24 | 113 << 8 | 9)


@pytest.mark.parametrize(
    ("address", "masked", "full"),
    [(IPV4, "203.0.113.0/24", "203.0.113.9"), (IPV6, "2001:db8:1::/48", "2001:db8:1:2:3:4:5:6"), (None, None, None)],
)
def test_an_address_is_recorded_as_far_as_the_setting_says(
    address: Address | None, masked: str | None, full: str | None
) -> None:
    assert recorded_address(address, "masked") == masked
    assert recorded_address(address, "full") == full
    assert recorded_address(address, "none") is None


@given(st.lists(st.sampled_from([0, 1, 0xFFFF, 0x2001, 0xDB8]), min_size=8, max_size=8))
def test_a_masked_address_of_ipv6_is_written_as_everybody_does(groups: list[int]) -> None:
    address = Address(int.from_bytes(b"".join(group.to_bytes(2) for group in groups)))
    if address >> 32 != IPV4_MAPPED >> 32:
        assert recorded_address(address, "masked") == str(IPv6Network((address, 48), strict=False))


@given(st.integers(0, 2**128 - 1).map(Address))
def test_the_recorded_address_stands_for_the_one_that_asked(address: Address) -> None:
    exact, block = block_of(recorded_address(address, "full")), block_of(recorded_address(address, "masked"))
    assert exact is not None
    assert block is not None
    assert exact.first == exact.last == address
    assert block.first <= address <= block.last


@pytest.mark.parametrize("text", ["", "\x00", '\n\u2028"\\', "名", "\U0001f600", "x" * 10])
def test_ids_of_every_kind_are_recorded_on_one_line(text: str) -> None:
    lines = Records("w", "masked").lines(answer(0, account=text))
    assert lines.count(b"\n") == 2
    assert read(lines)[-1]["account"] == text


def test_of_a_text_that_is_longer_than_any_id_the_beginning_is_recorded() -> None:
    record = read(Records("w", "masked").lines(answer(0, account="a" * 1_000_000)))[-1]
    assert record["account"] == "a" * TEXT_LIMIT + "…"


def test_a_text_that_is_no_unicode_cannot_be_recorded() -> None:
    with pytest.raises(UnicodeError):
        Records("w", "masked").lines(answer(0, account="\ud800"))


def test_the_closure_holds_owners_of_owners_and_all_who_act_with_any_of_them() -> None:
    graph = GRAPH
    entities = [
        replace(graph.entity(EntityId("far")), acts_with=frozenset({EntityId("near")})),
        graph.entity(EntityId("half")),
        graph.entity(EntityId("near")),
    ]
    joined = OwnershipGraph.of(entities, [each for held in graph.owners.values() for each in held])
    assert closure(graph, EntityId("half"), partners_of(graph)) == ("far", "half")
    assert closure(joined, EntityId("half"), partners_of(joined)) == ("far", "half", "near")
    assert closure(joined, EntityId("near"), partners_of(joined)) == ("far", "near")


def test_facts_of_many_owners_take_several_lines_and_come_back_whole() -> None:
    interests = [
        replace(GRAPH.owners[EntityId("half")][0], owner=EntityId(f"owner-{number:05}")) for number in range(1_201)
    ]
    graph = OwnershipGraph.of([], interests)
    frozen = frozen_graph(graph, EntityId("half"), {})
    assert len(frozen.lines) == 1_201 // PART_SIZE + 1
    gathered = Facts()
    for line in (*frozen.lines, *frozen.lines):  # what is said twice counts once
        gathered.add(msgspec.json.decode(line))
    said = {"registered": True, "entity": "half", "tags": [], "declared": {}, "graph": frozen.id, "revision": ""}
    gathered.add({"type": "location", "id": "l", "claims": [], "kinds": [], "tells": [], "systems": None})
    record = {"account": "a", "resource": "r", "account_facts": said, "location": "l"}
    resource: dict[str, object] = {"tags": [], "provider": None, "graph": None, "revision": ""}
    assert gathered.case({**record, "resource_facts": resource}).account.graph.owners == graph.owners


def test_facts_of_an_old_state_are_let_go_of() -> None:
    records = Records("w", "masked")
    records.lines(answer(0))
    assert all(len(memo._young) > 0 for memo in (records._fragments._graphs, records._fragments._facts))
    records.age()
    records.age()
    assert [len(memo._young) + len(memo._old) for memo in (records._fragments._graphs, records._fragments._facts)] == [
        0,
        0,
    ]


def test_an_unlocated_address_is_recorded_without_claims() -> None:
    located = Located(None, Location(), status="invalid")
    nowhere = answered("d", AccessRequest(AccountId("a"), answer(0).request.resource, START), located, answer(0).facts)
    record = read(Records("w", "masked").lines(nowhere))[-1]
    assert (record["address"], record["address_status"], record["claims"]) == (None, "invalid", {})
