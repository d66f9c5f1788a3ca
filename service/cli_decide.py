"""`cordon decide` and `cordon explain`: one decision without a server."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import typer

from rules.facts import AccountId, ResourceId
from rules.language import UNKNOWNS
from rules.times import parse_instant
from service.app import assemble_offline
from service.cli_explanations import explanation_tree
from service.cli_output import Output, fail, faults_as, say, say_json, say_rich
from service.clocks import utc_now
from service.decide import AccessRequest, Answer
from service.errors import ServiceError, Unavailable, Unusable
from service.gateways.authzen_answers import evaluation_answer, written
from service.parts import Offline


@dataclass(frozen=True, slots=True)
class Source:
    """Where the options say that rules and facts are."""

    data: Path | None
    database: str | None
    ruleset: str | None
    geo: list[Path]


@dataclass(frozen=True, slots=True)
class Question:
    """What the options of a command ask."""

    account: str
    ip: str | None
    resource: str
    action: str
    at: str | None
    known_at: str | None = None


def decide_command(source: Source, question: Question, output: Output) -> None:
    """Print one decision."""
    request = access_request(question)
    with faults_as(output), _offline(source) as offline:
        answer = offline.run(lambda decider: decider.decide(request))
    if output is Output.JSON:
        return say_json(evaluation_answer(answer))
    return say(*decision_lines(answer))


def explain_command(source: Source, question: Question, output: Output) -> None:
    """Print one decision, and why it is so."""
    request = access_request(question)
    with faults_as(output), _offline(source) as offline:
        answer, explanation = offline.run(lambda decider: decider.explain(request))
    if output is Output.JSON:
        return say_json(evaluation_answer(answer, explanation))
    say(*decision_lines(answer), "")
    return say_rich(explanation_tree(explanation, answer.decision.effect, answer.request.at))


@contextmanager
def _offline(source: Source) -> Iterator[Offline]:
    """What decides without a server; what keeps it from that, in words."""
    if (source.data is None) == (source.database is None):
        raise typer.BadParameter("give one of them, and not both", param_hint="--data, --database")
    try:
        yield assemble_offline(source.data, source.database, source.ruleset, source.geo)
    except (ServiceError, Unavailable, Unusable) as error:
        fail(f"cordon: {error}")


def access_request(question: Question) -> AccessRequest:
    """The request that the options describe; a usage error if there is no such moment."""
    now = utc_now()
    return AccessRequest(
        account=AccountId(question.account),
        resource=ResourceId(question.resource),
        at=_moment(question.at, "--at") or now,
        address=question.ip,
        action=question.action,
        asked_at=now,
        known_at=_moment(question.known_at, "--known-at"),
    )


def _moment(text: str | None, option: str) -> datetime | None:
    try:
        return None if text is None else parse_instant(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None


def decision_lines(answer: Answer) -> list[str]:
    """A decision for people: the effect first, then what it rests on, a line each."""
    decision = answer.decision
    rows = {
        "rule": decision.rule or f"none holds: the default of `{decision.ruleset}`",
        "reason": decision.reason,
        "message": decision.message,
        "source": decision.source,
        "address": _address(answer),
        "unknown": "; ".join(f"{code} ({UNKNOWNS.get(code, 'not known')})" for code in decision.unknown),
        "monitored": ", ".join(decision.monitored),
        "lifted": ", ".join(decision.lifted),
        "obligations": "; ".join(f"{each.type} {each.properties}" for each in decision.obligations),
        "expires at": decision.expires_at and written(decision.expires_at),
        "rule set": f"{decision.ruleset}@{decision.revision}",
        "data": ", ".join(f"{source.name}@{source.revision}" for source in answer.sources),
        "decided as of": written(answer.request.at),
    }
    return [decision.effect, *(f"  {name + ':':<15}{value}" for name, value in rows.items() if value)]


def _address(answer: Answer) -> str:
    located = answer.located
    if located.text is None:
        return f"`{answer.request.address}` is none" if answer.request.address else "not given"
    claims = ", ".join(f"{claim.code} says {claim.source}" for claim in located.location.claims)
    kinds = ", ".join(sorted(located.location.kinds))
    known = "; ".join(part for part in (located.reserved, claims, kinds) if part)
    return f"{located.text} ({known or located.status})"
