"""Case files: decisions that a lawyer can read, run as tests.

Each case is decided by both meanings of the language, `explain` and `compile` with `evaluate`: it passes if they agree
and everything that it expects came.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rules.case_expectations import Expectation, differences, disagreements, read_expectation
from rules.case_facts import (
    read_accounts,
    read_activity,
    read_graph,
    read_instant,
    read_location,
    read_resources,
)
from rules.compile import Program, compile_ruleset
from rules.errors import InvalidCases, InvalidRuleSet, Problem
from rules.evaluate import evaluate, screen, screen_resource
from rules.explain import explain
from rules.facts import (
    Account,
    AccountFacts,
    AccountId,
    EntityId,
    OwnershipGraph,
    Request,
    Resource,
    ResourceFacts,
    ResourceId,
)
from rules.language import DEFAULT_ACTION, Decision, RuleSet
from rules.parse import parse_ruleset
from rules.reading import Item, Members, counted, near, root
from rules.traces import Explanation

_FILE_KEYS = ("source", "ruleset", "entities", "interests", "accounts", "resources", "at", "cases")
_CASE_KEYS = ("name", "at", "account", "entity", "location", "network", "resource", "action", "activity", "expect")


@dataclass(frozen=True, slots=True)
class Case:
    """One request and the decision that is expected."""

    name: str
    account: Account
    resource: Resource
    request: Request
    expect: Expectation


@dataclass(frozen=True, slots=True)
class CaseFile:
    """A rule set, the facts, and cases that are decided by them."""

    source: str
    ruleset: RuleSet
    graph: OwnershipGraph
    cases: tuple[Case, ...]


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What came of one case."""

    name: str
    source: str
    passed: bool
    differences: tuple[str, ...]
    """A line each: what was expected, what came."""
    expected: Mapping[str, object]
    """As the case file says it, in plain data."""
    decision: Decision
    explanation: Explanation


def parse_cases(document: object, library: Mapping[str, object]) -> CaseFile:
    """Read a case file; `library` holds every rule set that it may name, by what it is named.

    Raises:
        InvalidCases: with every fault of the file.
    """
    problems: list[Problem] = []
    item = root(document, problems)
    members = None if item is None else item.members(_FILE_KEYS, ("ruleset", "cases"), "a case file")
    case_file = None if members is None else _case_file(members, library)
    if problems or case_file is None:
        raise InvalidCases(tuple(dict.fromkeys(problems)))
    return case_file


def run_cases(case_file: CaseFile) -> Iterator[CaseResult]:
    """Decide every case, in the order of the file."""
    program = compile_ruleset(case_file.ruleset)
    for case in case_file.cases:
        yield _run(case, case_file, program)


def _run(case: Case, case_file: CaseFile, program: Program) -> CaseResult:
    account = AccountFacts(case.account, case_file.graph)
    resource = ResourceFacts(case.resource, case_file.graph)
    explanation = explain(case_file.ruleset, account, resource, case.request)
    screening = screen(program, account, case.request.at)
    resource_screening = screen_resource(program, resource, case.request.at)
    decision = evaluate(program, screening, resource_screening, case.request)
    found = (*differences(case.expect, decision), *disagreements(explanation.decision, decision))
    return CaseResult(case.name, case_file.source, not found, found, case.expect.written, decision, explanation)


def _case_file(members: Members, library: Mapping[str, object]) -> CaseFile | None:
    reader = _CaseReader(members)
    ruleset = members.read("ruleset", lambda item: _ruleset(item, library))
    items = members.read("cases", lambda item: item.some_items("a list of cases")) or []
    cases = [reader.case(item) for item in items]
    if ruleset is None:
        return None
    kept = tuple(case for case in cases if case is not None)
    return CaseFile(members.words("source") or "", ruleset, reader.graph, kept)


def _ruleset(item: Item, library: Mapping[str, object]) -> RuleSet | None:
    if isinstance(item.data, Mapping):
        return _inline(item, library)
    name = item.text("a rule set, its id or its path")
    if name is None:
        return None
    if name not in library:
        return item.fault(f"there is no rule set `{name}`{near(name, library)}")
    try:
        return parse_ruleset(library[name], library)
    except InvalidRuleSet as invalid:
        return item.fault(f"the rule set `{name}` has {counted(invalid.problems)}")


def _inline(item: Item, library: Mapping[str, object]) -> RuleSet | None:
    try:
        return parse_ruleset(item.data, library)
    except InvalidRuleSet as invalid:
        item.problems.extend(
            Problem(f"{item.at}{problem.at}", problem.message, problem.on_key) for problem in invalid.problems
        )
        return None


class _CaseReader:
    """Reads cases against the facts of their file."""

    def __init__(self, members: Members) -> None:
        found = members.found
        self.graph = read_graph(found.get("entities"), found.get("interests"))
        self._accounts = read_accounts(found.get("accounts"))
        self._resources = read_resources(found.get("resources"))
        self._at = found.get("at")
        if self._at is not None:
            read_instant(self._at)

    def case(self, item: Item) -> Case | None:
        """One case; a faulty one is recorded, and left out."""
        members = item.members(_CASE_KEYS, ("expect",), "a case")
        name, expect = members.words("name") or f"the case at {item.at}", members.read("expect", read_expectation)
        account, resource = self._account(members), self._resource(members)
        request = self._request(members)
        if expect is None or request is None:
            return None
        return Case(name, account, resource, request, expect)

    def _account(self, members: Members) -> Account:
        """The account named; one of its own for an entity; one that is not registered if neither is given."""
        if "account" in members and "entity" in members:
            members.item.fault("a case has an `account` or an `entity`, not both")
        if entity := members.text("entity"):
            return Account(AccountId(f"account of {entity}"), entity=EntityId(entity))
        id = members.text("account") or ""
        return self._accounts.get(id) or Account(AccountId(id), registered=False)

    def _resource(self, members: Members) -> Resource:
        id = members.text("resource") or ""
        return self._resources.get(id) or Resource(ResourceId(id))

    def _request(self, members: Members) -> Request | None:
        at = read_instant(members.found.get("at"), self._at)
        if "at" not in members and self._at is None and members.readable:
            members.item.fault("missing `at`, which the file does not give for all cases either")
        location, address = read_location(members.found.get("location"), members.found.get("network"))
        action = members.text("action") or DEFAULT_ACTION
        activity = read_activity(members.found.get("activity"))
        return None if at is None else Request(at, location, address, action, activity)
