"""screen() and evaluate(): what is known of each subject -> masks -> the decision.

`screen` burns an account's (or a resource's) facts into the program, once for as long as they stay as they are.
`evaluate` is the hot path: it ANDs masks and reads bits. Total: it raises nothing, whatever is unknown.
"""

from bisect import bisect_right
from datetime import datetime
from itertools import chain
from typing import NamedTuple, TypeAlias, cast

from rules.compile import Atom, Program, Shape, Subject
from rules.facts import AccountFacts, Activity, Address, Location, Request, ResourceFacts
from rules.index import Reader
from rules.language import AllOf, AnyOf, Decision, Effect, Obligation, Rule
from rules.parties import Party
from rules.profiles import NEUTRAL, Profile, Screening, remember
from rules.readers import (
    AccountReader,
    ActionReader,
    ActivityReader,
    AddressReader,
    LocationReader,
    ResourceReader,
)
from rules.verdicts import NO_CAUSES, Verdict, conjunction, disjunction

Profiles: TypeAlias = tuple[Profile, ...]
"""By subject."""


def screen(program: Program, facts: AccountFacts, at: datetime) -> Screening:
    """Evaluate everything that depends on the account alone. Linear in the interests above its entity."""
    party = Party(facts.graph, facts.account.entity, at=at, prefix="entity", holders=program.holders)
    profile = _profile(program, Subject.ACCOUNT, AccountReader(facts.account, party))
    return _screening(profile, facts.graph.revision, party if Subject.ACCOUNT in program.asks_ownership else None)


def screen_resource(program: Program, facts: ResourceFacts, at: datetime) -> Screening:
    """The same for a resource and its provider."""
    party = Party(facts.graph, facts.resource.provider, at=at, prefix="provider", holders=program.holders)
    profile = _profile(program, Subject.RESOURCE, ResourceReader(facts.resource, party))
    return _screening(profile, facts.graph.revision, party if Subject.RESOURCE in program.asks_ownership else None)


def evaluate(program: Program, account: Screening, resource: Screening, request: Request) -> Decision:
    """Decide: deny over challenge over allow over the default; the first rule in document order is named."""
    window = program.windows[bisect_right(program.boundaries, request.at)]
    profiles = (
        account.profile,
        resource.profile,
        location_profile(program, request.location),
        _address_profile(program, request.address),
        _action_profile(program, request.action),
        _activity_profile(program, request.activity),
    )
    true, possible = _left(program, profiles, window.clauses)
    causes = NO_CAUSES
    if program.walked:
        true, possible, causes = _walk(program, profiles, true, possible)
    # INVARIANT: where every rule is clauses, these clauses and what left any unknown determine the decision: an atom
    # that would change what is named unknown has a clause that no other atom makes impossible. A walked rule has no
    # such clauses: what left it unknown is named apart.
    doubts = () if true == possible else tuple([profile.doubt for profile in profiles])
    ends = (window.until, account.until, resource.until)
    key = (true, possible, doubts, causes, ends, account.revision)
    decision = program.memo.decisions.get(key)
    if decision is None:
        unknown = _unknown(program, profiles, true, possible) if doubts else set()
        found = _Found(true, possible, tuple(sorted(unknown | causes)))
        decision = _decision(program, found, ends, account.revision)
        remember(program.memo.decisions, key, decision, program.room)
    return decision


def _left(program: Program, profiles: Profiles, clauses: int) -> tuple[int, int]:
    """Of these clauses, those that all subjects together leave true, and those that they leave possible."""
    possible = clauses
    for subject in program.asked:
        possible &= profiles[subject].possible
    true = possible
    for subject in program.asked:
        if profiles[subject].doubt:
            true &= profiles[subject].true
    return true, possible


class _Found(NamedTuple):
    """What is left of every clause once all subjects have spoken."""

    true: int
    possible: int
    unknown: tuple[str, ...]


class _Outcome(NamedTuple):
    effect: Effect
    holding: int
    """Clauses of the enforced rules that hold with this effect; none for the default."""


def _outcome(program: Program, true: int, possible: int) -> _Outcome:
    masks = program.masks
    deny = true & masks.deny | possible & masks.deny_if_possible
    if deny:
        return _Outcome("deny", deny)
    challenge = true & masks.challenge | possible & masks.challenge_if_possible
    doubtful = possible & masks.allow_else_challenge
    if doubtful:
        challenge |= _without_true(program, doubtful, true)
    if challenge:
        return _Outcome("challenge", challenge)
    allow = true & masks.allow | possible & masks.allow_if_possible
    return _Outcome("allow" if allow else program.ruleset.default, allow)


def _without_true(program: Program, clauses: int, true: int) -> int:
    """Of these clauses, those of rules that no clause makes true."""
    for number in program.rules_of(clauses & true):
        clauses &= ~program.rules[number].bits
    return clauses


def _lifted(program: Program, true: int, possible: int) -> int:
    """Clauses of the rules lifted by an exemption that applies."""
    masks = program.masks
    lifted = 0
    for number in program.rules_of(true & masks.exemptions | possible & masks.exemptions_if_possible):
        lifted |= program.lifts[number - len(program.ruleset.rules)]
    return lifted


def _decision(program: Program, found: _Found, ends: tuple[datetime | None, ...], facts: str) -> Decision:
    true, possible, unknown = found
    masks, ruleset = program.masks, program.ruleset
    lifting = _lifted(program, true, possible)
    outcome = _outcome(program, true & ~lifting, possible & ~lifting)
    monitored = (true & masks.monitor | possible & masks.monitor_if_possible) & ~lifting
    lifted = (true & masks.rules | possible & masks.rules_if_possible) & lifting
    first = next(program.rules_of(outcome.holding), None)
    named = DEFAULT if first is None else cast(Rule, program.rules[first].rule)
    return Decision(
        effect=outcome.effect,
        rule=named.id or None,
        ruleset=ruleset.id,
        revision=ruleset.revision,
        reason=named.reason or None,
        message=named.message,
        source=named.source,
        status=named.status,
        obligations=_obligations(program, outcome.holding & masks.obliging),
        monitored=_ids(program, monitored),
        unknown=unknown,
        lifted=_ids(program, lifted),
        expires_at=min((end for end in ends if end is not None), default=None),
        facts=facts,
    )


DEFAULT = Rule(id="", effect="allow", when=AllOf(()), if_unknown="skip", reason="")
"""Stands for no rule: the fields of a decision by default."""


def _obligations(program: Program, clauses: int) -> tuple[Obligation, ...]:
    rules = [cast(Rule, program.rules[number].rule) for number in program.rules_of(clauses)]
    return tuple(obligation for rule in rules for obligation in rule.obligations)


def _ids(program: Program, clauses: int) -> tuple[str, ...]:
    return tuple(program.rules[number].rule.id for number in program.rules_of(clauses))


def _unknown(program: Program, profiles: Profiles, true: int, possible: int) -> set[str]:
    """The causes of every rule and exemption in force whose condition is unknown."""
    undecided = possible & ~true
    found: set[str] = set()
    for cause, clauses in chain.from_iterable(profile.unknown for profile in profiles):
        for number in program.rules_of(0 if cause in found else undecided & clauses):
            compiled = program.rules[number]
            if not true & compiled.bits:
                found |= _verdict(program, compiled.shape, profiles)[1]
            if cause in found:
                break
    return found


def _walk(program: Program, profiles: Profiles, true: int, possible: int) -> tuple[int, int, frozenset[str]]:
    """Set the bits of the rules that are not clauses; with the causes of those that are unknown."""
    causes: frozenset[str] = NO_CAUSES
    for number in program.walked:
        compiled = program.rules[number]
        if not possible & compiled.bits:
            continue
        truth, why = _verdict(program, compiled.shape, profiles)
        causes |= why
        if truth is not True:
            true &= ~compiled.bits
        if truth is False:
            possible &= ~compiled.bits
    return true, possible, causes


def _verdict(program: Program, shape: Shape, profiles: Profiles) -> Verdict:
    match shape:
        case Atom(number, subject):
            return profiles[subject].verdict(program.places[number])
        case AllOf(parts):
            return conjunction(_verdict(program, part, profiles) for part in parts)
        case AnyOf(parts):
            return disjunction(_verdict(program, part, profiles) for part in parts)


def _profile(program: Program, subject: Subject, reader: Reader) -> Profile:
    return program.indexes[subject].read(reader) if subject in program.asked else NEUTRAL


def _screening(profile: Profile, revision: str, party: Party | None) -> Screening:
    """`party`: None if no rule asks who owns it."""
    upstream = None if party is None else party.upstream
    if upstream is None:
        return Screening(profile, None, None, revision)
    return Screening(profile, upstream.since, upstream.until, revision)


def location_profile(program: Program, location: Location) -> Profile:
    """What a location leaves of every rule; of one that was seen before, from the memo."""
    entry = program.memo.locations.get(id(location))
    if entry is not None:
        return entry[1]
    profile = _profile(program, Subject.LOCATION, LocationReader(location))
    remember(program.memo.locations, id(location), (location, profile))
    return profile


def _action_profile(program: Program, action: str) -> Profile:
    if Subject.ACTION not in program.asked:
        return NEUTRAL
    # Actions that no rule names are all alike: a caller cannot fill the memo with them.
    named = action if action in program.actions else ""
    profile = program.memo.actions.get(named)
    if profile is None:
        profile = _profile(program, Subject.ACTION, ActionReader(named))
        remember(program.memo.actions, named, profile)
    return profile


def _address_profile(program: Program, address: Address | None) -> Profile:
    if not program.address_edges:
        return NEUTRAL
    segment = -1 if address is None else bisect_right(program.address_edges, address)
    profile = program.memo.segments.get(segment)
    if profile is None:
        profile = _profile(program, Subject.ADDRESS, AddressReader(address))
        remember(program.memo.segments, segment, profile)
    return profile


def _activity_profile(program: Program, activity: Activity) -> Profile:
    if Subject.ACTIVITY not in program.asked:
        return NEUTRAL
    return _profile(program, Subject.ACTIVITY, ActivityReader(activity))
