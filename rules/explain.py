"""The reference meaning: a plain interpreter of the language, which also answers why.

Written for reading, from the sentences of the language reference, one condition after another; it shares no code with
`compile` and `evaluate`, and a property test holds the two meanings equal. What both share are geography and the
attribution of ownership, which have tables of their own from outside sources.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from rules import describe, ownership
from rules.facts import AccountFacts, Entity, EntityId, OwnershipGraph, Request, ResourceFacts
from rules.geography import country_of
from rules.language import (
    AccountIs,
    AccountTagged,
    ActionIs,
    ActivityOver,
    AllOf,
    AnyOf,
    Condition,
    Decision,
    DeclaredConflict,
    DeclaredIn,
    Effect,
    EntityCondition,
    EntityIs,
    EntityKind,
    EntityMatches,
    Exemption,
    Leaf,
    ListedOn,
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
    SeatIn,
)
from rules.traces import ConditionTrace, ExemptionTrace, Explanation, Ownership, RuleTrace, Step
from rules.truth import Truth, every, negation, some
from rules.upstream import Holding, Upstream, upstream_of

STRICTEST_FIRST: tuple[Effect, ...] = ("deny", "challenge", "allow")


def explain(ruleset: RuleSet, account: AccountFacts, resource: ResourceFacts, request: Request) -> Explanation:
    """Decide by the letter of the language, and say why."""
    interpreter = _Interpreter(account, resource, request)
    exemptions = tuple(map(interpreter.exemption, ruleset.exemptions))
    rules = tuple(interpreter.rule(rule, exemptions) for rule in ruleset.rules)
    expires_at = min(
        (edge for edge in (*_dates(ruleset), *interpreter.changes) if edge > request.at),
        default=None,
    )
    return Explanation(_decide(ruleset, rules, exemptions, expires_at, account.graph.revision), rules, exemptions)


def _decide(
    ruleset: RuleSet,
    rules: tuple[RuleTrace, ...],
    exemptions: tuple[ExemptionTrace, ...],
    expires_at: datetime | None,
    facts: str,
) -> Decision:
    standing = [trace for trace in rules if trace.holds and not trace.lifted_by]
    effect: Effect = ruleset.default
    deciding: list[Rule] = []
    for candidate in STRICTEST_FIRST:
        named = {trace.id for trace in standing if trace.mode == "enforce" and trace.holds == candidate}
        if named:
            effect, deciding = candidate, [rule for rule in ruleset.rules if rule.id in named]
            break
    traces: tuple[RuleTrace | ExemptionTrace, ...] = (*rules, *exemptions)
    unknown = {code for trace in traces if trace.in_force for code in trace.unknown}
    decision = Decision(
        effect=effect,
        rule=None,
        ruleset=ruleset.id,
        revision=ruleset.revision,
        monitored=tuple(trace.id for trace in standing if trace.mode == "monitor"),
        unknown=tuple(sorted(unknown)),
        lifted=tuple(trace.id for trace in rules if trace.holds and trace.lifted_by),
        expires_at=expires_at,
        facts=facts,
    )
    return _named(decision, deciding) if deciding else decision


def _named(decision: Decision, deciding: list[Rule]) -> Decision:
    first = deciding[0]
    return Decision(
        effect=decision.effect,
        rule=first.id,
        ruleset=decision.ruleset,
        revision=decision.revision,
        reason=first.reason,
        message=first.message,
        source=first.source,
        status=first.status,
        obligations=tuple(obligation for rule in deciding for obligation in rule.obligations),
        monitored=decision.monitored,
        unknown=decision.unknown,
        lifted=decision.lifted,
        expires_at=decision.expires_at,
        facts=decision.facts,
    )


def _dates(ruleset: RuleSet) -> list[datetime]:
    dated: tuple[Rule | Exemption, ...] = (*ruleset.rules, *ruleset.exemptions)
    periods = [each.effective for each in dated]
    return [edge for period in periods for edge in (period.start, period.until) if edge is not None]


class _Interpreter:
    def __init__(self, account: AccountFacts, resource: ResourceFacts, request: Request) -> None:
        self.account = account.account
        self.resource = resource.resource
        self.graphs = {"account": account.graph, "provider": resource.graph}
        self.entities: dict[str, EntityId | None] = {
            "account": account.account.entity,
            "provider": resource.resource.provider,
        }
        self.request = request
        self.changes: set[datetime] = set()
        """Times at which an interest that was looked at begins or ends."""
        self.upstreams: dict[str, Upstream] = {}

    def rule(self, rule: Rule, exemptions: Sequence[ExemptionTrace]) -> RuleTrace:
        condition = self._condition(rule.when)
        in_force = rule.effective.covers(self.request.at)
        return RuleTrace(
            id=rule.id,
            effect=rule.effect,
            mode=rule.mode,
            in_force=in_force,
            truth=condition.truth,
            holds=_holds(rule, condition.truth) if in_force else None,
            lifted_by=tuple(each.id for each in exemptions if each.applies and rule.id in each.lifts),
            unknown=condition.unknown,
            condition=condition,
        )

    def exemption(self, exemption: Exemption) -> ExemptionTrace:
        condition = self._condition(exemption.when)
        in_force = exemption.effective.covers(self.request.at)
        counts_unknown = exemption.if_unknown == "apply"
        return ExemptionTrace(
            id=exemption.id,
            in_force=in_force,
            truth=condition.truth,
            applies=in_force and (condition.truth is True or (condition.truth is None and counts_unknown)),
            lifts=tuple(sorted(exemption.lifts)),
            unknown=condition.unknown,
            condition=condition,
        )

    def _condition(self, condition: Condition) -> ConditionTrace:
        match condition:
            case AllOf(parts):
                return _joined("all of", every, [self._condition(part) for part in parts])
            case AnyOf(parts):
                return _joined("any of", some, [self._condition(part) for part in parts])
            case NotOf(part):
                inner = self._condition(part)
                return ConditionTrace("not", negation(inner.truth), inner.unknown, (inner,))
            case EntityMatches() | OwnedBy():
                return self._party(condition)
            case _:
                truth, cause = self._leaf(condition)
                return ConditionTrace(describe.leaf(condition), truth, (cause,) if truth is None else ())

    def _leaf(self, leaf: Leaf) -> tuple[Truth, str]:
        """The truth of a condition, and what to name if that is unknown."""
        location = self.request.location
        match leaf:
            case LocatedIn():
                return self._located(leaf)
            case NetworkIs(kinds):
                could = some(
                    True if kind in location.kinds else (False if kind in location.tells else None) for kind in kinds
                )
                return could, "network.kind"
            case NetworkSystem(systems):
                return None if location.systems is None else bool(systems & location.systems), "network.asn"
            case NetworkRange(ranges):
                address = self.request.address
                return address is not None and any(low <= address <= high for low, high in ranges), ""
            case ResourceIs(ids):
                return self.resource.id in ids, ""
            case ResourceTagged(tags):
                return bool(self.resource.tags & tags), ""
            case ActionIs(names):
                return self.request.action in names, ""
            case ActivityOver(count, within, least):
                used = self.request.activity.get((count, within))
                return None if used is None else used >= least, "activity.missing"
            case _:
                return self._account_leaf(leaf)

    def _account_leaf(self, leaf: Leaf) -> tuple[Truth, str]:
        match leaf:
            case AccountIs(ids):
                return self.account.id in ids, ""
            case AccountTagged(tags):
                return bool(self.account.tags & tags) if self.account.registered else None, "account.missing"
            case DeclaredIn(region, signals, match):
                declared = [code for name, code in self.account.declared.items() if signals is None or name in signals]
                if not declared:
                    return None, "declared.missing"
                join = some if match == "any" else every
                return join(region.covers(code) for code in declared), "declared.coarse"
            case DeclaredConflict(signals):
                declared = [code for name, code in self.account.declared.items() if signals is None or name in signals]
                if len(declared) < 2:
                    return None, "declared.missing"
                return any(country_of(code) != country_of(declared[0]) for code in declared), ""
            case _:
                raise AssertionError(f"no meaning for {leaf}")

    def _located(self, leaf: LocatedIn) -> tuple[Truth, str]:
        claims = self.request.location.claims
        inside = [leaf.region.covers(claim.code, claim.resolves) for claim in claims]
        if not inside:
            return None, "location.missing"
        if all(inside):
            return True, ""
        if all(truth is False for truth in inside):
            return False, ""
        return None, "location.disputed" if True in inside and False in inside else "location.coarse"

    def _party(self, leaf: EntityMatches | OwnedBy) -> ConditionTrace:
        text = describe.leaf(leaf)
        prefix = "entity" if leaf.of == "account" else "provider"
        id = self.entities[leaf.of]
        if id is None:
            return ConditionTrace(text, None, (f"{prefix}.missing",))
        if isinstance(leaf, OwnedBy):
            return self._owned(leaf, id, text)
        inner = _entity(leaf.matches, self.graphs[leaf.of].entity(id), prefix)
        return ConditionTrace(text, inner.truth, inner.unknown, inner.parts)

    def _owned(self, leaf: OwnedBy, id: EntityId, text: str) -> ConditionTrace:
        graph = self.graphs[leaf.of]
        upstream = self.upstreams.get(leaf.of)
        if upstream is None:
            upstream = self.upstreams[leaf.of] = upstream_of(graph, id, self.request.at)
            self.changes |= {edge for edge in (upstream.since, upstream.until) if edge is not None}
        found = ownership.attribution(upstream, _matcher(leaf.by), leaf.test)
        evidence = Ownership(
            entity=id,
            attribution=describe.attribution(leaf.test),
            threshold=str(leaf.test.threshold),
            lower=str(found.lower),
            upper=str(found.upper),
            steps=tuple(_step(graph, holding, leaf.by) for holding in found.steps),
            omitted=found.omitted,
        )
        cause = "owned.bounds" if leaf.of == "account" else "provider.owned"
        return ConditionTrace(text, found.truth, (cause,) if found.truth is None else (), (), evidence)


def _holds(rule: Rule, truth: Truth) -> Effect | None:
    if truth is not None:
        return rule.effect if truth else None
    match rule.if_unknown:
        case "apply":
            return rule.effect
        case "challenge":
            return "challenge"
        case "skip":
            return None


def _joined(text: str, join: Callable[[Iterable[Truth]], Truth], parts: list[ConditionTrace]) -> ConditionTrace:
    truth = join(part.truth for part in parts)
    unknown = {code for part in parts for code in part.unknown} if truth is None else set()
    return ConditionTrace(text, truth, tuple(sorted(unknown)), tuple(parts))


def _matcher(condition: EntityCondition) -> Callable[[Entity], Truth]:
    return lambda entity: _entity(condition, entity, "entity").truth


def _entity(condition: EntityCondition, entity: Entity, prefix: str) -> ConditionTrace:
    match condition:
        case AllOf(parts):
            return _joined("all of", every, [_entity(part, entity, prefix) for part in parts])
        case AnyOf(parts):
            return _joined("any of", some, [_entity(part, entity, prefix) for part in parts])
        case NotOf(part):
            inner = _entity(part, entity, prefix)
            return ConditionTrace("not", negation(inner.truth), inner.unknown, (inner,))
        case _:
            truth, cause = _entity_leaf(condition, entity)
            unknown = (f"{prefix}.{cause}",) if truth is None else ()
            return ConditionTrace(describe.entity(condition), truth, unknown)


def _entity_leaf(condition: EntityCondition, entity: Entity) -> tuple[Truth, str]:
    match condition:
        case ListedOn(lists):
            return bool(lists & entity.listed), ""
        case EntityIs(ids):
            return entity.id in ids, ""
        case EntityKind(kinds):
            return None if entity.kind is None else entity.kind in kinds, "kind"
        case SeatIn(region, basis):
            seats = [
                some(region.covers(seat) for seat in entity.seats[each]) if entity.seats.get(each) else None
                for each in basis
            ]
            return some(seats), "seat"
        case _:
            raise AssertionError(f"no meaning for {condition}")


def _step(graph: OwnershipGraph, holding: Holding, by: EntityCondition) -> Step:
    interest = holding.interest
    owner, subject = graph.entity(interest.owner), graph.entity(interest.subject)
    return Step(
        owner=owner.id,
        owner_name=owner.name,
        subject=subject.id,
        subject_name=subject.name,
        share=str(interest.share),
        control=interest.control,
        start=interest.start,
        end=interest.end,
        source=interest.source,
        matches=_matcher(by)(owner),
    )
