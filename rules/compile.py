"""RuleSet -> Program: rules as bit masks, so that a decision costs little more for a thousand rules than for ten.

A condition is split into *atoms*, the largest parts that speak of one subject only (the account, the resource, the
location, …). By the distributive laws, which hold in three-valued logic too, a rule becomes a few *clauses*: sets of
atoms that must all hold. Every clause is one bit. What is known of a subject becomes two masks: the clauses that it
leaves true, and those that it leaves possible. To decide is to AND the masks of all subjects; the lowest bit left names
the first rule in document order.

A rule whose clauses would be too many (`MAX_CLAUSES`) keeps its tree, which is then walked.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from functools import reduce
from itertools import chain
from operator import or_
from typing import TypeAlias, assert_never

from rules.facts import Address
from rules.language import (
    AccountIs,
    AccountTagged,
    ActionIs,
    ActivityOver,
    AllOf,
    AnyOf,
    Condition,
    DeclaredConflict,
    DeclaredIn,
    EntityMatches,
    Exemption,
    Leaf,
    LocatedIn,
    NetworkIs,
    NetworkRange,
    NetworkSystem,
    NotOf,
    OwnedBy,
    ResourceIs,
    ResourceTagged,
    Rule,
    RuleSet,
)
from rules.profiles import Memo

MAX_CLAUSES = 16


class Subject(IntEnum):
    """What an atom speaks of; each has a profile of its own."""

    ACCOUNT = 0
    RESOURCE = 1
    LOCATION = 2
    ADDRESS = 3
    ACTION = 4
    ACTIVITY = 5


@dataclass(frozen=True, slots=True)
class Atom:
    """A condition about one subject."""

    number: int
    subject: Subject
    condition: Condition


Shape: TypeAlias = "Atom | AllOf[Shape] | AnyOf[Shape]"
"""A condition as atoms; negation is inside the atoms."""


@dataclass(frozen=True, slots=True)
class CompiledRule:
    rule: Rule | Exemption
    shape: Shape
    bits: int
    """Its clauses: one bit each, side by side."""
    is_walked: bool
    """Too many clauses: its single bit is set from its shape."""


@dataclass(frozen=True, slots=True)
class Masks:
    """Clauses by what their rule does; of rules in force or not."""

    deny: int
    deny_if_possible: int
    """Deny rules that apply when their condition is unknown."""
    challenge: int
    challenge_if_possible: int
    """Rules that challenge when their condition is unknown, whatever they do when it is true."""
    allow: int
    allow_if_possible: int
    allow_else_challenge: int
    """Allow rules that challenge when their condition is unknown."""
    monitor: int
    monitor_if_possible: int
    rules: int
    rules_if_possible: int
    exemptions: int
    exemptions_if_possible: int


@dataclass(frozen=True, slots=True)
class Window:
    """A span of time in which the same rules are in force."""

    clauses: int
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Program:
    """A compiled rule set."""

    ruleset: RuleSet
    rules: tuple[CompiledRule, ...]
    """Exemptions stand behind the rules."""
    owner: tuple[int, ...]
    """By clause bit: the number of its rule in `rules`."""
    atoms: tuple[tuple[Atom, ...], ...]
    """By subject."""
    atom_clauses: tuple[int, ...]
    """By atom number: the clauses that need it."""
    everything: int
    masks: Masks
    lifts: tuple[int, ...]
    """By exemption: the clauses of the rules that it lifts."""
    boundaries: tuple[datetime, ...]
    windows: tuple[Window, ...]
    """One more than boundaries: each holds from one boundary to the next."""
    walked: tuple[int, ...]
    """Numbers of the rules whose shape is walked."""
    address_edges: tuple[Address, ...]
    """Where an address passes into or out of a prefix that a rule names."""
    asks_ownership: frozenset[Subject]
    """The account, the resource, or both, if a rule asks who owns its entity."""
    actions: frozenset[str]
    """Every action that a rule names."""
    memo: Memo = field(default_factory=Memo, compare=False, repr=False)

    def rules_of(self, clauses: int) -> Iterator[int]:
        """Numbers of the rules that these clauses belong to, in document order, each once."""
        while clauses:
            number = self.owner[(clauses & -clauses).bit_length() - 1]
            yield number
            clauses &= ~self.rules[number].bits


def compile_ruleset(ruleset: RuleSet) -> Program:
    """Compile; the cost is that of a publication, not of a request."""
    return _Compiler(ruleset).program()


class _Compiler:
    def __init__(self, ruleset: RuleSet) -> None:
        self.ruleset = ruleset
        self.atoms: dict[tuple[Subject, Condition], Atom] = {}
        self.atom_clauses: list[int] = []
        self.owner: list[int] = []

    def program(self) -> Program:
        sources: tuple[Rule | Exemption, ...] = (*self.ruleset.rules, *self.ruleset.exemptions)
        rules = tuple(self._compiled(number, source) for number, source in enumerate(sources))
        boundaries = _boundaries(sources)
        return Program(
            ruleset=self.ruleset,
            rules=rules,
            owner=tuple(self.owner),
            atoms=tuple(tuple(atom for atom in self.atoms.values() if atom.subject == subject) for subject in Subject),
            atom_clauses=tuple(self.atom_clauses),
            everything=(1 << len(self.owner)) - 1,
            masks=_masks(rules),
            lifts=self._lifts(rules),
            boundaries=boundaries,
            windows=_windows(rules, boundaries),
            walked=tuple(number for number, rule in enumerate(rules) if rule.is_walked),
            address_edges=self._address_edges(),
            asks_ownership=frozenset(subject_of(leaf) for leaf in self._leaves() if isinstance(leaf, OwnedBy)),
            actions=frozenset().union(*(leaf.names for leaf in self._leaves() if isinstance(leaf, ActionIs))),
        )

    def _leaves(self) -> Iterator[Leaf]:
        return chain.from_iterable(_leaves(condition) for _, condition in self.atoms)

    def _address_edges(self) -> tuple[Address, ...]:
        ranges = chain.from_iterable(leaf.ranges for leaf in self._leaves() if isinstance(leaf, NetworkRange))
        return tuple(sorted({edge for first, last in ranges for edge in (first, Address(last + 1))}))

    def _compiled(self, number: int, source: Rule | Exemption) -> CompiledRule:
        shape = self._shape(source.when, negated=False)
        clauses = _clauses(shape)
        first = len(self.owner)
        self.owner.extend([number] * (1 if clauses is None else len(clauses)))
        for bit, clause in enumerate(clauses or (), first):
            for atom in clause:
                self.atom_clauses[atom] |= 1 << bit
        bits = ((1 << len(self.owner)) - 1) ^ ((1 << first) - 1)
        return CompiledRule(source, shape, bits, clauses is None)

    def _shape(self, condition: Condition, *, negated: bool) -> Shape:
        subjects = _subjects(condition)
        if len(subjects) <= 1:
            return self._atom(min(subjects, default=Subject.ACTION), NotOf(condition) if negated else condition)
        match condition:
            case NotOf(part):
                return self._shape(part, negated=not negated)
            case AllOf(parts):
                joined = self._parts(parts, AllOf, negated=negated)
                return AnyOf(joined) if negated else AllOf(joined)
            case AnyOf(parts):
                joined = self._parts(parts, AnyOf, negated=negated)
                return AllOf(joined) if negated else AnyOf(joined)
            case _:
                raise AssertionError(f"a leaf speaks of one subject: {condition}")

    def _parts(
        self, parts: tuple[Condition, ...], join: "type[AllOf[Condition]] | type[AnyOf[Condition]]", *, negated: bool
    ) -> tuple[Shape, ...]:
        """The parts' shapes, with those about one and the same subject joined to one atom."""
        alone: dict[Subject, list[Condition]] = {}
        shapes: list[Shape] = []
        for part in parts:
            subjects = _subjects(part)
            if len(subjects) <= 1:
                alone.setdefault(min(subjects, default=Subject.ACTION), []).append(part)
            else:
                shapes.append(self._shape(part, negated=negated))
        for subject, same in alone.items():
            condition = same[0] if len(same) == 1 else join(tuple(same))
            shapes.append(self._atom(subject, NotOf(condition) if negated else condition))
        return tuple(shapes)

    def _atom(self, subject: Subject, condition: Condition) -> Atom:
        known = self.atoms.get((subject, condition))
        if known is None:
            known = self.atoms[subject, condition] = Atom(len(self.atoms), subject, condition)
            self.atom_clauses.append(0)
        return known

    def _lifts(self, rules: tuple[CompiledRule, ...]) -> tuple[int, ...]:
        bits = {compiled.rule.id: compiled.bits for compiled in rules if isinstance(compiled.rule, Rule)}
        return tuple(_union(bits[lifted] for lifted in exemption.lifts) for exemption in self.ruleset.exemptions)


def _leaves(condition: Condition) -> Iterator[Leaf]:
    match condition:
        case AllOf(parts) | AnyOf(parts):
            yield from chain.from_iterable(map(_leaves, parts))
        case NotOf(part):
            yield from _leaves(part)
        case _:
            yield condition


def _subjects(condition: Condition) -> frozenset[Subject]:
    return frozenset(map(subject_of, _leaves(condition)))


def subject_of(leaf: Leaf) -> Subject:
    """What a leaf speaks of."""
    match leaf:
        case EntityMatches(of=party) | OwnedBy(of=party):
            return Subject.ACCOUNT if party == "account" else Subject.RESOURCE
        case DeclaredIn() | DeclaredConflict() | AccountIs() | AccountTagged():
            return Subject.ACCOUNT
        case ResourceIs() | ResourceTagged():
            return Subject.RESOURCE
        case LocatedIn() | NetworkIs() | NetworkSystem():
            return Subject.LOCATION
        case NetworkRange():
            return Subject.ADDRESS
        case ActionIs():
            return Subject.ACTION
        case ActivityOver():
            return Subject.ACTIVITY
        case _:
            assert_never(leaf)


def _clauses(shape: Shape) -> list[frozenset[int]] | None:
    """Disjunctive normal form: sets of atom numbers, any of which suffices; None if they would be too many."""
    match shape:
        case Atom():
            return [frozenset((shape.number,))]
        case AnyOf(parts):
            return _either(map(_clauses, parts))
        case AllOf(parts):
            return _product(map(_clauses, parts))


def _either(alternatives: Iterable[list[frozenset[int]] | None]) -> list[frozenset[int]] | None:
    found: list[frozenset[int]] = []
    for clauses in alternatives:
        if clauses is None:
            return None
        found += [clause for clause in clauses if clause not in found]
    return found if len(found) <= MAX_CLAUSES else None


def _product(factors: Iterable[list[frozenset[int]] | None]) -> list[frozenset[int]] | None:
    found: list[frozenset[int]] = [frozenset()]
    for clauses in factors:
        if clauses is None or len(found) * len(clauses) > MAX_CLAUSES:
            return None
        found = [left | right for left in found for right in clauses]
    return found


def _boundaries(sources: Iterable[Rule | Exemption]) -> tuple[datetime, ...]:
    edges = {edge for source in sources for edge in (source.effective.start, source.effective.until)}
    return tuple(sorted(edge for edge in edges if edge is not None))


def _windows(rules: tuple[CompiledRule, ...], boundaries: tuple[datetime, ...]) -> tuple[Window, ...]:
    def in_force(at: datetime | None) -> int:
        return _union(
            compiled.bits
            for compiled in rules
            if (compiled.rule.effective.start is None if at is None else compiled.rule.effective.covers(at))
        )

    starts: tuple[datetime | None, ...] = (None, *boundaries)
    ends: tuple[datetime | None, ...] = (*boundaries, None)
    return tuple(Window(in_force(start), end) for start, end in zip(starts, ends, strict=True))


def _union(bits: Iterable[int]) -> int:
    return reduce(or_, bits, 0)


def _masks(rules: tuple[CompiledRule, ...]) -> Masks:
    enforced = [(each.rule, each.bits) for each in rules if isinstance(each.rule, Rule) and each.rule.mode == "enforce"]
    monitored = [
        (each.rule, each.bits) for each in rules if isinstance(each.rule, Rule) and each.rule.mode == "monitor"
    ]
    exempting = [(each.rule, each.bits) for each in rules if isinstance(each.rule, Exemption)]

    def having(effect: str, *postures: str) -> int:
        return _union(
            bits for rule, bits in enforced if rule.effect == effect and (not postures or rule.if_unknown in postures)
        )

    return Masks(
        deny=having("deny"),
        deny_if_possible=having("deny", "apply"),
        challenge=having("challenge"),
        challenge_if_possible=having("challenge", "apply", "challenge") | having("deny", "challenge"),
        allow=having("allow"),
        allow_if_possible=having("allow", "apply"),
        allow_else_challenge=having("allow", "challenge"),
        monitor=_union(bits for _, bits in monitored),
        monitor_if_possible=_union(bits for rule, bits in monitored if rule.if_unknown != "skip"),
        rules=_union(bits for _, bits in enforced + monitored),
        rules_if_possible=_union(bits for rule, bits in enforced + monitored if rule.if_unknown != "skip"),
        exemptions=_union(bits for _, bits in exempting),
        exemptions_if_possible=_union(bits for rule, bits in exempting if rule.if_unknown == "apply"),
    )
