"""The truth of conditions with what left them unknown, and how both pass through `all` and `any`.

The compiled meaning, for `evaluate`. `explain` has its own, so that each can be held against the other.
"""

from collections.abc import Iterable
from typing import TypeAlias

from rules.truth import Truth

Causes: TypeAlias = frozenset[str]
Verdict: TypeAlias = tuple[Truth, Causes]
"""A truth, and the codes of what left it unknown (empty if it is known)."""

NO_CAUSES: Causes = frozenset()
TRUE: Verdict = (True, NO_CAUSES)
FALSE: Verdict = (False, NO_CAUSES)


def known(truth: bool) -> Verdict:
    return TRUE if truth else FALSE


def unknown(cause: str) -> Verdict:
    return (None, frozenset((cause,)))


def conjunction(verdicts: Iterable[Verdict]) -> Verdict:
    causes = NO_CAUSES
    truth: Truth = True
    for part, why in verdicts:
        if part is False:
            return FALSE
        if part is None:
            truth, causes = None, causes | why
    return (truth, causes)


def disjunction(verdicts: Iterable[Verdict]) -> Verdict:
    causes = NO_CAUSES
    truth: Truth = False
    for part, why in verdicts:
        if part is True:
            return TRUE
        if part is None:
            truth, causes = None, causes | why
    return (truth, causes)
