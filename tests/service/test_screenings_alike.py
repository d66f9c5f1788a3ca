"""What screenings share: a face only if they decide alike, and strangers what a whole screening would find."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeAlias

from hypothesis import given, settings
from hypothesis import strategies as st

from rules.compile import Program, compile_ruleset
from rules.evaluate import evaluate, screen, screen_resource
from rules.facts import (
    Account,
    AccountFacts,
    AccountId,
    Location,
    OwnershipGraph,
    Request,
    Resource,
    ResourceFacts,
    ResourceId,
)
from rules.geography import Jurisdiction, Region
from rules.language import (
    AccountIs,
    AllOf,
    AnyOf,
    Condition,
    Decision,
    DeclaredIn,
    LocatedIn,
    ResourceIs,
    Rule,
    RuleSet,
)
from rules.profiles import Screening
from service.decide import AccessRequest, Screened
from service.faces import FACES, Faces
from service.screenings import Limits, Screenings, pair_of
from tests.service.conftest import NOW
from tests.service.held_dossiers import HeldDossiers, bare, facts_of, resource_facts_of
from tests.strategies import accounts, codes, graphs, locations, names, requests, resources, rule_sets

MIB = 1024 * 1024
PLENTY, NOTHING = Limits(MIB, MIB, MIB), Limits(MIB, MIB, 0)
limits = st.sampled_from([PLENTY, NOTHING])

Pair: TypeAlias = tuple[Screened[AccountFacts], Screened[ResourceFacts]]


@dataclass(frozen=True, slots=True)
class Alike:
    """Some who may be alike, and what is asked of them."""

    graph: OwnershipGraph
    accounts: list[Account]
    resources: list[Resource]
    moments: list[Request]


def questions_alike() -> st.SearchStrategy[Alike]:
    many = st.lists(accounts, min_size=2, max_size=6), st.lists(resources, min_size=1, max_size=3)
    return st.builds(Alike, graphs(), *many, st.lists(requests, min_size=1, max_size=3))


def all_asked(screenings: Screenings, ids: Iterable[tuple[str, str]]) -> list[Pair]:
    """Screened, and then found in the memo, one after another."""

    async def ask() -> list[Pair]:
        found = []
        for account, resource in ids:
            await screenings.screened(AccessRequest(AccountId(account), ResourceId(resource), NOW))
            ready = screenings.ready(account, resource, NOW)
            assert ready is not None
            found.append(pair_of(ready))
        return found

    return asyncio.run(ask())


def asked(screenings: Screenings, *ids: str) -> list[Screened[AccountFacts]]:
    """The same of accounts."""
    return [account for account, _ in all_asked(screenings, ((id, "any") for id in ids))]


def decisions(program: Program, pair: tuple[Screening, Screening], moments: list[Request]) -> list[Decision]:
    return [replace(evaluate(program, *pair, replace(moment, at=NOW)), facts="") for moment in moments]


@settings(max_examples=60)
@given(rule_sets(), questions_alike(), limits)
def test_who_has_the_same_face_is_decided_alike(ruleset: RuleSet, alike: Alike, within: Limits) -> None:
    program = compile_ruleset(ruleset)
    dossiers = HeldDossiers(
        account=lambda id: facts_of(alike.accounts[int(id)], alike.graph),
        resource=lambda id: resource_facts_of(alike.resources[int(id)], alike.graph),
    )
    ids = [(str(one), str(other)) for one in range(len(alike.accounts)) for other in range(len(alike.resources))]
    found: dict[tuple[int, int], list[Decision]] = {}
    for mine, its in all_asked(Screenings(program, dossiers, within), ids):
        assert min(mine.face, its.face) >= 0
        whole = screen(program, mine.facts, NOW), screen_resource(program, its.facts, NOW)
        expected = decisions(program, whole, alike.moments)
        assert decisions(program, (mine.screening, its.screening), alike.moments) == expected
        assert found.setdefault((mine.face, its.face), expected) == expected


def many_clauses() -> RuleSet:
    """A rule with more clauses than are written out, so that it is walked."""
    places = [LocatedIn(Region(frozenset({code}))) for code in map(Jurisdiction, ("DE", "FR", "IT", "US", "UA"))]
    told = [
        DeclaredIn(Region(frozenset({code})), None, "any") for code in map(Jurisdiction, ("DE", "FR", "IT", "US", "UA"))
    ]
    pairs: list[Condition] = [AnyOf((place, code)) for place, code in zip(places, told, strict=True)]
    walked = Rule(id="walked", effect="deny", when=AllOf(tuple(pairs)), if_unknown="skip", reason="walked")
    return RuleSet("walked", "0" * 12, "allow", (walked,))


@given(
    st.lists(st.dictionaries(st.sampled_from(["billing", "kyc", "phone"]), codes), min_size=2, max_size=8),
    st.lists(locations, min_size=1, max_size=6),
)
def test_who_has_the_same_face_is_decided_alike_by_rules_that_are_walked(
    declared: list[dict[str, Jurisdiction]], places: list[Location]
) -> None:
    program = compile_ruleset(many_clauses())
    who = [Account(AccountId(f"acct-{number}"), declared=each) for number, each in enumerate(declared)]
    screenings = Screenings(program, HeldDossiers(account=lambda id: bare(who[int(id)])))
    moments = [Request(NOW, location) for location in places]
    found: dict[int, list[Decision]] = {}
    for mine, its in all_asked(screenings, ((str(number), "any") for number in range(len(who)))):
        expected = decisions(program, (screen(program, mine.facts, NOW), its.screening), moments)
        assert decisions(program, (mine.screening, its.screening), moments) == expected
        assert found.setdefault(mine.face, expected) == expected


@settings(max_examples=60)
@given(rule_sets(), graphs(), st.lists(names | st.sampled_from(["x", "y"]), min_size=1, max_size=6))
def test_strangers_are_screened_as_if_each_were_the_only_one(
    ruleset: RuleSet, graph: OwnershipGraph, ids: list[str]
) -> None:
    dossiers = HeldDossiers(
        account=lambda id: facts_of(Account(AccountId(id), registered=False), graph),
        resource=lambda id: resource_facts_of(Resource(ResourceId(id)), graph),
    )
    program = compile_ruleset(ruleset)
    found = all_asked(Screenings(program, dossiers), ((id, id) for id in ids))
    for id, (account, resource) in zip(ids, found, strict=True):
        assert account.facts == AccountFacts(Account(AccountId(id), registered=False), graph)
        assert resource.facts == ResourceFacts(Resource(ResourceId(id)), graph)
        assert account.screening == screen(program, account.facts, NOW)
        assert resource.screening == screen_resource(program, resource.facts, NOW)


def naming(*ids: str) -> RuleSet:
    """Rules that name these accounts and resources."""
    conditions: list[Condition] = [AccountIs(frozenset(ids)), ResourceIs(frozenset(ids))]
    rules = (
        Rule(id=f"r{number}", effect="deny", when=when, if_unknown="skip", reason="named")
        for number, when in enumerate(conditions)
    )
    return RuleSet("naming", "0" * 12, "allow", tuple(rules))


def test_a_storm_of_made_up_ids_is_screened_once() -> None:
    dossiers = HeldDossiers(account=lambda id: bare(Account(AccountId(id), registered=False)))
    screenings = Screenings(compile_ruleset(naming("blocked")), dossiers)
    found = asked(screenings, "one", "two", "blocked", "three")
    assert found[0].screening is found[1].screening is found[3].screening
    assert found[0].facts.graph is found[1].facts.graph is found[3].facts.graph
    assert [each.face == found[0].face for each in found] == [True, True, False, True]


def test_strangers_of_another_state_of_the_facts_name_that_one() -> None:
    graphs = {
        "one": OwnershipGraph(revision="1"),
        "two": OwnershipGraph(revision="2"),
        "three": OwnershipGraph(revision="2"),
    }
    dossiers = HeldDossiers(account=lambda id: facts_of(Account(AccountId(id), registered=False), graphs[id]))
    screenings = Screenings(compile_ruleset(naming("blocked")), dossiers)
    found = asked(screenings, *graphs)
    assert [each.screening.revision for each in found] == ["1", "2", "2"]
    assert {each.face for each in found} == {found[0].face}
    assert found[1].screening is found[2].screening


def test_equal_screenings_share_a_profile_until_all_is_forgotten_and_no_number_comes_back() -> None:
    dossiers = HeldDossiers()
    screenings = Screenings(compile_ruleset(naming("blocked")), dossiers)
    one, other, named = asked(screenings, "one", "other", "blocked")
    assert one.screening.profile is other.screening.profile
    assert one.face == other.face != named.face
    screenings.drop({"account": ["one"]})
    assert asked(screenings, "one")[0].face == one.face
    screenings.clear()
    again = {each.face for each in asked(screenings, "one", "other", "blocked")}
    assert len(again) == 2
    assert again.isdisjoint({one.face, named.face})


def test_faces_that_there_is_no_room_for_are_like_none() -> None:
    program = compile_ruleset(naming("blocked"))
    dull = screen(program, AccountFacts(Account(AccountId("one")), OwnershipGraph()), NOW)
    faces, small = Faces(1_000 * MIB), Faces(0)
    numbers = [faces.faced(replace(dull, until=NOW.replace(microsecond=number))).face for number in range(FACES)]
    beyond = replace(dull, since=NOW)
    fresh = [faces.faced(beyond).face, faces.faced(beyond).face, small.faced(dull).face, small.faced(dull).face]
    assert len(faces) == FACES == len(set(numbers))
    assert len({*numbers, *fresh[:2]}) == FACES + 2
    assert fresh[2] != fresh[3]
    assert len(small) == small.size_bytes == 0
    assert faces.faced(replace(dull, until=NOW.replace(microsecond=5))).face == numbers[5]
