"""Whatever the data: a rule set or its faults, the same from YAML and JSON, each fault where its cause stands."""

import json
from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from rules.cases import parse_cases
from rules.errors import InvalidCases, InvalidRuleSet
from rules.language import RuleSet
from rules.parse import parse_ruleset, revision_of
from service.documents import faults_of, read_document

WORDS_OF_THE_LANGUAGE = """
language ruleset title default if_unknown include groups rules exemptions id effect when reason message source
status mode effective from until obligations type properties lifts all any not location in not_in network kind asn
cidr entity seat_in seat_not_in basis listed of owned by share attribution aggregate control undisclosed declared
signals match conflict account tags resource action activity count over within entities interests accounts
resources at cases name expect owner subject start end claims resolves address unknown monitored lifted
"""
WORDS = st.sampled_from(WORDS_OF_THE_LANGUAGE.split())
PHRASES = """
deny|allow|challenge|apply|skip|US|UA-43|EU|@eu|@g|a|a@b|vpn|AS1|10.0.0.0/8|headquarters|>= 50%|(25%, 50%]|> 5|PT24H|
2025-01-01|any|X -> Y: 5%|X -> Y|test|
"""
TEXTS = st.sampled_from(PHRASES.replace("\n", "").split("|"))
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS | st.text(max_size=5)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS | TEXTS, inner, max_size=4),
    max_leaves=30,
)
CONDITIONS = st.recursive(
    st.sampled_from(
        [
            {"location": {"in": ["US", "@eu"]}},
            {"location": {"not_in": ["UA-43"]}},
            {"network": {"kind": ["vpn"], "asn": [64500], "cidr": ["203.0.113.0/24"]}},
            {"entity": {"seat_not_in": ["@g"], "basis": ["headquarters"]}},
            {"owned": {"by": {"listed": ["us-sdn"]}, "share": ">= 50%", "aggregate": False}},
            {"declared": {"signals": ["kyc"], "in": ["NO"]}},
            {"account": {"tags": ["on", "yes"]}, "action": ["use"]},
            {"activity": {"count": "countries", "over": "> 3", "within": "PT24H"}},
        ]
    ),
    lambda inner: (
        st.builds(lambda part: {"not": part}, inner)
        | st.builds(lambda parts: {"all": parts}, st.lists(inner, max_size=3))
        | st.builds(lambda parts: {"any": parts}, st.lists(inner, max_size=3))
    ),
    max_leaves=8,
)
RULES = st.fixed_dictionaries(
    {"effect": st.sampled_from(["allow", "challenge", "deny"]), "when": CONDITIONS},
    optional={"mode": st.just("monitor"), "status": st.just(451), "effective": st.just({"from": "2025-09-05"})},
)
DOCUMENTS = st.builds(
    lambda rules, posture: {
        "language": 1,
        "ruleset": "test",
        "default": "deny",
        "if_unknown": posture,
        "groups": {"g": ["NO", "@eu"]},
        "rules": [{"id": f"r{number}", **rule} for number, rule in enumerate(rules)],
    },
    st.lists(RULES, max_size=4),
    st.sampled_from(["apply", "challenge", "skip"]),
)


def block(value: object, indent: str = "") -> str:
    """A value as block YAML, with quotes only where it needs them."""
    if isinstance(value, dict) and value:
        return "".join(f"\n{indent}{key}:{block(member, indent + '  ')}" for key, member in value.items())
    if isinstance(value, list) and value:
        return "".join(f"\n{indent}-{block(item, indent + '  ')}" for item in value)
    plain = isinstance(value, str) and not value.startswith(("@", ">", "(")) and value
    return f" {value if plain else json.dumps(value)}"


def outcome(document: object, library: dict[str, object]) -> RuleSet | InvalidRuleSet:
    try:
        return parse_ruleset(document, library)
    except InvalidRuleSet as invalid:
        return invalid


def pointers(value: object, at: str = "") -> Iterator[str]:
    yield at
    if isinstance(value, dict):
        for key, member in value.items():
            yield from pointers(member, f"{at}/{str(key).replace('~', '~0').replace('/', '~1')}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from pointers(item, f"{at}/{index}")


@settings(max_examples=400)
@given(ANYTHING, ANYTHING)
def test_any_data_is_a_rule_set_or_has_faults_that_point_into_it(document: object, included: object) -> None:
    found = outcome(document, {"a": included})
    if isinstance(found, InvalidRuleSet):
        assert found.problems
        assert {problem.at for problem in found.problems} <= set(pointers(document))
        assert all(problem.message.isprintable() for problem in found.problems)


@settings(max_examples=400)
@given(DOCUMENTS, st.data())
def test_a_rule_set_with_anything_put_anywhere_is_a_rule_set_or_has_faults(
    document: dict[str, object], data: st.DataObject
) -> None:
    broken = json.loads(json.dumps(document))
    holder: object = broken
    while isinstance(holder, dict | list) and holder:
        key = data.draw(st.sampled_from(sorted(holder) if isinstance(holder, dict) else range(len(holder))))
        if data.draw(st.booleans()) or not isinstance(holder[key], dict | list) or not holder[key]:
            holder[key] = data.draw(ANYTHING)
            break
        holder = holder[key]
    found = outcome(broken, {})
    assert isinstance(found, RuleSet) or {problem.at for problem in found.problems} <= set(pointers(broken))
    assert len(revision_of(broken, {})) in (0, 12)


@settings(max_examples=400)
@given(ANYTHING | st.dictionaries(WORDS, ANYTHING, max_size=8))
def test_any_data_is_a_case_file_or_has_faults_that_point_into_it(document: object) -> None:
    try:
        parse_cases(document, {"test": document})
        found = {""}
    except InvalidCases as invalid:
        found = {problem.at for problem in invalid.problems}
    assert set() < found <= set(pointers(document))


@given(DOCUMENTS)
def test_yaml_and_json_of_one_document_are_one_rule_set(document: dict[str, object]) -> None:
    texts = [(json.dumps(document), "f.json"), (json.dumps(document, indent=1), ""), (block(document), "")]
    read = [read_document(text, name) for text, name in texts]
    assert [each.problems for each in read] == [(), (), ()]
    first, *others = [parse_ruleset(each.value, {}) for each in read]
    assert others == [first, first]


@given(DOCUMENTS, st.data())
def test_a_fault_is_shown_at_the_text_that_causes_it(document: dict[str, object], data: st.DataObject) -> None:
    marked = json.loads(json.dumps(document))
    rules = marked["rules"]
    kinds = ["top"] + ["rule"] * bool(rules)
    holder = marked if data.draw(st.sampled_from(kinds)) == "top" else data.draw(st.sampled_from(rules))
    holder["misspelt"] = 1
    for text in (block(marked).lstrip("\n"), json.dumps(marked, indent=2)):
        found = read_document(text)
        invalid = outcome(found.value, {})
        assert isinstance(invalid, InvalidRuleSet)
        (fault,) = faults_of(found, invalid.problems, "f")
        assert text.splitlines()[fault.line - 1][fault.column - 1 :].strip('"').startswith("misspelt")
