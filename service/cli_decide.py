"""`cordon decide` and `cordon explain`: one decision without a server."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import typer
from rich.text import Text
from rich.tree import Tree

from rules.facts import AccountId, ResourceId
from rules.language import UNKNOWNS
from rules.times import parse_instant
from rules.traces import ConditionTrace, ExemptionTrace, Explanation, Ownership, RuleTrace, Step
from rules.truth import Truth
from service.app import assemble_offline, utc_now
from service.cli_output import Output, faults_as, say, say_json, say_rich, visible
from service.decide import AccessRequest, Answer
from service.gateways.authzen_answers import evaluation_answer, written

_STYLES = {"allow": "green", "challenge": "yellow", "deny": "red"}
_TRUTHS = {True: ("true", "bold"), False: ("false", "dim"), None: ("unknown", "yellow")}


@dataclass(frozen=True, slots=True)
class Question:
    """What the options of a command ask."""

    account: str
    ip: str | None
    resource: str
    action: str
    at: str | None


def decide_command(data: Path, geo: list[Path], question: Question, output: Output) -> None:
    """Print one decision."""
    request = access_request(question)
    with faults_as(output):
        decider = assemble_offline(data, geo)
    answer = asyncio.run(decider.decide(request))
    if output is Output.JSON:
        return say_json(evaluation_answer(answer))
    return say(*decision_lines(answer))


def explain_command(data: Path, geo: list[Path], question: Question, output: Output) -> None:
    """Print one decision, and why it is so."""
    request = access_request(question)
    with faults_as(output):
        decider = assemble_offline(data, geo)
    answer, explanation = asyncio.run(decider.explain(request))
    if output is Output.JSON:
        return say_json(evaluation_answer(answer, explanation))
    say(*decision_lines(answer), "")
    return say_rich(explanation_tree(explanation, answer))


def access_request(question: Question) -> AccessRequest:
    """The request that the options describe; a usage error if there is no such moment."""
    now = utc_now()
    return AccessRequest(
        account=AccountId(question.account),
        resource=ResourceId(question.resource),
        at=_moment(question.at, now),
        address=question.ip,
        action=question.action,
        asked_at=now,
    )


def _moment(text: str | None, now: datetime) -> datetime:
    try:
        return now if text is None else parse_instant(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--at") from None


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


def explanation_tree(explanation: Explanation, answer: Answer) -> Tree:
    """The truth of every rule and exemption, down to who holds how much of whom."""
    effect = answer.decision.effect
    tree = Tree(Text.assemble((effect, _STYLES[effect]), f" as of {written(answer.request.at)}"))
    for rule in explanation.rules:
        _add_condition(tree.add(_rule_line(rule)), rule.condition)
    for exemption in explanation.exemptions:
        _add_condition(tree.add(_exemption_line(exemption)), exemption.condition)
    return tree


def _rule_line(rule: RuleTrace) -> Text:
    line = Text.assemble(f"{visible(rule.id)}: ", _truth(rule.truth), f", {rule.effect}")
    notes = [
        "" if rule.in_force else "not in force then",
        f"holds as {rule.holds}" if rule.holds else "does not hold",
        f"lifted by {', '.join(rule.lifted_by)}" if rule.lifted_by else "",
        "monitored only" if rule.mode == "monitor" else "",
    ]
    return line.append(visible(f" ({'; '.join(note for note in notes if note)})"))


def _exemption_line(exemption: ExemptionTrace) -> Text:
    line = Text.assemble(f"exemption {visible(exemption.id)}: ", _truth(exemption.truth))
    lifts = f"lifts {', '.join(exemption.lifts)}" if exemption.applies else "does not apply"
    return line.append(visible(f" ({lifts})" if exemption.in_force else f" (not in force then; {lifts})"))


def _add_condition(tree: Tree, condition: ConditionTrace) -> None:
    causes = f" ({', '.join(condition.unknown)})" if condition.unknown else ""
    branch = tree.add(Text.assemble(f"{visible(condition.text)}: ", _truth(condition.truth), causes))
    for part in condition.parts:
        _add_condition(branch, part)
    if condition.ownership:
        _add_ownership(branch, condition.ownership)


def _add_ownership(tree: Tree, ownership: Ownership) -> None:
    entity = visible(ownership.entity)
    lower, upper = ownership.lower, ownership.upper
    held = lower if lower == upper else f"between {lower} and {upper}"
    branch = tree.add(Text(f"{entity}: {held} held, {ownership.threshold} asked ({ownership.attribution})"))
    for step in ownership.steps:
        branch.add(_step_line(step))
    if ownership.omitted:
        branch.add(Text(f"… and {ownership.omitted} more interests"))


def _step_line(step: Step) -> Text:
    owner, subject = _party(step.owner, step.owner_name), _party(step.subject, step.subject_name)
    held = "control" if step.control and step.share == "0%" else f"{step.share}{' and control' if step.control else ''}"
    start, end = step.start and written(step.start), step.end and written(step.end)
    notes = [
        f"from {start}" if start else "",
        f"until {end}" if end else "",
        step.source and f"source: {step.source}",
        {True: "named by the rule", None: "perhaps named by the rule", False: ""}[step.matches],
    ]
    shown = "; ".join(note for note in notes if note)
    return Text(visible(f"{owner} holds {held} of {subject}" + (f" ({shown})" if shown else "")))


def _party(id: str, name: str) -> str:
    return f"{id} ({name})" if name and name != id else id


def _truth(truth: Truth) -> tuple[str, str]:
    return _TRUTHS[truth]
