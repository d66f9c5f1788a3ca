"""The packs that ship are sourced, explained to people, documented, tried by cases, and open no door."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from rules.language import Rule
from rules.parse import parse_ruleset
from service.case_files import load_case_file
from service.packs import pack_documents, pack_text

ROOT = Path(__file__).parents[1]
PACKS = sorted(pack_documents())
RULES = [
    pytest.param(rule, id=f"{pack}/{rule.id}")
    for pack in PACKS
    for rule in parse_ruleset(pack_documents()[pack], pack_documents()).rules
    if "/" not in rule.id
]
"""Every rule of every pack, but those that a pack includes."""


def test_seven_packs_ship() -> None:
    assert PACKS == [
        "ai-provider",
        "enterprise-egress",
        "eu-asset-freeze",
        "uk-asset-freeze",
        "us-bis-affiliates",
        "us-embargo",
        "us-ofac-50-percent",
    ]


@pytest.mark.parametrize("pack", PACKS)
def test_a_pack_names_its_sources_and_gives_no_legal_advice(pack: str) -> None:
    head = pack_text(pack).partition("language: 1")[0]
    assert "Sources" in head
    assert "Not legal advice" in head


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_of_a_pack_has_a_source_a_message_and_a_reason(rule: Rule) -> None:
    assert rule.source
    assert rule.message
    assert rule.reason


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_of_a_pack_opens_no_door(rule: Rule) -> None:
    assert rule.effect in ("deny", "challenge")


@pytest.mark.parametrize("pack", PACKS)
def test_a_pack_is_named_by_its_file_and_stands_alone(pack: str) -> None:
    ruleset = parse_ruleset(pack_documents()[pack], pack_documents())
    assert (ruleset.id, ruleset.default) == (pack, "allow")


@pytest.mark.parametrize("pack", PACKS)
def test_every_rule_of_a_pack_is_named_by_a_case(pack: str) -> None:
    cases = load_case_file(ROOT / "tests" / "cases" / "packs" / f"{pack}.yaml")
    decided = {case.expect.written.get("rule") for case in cases.cases}
    watched = {rule for case in cases.cases for rule in _strings(case.expect.written.get("monitored"))}
    own = {rule.id for rule in cases.ruleset.rules if "/" not in rule.id}
    assert own <= decided | watched


@pytest.mark.parametrize("pack", PACKS)
def test_the_reference_names_every_rule_of_a_pack(pack: str) -> None:
    page = (ROOT / "docs" / "reference" / "packs.md").read_text("utf-8")
    section = page.partition(f"## `{pack}`\n")[2].partition("\n## ")[0]
    document = pack_documents()[pack]
    assert isinstance(document, Mapping)
    for rule in document["rules"]:
        assert f"| `{rule['id']}` | {rule['effect']}" in section
        assert f"| `{rule['reason']}` |" in section


def _strings(value: object) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list | tuple) else []
