"""A replay tells a change of rules from a change of data, and says what it cannot tell; `why` explains again."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from rules.facts import AccountFacts, EntityId, ResourceFacts
from rules.language import RuleSet
from service.decide import InlineFacts
from service.decision_log.replay import Changed, New, Outcome, Replay
from service.decision_log.search import DecisionSearch
from service.decision_log.thawing import Case
from service.decision_log.why import Why, why
from tests.log.answers import GRAPH, RULES, SECOND, START, answer, answers, facts, record, rule_set, world

STRICTER = rule_set(default="deny")
LENIENT = rule_set(
    rules=[{"id": "located-afar", "effect": "deny", "when": {"location": {"in": ["CN"]}}, "reason": "location.afar"}]
)
CIDR = rule_set(
    rules=[{"id": "prefix", "effect": "deny", "when": {"network": {"cidr": ["203.0.113.0/28"]}}, "reason": "prefix"}]
)


def of_then(id: str, revision: str, at: datetime) -> RuleSet | None:
    return RULES if (id, revision) == (RULES.id, RULES.revision) else None


def lost(id: str, revision: str, at: datetime) -> RuleSet | None:
    return None


def known(share: str) -> Callable[[str, str, datetime], tuple[AccountFacts, ResourceFacts]]:
    """What is known today, where `far` has that share of `half`."""
    graph = world(share, "state-2")
    return lambda account, resource, at: facts(account, graph)


def replayed(directory: Path, new: New, rules: Any = of_then) -> tuple[Replay, list[Changed]]:
    replay = Replay(new, rules)
    return replay, list(replay.run(directory, None, None))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Three denials of `half` for its owner, and three answers to `near`, of which none is denied."""
    record(tmp_path, answers(6))
    return tmp_path


def causes(changes: list[Changed]) -> dict[str, str]:
    return {change.id: change.cause for change in changes}


HALF = {f"decision-{number}" for number in (0, 2, 4)}
NEAR = {f"decision-{number}" for number in (1, 3, 5)}


def test_the_same_rules_and_data_change_nothing(log: Path) -> None:
    replay, changes = replayed(log, New(RULES, known("50%")))
    assert changes == []
    assert replay.tally.decided == 6


def test_other_rules_over_the_recorded_facts_are_a_change_of_rules(log: Path) -> None:
    replay, changes = replayed(log, New(STRICTER), lost)
    assert causes(changes) == dict.fromkeys(NEAR, "rules")
    assert {change.before.effect for change in changes} == {"allow"}
    assert {change.after for change in changes} == {Outcome("deny", None)}
    assert replay.tally.effects == 3


def test_other_facts_under_the_recorded_rules_are_a_change_of_data(log: Path) -> None:
    _, changes = replayed(log, New(None, known("49%")))
    assert causes(changes) == dict.fromkeys(HALF, "data")
    assert {change.after for change in changes} == {Outcome("allow", None)}


def test_rules_and_data_that_changed_at_once_are_told_apart(log: Path) -> None:
    replay, changes = replayed(log, New(STRICTER, known("49%")))
    assert causes(changes) == dict.fromkeys(NEAR, "rules") | dict.fromkeys(HALF, "data")
    assert replay.tally.changed == {"rules": 3, "data": 3}


def test_what_either_would_have_changed_is_due_to_both(log: Path) -> None:
    _, changes = replayed(log, New(LENIENT, known("49%")))
    assert causes(changes) == dict.fromkeys(HALF, "rules and data")


def test_where_the_rules_of_then_are_lost_data_is_judged_by_the_new_ones(log: Path) -> None:
    _, changes = replayed(log, New(STRICTER, known("49%")), lost)
    assert causes(changes) == dict.fromkeys(NEAR, "rules") | dict.fromkeys(HALF, "data")


def test_without_any_rules_a_decision_is_not_made_again(log: Path) -> None:
    replay, changes = replayed(log, New(None, known("49%")), lost)
    assert (changes, replay.tally.decided) == ([], 0)
    assert replay.tally.unsure == {"ruleset": 6}


def test_a_rule_that_is_finer_than_the_recorded_address_is_said_to_be_unsure(log: Path) -> None:
    replay, changes = replayed(log, New(CIDR))
    assert (changes, replay.tally.unsure) == ([], {"address": 6})


@pytest.mark.parametrize(("addresses", "unsure"), [("full", {}), ("none", {"address": 6})])
def test_a_whole_address_is_enough_for_every_rule_and_none_for_no_prefix(
    tmp_path: Path, addresses: str, unsure: dict[str, int]
) -> None:
    record(tmp_path, answers(6), addresses=addresses)
    replay, changes = replayed(tmp_path, New(CIDR))
    assert replay.tally.unsure == unsure
    assert {change.after for change in changes} == ({Outcome("deny", "prefix")} if not unsure else set())


def test_what_the_caller_gave_itself_stays_as_it_was(tmp_path: Path) -> None:
    record(tmp_path, [answer(0, inline=InlineFacts(EntityId("half"))), answer(1, foreign=True), answer(2)])
    _, changes = replayed(tmp_path, New(None, known("49%")))
    assert causes(changes) == {"decision-2": "data"}


def test_a_replay_keeps_to_its_time(log: Path) -> None:
    replay = Replay(New(STRICTER), of_then)
    assert len(list(replay.run(log, START + 2 * SECOND, START + 4 * SECOND))) == 1
    assert replay.tally.decided == 2


def test_what_its_segment_lacks_is_not_decided_again(log: Path) -> None:
    from service.decision_log.segments import segment_files, whole_lines

    (file,) = segment_files(log)
    text = b"".join(line for line in whole_lines(file.path) if b'"type":"facts"' not in line)
    file.path.unlink()
    (log / "worker-w1-20261122T120000Z-0.ndjson").write_bytes(text)
    replay, _ = replayed(log, New(STRICTER))
    assert replay.tally.unsure["facts"] == 6


def explained(directory: Path, id: str, rules: Any = of_then) -> Why:
    found = DecisionSearch(directory).find(id)
    assert found is not None
    return why(found, rules)


def test_a_denial_is_explained_by_who_owned_how_much_then(log: Path) -> None:
    denial = explained(log, "decision-0")
    assert denial.explanation is not None
    condition = denial.explanation.rules[0].condition
    assert condition.ownership is not None
    assert [(step.owner_name, step.share) for step in condition.ownership.steps] == [("Far Ltd", "50%")]
    assert denial.lines[:3] == (
        "deny: rule `owned-from-afar` holds (owner.afar)",
        "The organisation is owned from afar.",
        "A law",
    )
    assert "account `acct-half` asked to use `tool` from 203.0.113.0/24 (DE says dbip-country-lite)" in denial.lines
    document = denial.document()
    assert document["trace"]["rules"][0]["condition"]["ownership"]["steps"][0]["owner"] == "far"


def test_without_the_rules_of_then_the_record_speaks_for_itself(log: Path) -> None:
    denial = explained(log, "decision-0", lost)
    assert denial.explanation is None
    assert denial.lines[0] == "deny: rule `owned-from-afar` holds (owner.afar)"
    assert denial.lines[-1] == f"the rules of revision `{RULES.revision}` cannot be had: this is what the record says"
    assert denial.document()["trace"] is None


def test_what_was_unknown_is_said_in_words(tmp_path: Path) -> None:
    record(tmp_path, [answer(0, "acct-stranger")])
    challenge = explained(tmp_path, "decision-0")
    assert challenge.lines[0] == "challenge: rule `owned-from-afar` holds (owner.afar)"
    assert "not known: entity.missing, the entity behind the account is not known" in challenge.lines


def test_an_explanation_that_comes_out_otherwise_says_why(log: Path) -> None:
    doubted = explained(log, "decision-0", lambda id, revision, at: LENIENT)
    assert doubted.lines[-1] == "explained again it is allow by `the default`: the whole address is not recorded"


def test_a_case_is_what_was_asked(log: Path) -> None:
    found = DecisionSearch(log).find("decision-4")
    assert found is not None
    case = found.case()
    assert isinstance(case, Case)
    assert (case.request.at, case.request.action) == (START + 4 * SECOND, "use")
    assert case.account.graph.revision == GRAPH.revision
