"""The memo of screenings: right in time, bounded, and never filled by made-up ids or inline facts."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rules.compile import compile_ruleset
from rules.facts import AccountId, EntityId, ResourceId
from rules.language import RuleSet
from service.decide import AccessRequest, InlineFacts
from service.directory_facts import DirectoryDossiers
from service.screenings import Limits, Screenings, pair_of
from service.storage.directory import load_directory
from tests.service.conftest import NOW, write_world
from tests.service.held_dossiers import HeldDossiers

FEW = 10_000
"""Bytes that have room for a few screenings."""

REQUEST = AccessRequest(AccountId("acct-half"), ResourceId("tool"), NOW)


@pytest.fixture
def screenings(tmp_path: Path) -> Screenings:
    interests = "owner,subject,share,start,end\nfar,half,50%,2026-01-01,2027-01-01\n"
    world = load_directory(write_world(tmp_path, {"interests.csv": interests}))
    return Screenings(compile_ruleset(world.ruleset), DirectoryDossiers(world), Limits(4 * FEW, FEW, FEW))


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
    for number in range(100):
        made_up = AccountId(f"made-up-{number}")
        screen(screenings, replace(REQUEST, account=made_up, resource=ResourceId(f"any-{number}"), foreign=True))
        screen(screenings, replace(REQUEST, account=made_up))
    assert screenings.at_hand(REQUEST) is not None
    assert screenings.at_hand(replace(REQUEST, account=AccountId("made-up-99"))) is not None
    assert screenings.at_hand(replace(REQUEST, account=AccountId("made-up-0"))) is None
    assert len(screenings) < 20


def test_a_screening_is_ready_by_its_ids_alone(screenings: Screenings) -> None:
    assert screenings.ready("acct-half", "tool", NOW) is None
    screen(screenings, REQUEST)
    cells = screenings.ready("acct-half", "tool", NOW)
    assert cells is not None
    assert pair_of(cells) == screenings.at_hand(REQUEST)
    assert screenings.ready("acct-half", "tool", datetime(2027, 1, 1, tzinfo=UTC)) is None
    assert screenings.ready("acct-half", "other", NOW) is None
    assert screenings.ready("acct-bare", "tool", NOW) is None


def test_neither_a_foreign_subject_nor_inline_facts_are_ever_ready(screenings: Screenings) -> None:
    screen(screenings, replace(REQUEST, foreign=True))
    screen(screenings, replace(REQUEST, inline=InlineFacts(entity=EntityId("near"))))
    assert screenings.ready("acct-half", "tool", NOW) is None


def test_nothing_is_ready_while_facts_are_stale() -> None:
    dossiers = HeldDossiers()
    screenings = Screenings(compile_ruleset(RuleSet("none", "0", "allow", ())), dossiers)
    screen(screenings, REQUEST)
    dossiers.is_stale = True
    assert screenings.ready("acct-half", "tool", NOW) is None
    account, _ = asyncio.run(screenings.screened(REQUEST))
    assert (account.is_stale, account.face) == (True, -1)
    dossiers.is_stale = False
    assert screenings.ready("acct-half", "tool", NOW) is not None


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


def test_what_is_asked_for_again_outlasts_a_scan_of_registered_accounts(tmp_path: Path) -> None:
    accounts = "id,entity\n" + "".join(f"acct-{number},far\n" for number in range(200))
    world = load_directory(write_world(tmp_path, {"accounts.csv": accounts}))
    screenings = Screenings(compile_ruleset(world.ruleset), DirectoryDossiers(world), Limits(4 * FEW, FEW, FEW))
    requests = [replace(REQUEST, account=AccountId(f"acct-{number}")) for number in range(200)]
    for request in [requests[0]] * 4 + requests:
        screen(screenings, request)
    there = [screenings.ready(request.account, "tool", NOW) is not None for request in requests]
    assert (there[0], there[-1], there[100]) == (True, True, False)


def test_the_memo_says_how_full_it_is(screenings: Screenings) -> None:
    assert (screenings.state.entries, screenings.state.misses, screenings.state.evictions) == (0, 0, 0)
    for number in range(100):
        screen(screenings, replace(REQUEST, account=AccountId(f"made-up-{number}")))
    state = screenings.state
    assert state.misses == 101
    assert state.entries == len(screenings) == 101 - state.evictions
    assert 0 < state.size_bytes <= state.limit_bytes == 6 * FEW


def test_the_bound_of_the_whole_is_that_of_its_parts() -> None:
    limits = Limits.of(256 * 1024 * 1024)
    assert limits.registered_bytes + limits.strangers_bytes + limits.profiles_bytes == 256 * 1024 * 1024
