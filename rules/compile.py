"""RuleSet -> Program: rules as bit masks, so that a decision costs little more for a thousand rules than for ten.

A condition is split into *atoms*, the largest parts that speak of one subject only (the account, the resource, the
location, …). By the distributive laws, which hold in three-valued logic too, a rule becomes a few *clauses*: sets of
atoms that must all hold. Every clause is one bit. What is known of a subject becomes two masks: the clauses that it
leaves true, and those that it leaves possible (`index`). To decide is to AND the masks of all subjects; the lowest bit
left names the first rule in document order.

A rule whose clauses would be too many (`MAX_CLAUSES`) keeps its tree, which is then walked. An atom that is alone about
its subject in no clause has a bit of its own, beyond those of the rules, to be looked up at.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from itertools import chain
from typing import TypeAlias, assert_never

from rules.facts import Address
from rules.index import Index
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
    OwnedBy,
    ResourceIs,
    ResourceTagged,
    Rule,
    RuleSet,
)
from rules.marks import mask_of
from rules.parties import Holders
from rules.profiles import Memo, room
from rules.shapes import Splitter, Tree, leaves_of

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


Shape: TypeAlias = "Tree[Atom]"
"""A condition as atoms; negation is inside the atoms."""


@dataclass(frozen=True, slots=True)
class CompiledRule:
    rule: Rule | Exemption
    shape: Shape
    clauses: range
    """One bit each, side by side."""
    is_walked: bool
    """Too many clauses: its single bit is set from its shape."""

    @property
    def bits(self) -> int:
        """The mask of its clauses."""
        return (1 << self.clauses.stop) - (1 << self.clauses.start)


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
    obliging: int
    """Enforced rules with obligations."""


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
    asked: tuple[Subject, ...]
    """Those that any rule speaks of."""
    places: tuple[int, ...]
    """By atom number: the bit at which its verdict stands in the masks of its subject."""
    indexes: tuple[Index, ...]
    """By subject: what facts about it make of every clause."""
    holders: Holders
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
    room: int
    """How many decisions are remembered."""
    memo: Memo = field(default_factory=Memo, compare=False, repr=False)

    def rules_of(self, clauses: int) -> Iterator[int]:
        """Numbers of the rules that these clauses belong to, in document order, each once."""
        passed = 0
        while clauses:
            number = self.owner[passed + (clauses & -clauses).bit_length() - 1]
            yield number
            end = self.rules[number].clauses.stop
            clauses >>= end - passed
            passed = end


def compile_ruleset(ruleset: RuleSet) -> Program:
    """Compile; the cost is that of a publication, not of a request."""
    return _Compiler(ruleset).program()


class _Compiler:
    def __init__(self, ruleset: RuleSet) -> None:
        self.ruleset = ruleset
        self.atoms: dict[tuple[int, Condition], Atom] = {}
        self.numbered: list[Atom] = []
        self.splitter = Splitter(subject_of, Subject.ACTION, self._atom)
        self.places: dict[int, int] = {}
        """By atom: a bit at which it is all that its subject is asked."""
        self.asked: tuple[dict[Condition, list[int]], ...] = tuple({} for _ in Subject)
        """By subject: what is asked of it, and the bits at which it is."""
        self.owner: list[int] = []

    def program(self) -> Program:
        sources: tuple[Rule | Exemption, ...] = (*self.ruleset.rules, *self.ruleset.exemptions)
        rules = tuple(self._compiled(number, source) for number, source in enumerate(sources))
        size = self._placed(len(self.owner))
        boundaries = _boundaries(sources)
        owners = [leaf for leaf in self._leaves() if isinstance(leaf, OwnedBy)]
        return Program(
            ruleset=self.ruleset,
            rules=rules,
            owner=tuple(self.owner),
            atoms=tuple(tuple(atom for atom in self.numbered if atom.subject == subject) for subject in Subject),
            asked=tuple(subject for subject in Subject if self.asked[subject]),
            places=tuple(self.places[number] for number in range(len(self.numbered))),
            indexes=tuple(Index(conditions, size) for conditions in self.asked),
            holders=Holders(owners),
            masks=_masks(rules),
            lifts=self._lifts(rules),
            boundaries=boundaries,
            windows=_windows(rules, boundaries),
            walked=tuple(number for number, rule in enumerate(rules) if rule.is_walked),
            address_edges=self._address_edges(),
            asks_ownership=frozenset(map(subject_of, owners)),
            actions=frozenset().union(*(leaf.names for leaf in self._leaves() if isinstance(leaf, ActionIs))),
            room=room(size),
        )

    def _leaves(self) -> Iterator[Leaf]:
        return chain.from_iterable(leaves_of(atom.condition) for atom in self.numbered)

    def _address_edges(self) -> tuple[Address, ...]:
        ranges = chain.from_iterable(leaf.ranges for leaf in self._leaves() if isinstance(leaf, NetworkRange))
        return tuple(sorted({edge for first, last in ranges for edge in (first, Address(last + 1))}))

    def _compiled(self, number: int, source: Rule | Exemption) -> CompiledRule:
        shape = self.splitter.tree(source.when)
        clauses = _clauses(shape)
        first = len(self.owner)
        self.owner.extend([number] * (1 if clauses is None else len(clauses)))
        for bit, clause in enumerate(clauses or (), first):
            self._ask(clause, bit)
        return CompiledRule(source, shape, range(first, len(self.owner)), clauses is None)

    def _ask(self, clause: frozenset[int], bit: int) -> None:
        by_subject: dict[Subject, list[Atom]] = {}
        for atom in map(self.numbered.__getitem__, sorted(clause)):
            by_subject.setdefault(atom.subject, []).append(atom)
        for subject, atoms in by_subject.items():
            alone = len(atoms) == 1
            condition = atoms[0].condition if alone else AllOf(tuple(atom.condition for atom in atoms))
            self.asked[subject].setdefault(condition, []).append(bit)
            if alone:
                self.places[atoms[0].number] = bit

    def _placed(self, size: int) -> int:
        """Give a bit to each atom that has none; how many bits there are then."""
        for atom in self.numbered:
            if atom.number not in self.places:
                self.asked[atom.subject].setdefault(atom.condition, []).append(size)
                self.places[atom.number] = size
                size += 1
        return size

    def _atom(self, subject: int, condition: Condition) -> Atom:
        known = self.atoms.get((subject, condition))
        if known is None:
            known = self.atoms[subject, condition] = Atom(len(self.atoms), Subject(subject), condition)
            self.numbered.append(known)
        return known

    def _lifts(self, rules: tuple[CompiledRule, ...]) -> tuple[int, ...]:
        clauses = {compiled.rule.id: compiled.clauses for compiled in rules if isinstance(compiled.rule, Rule)}
        return tuple(
            mask_of(chain.from_iterable(clauses[lifted] for lifted in exemption.lifts))
            for exemption in self.ruleset.exemptions
        )


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
    begins: dict[datetime | None, list[int]] = {edge: [] for edge in (None, *boundaries)}
    ends: dict[datetime | None, list[int]] = {edge: [] for edge in boundaries}
    for compiled in rules:
        period = compiled.rule.effective
        if period.start is None or period.until is None or period.start < period.until:
            begins[period.start] += compiled.clauses
            ends.setdefault(period.until, []).extend(compiled.clauses)
    windows = []
    clauses = 0
    for start, until in zip((None, *boundaries), (*boundaries, None), strict=True):
        if start is not None:
            clauses &= ~mask_of(ends[start])
        clauses |= mask_of(begins[start])
        windows.append(Window(clauses, until))
    return tuple(windows)


def _masks(rules: tuple[CompiledRule, ...]) -> Masks:
    laws = [(each.rule, each.clauses) for each in rules if isinstance(each.rule, Rule)]
    enforced = [(rule, clauses) for rule, clauses in laws if rule.mode == "enforce"]
    monitored = [(rule, clauses) for rule, clauses in laws if rule.mode == "monitor"]
    exempting = [(each.rule, each.clauses) for each in rules if isinstance(each.rule, Exemption)]

    def having(effect: str, *postures: str) -> int:
        return _union(
            clauses
            for rule, clauses in enforced
            if rule.effect == effect and (not postures or rule.if_unknown in postures)
        )

    return Masks(
        deny=having("deny"),
        deny_if_possible=having("deny", "apply"),
        challenge=having("challenge"),
        challenge_if_possible=having("challenge", "apply", "challenge") | having("deny", "challenge"),
        allow=having("allow"),
        allow_if_possible=having("allow", "apply"),
        allow_else_challenge=having("allow", "challenge"),
        monitor=_union(clauses for _, clauses in monitored),
        monitor_if_possible=_union(clauses for rule, clauses in monitored if rule.if_unknown != "skip"),
        rules=_union(clauses for _, clauses in laws),
        rules_if_possible=_union(clauses for rule, clauses in laws if rule.if_unknown != "skip"),
        exemptions=_union(clauses for _, clauses in exempting),
        exemptions_if_possible=_union(clauses for rule, clauses in exempting if rule.if_unknown == "apply"),
        obliging=_union(clauses for rule, clauses in enforced if rule.obligations),
    )


def _union(clauses: Iterable[range]) -> int:
    return mask_of(chain.from_iterable(clauses))
