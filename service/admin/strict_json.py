"""Reads bodies as JSON that every reader understands alike: no numbers that are none, no member twice, all of it UTF-8.

What the framework reads more leniently was not accepted before this has read it too.
"""

import json
from json import JSONDecodeError
from math import isinf
from typing import Any, NoReturn

from service.errors import BadRequest

DEPTH_LIMIT = 64
"""How deep objects and lists may be nested."""
_DIGITS_LIMIT = 308
"""What has more of them is beyond the numbers that most readers have."""
_QUOTED_LIMIT = 100


def read_json(body: bytes) -> object:
    """The value that a body holds.

    Raises:
        BadRequest: it holds none, in words that say what is wrong with it.
    """
    try:
        value: object = json.loads(
            body.decode(), parse_float=_float, parse_int=_int, parse_constant=_constant, object_pairs_hook=_object
        )
    except UnicodeDecodeError as error:
        raise BadRequest(f"the body is not JSON: what begins at byte {error.start + 1} is not UTF-8") from None
    except JSONDecodeError as error:
        at = f"line {error.lineno}, column {error.colno}"
        raise BadRequest(f"the body is not JSON: {error.msg.lower()} ({at})") from None
    except RecursionError:
        raise _too_deep() from None
    if _is_deeper(value, DEPTH_LIMIT):
        raise _too_deep()
    return value


def _is_deeper(value: object, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        level = [item for each in level for item in _items(each) if isinstance(item, dict | list)]
        if not level:
            return False
    return True


def _items(value: object) -> Any:
    match value:
        case dict():
            return value.values()
        case list():
            return value
        case _:
            return ()


def _too_deep() -> BadRequest:
    return BadRequest(f"the body is nested more than {DEPTH_LIMIT} deep")


def _float(text: str) -> float:
    value = float(text)
    return _no_number(text) if isinf(value) else value


def _int(text: str) -> int:
    return _no_number(text) if len(text) > _DIGITS_LIMIT else int(text)


def _no_number(text: str) -> NoReturn:
    raise BadRequest(f"the body holds a number that is too large: `{_quoted(text)}`")


def _constant(text: str) -> NoReturn:
    raise BadRequest(f"the body is not JSON: `{text}` is not a number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BadRequest(f"the body has the member `{_quoted(_repeated(pairs))}` twice in one object")
    return found


def _repeated(pairs: list[tuple[str, Any]]) -> str:
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            return name
        seen.add(name)
    raise AssertionError(pairs)


def _quoted(text: str) -> str:
    return text if len(text) <= _QUOTED_LIMIT else f"{text[:_QUOTED_LIMIT]}…"
