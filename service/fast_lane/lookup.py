"""Finds the answers to questions that are not known by their bytes: many at once, step by step.

What a step needs is at hand then, in Python and in the processor: a question that is looked up by itself takes half as
long again.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from itertools import compress
from typing import Protocol, TypeAlias

from rules.evaluate import evaluate
from rules.facts import Request
from service.decide import AccessRequest, Answer, Located
from service.fast_lane.asked import UNNUMBERED, Found
from service.fast_lane.derived import Derived, Position
from service.fast_lane.questions import Question, read_each
from service.fast_lane.ready import Ready
from service.memo import MOST_VISITS, Cell
from service.programs import Snapshot
from service.screenings import Cells, pair_of

LookedUp: TypeAlias = tuple[Found, Cells]
"""The answer to a question, and the account and the resource that it stands on."""


class Memorised(Protocol):
    """What was located with the same data, under a mark that nothing else has."""

    @property
    def mark(self) -> object: ...

    def locate_each(self, texts: Iterable[str]) -> Sequence[Located]:
        """HOT PATH: what is known of the addresses that some texts name."""


class Lookup:
    """Looks questions up under one program, at one moment."""

    __slots__ = ("_at", "_derived", "_located", "_new_id", "_snapshot")

    def __init__(
        self, snapshot: Snapshot, derived: Derived, located: Memorised, at: datetime, new_id: Callable[[], str]
    ) -> None:
        self._snapshot = snapshot
        self._derived = derived
        self._located = located
        self._at = at
        self._new_id = new_id

    def each(self, asked: Sequence[bytes | Question]) -> list[LookedUp | None]:
        """HOT PATH: what is found of some questions, or of the bodies that ask them; None if anything is missing."""
        read = read_each(asked)
        questions = [each for each in read if each is not None]
        if len(questions) < len(asked):
            return self._each_of(asked, read)
        pairs = [(each.subject.id, each.resource.id) for each in questions]
        ready = self._snapshot.screenings.ready_each(pairs, self._at)
        cells = [each for each in ready if each is not None]
        if len(cells) < len(asked):
            return self._each_of(questions, ready)
        located = self._located.locate_each([each.context.ip for each in questions])
        actions = [each.action.name for each in questions]
        return self._answered(cells, actions, located)

    def _each_of(self, asked: Sequence[bytes | Question], found: Sequence[object]) -> list[LookedUp | None]:
        """The same of those of which something was found so far."""
        looked_up = iter(self.each(list(compress(asked, [each is not None for each in found]))))
        return [None if each is None else next(looked_up) for each in found]

    def _answered(
        self, cells: Sequence[Cells], actions: Sequence[str], located: Sequence[Located]
    ) -> list[LookedUp | None]:
        """HOT PATH: the answers where nothing is missing."""
        derived = self._derived
        places = derived.places.each(located)
        settling = [
            (account.value.screened, resource.value.screened, action, where)
            for (account, resource), action, where in zip(cells, actions, located, strict=True)
        ]
        positions = derived.positions(settling, places)
        found = list(map(derived.find_answer, positions))
        answers = [each for each in found if each is not None]
        if len(answers) < len(found):
            made = zip(found, positions, cells, located, strict=True)
            answers = [each or self._made(position, on, where) for each, position, on, where in made]
        for answer in answers:
            if answer.visits < MOST_VISITS:
                answer.visits += 1
        return [
            ((answer, (account, resource, action, where, answer.value.decision), country, UNNUMBERED), on)
            for answer, (account, resource, action, where), (_, _, country), on in zip(
                answers, settling, places, cells, strict=True
            )
        ]

    def _made(self, position: Position, cells: Cells, located: Located) -> Cell[Ready]:
        """The answer to whoever is in this position, ready from now on."""
        snapshot, at = self._snapshot, self._at
        known = self._derived.find_answer(position)
        if known is not None:  # to another who asked at the same moment
            return known
        account, resource = pair_of(cells)
        moment = Request(at, located.location, located.address, position[-1])
        decision = evaluate(snapshot.program, account.screening, resource.screening, moment)
        ids = (account.facts.account.id, resource.facts.resource.id)
        request = AccessRequest(*ids, at, action=position[-1])
        facts = (account.facts, resource.facts)
        ready = Ready(Answer(self._new_id(), decision, request, located, snapshot.sources, facts))
        return self._derived.answers.keep(position, ready, ready.size_bytes)
