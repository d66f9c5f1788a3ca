"""Questions that come again in the same bytes, each with its answer: one look finds all that was looked up before.

What an answer stands on is named by the cells of memos that hold it: once one of these is gone, whatever took it away,
the question is looked at anew. A question is kept when it comes for the second time, so that those that come only once
cost next to nothing, and push out nothing.
"""

from collections.abc import Callable, Hashable
from datetime import datetime
from sys import getsizeof
from typing import Final, NamedTuple

from rules.facts import AccountFacts, ResourceFacts
from service.decide import Settled
from service.fast_lane.ready import Ready
from service.memo import Bound, Cell, Memo
from service.shelf import Entry

ASKED_BYTES: Final = 64 * 1024 * 1024
"""What the questions of one program may take."""
FIXED_BYTES: Final = 500
"""About what one takes beside its bytes: itself, what it settles, and the address."""

_MARKS: Final = 131_072
_TAGS: Final = 255


class Asked(NamedTuple):
    """A question, and where its answer is."""

    account: Cell[Entry[AccountFacts]]
    resource: Cell[Entry[ResourceFacts]]
    answer: Cell[Ready]
    settled: Settled
    country: bytes
    """How gateways are told where the address is."""
    located_by: object
    """What said so: see `MemorisedLocations.memo`."""
    is_dated: bool
    """What is known of the account, or of the resource, is not right for ever."""

    def is_right(self, at: datetime) -> bool:
        """Whether it holds at that time too."""
        return self.account.value.is_right(at) and self.resource.value.is_right(at)


class AskedBefore:
    """The questions asked before, of one program: by the bytes that ask, or by the words of a gateway."""

    def __init__(self, limit_bytes: int = ASKED_BYTES) -> None:
        self._memo: Memo[Hashable, Asked] = Memo(Bound(limit_bytes))
        self._marks = bytearray(_MARKS)
        """A byte of the hash of each question that came of late, in the place that the rest of it says."""
        self.find: Callable[[Hashable], Cell[Asked] | None] = self._memo.find
        """HOT PATH: see `Memo.find`."""

    def note(self, key: Hashable, asked: Asked) -> None:
        """Keep a question that has come before; remember that any other has."""
        mark, tag = divmod(hash(key), _TAGS)
        mark, tag = mark % _MARKS, tag + 1
        if self._marks[mark] == tag:
            self._memo.put(key, asked, FIXED_BYTES + getsizeof(key))
        else:
            self._marks[mark] = tag
