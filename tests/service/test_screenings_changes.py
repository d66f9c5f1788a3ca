"""A change drops what depends on it and nothing else, and what is kept takes the memory that is counted for it."""

import asyncio
import gc
import tracemalloc
from collections.abc import Callable, Collection
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.compile import compile_ruleset
from rules.facts import Account, AccountId, Basis, Entity, EntityId, Interest, Resource, ResourceId
from rules.geography import Jurisdiction
from rules.language import RuleSet
from rules.shares import parse_bounds
from service.cache.codec import decoded, encoded
from service.decide import AccessRequest
from service.dependants import WIDE, Dependants
from service.dossiers import Dossier
from service.memo import Bound, Memo
from service.screenings import Known, Limits, Screenings
from tests.service.conftest import NOW
from tests.service.held_dossiers import EPOCH, HeldDossiers

NOBODY: frozenset[str] = frozenset()
WORLD = frozenset(f"far-{number}" for number in range(WIDE))
"""Reached with any other entity, it makes an entry a wide one."""

entities = st.sampled_from("abcdefgh")
reaches = st.frozensets(entities, max_size=4) | st.frozensets(entities, min_size=1, max_size=2).map(WORLD.union)
ids = st.sampled_from([f"acct-{number}" for number in range(8)])


@dataclass(frozen=True, slots=True)
class Entry:
    reached: frozenset[str]


moves = st.one_of(
    st.tuples(st.just("put"), ids, reaches, st.sampled_from([100, 1_000, 4_000])),
    st.tuples(st.just("drop"), ids, st.just(NOBODY), st.just(0)),
    st.tuples(st.just("clear"), ids, st.just(NOBODY), st.just(0)),
)


@settings(max_examples=60)
@given(st.lists(moves, max_size=60), st.lists(st.frozensets(entities, max_size=3), max_size=4))
def test_who_depends_on_an_entity_is_found_as_if_all_were_looked_at(
    taken: list[tuple[str, str, frozenset[str], int]], changes: list[frozenset[str]]
) -> None:
    dependants = Dependants()
    memo: Memo[str, Entry] = Memo(Bound(12_000), dependants)
    keys = [f"acct-{number}" for number in range(8)]
    for what, id, reached, size_bytes in taken:
        if what == "put":
            memo.put(id, Entry(reached), size_bytes)
        elif what == "drop":
            memo.drop(id)
        else:
            memo.clear()
        held = {key: cell.value for key in keys if (cell := memo.find(key))}
        for change in (*changes, frozenset({"far-0"}), frozenset("abcdefgh")):
            expected = {key for key, entry in held.items() if not change.isdisjoint(entry.reached)}
            assert dependants.of(change) == expected
    for key in keys:
        memo.drop(key)
    assert len(dependants) == 0


def reaching(id: str, reached: Collection[str]) -> Known:
    entity = EntityId(min(reached)) if reached else None
    return Dossier(EPOCH, 1, Account(AccountId(id), True, entity), reached=frozenset(reached))


def owned_by(id: str, reached: Collection[str]) -> Known:
    provider = EntityId(min(reached)) if reached else None
    return Dossier(EPOCH, 1, Resource(ResourceId(id), NOBODY, provider), reached=frozenset(reached))


@settings(max_examples=50)
@given(
    st.dictionaries(ids, reaches, min_size=1),
    st.dictionaries(ids, reaches, min_size=1),
    st.frozensets(entities, max_size=3),
    st.tuples(st.frozensets(ids, max_size=2), st.frozensets(ids, max_size=2)),
)
def test_a_change_drops_what_depends_on_it_and_nothing_else(
    accounts: dict[str, frozenset[str]],
    resources: dict[str, frozenset[str]],
    changed: frozenset[str],
    touched: tuple[frozenset[str], frozenset[str]],
) -> None:
    dossiers = HeldDossiers(lambda id: reaching(id, accounts[id]), lambda id: owned_by(id, resources[id]))
    screenings = Screenings(compile_ruleset(RuleSet("none", "0" * 12, "allow")), dossiers)
    pairs = [(account, resource) for account in accounts for resource in resources]

    async def screen() -> None:
        for account, resource in pairs:
            await screenings.screened(AccessRequest(AccountId(account), ResourceId(resource), NOW))

    asyncio.run(screen())
    screenings.drop({"entity": changed, "account": touched[0], "resource": touched[1]})
    for account, resource in pairs:
        stays = (
            changed.isdisjoint(accounts[account] | resources[resource])
            and account not in touched[0]
            and resource not in touched[1]
        )
        assert (screenings.ready(account, resource, NOW) is not None) is stays


def test_an_account_that_is_registered_meanwhile_is_no_stranger_any_more() -> None:
    known = {"acct": Dossier(EPOCH, 1, Account(AccountId("acct"), registered=False))}
    screenings = Screenings(
        compile_ruleset(RuleSet("none", "0" * 12, "allow")), HeldDossiers(account=lambda id: known[id])
    )
    request = AccessRequest(AccountId("acct"), ResourceId("tool"), NOW)
    asyncio.run(screenings.screened(request))
    known["acct"] = Dossier(EPOCH, 2, Account(AccountId("acct")))
    screenings.drop({"account": ["acct"]})
    account, _ = asyncio.run(screenings.screened(request))
    assert account.facts.account.registered
    assert screenings.at_hand(request) is not None
    assert len(screenings) == 2


def company(number: int, above: int) -> Dossier:
    """An account as it comes out of Redis: of a company with so many above it, each held by the next."""
    ids = [EntityId(f"entity:{number:06d}-{step:03d}") for step in range(above + 1)]
    seats: dict[Basis, frozenset[Jurisdiction]] = {
        "headquarters": frozenset({Jurisdiction("DE")}),
        "incorporation": frozenset({Jurisdiction("NL")}),
    }
    entities = tuple(Entity(id, f"The Company of the Number {id}", "company", dict(seats)) for id in ids)
    held = zip(ids[1:], ids, strict=False)
    interests = tuple(Interest(owner, subject, parse_bounds("60%"), source="register") for owner, subject in held)
    account = Account(
        AccountId(f"account-{number:06d}"), True, ids[0], frozenset({"eu"}), {"billing": Jurisdiction("DE")}
    )
    return Dossier(EPOCH, 9, account, entities, {}, interests, frozenset(ids))


def stranger(number: int) -> Dossier:
    return Dossier(EPOCH, 9, Account(AccountId(f"account-{number:06d}"), registered=False))


def lone(number: int) -> Dossier:
    return Dossier(EPOCH, 9, Account(AccountId(f"account-{number:06d}"), tags=frozenset({"trial"})))


KINDS: dict[str, Callable[[int], Dossier]] = {
    "a stranger": stranger,
    "an account without an entity": lone,
    "a company": lambda number: company(number, 0),
    "a company with three above it": lambda number: company(number, 3),
    "a company with a hundred above it": lambda number: company(number, 100),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_kept_takes_about_the_memory_that_is_counted_for_it(kind: str) -> None:
    made, count = KINDS[kind], 30 if "hundred" in kind else 300
    dossiers = HeldDossiers(account=lambda id: decoded(encoded(made(int(id[-6:])))))
    screenings = Screenings(compile_ruleset(RuleSet("none", "0" * 12, "allow")), dossiers, Limits.of(2**30))

    async def screen(first: int, last: int) -> None:
        for number in range(first, last):
            await screenings.screened(AccessRequest(AccountId(f"account-{number:06d}"), ResourceId("tool"), NOW))
        dossiers.fetches.clear()

    asyncio.run(screen(0, 10))
    counted, _ = screenings.state.size_bytes, gc.collect()
    tracemalloc.start()
    try:
        asyncio.run(screen(10, count))
        gc.collect()
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 0.6 < (screenings.state.size_bytes - counted) / taken < 1.6
