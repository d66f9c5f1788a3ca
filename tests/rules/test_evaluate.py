"""The compiled meaning by table: what the masks do that a reader would ask about."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from rules.compile import MAX_CLAUSES, Subject, compile_ruleset
from rules.evaluate import evaluate, screen, screen_resource
from rules.explain import explain
from rules.facts import (
    Account,
    AccountFacts,
    AccountId,
    Address,
    Claim,
    Entity,
    EntityId,
    Interest,
    Location,
    OwnershipGraph,
    Request,
    Resource,
    ResourceFacts,
    ResourceId,
)
from rules.geography import Jurisdiction, Region
from rules.language import (
    AccountTagged,
    ActionIs,
    AllOf,
    AnyOf,
    Condition,
    Decision,
    EntityKind,
    EntityMatches,
    HoldingTest,
    ListedOn,
    LocatedIn,
    NetworkRange,
    NotOf,
    Obligation,
    OwnedBy,
    Period,
    ResourceTagged,
    Rule,
    RuleSet,
)
from rules.profiles import MAX_REMEMBERED
from rules.shares import WHOLE, Bounds, Share, Threshold

AT = datetime(2026, 11, 22, tzinfo=UTC)
GRAPH = OwnershipGraph.of([], [], "facts-1")
ACCOUNT = AccountFacts(Account(AccountId("a"), tags=frozenset({"t1"})), GRAPH)
RESOURCE = ResourceFacts(Resource(ResourceId("r"), frozenset({"t1"})), GRAPH)


def rule_set(*conditions: Condition, **changes: object) -> RuleSet:
    rules = [Rule(f"r{number}", "deny", when, "challenge", f"r{number}") for number, when in enumerate(conditions)]
    return RuleSet("test", "0" * 12, "allow", tuple(replace(rule, **changes) for rule in rules))  # type: ignore[arg-type]


def located(code: str) -> LocatedIn:
    return LocatedIn(Region(frozenset({Jurisdiction(code)})))


def tagged(kind: type[AccountTagged] | type[ResourceTagged], *tags: str) -> Condition:
    return kind(frozenset(tags))


def decide(ruleset: RuleSet, request: Request, account: AccountFacts = ACCOUNT) -> Decision:
    program = compile_ruleset(ruleset)
    return evaluate(program, screen(program, account, AT), screen_resource(program, RESOURCE, AT), request)


def tangle(width: int) -> Condition:
    """A conjunction of alternatives about different subjects: 2 ** width clauses."""
    return AllOf(
        tuple(AnyOf((tagged(AccountTagged, f"t{n}"), tagged(ResourceTagged, f"t{n}"))) for n in range(1, width + 1))
    )


def test_parts_about_one_subject_are_one_atom() -> None:
    condition: Condition = AllOf(
        (located("DE"), NotOf(located("FR")), tagged(AccountTagged, "x"), tagged(AccountTagged, "y"))
    )
    program = compile_ruleset(rule_set(condition))
    assert [len(program.atoms[subject]) for subject in Subject] == [1, 0, 1, 0, 0, 0]
    assert program.owner == (0,)


def test_rules_that_say_the_same_share_their_atoms() -> None:
    program = compile_ruleset(rule_set(*[located("DE")] * 100))
    assert len(program.atoms[Subject.LOCATION]) == 1
    assert len(program.owner) == 100


@pytest.mark.parametrize("width", [2, 4, 5, 9])
def test_a_rule_of_too_many_clauses_is_walked_and_means_the_same(width: int) -> None:
    ruleset = rule_set(tangle(width), NotOf(tangle(width)))
    program = compile_ruleset(ruleset)
    assert bool(program.walked) == (2**width > MAX_CLAUSES)
    request = Request(AT)
    assert decide(ruleset, request) == explain(ruleset, ACCOUNT, RESOURCE, request).decision
    assert decide(ruleset, request).rule == "r1"


def test_a_walked_rule_out_of_force_stays_out_of_force() -> None:
    past = Period(None, AT - timedelta(days=1))
    assert decide(rule_set(NotOf(tangle(9)), effective=past), Request(AT)).effect == "allow"


@pytest.mark.parametrize(
    ("address", "effect"),
    [(9, "allow"), (10, "deny"), (19, "deny"), (20, "deny"), (21, "allow"), (None, "allow")],
)
def test_a_prefix_holds_from_its_first_address_to_its_last(address: int | None, effect: str) -> None:
    prefixes = NetworkRange(((Address(10), Address(19)), (Address(20), Address(20))))
    asked = Request(AT, address=None if address is None else Address(address))
    assert decide(rule_set(prefixes), asked).effect == effect


def test_actions_that_no_rule_names_do_not_fill_the_memo() -> None:
    program = compile_ruleset(rule_set(ActionIs(frozenset({"use"}))))
    account, resource = screen(program, ACCOUNT, AT), screen_resource(program, RESOURCE, AT)
    for number in range(100):
        evaluate(program, account, resource, Request(AT, action=f"made-up-{number}"))
    assert len(program.memo.actions) == 1


def test_the_memo_is_bounded_and_never_changes_an_answer() -> None:
    ruleset = rule_set(located("DE"))
    program = compile_ruleset(ruleset)
    account, resource = screen(program, ACCOUNT, AT), screen_resource(program, RESOURCE, AT)
    places = [
        Location((Claim("one", Jurisdiction("DE" if number % 2 else "FR")),)) for number in range(MAX_REMEMBERED + 10)
    ]
    effects = [evaluate(program, account, resource, Request(AT, place)).effect for place in places + places[:20]]
    assert (
        effects == ["deny" if number % 2 else "allow" for number in range(MAX_REMEMBERED + 10)] + ["allow", "deny"] * 10
    )
    assert len(program.memo.locations) <= MAX_REMEMBERED


def test_a_screening_says_how_long_it_is_right() -> None:
    start, end = AT - timedelta(days=3), AT + timedelta(days=3)
    whole = Bounds(Share(WHOLE), Share(WHOLE))
    graph = OwnershipGraph.of(
        [Entity(EntityId("X"), listed=frozenset({"list"}))],
        [Interest(EntityId("X"), EntityId("A"), whole, start=start, end=end)],
        "facts-2",
    )
    owned = OwnedBy(ListedOn(frozenset({"list"})), HoldingTest(Threshold(Share(500_000), strict=True)))
    account = AccountFacts(Account(AccountId("a"), entity=EntityId("A")), graph)
    screening = screen(compile_ruleset(rule_set(owned)), account, AT)
    assert (screening.since, screening.until, screening.revision) == (start, end, "facts-2")
    decision = decide(rule_set(owned), Request(AT), account)
    assert (decision.effect, decision.expires_at, decision.facts) == ("deny", end, "facts-2")


def test_nothing_of_a_screening_is_looked_up_where_no_rule_asks() -> None:
    account = AccountFacts(Account(AccountId("a"), entity=EntityId("A")), GRAPH)
    screening = screen(compile_ruleset(rule_set(located("DE"))), account, AT)
    assert (screening.since, screening.until) == (None, None)


def test_a_rule_whose_dates_leave_no_time_is_never_in_force() -> None:
    always, never = rule_set(tagged(AccountTagged, "t1")), Period(AT, AT)
    ruleset = replace(always, rules=tuple(replace(rule, effective=never) for rule in always.rules))
    for at in (AT - timedelta(days=1), AT, AT + timedelta(days=1)):
        assert decide(ruleset, Request(at)).effect == "allow"


def test_rules_come_into_force_and_go_out_of_it_at_their_dates() -> None:
    day = timedelta(days=1)
    periods = [Period(AT, AT + day), Period(None, AT), Period(AT + day), Period(AT, AT + 2 * day)]
    always = rule_set(*[tagged(AccountTagged, "t1")] * len(periods))
    ruleset = replace(
        always,
        rules=tuple(
            replace(rule, effective=period, mode="monitor") for rule, period in zip(always.rules, periods, strict=True)
        ),
    )
    found = [decide(ruleset, Request(AT + days * day)).monitored for days in (-1, 0, 1, 2)]
    assert found == [("r1",), ("r0", "r3"), ("r2", "r3"), ("r2",)]


@pytest.mark.parametrize(
    ("tags", "unknown"), [("t1", ("location.missing",)), ("t2", ("entity.missing", "location.missing"))]
)
def test_what_a_true_part_settles_is_not_named_unknown(tags: str, unknown: tuple[str, ...]) -> None:
    either = AnyOf((tagged(AccountTagged, tags), EntityMatches(EntityKind(frozenset({"person"})))))
    assert decide(rule_set(AllOf((either, located("DE")))), Request(AT)).unknown == unknown
    mixed = AnyOf((tagged(ResourceTagged, tags), EntityMatches(EntityKind(frozenset({"person"})))))
    assert decide(rule_set(AllOf((mixed, located("DE")))), Request(AT)).unknown == unknown


def test_a_rule_that_another_part_makes_true_names_nothing_unknown() -> None:
    person = EntityMatches(EntityKind(frozenset({"person"})))
    assert decide(rule_set(AnyOf((person, tagged(ResourceTagged, "t1")))), Request(AT)).unknown == ()
    assert decide(rule_set(AnyOf((person, tagged(ResourceTagged, "t2")))), Request(AT)).unknown == ("entity.missing",)


def test_a_decision_by_walked_rules_is_remembered_too() -> None:
    program = compile_ruleset(rule_set(AnyOf((tangle(9), located("DE")))))
    assert program.walked == (0,)
    account, resource = screen(program, ACCOUNT, AT), screen_resource(program, RESOURCE, AT)
    one, other = (evaluate(program, account, resource, Request(AT)) for _ in range(2))
    assert one is other
    assert one.unknown == ("location.missing",)
    assert len(program.memo.decisions) == 1


def test_only_rules_that_decide_oblige() -> None:
    ruleset = rule_set(*[tagged(AccountTagged, "t1")] * 3)
    changes: list[dict[str, object]] = [
        {"obligations": (Obligation("r0#1", "log"),)},
        {"obligations": (Obligation("r1#1", "log"),), "effect": "challenge"},
        {"obligations": (Obligation("r2#1", "tell"),)},
    ]
    rules = tuple(replace(rule, **change) for rule, change in zip(ruleset.rules, changes, strict=True))  # type: ignore[arg-type]
    decision = decide(replace(ruleset, rules=rules), Request(AT))
    assert [obligation.id for obligation in decision.obligations] == ["r0#1", "r2#1"]
    assert decision.rule == "r0"
