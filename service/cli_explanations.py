"""Explanations as people read them: a tree of rules, conditions, and who holds how much of whom."""

from datetime import datetime

from rich.text import Text
from rich.tree import Tree

from rules.traces import ConditionTrace, ExemptionTrace, Explanation, Ownership, RuleTrace, Step
from rules.truth import Truth
from service.cli_output import visible
from service.gateways.authzen_answers import written

_STYLES = {"allow": "green", "challenge": "yellow", "deny": "red"}
_TRUTHS = {True: ("true", "bold"), False: ("false", "dim"), None: ("unknown", "yellow")}


def explanation_tree(explanation: Explanation, effect: str, at: datetime) -> Tree:
    """The truth of every rule and exemption, down to who holds how much of whom."""
    tree = Tree(Text.assemble((effect, _STYLES[effect]), f" as of {written(at)}"))
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
