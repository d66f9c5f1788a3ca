"""What `docs/explanation/compared.md` says of others, where it can be tried with the versions that are measured."""

from collections.abc import Callable
from pathlib import Path

import cedarpy
import httpx
import pytest
from regopy import Interpreter  # type: ignore[import-untyped]

from loadtests.peers.cerbos import PATH, make_cerbos
from loadtests.peers.engines import CEDAR, REGO
from loadtests.peers.question import make_world
from loadtests.peers.wire import Place
from loadtests.servers import NotInstalled, running
from rules.compile import compile_ruleset
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
from rules.language import Decision
from rules.parse import parse_ruleset
from service.clocks import utc_now

KEPT = Path(__file__).parents[2] / "build" / "peers"
NO_GRAPH = OwnershipGraph.of((), ())


def cedar_allows(context: dict[str, str]) -> bool:
    entities = [
        {"uid": {"type": "Account", "id": "a"}, "attrs": {"countries": ["DE"]}, "parents": []},
        {"uid": {"type": "Resource", "id": "r"}, "attrs": {"tags": ["restricted"]}, "parents": []},
    ]
    request = {
        "principal": 'Account::"a"',
        "action": 'Action::"use"',
        "resource": 'Resource::"r"',
        "context": context,
    }
    return bool(cedarpy.is_authorized(request, CEDAR, entities).allowed)


def rego_allows(context: dict[str, str]) -> bool:
    interpreter = Interpreter()
    interpreter.add_module("peers.rego", REGO)
    interpreter.set_input({"tags": ["restricted"], "countries": ["DE"], **context})
    return bool(interpreter.query("allowed := data.peers.allow").results[0].bindings["allowed"])


def cerbos_effect(url: str, context: dict[str, str]) -> str:
    principal = {"id": "a", "roles": ["account"], "attr": {"countries": ["DE"], **context}}
    resource = {"kind": "resource", "id": "r", "attr": {"tags": ["restricted"]}}
    asked = {"principal": principal, "resources": [{"resource": resource, "actions": ["use"]}]}
    answer = httpx.post(url + PATH, json=asked).json()
    return str(answer["results"][0]["actions"]["use"])


@pytest.mark.parametrize("allows", [cedar_allows, rego_allows])
def test_a_denial_that_lacks_its_fact_is_skipped(allows: Callable[[dict[str, str]], bool]) -> None:
    assert not allows({"country": "IR"})
    assert allows({"country": "DE"})
    assert allows({})


def test_a_denial_of_cerbos_that_lacks_its_fact_is_skipped(tmp_path: Path) -> None:
    try:
        peer = make_cerbos(Place(make_world(), tmp_path, KEPT))
        with running(peer.server) as server:
            answers = [cerbos_effect(server.url, context) for context in ({"country": "IR"}, {"country": "DE"}, {})]
    except NotInstalled as missing:
        pytest.skip(str(missing))
    assert answers == ["EFFECT_DENY", "EFFECT_ALLOW", "EFFECT_ALLOW"]


def cordon_decides(if_unknown: str) -> Decision:
    """What is decided where no source places the address, by the rule that the others skip."""
    rule = {"id": "located", "effect": "deny", "when": {"location": {"in": ["IR"]}}}
    document = {"language": 1, "ruleset": "r", "default": "allow", "if_unknown": if_unknown, "rules": [rule]}
    program, now = compile_ruleset(parse_ruleset(document, {})), utc_now()
    account = screen(program, AccountFacts(Account(AccountId("a")), NO_GRAPH), now)
    resource = screen_resource(program, ResourceFacts(Resource(ResourceId("r")), NO_GRAPH), now)
    return evaluate(program, account, resource, Request(now, Location(())))


def test_cordon_leaves_it_to_the_rule_set() -> None:
    decided = {posture: cordon_decides(posture) for posture in ("apply", "challenge", "skip")}
    assert {posture: decision.effect for posture, decision in decided.items()} == {
        "apply": "deny",
        "challenge": "challenge",
        "skip": "allow",
    }
    assert all(decision.unknown == ("location.missing",) for decision in decided.values())


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ("7 / 2 > 1", "division is not supported"),
        ("[1, 2].sum() > 2", "`sum` is not a valid method"),
        ('decimal("0.5") + decimal("0.4") == decimal("0.9")', "expected long, got decimal"),
    ],
)
def test_cedar_adds_up_no_shares(expression: str, problem: str) -> None:
    request = {"principal": 'A::"a"', "action": 'A::"u"', "resource": 'R::"r"', "context": {}}
    result = cedarpy.is_authorized(request, f"permit(principal, action, resource) when {{ {expression} }};", [])
    assert problem in str(result.diagnostics.errors)


@pytest.mark.parametrize(
    ("name", "is_there"),
    [
        ("graph.reachable", True),
        ("sum", True),
        ("time.now_ns", True),
        ("net.cidr_contains", False),
    ],
)
def test_regopy_has_graphs_and_sums_but_no_networks(name: str, is_there: bool) -> None:
    assert Interpreter().is_builtin(name) is is_there
