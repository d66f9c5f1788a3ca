"""Finds the answers to questions that are not known by their bytes: many at once, step by step.

What a step needs is at hand then, in Python and in the processor: a question that is looked up by itself takes half as
long again.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from rules.evaluate import evaluate
from rules.facts import Address, Request
from service.decide import AccessRequest, Answer, Columns, Located, Place
from service.fast_lane.asked import UNNUMBERED, Found
from service.fast_lane.derived import Derived, Position
from service.fast_lane.places import Numbered
from service.fast_lane.questions import Question, read_each
from service.fast_lane.ready import Ready
from service.memo import MOST_VISITS, Cell
from service.programs import Snapshot
from service.screenings import AccountCell, Cells, ResourceCell, pair_of


class LookedUp(NamedTuple):
    """The answers to some questions, in columns: see `Columns`."""

    numbers: Sequence[int]
    """Positions of the questions among those that were asked: of all others, something is missing."""
    accounts: list[AccountCell]
    resources: list[ResourceCell]
    """What the answers stand on."""
    settled: Columns
    places: list[Numbered]
    answers: list[Cell[Ready]]

    def found(self, number: int) -> Found:
        """One of them."""
        accounts, resources, actions, addresses, places, decisions = self.settled
        own = accounts[number], resources[number], actions[number]
        settled = (*own, addresses[number], places[number], decisions[number])
        _, _, country = self.places[number]
        return self.answers[number], settled, country, UNNUMBERED

    def cells(self, number: int) -> Cells:
        """What it stands on."""
        return self.accounts[number], self.resources[number]


NOTHING = LookedUp((), [], [], Columns.none(), [], [])


class Memorised(Protocol):
    """What was located with the same data, under a mark that nothing else has."""

    @property
    def mark(self) -> object: ...

    def locate(self, text: str) -> Located: ...

    def locate_each(self, texts: Iterable[str]) -> tuple[list[Address | None], Sequence[Place]]:
        """HOT PATH: the addresses that some texts name, and the places of these."""


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

    def each(self, asked: Sequence[bytes | Question]) -> LookedUp:
        """HOT PATH: what is found of some questions, or of the bodies that ask them."""
        questions, numbers = read_each(asked)
        pairs = [(each.subject.id, each.resource.id) for each in questions]
        accounts, resources, missing = self._snapshot.screenings.ready_each(pairs, self._at)
        if missing:
            gone = set(missing)
            questions = [each for place, each in enumerate(questions) if place not in gone]
            numbers = [each for place, each in enumerate(numbers) if place not in gone]
        return self._answered(numbers, questions, accounts, resources) if questions else NOTHING

    def _answered(
        self,
        numbers: Sequence[int],
        questions: Sequence[Question],
        accounts: list[AccountCell],
        resources: list[ResourceCell],
    ) -> LookedUp:
        """HOT PATH: the answers where nothing is missing."""
        derived = self._derived
        addresses, places = self._located.locate_each([each.context.ip for each in questions])
        actions = [each.action.name for each in questions]
        numbered = derived.places.each(places)
        whose = [account.value.screened for account in accounts]
        which = [resource.value.screened for resource in resources]
        positions = derived.positions(zip(whose, which, strict=True), actions, addresses, numbered)
        found = list(map(derived.find_answer, positions))
        answers = [each for each in found if each is not None]
        if len(answers) < len(found):
            made = zip(found, positions, questions, accounts, resources, strict=True)
            answers = [
                each or self._made(position, question.context.ip, (account, resource))
                for each, position, question, account, resource in made
            ]
        for answer in answers:
            if answer.visits < MOST_VISITS:
                answer.visits += 1
        decisions = [answer.value.decision for answer in answers]
        settled = Columns(whose, which, actions, addresses, list(places), decisions)
        return LookedUp(numbers, accounts, resources, settled, numbered, answers)

    def _made(self, position: Position, text: str, cells: Cells) -> Cell[Ready]:
        """The answer to whoever is in this position, ready from now on."""
        snapshot, at = self._snapshot, self._at
        known = self._derived.find_answer(position)
        if known is not None:  # to another who asked at the same moment
            return known
        account, resource = pair_of(cells)
        located = self._located.locate(text)
        moment = Request(at, located.location, located.address, position[-1])
        decision = evaluate(snapshot.program, account.screening, resource.screening, moment)
        ids = (account.facts.account.id, resource.facts.resource.id)
        request = AccessRequest(*ids, at, action=position[-1])
        facts = (account.facts, resource.facts)
        ready = Ready(Answer(self._new_id(), decision, request, located, snapshot.sources, facts))
        return self._derived.answers.keep(position, ready, ready.size_bytes)
