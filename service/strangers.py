"""Screens what nothing is known of without looking at every rule: made-up ids must not cost more than known ones.

An account that is not registered has no entity, and nothing declared; a resource that nothing is recorded of has no
provider and no tags. All that a rule can still ask of one is its id. So those whose id no rule names are screened
alike, at any time, and the first one is screened for all of them.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Generic, TypeAlias, TypeVar

from rules.compile import Program
from rules.facts import AccountFacts, OwnershipGraph, Resource, ResourceFacts
from rules.language import AccountIs, ResourceIs
from rules.profiles import Screening
from rules.shapes import leaves_of

F = TypeVar("F", AccountFacts, ResourceFacts)

Naming: TypeAlias = type[AccountIs] | type[ResourceIs]
"""The conditions that name one by its id."""


class Strangers(Generic[F]):
    """What all strangers of one kind have in common, under one program."""

    def __init__(self, program: Program, naming: Naming) -> None:
        self._program = program
        self._naming = naming
        self._named: frozenset[str] | None = None
        self._first: tuple[Screening, OwnershipGraph] | None = None

    def like_the_first(self, facts: F) -> tuple[F, Screening] | None:
        """The screening of one of them, once there was one, and its facts, of which they share the graph.

        None for all others.
        """
        if self._first is None or not self._is_one(facts):
            return None
        screening, graph = self._first
        if graph is facts.graph:
            return facts, screening
        if graph == facts.graph:
            return replace(facts, graph=graph), screening
        screening = replace(screening, revision=facts.graph.revision)
        self._first = screening, facts.graph
        return facts, screening

    def screened(self, facts: F, screening: Screening) -> None:
        """Take note of how a subject was screened, whole; of most there is nothing to note."""
        if self._first is None and self._is_one(facts):
            self._first = screening, facts.graph

    def _is_one(self, facts: F) -> bool:
        if not is_unknown(facts):
            return False
        if isinstance(facts, AccountFacts):
            account = facts.account
            return account.entity is None and not account.declared and account.id not in self._names()
        return facts.resource.id not in self._names()

    def _names(self) -> frozenset[str]:
        if self._named is None:
            self._named = frozenset(_names_in(self._program, self._naming))
        return self._named


def is_unknown(facts: AccountFacts | ResourceFacts) -> bool:
    """Whether nothing is recorded under this id, so that anyone could make up more of its kind."""
    return not facts.account.registered if isinstance(facts, AccountFacts) else is_nameless(facts.resource)


def is_nameless(resource: Resource) -> bool:
    """Whether nothing is recorded of a resource: unlike an account, it is not registered."""
    return not resource.tags and resource.provider is None


def _names_in(program: Program, naming: Naming) -> Iterator[str]:
    """The ids that a rule or an exemption names."""
    for compiled in program.rules:
        for leaf in leaves_of(compiled.rule.when):
            if isinstance(leaf, naming):
                yield from leaf.ids
