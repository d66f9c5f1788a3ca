"""The demo world is what its generator writes, and decides what its page says."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from demo.build import COLUMNS, tables
from rules.compile import compile_ruleset
from rules.evaluate import evaluate, screen, screen_resource
from rules.facts import AccountId, Request, ResourceId
from service.locations import open_locations
from service.storage.directory import World, load_directory

DEMO = Path(__file__).parents[1] / "demo"
AT = datetime(2026, 11, 22, tzinfo=UTC)
ROW = re.compile(r"\| `([^`]+)` \| ([^ ]+) \| [^|]+ \| `([^`]+)` \| (allow|challenge|deny), (?:`([^`]+)`|default) \|.*")


@pytest.fixture(scope="module")
def world() -> World:
    return load_directory(DEMO)


def outcomes() -> Iterator[tuple[str, ...]]:
    """Account, address, resource, effect and rule (empty for the default) of every row of the page's table."""
    for line in (DEMO / "README.md").read_text("utf-8").splitlines():
        if row := ROW.fullmatch(line):
            yield row.groups(default="")


@pytest.mark.parametrize("name", sorted(COLUMNS))
def test_the_committed_table_is_the_generated_one(name: str) -> None:
    assert (DEMO / name).read_text("utf-8") == tables()[name]


def test_the_demo_world_has_some_hundreds_of_entities_and_accounts(world: World) -> None:
    assert 300 <= len(world.graph.entities) <= 600
    assert len(world.accounts) >= 150


def test_the_page_of_the_demo_world_has_a_table_of_outcomes() -> None:
    assert len(list(outcomes())) > 30


@pytest.mark.parametrize("outcome", list(outcomes()), ids=" ".join)
def test_the_demo_world_decides_as_its_page_says(world: World, outcome: tuple[str, ...]) -> None:
    account, address, resource, effect, rule = outcome
    program = compile_ruleset(world.ruleset)
    located = open_locations().locate(address)
    decision = evaluate(
        program,
        screen(program, world.account_facts(AccountId(account)), AT),
        screen_resource(program, world.resource_facts(ResourceId(resource)), AT),
        Request(AT, located.location, located.address),
    )
    assert (decision.effect, decision.rule or "") == (effect, rule)
