"""Every state of a draft, with everything that can be done in it."""

from itertools import product
from typing import get_args

import pytest

from service.errors import Conflict
from service.storage.draft_states import CLOSED, Action, Status, settled, transition

STATES: tuple[Status, ...] = get_args(Status)
ACTIONS: tuple[Action, ...] = get_args(Action)

ALLOWED = """
edit:       draft -> draft, in_review -> in_review, approved -> in_review, scheduled -> in_review
edit:       suspended -> in_review
submit:     draft -> in_review
approve:    in_review -> in_review, approved -> approved
reject:     in_review -> rejected, approved -> rejected, scheduled -> rejected, suspended -> rejected
withdraw:   draft -> withdrawn, in_review -> withdrawn, approved -> withdrawn, scheduled -> withdrawn
withdraw:   suspended -> withdrawn
schedule:   approved -> scheduled
unschedule: scheduled -> in_review, suspended -> in_review
publish:    approved -> published, scheduled -> published
suspend:    scheduled -> suspended
void:       in_review -> in_review, approved -> in_review, scheduled -> in_review, suspended -> in_review
"""
TABLE = {
    (before, action): after
    for action, _, steps in (line.partition(":") for line in ALLOWED.strip().splitlines())
    for before, _, after in (step.strip().partition(" -> ") for step in steps.split(","))
}


@pytest.mark.parametrize(("status", "action"), list(product(STATES, ACTIONS)))
def test_a_draft_goes_only_where_the_table_says(status: Status, action: Action) -> None:
    if (status, action) in TABLE:
        assert transition(status, action) == TABLE[status, action]
    else:
        with pytest.raises(Conflict, match=f"`{status}`"):
            transition(status, action)


def test_the_table_above_is_all_that_can_be_done() -> None:
    assert len(TABLE) == 27
    assert set(TABLE.values()) == set(STATES) - {"superseded"}


@pytest.mark.parametrize("status", STATES)
def test_nothing_can_be_done_with_a_draft_exactly_if_it_is_closed(status: Status) -> None:
    assert (status in CLOSED) == (not any((status, action) in TABLE for action in ACTIONS))


@pytest.mark.parametrize(
    ("approvals", "required", "expected"),
    [(0, 0, "approved"), (0, 1, "in_review"), (1, 1, "approved"), (1, 2, "in_review"), (3, 2, "approved")],
)
def test_a_draft_in_review_is_approved_by_its_approvals_alone(approvals: int, required: int, expected: str) -> None:
    assert settled("in_review", approvals, required) == settled("approved", approvals, required) == expected


@pytest.mark.parametrize("status", [status for status in STATES if status not in ("in_review", "approved")])
def test_approvals_change_no_other_state(status: Status) -> None:
    assert settled(status, 9, 1) == settled(status, 0, 1) == status
