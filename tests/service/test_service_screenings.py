"""The memo of screenings: right in time, bounded, and never filled by made-up ids or inline facts."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rules.compile import compile_ruleset
from rules.facts import AccountId, EntityId, ResourceId
from service.decide import AccessRequest, InlineFacts
from service.directory_facts import DirectoryDossiers
from service.screenings import Limits, Screenings
from service.storage.directory import load_directory
from tests.service.conftest import NOW, write_world

REQUEST = AccessRequest(AccountId("acct-half"), ResourceId("tool"), NOW)


@pytest.fixture
def screenings(tmp_path: Path) -> Screenings:
    interests = "owner,subject,share,start,end\nfar,half,50%,2026-01-01,2027-01-01\n"
    world = load_directory(write_world(tmp_path, {"interests.csv": interests}))
    return Screenings(compile_ruleset(world.ruleset), DirectoryDossiers(world), Limits(registered=2, unregistered=2))


def screen(screenings: Screenings, request: AccessRequest) -> None:
    asyncio.run(screenings.screened(request))


def test_a_screening_is_at_hand_once_it_is_made(screenings: Screenings) -> None:
    assert screenings.at_hand(REQUEST) is None
    screen(screenings, REQUEST)
    assert screenings.at_hand(REQUEST) is not None
    assert screenings.at_hand(replace(REQUEST, at=NOW + timedelta(days=1))) is not None


@pytest.mark.parametrize("at", [datetime(2025, 12, 31, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)])
def test_a_screening_is_not_at_hand_outside_its_time(screenings: Screenings, at: datetime) -> None:
    screen(screenings, REQUEST)
    assert screenings.at_hand(replace(REQUEST, at=at)) is None
    screen(screenings, replace(REQUEST, at=at))
    assert screenings.at_hand(replace(REQUEST, at=at)) is not None
    assert screenings.at_hand(REQUEST) is None


def test_inline_facts_are_never_remembered(screenings: Screenings) -> None:
    inline = replace(REQUEST, inline=InlineFacts(entity=EntityId("near")))
    screen(screenings, inline)
    assert screenings.at_hand(inline) is None
    assert screenings.at_hand(REQUEST) is None


def test_made_up_ids_push_out_one_another_and_nothing_else(screenings: Screenings) -> None:
    screen(screenings, REQUEST)
    for number in range(10):
        screen(screenings, replace(REQUEST, account=AccountId(f"made-up-{number}")))
    assert screenings.at_hand(REQUEST) is not None
    assert screenings.at_hand(replace(REQUEST, account=AccountId("made-up-9"))) is not None
    assert screenings.at_hand(replace(REQUEST, account=AccountId("made-up-0"))) is None
    assert len(screenings) <= 4


def test_a_foreign_subject_never_meets_a_registered_account(screenings: Screenings) -> None:
    screen(screenings, REQUEST)
    foreign = replace(REQUEST, foreign=True)
    assert screenings.at_hand(foreign) is None
    account, _ = asyncio.run(screenings.screened(foreign))
    assert not account.facts.account.registered


def test_a_foreign_subject_leaves_nothing_to_an_account_that_is_spelt_like_it(tmp_path: Path) -> None:
    accounts = "id,entity\nuser:bob,far\n"
    world = load_directory(write_world(tmp_path, {"accounts.csv": accounts}))
    screenings = Screenings(compile_ruleset(world.ruleset), DirectoryDossiers(world))
    account = replace(REQUEST, account=AccountId("user:bob"))
    screen(screenings, replace(account, foreign=True))
    assert screenings.at_hand(account) is None
    assert screenings.at_hand(replace(account, foreign=True)) is not None
    found, _ = asyncio.run(screenings.screened(account))
    assert found.facts.account.registered


def test_the_screening_made_first_goes_first(screenings: Screenings) -> None:
    requests = [replace(REQUEST, account=AccountId(id)) for id in ("acct-near", "acct-half", "acct-bare")]
    for request in requests:
        screen(screenings, request)
    assert [screenings.at_hand(request) is not None for request in requests] == [False, True, True]
