"""Where a search goes on, as an opaque text: the id behind which the next page begins, and for which search.

The same search at the same place always has the same token: there is no state, and no secret, behind it. A digest binds
it to everything that was asked: with another question, another limit or another text it is refused.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

DIGEST_BYTES = 12
LIMIT_BYTES = 2
"""Of the limit, in bytes."""
LONGEST = 64 * 1024
"""Characters: no token of ours has more."""


class NotAToken(ValueError):
    """A text that is no token, or that of another search."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a search goes on."""

    limit: int
    """The most results on a page, of this one as of the one before."""
    after: str = ""
    """The id behind which it goes on; empty: it begins."""


def token_of(place: Place, question: Mapping[str, object]) -> str:
    """The token of a place in the results of a question."""
    packed = place.limit.to_bytes(LIMIT_BYTES, "big") + place.after.encode()
    return base64.urlsafe_b64encode(_digest(packed, question) + packed).rstrip(b"=").decode()


def place_of(token: str, question: Mapping[str, object]) -> Place:
    """The place that a token stands for.

    Raises:
        NotAToken: it stands for none in the results of this question.
    """
    try:
        content = _decoded(token)
        packed = content[DIGEST_BYTES:]
        place = Place(int.from_bytes(packed[:LIMIT_BYTES], "big"), packed[LIMIT_BYTES:].decode())
    except (binascii.Error, UnicodeError) as error:
        raise NotAToken(str(error)) from None
    if content[:DIGEST_BYTES] != _digest(packed, question) or "\0" in place.after:
        raise NotAToken("it is of another search")
    return place


def _decoded(token: str) -> bytes:
    if len(token) > LONGEST:
        raise binascii.Error("it is too long")
    content = base64.b64decode(token.encode("ascii") + b"=" * (-len(token) % 4), altchars=b"-_", validate=True)
    if len(content) < DIGEST_BYTES + LIMIT_BYTES:
        raise binascii.Error("it is too short")
    return content


def _digest(packed: bytes, question: Mapping[str, object]) -> bytes:
    """Of the place and of the question, however its members are ordered."""
    asked = json.dumps(question, sort_keys=True, separators=(",", ":")).encode()
    return hashlib.sha256(hashlib.sha256(asked).digest() + packed).digest()[:DIGEST_BYTES]
