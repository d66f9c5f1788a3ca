"""Which roles may do what: one table, checked on the server for every request.

Everyone with a role may read facts, rule sets and instances. No role does what two people should do: an editor does not
review, and an operator neither edits nor approves.
"""

from collections.abc import Iterable, Mapping
from typing import Literal, get_args

from service.admin.principals import ROLES, Principal, Role

Function = Literal[
    "facts.read",
    "facts.edit",
    "imports.run",
    "rulesets.read",
    "drafts.edit",
    "drafts.review",
    "cases.edit",
    "rulesets.publish",
    "rulesets.rollback",
    "rulesets.break_glass",
    "keys.manage",
    "roles.manage",
    "instances.read",
    "audit.read",
    "decisions.read",
    "decisions.export",
    "decisions.delete",
]
FUNCTIONS: tuple[Function, ...] = get_args(Function)

_EVERYONE: frozenset[Role] = frozenset(ROLES)

GRANTS: Mapping[Function, frozenset[Role]] = {
    "facts.read": _EVERYONE,
    "facts.edit": frozenset(("editor",)),
    "imports.run": frozenset(("editor", "operator")),
    "rulesets.read": _EVERYONE,
    "drafts.edit": frozenset(("editor",)),
    "drafts.review": frozenset(("approver",)),
    "cases.edit": frozenset(("editor",)),
    "rulesets.publish": frozenset(("approver",)),
    "rulesets.rollback": frozenset(("approver", "operator")),
    "rulesets.break_glass": frozenset(("operator",)),
    "keys.manage": frozenset(("operator",)),
    "roles.manage": frozenset(("operator",)),
    "instances.read": _EVERYONE,
    "audit.read": frozenset(("auditor",)),
    "decisions.read": frozenset(("auditor",)),
    "decisions.export": frozenset(("auditor",)),
    "decisions.delete": frozenset(("operator",)),
}
"""The roles that may do each function: one of them is enough."""


def may(principal: Principal, function: Function) -> bool:
    """Whether one of its roles allows it."""
    return not GRANTS[function].isdisjoint(principal.roles)


def functions_of(principal: Principal) -> frozenset[Function]:
    """All that its roles allow."""
    return functions_in(principal.roles)


def functions_in(roles: Iterable[str]) -> frozenset[Function]:
    """All that these roles allow."""
    wanted = frozenset(roles)
    return frozenset(function for function in FUNCTIONS if not wanted.isdisjoint(GRANTS[function]))
