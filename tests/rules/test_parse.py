"""A document is a rule set, or every fault of it is told at once: where it stands, and what to write instead."""

import pytest

from rules.errors import InvalidRuleSet, Problem
from rules.language import RuleSet
from rules.parse import parse_ruleset
from service.documents import faults_of, read_document

HEAD = "language: 1\nruleset: test\ndefault: deny\nif_unknown: apply\n"


def parsed(text: str, library: dict[str, object] | None = None) -> RuleSet:
    document = read_document(text)
    assert document.problems == ()
    return parse_ruleset(document.value, library or {})


def problems(text: str, library: dict[str, object] | None = None) -> tuple[Problem, ...]:
    with pytest.raises(InvalidRuleSet) as raised:
        parsed(text, library)
    return raised.value.problems


def rule(rest: str, id: str = "r") -> str:
    return f"{HEAD}rules:\n  - {{id: {id}, effect: deny, {rest}}}\n"


ANYWHERE = "when: {all: []}"

FAULTS = [
    # the document itself
    ("[]", "", False, "a rule set is wanted here, not a list"),
    ("x", "", False, "a rule set is wanted here, not `x`"),
    ("ruleset: test\ndefault: deny\nif_unknown: apply\n", "", False, "missing `language`"),
    ("language: 1\ndefault: deny\nif_unknown: apply\n", "", False, "missing `ruleset`"),
    ("language: 1\nruleset: test\nif_unknown: apply\n", "", False, "missing `default`"),
    ("language: 1\nruleset: test\ndefault: deny\n", "", False, "missing `if_unknown`"),
    (HEAD + "rulez: []\n", "/rulez", True, "unknown key `rulez`: did you mean `rules`?"),
    (HEAD + "a/b: []\n", "/a~1b", True, "unknown key `a/b`"),
    (HEAD.replace("1", "2"), "/language", False, "unsupported language `2`: this version of Cordon reads `1`"),
    (HEAD.replace("1", "'1'"), "/language", False, "unsupported language `1`: this version of Cordon reads `1`"),
    (HEAD.replace("1", "true"), "/language", False, "unsupported language `True`: this version of Cordon reads `1`"),
    (
        HEAD.replace("test", "Test"),
        "/ruleset",
        False,
        "`Test` is not the id of a rule set: use `a` to `z`, `0` to `9` and `-`, 64 at most",
    ),
    (
        HEAD.replace("test", "7"),
        "/ruleset",
        False,
        "the id of a rule set is wanted here, not the number `7`: put it in quotes",
    ),
    (
        HEAD.replace("deny", "denied"),
        "/default",
        False,
        "`denied` is not a default: write `allow` or `deny`: did you mean `deny`?",
    ),
    (HEAD.replace("deny", "challenge"), "/default", False, "`challenge` is not a default: write `allow` or `deny`"),
    (
        HEAD.replace("apply", "deny"),
        "/if_unknown",
        False,
        "`deny` is not a posture: write `apply`, `challenge` or `skip`",
    ),
    (HEAD + "title: [7]\n", "/title", False, "text is wanted here, not a list"),
    (HEAD + "title: ''\n", "/title", False, "text is wanted here, not empty text"),
    (HEAD + "rules: {}\n", "/rules", False, "a list of rules is wanted here, not a mapping"),
    (HEAD + "exemptions: 1\n", "/exemptions", False, "a list of exemptions is wanted here, not the number `1`"),
    (HEAD + "include: other\n", "/include", False, "a list of documents is wanted here, not `other`"),
    (HEAD + "groups: [a]\n", "/groups", False, "a mapping of groups is wanted here, not a list"),
    # groups
    (HEAD + "groups: {eu: [US]}\n", "/groups/eu", True, "`eu` is a predefined group: choose another name"),
    (
        HEAD + "groups: {My Group: [US]}\n",
        "/groups/My Group",
        True,
        "`My Group` is not a name for a group: use letters, digits, `.`, `_` and `-`, 64 at most",
    ),
    (HEAD + "groups: {g: []}\n", "/groups/g", False, "the list is empty: it would never match"),
    (HEAD + "groups: {g: US}\n", "/groups/g", False, "a list is wanted here: write `[US]`"),
    (HEAD + "groups: {g: ['@h']}\n", "/groups/g/0", False, "unknown group `@h`"),
    (
        HEAD + "groups: {g: [US, XY]}\n",
        "/groups/g/1",
        False,
        "unknown code `XY`: neither ISO 3166-1 alpha-2 nor ISO 3166-2",
    ),
    (
        HEAD + "groups: {g: [7]}\n",
        "/groups/g/0",
        False,
        "a country, a province or an `@group` is wanted here, not the number `7`: put it in quotes",
    ),
    (HEAD + "groups: {a: ['@a']}\n", "/groups/a/0", False, "groups go in a circle: `@a` -> `@a`"),
    (
        HEAD + "groups: {a: [US, '@b'], b: ['@c'], c: [GB, '@a']}\n",
        "/groups/c/1",
        False,
        "groups go in a circle: `@a` -> `@b` -> `@c` -> `@a`",
    ),
    # rules
    (HEAD + "rules: [7]\n", "/rules/0", False, "a rule is wanted here, not the number `7`"),
    (HEAD + f"rules: [{{effect: deny, {ANYWHERE}}}]\n", "/rules/0", False, "missing `id`"),
    (HEAD + f"rules: [{{id: r, {ANYWHERE}}}]\n", "/rules/0", False, "missing `effect`"),
    (HEAD + "rules: [{id: r, effect: deny}]\n", "/rules/0", False, "missing `when`"),
    (rule(f"{ANYWHERE}, reson: x"), "/rules/0/reson", True, "unknown key `reson`: did you mean `reason`?"),
    (
        rule(ANYWHERE, id="-r"),
        "/rules/0/id",
        False,
        "`-r` is not an id: use letters, digits, `.`, `_` and `-`, 64 at most, the first no `.` or `-`",
    ),
    (rule(ANYWHERE, id="7"), "/rules/0/id", False, "an id is wanted here, not the number `7`: put it in quotes"),
    (rule(f"{ANYWHERE}, mode: watch"), "/rules/0/mode", False, "`watch` is not a mode: write `enforce` or `monitor`"),
    (
        rule(f"{ANYWHERE}, reason: two words"),
        "/rules/0/reason",
        False,
        "`two words` is not a code for programs: use ASCII without blanks, 128 at most",
    ),
    (rule(f"{ANYWHERE}, message: [x]"), "/rules/0/message", False, "text is wanted here, not a list"),
    (rule(f"{ANYWHERE}, source: {{}}"), "/rules/0/source", False, "text is wanted here, not a mapping"),
    (
        rule(f"{ANYWHERE}, status: 302"),
        "/rules/0/status",
        False,
        "a whole number from 400 to 599 is wanted here, not the number `302`",
    ),
    (
        rule(f"{ANYWHERE}, status: true"),
        "/rules/0/status",
        False,
        "a whole number from 400 to 599 is wanted here, not `true`",
    ),
    (
        rule(f"{ANYWHERE}, if_unknown: aply"),
        "/rules/0/if_unknown",
        False,
        "`aply` is not allowed here: write `apply`, `challenge` or `skip`: did you mean `apply`?",
    ),
    (
        f"{HEAD}rules: [{{id: r, effect: dny, {ANYWHERE}}}]\n",
        "/rules/0/effect",
        False,
        "`dny` is not an effect: write `allow`, `challenge` or `deny`: did you mean `deny`?",
    ),
    (
        f"{HEAD}rules:\n  - {{id: r, effect: deny, {ANYWHERE}}}\n  - {{id: r, effect: allow, {ANYWHERE}}}\n",
        "/rules/1/id",
        False,
        "duplicate id `r`: first given at `/rules/0`",
    ),
    # times
    (rule(f"{ANYWHERE}, effective: {{}}"), "/rules/0/effective", False, "this names neither `from` nor `until`"),
    (
        rule(f"{ANYWHERE}, effective: {{form: 2025-01-01}}"),
        "/rules/0/effective/form",
        True,
        "unknown key `form`: did you mean `from`?",
    ),
    (
        rule(f"{ANYWHERE}, effective: {{from: 2025-01-01T00:00:00}}"),
        "/rules/0/effective/from",
        False,
        "`2025-01-01T00:00:00` is not a moment without its offset: write `2026-01-31T12:00:00Z`",
    ),
    (
        rule(f"{ANYWHERE}, effective: {{from: 2025-02-30}}"),
        "/rules/0/effective/from",
        False,
        "`2025-02-30` is not a time: there is no such moment",
    ),
    (
        rule(f"{ANYWHERE}, effective: {{from: 2025}}"),
        "/rules/0/effective/from",
        False,
        "a time such as `2026-01-31T12:00:00Z` is wanted here, not the number `2025`",
    ),
    (
        rule(f"{ANYWHERE}, effective: {{from: 2025-01-01, until: 2025-01-01T00:00:00Z}}"),
        "/rules/0/effective/until",
        False,
        "`until` is not after `from`: the rule would never be in force",
    ),
    # obligations
    (
        rule(f"{ANYWHERE}, obligations: {{}}"),
        "/rules/0/obligations",
        False,
        "a list of obligations is wanted here, not a mapping",
    ),
    (rule(f"{ANYWHERE}, obligations: [x]"), "/rules/0/obligations/0", False, "an obligation is wanted here, not `x`"),
    (rule(f"{ANYWHERE}, obligations: [{{}}]"), "/rules/0/obligations/0", False, "missing `type`"),
    (
        rule(f"{ANYWHERE}, obligations: [{{type: x, properties: [y]}}]"),
        "/rules/0/obligations/0/properties",
        False,
        "a mapping is wanted here, not a list",
    ),
    (
        rule(f"{ANYWHERE}, obligations: [{{type: x, properties: {{y: .nan}}}}]"),
        "/rules/0/obligations/0/properties",
        False,
        "JSON has no infinite number and no `.nan`",
    ),
    (rule("when: {}"), "/rules/0/when", False, "this names no condition"),
    (rule("when: []"), "/rules/0/when", False, "a mapping of conditions is wanted here, not a list"),
    # exemptions
    (rule(ANYWHERE) + "exemptions: [{lifts: [r], when: {all: []}}]\n", "/exemptions/0", False, "missing `id`"),
    (HEAD + "exemptions: [{id: e, when: {all: []}}]\n", "/exemptions/0", False, "missing `lifts`"),
    (rule(ANYWHERE) + "exemptions: [{id: e, lifts: [r]}]\n", "/exemptions/0", False, "missing `when`"),
    (
        rule(ANYWHERE) + "exemptions: [{id: e, lifts: [s], when: {all: []}}]\n",
        "/exemptions/0/lifts/0",
        False,
        "unknown rule `s`",
    ),
    (
        rule(ANYWHERE) + "exemptions: [{id: e, lifts: [], when: {all: []}}]\n",
        "/exemptions/0/lifts",
        False,
        "the list is empty: it would never match",
    ),
    (
        rule(ANYWHERE) + "exemptions: [{id: e, lifts: [r], when: {all: []}, if_unknown: challenge}]\n",
        "/exemptions/0/if_unknown",
        False,
        "`challenge` is not what an exemption can do: write `apply` or `skip`",
    ),
    (
        rule(ANYWHERE) + "exemptions: [{id: e, lifts: [r], when: {all: []}, mode: monitor}]\n",
        "/exemptions/0/mode",
        True,
        "unknown key `mode`",
    ),
    (
        rule(ANYWHERE)
        + "exemptions:\n  - {id: e, lifts: [r], when: {all: []}}\n  - {id: e, lifts: [r], when: {all: []}}\n",
        "/exemptions/1/id",
        False,
        "duplicate id `e`: first given at `/exemptions/0`",
    ),
]


@pytest.mark.parametrize(
    ("text", "at", "on_key", "message"), FAULTS, ids=[f"{case[1]} {case[3]}"[:90] for case in FAULTS]
)
def test_a_fault_is_told_once_where_it_stands(text: str, at: str, on_key: bool, message: str) -> None:
    assert problems(text) == (Problem(at, message, on_key),)


def test_every_fault_is_told_at_once_with_its_line_and_column() -> None:
    text = """\
language: 1
ruleset: test
titel: typo
default: deny
if_unknown: never
rules:
  - id: a
    effect: deny
    when: {location: {in: [US, UZ, UKR]}}
  - id: a
    when:
      owned: {by: {seat_in: ["@nowhere"]}, share: ">= 5O%"}
exemptions:
  - id: e
    lifts: [b]
    when: {account: {id: [acct-77]}}
    effective: {from: 2026-01-01T00:00:00}
"""
    document = read_document(text)
    faults = faults_of(document, problems(text), "policy.yaml")
    assert [(fault.line, fault.column, fault.at) for fault in faults] == [
        (3, 1, "/titel"),
        (5, 13, "/if_unknown"),
        (9, 36, "/rules/0/when/location/in/2"),
        (10, 5, "/rules/1"),
        (10, 9, "/rules/1/id"),
        (12, 30, "/rules/1/when/owned/by/seat_in/0"),
        (12, 51, "/rules/1/when/owned/share"),
        (15, 13, "/exemptions/0/lifts/0"),
        (17, 23, "/exemptions/0/effective/from"),
    ]


def test_a_faulty_group_is_not_a_fault_of_those_who_use_it() -> None:
    text = HEAD + "groups: {g: [XY]}\nrules: [{id: r, effect: deny, when: {location: {in: ['@g']}}}]\n"
    assert [problem.at for problem in problems(text)] == ["/groups/g/0"]


def test_a_faulty_rule_can_still_be_lifted() -> None:
    text = rule("when: {}") + "exemptions: [{id: e, lifts: [r], when: {all: []}}]\n"
    assert [problem.at for problem in problems(text)] == ["/rules/0/when"]


def test_each_circle_of_groups_is_told_once() -> None:
    text = HEAD + "groups: {a: ['@b'], b: ['@a'], c: ['@d'], d: ['@c'], e: ['@a', '@c']}\n"
    assert [problem.at for problem in problems(text)] == ["/groups/b/0", "/groups/d/0"]


def test_groups_may_be_chained_as_long_as_one_likes() -> None:
    chain = {f"link-{n}": [f"@link-{n + 1}"] for n in range(5_000)} | {"link-5000": ["US"]}
    ruleset = parse_ruleset(
        {
            "language": 1,
            "ruleset": "test",
            "default": "deny",
            "if_unknown": "skip",
            "groups": chain,
            "rules": [{"id": "r", "effect": "deny", "when": {"location": {"in": ["@link-0"]}}}],
        },
        {},
    )
    assert "'US'" in str(ruleset.rules[0].when)


def test_a_message_stays_on_one_line_however_the_words_look() -> None:
    text = rule(ANYWHERE, id='"a\\nb\\u0007"') + f"exemptions: [{{id: {'x' * 1000}, lifts: [r], when: {{all: []}}}}]\n"
    messages = [problem.message for problem in problems(text)]
    assert all(message.isprintable() and len(message) <= 400 for message in messages)
    assert "`a\\nb\\x07`" in messages[0]


def test_data_nested_too_deep_is_a_fault_of_the_first_that_is() -> None:
    data: object = {}
    for _ in range(5_000):
        data = {"not": data}
    with pytest.raises(InvalidRuleSet) as raised:
        parse_ruleset({"when": data}, {})
    (problem,) = raised.value.problems
    assert problem.message == "nested more than 100 deep"


def test_what_is_left_empty_is_as_if_it_were_not_there() -> None:
    empty = HEAD + "title:\ninclude:\ngroups:\nrules:\nexemptions:\n"
    parsed = parse_ruleset(read_document(empty).value, {})
    assert (parsed.title, parsed.rules, parsed.exemptions, parsed.includes) == ("", (), (), ())
