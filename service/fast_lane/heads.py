"""The heads of requests that the fast lane may answer: all before the body, read once for as long as it recurs."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from service.gateways.wire import REQUEST_ID, echoed_request_id, says_json

BODY_LIMIT_BYTES = 1024
"""Longer bodies go the ordinary way: every text in a shorter one is a name short enough to be decided on."""
HEAD_LIMIT_BYTES = 4096
"""Longer heads are not remembered."""

_DIGITS_LIMIT = 4

Headers = list[tuple[bytes, bytes]]
"""Names in lower case, in the order of the request."""

END_OF_HEAD: Final = b"\r\n\r\n"
_END_BYTES: Final = len(END_OF_HEAD)
PLAIN_ENDING: Final = b"\r\n"
"""What ends the head of an answer to a request without an id of its own."""

_ID_LINE: Final = re.compile(rb"\r\n[Xx]-[Rr]equest-[Ii][Dd]: ([!-~]+)(?=\r\n[^ \t])")
"""A request's own id, in a line by itself: what follows is another header, or the end."""


@dataclass(frozen=True, slots=True)
class Head:
    """What counts of a request before its body."""

    body_bytes: int
    authorization: bytes | None
    api_key: bytes | None
    ending: bytes
    """What ends the head of the answer: the request's own id, if it has one, and an empty line."""
    recurs: bool
    """Whether more requests may begin with the same bytes, an id of their own apart."""


def end_of_head(data: bytes) -> int:
    """HOT PATH: where the body begins; nowhere near it if there is no end of the head."""
    return data.find(END_OF_HEAD) + _END_BYTES


def without_id(head: bytes) -> tuple[bytes, bytes]:
    """HOT PATH: a head without the request's own id, and what ends the head of its answer.

    Nothing is taken out where that is not plainly one header among others.
    """
    line = _ID_LINE.search(head)
    if line is None:
        return head, PLAIN_ENDING
    return head[: line.start()] + head[line.end() :], ending_with(line[1])


def ending_with(request_id: bytes) -> bytes:
    """What ends the head of the answer to a request with that id."""
    return b"%b: %b\r\n\r\n" % echoed_request_id(request_id)


def header_lines(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Headers as they are sent."""
    return b"".join(b"%b: %b\r\n" % header for header in headers)


def read_head(headers: Headers) -> Head | None:
    """What counts of a plain head; None if the ordinary way must look at it."""
    first = dict(reversed(headers))
    if is_odd(first) or not says_json(first.get(b"content-type")):
        return None
    length = first.get(b"content-length", b"")
    if not length.isdigit() or len(length) > _DIGITS_LIMIT or not 0 < int(length) <= BODY_LIMIT_BYTES:
        return None
    return Head(
        body_bytes=int(length),
        authorization=first.get(b"authorization"),
        api_key=first.get(b"x-api-key"),
        ending=ending_of(first),
        recurs=recurs(headers),
    )


def is_odd(first: Mapping[bytes, bytes]) -> bool:
    """Whether a request asks for more than an answer."""
    return b"transfer-encoding" in first or b"expect" in first or b"upgrade" in first


def ending_of(first: Mapping[bytes, bytes]) -> bytes:
    """What ends the head of the answer to a request with these headers."""
    request_id = first.get(REQUEST_ID)
    return PLAIN_ENDING if request_id is None else ending_with(request_id)


def recurs(headers: Headers) -> bool:
    """Whether more requests may begin with the same bytes, an id of their own apart."""
    return sum(name == REQUEST_ID for name, _ in headers) < 2
