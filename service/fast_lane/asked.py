"""Questions that come again in the same bytes, each with its answer: one look finds all that was looked up before.

What an answer stands on is named by the cells of memos that hold it: once one of these is gone, whatever took it away,
the question is looked at anew. A question is kept when it comes for the second time, so that those that come only once
cost next to nothing, and push out nothing.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from sys import getsizeof
from typing import Any, Final, TypeAlias

from service.decide import Settled
from service.fast_lane.check_heads import CheckHead
from service.fast_lane.questions import Question
from service.fast_lane.ready import Ready
from service.memo import GONE, MOST_VISITS, Bound, Cell, Goings, Memo
from service.screenings import Cells

FIXED_BYTES: Final = 1_250
"""About what one takes beside its bytes: itself, what it settles, and the address."""
TIMES_TEXTS: Final = 2
"""Beside the key, its texts are kept in what it settles and in the memos that it leads to."""

UNNUMBERED: Final = 0
"""The number of a question that is not kept."""
_numbers: Final = count(1)
"""Of all questions that are ever kept in this process."""
LOOKED_AT: Final = 64
"""So many kept questions are looked at for each entry that goes: of thousands of them all, once a few hundred go."""
MOST_GOINGS: Final = 16
"""For so many goings in one turn of the event loop; for others in the next."""
_SETS: Final = 1 << 19
_SET_BITS: Final = 2 * _SETS - 2
_UNSEEN: Final = -1


Words: TypeAlias = tuple[str, str, str, str]
"""Account, resource, action and address of a question."""
# A plain tuple: to unpack a named one takes a call for each of its members.
Found: TypeAlias = tuple[Cell[Ready], Settled, bytes, int]
"""The answer to a question, what it settles, how gateways are told where the address is, and its number: see `Hits`."""


@dataclass(frozen=True, slots=True)
class Known:
    """A head whose caller is admitted."""

    body_bytes: int
    ending: bytes
    """Of the answer's head, as far as the request that was read says."""
    recurs: bool
    """More requests may begin with the same bytes."""
    generation: object
    """Of the keys: with another one, the head must be read again."""
    key_id: str | None
    until: datetime | None
    """When the key expires; None if never."""
    question: Question | None = None
    """What a gateway asks by the head alone; None: the body asks."""
    check: CheckHead | None = None
    """That head, if there is one."""
    words: Words | None = None
    """The same question, by which it is known again, whatever else the head says; None: the bytes are as good."""
    tail: bytes = b""
    """What ends Cordon's headers of a permission; empty if that is another each time."""


class Asked:
    """A question that is kept, and what its answer stands on."""

    __slots__ = ("_account", "_resource", "found", "is_dated", "mark", "seen")

    def __init__(self, found: Found, cells: Cells, mark: object) -> None:
        answer, settled, country, _ = found
        self.found: Found = (answer, settled, country, next(_numbers))
        self.mark = mark
        """Of what said where the address is: see `MemorisedLocations.memo`."""
        account, resource = cells
        self._account, self._resource = account, resource
        self.is_dated = account.value.is_dated or resource.value.is_dated
        """What is known of the two is not right for ever."""
        self.seen = _UNSEEN
        """Count of goings at which all cells were there."""

    @property
    def stands(self) -> bool:
        """Whether all that it stands on is still memorised, right or not."""
        return bool(self._account.place and self._resource.place and self.found[0].place)

    def holds(self, goings: Goings, at: datetime) -> bool:
        """HOT PATH: whether all that it stands on is right at that time; it may be that the address is elsewhere."""
        if self.seen != goings.count:
            if not self.stands:
                return False
            for cell in (self._account, self._resource, self.found[0]):
                if cell.visits < MOST_VISITS:
                    cell.visits += 1
            self.seen = goings.count
        return not self.is_dated or (self._account.value.is_right(at) and self._resource.value.is_right(at))


class Whole(Asked):
    """A question with its head: all of a request."""

    __slots__ = ("known",)

    def __init__(self, found: Found, cells: Cells, mark: object, known: Known) -> None:
        super().__init__(found, cells, mark)
        self.known = known


class AskedBefore:
    """The questions asked before, of one program.

    By the bytes of whole requests, for each lane its own: what one has admitted, the other has not. By the bytes of a
    body, or the words of a gateway, where heads differ.

    A question refers to the facts that its answer rests on. So that they are not held for long once memos have let go
    of them, kept questions are looked at in turn, some for each entry that goes.
    """

    def __init__(self, limit_bytes: int) -> None:
        bound = Bound(limit_bytes)
        self.requests: tuple[Memo[bytes, Whole], Memo[bytes, Whole]] = (Memo(bound), Memo(bound))
        """By all bytes of a request without an id: of the lane that admits nobody by itself, and of the other."""
        self.questions: Memo[bytes | Words, Asked] = Memo(bound)
        """By what asks, whatever the head is."""
        self._marks = bytearray(2 * _SETS)
        """A byte of the hash of each question that came of late, in the set that the rest of it says: the last two."""
        self._kept: deque[tuple[Memo[Any, Any], Cell[Asked]]] = deque()
        """All that are kept, and some that are gone, in the order in which they are looked at."""
        self._swept = 0
        """Goings that were answered by looking."""

    def __len__(self) -> int:
        return len(self.questions) + sum(map(len, self.requests))

    def come_again(self, keys: Iterable[bytes | Words]) -> list[int]:
        """HOT PATH: which of some questions, by their positions, came before, of late; from now on all have."""
        marks, again = self._marks, list[int]()
        for number, digest in enumerate(map(hash, keys)):
            place, mark = digest & _SET_BITS, digest >> 24 & 0xFF or 0xFF
            last = marks[place]
            if last == mark or marks[place + 1] == mark:
                again.append(number)
            else:
                marks[place] = mark
                marks[place + 1] = last
        return again

    def keep_request(self, request: bytes, whole: Whole, body_bytes: int, *, is_admitting: bool) -> None:
        """Keep a request, of the lane that admits whoever asks or of the other."""
        self._keep(self.requests[is_admitting], request, whole, getsizeof(request) + TIMES_TEXTS * body_bytes)

    def keep_question(self, key: bytes | Words, asked: Asked) -> None:
        """Keep a question."""
        texts_bytes = getsizeof(key) if isinstance(key, bytes) else sum(map(getsizeof, key))
        self._keep(self.questions, key, asked, (1 + TIMES_TEXTS) * texts_bytes)

    def sweep(self, goings: Goings) -> None:
        """Let go of questions that no longer stand, if anything has gone since: of some now, of others next time."""
        due = goings.count - self._swept
        if due:
            taken = min(due, MOST_GOINGS) if self._kept else due
            self._swept += taken
            self._look_at(taken * LOOKED_AT)

    def _keep(self, memo: Memo[Any, Any], key: bytes | Words, asked: Asked, texts_bytes: int) -> None:
        self._kept.append((memo, memo.keep(key, asked, FIXED_BYTES + texts_bytes)))
        self._look_at(2)  # those that are gone go from the row sooner than it grows

    def _look_at(self, count: int) -> None:
        kept = self._kept
        for _ in range(min(count, len(kept))):
            memo, cell = kept.popleft()
            if cell.place == GONE:
                continue
            if cell.value.stands:
                kept.append((memo, cell))
            else:
                memo.drop(cell.key)
