"""Refuses characters that are none: what UTF-8 cannot say, and the null character, which PostgreSQL does not keep.

JSON can write both as escapes, so that a body may hold them that is UTF-8 itself. Refused before an endpoint sees them.
"""

import json
import re
from collections.abc import Iterator

from rules.errors import pointer
from service.errors import BadRequest, RequestFault, Unprocessable

_SUSPECT = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
"""What may be half of a pair that is one character: only such bodies are looked at closely."""
_NONE = re.compile("[\0\ud800-\udfff]")
_MESSAGE = "holds a character that is none"


def refuse_in_target(path: str, query: bytes) -> None:
    """Look at what a request is sent to.

    Raises:
        BadRequest: it holds one.
    """
    if _NONE.search(path) or b"%00" in query:
        raise BadRequest(f"the address of the request {_MESSAGE}")


def refuse_in_body(body: bytes) -> None:
    """Look at a body; one that is no JSON is somebody else's to refuse.

    Raises:
        Unprocessable: it holds one.
    """
    if not _SUSPECT.search(body):
        return
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return
    faults = tuple(RequestFault(at, _MESSAGE) for at in _places(value))
    if faults:
        raise Unprocessable(f"{faults[0].at}: {_MESSAGE}", faults[:100])


def _places(value: object, at: str = "") -> Iterator[str]:
    """JSON Pointers to texts, and to members by their names, that hold one."""
    match value:
        case str() if _NONE.search(value):
            yield at
        case list():
            for index, item in enumerate(value):
                yield from _places(item, pointer(at, index))
        case dict():
            for name, item in value.items():
                if _NONE.search(name):
                    yield at
                yield from _places(item, pointer(at, name))
        case _:
            return
