"""What is said to Cordon and made of its answers, whatever carries it: everything but the transport.

Each method yields the calls to make, is sent what came of each, and returns the result. So the two clients share every
rule, and neither knows one of its own.
"""

import json
import logging
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypeVar

from service.client.decisions import (
    Decision,
    FaultyItem,
    Page,
    fallback,
    read_answers,
    read_decision,
    read_page,
)
from service.client.errors import CordonRefused, CordonUnreachable, Fault, Trouble, WhenUnreachable
from service.client.questions import ActionSearch, Question, ResourceSearch, Search, Semantic

T = TypeVar("T")

EVALUATION: Final = "/access/v1/evaluation"
EVALUATIONS: Final = "/access/v1/evaluations"
SEARCH_RESOURCE: Final = "/access/v1/search/resource"
SEARCH_SUBJECT: Final = "/access/v1/search/subject"
SEARCH_ACTION: Final = "/access/v1/search/action"

STOP_AT: Final[dict[Semantic, bool | None]] = {
    "execute_all": None,
    "deny_on_first_deny": False,
    "permit_on_first_permit": True,
}

THROTTLED: Final = 429
PASSING: Final = frozenset({408, 425, THROTTLED})
"""Refusals (4xx) that are none of the application's doing."""
TOO_LARGE: Final = 413

_log = logging.getLogger("cordon.client")


@dataclass(frozen=True, slots=True)
class Call:
    """A POST with a JSON body."""

    path: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Received:
    """An answer, to its end."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Failed:
    """No answer, or not all of it."""

    trouble: Trouble
    detail: str
    was_closed: bool = False
    """The connection ended before any of an answer came."""


Outcome: TypeAlias = Received | Failed
Steps: TypeAlias = Generator[Call, Outcome, T]


@dataclass(frozen=True, slots=True)
class Conversation:
    """The rules of asking."""

    when_unreachable: WhenUnreachable
    batch_size: int
    repeats_closed: bool

    def evaluate(self, question: Question) -> Steps[Decision]:
        """Ask one question."""
        try:
            return read_decision((yield from self._asked(EVALUATION, question.document())))
        except CordonUnreachable as error:
            return self.instead(error)

    def evaluate_all(self, questions: Sequence[Question], semantic: Semantic) -> Steps[list[Decision | FaultyItem]]:
        """Ask several, in batches. Where Cordon is lost on the way, the rest are answered without it."""
        answers: list[Decision | FaultyItem] = []
        size = self.batch_size
        while len(answers) < len(questions):
            rest = questions[len(answers) :]
            try:
                part = yield from self._batch(rest[:size], semantic)
            except CordonUnreachable as error:
                part = self._all_instead(error, len(rest), semantic)
            except CordonRefused as refused:
                size = _smaller(refused, min(size, len(rest)))
                continue
            answers += part
            if part[-1].decision is STOP_AT[semantic]:
                break
        return answers

    def search(self, search: Search, token: str | None) -> Steps[Page]:
        """Ask for one page. There is nothing that could stand in for one."""
        path, member = _place(search)
        document = {**search.document(), "page": _page_asked(search.page_limit, token)}
        page = read_page((yield from self._asked(path, document)), member)
        if token is not None and page.next_token == token:
            raise CordonUnreachable("malformed", "a page that is followed by itself")
        return page

    def _batch(self, questions: Sequence[Question], semantic: Semantic) -> Steps[list[Decision | FaultyItem]]:
        items = [question.document() for question in questions]
        document = {"evaluations": items, "options": {"evaluations_semantic": semantic}}
        answers = read_answers((yield from self._asked(EVALUATIONS, document)))
        is_cut = bool(answers) and answers[-1].decision is STOP_AT[semantic] and len(answers) < len(items)
        if len(answers) != len(items) and not is_cut:
            raise CordonUnreachable("malformed", f"{len(answers)} answers to {len(items)} questions")
        return answers

    def _asked(self, path: str, document: dict[str, Any]) -> Steps[object]:
        call = Call(path, json.dumps(document, separators=(",", ":")).encode())
        outcome = yield call
        if isinstance(outcome, Failed) and outcome.was_closed and self.repeats_closed:
            outcome = yield call
        if isinstance(outcome, Failed):
            raise CordonUnreachable(outcome.trouble, outcome.detail)
        return _read(outcome)

    def instead(self, error: CordonUnreachable) -> Decision:
        """What stands in for a decision.

        Raises:
            CordonUnreachable: nothing does.
        """
        if self.when_unreachable == "raise":
            raise error
        _log.warning("no decision, so `%s`: %s", self.when_unreachable, error)
        return fallback(self.when_unreachable == "allow", error.trouble)

    def _all_instead(self, error: CordonUnreachable, count: int, semantic: Semantic) -> list[Decision | FaultyItem]:
        instead = self.instead(error)
        return [instead] if instead.decision is STOP_AT[semantic] else [instead] * count


def _smaller(refused: CordonRefused, size: int) -> int:
    """A size of batches that the service may take, after it refused one for its length."""
    is_too_long = refused.status == TOO_LARGE or any(fault.at == "/evaluations" for fault in refused.faults)
    if size == 1 or not is_too_long:
        raise refused
    return size // 2


def _place(search: Search) -> tuple[str, str]:
    """Where to search, and what names a result."""
    if isinstance(search, ResourceSearch):
        return SEARCH_RESOURCE, "id"
    return (SEARCH_ACTION, "name") if isinstance(search, ActionSearch) else (SEARCH_SUBJECT, "id")


def _page_asked(limit: int | None, token: str | None) -> dict[str, object]:
    asked: dict[str, object] = {"limit": limit, "token": token}
    return {name: value for name, value in asked.items() if value is not None}


def _read(received: Received) -> object:
    """The document of an answer.

    Raises:
        CordonUnreachable: it is no answer.
        CordonRefused: it says what is wrong with the question.
    """
    status = received.status
    if status == 200:
        return _json(received.body)
    if 400 <= status < 500 and status not in PASSING:
        raise _refusal(received)
    raise CordonUnreachable("throttled" if status == THROTTLED else "status", f"answered {status}", status)


def _json(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise CordonUnreachable("malformed", "an answer that is not JSON", 200) from None


def _refusal(received: Received) -> CordonRefused:
    try:
        document = _json(received.body)
    except CordonUnreachable:
        document = None
    problem = document if isinstance(document, dict) else {}
    errors = problem.get("errors")
    faults = [error for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []
    return CordonRefused(
        received.status,
        str(problem.get("detail", "refused")),
        tuple(Fault(str(fault.get("at", "")), str(fault.get("message", ""))) for fault in faults),
    )
