"""Decides a period again, to tell a change of rules from a change of data.

By other rules from the recorded facts: what differs is due to the rules. By the recorded rules from other facts: what
differs is due to the data. What the sources say of an address stays as it was recorded.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal, TypeAlias, cast

import msgspec

from rules.compile import Program, compile_ruleset
from rules.evaluate import evaluate, screen, screen_resource
from rules.facts import AccountFacts, ResourceFacts
from rules.language import Decision, RuleSet
from rules.profiles import Screening
from service.decision_log.freezing import Memo, written
from service.decision_log.search import paths_of_time
from service.decision_log.segments import damaged, whole_lines
from service.decision_log.thawing import Case, Facts, Incomplete, Line, block_of, moment
from service.decision_log.unfolding import Shared
from service.decision_log.why import RuleSetOf

Cause: TypeAlias = Literal["rules", "data", "rules and data"]
Unsure: TypeAlias = Literal["address", "facts", "ruleset"]
"""Why a decision cannot be made again: a rule names addresses more finely than they were recorded, the segment lacks
facts, or the recorded rules cannot be had."""
FactsOf: TypeAlias = Callable[[str, str, datetime], tuple[AccountFacts, ResourceFacts]]
"""What is known today of an account and a resource, as of a time."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What two decisions are compared by."""

    effect: str
    rule: str | None

    @classmethod
    def of(cls, decision: Decision) -> "Outcome":
        return cls(decision.effect, decision.rule)


@dataclass(frozen=True, slots=True)
class Changed:
    """A decision that would be another one."""

    id: str
    time: str
    account: str
    before: Outcome
    after: Outcome
    """By all that is new together."""
    cause: Cause


@dataclass(frozen=True, slots=True)
class New:
    """What stands in the place of what was recorded; None: what was recorded."""

    ruleset: RuleSet | None = None
    facts_of: FactsOf | None = None


@dataclass(slots=True)
class Tally:
    """How a replay went."""

    decided: int = 0
    """Decisions made again."""
    changed: Counter[Cause] = field(default_factory=Counter)
    effects: int = 0
    """Of those changed, how many have another effect; the others are by another rule."""
    unsure: Counter[Unsure] = field(default_factory=Counter)


class Replay:
    """Decides recorded cases again."""

    def __init__(self, new: New, ruleset_of: RuleSetOf) -> None:
        self.tally = Tally()
        self._new = new
        self._ruleset_of = ruleset_of
        self._rules = None if new.ruleset is None else _Rules(new.ruleset)
        self._recorded: dict[str, _Rules | None] = {}

    def run(self, directory: Path, since: datetime | None, until: datetime | None) -> Iterator[Changed]:
        """What would be another decision, of those of a time."""
        for case in recorded_cases(directory, since, until):
            if isinstance(case, Incomplete):
                self.tally.unsure["facts"] += 1
                continue
            changed = self._again(case)
            if changed is not None:
                self.tally.changed[changed.cause] += 1
                self.tally.effects += changed.before.effect != changed.after.effect
                yield changed

    def _again(self, case: Case) -> Changed | None:
        record = case.record
        recorded = None if self._new.facts_of is None else self._rules_of(record)
        if recorded is None and self._rules is None:
            self.tally.unsure["ruleset"] += 1
            return None
        if any(each.is_unsure(record) for each in (recorded, self._rules) if each is not None):
            self.tally.unsure["address"] += 1
            return None
        self.tally.decided += 1
        before = Outcome(record["effect"], record["rule"])
        return _changed(record, before, *self._outcomes(case, recorded, before))

    def _outcomes(self, case: Case, recorded: "_Rules | None", before: Outcome) -> tuple[Outcome, Outcome, Outcome]:
        """By what is new of rules, of data, and of both. Data is judged by the new rules if the old ones are lost."""
        by_rules = self._rules.outcome(case) if self._rules is not None else before
        if self._new.facts_of is None:
            return by_rules, before, by_rules
        today = self._today(case, self._new.facts_of)
        together = (self._rules or cast(_Rules, recorded)).outcome(today)
        if recorded is not None:
            return by_rules, recorded.outcome(today), together
        return by_rules, before if together == by_rules else together, together

    def _today(self, case: Case, facts_of: FactsOf) -> Case:
        """The same question, with what is known now; what the caller itself gave stays."""
        record = case.record
        account, resource = facts_of(record["account"], record["resource"], moment(record["at"]))
        if record.get("inline") or record.get("foreign"):
            account = case.account
        return Case(record, account, resource, case.location)

    def _rules_of(self, record: Line) -> "_Rules | None":
        revision = record["revision"]
        if revision not in self._recorded:
            ruleset = self._ruleset_of(record["ruleset"], revision, moment(record["time"]))
            self._recorded[revision] = None if ruleset is None else _Rules(ruleset)
        return self._recorded[revision]


class _Rules:
    """A rule set with the screenings made under it."""

    def __init__(self, ruleset: RuleSet) -> None:
        self._program: Program = compile_ruleset(ruleset)
        self._screenings: Memo[Screening] = Memo()

    def outcome(self, case: Case) -> Outcome:
        at = case.request.at
        account = self._at_hand(case.account, at)
        if account is None:
            account = self._screenings.keep(screen(self._program, case.account, at), case.account)
        resource = self._at_hand(case.resource, at)
        if resource is None:
            resource = self._screenings.keep(screen_resource(self._program, case.resource, at), case.resource)
        return Outcome.of(evaluate(self._program, account, resource, case.request))

    def is_unsure(self, record: Line) -> bool:
        """Whether a rule tells apart addresses that the record does not."""
        edges = self._program.address_edges
        if not edges or record["address_status"] == "invalid":
            return False
        block = block_of(record["address"])
        return block is None or bisect_right(edges, block.first) != bisect_right(edges, block.last)

    def _at_hand(self, facts: AccountFacts | ResourceFacts, at: datetime) -> Screening | None:
        found = self._screenings.get(facts)
        if found is None or (found.since is not None and at < found.since):
            return None
        return None if found.until is not None and found.until <= at else found


def _changed(record: Line, before: Outcome, by_rules: Outcome, by_data: Outcome, together: Outcome) -> Changed | None:
    causes: dict[tuple[bool, bool], Cause] = {(True, False): "rules", (False, True): "data"}
    differs = (by_rules != before, by_data != before)
    if together == before and not any(differs):
        return None
    cause = causes.get(differs, "rules and data")
    return Changed(record["id"], record["time"], record["account"], before, together, cause)


def recorded_cases(directory: Path, since: datetime | None, until: datetime | None) -> Iterator[Case | Incomplete]:
    """Every decision of a time with what it was made from, segment by segment; or what its segment lacks."""
    first, last = written(since) if since else "", written(until) if until else "~"
    for path in paths_of_time(directory, since, until):
        facts = Facts()
        for record in _records(path, facts):
            if isinstance(record, Incomplete):
                yield record
            elif first <= record["time"] < last:
                yield _case(facts, record)


def _records(path: Path, facts: Facts) -> Iterator[Line | Incomplete]:
    """The decisions of a segment, or what is missing of them; the lines of facts are taken in."""
    shared = Shared()
    for text in whole_lines(path):
        line = _read(path, text)
        if line["type"] == "decision":
            yield line
        elif line["type"] == "hits":
            yield from shared.records(line)
        elif not shared.add(line):
            facts.add(line)


def _read(path: Path, text: bytes) -> Line:
    try:
        line: Line = msgspec.json.decode(text)
    except msgspec.DecodeError:
        raise damaged(path) from None
    return line


def _case(facts: Facts, record: Line) -> Case | Incomplete:
    try:
        return facts.case(record)
    except Incomplete as incomplete:
        return incomplete
