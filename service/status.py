"""What the service says of its own state: alive, ready, and with which data."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from service.documents import Fault
from service.gateways.authzen_models import Moment
from service.programs import Programs, Refusal

FAULTS_SHOWN = 100


class RuleSetState(TypedDict):
    """The rule set in force."""

    id: str
    revision: str
    includes: list[str]


class SourceAge(TypedDict):
    """One source of data in use."""

    name: str
    revision: str
    dated: Moment
    age: Annotated[int, Field(ge=0)]


class RefusedState(TypedDict):
    """A state of the data that was refused; the one before it is still in force."""

    at: Moment
    reason: str
    faults: list[dict[str, Any]]
    fault_count: int


class Readiness(TypedDict):
    """Whether decisions can be made, and from what."""

    ready: bool
    ruleset: NotRequired[RuleSetState]
    sources: NotRequired[list[SourceAge]]
    refused: RefusedState | None
    notices: NotRequired[list[str]]


Notices = Callable[[], tuple[str, ...]]
"""What people who run the service should know of its state, in words; none if all is as it should be."""


def no_notices() -> tuple[str, ...]:
    """All is as it should be."""
    return ()


@dataclass(frozen=True, slots=True)
class Status:
    """Answers for the service's state."""

    programs: Programs
    clock: Callable[[], datetime]
    notices: Notices = no_notices

    def readiness(self) -> Readiness:
        """Ready once rules and address data are loaded; a refused change never makes it unready."""
        state: Readiness = {"ready": self.programs.is_ready, "refused": _refused(self.programs.refusal)}
        if notices := self.notices():
            state["notices"] = list(notices)
        if not self.programs.is_ready:
            return state
        snapshot, now = self.programs.current, self.clock()
        ruleset = snapshot.ruleset
        state["ruleset"] = {"id": ruleset.id, "revision": ruleset.revision, "includes": list(ruleset.includes)}
        state["sources"] = [
            {
                "name": source.name,
                "revision": source.revision,
                "dated": _written(source.dated),
                "age": max(0, int((now - source.dated).total_seconds())),
            }
            for source in snapshot.sources
        ]
        return state


def _refused(refusal: Refusal | None) -> RefusedState | None:
    if refusal is None:
        return None
    return {
        "at": _written(refusal.at),
        "reason": refusal.reason,
        "faults": [fault_members(fault) for fault in refusal.faults[:FAULTS_SHOWN]],
        "fault_count": len(refusal.faults),
    }


def fault_members(fault: Fault) -> dict[str, Any]:
    """A fault as JSON has it."""
    return {
        "file": fault.file,
        "at": fault.at,
        "line": fault.line,
        "column": fault.column,
        "message": fault.message,
    }


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
