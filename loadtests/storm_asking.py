"""Asks a server by the clock, whatever becomes of the questions before: arrivals do not wait for answers.

Latency counts from when a question was meant to be asked, so that a server that stalls cannot hide it. Questions that
should be hits have connections of their own: a gateway that waits for one account does not keep others from asking.
"""

import select
import socket
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Literal, NamedTuple, TypeAlias

from loadtests.latencies import Latencies

Kind: TypeAlias = Literal["hit", "miss"]

PATIENCE_SECONDS = 5.0
"""Who has no answer so long after the last question was due counts as an error."""
HIT_CONNECTIONS, MISS_CONNECTIONS = 64, 400
"""Less than 1,024 together: more are not waited for with the precision of microseconds."""
ANSWER_BYTES = 65_536


class Question(NamedTuple):
    """What is asked, and when."""

    at: float
    """Seconds after the beginning."""
    kind: Kind
    message: bytes


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked in one phase."""

    port: int
    rate: int
    """Questions a second; their distances are exponential."""
    seconds: float
    misses: float
    """Their share."""
    hit_ids: Sequence[str]
    miss_ids: Sequence[str]
    """Each is asked about once."""
    seed: int = 20_261_122

    def questions(self) -> Iterator[Question]:
        chance, missing, at = Random(self.seed), iter(self.miss_ids), 0.0
        while (at := at + chance.expovariate(self.rate)) < self.seconds:
            if chance.random() < self.misses:
                yield Question(at, "miss", message(next(missing)))
            else:
                yield Question(at, "hit", message(chance.choice(self.hit_ids)))


@dataclass(slots=True)
class Figures:
    """How long answers to one kind of questions took."""

    count: int
    p50_us: float
    p99_us: float
    p999_us: float
    worst_us: float


@dataclass(slots=True)
class Seen:
    """What came of one phase."""

    hits: Figures
    misses: Figures
    stale: int
    errors: int
    late_p99_us: float
    """How late questions were asked for which there was a connection: by this program's own fault."""


def message(account: str) -> bytes:
    """The question whether an account may use the tool."""
    body = (
        f'{{"subject":{{"type":"account","id":"{account}"}},'
        '"resource":{"type":"tool","id":"tool"},"action":{"name":"use"}}'
    ).encode()
    head = "POST /access/v1/evaluation HTTP/1.1\r\nhost: cordon\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


@dataclass(slots=True, eq=False)
class _Connection:
    kind: Kind
    link: socket.socket
    meant: float = 0.0
    """When the question that is under way should have been asked."""
    answer: bytearray = field(default_factory=bytearray)

    def fileno(self) -> int:
        return self.link.fileno()

    def is_answered(self) -> bool:
        """Whether all of the answer is there, once more of it has come."""
        piece = self.link.recv(ANSWER_BYTES)
        if not piece:
            raise ConnectionError("the server closed the connection")
        self.answer += piece
        head = self.answer.find(b"\r\n\r\n")
        if head < 0:
            return False
        begin = self.answer.index(b"content-length:") + len(b"content-length:")
        length = int(self.answer[begin : self.answer.index(b"\r\n", begin)])
        return len(self.answer) >= head + 4 + length


class _Asker:
    """Asks all that is due, and waits for answers in between."""

    def __init__(self, port: int) -> None:
        numbers: dict[Kind, int] = {"hit": HIT_CONNECTIONS, "miss": MISS_CONNECTIONS}
        self._idle = {kind: [_connected(kind, port) for _ in range(number)] for kind, number in numbers.items()}
        self._due: dict[Kind, deque[Question]] = {"hit": deque(), "miss": deque()}
        self._busy: dict[int, _Connection] = {}
        self._took = {kind: Latencies() for kind in numbers}
        self._late = Latencies()
        self._stale = self._errors = 0

    def play(self, questions: Sequence[Question]) -> Seen:
        """Ask them all, each when it is due."""
        began, number = time.perf_counter() + 0.1, 0
        deadline = began + questions[-1].at + PATIENCE_SECONDS
        while number < len(questions) or self._busy or any(self._due.values()):
            now = time.perf_counter()
            if now > deadline:
                break
            while number < len(questions) and began + questions[number].at <= now:
                self._due[questions[number].kind].append(questions[number])
                number += 1
            self._send(began)
            until = began + questions[number].at if number < len(questions) else deadline
            self._receive(max(0.0, until - time.perf_counter()))
        self._errors += len(self._busy) + sum(map(len, self._due.values()))
        return self._seen()

    def _send(self, began: float) -> None:
        for kind, due in self._due.items():
            idle = self._idle[kind]
            while due and idle:
                question, connection = due.popleft(), idle.pop()
                connection.meant = began + question.at
                connection.link.sendall(question.message)
                self._busy[connection.fileno()] = connection
                if not due:
                    self._late.record(_nanoseconds_since(connection.meant))

    def _receive(self, seconds: float) -> None:
        ready, _, _ = select.select(list(self._busy), [], [], seconds)
        for number in ready:
            connection = self._busy[number]
            try:
                is_answered = connection.is_answered()
            except OSError:
                self._errors += 1
                del self._busy[number]
                continue
            if is_answered:
                self._take(self._busy.pop(number))

    def _take(self, connection: _Connection) -> None:
        self._took[connection.kind].record(_nanoseconds_since(connection.meant))
        self._errors += not connection.answer.startswith(b"HTTP/1.1 200")
        self._stale += b".stale" in connection.answer
        connection.answer.clear()
        self._idle[connection.kind].append(connection)

    def _seen(self) -> Seen:
        hits, misses = _figures(self._took["hit"]), _figures(self._took["miss"])
        return Seen(hits, misses, self._stale, self._errors, self._late.percentile_us(99))


def asked(plan: Plan) -> Seen:
    """Ask all of a plan. For a process of its own."""
    return _Asker(plan.port).play(list(plan.questions()))


def _connected(kind: Kind, port: int) -> _Connection:
    link = socket.create_connection(("127.0.0.1", port))
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return _Connection(kind, link)


def _nanoseconds_since(moment: float) -> int:
    return max(0, int((time.perf_counter() - moment) * 1e9))


def _figures(took: Latencies) -> Figures:
    return Figures(took.count, *(took.percentile_us(percentile) for percentile in (50, 99, 99.9, 100)))
