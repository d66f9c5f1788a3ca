"""What each form of a document means, once shorthand is gone."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from rules.errors import InvalidRuleSet
from rules.facts import IPV4_MAPPED, Address
from rules.geography import PREDEFINED_GROUPS, Jurisdiction, Region
from rules.language import (
    ALWAYS,
    AccountIs,
    AccountTagged,
    ActionIs,
    ActivityOver,
    AllOf,
    AnyOf,
    Condition,
    DeclaredConflict,
    DeclaredIn,
    EntityIs,
    EntityKind,
    EntityMatches,
    Exemption,
    HoldingTest,
    ListedOn,
    LocatedIn,
    NetworkIs,
    NetworkRange,
    NetworkSystem,
    NotOf,
    Obligation,
    OwnedBy,
    Period,
    ResourceIs,
    ResourceTagged,
    Rule,
    RuleSet,
    SeatIn,
)
from rules.parse import parse_ruleset
from rules.shares import Share, Threshold
from service.documents import read_document

HEAD = "language: 1\nruleset: test\ndefault: deny\nif_unknown: apply\n"


def parsed(text: str) -> RuleSet:
    document = read_document(HEAD + text)
    assert document.problems == ()
    return parse_ruleset(document.value, {})


def condition(text: str) -> Condition:
    (rule,) = parsed(f"rules: [{{id: r, effect: deny, when: {{{text}}}}}]").rules
    return rule.when


def region(*codes: str) -> Region:
    return Region(frozenset(map(Jurisdiction, codes)))


US, GB = region("US"), region("GB")
SEATED = SeatIn(US, ("headquarters", "incorporation"))
HALF = Threshold(Share(500_000), strict=False)
ABOVE_HALF = Threshold(Share(500_000), strict=True)
SDN = ListedOn(frozenset({"us-sdn"}))
LAST_IPV6 = 2**128 - 1

FORMS: list[tuple[str, Condition]] = [
    ("all: []", AllOf(())),
    ("any: []", AnyOf(())),
    ("all: [{location: {in: [US]}}]", AllOf((LocatedIn(US),))),
    ("any: [{location: {in: [US]}}, {action: [use]}]", AnyOf((LocatedIn(US), ActionIs(frozenset({"use"}))))),
    ("not: {location: {in: [US]}}", NotOf(LocatedIn(US))),
    ("action: [use], location: {in: [US]}", AllOf((ActionIs(frozenset({"use"})), LocatedIn(US)))),
    ("location: {in: [US]}, action: [use]", AllOf((LocatedIn(US), ActionIs(frozenset({"use"}))))),
    ("location: {in: [US, UA-43, US]}", LocatedIn(region("US", "UA-43"))),
    ("location: {in: [NO]}", LocatedIn(region("NO"))),
    ("location: {not_in: [US]}", NotOf(LocatedIn(US))),
    ("location: {in: [US], not_in: [GB]}", AllOf((LocatedIn(US), NotOf(LocatedIn(GB))))),
    ('location: {in: ["@eu"]}', LocatedIn(Region(PREDEFINED_GROUPS["eu"]))),
    ("network: {kind: [vpn, tor]}", NetworkIs(frozenset({"vpn", "tor"}))),
    ("network: {asn: [64500, AS64501, as64502]}", NetworkSystem(frozenset({64500, 64501, 64502}))),
    (
        "network: {cidr: [203.0.113.0/24]}",
        NetworkRange(((Address(IPV4_MAPPED + 0xCB007100), Address(IPV4_MAPPED + 0xCB0071FF)),)),
    ),
    ("network: {cidr: [203.0.113.9]}", NetworkRange(((Address(IPV4_MAPPED + 0xCB007109),) * 2,))),
    (
        "network: {cidr: ['2001:db8::/32']}",
        NetworkRange(((Address(0x20010DB8 << 96), Address((0x20010DB9 << 96) - 1)),)),
    ),
    (
        "network: {cidr: [0.0.0.0/0]}",
        NetworkRange(((Address(IPV4_MAPPED), Address(IPV4_MAPPED + 2**32 - 1)),)),
    ),
    (
        "network: {cidr: ['::/0']}",
        NetworkRange(((Address(0), Address(IPV4_MAPPED - 1)), (Address(IPV4_MAPPED + 2**32), Address(LAST_IPV6)))),
    ),
    ("network: {kind: [vpn], asn: [1]}", AllOf((NetworkIs(frozenset({"vpn"})), NetworkSystem(frozenset({1}))))),
    ("entity: {seat_in: [US]}", EntityMatches(SEATED)),
    ("entity: {seat_not_in: [US]}", EntityMatches(NotOf(SEATED))),
    ("entity: {seat_in: [US], basis: [residence]}", EntityMatches(SeatIn(US, ("residence",)))),
    ("entity: {listed: [us-sdn]}", EntityMatches(SDN)),
    ("entity: {id: ['1001']}", EntityMatches(EntityIs(frozenset({"1001"})))),
    ("entity: {kind: [person], of: provider}", EntityMatches(EntityKind(frozenset({"person"})), "provider")),
    ("entity: {listed: [us-sdn], seat_in: [US]}", EntityMatches(AllOf((SDN, SEATED)))),
    (
        "entity: {any: [{listed: [us-sdn]}, {not: {seat_in: [US]}}], kind: [x]}",
        EntityMatches(AllOf((AnyOf((SDN, NotOf(SEATED))), EntityKind(frozenset({"x"}))))),
    ),
    ("entity: {all: []}", EntityMatches(AllOf(()))),
    ("owned: {by: {listed: [us-sdn]}, share: '>= 50%'}", OwnedBy(SDN, HoldingTest(HALF))),
    (
        "owned: {by: {listed: [us-sdn]}, share: '> 50%', attribution: hybrid, aggregate: false, control: include,"
        " undisclosed: unknown, of: provider}",
        OwnedBy(SDN, HoldingTest(ABOVE_HALF, "hybrid", False, True, True), "provider"),
    ),
    (
        "owned: {by: {any: [{listed: [us-sdn]}, {seat_not_in: [US]}]}, share: '>= 50%', control: ignore}",
        OwnedBy(AnyOf((SDN, NotOf(SEATED))), HoldingTest(HALF)),
    ),
    ("declared: {in: [US]}", DeclaredIn(US, None, "any")),
    ("declared: {signals: [kyc], not_in: [US], match: all}", NotOf(DeclaredIn(US, frozenset({"kyc"}), "all"))),
    ("declared: {conflict: true}", DeclaredConflict(None)),
    ("declared: {signals: [kyc, phone], conflict: false}", NotOf(DeclaredConflict(frozenset({"kyc", "phone"})))),
    ("declared: {in: [US], conflict: true}", AllOf((DeclaredIn(US, None, "any"), DeclaredConflict(None)))),
    ("account: {id: [a, b]}", AccountIs(frozenset({"a", "b"}))),
    ("account: {id: [a], tags: [x]}", AllOf((AccountIs(frozenset({"a"})), AccountTagged(frozenset({"x"}))))),
    ("resource: {id: [a]}", ResourceIs(frozenset({"a"}))),
    ("resource: {tags: [x]}", ResourceTagged(frozenset({"x"}))),
    ("activity: {count: countries, over: '>= 5', within: PT24H}", ActivityOver("countries", timedelta(days=1), 5)),
    ("activity: {count: requests, over: '> 5', within: P1DT1H1M1S}", ActivityOver("requests", timedelta(1, 3661), 6)),
]


@pytest.mark.parametrize(("text", "meaning"), FORMS, ids=[text[:70] for text, _ in FORMS])
def test_a_condition_means_what_the_language_says(text: str, meaning: Condition) -> None:
    assert condition(text) == meaning


def test_groups_are_written_out() -> None:
    (rule,) = parsed("""
groups:
  outer: ["@inner", "@efta", GB]
  inner: [US, UA-43]
rules: [{id: r, effect: deny, when: {location: {in: ["@outer", JP]}}}]
""").rules
    assert rule.when == LocatedIn(region("US", "UA-43", "CH", "IS", "LI", "NO", "GB", "JP"))


def test_a_rule_needs_little() -> None:
    (rule,) = parsed("rules: [{id: r.1, effect: deny, when: {all: []}}]").rules
    assert rule == Rule("r.1", "deny", AllOf(()), "apply", reason="r.1")


def test_a_rule_says_all_it_can() -> None:
    (rule,) = parsed("""
rules:
  - id: r
    effect: challenge
    when: {all: []}
    reason: owner.unsupported
    message: For people.
    source: For lawyers
    status: 451
    mode: monitor
    if_unknown: skip
    effective: {from: 2025-09-05, until: 2026-01-01T01:00:00+01:00}
    obligations:
      - {type: suggest, properties: {b: [1, null], a: "x"}}
      - {type: log, id: mine}
""").rules
    assert rule == Rule(
        id="r",
        effect="challenge",
        when=AllOf(()),
        if_unknown="skip",
        reason="owner.unsupported",
        message="For people.",
        source="For lawyers",
        status=451,
        mode="monitor",
        effective=Period(datetime(2025, 9, 5, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)),
        obligations=(Obligation("r#1", "suggest", '{"a":"x","b":[1,null]}'), Obligation("mine", "log", "{}")),
    )


@pytest.mark.parametrize(
    ("effect", "own", "posture"),
    [
        ("deny", None, "apply"),
        ("challenge", None, "apply"),
        ("allow", None, "skip"),
        ("deny", "challenge", "challenge"),
        ("deny", "skip", "skip"),
        ("allow", "apply", "apply"),
        ("allow", "challenge", "challenge"),
    ],
)
def test_an_allow_never_takes_the_posture_of_its_document(effect: str, own: str | None, posture: str) -> None:
    said = f", if_unknown: {own}" if own else ""
    (rule,) = parsed(f"rules: [{{id: r, effect: {effect}, when: {{all: []}}{said}}}]").rules
    assert rule.if_unknown == posture


def test_an_exemption_skips_what_is_unknown_unless_it_says_otherwise() -> None:
    exemptions: tuple[Exemption, ...] = parsed("""
rules: [{id: r, effect: deny, when: {all: []}}]
exemptions:
  - {id: e, lifts: [r], when: {all: []}}
  - {id: f, lifts: [r], when: {all: []}, if_unknown: apply, source: Licence, effective: {until: 2027-01-01}}
""").exemptions
    assert exemptions == (
        Exemption("e", frozenset({"r"}), AllOf(()), "skip", None, ALWAYS),
        Exemption("f", frozenset({"r"}), AllOf(()), "apply", "Licence", Period(None, datetime(2027, 1, 1, tzinfo=UTC))),
    )


def test_a_rule_set_may_be_empty() -> None:
    ruleset = parsed("title: Nothing yet\nrules: []\nexemptions: []\ngroups: {}\ninclude: []\n")
    assert (ruleset.id, ruleset.default, ruleset.title) == ("test", "deny", "Nothing yet")
    assert (ruleset.rules, ruleset.exemptions, ruleset.includes) == ((), (), ())


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2025-09-05", datetime(2025, 9, 5, tzinfo=UTC)),
        ("2025-09-05T10:00:00Z", datetime(2025, 9, 5, 10, tzinfo=UTC)),
        ("2025-09-05t10:00:00z", datetime(2025, 9, 5, 10, tzinfo=UTC)),
        ("2025-09-05 10:00:00.5-01:30", datetime(2025, 9, 5, 11, 30, 0, 500_000, tzinfo=UTC)),
        ("2025-09-05T10:00:00.123456789Z", datetime(2025, 9, 5, 10, 0, 0, 123_456, tzinfo=UTC)),
        ("2025-09-05T00:00:00+14:00", datetime(2025, 9, 5, tzinfo=timezone(timedelta(hours=14)))),
    ],
)
def test_a_moment_is_read_with_its_offset(text: str, moment: datetime) -> None:
    (rule,) = parsed(f"rules: [{{id: r, effect: deny, when: {{all: []}}, effective: {{from: '{text}'}}}}]").rules
    assert rule.effective.start == moment
    assert rule.effective.start.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    ["2025-9-5", "20250905", "2025-09-05T10:00Z", "2025-W01-1", "now", "0001-01-01T00:00:00+01:00", "\uff12025-09-05"],
)
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(InvalidRuleSet, match="is not a time"):
        parsed(f"rules: [{{id: r, effect: deny, when: {{all: []}}, effective: {{from: '{text}'}}}}]")


@pytest.mark.parametrize("text", ["P", "PT", "P1DT", "PT0S", "P1Y", "PT1.5H", "-PT1H", "PT1H1D", "P99999999999D"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(InvalidRuleSet, match="/within"):
        condition(f"activity: {{count: requests, over: '> 1', within: {text}}}")
