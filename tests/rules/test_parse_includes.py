"""Included documents: first in order, named `document/rule`, each once, and no fault of theirs gets lost."""

import re

import pytest

from rules.errors import InvalidRuleSet, Problem
from rules.language import RuleSet
from rules.parse import parse_ruleset, revision_of

Data = dict[str, object]


def rule(id: str, **more: object) -> Data:
    return {"id": id, "effect": "deny", "when": {"all": []}, **more}


def exemption(id: str, *lifts: str) -> Data:
    return {"id": id, "lifts": list(lifts), "when": {"all": []}}


def document(id: str, *rules: Data, include: tuple[str, ...] = (), **more: object) -> Data:
    included: Data = {"include": list(include)} if include else {}
    return {
        "language": 1,
        "ruleset": id,
        "default": "allow",
        "if_unknown": "apply",
        **included,
        "rules": list(rules),
        **more,
    }


def library(*documents: Data) -> dict[str, object]:
    return {str(each["ruleset"]): each for each in documents}


def ids(ruleset: RuleSet) -> list[str]:
    return [rule.id for rule in ruleset.rules]


def problems(data: object, known: dict[str, object]) -> tuple[Problem, ...]:
    with pytest.raises(InvalidRuleSet) as raised:
        parse_ruleset(data, known)
    return raised.value.problems


def test_included_rules_come_first_in_the_order_of_inclusion() -> None:
    known = library(document("b", rule("r")), document("a", rule("r"), rule("s")))
    assert ids(parse_ruleset(document("top", rule("r"), include=("b", "a")), known)) == ["b/r", "a/r", "a/s", "r"]


def test_a_rule_is_named_by_the_document_it_stands_in_and_each_document_counts_once() -> None:
    known = library(
        document("base", rule("r")),
        document("left", rule("r"), include=("base",)),
        document("right", rule("r"), include=("base",)),
    )
    ruleset = parse_ruleset(document("top", rule("r"), include=("left", "right")), known)
    assert ids(ruleset) == ["base/r", "left/r", "right/r", "r"]
    assert [name.partition("@")[0] for name in ruleset.includes] == ["base", "left", "right"]


def test_an_included_document_keeps_its_groups_and_its_posture_and_loses_its_default() -> None:
    located = {"when": {"location": {"in": ["@home"]}}}
    inner = document("inner", rule("r", **located), groups={"home": ["US"]}, default="deny", if_unknown="skip")
    outer = document("outer", rule("r", **located), groups={"home": ["GB"]}, include=("inner",))
    ruleset = parse_ruleset(outer, library(inner))
    assert [(rule.if_unknown, "US" in str(rule.when)) for rule in ruleset.rules] == [("skip", True), ("apply", False)]
    assert ruleset.default == "allow"


def test_a_group_of_an_included_document_is_not_known_outside() -> None:
    inner = document("inner", groups={"home": ["US"]})
    outer = document("outer", rule("r", when={"location": {"in": ["@home"]}}), include=("inner",))
    assert [problem.message for problem in problems(outer, library(inner))] == ["unknown group `@home`"]


def test_the_reason_of_an_included_rule_is_its_own_id() -> None:
    (included,) = parse_ruleset(document("top", include=("a",)), library(document("a", rule("r")))).rules
    assert (included.id, included.reason) == ("a/r", "r")


def test_exemptions_come_along_and_lift_the_rules_of_their_document() -> None:
    inner = document("inner", rule("r"), exemptions=[exemption("e", "r")])
    outer = document("outer", rule("r"), include=("inner",), exemptions=[exemption("e", "r", "inner/r")])
    included, own = parse_ruleset(outer, library(inner)).exemptions
    assert (included.id, included.lifts) == ("inner/e", frozenset({"inner/r"}))
    assert (own.id, own.lifts) == ("e", frozenset({"r", "inner/r"}))


def test_an_included_exemption_still_lifts_what_its_document_includes() -> None:
    base = document("base", rule("r"))
    middle = document("middle", include=("base",), exemptions=[exemption("e", "base/r")])
    (lifting,) = parse_ruleset(document("top", include=("middle",)), library(base, middle)).exemptions
    assert (lifting.id, lifting.lifts) == ("middle/e", frozenset({"base/r"}))


def test_an_included_rule_is_lifted_by_its_whole_name_only() -> None:
    outer = document("outer", include=("inner",), exemptions=[exemption("e", "cuba")])
    (problem,) = problems(outer, library(document("inner", rule("cuba"))))
    assert problem == Problem("/exemptions/0/lifts/0", "unknown rule `cuba`: did you mean `inner/cuba`?")


def test_a_document_that_does_not_exist_is_a_fault_with_a_near_spelling() -> None:
    (problem,) = problems(document("top", include=("us-embrago",)), library(document("us-embargo")))
    assert problem == Problem("/include/0", "there is no document `us-embrago` to include: did you mean `us-embargo`?")


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("", "the id of a document is wanted here, not empty text"),
        ("a@", "`a@` names no document: write its id, or `id@revision`"),
        ("@a", "`@a` names no document: write its id, or `id@revision`"),
        ("a@1@2", "`a@1@2` names no document: write its id, or `id@revision`"),
    ],
)
def test_what_names_no_document_is_a_fault(reference: str, message: str) -> None:
    assert problems(document("top", include=(reference,)), library(document("a"))) == (Problem("/include/0", message),)


def test_a_document_included_twice_is_a_fault() -> None:
    assert problems(document("top", include=("a", "a")), library(document("a"))) == (
        Problem("/include/1", "`a` is included twice"),
    )


def test_a_circle_of_documents_is_a_fault_that_names_it() -> None:
    top = document("top", include=("a",))
    known = library(top, document("a", include=("b",)), document("b", include=("top",)))
    (problem,) = problems(top, known)
    assert problem.at == "/include/0"
    assert problem.message.endswith("documents include one another in a circle: `top` -> `a` -> `b` -> `top`")


def test_a_document_that_includes_itself_is_a_circle() -> None:
    top = document("top", include=("top",))
    (problem,) = problems(top, library(top))
    assert problem.message == "documents include one another in a circle: `top` -> `top`"


def test_documents_may_not_be_chained_without_end() -> None:
    chain = [document(f"d{n}", include=(f"d{n + 1}",)) for n in range(5_000)]
    (problem,) = problems(chain[0], library(*chain))
    assert problem.message.startswith("the included `d1` has a fault at `/include/0`: the included `d2` has a fault")


@pytest.mark.parametrize(
    ("inner", "message"),
    [
        (document("inner", rule("-")), "the included `inner` has a fault at `/rules/0/id`: `-` is not an id"),
        (
            document("inner", rule("r", mode="x", status=9)),
            "the included `inner` has 2 faults, the first at `/rules/0/status`: a whole number from 400 to 599",
        ),
        ([], "the included `inner` has a fault at `/`: a rule set is wanted here"),
        (document("other"), "the document `inner` calls itself `other`"),
    ],
)
def test_the_faults_of_an_included_document_are_one_fault_of_its_inclusion(inner: object, message: str) -> None:
    (problem,) = problems(document("outer", include=("inner",)), {"inner": inner})
    assert problem.at == "/include/0"
    assert problem.message.startswith(message)


def test_a_pin_holds_a_document_at_its_revision() -> None:
    inner = document("inner", rule("r"))
    revision = revision_of(inner, {})
    ruleset = parse_ruleset(document("outer", include=(f"inner@{revision}",)), library(inner))
    assert ruleset.includes == (f"inner@{revision}",)
    (problem,) = problems(document("outer", include=("inner@0123456789ab",)), library(inner))
    assert problem == Problem("/include/0", f"`inner` is here at revision `{revision}`, not `0123456789ab`")


def test_a_revision_is_twelve_digits_that_follow_every_change_and_no_mere_rearrangement() -> None:
    inner, changed = document("inner", rule("r")), document("inner", rule("r", status=451))
    outer = document("outer", rule("r"), include=("inner",))
    rearranged = dict(reversed(outer.items()))
    revision = parse_ruleset(outer, library(inner)).revision
    assert re.fullmatch(r"[0-9a-f]{12}", revision)
    assert revision == revision_of(outer, library(inner)) == revision_of(rearranged, library(inner))
    assert revision != revision_of(outer, library(changed))
    assert revision != revision_of(document("outer", include=("inner",)), library(inner))


def test_an_obligation_without_a_name_is_named_after_its_rule_wherever_it_came_from() -> None:
    rule = {
        "id": "r",
        "effect": "deny",
        "when": {"all": []},
        "obligations": [{"type": "log"}, {"type": "tell", "id": "mine"}],
    }
    base = {"language": 1, "ruleset": "base", "default": "allow", "if_unknown": "skip", "rules": [rule]}
    user = {**base, "ruleset": "user", "include": ["base"]}
    ids = [obligation.id for rule in parse_ruleset(user, {"base": base}).rules for obligation in rule.obligations]
    assert ids == ["base/r#1", "mine", "r#1", "mine"]
