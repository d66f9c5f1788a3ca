"""Answers as bytes, ready but for what changes from one to the next: the decision's id, the date, the age of the data.

INVARIANT: what is put together here is what the ordinary way sends, byte by byte; a property test holds the two equal.
"""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from pydantic_core import to_json

from rules.language import Decision
from service.decide import Answer, SourceState
from service.fast_lane.heads import PLAIN_ENDING, header_lines
from service.gateways.authzen_answers import data_source, evaluation_answer
from service.gateways.checks import duties, effect_headers

DefaultHeaders: TypeAlias = Sequence[tuple[bytes, bytes]]
"""What the server puts before the headers of every answer: the date, which it renews each second."""

FIXED_BYTES = 700
"""About what an answer takes that is ready, its texts apart."""
_UNSET = -1

_STATUS_LINE = b"HTTP/1.1 200 OK\r\n"
_SECOND = timedelta(seconds=1)
BEGINNING = datetime.min.replace(tzinfo=UTC)
_END = datetime.max.replace(tzinfo=UTC)


class Frame:
    """What the answers of one moment share: the date, the sources of the data with their ages, the rules in force."""

    __slots__ = ("data", "data_bytes", "headers", "lines", "lines_of_json", "since", "sources", "until")

    def __init__(self, headers: DefaultHeaders, sources: tuple[SourceState, ...], at: datetime) -> None:
        self.headers = headers
        self.sources = sources
        self.lines = _STATUS_LINE + header_lines(headers)
        self.lines_of_json = self.lines + b"content-type: application/json\r\ncontent-length: "
        self.data = to_json([data_source(source, at) for source in sources])
        self.data_bytes = len(self.data)
        self.since = at
        self.until = min((_next_age(source.dated, at) for source in sources), default=_END)
        """When an age is next another one, or the rules are."""


def _next_age(dated: datetime, at: datetime) -> datetime:
    """When a source is next a second older; ages are whole seconds, and none below zero."""
    return dated + max(1, (at - dated) // _SECOND + 1) * _SECOND


class Ready:
    """One decision, ready to be given again to whoever is in the same position."""

    __slots__ = (
        "_own_bytes",
        "beginning",
        "data_bytes",
        "decision",
        "duties",
        "length_line",
        "middle",
        "said",
        "start",
        "tail",
    )

    def __init__(self, answer: Answer) -> None:
        self.decision: Decision = answer.decision
        self.beginning, self.middle, self.tail = _cut(answer)
        """Of the body: before the decision's id, between that and the data, and after them."""
        self._own_bytes = len(self.beginning) + len(answer.id) + len(self.middle) + len(self.tail)
        """INVARIANT: the ids of decisions are of one length."""
        self.said = b"\r\n" + header_lines(effect_headers(answer.decision))
        """What gateways are told of it, after its id; then comes the country."""
        self.duties = header_lines(duties(answer.decision))
        """The same, after the country."""
        self.data_bytes = _UNSET
        """Length of the data that the next two are right for."""
        self.length_line = b""
        """The end of the line that says how long the body is."""
        self.start = b""
        """The same, and all up to the decision's id, where the request has no id of its own."""

    def fit(self, frame: Frame) -> None:
        """Make the length right for the data of another moment."""
        self.data_bytes = frame.data_bytes
        self.length_line = b"%d\r\n" % (self._own_bytes + frame.data_bytes)
        self.start = self.length_line + PLAIN_ENDING + self.beginning

    @property
    def size_bytes(self) -> int:
        """About what it takes."""
        body = 2 * len(self.beginning) + len(self.middle) + len(self.tail)
        return FIXED_BYTES + body + len(self.said) + len(self.duties)


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
