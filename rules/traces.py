"""An explanation as frozen values: every rule's truth, what was unknown, and the ownership path."""

from dataclasses import dataclass
from datetime import datetime

from rules.language import Decision, Effect, Mode
from rules.truth import Truth


@dataclass(frozen=True, slots=True)
class Step:
    """One interest through which a share is attributed."""

    owner: str
    owner_name: str
    subject: str
    subject_name: str
    share: str
    control: bool
    start: datetime | None
    end: datetime | None
    source: str
    matches: Truth
    """Whether the owner is one of those that the rule names."""


@dataclass(frozen=True, slots=True)
class Ownership:
    """How much of an entity is attributed to those that a rule names, and by which path."""

    entity: str
    attribution: str
    threshold: str
    lower: str
    upper: str
    steps: tuple[Step, ...]
    """From the entity upwards; the interests that count, at most `ownership.MAX_STEPS`."""
    omitted: int
    """How many more interests count."""


@dataclass(frozen=True, slots=True)
class ConditionTrace:
    """The truth of a condition and of its parts."""

    text: str
    truth: Truth
    unknown: tuple[str, ...] = ()
    """What left it unknown; see `rules.language.UNKNOWNS`."""
    parts: "tuple[ConditionTrace, ...]" = ()
    ownership: Ownership | None = None


@dataclass(frozen=True, slots=True)
class RuleTrace:
    id: str
    effect: Effect
    mode: Mode
    in_force: bool
    truth: Truth
    holds: Effect | None
    """The effect it holds with, before exemptions; None if it does not hold."""
    lifted_by: tuple[str, ...]
    unknown: tuple[str, ...]
    condition: ConditionTrace


@dataclass(frozen=True, slots=True)
class ExemptionTrace:
    id: str
    in_force: bool
    truth: Truth
    applies: bool
    lifts: tuple[str, ...]
    unknown: tuple[str, ...]
    condition: ConditionTrace


@dataclass(frozen=True, slots=True)
class Explanation:
    decision: Decision
    rules: tuple[RuleTrace, ...]
    exemptions: tuple[ExemptionTrace, ...]
