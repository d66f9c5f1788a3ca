"""Refuses characters that are none: what UTF-8 cannot say, and the null character, which PostgreSQL does not keep.

JSON can write both as escapes, so that a body may hold them that is UTF-8 itself. Refused before an endpoint sees them.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

from rules.errors import pointer
from service.admin.strict_json import read_json
from service.errors import BadRequest, RequestFault, Unprocessable

_SUSPECT = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
"""What may be half of a pair that is one character: only such bodies are looked at closely."""
_NONE = re.compile("[\0\ud800-\udfff]")
_MESSAGE = "holds a character that is none"


def refuse_in_target(scope: Mapping[str, Any]) -> None:
    """Look at what a request is sent to, as it was sent: a server puts another character for what is no UTF-8.

    Raises:
        BadRequest: it holds one.
    """
    sent = (scope.get("raw_path") or scope["path"].encode("utf-8", "surrogatepass"), scope.get("query_string", b""))
    for part in map(unquote_to_bytes, sent):
        if b"\0" in part or not _is_text(part):
            raise BadRequest(f"the address of the request {_MESSAGE}")


def _is_text(part: bytes) -> bool:
    try:
        part.decode()
    except UnicodeDecodeError:
        return False
    return True


def refuse_in_body(body: bytes) -> None:
    """Look at a body, which is JSON or empty.

    Raises:
        BadRequest: it is neither.
        Unprocessable: it holds one.
    """
    if not body:
        return
    value = read_json(body)
    if not _SUSPECT.search(body):
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
