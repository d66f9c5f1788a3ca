"""What rules make of imported files: an unknown owner is doubt, votes are control, consolidation is no share."""

from pathlib import Path
from typing import get_args

import pytest

from rules.compile import compile_ruleset
from rules.evaluate import evaluate, screen, screen_resource
from rules.facts import AccountFacts, OwnershipGraph, Request, Resource, ResourceFacts, ResourceId
from rules.language import RuleSet
from rules.parse import parse_ruleset
from service.cli_import import BATCH_ROWS, FORMATS
from service.imports import journal
from service.storage.database import Database
from service.storage.dossiers import read_with_entity
from tests.databases import START
from tests.imports.importing import FILES, imported, written

SEATS = {
    "CN": ("PARENT00000000000001", "TOP00000000000000001", "far"),
    "DE": ("CHILD000000000000001", "CHILD000000000000006", "BRANCH00000000000001", "co", "near"),
}
ENTITIES = "id,headquarters\n" + "".join(f"{id},{code}\n" for code, ids in SEATS.items() for id in ids)


def rule_set(owned: str) -> RuleSet:
    """Denies those whom owners from CN hold; `owned` is a threshold, with `control` if that counts."""
    share, _, control = owned.partition(", ")
    held = {
        "by": {"seat_in": ["CN"], "basis": ["headquarters"]},
        "share": share,
        "control": "include" if control else "ignore",
    }
    rule = {"id": "owned", "effect": "deny", "reason": "owner", "when": {"owned": held}}
    head = {"language": 1, "ruleset": "owned", "default": "allow", "if_unknown": "challenge"}
    return parse_ruleset({**head, "rules": [rule]}, {})


def effect(database: Database, entity: str, owned: str) -> str:
    """What an account of the entity gets where owners from CN are not wanted."""
    with database.reading() as connection:
        facts = read_with_entity(connection, "acct", entity).at(START).facts
    assert isinstance(facts, AccountFacts)
    program = compile_ruleset(rule_set(owned))
    resource = screen_resource(program, ResourceFacts(Resource(ResourceId("tool")), OwnershipGraph()), START)
    return evaluate(program, screen(program, facts, START), resource, Request(START)).effect


@pytest.fixture
def database(sqlite_database: Database, tmp_path: Path) -> Database:
    imported(sqlite_database, written(tmp_path / "entities.csv", ENTITIES), "csv", source="own")
    return sqlite_database


def test_a_parent_that_consolidates_controls_and_owns_no_known_share(database: Database) -> None:
    imported(database, FILES / "rr.csv", "gleif")
    assert effect(database, "CHILD000000000000001", ">= 25%") == "allow"
    assert effect(database, "CHILD000000000000001", ">= 25%, control") == "deny"


def test_a_branch_is_owned_like_its_head_office(database: Database) -> None:
    imported(database, FILES / "rr.csv", "gleif")
    assert effect(database, "BRANCH00000000000001", ">= 50%") == "deny"


def test_a_reporting_exception_leaves_ownership_unknown(database: Database) -> None:
    assert effect(database, "CHILD000000000000006", ">= 25%") == "allow"
    imported(database, FILES / "repex.csv", "gleif")
    assert effect(database, "CHILD000000000000006", ">= 25%") == "challenge"


def test_a_majority_of_votes_is_control_and_adds_nothing_to_shares(database: Database, tmp_path: Path) -> None:
    lines = """{"type": "interest", "owner": "far", "subject": "co", "kind": "votes", "share": "(50%, 75%]"}
{"type": "interest", "owner": "near", "subject": "co", "share": "80%"}
"""
    imported(database, written(tmp_path / "votes.ndjson", lines), "ndjson")
    assert effect(database, "co", ">= 25%") == "allow"
    assert effect(database, "co", ">= 25%, control") == "deny"


def test_the_command_offers_every_format_and_batches_as_the_engine_has_them() -> None:
    assert FORMATS.keys() == {*get_args(journal.Format)}
    assert BATCH_ROWS == journal.BATCH_ROWS
