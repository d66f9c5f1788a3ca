"""Engines that are libraries: cedarpy, regopy, casbin. Each is told what the question takes, and looks nothing up.

Each is used in the fastest way that its documentation shows: what can be parsed before the question comes is parsed
then.
"""

import json
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Protocol

from loadtests.peers.question import DENIED, RESTRICTED, Told, World
from loadtests.servers import NotInstalled

_CODES = json.dumps(DENIED)

CEDAR = f"""
permit(principal, action, resource);
forbid(principal, action, resource)
when {{ resource.tags.contains("{RESTRICTED}") && {_CODES}.contains(context.country) }};
forbid(principal, action, resource)
when {{ principal.countries.containsAny({_CODES}) }};
"""

REGO = f"""
package peers
denied := {{{_CODES[1:-1]}}}
default allow := true
allow := false if {{ "{RESTRICTED}" in input.tags; input.country in denied }}
allow := false if {{ some code in input.countries; code in denied }}
"""

CASBIN = f"""
[request_definition]
r = country, tags, billing, seat
[policy_definition]
p = codes, eft
[policy_effect]
e = !some(where (p.eft == deny))
[matchers]
m = ("{RESTRICTED}" in r.tags and r.country in p.codes) or r.billing in p.codes or r.seat in p.codes
"""
"""One row of policy that holds all codes: of the forms tried (a row a country, all in the matcher) the fastest."""

NOWHERE = "--"
"""What casbin is told for a country that is not known: the empty text is in every text."""


class Engine(Protocol):
    """Decides what it is told."""

    def allows(self, told: Told) -> bool: ...


class Cedar:
    """cedarpy, with policies and entities parsed beforehand."""

    def __init__(self, world: World) -> None:
        import cedarpy

        self._is_authorized = cedarpy.is_authorized
        self._policies = cedarpy.PolicySet.from_str(CEDAR)
        accounts = [_entity("Account", id, "countries", account.countries) for id, account in world.accounts.items()]
        resources = [_entity("Resource", id, "tags", tags) for id, tags in world.resources.items()]
        self._entities = cedarpy.Entities.from_json_str(json.dumps(accounts + resources))

    def allows(self, told: Told) -> bool:
        request = {
            "principal": {"type": "Account", "id": told.account},
            "action": {"type": "Action", "id": "use"},
            "resource": {"type": "Resource", "id": told.resource},
            "context": {"country": told.country or ""},
        }
        return bool(self._is_authorized(request, self._policies, self._entities).allowed)


class Rego:
    """regopy, the language of Open Policy Agent in C++, with the policy compiled beforehand."""

    def __init__(self, world: World) -> None:
        from regopy import Interpreter  # type: ignore[import-untyped]

        compiler = Interpreter()
        compiler.add_module("peers.rego", REGO)
        self._bundle = compiler.build(None, ["peers/allow"])
        self._interpreter = Interpreter()

    def allows(self, told: Told) -> bool:
        self._interpreter.set_input({"country": told.country, "tags": told.tags, "countries": told.countries})
        output = self._interpreter.query_bundle_entrypoint(self._bundle, "peers/allow")
        return bool(output.results[0].expressions[0])


class Casbin:
    """casbin, with the model read beforehand."""

    def __init__(self, world: World) -> None:
        import casbin  # type: ignore[import-untyped]

        model = casbin.Model()
        model.load_model_from_text(CASBIN)
        self._enforcer = casbin.Enforcer(model)
        self._enforcer.add_policy(" ".join(DENIED), "deny")

    def allows(self, told: Told) -> bool:
        billing, seat = (*told.countries, NOWHERE, NOWHERE)[:2]
        return bool(self._enforcer.enforce(told.country or NOWHERE, told.tags, billing, seat))


ENGINES: Mapping[str, Callable[[World], Engine]] = {"cedarpy": Cedar, "regopy": Rego, "casbin": Casbin}


def make_engine(name: str, world: World) -> Engine:
    """The engine of that name, ready.

    Raises:
        NotInstalled: its library is missing.
    """
    try:
        return ENGINES[name](world)
    except ImportError as missing:
        raise NotInstalled(f"`{name}` is not installed (Python package `{name}`)") from missing


def engine_version(name: str) -> str:
    """The version of its library."""
    return version(name)


def _entity(kind: str, id: str, attribute: str, values: tuple[str, ...]) -> dict[str, object]:
    return {"uid": {"type": kind, "id": id}, "attrs": {attribute: values}, "parents": []}
