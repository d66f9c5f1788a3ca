"""Kleene's strong three-valued logic: true, false, and unknown.

Unknown is `None`. It is never an error: a missing fact is a value, and the rule set says what it leads to.
Source: S. C. Kleene, Introduction to Metamathematics (1952), section 64.
"""

from collections.abc import Iterable
from typing import TypeAlias

Truth: TypeAlias = bool | None
"""`True`, `False` or `None` for unknown."""


def every(truths: Iterable[Truth]) -> Truth:
    """Conjunction: false if any is false, else unknown if any is unknown, else true (also of nothing)."""
    known = True
    for truth in truths:
        if truth is False:
            return False
        if truth is None:
            known = False
    return True if known else None


def some(truths: Iterable[Truth]) -> Truth:
    """Disjunction: true if any is true, else unknown if any is unknown, else false (also of nothing)."""
    known = True
    for truth in truths:
        if truth is True:
            return True
        if truth is None:
            known = False
    return False if known else None


def negation(truth: Truth) -> Truth:
    """Unknown stays unknown."""
    return None if truth is None else not truth
