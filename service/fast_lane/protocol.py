"""uvicorn's own protocol for HTTP, which answers a plain request at once where the fast lane can.

Requests that the lane leaves alone are handed to uvicorn as if nobody had looked at them; limits, keep-alive, flow
control and shutdown stay uvicorn's. A request is looked at only when nothing else is under way on its connection, so
that answers keep the order of the requests, and only if all of it is there. One that waits to be decided with others
counts as under way: what follows it has it decided first.

Three ways in: a request that came before in the same bytes, all of it, is known at one look; a head that was seen
before (the same bytes between two messages, the request's own id apart) is not parsed again; any other is parsed by
uvicorn's parser first. Answers are sent once all that arrived in this turn of the event loop is decided: a client that
sleeps is woken by the first of them, and awake for the others.
"""

from asyncio import AbstractEventLoop
from collections.abc import Callable
from typing import Any, Final

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from service.fast_lane.asked import Known
from service.fast_lane.check_heads import CHECK_PATH
from service.fast_lane.heads import BODY_LIMIT_BYTES, HEAD_LIMIT_BYTES, end_of_head, read_head, without_id
from service.fast_lane.lane import LATER, FastLane
from service.gateways.authzen import EVALUATION_PATH
from service.gateways.wire import DOOR

REQUEST_LINE: Final = b"POST %b HTTP/1.1\r\n" % EVALUATION_PATH.encode()
REQUEST_LIMIT_BYTES: Final = HEAD_LIMIT_BYTES + BODY_LIMIT_BYTES
"""Of what is known by its bytes, or by those of its head: an id of its own included."""
HEAD_FIXED_BYTES: Final = 600
"""About what a known head takes, its bytes apart."""


class FastLaneProtocol(HttpToolsProtocol):
    """One connection. `lane`, `admitting_lane` and `report` are set by `protocol_with`."""

    lane: FastLane
    """That of connections which admit nobody; one that does has the other in its place."""
    admitting_lane: FastLane
    report: Callable[[Exception], None]

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.lane = self.lane if app_state.get(DOOR) is None else self.admitting_lane  # found sooner here than there
        self._is_between_messages = True
        """The parser has seen the end of every message that it has seen the beginning of."""
        self._alone = b""
        """What is being parsed, if only one message of it has begun and nothing else is under way; else nothing."""
        self._has_begun = False
        """What is being parsed has shown the beginning of a message."""
        self._held: Known | None = None
        """The head of the request that is being parsed, while uvicorn does not know of it."""
        self._held_body = b""
        self._answered_at = 0.0

    def data_received(self, data: bytes) -> None:
        """HOT PATH: answer a request that is known, or whose head is; have anything else parsed."""
        cycle: RequestResponseCycle | None = self.cycle
        if self._is_between_messages and (cycle is None or cycle.response_complete) and not self.flow.write_paused:
            answer = None
            try:
                if len(data) <= REQUEST_LIMIT_BYTES:  # longer ones are not even looked for
                    answer = self.lane.received(data, self.server_state.default_headers, self)
            except Exception as error:  # a fault of ours must not keep the ordinary way from answering
                self.report(error)
            if answer:
                self.give(answer)
                return
            if answer is LATER:
                self._is_between_messages = False
                self._answered_at = self.lane.began
                return
            self._alone, self._has_begun = data, False
        self._end_turn()  # what uvicorn writes comes after it, and what waits comes before
        self._parse(data)

    def _parse(self, data: bytes) -> None:
        """Have the parser look at what came in."""
        super().data_received(data)
        self._alone = b""
        if self._held is not None:  # the parser saw another end of it than was reckoned
            body, self._held, self._held_body = self._held_body, None, b""
            self._release(body)

    def give(self, answer: bytes) -> None:
        """HOT PATH: have an answer sent at the end of this turn."""
        lane, self._is_between_messages = self.lane, True
        lane.answers.append((self.transport, answer))
        self.server_state.total_requests += 1
        self._answered_at = lane.began
        if self.timeout_keep_alive_task is None:
            self._close_in(self.timeout_keep_alive)

    def pass_on(self, data: bytes, error: Exception | None) -> None:
        """Have a request parsed that waited for an answer of the lane."""
        if error is not None:
            self.report(error)
        self._is_between_messages = True
        if self.transport.is_closing():
            return
        self._alone, self._has_begun = data, False
        try:
            self._parse(data)
        except Exception as fault:  # as the event loop does where it hands over what came in
            self.report(fault)
            self.transport.abort()

    def _answer_parsed(self, known: Known, body: bytes) -> bool:
        """Answer a request whose head was parsed, if the lane can."""
        try:
            answer = self.lane.answer(self, known, body, self.server_state.default_headers)
        except Exception as error:  # as above
            self.report(error)
            return False
        if answer is not None:
            self.give(answer)
        return answer is not None

    def on_message_begin(self) -> None:
        """Note that the parser is within a message."""
        self._is_between_messages = False
        if self._has_begun:
            self._alone = b""
        self._has_begun = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Hold a request back that the lane may answer; let uvicorn begin with any other."""
        self._held = self._known() if self._alone else None
        if self._held is None:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Hold the body back with its head."""
        if self._held is None:
            super().on_body(body)
        else:
            self._held_body += body

    def on_message_complete(self) -> None:
        """Answer the request that was held back, or give it to uvicorn."""
        self._is_between_messages = not self.parser.should_upgrade()  # what follows may be another protocol
        held, body = self._held, self._held_body
        self._held, self._held_body = None, b""
        if held is not None:
            end = end_of_head(self._alone)
            if self._alone[end:] == body:  # what was received is this head and this body, and nothing else
                self._remember(self._alone[:end], held)
                if self._answer_parsed(held, body):
                    return
            self._release(body)
        super().on_message_complete()

    def _release(self, body: bytes) -> None:
        """Give a request to uvicorn that was held back."""
        super().on_headers_complete()
        super().on_body(body)

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection that has been idle for as long as uvicorn waits; the lane's answers set no timers."""
        seconds = self._answered_at + self.timeout_keep_alive - self.loop.time()
        if seconds > 0:
            self._close_in(seconds)
        else:
            super().timeout_keep_alive_handler()

    def shutdown(self) -> None:
        """Send what is ready, and then close as uvicorn does."""
        self._end_turn()
        super().shutdown()

    def _end_turn(self) -> None:
        try:
            self.lane.send()
        except Exception as error:  # what was to be sent is sent
            self.report(error)

    def _close_in(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def _known(self) -> Known | None:
        """The head that was just parsed, if it is plain, and its body ends with what was received."""
        parser = self.parser
        if not parser.should_keep_alive() or parser.should_upgrade() or self.limit_concurrency is not None:
            return None
        known = self._admitted()
        data = self._alone
        if known is None or len(data) != end_of_head(data) + known.body_bytes:
            return None
        return known

    def _admitted(self) -> Known | None:
        if self._alone.startswith(REQUEST_LINE):
            head = read_head(self.headers)
            return None if head is None else self.lane.admitting.admit(head)
        if self.url.startswith(CHECK_PATH) and self.parser.get_http_version() == "1.1":
            return self.lane.admitting.admit_check(self.url, self.headers)
        return None

    def _remember(self, head: bytes, known: Known) -> None:
        """Know the head again, with whatever id, if the id is in a line that can be taken out."""
        rest, ending = without_id(head)
        if known.recurs and ending == known.ending and len(head) <= HEAD_LIMIT_BYTES:
            self.lane.heads.put(rest, known, HEAD_FIXED_BYTES + 2 * len(rest))


def protocol_with(
    lane: FastLane, admitting_lane: FastLane, report: Callable[[Exception], None]
) -> type[FastLaneProtocol]:
    """The protocol over the lanes of a process. `report` is told of the lanes' own faults."""
    members = {"lane": lane, "admitting_lane": admitting_lane, "report": staticmethod(report)}
    return type("FastLaneProtocol", (FastLaneProtocol,), members)
