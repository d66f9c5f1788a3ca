"""Answers a plain question from what is at hand: caller, screenings, location, and the answer to the like before.

An answer is ready for whoever is in the same position: an account, a resource and a location that decide alike, the
same stretch of addresses, and the same action. Who asks again in the same bytes is spared even the looking up: see
`asked`. No await, no I/O and no model object on the way; where anything is missing, nothing is done and nothing is
noted, and the ordinary way takes the request from the beginning.

Requests that arrive in one turn of the event loop are decided as of its beginning, which is a moment ago, and their
answers are sent and recorded together at its end.
"""

from asyncio import Transport, get_running_loop
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from rules.evaluate import evaluate
from rules.facts import Request
from service.decide import ACTION_LENGTH, AccessRequest, Answer, Hits, Located, Locations, Recorder, Settled
from service.fast_lane.asked import UNNUMBERED, Asked, AskedBefore, Found, Known, Whole, Words
from service.fast_lane.check_heads import CheckHead, read_check, tail_of
from service.fast_lane.derived import Derived, Position, derived_of
from service.fast_lane.heads import Head, Headers
from service.fast_lane.questions import Question, read_question
from service.fast_lane.ready import DefaultHeaders, Ready
from service.gateways.authzen_calls import Admission, Callers
from service.gateways.checks import DECISION_ID, NOT_KEPT, GatewayChecks
from service.memo import MOST_VISITS, Bound, Cell, Memo
from service.programs import Snapshot
from service.screenings import Cells, pair_of

HEADS_BYTES = 4 * 1024 * 1024

ID_BEGINNING: Final = DECISION_ID + b": "

new: Final = tuple.__new__


class Programs(Protocol):
    """Supplies the program in force."""

    newest: Snapshot | None


class Marked(Protocol):
    """Has a mark that nothing else has."""

    @property
    def mark(self) -> object: ...


class MemorisedLocations(Locations, Protocol):
    """Supplies the location of an address, the same for as long as nothing else becomes known."""

    @property
    def memo(self) -> Marked:
        """What was located so far: another one, with another mark, once anything may be elsewhere."""


@dataclass(frozen=True, slots=True)
class Suppliers:
    """What the lane answers from."""

    programs: Programs
    locations: MemorisedLocations
    callers: Callers
    checks: GatewayChecks
    recorder: Recorder
    clock: Callable[[], datetime]
    new_id: Callable[[], str]


class Turn:
    """What all requests of one turn of the event loop are decided by."""

    __slots__ = ("at", "derived", "find_request", "frame", "goings", "snapshot", "window")

    def __init__(self, snapshot: Snapshot, at: datetime, headers: DefaultHeaders, *, is_admitting: bool) -> None:
        self.snapshot = snapshot
        self.goings = snapshot.screenings.goings
        self.at = at
        derived = self.derived = derived_of(snapshot)
        self.frame = derived.frame(snapshot, headers, at)
        self.window = derived.window
        """INVARIANT: the other lane, whose turn began later, may have come to another: then this turn is over."""
        self.find_request = derived.asked.requests[is_admitting].find


class FastLane:
    """The fast lane of one process: of the connections that admit whoever made them, or of all others.

    INVARIANT: what one of the two has admitted, the other has not: each knows heads of its own.
    """

    def __init__(self, suppliers: Suppliers, *, is_admitting: bool = False) -> None:
        self._is_admitting = is_admitting
        self._programs = suppliers.programs
        self._callers = suppliers.callers
        self._checks = suppliers.checks
        self._locations = suppliers.locations
        self._repeated = suppliers.recorder.repeated
        self._clock = suppliers.clock
        self._new_id = suppliers.new_id
        self.heads: Memo[bytes, Known] = Memo(Bound(HEADS_BYTES))
        """By all bytes before the body."""
        self.answers: list[tuple[Transport, bytes]] = []
        """Answers to be sent."""
        self.answered = 0
        """Requests answered here."""
        self.began = 0.0
        """When this turn began, by the event loop's clock."""
        self._asked_again: tuple[list[str], list[Settled], list[int]] = ([], [], [])
        """Of this turn, ids, questions and their numbers: of questions that are kept."""
        self._asked_once: tuple[list[str], list[Settled], list[int]] = ([], [], [])
        """And of others."""
        self._turn: Turn | None = None

    @property
    def questions(self) -> int:
        """How many are known by their bytes, of the program in force, to whichever lane."""
        before = self._before()
        return 0 if before is None else len(before)

    def _before(self) -> AskedBefore | None:
        """The questions asked before, of the program in force; None if there is nothing yet that holds them."""
        snapshot = self._programs.newest
        derived: Derived | None = None if snapshot is None else snapshot.screenings.derived
        return None if derived is None else derived.asked

    def send(self) -> None:
        """HOT PATH: end a turn: send its answers, one after another, so that whoever waits is woken once."""
        answers, self.answers = self.answers, []
        try:
            if self._turn is not None:
                self._end(self._turn)
        finally:
            for transport, answer in answers:
                if not transport.is_closing():
                    transport.write(answer)

    def _end(self, turn: Turn) -> None:
        """HOT PATH: have the decisions of a turn recorded, and let go of what they were made by."""
        again, once = self._asked_again, self._asked_once
        self._asked_again, self._asked_once, self._turn = ([], [], []), ([], [], []), None
        self.answered += len(again[0]) + len(once[0])
        if again[0]:
            self._repeated(new(Hits, (turn.at, turn.frame.sources, *again)))
        if once[0]:
            self._repeated(new(Hits, (turn.at, turn.frame.sources, *once[:2], None)))

    def admit(self, head: Head) -> Known | None:
        """The head with what it admits to; None if that is nothing, or not sure."""
        admission = self._admission(head.authorization, head.api_key)
        if admission is None:
            return None
        return Known(head.body_bytes, head.ending, head.recurs, admission.generation, admission.key_id, admission.until)

    def admit_check(self, url: bytes, headers: Headers) -> Known | None:
        """A gateway's question with what it admits to; None if that is nothing, or not sure, or it is not plain."""
        checks = self._checks
        if not self._is_admitting and not checks.keys_required:
            return None  # an address is believed then, which is not this lane's to look at
        head = read_check(url, headers, checks.routes)
        if head is None:
            return None
        admission = self._admission(None, head.key)
        if admission is None:
            return None
        who = (admission.generation, admission.key_id, admission.until)
        tail = b"" if head.route.keep_seconds else tail_of(head.wire, (NOT_KEPT,))
        return Known(0, head.ending, head.recurs, *who, head.question, head, _words(head.question), tail)

    def _tail(self, check: CheckHead, ready: Ready, at: datetime) -> bytes:
        """What ends Cordon's headers of a permission that may be kept."""
        return tail_of(check.wire, self._checks.kept(check.route, ready.decision.expires_at, at))

    def _admission(self, authorization: bytes | None, api_key: bytes | None) -> Admission | None:
        if self._is_admitting:
            return Admission(self._callers.generation)
        return self._callers.admission(authorization, api_key)

    def again(self, request: bytes, headers: DefaultHeaders) -> bytes | None:
        """HOT PATH: the whole answer to a request that came before in the same bytes; None if there is none so.

        `headers`: those that the server puts before every answer's own.
        """
        turn = self._turn
        if turn is None or turn.snapshot is not self._programs.newest or turn.window is not turn.derived.window:
            turn = self._begun(headers) if self._is_known(request) else None
            if turn is None:
                return None
        cell = turn.find_request(request)
        if cell is None:
            return None
        asked, goings, at = cell.value, turn.goings, turn.at
        known = asked.known
        if known.generation is not self._callers.generation or asked.mark is not self._locations.memo.mark:
            return None
        # What `holds` begins with stands here as well: mostly it need not be called.
        if (asked.seen != goings.count or asked.is_dated) and not asked.holds(goings, at):
            return None
        if known.until is not None and known.until <= at:
            return None
        if cell.visits < MOST_VISITS:
            cell.visits += 1
        answer, settled, _, number = asked.found
        ready, frame, decision_id = answer.value, turn.frame, self._new_id()
        if ready.data_bytes != frame.data_bytes:
            ready.fit(frame)
        if known.key_id is not None:
            self._callers.admitted(known.key_id, at)
        ids, questions, numbers = self._asked_again
        ids.append(decision_id)
        questions.append(settled)
        numbers.append(number)
        return b"".join((frame.lines_of_json, ready.start, decision_id.encode(), ready.middle, frame.data, ready.tail))

    def answer(
        self, known: Known, ending: bytes, body: bytes, headers: DefaultHeaders, request: bytes | None = None
    ) -> bytes | None:
        """HOT PATH: the whole answer; None if the ordinary way must give it.

        `ending`: of the answer's head. `headers`: see `again`. `request`: all of it, if it may come again like this.
        """
        turn = self._turn
        if turn is None or turn.snapshot is not self._programs.newest or turn.window is not turn.derived.window:
            turn = self._begun(headers)
        if turn is None or known.generation is not self._callers.generation:
            return None
        at, frame = turn.at, turn.frame
        if known.until is not None and known.until <= at:
            return None
        found = self._asked_before(turn, known.words or body) if request is None else None
        found = found or self._looked_up(turn, known, body, request)
        if found is None:
            return None
        answer, settled, country, number = found
        ready = answer.value
        if known.check is not None and ready.decision.effect != "allow":
            return None
        if ready.data_bytes != frame.data_bytes:
            ready.fit(frame)
        decision_id = self._new_id()
        if known.key_id is not None:
            self._callers.admitted(known.key_id, at)
        if known.check is None:
            lead = (frame.lines_of_json, ready.length_line, ending, ready.beginning)
            parts: tuple[bytes, ...] = (*lead, decision_id.encode(), ready.middle, frame.data, ready.tail)
        else:
            said = (ID_BEGINNING, decision_id.encode(), ready.said, country, ready.duties)
            parts = (frame.lines, *said, known.tail or self._tail(known.check, ready, at), ending)
        ids, questions, numbers = self._asked_once if number == UNNUMBERED else self._asked_again
        ids.append(decision_id)
        questions.append(settled)
        numbers.append(number)
        return b"".join(parts)

    def _is_known(self, request: bytes) -> bool:
        """Whether the request may have an answer, so that a turn is worth its beginning."""
        before = self._before()
        return before is not None and before.requests[self._is_admitting].find(request) is not None

    def _begun(self, headers: DefaultHeaders) -> Turn | None:
        """A turn; None if nothing can be answered in it."""
        at, snapshot = self._clock(), self._programs.newest
        if snapshot is None or snapshot.screenings.is_stale:
            return None
        if self._turn is None:
            loop = get_running_loop()
            self.began = loop.time()
            loop.call_soon(self.send)
        else:
            self._end(self._turn)
        turn = self._turn = Turn(snapshot, at, headers, is_admitting=self._is_admitting)
        turn.derived.asked.sweep(turn.goings)
        return turn

    def _asked_before(self, turn: Turn, key: bytes | Words) -> Found | None:
        """HOT PATH: what was kept of a question, if all that it stands on still holds."""
        cell = turn.derived.asked.questions.find(key)
        if cell is None:
            return None
        asked = cell.value
        if asked.mark is not self._locations.memo.mark or not asked.holds(turn.goings, turn.at):
            return None
        if cell.visits < MOST_VISITS:
            cell.visits += 1
        return asked.found

    def _looked_up(self, turn: Turn, known: Known, body: bytes, request: bytes | None) -> Found | None:
        """HOT PATH: the answer, and what it stands on; None if anything of it is missing."""
        question, mark = known.question or read_question(body), self._locations.memo.mark
        if question is None or len(question.action.name) > ACTION_LENGTH:
            return None
        cells = turn.snapshot.screenings.ready(question.subject.id, question.resource.id, turn.at)
        if cells is None:
            return None
        account, resource, derived = cells[0].value, cells[1].value, turn.derived
        located, action = self._locations.locate(question.context.ip), question.action.name
        _, number, country = derived.find_place(id(located.location)) or derived.places.place(located.location)
        named = action if action in derived.actions else ""  # actions that no rule names are all alike
        position = (account.screened.face, resource.screened.face, number, derived.stretch(located), named)
        answer = derived.find_answer(position) or self._made(turn, position, cells, located)
        if answer.visits < MOST_VISITS:
            answer.visits += 1
        settled = new(Settled, (account.screened, resource.screened, action, located, answer.value.decision))
        found = (answer, settled, country, UNNUMBERED)
        before = derived.asked
        if before.has_come(request or known.words or body):
            if request is not None:
                before.keep_request(
                    request, Whole(found, cells, mark, known), len(body), is_admitting=self._is_admitting
                )
            else:
                before.keep_question(known.words or body, Asked(found, cells, mark))
        return found

    def _made(self, turn: Turn, position: Position, cells: Cells, located: Located) -> Cell[Ready]:
        """The answer to whoever is in this position, ready from now on."""
        snapshot, at = turn.snapshot, turn.at
        account, resource = pair_of(cells)
        moment = Request(at, located.location, located.address, position[-1])
        decision = evaluate(snapshot.program, account.screening, resource.screening, moment)
        ids = (account.facts.account.id, resource.facts.resource.id)
        request = AccessRequest(*ids, at, action=position[-1])
        facts = (account.facts, resource.facts)
        ready = Ready(Answer(self._new_id(), decision, request, located, snapshot.sources, facts))
        return turn.derived.answers.keep(position, ready, ready.size_bytes)


def _words(question: Question) -> Words:
    """All of a question that counts."""
    return question.subject.id, question.resource.id, question.action.name, question.context.ip
