"""Faults of conditions: each told once, where it stands, with what to write instead."""

import pytest

from rules.errors import InvalidRuleSet, Problem
from rules.parse import parse_ruleset
from service.documents import read_document

NO_CONDITION = "this names no condition"
EMPTY = "the list is empty: it would never match"
NOT_A_SYSTEM = " is not an autonomous system number: write 1 to 4294967295"
NOT_A_PREFIX = " is not a prefix: write `203.0.113.0/24` or `2001:db8::/32`"
KINDS = "`vpn`, `tor`, `public_proxy`, `residential_proxy`, `hosting`, `relay`, `satellite`, `tunnel` or `reserved`"

FAULTS = [
    ("all: {}", "all", "a list of conditions is wanted here, not a mapping"),
    ("any: [{}]", "any/0", NO_CONDITION),
    ("not: [x]", "not", "a mapping of conditions is wanted here, not a list"),
    ("location: {}", "location", NO_CONDITION),
    ("location: {in: US}", "location/in", "a list is wanted here: write `[US]`"),
    ("location: {in: []}", "location/in", EMPTY),
    ("location: {not_in: [us]}", "location/not_in/0", "unknown code `us`: write `US`"),
    ("location: {in: [EU]}", "location/in/0", "`EU` is a group, not a country: write `@eu`"),
    ("location: {in: ['@EU']}", "location/in/0", "unknown group `@EU`: did you mean `@eu`?"),
    ("location: {in: [nato]}", "location/in/0", "`nato` is a group, not a country: write `@nato`"),
    ("location: {in: ['@']}", "location/in/0", "unknown group `@`"),
    (
        "network: {kind: [vpn, tr]}",
        "network/kind/1",
        "`tr` is not a kind of network: write " + KINDS + ": did you mean `tor`?",
    ),
    ("network: {asn: 64500}", "network/asn", "a list is wanted here: write `[64500]`"),
    ("network: {asn: [0]}", "network/asn/0", "the number `0`" + NOT_A_SYSTEM),
    ("network: {asn: [4294967296]}", "network/asn/0", "the number `4294967296`" + NOT_A_SYSTEM),
    ("network: {asn: [ASX]}", "network/asn/0", "`ASX`" + NOT_A_SYSTEM),
    ("network: {cidr: [10.0.0.1/8]}", "network/cidr/0", "`10.0.0.1/8` has host bits set: write `10.0.0.0/8`"),
    ("network: {cidr: [10.0.0.0/33]}", "network/cidr/0", "`10.0.0.0/33`" + NOT_A_PREFIX),
    ("network: {cidr: [10.0.0.0/255.0.0.0]}", "network/cidr/0", "`10.0.0.0/255.0.0.0`" + NOT_A_PREFIX),
    ("network: {cidr: [010.0.0.0/8]}", "network/cidr/0", "`010.0.0.0/8`" + NOT_A_PREFIX),
    ("network: {cidr: ['fe80::%1/64']}", "network/cidr/0", "`fe80::%1/64`" + NOT_A_PREFIX),
    ("entity: {}", "entity", NO_CONDITION),
    ("entity: {of: provider}", "entity", NO_CONDITION),
    ("entity: {of: owner, kind: [x]}", "entity/of", "`owner` is not a party: write `account` or `provider`"),
    (
        "entity: {seat_in: [US], basis: [hq]}",
        "entity/basis/0",
        "`hq` is not a basis: write `headquarters`, `incorporation`, `residence` or `operations`",
    ),
    ("entity: {listed: us-sdn}", "entity/listed", "a list is wanted here: write `[us-sdn]`"),
    ("owned: {share: '> 50%'}", "owned", "missing `by`"),
    ("owned: {by: {kind: [x]}}", "owned", "missing `share`"),
    ("owned: {by: {}, share: '> 50%'}", "owned/by", NO_CONDITION),
    (
        "owned: {by: {kind: [x]}, share: 50}",
        "owned/share",
        "a threshold such as `>= 50%` is wanted here, not the number `50`",
    ),
    ("owned: {by: {kind: [x]}, share: 50%}", "owned/share", "`50%` is not a threshold: write `>= 50%` or `> 50%`"),
    ("owned: {by: {kind: [x]}, share: '> 101%'}", "owned/share", "`> 101%` is more than 100%"),
    (
        "owned: {by: {kind: [x]}, share: '> 50%', attribution: chain}",
        "owned/attribution",
        "`chain` is not allowed here: write `cascade`, `proportional` or `hybrid`",
    ),
    (
        "owned: {by: {kind: [x]}, share: '> 50%', aggregate: yes}",
        "owned/aggregate",
        "`true` or `false` is wanted here, not `yes`",
    ),
    (
        "owned: {by: {kind: [x]}, share: '> 50%', control: true}",
        "owned/control",
        "`true` is not allowed here: write `ignore` or `include`",
    ),
    (
        "owned: {by: {kind: [x]}, share: '> 50%', undisclosed: include}",
        "owned/undisclosed",
        "`include` is not allowed here: write `ignore` or `unknown`",
    ),
    ("declared: {}", "declared", NO_CONDITION),
    ("declared: {in: [US], signals: []}", "declared/signals", EMPTY),
    ("declared: {in: [US], match: some}", "declared/match", "`some` is not allowed here: write `any` or `all`"),
    ("declared: {conflict: yes}", "declared/conflict", "`true` or `false` is wanted here, not `yes`"),
    ("account: {id: [1001]}", "account/id/0", "text is wanted here, not the number `1001`: put it in quotes"),
    ("resource: {tags: x}", "resource/tags", "a list is wanted here: write `[x]`"),
    ("action: []", "action", EMPTY),
    ("activity: {count: countries, over: '>= 5'}", "activity", "missing `within`"),
    (
        "activity: {count: cities, over: '>= 5', within: P1D}",
        "activity/count",
        "`cities` is not counted: write `addresses`, `countries`, `networks` or `requests`: did you mean `countries`?",
    ),
    (
        "activity: {count: countries, over: 5, within: P1D}",
        "activity/over",
        "a number such as `>= 5` is wanted here, not the number `5`",
    ),
    (
        "activity: {count: countries, over: '< 5', within: P1D}",
        "activity/over",
        "`< 5` is not a number to pass: write `>= 5` or `> 5`",
    ),
    (
        "activity: {count: countries, over: '> 5', within: P1M}",
        "activity/within",
        "`P1M` has no fixed length: write days and hours, such as `P30D`",
    ),
    (
        "activity: {count: countries, over: '> 5', within: 24h}",
        "activity/within",
        "`24h` is not a duration: write `PT24H` or `P7D`",
    ),
]

FAULTS_OF_KEYS = [
    ("locaton: {in: [US]}", "locaton", "unknown key `locaton`: did you mean `location`?"),
    (
        "entity: {basis: [headquarters], kind: [x]}",
        "entity/basis",
        "`basis` says nothing without `seat_in` or `seat_not_in`",
    ),
    ("entity: {not: {of: provider, kind: [x]}}", "entity/not/of", "unknown key `of`"),
    ("declared: {signals: [kyc]}", "declared/signals", "`signals` says nothing without `in`, `not_in` or `conflict`"),
    ("declared: {conflict: true, match: all}", "declared/match", "`match` says nothing without `in` or `not_in`"),
    ("account: {tag: [x]}", "account/tag", "unknown key `tag`: did you mean `tags`?"),
]


def problems(condition: str) -> tuple[Problem, ...]:
    head = "{language: 1, ruleset: test, default: deny, if_unknown: apply"
    document = read_document(f"{head}, rules: [{{id: r, effect: deny, when: {{{condition}}}}}]}}")
    assert document.problems == ()
    with pytest.raises(InvalidRuleSet) as raised:
        parse_ruleset(document.value, {})
    return raised.value.problems


@pytest.mark.parametrize(("condition", "at", "message"), FAULTS, ids=[case[0][:70] for case in FAULTS])
def test_a_faulty_value_in_a_condition_is_told_once_where_it_stands(condition: str, at: str, message: str) -> None:
    assert problems(condition) == (Problem(f"/rules/0/when/{at}", message),)


@pytest.mark.parametrize(("condition", "at", "message"), FAULTS_OF_KEYS, ids=[case[0][:70] for case in FAULTS_OF_KEYS])
def test_a_name_that_means_nothing_in_a_condition_is_told_where_it_stands(
    condition: str, at: str, message: str
) -> None:
    assert problems(condition) == (Problem(f"/rules/0/when/{at}", message, on_key=True),)


def test_a_fault_that_two_readings_find_is_told_once() -> None:
    assert len(problems("entity: {seat_in: [US], seat_not_in: [GB], basis: [hq]}")) == 1
