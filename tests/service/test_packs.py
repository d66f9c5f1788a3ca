"""The packs that ship are rule sets without a fault, each under its own id."""

import pytest

from rules.parse import parse_ruleset
from service.documents import read_document
from service.packs import pack_documents, pack_text

PACKS = sorted(pack_documents())


def test_the_packs_that_ship_are_there() -> None:
    assert set(PACKS) >= {
        "ai-provider",
        "enterprise-egress",
        "eu-asset-freeze",
        "uk-asset-freeze",
        "us-bis-affiliates",
        "us-embargo",
        "us-ofac-50-percent",
    }


@pytest.mark.parametrize("id", PACKS)
def test_a_pack_is_a_rule_set_without_a_fault_under_its_own_id(id: str) -> None:
    assert read_document(pack_text(id)).problems == ()
    assert parse_ruleset(pack_documents()[id], pack_documents()).id == id


@pytest.mark.parametrize("id", PACKS)
def test_every_rule_of_a_pack_names_its_source(id: str) -> None:
    ruleset = parse_ruleset(pack_documents()[id], pack_documents())
    assert [rule.id for rule in ruleset.rules if not rule.source] == []


def test_whoever_takes_the_packs_cannot_change_which_there_are() -> None:
    pack_documents().clear()
    assert sorted(pack_documents()) == PACKS


def test_a_pack_that_does_not_exist_has_no_text() -> None:
    with pytest.raises(KeyError):
        pack_text("nowhere")
