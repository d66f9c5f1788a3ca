"""Whatever the rules, the facts and the question: what a search finds is just what a decision allows."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from hypothesis import given
from hypothesis import strategies as st

from rules.facts import Account, AccountId, Address, Location, OwnershipGraph, Request, Resource, ResourceId
from rules.language import RuleSet
from service.app_directory import FixedPrograms
from service.decide import AccessRequest, Decider
from service.directory_facts import DirectoryWorld, NoHistory
from service.gateways.authzen_search import Found, Stretch
from service.parts import Unrecorded
from service.programs import snapshot_of
from service.searching import Searcher
from service.storage.directory import World
from tests.service.conftest import NOW
from tests.strategies import accounts, graphs, names, requests, resources, rule_sets

ACTIONS = ("a", "b", "c", "use")


registered = accounts.map(lambda account: replace(account, registered=True))


@dataclass(frozen=True, slots=True)
class Located:
    """What a test says of the one address that there is."""

    location: Location
    address: Address | None
    text: str | None = None
    status: str = "known"
    reserved: str | None = None


@dataclass(frozen=True, slots=True)
class OneLocation:
    """Locates everything in one place."""

    located: Located

    def locate(self, text: str | None) -> Located:
        return self.located


@dataclass(frozen=True, slots=True)
class Case:
    """A world, and a question in it."""

    world: World
    request: AccessRequest
    locations: OneLocation

    def decider(self) -> Decider:
        programs = FixedPrograms(snapshot_of(DirectoryWorld(self.world, NOW), ()))
        return Decider(programs, self.locations, Unrecorded(), lambda: "one", NoHistory())

    def searcher(self) -> Searcher:
        programs = FixedPrograms(snapshot_of(DirectoryWorld(self.world, NOW), ()))
        return Searcher(programs, self.locations, NoHistory())


def world_of(ruleset: RuleSet, graph: OwnershipGraph, who: list[Account], what: list[Resource]) -> World:
    return World(
        ruleset,
        graph,
        {account.id: account for account in who},
        {resource.id: resource for resource in what},
        "facts-1",
    )


@st.composite
def cases(draw: st.DrawFn) -> Case:
    who, what = draw(st.lists(registered, max_size=4)), draw(st.lists(resources, max_size=4))
    moment: Request = draw(requests)
    request = AccessRequest(
        account=AccountId(draw(names)),
        resource=ResourceId(draw(names)),
        at=moment.at,
        action=draw(st.sampled_from(ACTIONS)),
        foreign=draw(st.booleans()),
        activity=moment.activity,
    )
    located = OneLocation(Located(moment.location, moment.address))
    return Case(world_of(draw(rule_sets()), draw(graphs()), who, what), request, located)


async def every(
    find: Callable[[AccessRequest, Stretch], Awaitable[Found]], request: AccessRequest, most: int
) -> list[str]:
    """What is on all pages, and never more than so much on one."""
    found = await find(request, Stretch("", most))
    results = list(found.ids)
    while found.after is not None:
        assert found.ids
        found = await find(request, Stretch(found.after, most))
        assert len(found.ids) <= most
        results += found.ids
    return results


async def allowed(decider: Decider, requests: dict[str, AccessRequest]) -> list[str]:
    """The names of those that a decision allows."""
    answers = {name: await decider.decide(request) for name, request in sorted(requests.items())}
    return [name for name, answer in answers.items() if answer.decision.effect == "allow"]


def expected(case: Case) -> tuple[list[str], list[str], list[str]]:
    """Accounts, resources and actions that a decision allows, one by one."""
    request, decider = case.request, case.decider()
    who = {} if request.foreign else {str(id): replace(request, account=id) for id in case.world.accounts}
    what = {str(id): replace(request, resource=id) for id in case.world.resources}
    actions = {action: replace(request, action=action) for action in decider.programs.current.program.actions | {"use"}}
    return (
        asyncio.run(allowed(decider, who)),
        asyncio.run(allowed(decider, what)),
        asyncio.run(allowed(decider, actions)),
    )


def test_a_search_finds_what_a_decision_allows_and_nothing_else() -> None:
    found: Counter[str] = Counter()

    @given(case=cases(), most=st.integers(1, 3))
    def holds(case: Case, most: int) -> None:
        searcher, request = case.searcher(), case.request
        who = asyncio.run(every(searcher.accounts, request, most))
        what = asyncio.run(every(searcher.resources, request, most))
        actions = asyncio.run(every(searcher.actions, request, most))
        assert (who, what, actions) == expected(case)
        found.update(who=len(who), what=len(what), actions=len(actions))

    holds()
    assert min(found.values()) > 20  # else the claim would say nothing
