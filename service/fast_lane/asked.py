"""Questions that come again in the same bytes, each with its answer: one look finds all that was looked up before.

What an answer stands on is named by the cells of memos that hold it: once one of these is gone, whatever took it away,
the question is looked at anew. A question is kept when it comes for the second time, so that those that come only once
cost next to nothing, and push out nothing.
"""

from collections.abc import Callable, Hashable
from itertools import count
from sys import getsizeof
from typing import Final, TypeAlias

from rules.facts import AccountFacts, ResourceFacts
from service.decide import Settled
from service.fast_lane.ready import Ready
from service.memo import Bound, Cell, Memo
from service.shelf import Entry

FIXED_BYTES: Final = 1_250
"""About what one takes beside its bytes: itself, what it settles, and the address."""
TIMES_BODY: Final = 3
"""A body is kept, and its texts in what it settles and in the memos that it leads to."""
TIMES_WORDS: Final = 2

UNNUMBERED: Final = 0
"""The number of a question that is not kept."""
_numbers: Final = count(1)
"""Of all questions that are ever kept in this process."""
_SETS: Final = 524_288
_TAGS: Final = 255


Words: TypeAlias = tuple[str, str, str, str]
"""Account, resource, action and address of a question."""
# Plain tuples: to unpack a named one takes a call for each of its members.
Found: TypeAlias = tuple[Cell[Ready], Settled, bytes, int]
"""The answer to a question, what it settles, how gateways are told where the address is, and its number: see `Hits`."""
Asked: TypeAlias = tuple[Found, Cell[Entry[AccountFacts]], Cell[Entry[ResourceFacts]], object, bool]
"""A question that is kept, and what its answer stands on: account, resource, and what said where the address is (see
`MemorisedLocations.memo`); and whether what is known of the two is not right for ever."""


class AskedBefore:
    """The questions asked before, of one program: by the bytes that ask, or by the words of a gateway."""

    def __init__(self, limit_bytes: int) -> None:
        self._memo: Memo[Hashable, Asked] = Memo(Bound(limit_bytes))
        self._marks = bytearray(2 * _SETS)
        """A byte of the hash of each question that came of late, in the set that the rest of it says: the last two."""
        self.find: Callable[[Hashable], Cell[Asked] | None] = self._memo.find
        """HOT PATH: see `Memo.find`."""

    def __len__(self) -> int:
        return len(self._memo)

    def has_come(self, key: Hashable) -> bool:
        """HOT PATH: whether a question came before, of late; from now on it has."""
        rest, tag = divmod(hash(key), _TAGS)
        place, tag, marks = rest % _SETS * 2, tag + 1, self._marks
        last = marks[place]
        if tag in (last, marks[place + 1]):
            return True
        marks[place], marks[place + 1] = tag, last
        return False

    def keep(self, key: bytes | Words, asked: Asked) -> None:
        """Keep a question, under a number of its own."""
        (answer, settled, country, _), account, resource, mark, is_dated = asked
        numbered = (answer, settled, country, next(_numbers))
        self._memo.put(key, (numbered, account, resource, mark, is_dated), FIXED_BYTES + _texts_bytes(key))


def _texts_bytes(key: bytes | Words) -> int:
    """About what the texts of a question take."""
    if isinstance(key, bytes):
        return TIMES_BODY * getsizeof(key)
    return TIMES_WORDS * sum(map(getsizeof, key))
