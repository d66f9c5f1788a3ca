"""Hits -> lines. Many hits share one line of columns, and refer by number to lines that say what they have in common.

Said once in a segment, each under a number of its own: accounts with their facts, places (an address as far as it is
recorded, and what is known of it), and answers (what was asked of what, and what was answered). A column is made by a
few calls into C: the thread that writes shares core and interpreter with the one that decides, and nothing slower keeps
up with it.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from rules.facts import Address
from service.decide import Hit, Settled
from service.decision_log.fragments import Fragments, clipped, told
from service.decision_log.freezing import Frozen, encode, written
from service.decision_log.numbering import UNFIT, Numbers

LINE_HITS = 256
"""The most in one line: readers take two thousand lines at once into their memory."""
SAID_AT_ONCE = 32
"""Parts said before another thread is let on."""

_SECOND = timedelta(seconds=1)
_microsecond = attrgetter("microsecond")


class _Columns(NamedTuple):
    """Hits, turned: one tuple for each member of `Hit`."""

    ids: Sequence[str]
    ats: Sequence[datetime]
    settled: Sequence[Settled]
    sources: Sequence[object]


class Hits:
    """Makes the lines of hits for one segment after another. For one thread."""

    def __init__(
        self,
        worker: str,
        fragments: Fragments,
        recorded: Callable[[Address | None], str | None],
        pause: Callable[[], None],
    ) -> None:
        """`recorded`: the text of an address as far as it is recorded; `pause` lets other threads on."""
        self._worker = encode(worker)
        self._fragments = fragments
        self._recorded = recorded
        self._pause = pause
        self._accounts, self._places, self._answers = Numbers(), Numbers(), Numbers()
        self._alike = Numbers()
        """Of places by what is said of them: many addresses are recorded as one."""
        self._all = (self._accounts, self._places, self._answers, self._alike)
        self._said: list[bytes] = []
        """Lines made, in their order."""

    def begin_segment(self) -> None:
        """Nothing is said yet in the segment that the next lines go to."""
        for numbers in self._all:
            numbers.begin_segment()

    def written(self) -> None:
        """All lines made so far are in the segment."""
        for numbers in self._all:
            numbers.written()

    def lost(self) -> None:
        """The lines made since the last that were written are not in the segment, and never will be."""
        for numbers in self._all:
            numbers.lost()

    def age(self) -> None:
        """Let go of what no recent hit refers to."""
        for numbers in self._all:
            numbers.age()

    def lines(self, hits: Sequence[Hit]) -> tuple[bytes, int]:
        """The lines of some hits, and how many of them hold a text that cannot be written."""
        for numbers in self._all:
            numbers.make_room()
        self._said = []
        slices = [hits[start : start + LINE_HITS] for start in range(0, len(hits), LINE_HITS)]
        unfit = sum([self._add(run, columns) for some in slices for run, columns in _runs(some)])
        return b"".join(self._said), unfit

    def _add(self, hits: Sequence[Hit], columns: _Columns) -> int:
        """Say hits of one second and the same sources; how many could not be said."""
        numbers = self._numbers(hits, columns)
        if self._accounts.has_unfit or self._places.has_unfit or self._answers.has_unfit:
            fit = [hit for hit, *those in zip(hits, *numbers, strict=True) if UNFIT not in those]
            if len(fit) < len(hits):
                return len(hits) - len(fit) + (self._add(fit, _turned(fit)) if fit else 0)
        accounts, places, answers = map(encode, numbers)
        second = written(columns.ats[0])[:19].encode()
        line = b'{"type":"hits","worker":%b,"second":"%b",%b,"id":%b,"at":%b,"account":%b,"place":%b,"answer":%b}\n'
        ids, ats = encode(columns.ids), encode(list(map(_microsecond, columns.ats)))
        data = self._fragments.sources(hits[0].sources)
        self._said.append(line % (self._worker, second, data, ids, ats, accounts, places, answers))
        return 0

    def _numbers(self, hits: Sequence[Hit], columns: _Columns) -> tuple[list[int], list[int], list[int]]:
        settled = columns.settled
        accounts, resources, actions, places, decisions = zip(*settled, strict=True)
        return (
            self._accounts.column(lambda: accounts, lambda place: self._say_account(settled[place])),
            self._places.column(lambda: map(id, places), lambda place: self._say_place(settled[place])),
            self._answers.column(
                lambda: zip(resources, map(id, decisions), actions, strict=True),
                lambda place: self._say_answer(settled[place]),
            ),
        )

    def _say_account(self, settled: Settled) -> None:
        account = settled.account
        if self._accounts.known(account):
            return
        fresh = dict[str, Frozen]()
        try:
            id, revision = encode(clipped(account.facts.account.id)), encode(account.screening.revision)
            facts = self._fragments.account(account.facts, fresh)
        except UnicodeError:
            self._accounts.keep(UNFIT, account)
            return
        number = self._accounts.next()
        line = b'{"type":"account","n":%d,"account":%b,"facts":%b,%b}\n' % (number, id, revision, facts)
        self._say(line, fresh)
        self._accounts.keep(number, account)

    def _say_place(self, settled: Settled) -> None:
        located = settled.located
        if self._places.known(id(located), located):
            return
        fresh = dict[str, Frozen]()
        location = self._fragments.location(located.location, fresh)
        address = self._recorded(located.address)
        alike = (address, located.status, located.reserved, location)
        if not self._alike.known(alike):
            head: dict[str, object] = {"address": address, "address_status": located.status}
            if located.reserved is not None:
                head["reserved"] = located.reserved
            number = self._alike.next()
            self._say(b'{"type":"place","n":%d,%b,%b}\n' % (number, encode(head)[1:-1], location), fresh)
            self._alike.keep(number, alike)
        self._places.keep(self._alike.number(alike), id(located), located)

    def _say_answer(self, settled: Settled) -> None:
        key = (settled.resource, id(settled.decision), settled.action)
        if self._answers.known(key, settled.decision):
            return
        fresh = dict[str, Frozen]()
        answer = told(settled.decision)
        del answer["facts"]  # those are the account's
        head = {"resource": clipped(settled.resource.facts.resource.id), "action": clipped(settled.action), **answer}
        try:
            members, facts = encode(head)[1:-1], self._fragments.resource(settled.resource.facts, fresh)
        except UnicodeError:
            self._answers.keep(UNFIT, key, settled.decision)
            return
        number = self._answers.next()
        self._say(b'{"type":"answer","n":%d,%b,%b}\n' % (number, members, facts), fresh)
        self._answers.keep(number, key, settled.decision)

    def _say(self, line: bytes, fresh: dict[str, Frozen]) -> None:
        self._said.append(self._fragments.lines_of(fresh) + line)
        if len(self._said) % SAID_AT_ONCE == 0:
            self._pause()


def _turned(hits: Sequence[Hit]) -> _Columns:
    return _Columns._make(zip(*hits, strict=True))


def _runs(hits: Sequence[Hit]) -> Iterator[tuple[Sequence[Hit], _Columns]]:
    """The hits, cut where another second begins, or another state of the sources."""
    columns = _turned(hits)
    if _is_one(columns):
        yield hits, columns
        return
    for _, run in groupby(hits, key=lambda hit: (hit.at.astimezone(UTC).replace(microsecond=0), id(hit.sources))):
        those = list(run)
        yield those, _turned(those)


def _is_one(columns: _Columns) -> bool:
    ordered = sorted(columns.ats)  # as a rule they are, and one look at each is enough
    is_one_second = ordered[-1] - ordered[0].replace(microsecond=0) < _SECOND
    return is_one_second and columns.sources.count(columns.sources[0]) == len(columns.sources)
