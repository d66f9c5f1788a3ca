"""What keeps an application from a decision: Cordon cannot be reached, or it refuses what it is asked."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

Trouble: TypeAlias = Literal["connection", "timeout", "status", "throttled", "malformed"]
"""Why there is no answer: no connection, none that lasted; none in time; an error of the service (5xx, 408, 425, or a
status that Cordon never gives); too many refused credentials from here (429); an answer that is none of Cordon's."""

WhenUnreachable: TypeAlias = Literal["deny", "allow", "raise"]
"""What stands in for a decision where there is none."""


class CordonError(Exception):
    """There is no decision."""


class CordonUnreachable(CordonError):
    """Cordon did not answer, or not as it does. Passes by itself, or when whoever runs the service acts."""

    def __init__(self, trouble: Trouble, detail: str, status: int | None = None) -> None:
        super().__init__(detail)
        self.trouble: Trouble = trouble
        self.status = status
        """Of the answer, if there was one."""


class CordonRefused(CordonError):
    """Cordon answered that it may not, or cannot, be asked this: a fault of the application, or of its settings.

    Always raised, whatever stands in for decisions: asking again helps nobody.
    """

    def __init__(self, status: int, detail: str, faults: tuple["Fault", ...] = ()) -> None:
        super().__init__(f"{status}: {detail}")
        self.status = status
        self.detail = detail
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of what was asked."""

    at: str
    """JSON Pointer to it."""
    message: str
