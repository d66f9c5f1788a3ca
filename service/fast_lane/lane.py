"""Answers a plain question from what is at hand: caller, screenings, location, and the answer to the like before.

An answer is ready for whoever is in the same position: an account, a resource and a location that decide alike, the
same stretch of addresses, and the same action. No await, no I/O and no model object on the way; where anything is
missing, nothing is done and nothing is noted, and the ordinary way takes the request from the beginning.
"""

from asyncio import Transport
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple, Protocol, TypeAlias

from rules.compile import Program
from rules.evaluate import evaluate
from rules.facts import Address, Request
from service.decide import AccessRequest, Answer, Hit, Located, Locations, Recorder, Settled
from service.fast_lane.check_heads import CheckHead, read_check, tail_of
from service.fast_lane.heads import Head, Headers
from service.fast_lane.places import Places
from service.fast_lane.questions import Question, read_question
from service.fast_lane.ready import BEGINNING, DefaultHeaders, Frame, Ready, window_of
from service.gateways.authzen_calls import Admission, Callers
from service.gateways.checks import DECISION_ID, NOT_KEPT, GatewayChecks
from service.memo import MOST_VISITS, Bound, Memo
from service.programs import Snapshot
from service.screenings import Pair

ANSWERS_BYTES = 32 * 1024 * 1024
"""What the answers that are ready may take."""
HEADS_BYTES = 4 * 1024 * 1024

Position: TypeAlias = tuple[int, int, int, int, str]
"""Faces of account and resource, number of the location, stretch of addresses, action."""

ID_BEGINNING: Final = DECISION_ID + b": "

new: Final = tuple.__new__


class Programs(Protocol):
    """Supplies the program in force."""

    newest: Snapshot | None


@dataclass(frozen=True, slots=True)
class Suppliers:
    """What the lane answers from."""

    programs: Programs
    locations: Locations
    callers: Callers
    checks: GatewayChecks
    recorder: Recorder
    clock: Callable[[], datetime]
    new_id: Callable[[], str]


class Known(NamedTuple):
    """A head whose caller is admitted."""

    body_bytes: int
    ending: bytes
    """Of the answer's head, as far as the request that was read says."""
    recurs: bool
    """More requests may begin with the same bytes."""
    generation: object
    """Of the keys: with another one, the head must be read again."""
    key_id: str | None
    until: datetime | None
    """When the key expires; None if never."""
    question: Question | None = None
    """What a gateway asks by the head alone; None: the body asks."""
    check: CheckHead | None = None
    """That head, if there is one."""
    tail: bytes = b""
    """What ends Cordon's headers of a permission; empty if that is another each time."""


class Derived:
    """What is worked out under one program; it is kept with the screenings, and goes with them."""

    __slots__ = ("actions", "answers", "edges", "find_answer", "find_place", "frame", "places", "window")

    def __init__(self, program: Program) -> None:
        self.actions = program.actions
        self.edges = program.address_edges
        self.places = Places(program)
        self.find_place = self.places.find
        self.answers: Memo[Position, Ready] = Memo(Bound(ANSWERS_BYTES))
        self.find_answer = self.answers.find
        self.frame = Frame((), (), BEGINNING)
        self.window = (BEGINNING, BEGINNING)
        """From when until when the answers are right."""


class FastLane:
    """The fast lane of one process: of the connections that admit whoever made them, or of all others.

    INVARIANT: what one of the two has admitted, the other has not: each knows heads of its own.
    """

    def __init__(self, suppliers: Suppliers, *, is_admitting: bool = False) -> None:
        self._is_admitting = is_admitting
        self._programs = suppliers.programs
        self._callers = suppliers.callers
        self._checks = suppliers.checks
        self._locate = suppliers.locations.locate
        self._repeated = suppliers.recorder.repeated
        self._clock = suppliers.clock
        self._new_id = suppliers.new_id
        self.heads: Memo[bytes, Known] = Memo(Bound(HEADS_BYTES))
        """By all bytes before the body."""
        self.answers: list[tuple[Transport, bytes]] = []
        """Answers to be sent."""
        self.answered = 0
        """Requests answered here."""

    def send(self) -> None:
        """HOT PATH: send the answers of one turn of the event loop, one after another: whoever waits is woken once."""
        answers, self.answers = self.answers, []
        for transport, answer in answers:
            if not transport.is_closing():
                transport.write(answer)

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
        return Known(0, head.ending, head.recurs, *who, head.question, head, tail)

    def _tail(self, check: CheckHead, ready: Ready, at: datetime) -> bytes:
        """What ends Cordon's headers of a permission that may be kept."""
        return tail_of(check.wire, self._checks.kept(check.route, ready.decision.expires_at, at))

    def _admission(self, authorization: bytes | None, api_key: bytes | None) -> Admission | None:
        if self._is_admitting:
            return Admission(self._callers.generation)
        return self._callers.admission(authorization, api_key)

    def answer(self, known: Known, ending: bytes, body: bytes, headers: DefaultHeaders) -> bytes | None:
        """HOT PATH: the whole answer; None if the ordinary way must give it.

        `ending`: of the answer's head. `headers`: those that the server puts before every answer's own.
        """
        question, at, snapshot = known.question or read_question(body), self._clock(), self._programs.newest
        if question is None or snapshot is None or known.generation is not self._callers.generation:
            return None
        if known.until is not None and known.until <= at:
            return None
        derived: Derived = snapshot.screenings.derived or self._derived(snapshot)
        frame = derived.frame
        if snapshot.sources is not frame.sources or headers is not frame.headers or not frame.since <= at < frame.until:
            frame = self._framed(derived, snapshot, headers, at)
        screened = snapshot.screenings.ready(question.subject.id, question.resource.id, at)
        if screened is None:
            return None
        account, resource = screened
        located, action = self._locate(question.context.ip), question.action.name
        _, number, country = derived.find_place(id(located.location)) or derived.places.place(located.location)
        stretch = _stretch(derived.edges, located) if derived.edges else 0
        named = action if action in derived.actions else ""  # actions that no rule names are all alike
        position = (account.face, resource.face, number, stretch, named)
        cell = derived.find_answer(position)
        if cell is not None and cell.visits < MOST_VISITS:
            cell.visits += 1
        ready = self._made(snapshot, position, screened, located=located, at=at) if cell is None else cell.value
        if known.check is not None and ready.decision.effect != "allow":
            return None
        if ready.frame is not frame:
            ready.put_into(frame)
        decision_id = self._new_id()
        if known.key_id is not None:
            self._callers.admitted(known.key_id, at)
        settled = new(Settled, (account, resource, action, located, ready.decision))
        self._repeated(new(Hit, (decision_id, at, settled, frame.sources)))
        self.answered += 1
        if known.check is None:
            return b"".join((ready.head, ending, ready.beginning, decision_id.encode(), ready.rest))
        said = (ID_BEGINNING, decision_id.encode(), ready.said, country, ready.duties)
        return b"".join((frame.lines, *said, known.tail or self._tail(known.check, ready, at), ending))

    def _derived(self, snapshot: Snapshot) -> Derived:
        derived = snapshot.screenings.derived = Derived(snapshot.program)
        return derived

    def _framed(self, derived: Derived, snapshot: Snapshot, headers: DefaultHeaders, at: datetime) -> Frame:
        """What the answers of now share; those that are ready for another time are forgotten."""
        window = window_of(snapshot.program.boundaries, at)
        if window != derived.window:
            derived.answers.clear()
        derived.window = window
        frame = derived.frame = Frame(headers, snapshot.sources, at)
        frame.until = min(frame.until, window[1])
        return frame

    def _made(self, snapshot: Snapshot, position: Position, screened: Pair, *, located: Located, at: datetime) -> Ready:
        """The answer to whoever is in this position, ready from now on."""
        account, resource = screened
        moment = Request(at, located.location, located.address, position[-1])
        decision = evaluate(snapshot.program, account.screening, resource.screening, moment)
        ids = (account.facts.account.id, resource.facts.resource.id)
        request = AccessRequest(*ids, at, action=position[-1])
        facts = (account.facts, resource.facts)
        ready = Ready(Answer(self._new_id(), decision, request, located, snapshot.sources, facts))
        snapshot.screenings.derived.answers.put(position, ready, ready.size_bytes)
        return ready


def _stretch(edges: tuple[Address, ...], located: Located) -> int:
    """The stretch of addresses, between those that rules name, that an address lies in."""
    return -1 if located.address is None else bisect_right(edges, located.address)
