"""Faults of documents: gathered, each with the place it was found at, and raised together."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault of a document."""

    at: str
    """JSON Pointer (RFC 6901) to the faulty value; empty for the whole document."""

    message: str
    """Lower case, one line, the user's words in backticks."""

    on_key: bool = False
    """The fault is the member's name (unknown, duplicate), not its value."""


class RuleError(Exception):
    """Any fault that this package reports."""


class InvalidDocument(RuleError):
    """A document that is not what it should be; `problems` holds every fault found."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("; ".join(f"{problem.at or '/'}: {problem.message}" for problem in problems))
        self.problems = problems


class InvalidRuleSet(InvalidDocument):
    """A document that is not a rule set."""


class InvalidCases(InvalidDocument):
    """A document that is not a case file."""


def pointer(at: str, token: str | int) -> str:
    """The JSON Pointer of one member of `at`, escaped as RFC 6901 section 3 asks."""
    return f"{at}/{str(token).replace('~', '~0').replace('/', '~1')}"
