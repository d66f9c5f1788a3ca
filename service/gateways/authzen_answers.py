"""Answers and explanations -> the members that AuthZEN answers carry."""

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, cast

from rules.language import DEFAULT_STATUS, Decision, Obligation
from rules.traces import Explanation
from service.decide import Answer, Located, SourceState
from service.errors import ServiceError, problem_of
from service.gateways.authzen_models import (
    AnswerContext,
    DataSource,
    EvaluationAnswer,
    FaultyItem,
    ObligationMember,
)

DEFAULT_REASON = "default"
"""The key of the reason for those who run the service, where no rule holds."""


def evaluation_answer(answer: Answer, explanation: Explanation | None = None) -> EvaluationAnswer:
    """The answer to one question; with the trace, if there is one."""
    decision = answer.decision
    reason = decision.reason or DEFAULT_REASON
    asked_at = answer.request.asked_at or answer.request.at
    context: AnswerContext = {
        "decision_id": answer.id,
        "effect": decision.effect,
        "rule": decision.rule,
        "reason_user": {reason: decision.message} if decision.message else {},
        "reason_admin": {reason: _reason_admin(decision)},
        "ruleset": {"id": decision.ruleset, "revision": decision.revision},
        "data": [data_source(source, asked_at) for source in answer.sources],
        "unknown": list(decision.unknown),
        "monitored": list(decision.monitored),
        "obligations": [obligation_member(obligation) for obligation in decision.obligations],
        "expires_at": written(decision.expires_at) if decision.expires_at else None,
    }
    if decision.effect != "allow":
        context["status"] = status_of(decision)
    if explanation is not None:
        context["trace"] = trace(explanation, answer.located)
    return {"decision": decision.effect == "allow", "context": context}


def faulty_item(error: ServiceError) -> FaultyItem:
    """What stands in place of an answer in a batch."""
    status, document = problem_of(error)
    return {"decision": False, "context": {"error": {"status": status, "message": str(document["detail"])}}}


def trace(explanation: Explanation, located: Located) -> dict[str, Any]:
    """Why: the truth of every rule, what was unknown, who holds how much of whom, and what is known of the address."""
    location = located.location
    return {
        "rules": _plain(explanation.rules),
        "exemptions": _plain(explanation.exemptions),
        "address": {
            "text": located.text,
            "status": located.status,
            "reserved": located.reserved,
            "claims": {claim.source: claim.code for claim in location.claims},
            "kinds": sorted(location.kinds),
        },
    }


def status_of(decision: Decision) -> int:
    """What HTTP answers to a client that is not let through: a rule's own status, of a denial."""
    return decision.status if decision.effect == "deny" else DEFAULT_STATUS


def written(moment: datetime) -> str:
    """A moment as Cordon writes it: RFC 3339 in UTC, and no more digits than it needs."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _reason_admin(decision: Decision) -> str:
    if decision.rule is None:
        return f"no rule holds, and the default of `{decision.ruleset}` is {decision.effect}"
    text = f"rule `{decision.rule}` holds"
    if decision.message:
        text += f": {decision.message}"
    return f"{text} ({decision.source})" if decision.source else text


def data_source(source: SourceState, asked_at: datetime) -> DataSource:
    """A source as answers name it, with its age then."""
    age = max(0, int((asked_at - source.dated).total_seconds()))
    return {"name": source.name, "revision": source.revision, "date": _date(source.dated), "age": age}


@lru_cache(maxsize=64)
def _date(moment: datetime) -> str:
    return written(moment.replace(microsecond=0))


@lru_cache(maxsize=1024)
def _properties(text: str) -> Mapping[str, Any]:
    return cast(Mapping[str, Any], json.loads(text))


def obligation_member(obligation: Obligation) -> ObligationMember:
    """An obligation as answers hold it."""
    return {"id": obligation.id, "type": obligation.type, "properties": dict(_properties(obligation.properties))}


def _plain(value: object) -> Any:
    """Frozen values as JSON has them: a dataclass is an object, a moment is text, unknown is null."""
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, datetime):
        return written(value)
    if isinstance(value, tuple | list):
        return [_plain(part) for part in value]
    if isinstance(value, frozenset):
        return sorted(map(str, value))
    return value
