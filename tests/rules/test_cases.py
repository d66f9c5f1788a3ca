"""Case files: what they may say, what is a fault, and when a case passes."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from rules.case_expectations import disagreements
from rules.cases import Case, CaseFile, CaseResult, parse_cases, run_cases
from rules.errors import InvalidCases, Problem
from rules.facts import (
    IPV4_MAPPED,
    NETWORK_KINDS,
    NOWHERE,
    Account,
    AccountId,
    EntityId,
    Interest,
    Resource,
    ResourceId,
)
from rules.shares import NO_SHARE, UNKNOWN_SHARE, Bounds, Share
from service.documents import faults_of, read_document

RULESET = """
ruleset:
  language: 1
  ruleset: test
  default: allow
  if_unknown: challenge
  rules:
    - {id: country, effect: deny, when: {location: {in: [RU, UA-43]}, action: [use]}, status: 451, reason: place,
       obligations: [{type: log}, {type: show, properties: {page: b, colour: a}}]}
    - {id: watched, effect: deny, when: {network: {kind: [vpn]}}, mode: monitor, if_unknown: skip}
    - {id: high, effect: deny, when: {resource: {tags: [high-risk]}}}
  exemptions:
    - {id: licence, lifts: [country], when: {account: {id: [licensed]}}}
at: 2026-11-22
"""
PLAIN_CASE = "cases: [{name: plain, expect: {effect: allow}}]\n"


def case_file(text: str, library: Mapping[str, object] | None = None) -> CaseFile:
    document = read_document(text)
    assert document.problems == ()
    return parse_cases(document.value, library or {})


def case(text: str, facts: str = "") -> Case:
    (only,) = case_file(f"{RULESET}{facts}\ncases: [{{name: it, {text}, expect: {{effect: allow}}}}]").cases
    return only


def result(text: str, expect: str) -> CaseResult:
    (only,) = run_cases(case_file(f"{RULESET}cases: [{{name: it, {text}, expect: {{{expect}}}}}]"))
    return only


def problems(text: str) -> tuple[Problem, ...]:
    with pytest.raises(InvalidCases) as raised:
        case_file(text)
    return raised.value.problems


CRIMEA = "location: {claims: {geo: UA-43}}"
RUSSIA = "location: {claims: {geo: RU}}"
BARE_UKRAINE = "location: {claims: {geo: UA}}"

PASSING = [
    (CRIMEA, "effect: deny, rule: country, status: 451, reason: place, lifted: [], monitored: []"),
    (CRIMEA, "obligations: [log, show]"),
    (CRIMEA, "obligations: [{type: log, id: 'country#1'}, {type: show, properties: {colour: a, page: b}}]"),
    (f"{CRIMEA}, account: licensed", "effect: allow, rule: null, lifted: [country], reason: null"),
    (BARE_UKRAINE, "effect: challenge, rule: country, unknown: [location.coarse, network.kind]"),
    (BARE_UKRAINE, "unknown: [network, location]"),
    ("action: list", "effect: allow, rule: null, message: null"),
    ("network: {kind: [vpn]}, location: {claims: {a: DE}}", "effect: allow, monitored: [watched], unknown: []"),
]


@pytest.mark.parametrize(("text", "expect"), PASSING)
def test_a_case_passes_when_everything_it_expects_comes(text: str, expect: str) -> None:
    found = result(text, expect)
    assert (found.passed, found.differences) == (True, ())


FAILING = [
    ("effect: allow", "effect: expected `allow`, came `deny`"),
    ("rule: null", "rule: expected none, came `country`"),
    ("rule: other", "rule: expected `other`, came `country`"),
    ("status: 403", "status: expected `403`, came `451`"),
    ("monitored: [watched]", "monitored: expected `watched`, came none"),
    ("unknown: []", "unknown: expected none, came `network.kind`"),
    ("unknown: [network, location]", "unknown: expected `network`, `location`, came `network.kind`"),
    ("unknown: [network.asn]", "unknown: expected `network.asn`, came `network.kind`"),
    ("lifted: [country]", "lifted: expected `country`, came none"),
    (
        "obligations: [show, log]",
        'obligations: expected `show`, `log`, came `log`, `show` with `{"colour":"a","page":"b"}`',
    ),
    ("obligations: [log]", 'obligations: expected `log`, came `log`, `show` with `{"colour":"a","page":"b"}`'),
    (
        "obligations: [log, {type: show, properties: {}}]",
        'obligations: expected `log`, `show`, came `log`, `show` with `{"colour":"a","page":"b"}`',
    ),
]


@pytest.mark.parametrize(("expect", "difference"), FAILING, ids=[expect for expect, _ in FAILING])
def test_a_case_fails_with_what_was_expected_and_what_came(expect: str, difference: str) -> None:
    found = result(CRIMEA, expect)
    assert (found.passed, found.differences) == (False, (difference,))


def test_a_result_carries_what_was_expected_what_came_and_why() -> None:
    found = result(CRIMEA, "effect: deny, rule: null")
    assert (found.name, found.expected) == ("it", {"effect": "deny", "rule": None})
    assert found.decision.rule == "country"
    assert [trace.id for trace in found.explanation.rules if trace.truth] == ["country"]


def test_a_case_fails_when_the_two_meanings_disagree() -> None:
    denied = result(CRIMEA, "effect: deny").decision
    assert list(disagreements(denied, replace(denied, effect="challenge", rule="high"))) == [
        "effect: a fault of Cordon's own, explain says `deny` and evaluate says `challenge`",
        "rule: a fault of Cordon's own, explain says `country` and evaluate says `high`",
    ]
    assert list(disagreements(denied, denied)) == []


def test_cases_are_run_in_the_order_of_the_file() -> None:
    cases = "cases: [{name: b, expect: {effect: deny}}, {name: a, expect: {effect: deny}}]\n"
    file = case_file(f"source: The law\n{RULESET}{cases}")
    assert [(found.name, found.source) for found in run_cases(file)] == [("b", "The law"), ("a", "The law")]


def test_what_a_case_leaves_out_is_not_known() -> None:
    bare = case("action: use")
    assert bare.account == Account(AccountId(""), registered=False)
    assert bare.resource == Resource(ResourceId(""))
    assert (bare.request.location, bare.request.address, dict(bare.request.activity)) == (NOWHERE, None, {})


def test_a_case_has_its_own_time_or_that_of_the_file() -> None:
    assert case("action: use").request.at == datetime(2026, 11, 22, tzinfo=UTC)
    assert case("at: 2025-01-01T01:00:00+01:00").request.at == datetime(2025, 1, 1, tzinfo=UTC)


def test_an_account_is_registered_if_the_file_lists_it() -> None:
    facts = "accounts: {a: {entity: C, tags: [x], declared: {billing: 'NO', phone: CN}}, b: }"
    listed, empty, other = (case(f"account: {id}", facts).account for id in ("a", "b", "c"))
    assert listed.entity == "C"
    assert (sorted(listed.tags), sorted(listed.declared.items())) == (["x"], [("billing", "NO"), ("phone", "CN")])
    assert (empty.registered, empty.entity) == (True, None)
    assert other == Account(AccountId("c"), registered=False)


def test_an_entity_has_an_account_of_its_own() -> None:
    account = case("entity: C").account
    assert (account.registered, account.entity, account.tags) == (True, "C", frozenset())


def test_a_resource_that_is_not_listed_has_no_tags_and_no_provider() -> None:
    facts = "resources: {r: {tags: [x], provider: P}}"
    assert case("resource: r", facts).resource == Resource(ResourceId("r"), frozenset({"x"}), EntityId("P"))
    assert case("resource: s", facts).resource == Resource(ResourceId("s"))


def test_every_form_of_an_interest_is_read() -> None:
    graph = case_file(f"""{RULESET}{PLAIN_CASE}
interests:
  - "X -> A: 50%"
  - X -> B: (20%, 30%]
  - {{owner: X, subject: C, share: 25%, start: 2024-01-01, end: 2025-01-01, source: register}}
  - {{owner: X, subject: D}}
  - {{owner: X, subject: E, control: true}}
  - {{owner: X, subject: F, control: true, share: 10%}}
  - "A & B: Holdings -> G (1): 100%"
""").graph
    held = {subject: interest for subject, (interest,) in graph.owners.items()}
    assert [interest.share for interest in held.values()] == [
        Bounds(Share(500_000), Share(500_000)),
        Bounds(Share(200_000), Share(300_000), above_lower=True),
        Bounds(Share(250_000), Share(250_000)),
        UNKNOWN_SHARE,
        NO_SHARE,
        Bounds(Share(100_000), Share(100_000)),
        Bounds(Share(1_000_000), Share(1_000_000)),
    ]
    assert [interest.control for interest in held.values()] == [False] * 4 + [True, True, False]
    dated: Interest = held[EntityId("C")]
    assert (dated.start, dated.end, dated.source) == (
        datetime(2024, 1, 1, tzinfo=UTC),
        datetime(2025, 1, 1, tzinfo=UTC),
        "register",
    )
    assert held[EntityId("G (1)")].owner == "A & B: Holdings"


def test_everything_that_is_known_of_an_entity_is_read() -> None:
    entities = case_file(f"""{RULESET}{PLAIN_CASE}
entities:
  C: {{name: The C, kind: company, headquarters: DE, operations: [FR, UA-43], listed: [us-sdn], acts_with: [D]}}
  D:
""").graph.entities
    known, nothing = entities[EntityId("C")], entities[EntityId("D")]
    assert (known.name, known.kind, known.listed, known.acts_with) == (
        "The C",
        "company",
        frozenset({"us-sdn"}),
        frozenset({"D"}),
    )
    assert known.seats == {"headquarters": {"DE"}, "operations": {"FR", "UA-43"}}
    assert (nothing.seats, nothing.kind) == ({}, None)


def test_a_source_that_knows_no_country_makes_no_claim() -> None:
    location = case("location: {claims: {a: EU, b: 'NO', c: T1}, resolves: [NO, UA-43]}").request.location
    assert [(claim.source, claim.code, sorted(claim.resolves)) for claim in location.claims] == [
        ("b", "NO", ["NO", "UA-43"])
    ]


def test_kinds_that_are_given_are_all_that_there_are() -> None:
    told, silent = case("network: {kind: [vpn]}").request.location, case("network: {}").request.location
    assert (told.kinds, told.tells) == (frozenset({"vpn"}), NETWORK_KINDS)
    assert (silent.kinds, silent.tells) == (frozenset(), frozenset())


@pytest.mark.parametrize(
    ("text", "systems"), [("64500", [64500]), ("[64500, AS2]", [2, 64500]), ("[]", []), ("AS7", [7])]
)
def test_an_address_may_stand_in_one_system_in_several_or_in_none(text: str, systems: list[int]) -> None:
    known = case(f"network: {{asn: {text}}}").request.location.systems
    assert known is not None
    assert sorted(known) == systems


@pytest.mark.parametrize(
    ("text", "address"), [("203.0.113.9", IPV4_MAPPED + 0xCB007109), ("'2001:db8::1'", (0x20010DB8 << 96) + 1)]
)
def test_the_address_itself_is_read(text: str, address: int) -> None:
    request = case(f"network: {{address: {text}}}").request
    assert (request.address, request.location.systems) == (address, None)


def test_activity_is_read_by_what_is_counted_and_the_window() -> None:
    activity = case("activity: {countries: {PT24H: 4, P7D: 9}, requests: {PT1M: 0}}").request.activity
    assert activity == {
        ("countries", timedelta(days=1)): 4,
        ("countries", timedelta(days=7)): 9,
        ("requests", timedelta(minutes=1)): 0,
    }


def test_a_rule_set_may_be_named_and_a_document_in_the_file_may_include_one() -> None:
    pack = {"language": 1, "ruleset": "pack", "default": "allow", "if_unknown": "apply", "rules": []}
    named = case_file(f"ruleset: pack\nat: 2026-01-01\n{PLAIN_CASE}", {"pack": pack})
    assert named.ruleset.id == "pack"
    inline = "{language: 1, ruleset: own, default: deny, if_unknown: skip, include: [pack]}"
    including = case_file(f"ruleset: {inline}\nat: 2026-01-01\n{PLAIN_CASE}", {"pack": pack})
    assert including.ruleset.includes == (f"pack@{named.ruleset.revision}",)


def faulty(rest: str) -> str:
    return RULESET + PLAIN_CASE + rest


def faulty_case(text: str) -> str:
    return f"{RULESET}cases: [{{name: it, {text}}}]\n"


EXPECTED = "expect: {effect: allow}"
FAULTS = [
    ("[]", "", "a case file is wanted here, not a list"),
    (PLAIN_CASE + "at: 2026-01-01\n", "", "missing `ruleset`"),
    (RULESET, "", "missing `cases`"),
    (RULESET + "cases: []\n", "/cases", "the list is empty: it would never match"),
    (faulty("acounts: {}\n"), "/acounts", "unknown key `acounts`: did you mean `accounts`?"),
    (faulty("source: [7]\n"), "/source", "text is wanted here, not a list"),
    (faulty("entities: []\n"), "/entities", "a mapping by id is wanted here, not a list"),
    (faulty("entities: {A: {seat: DE}}\n"), "/entities/A/seat", "unknown key `seat`"),
    (faulty("entities: {A: {headquarters: UK}}\n"), "/entities/A/headquarters", None),
    (faulty("entities: {A: {listed: us-sdn}}\n"), "/entities/A/listed", "a list is wanted here: write `[us-sdn]`"),
    (faulty("interests: {}\n"), "/interests", "a list of interests is wanted here, not a mapping"),
    (
        faulty("interests: [X owns Y]\n"),
        "/interests/0",
        "`X owns Y` is not an interest: write `owner -> subject: 51%`",
    ),
    (faulty("interests: ['X -> Y: half']\n"), "/interests/0", None),
    (faulty("interests:\n  - X -> Y: 50\n"), "/interests/0/X -> Y", None),
    (faulty("interests: [{owner: X}]\n"), "/interests/0", "missing `subject`"),
    (faulty("interests: [{owner: X, subject: Y, share: 25}]\n"), "/interests/0/share", None),
    (
        faulty("interests: [{owner: X, subject: Y, start: 2025-01-01, end: 2024-01-01}]\n"),
        "/interests/0/end",
        "`end` is not after `start`: the interest would never be valid",
    ),
    (faulty("accounts: {a: {declared: {billing: XX}}}\n"), "/accounts/a/declared/billing", None),
    (faulty("resources: {r: {tags: [7]}}\n"), "/resources/r/tags/0", None),
    (
        RULESET.replace("at: 2026-11-22", "") + PLAIN_CASE,
        "/cases/0",
        "missing `at`, which the file does not give for all cases either",
    ),
    (RULESET.replace("2026-11-22", "today") + PLAIN_CASE, "/at", None),
    (RULESET + "cases: [{name: it}]\n", "/cases/0", "missing `expect`"),
    (faulty_case("expect: {}"), "/cases/0/expect", "a case that expects nothing tests nothing"),
    (faulty_case("expect: {efect: deny}"), "/cases/0/expect/efect", "unknown key `efect`: did you mean `effect`?"),
    (faulty_case("expect: {effect: denied}"), "/cases/0/expect/effect", None),
    (faulty_case("expect: {status: 200}"), "/cases/0/expect/status", None),
    (faulty_case("expect: {obligations: [{id: x}]}"), "/cases/0/expect/obligations/0", "missing `type`"),
    (faulty_case("expect: {lifted: r}"), "/cases/0/expect/lifted", "a list is wanted here: write `[r]`"),
    (
        faulty_case(f"account: a, entity: C, {EXPECTED}"),
        "/cases/0",
        "a case has an `account` or an `entity`, not both",
    ),
    (faulty_case(f"location: {{claims: {{geo: QQ}}}}, {EXPECTED}"), "/cases/0/location/claims/geo", None),
    (faulty_case(f"location: {{claims: {{geo: [RU]}}}}, {EXPECTED}"), "/cases/0/location/claims/geo", None),
    (faulty_case(f"location: {{claim: {{}}}}, {EXPECTED}"), "/cases/0/location/claim", None),
    (faulty_case(f"network: {{kind: [vpm]}}, {EXPECTED}"), "/cases/0/network/kind/0", None),
    (faulty_case(f"network: {{asn: 0}}, {EXPECTED}"), "/cases/0/network/asn", None),
    (
        faulty_case(f"network: {{address: 010.8.8.8}}, {EXPECTED}"),
        "/cases/0/network/address",
        "`010.8.8.8` is not an address: write `203.0.113.9` or `2001:db8::1`",
    ),
    (faulty_case(f"activity: {{cities: {{PT1H: 4}}}}, {EXPECTED}"), "/cases/0/activity/cities", None),
    (faulty_case(f"activity: {{countries: {{1H: 4}}}}, {EXPECTED}"), "/cases/0/activity/countries/1H", None),
    (faulty_case(f"activity: {{countries: {{PT1H: -1}}}}, {EXPECTED}"), "/cases/0/activity/countries/PT1H", None),
    ("ruleset: nowhere\nat: 2026-01-01\n" + PLAIN_CASE, "/ruleset", "there is no rule set `nowhere`"),
    (faulty("").replace("[RU, UA-43]", "[RU, UA-99]"), "/ruleset/rules/0/when/location/in/1", None),
]


@pytest.mark.parametrize(
    ("text", "at", "message"), FAULTS, ids=[f"{at or '/'} {n}" for n, (_, at, _m) in enumerate(FAULTS)]
)
def test_a_fault_of_a_case_file_is_told_once_where_it_stands(text: str, at: str, message: str | None) -> None:
    (problem,) = problems(text)
    assert problem.at == at
    assert message is None or problem.message == message


def test_every_fault_of_a_case_file_is_told_at_once_with_its_line() -> None:
    text = f"""{RULESET}sorce: typo
entities: {{A: {{kid: x}}}}
cases:
  - {{name: it, expect: {{}}}}
  - {{expect: {{effect: deny, rule: 7}}}}
"""
    document = read_document(text)
    faults = faults_of(document, problems(text), "f")
    first = RULESET.count("\n") + 1
    assert [fault.line - first for fault in faults] == [0, 1, 3, 4]


def test_a_faulty_rule_set_that_is_named_is_one_fault() -> None:
    with pytest.raises(InvalidCases) as raised:
        case_file(f"ruleset: pack\nat: 2026-01-01\n{PLAIN_CASE}", {"pack": {"rules": []}})
    (problem,) = raised.value.problems
    assert problem == Problem("/ruleset", "the rule set `pack` has 4 faults, the first at `/`: missing `language`")


def test_a_case_needs_no_name_and_its_words_may_be_numbers() -> None:
    (first, second) = run_cases(
        case_file(f"{RULESET}source: 2026\ncases: [{{{EXPECTED}}}, {{name: 1, {EXPECTED}}}]\n", {})
    )
    assert (first.name, second.name, first.source) == ("the case at /cases/0", "1", "2026")


def test_an_unknown_that_no_decision_names_fails_its_case_alone() -> None:
    (result,) = run_cases(case_file(faulty_case("expect: {unknown: [locaton]}"), {}))
    assert result.differences == ("unknown: expected `locaton`, came `location.missing`, `network.kind`",)
