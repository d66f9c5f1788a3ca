"""Answers a plain question from what is at hand: caller, screenings, location, and the answer to the like before.

An answer is ready for whoever is in the same position: an account, a resource and a location that decide alike, the
same stretch of addresses, and the same action. Who asks again in the same bytes is spared even the looking up: see
`asked`. No await, no I/O and no model object on the way; where anything is missing, nothing is done and nothing is
noted, and the ordinary way takes the request from the beginning.

Requests that arrive in one turn of the event loop are decided as of its beginning, which is a moment ago, and their
answers are sent and recorded together at its end. What is not known by its bytes waits for that end, and is looked up
together: see `lookup`.
"""

from asyncio import Transport, get_running_loop
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol, TypeAlias

from service.decide import Columns, KeptHits, Locations, NewHits, Recorder, Settled
from service.fast_lane.admitting import Admitting
from service.fast_lane.asked import UNNUMBERED, Asked, AskedBefore, Found, Known, Whole, Words
from service.fast_lane.check_heads import CheckHead, tail_of
from service.fast_lane.derived import Derived
from service.fast_lane.heads import PLAIN_ENDING, end_of_head, without_id
from service.fast_lane.lookup import LookedUp, Lookup, Memorised
from service.fast_lane.questions import Question
from service.fast_lane.ready import DefaultHeaders, Ready
from service.fast_lane.turns import Turn
from service.gateways.authzen_calls import Callers
from service.gateways.checks import DECISION_ID, GatewayChecks
from service.memo import MOST_VISITS, Bound, Memo
from service.programs import Snapshot

HEADS_BYTES = 4 * 1024 * 1024

ID_BEGINNING: Final = DECISION_ID + b": "

new: Final = tuple.__new__


class Programs(Protocol):
    """Supplies the program in force."""

    newest: Snapshot | None


class MemorisedLocations(Locations, Protocol):
    """Supplies the location of an address, the same for as long as nothing else becomes known."""

    @property
    def memo(self) -> Memorised:
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


class Connection(Protocol):
    """Waits for the answer to what it received."""

    def give(self, answer: bytes) -> None:
        """Have the answer sent at the end of this turn."""

    def pass_on(self, data: bytes, error: Exception | None) -> None:
        """Have the ordinary way answer, because of a fault or of none."""


Waiting: TypeAlias = tuple[Connection, bytes, Known, bytes, bytes | Question, bytes | Words]
"""Who asks; all that came in; its head; what ends the head of the answer; the question, or the body that asks it; and
what it may be known by when it comes again: what came in, if nothing but that is needed to answer it."""

LATER: Final = b""
"""No answer yet: the connection is told of it before the turn ends."""


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
        self.admitting = Admitting(suppliers.callers, suppliers.checks, is_admitting=is_admitting)
        self._clock = suppliers.clock
        self._new_id = suppliers.new_id
        self.heads: Memo[bytes, Known] = Memo(Bound(HEADS_BYTES))
        """By all bytes before the body."""
        self._find_head = self.heads.find
        self.answers: list[tuple[Transport, bytes]] = []
        """Answers to be sent."""
        self._waiting: list[Waiting] = []
        """Requests that are decided together at the end of the turn: see `_decided`."""
        self.answered = 0
        """Requests answered here."""
        self.began = 0.0
        """When this turn began, by the event loop's clock."""
        self._asked_again: tuple[list[str], list[Settled], list[int]] = ([], [], [])
        """Of this turn, ids, questions and their numbers: of questions that are kept."""
        self._asked_once: tuple[list[str], Columns] = ([], Columns.none())
        """Ids of others, and what they settle."""
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
        """HOT PATH: end a turn: decide what waits, and send its answers one after another.

        So whoever sleeps is woken once.
        """
        left = self._decide() if self._waiting else ()
        answers, self.answers = self.answers, []
        try:
            if self._turn is not None:
                self._end(self._turn)
        finally:
            for transport, answer in answers:
                if not transport.is_closing():
                    transport.write(answer)
            for connection, data, error in left:
                connection.pass_on(data, error)

    def _decide(self) -> list[tuple[Connection, bytes, Exception | None]]:
        """HOT PATH: answer what waits; what cannot be answered here, and the fault that kept it from being."""
        waiting, self._waiting = self._waiting, []
        answers: Sequence[bytes | Exception | None]
        try:
            answers = self._decided(waiting)
        except Exception:  # a fault of ours must not keep the others from being answered
            answers = [self._decided_alone(each) for each in waiting]
        left = []
        for (connection, data, _, _, _, _), answer in zip(waiting, answers, strict=True):
            if isinstance(answer, bytes):
                connection.give(answer)
            else:
                left.append((connection, data, answer))
        return left

    def _decided_alone(self, each: Waiting) -> bytes | Exception | None:
        try:
            (answer,) = self._decided([each])
        except Exception as error:
            return error
        return answer

    def _end(self, turn: Turn) -> None:
        """HOT PATH: have the decisions of a turn recorded, and let go of what they were made by."""
        again, once = self._asked_again, self._asked_once
        self._asked_again, self._asked_once, self._turn = ([], [], []), ([], Columns.none()), None
        self.answered += len(again[0]) + len(once[0])
        if again[0]:
            self._repeated(new(KeptHits, (turn.at, turn.frame.sources, *again)))
        if once[0]:
            self._repeated(new(NewHits, (turn.at, turn.frame.sources, *once)))

    def _tail(self, check: CheckHead, ready: Ready, at: datetime) -> bytes:
        """What ends Cordon's headers of a permission that may be kept."""
        return tail_of(check.wire, self._checks.kept(check.route, ready.decision.expires_at, at))

    def received(self, data: bytes, headers: DefaultHeaders, connection: Connection) -> bytes | None:
        """HOT PATH: the whole answer to what came in, or `LATER`; None if the ordinary way must give it.

        `headers`: those that the server puts before every answer's own.
        """
        turn = self._turn
        if turn is None or turn.snapshot is not self._programs.newest or turn.window is not turn.derived.window:
            turn = self._begun(headers) if self._is_known(data) else None
        cell = None if turn is None else turn.find_request(data)
        if turn is None or cell is None:
            return self._by_head(turn, data, headers, connection)
        asked, goings, at = cell.value, turn.goings, turn.at
        known = asked.known
        if (
            known.generation is not self._callers.generation
            or asked.mark is not self._locations.memo.mark
            # What `holds` begins with stands here as well: mostly it need not be called.
            or ((asked.seen != goings.count or asked.is_dated) and not asked.holds(goings, at))
            or (known.until is not None and known.until <= at)
        ):
            return self._by_head(turn, data, headers, connection)
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

    def answer(self, connection: Connection, known: Known, body: bytes, headers: DefaultHeaders) -> bytes | None:
        """The whole answer to a request whose head was parsed; None if the ordinary way must give it.

        `headers`: see `received`.
        """
        turn = self._current(headers)
        if turn is None or not self._admits(known, turn):
            return None
        asked, key = known.question or body, known.words or body
        found = self._asked_before(turn, key)
        if found is not None:
            return self._told(turn, known, known.ending, found)
        (answer,) = self._decided([(connection, b"", known, known.ending, asked, key)])
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _by_head(self, turn: Turn | None, data: bytes, headers: DefaultHeaders, connection: Connection) -> bytes | None:
        """HOT PATH: the answer to a request whose head is known, or `LATER`."""
        end = end_of_head(data)
        head, ending = data[:end], PLAIN_ENDING
        cell = self._find_head(head)
        has_id = cell is None
        if cell is None:
            head, ending = without_id(head)
            cell = self._find_head(head)
        if cell is None or len(data) != end + cell.value.body_bytes:
            return None
        if cell.visits < MOST_VISITS:
            cell.visits += 1
        known, body = cell.value, data[end:]
        turn = turn or self._current(headers)
        if turn is None or not self._admits(known, turn):
            return None
        key: bytes | Words = data
        if has_id or known.words is not None:
            key = known.words or body
            found = self._asked_before(turn, key)
            if found is not None:
                return self._told(turn, known, ending, found)
        self._waiting.append((connection, data, known, ending, known.question or body, key))
        return LATER

    def _admits(self, known: Known, turn: Turn) -> bool:
        """HOT PATH: whether what a head admits to is still right."""
        return known.generation is self._callers.generation and (known.until is None or turn.at < known.until)

    def _decided(self, waiting: Sequence[Waiting]) -> Sequence[bytes | Exception | None]:
        """HOT PATH: the whole answers to requests that are not known; None where the ordinary way must give it."""
        turn = self._turn
        if turn is None or turn.window is not turn.derived.window:
            return [None] * len(waiting)
        located = self._locations.memo
        lookup = Lookup(turn.snapshot, turn.derived, located, turn.at, self._new_id)
        found = lookup.each([asked for _, _, _, _, asked, _ in waiting])
        again = turn.derived.asked.come_again([key for _, _, _, _, _, key in waiting])
        if again:
            self._keep_each(turn.derived.asked, again, waiting, found, located.mark)
        are_whole = [key is data for _, data, _, _, _, key in waiting]
        if len(found.numbers) == len(waiting) and all(are_whole):
            return self._told_together(turn, waiting, found)
        answers: list[bytes | Exception | None] = [None] * len(waiting)
        for place, number in enumerate(found.numbers):
            _, _, known, ending, _, _ = waiting[number]
            try:
                answers[number] = self._told(turn, known, ending, found.found(place))
            except Exception as error:  # the others are told, and recorded, once
                answers[number] = error
        return answers

    def _keep_each(
        self, before: AskedBefore, again: Iterable[int], waiting: Sequence[Waiting], found: LookedUp, mark: object
    ) -> None:
        """Keep questions that came for the second time."""
        for number in again:
            if number not in found.numbers:
                continue
            place = found.numbers.index(number)
            _, data, known, _, _, key = waiting[number]
            if key is data:
                whole = Whole(found.found(place), found.cells(place), mark, known)
                before.keep_request(data, whole, known.body_bytes, is_admitting=self._is_admitting)
            else:
                before.keep_question(key, Asked(found.found(place), found.cells(place), mark))

    def _told_together(self, turn: Turn, waiting: Sequence[Waiting], found: LookedUp) -> Sequence[bytes]:
        """HOT PATH: the whole answers to requests that asked by their bodies, and had no ids of their own."""
        new_id, frame = self._new_id, turn.frame
        answers = [answer.value for answer in found.answers]
        for ready in answers:
            if ready.data_bytes != frame.data_bytes:
                ready.fit(frame)
        new_ids = [new_id() for _ in answers]
        lines, data = frame.lines_of_json, frame.data
        told = [
            b"".join((lines, ready.start, id.encode(), ready.middle, data, ready.tail))
            for ready, id in zip(answers, new_ids, strict=True)
        ]
        for _, _, known, _, _, _ in waiting:
            if known.key_id is not None:
                self._callers.admitted(known.key_id, turn.at)
        ids, columns = self._asked_once
        ids += new_ids
        columns.add(found.settled)
        return told

    def _told(self, turn: Turn, known: Known, ending: bytes, found: Found) -> bytes | None:
        """HOT PATH: the whole answer; None if it refuses a gateway, which the ordinary way must do.

        `ending`: of the answer's head.
        """
        answer, settled, country, number = found
        ready, frame, at = answer.value, turn.frame, turn.at
        if known.check is not None and ready.decision.effect != "allow":
            return None
        if ready.data_bytes != frame.data_bytes:
            ready.fit(frame)
        decision_id = self._new_id()
        id = decision_id.encode()
        if known.check is not None:
            said = (ID_BEGINNING, id, ready.said, country, ready.duties)
            told = (frame.lines, *said, known.tail or self._tail(known.check, ready, at), ending)
        else:
            lead = (frame.lines_of_json, ready.length_line, ending, ready.beginning)
            told = (*lead, id, ready.middle, frame.data, ready.tail)
        if known.key_id is not None:
            self._callers.admitted(known.key_id, at)
        self._note(decision_id, settled, number)
        return b"".join(told)

    def _note(self, decision_id: str, settled: Settled, number: int) -> None:
        """HOT PATH: have a decision recorded at the end of the turn."""
        if number == UNNUMBERED:
            ids, columns = self._asked_once
            ids.append(decision_id)
            columns.add_one(settled)
        else:
            ids, questions, numbers = self._asked_again
            ids.append(decision_id)
            questions.append(settled)
            numbers.append(number)

    def _is_known(self, request: bytes) -> bool:
        """Whether the request may have an answer, so that a turn is worth its beginning."""
        before = self._before()
        return before is not None and before.requests[self._is_admitting].find(request) is not None

    def _current(self, headers: DefaultHeaders) -> Turn | None:
        """This turn, or another if it is over; None if nothing can be answered."""
        turn = self._turn
        if turn is None or turn.snapshot is not self._programs.newest or turn.window is not turn.derived.window:
            return self._begun(headers)
        return turn

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
