"""Answers as bytes, ready but for what changes from one to the next: the decision's id, and the age of the data.

INVARIANT: what is put together here is what the ordinary way sends, byte by byte; a property test holds the two equal.
"""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from pydantic_core import to_json

from rules.language import Decision
from service.decide import Answer, SourceState
from service.fast_lane.heads import header_lines
from service.gateways.authzen_answers import data_source, evaluation_answer
from service.gateways.checks import duties, effect_headers

DefaultHeaders: TypeAlias = Sequence[tuple[bytes, bytes]]
"""What the server puts before the headers of every answer: the date, which it renews each second."""

FIXED_BYTES = 600
"""About what an answer takes that is ready, its texts apart."""

_STATUS_LINE = b"HTTP/1.1 200 OK\r\n"
_SECOND = timedelta(seconds=1)
BEGINNING = datetime.min.replace(tzinfo=UTC)
_END = datetime.max.replace(tzinfo=UTC)


class Frame:
    """What the answers of one moment share: the date, the sources of the data with their ages, the rules in force."""

    __slots__ = ("data", "headers", "lines", "since", "sources", "until")

    def __init__(self, headers: DefaultHeaders, sources: tuple[SourceState, ...], at: datetime) -> None:
        self.headers = headers
        self.sources = sources
        self.lines = _STATUS_LINE + header_lines(headers)
        self.data = to_json([data_source(source, at) for source in sources])
        self.since = at
        self.until = min((_next_age(source.dated, at) for source in sources), default=_END)
        """When an age is next another one, or the rules are."""


def _next_age(dated: datetime, at: datetime) -> datetime:
    """When a source is next a second older; ages are whole seconds, and none below zero."""
    return dated + max(1, (at - dated) // _SECOND + 1) * _SECOND


class Ready:
    """One decision, ready to be given again to whoever is in the same position."""

    __slots__ = ("_middle", "_own_bytes", "_tail", "beginning", "decision", "duties", "frame", "head", "rest", "said")

    def __init__(self, answer: Answer) -> None:
        self.decision: Decision = answer.decision
        self.beginning, self._middle, self._tail = _cut(answer)
        self._own_bytes = len(self.beginning) + len(answer.id)
        """INVARIANT: the ids of decisions are of one length."""
        self.said = b"\r\n" + header_lines(effect_headers(answer.decision))
        """What gateways are told of it, after its id; then comes the country."""
        self.duties = header_lines(duties(answer.decision))
        """The same, after the country."""
        self.frame: Frame | None = None
        self.head = b""
        """Before what ends the head; right in its frame."""
        self.rest = b""
        """After the id; right in its frame."""

    def put_into(self, frame: Frame) -> None:
        """Make the rest right for another moment."""
        self.rest = self._middle + frame.data + self._tail
        length = self._own_bytes + len(self.rest)
        self.head = frame.lines + b"content-type: application/json\r\ncontent-length: %d\r\n" % length
        self.frame = frame

    @property
    def size_bytes(self) -> int:
        """About what it takes."""
        once = len(self.beginning) + len(self.said) + len(self.duties)
        return FIXED_BYTES + once + 2 * (len(self._middle) + len(self._tail)) + 1_000


def _cut(answer: Answer) -> tuple[bytes, bytes, bytes]:
    """The body of an answer, without the id and without the data."""
    whole = to_json(evaluation_answer(answer), inf_nan_mode="null")
    data = to_json([data_source(source, answer.request.at) for source in answer.sources])
    # A quotation mark within a text is escaped, so that these marks stand nowhere but where the members are.
    beginning, id_member, rest = whole.partition(b'"decision_id":"')
    middle, data_member, tail = rest.removeprefix(answer.id.encode()).partition(b',"data":')
    return beginning + id_member, middle + data_member, tail.removeprefix(data)


def window_of(boundaries: Sequence[datetime], at: datetime) -> tuple[datetime, datetime]:
    """From when until when the same rules are in force as then."""
    place = bisect_right(boundaries, at)
    since = boundaries[place - 1] if place else BEGINNING
    return since, boundaries[place] if place < len(boundaries) else _END
