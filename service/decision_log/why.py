"""Why a recorded decision is as it is: the reference meaning of the rules of then, over the facts of then.

Where the rules of then cannot be had, what the record itself says.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

import msgspec

from rules.explain import explain
from rules.language import UNKNOWNS, RuleSet
from rules.traces import Explanation
from service.decision_log.search import DecisionSearch, Found
from service.decision_log.thawing import Incomplete, Line, block_of, moment

RuleSetOf: TypeAlias = Callable[[str, str, datetime], RuleSet | None]
"""The rule set of an id and a revision that was in force about then; None if it cannot be had."""


@dataclass(frozen=True, slots=True)
class DecisionReader:
    """What those who look into the log are given."""

    search: DecisionSearch
    ruleset_of: RuleSetOf


@dataclass(frozen=True, slots=True)
class Why:
    """A recorded decision, and why."""

    record: Line
    explanation: Explanation | None
    lines: tuple[str, ...]
    """In words, the decision first."""

    def document(self) -> dict[str, Any]:
        """As JSON has it."""
        found: dict[str, Any] = {"decision": self.record, "text": list(self.lines), "trace": None}
        if self.explanation is not None:
            trace = {"rules": self.explanation.rules, "exemptions": self.explanation.exemptions}
            found["trace"] = msgspec.to_builtins(trace)
        return found


def why(found: Found, ruleset_of: RuleSetOf) -> Why:
    """Explain one decision again."""
    record = found.record
    ruleset = ruleset_of(record["ruleset"], record["revision"], moment(record["time"]))
    if ruleset is None:
        note = f"the rules of revision `{record['revision']}` cannot be had: this is what the record says"
        return Why(record, None, (*told(record), note))
    try:
        case = found.case()
    except Incomplete as incomplete:
        return Why(record, None, (*told(record), f"it cannot be explained again: {incomplete}"))
    explanation = explain(ruleset, case.account, case.resource, case.request)
    return Why(record, explanation, (*told(record), *_doubts(record, explanation)))


def told(record: Line) -> list[str]:
    """What the record says, in sentences."""
    rule, reason = record["rule"], record["reason"]
    named = f"rule `{rule}` holds" if rule else f"no rule holds, and this is the default of `{record['ruleset']}`"
    lines = [f"{record['effect']}: {named}{f' ({reason})' if reason else ''}"]
    lines += [str(record[member]) for member in ("message", "source") if record[member]]
    lines += [f"not known: {code}, {UNKNOWNS.get(code, 'see the reference')}" for code in record["unknown"]]
    lines += [f"lifted by an exemption: `{id}`" for id in record["lifted"]]
    lines += [f"monitored only: `{id}` would have held" for id in record["monitored"]]
    lines.append(_asked(record))
    lines.append(f"by rules {record['ruleset']}@{record['revision']}, from {_data(record)}")
    return lines


def _asked(record: Line) -> str:
    place = ", ".join(f"{code} says {source}" for source, code in record["claims"].items())
    address = f"{record['address'] or 'an address not recorded'} ({place or record['address_status']})"
    return f"account `{record['account']}` asked to {record['action']} `{record['resource']}` from {address}"


def _data(record: Line) -> str:
    return ", ".join(f"{each['name']}@{each['revision']}" for each in record["data"]) or "no source"


def _doubts(record: Line, explanation: Explanation) -> list[str]:
    """What the explanation may not show as it was."""
    again = explanation.decision
    if (again.effect, again.rule) == (record["effect"], record["rule"]):
        return []
    block = block_of(record["address"])
    is_masked = block is None or not block.is_exact
    cause = "the whole address is not recorded" if is_masked else "the record and the rules do not fit together"
    return [f"explained again it is {again.effect} by `{again.rule or 'the default'}`: {cause}"]
