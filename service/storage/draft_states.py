"""The life of a draft: draft, in review, approved, scheduled, published, superseded; or rejected, withdrawn, suspended.

One table says what may be done in which state. Whether a draft in review is approved, its approvals alone say.
"""

from collections.abc import Mapping
from typing import Literal, TypeAlias

from service.errors import Conflict

Status: TypeAlias = Literal[
    "draft", "in_review", "approved", "scheduled", "suspended", "published", "superseded", "rejected", "withdrawn"
]
Action: TypeAlias = Literal[
    "edit", "submit", "approve", "reject", "withdraw", "schedule", "unschedule", "publish", "suspend", "void"
]

CLOSED: frozenset[Status] = frozenset(("published", "superseded", "rejected", "withdrawn"))
"""Nothing more can be done with a draft in these."""

_SUBMITTED: tuple[Status, ...] = ("in_review", "approved", "scheduled", "suspended")


def _from_submitted(after: Status, draft: Status | None = None) -> Mapping[Status, Status]:
    """The same state after each of those between submission and the end; and one after `draft`, if any."""
    start: dict[Status, Status] = {"draft": draft} if draft else {}
    return start | dict.fromkeys(_SUBMITTED, after)


TRANSITIONS: Mapping[Action, Mapping[Status, Status]] = {
    "edit": _from_submitted("in_review", "draft"),
    "submit": {"draft": "in_review"},
    "approve": {"in_review": "in_review", "approved": "approved"},
    "reject": _from_submitted("rejected"),
    "withdraw": _from_submitted("withdrawn", "withdrawn"),
    "schedule": {"approved": "scheduled"},
    "unschedule": {"scheduled": "in_review", "suspended": "in_review"},
    "publish": {"approved": "published", "scheduled": "published"},
    "suspend": {"scheduled": "suspended"},
    "void": _from_submitted("in_review"),
}
"""What may be done with a draft, and the state that it is in afterwards; see `settled`.

A draft that was published is superseded by the next publication of its rule set, whatever that is.
"""

DONE: Mapping[Action, str] = {
    "edit": "edited",
    "submit": "submitted",
    "approve": "approved",
    "reject": "rejected",
    "withdraw": "withdrawn",
    "schedule": "scheduled",
    "unschedule": "unscheduled",
    "publish": "published",
    "suspend": "suspended",
    "void": "sent back to review",
}


def settled(status: Status, approvals: int, required: int) -> Status:
    """A draft in review is approved as soon as enough stand by it, and no longer than that."""
    if status in ("in_review", "approved"):
        return "approved" if approvals >= required else "in_review"
    return status


def transition(status: Status, action: Action) -> Status:
    """The state after an action.

    Raises:
        Conflict: it cannot be done in this state.
    """
    after = TRANSITIONS[action].get(status)
    if after is None:
        states = " or ".join(f"`{each}`" for each in TRANSITIONS[action])
        raise Conflict(f"a draft that is `{status}` cannot be {DONE[action]}: it must be {states}", state=status)
    return after
