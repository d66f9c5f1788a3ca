"""screen() and evaluate(): what is known of each subject -> masks -> the decision.

`screen` burns an account's (or a resource's) facts into the program, once for as long as they stay as they are.
`evaluate` is the hot path: it ANDs masks and reads bits. Total: it raises nothing, whatever is unknown.
"""

from bisect import bisect_right
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple, TypeVar, cast

from rules.compile import Atom, Program, Shape, Subject
from rules.facts import AccountFacts, Activity, Address, Location, OwnershipGraph, Request, ResourceFacts
from rules.language import AllOf, AnyOf, Condition, Decision, Effect, Leaf, Rule
from rules.profiles import MAX_REMEMBERED, NEUTRAL, Profile, Screening
from rules.verdicts import (
    AccountVerdicts,
    LocationVerdicts,
    PartyVerdicts,
    ResourceVerdicts,
    Verdict,
    action_verdict,
    activity_verdict,
    address_verdict,
    conjunction,
    disjunction,
    verdict_of,
)


def screen(program: Program, facts: AccountFacts, at: datetime) -> Screening:
    """Evaluate everything that depends on the account alone. Linear in the interests above its entity."""
    party = PartyVerdicts(facts.graph, facts.account.entity, at, of="account")
    if Subject.ACCOUNT in program.asks_ownership:
        party.walk()
    profile = _leaf_profile(program, Subject.ACCOUNT, AccountVerdicts(facts.account, party))
    return _screening(profile, facts.graph, party)


def screen_resource(program: Program, facts: ResourceFacts, at: datetime) -> Screening:
    """The same for a resource and its provider."""
    party = PartyVerdicts(facts.graph, facts.resource.provider, at, of="provider")
    if Subject.RESOURCE in program.asks_ownership:
        party.walk()
    profile = _leaf_profile(program, Subject.RESOURCE, ResourceVerdicts(facts.resource, party))
    return _screening(profile, facts.graph, party)


def evaluate(program: Program, account: Screening, resource: Screening, request: Request) -> Decision:
    """Decide: deny over challenge over allow over the default; the first rule in document order is named."""
    window = program.windows[bisect_right(program.boundaries, request.at)]
    by_account, by_resource = account.profile, resource.profile
    by_location = _location_profile(program, request.location)
    by_address = _address_profile(program, request.address)
    by_action = _action_profile(program, request.action)
    by_activity = _activity_profile(program, request.activity)
    true = window.clauses & by_account.true & by_resource.true & by_location.true
    true &= by_address.true & by_action.true & by_activity.true
    possible = window.clauses & by_account.possible & by_resource.possible & by_location.possible
    possible &= by_address.possible & by_action.possible & by_activity.possible
    profiles = (by_account, by_resource, by_location, by_address, by_action, by_activity)
    ends = (window.until, account.until, resource.until)
    if program.walked:
        true, possible = _walk(program, profiles, true, possible)
        return _decision(program, _found(program, profiles, true, possible), ends, account.revision)
    # INVARIANT: where every rule is clauses, these clauses and unknown atoms determine the decision: an atom that would
    # change what is named unknown has a clause that no other atom makes impossible. A walked rule has no such clauses.
    unknown = (by_account.unknown, by_resource.unknown, by_location.unknown, by_activity.unknown)
    key = (true, possible, unknown, ends, account.revision)
    decision = program.memo.decisions.get(key)
    if decision is None:
        decision = _decision(program, _found(program, profiles, true, possible), ends, account.revision)
        _remember(program.memo.decisions, key, decision)
    return decision


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
    for number in program.rules_of(clauses):
        bits = program.rules[number].bits
        if true & bits:
            clauses &= ~bits
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
    held = [cast(Rule, program.rules[number].rule) for number in program.rules_of(outcome.holding)]
    named = held[0] if held else DEFAULT
    return Decision(
        effect=outcome.effect,
        rule=named.id or None,
        ruleset=ruleset.id,
        revision=ruleset.revision,
        reason=named.reason or None,
        message=named.message,
        source=named.source,
        status=named.status,
        obligations=tuple(obligation for rule in held for obligation in rule.obligations),
        monitored=_ids(program, monitored),
        unknown=unknown,
        lifted=_ids(program, lifted),
        expires_at=min((end for end in ends if end is not None), default=None),
        facts=facts,
    )


DEFAULT = Rule(id="", effect="allow", when=AllOf(()), if_unknown="skip", reason="")
"""Stands for no rule: the fields of a decision by default."""


def _ids(program: Program, clauses: int) -> tuple[str, ...]:
    return tuple(program.rules[number].rule.id for number in program.rules_of(clauses))


def _found(program: Program, profiles: tuple[Profile, ...], true: int, possible: int) -> _Found:
    """With the causes of every rule and exemption in force whose condition is unknown."""
    causes: set[str] = set()
    for number in program.rules_of(possible & ~true):
        compiled = program.rules[number]
        if not true & compiled.bits:
            causes |= _verdict(compiled.shape, profiles)[1]
    return _Found(true, possible, tuple(sorted(causes)))


def _walk(program: Program, profiles: tuple[Profile, ...], true: int, possible: int) -> tuple[int, int]:
    """Set the bits of the rules that are not clauses."""
    for number in program.walked:
        compiled = program.rules[number]
        truth = _verdict(compiled.shape, profiles)[0]
        if truth is not True:
            true &= ~compiled.bits
        if truth is False:
            possible &= ~compiled.bits
    return true, possible


def _verdict(shape: Shape, profiles: tuple[Profile, ...]) -> Verdict:
    match shape:
        case Atom(number, subject):
            return profiles[subject].verdicts[number]
        case AllOf(parts):
            return conjunction(_verdict(part, profiles) for part in parts)
        case AnyOf(parts):
            return disjunction(_verdict(part, profiles) for part in parts)


def _profile(program: Program, subject: Subject, verdict: Callable[[Condition], Verdict]) -> Profile:
    untrue = impossible = 0
    verdicts: dict[int, Verdict] = {}
    for atom in program.atoms[subject]:
        found = verdicts[atom.number] = verdict(atom.condition)
        if found[0] is not True:
            untrue |= program.atom_clauses[atom.number]
        if found[0] is False:
            impossible |= program.atom_clauses[atom.number]
    unsure = tuple((number, causes) for number, (truth, causes) in verdicts.items() if truth is None)
    return Profile(program.everything & ~untrue, program.everything & ~impossible, verdicts, unsure)


def _screening(profile: Profile, graph: OwnershipGraph, party: PartyVerdicts) -> Screening:
    walked = party.upstream
    if walked is None:
        return Screening(profile, None, None, graph.revision)
    return Screening(profile, walked.since, walked.until, graph.revision)


Key = TypeVar("Key")
Value = TypeVar("Value")


def _remember(table: dict[Key, Value], key: Key, value: Value) -> None:
    if len(table) >= MAX_REMEMBERED:
        table.clear()
    table[key] = value


def _location_profile(program: Program, location: Location) -> Profile:
    entry = program.memo.locations.get(id(location))
    if entry is not None:
        return entry[1]
    profile = _leaf_profile(program, Subject.LOCATION, LocationVerdicts(location))
    _remember(program.memo.locations, id(location), (location, profile))
    return profile


def _action_profile(program: Program, action: str) -> Profile:
    # Actions that no rule names are all alike: a caller cannot fill the memo with them.
    named = action if action in program.actions else ""
    profile = program.memo.actions.get(named)
    if profile is None:
        profile = _leaf_profile(program, Subject.ACTION, lambda leaf: action_verdict(named, leaf))
        _remember(program.memo.actions, named, profile)
    return profile


def _address_profile(program: Program, address: Address | None) -> Profile:
    if not program.address_edges:
        return NEUTRAL
    segment = -1 if address is None else bisect_right(program.address_edges, address)
    profile = program.memo.segments.get(segment)
    if profile is None:
        profile = _leaf_profile(program, Subject.ADDRESS, lambda leaf: address_verdict(address, leaf))
        _remember(program.memo.segments, segment, profile)
    return profile


def _activity_profile(program: Program, activity: Activity) -> Profile:
    if not program.atoms[Subject.ACTIVITY]:
        return NEUTRAL
    return _leaf_profile(program, Subject.ACTIVITY, lambda leaf: activity_verdict(activity, leaf))


def _leaf_profile(program: Program, subject: Subject, leaf: Callable[[Leaf], Verdict]) -> Profile:
    return _profile(program, subject, lambda condition: verdict_of(condition, leaf))
