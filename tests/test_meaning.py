"""The compiled meaning is the reference meaning, and what every meaning of this language must keep."""

from dataclasses import replace

from hypothesis import event, given
from hypothesis import strategies as st

from rules.compile import compile_ruleset
from rules.evaluate import evaluate, screen, screen_resource
from rules.explain import explain
from rules.facts import AccountFacts, Request, ResourceFacts
from rules.language import ALWAYS, Decision, Effect, Rule, RuleSet
from tests import strategies

Question = tuple[AccountFacts, ResourceFacts, Request]

SEVERITY: dict[Effect, int] = {"allow": 0, "challenge": 1, "deny": 2}


def decide(ruleset: RuleSet, question: Question) -> Decision:
    account, resource, request = question
    program = compile_ruleset(ruleset)
    return evaluate(
        program,
        screen(program, account, request.at),
        screen_resource(program, resource, request.at),
        request,
    )


@given(strategies.rule_sets(), strategies.questions())
def test_the_compiled_meaning_is_the_reference_meaning(ruleset: RuleSet, question: Question) -> None:
    decision = decide(ruleset, question)
    event(f"{decision.effect} {'unknown' if decision.unknown else 'known'} {'lifted' if decision.lifted else ''}")
    assert decision == explain(ruleset, *question).decision


@given(strategies.rule_sets(max_rules=4), st.lists(strategies.questions(), min_size=2, max_size=8))
def test_what_a_program_remembers_never_changes_an_answer(ruleset: RuleSet, asked: list[Question]) -> None:
    program = compile_ruleset(ruleset)
    for account, resource, request in asked * 2:
        screenings = screen(program, account, request.at), screen_resource(program, resource, request.at)
        expected = explain(ruleset, account, resource, request).decision
        assert evaluate(program, *screenings, request) == expected


@given(strategies.rule_sets(max_rules=3), strategies.questions())
def test_a_screening_answers_for_every_time_in_its_span(ruleset: RuleSet, question: Question) -> None:
    account, resource, request = question
    program = compile_ruleset(ruleset)
    early, early_resource = screen(program, account, request.at), screen_resource(program, resource, request.at)
    for at in strategies.TIMES:
        in_span = all(
            (each.since is None or each.since <= at) and (each.until is None or at < each.until)
            for each in (early, early_resource)
        )
        if in_span:
            later = replace(request, at=at)
            assert (
                evaluate(program, early, early_resource, later) == explain(ruleset, account, resource, later).decision
            )


@given(strategies.rule_sets(), strategies.questions(), strategies.conditions)
def test_one_more_denial_never_opens_a_door(ruleset: RuleSet, question: Question, when: object) -> None:
    denial = Rule(id="more", effect="deny", when=when, if_unknown="challenge", reason="more")  # type: ignore[arg-type]
    stricter = replace(ruleset, rules=(*ruleset.rules, denial))
    before, after = decide(ruleset, question), decide(stricter, question)
    if before.rule is not None or ruleset.default == "deny":
        assert SEVERITY[after.effect] >= min(SEVERITY[before.effect], SEVERITY["challenge"])
    if before.effect == "deny" and before.rule is not None:
        assert after.effect == "deny"


@given(strategies.rule_sets(), strategies.questions(), st.randoms(use_true_random=False))
def test_the_order_of_rules_never_changes_the_effect(ruleset: RuleSet, question: Question, random: object) -> None:
    shuffled = list(ruleset.rules)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    other = decide(replace(ruleset, rules=tuple(shuffled)), question)
    decision = decide(ruleset, question)
    assert other.effect == decision.effect
    assert set(other.monitored) == set(decision.monitored)
    assert other.unknown == decision.unknown


@given(strategies.rule_sets(), strategies.questions())
def test_a_monitored_rule_never_changes_an_outcome(ruleset: RuleSet, question: Question) -> None:
    enforced = replace(ruleset, rules=tuple(rule for rule in ruleset.rules if rule.mode == "enforce"))
    kept = {rule.id for rule in enforced.rules}
    exemptions = tuple(replace(each, lifts=each.lifts & kept) for each in ruleset.exemptions)
    assert decide(replace(enforced, exemptions=exemptions), question).effect == decide(ruleset, question).effect


@given(strategies.rule_sets(), strategies.questions())
def test_a_rule_out_of_force_is_as_if_it_were_not_there(ruleset: RuleSet, question: Question) -> None:
    at = question[2].at
    current = tuple(replace(rule, effective=ALWAYS) for rule in ruleset.rules if rule.effective.covers(at))
    kept = {rule.id for rule in current}
    exemptions = tuple(
        replace(each, effective=ALWAYS, lifts=each.lifts & kept)
        for each in ruleset.exemptions
        if each.effective.covers(at)
    )
    undated = decide(replace(ruleset, rules=current, exemptions=exemptions), question)
    dated = decide(ruleset, question)
    assert replace(undated, expires_at=None) == replace(dated, expires_at=None)


@given(strategies.rule_sets(), strategies.questions())
def test_an_expiry_lies_ahead_and_until_then_nothing_changes(ruleset: RuleSet, question: Question) -> None:
    account, resource, request = question
    decision = decide(ruleset, question)
    assert decision.expires_at is None or decision.expires_at > request.at
    for at in strategies.TIMES:
        if request.at <= at and (decision.expires_at is None or at < decision.expires_at):
            assert decide(ruleset, (account, resource, replace(request, at=at))) == decision
