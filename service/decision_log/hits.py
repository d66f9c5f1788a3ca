"""Hits -> lines. Many hits share one line of columns, and refer by number to lines that say what they have in common.

Said once in a segment, each under a number of its own: accounts with their facts, places (what is known of an address),
and answers (what was asked of what, and what was answered). Addresses are too many for that, and stand in a column of
their own. A column is made by a few calls into C: the thread that writes shares core and interpreter with the one that
decides, and nothing slower keeps up with it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple, TypeAlias

from rules.facts import AccountFacts, Address, ResourceFacts
from service.decide import Hit, Screened, Settled
from service.decision_log.fragments import Fragments, clipped, told
from service.decision_log.freezing import Frozen, encode, written
from service.decision_log.numbering import UNFIT, Said

LINE_HITS = 256
"""The most in one line: readers take two thousand lines at once into their memory."""
SAID_AT_ONCE = 32
"""So many parts said, or questions told, let another thread on."""

_SECOND = timedelta(seconds=1)
_LINE = (
    b'{"type":"hits","worker":%b,"second":"%b",%b,"id":%b,"at":%b,"account":%b,"address":%b,"place":%b,"answer":%b}\n'
)

_microsecond = attrgetter("microsecond")
_parts_of = attrgetter("address", "location", "status", "reserved")

_Told: TypeAlias = tuple[int, str | None, int, int]
"""What the columns hold of a hit: number of the account, address as it is recorded, numbers of place and answer."""


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
        self._told: Said[int, Settled, _Told] = Said()
        """By the identity of the question, which those who ask it again share."""
        self._accounts: Said[Screened[AccountFacts], Settled, int] = Said()
        self._places: Said[tuple[int, str, str | None], Settled, int] = Said()
        """By the identity of the location, which addresses share that look alike, the status and the class."""
        self._answers: Said[tuple[Screened[ResourceFacts], int, str], Settled, int] = Said()
        """By resource, identity of the decision, and action."""
        self._all = (self._told, self._accounts, self._places, self._answers)
        self._said: list[bytes] = []
        """Lines made, in their order."""

    def begin_segment(self) -> None:
        """Nothing is said yet in the segment that the next lines go to."""
        for said in self._all:
            said.begin_segment()

    def written(self) -> None:
        """All lines made so far are in the segment."""
        for said in self._all:
            said.written()

    def lost(self) -> None:
        """The lines made since the last that were written are not in the segment, and never will be."""
        for said in self._all:
            said.lost()

    def age(self) -> None:
        """Let go of what no recent hit refers to."""
        for said in self._all:
            said.age()

    def lines(self, hits: Sequence[Hit]) -> tuple[bytes, int]:
        """The lines of some hits, and how many of them hold a text that cannot be written."""
        for said in self._all:
            said.make_room()
        self._said = []
        slices = [hits[start : start + LINE_HITS] for start in range(0, len(hits), LINE_HITS)]
        unfit = sum([self._add(run, columns) for some in slices for run, columns in _runs(some)])
        return b"".join(self._said), unfit

    def _add(self, hits: Sequence[Hit], columns: _Columns) -> int:
        """Say hits of one second and the same sources; how many could not be said."""
        each_told = self._told.column(list(map(id, columns.settled)), columns.settled, self._tell)
        accounts, addresses, places, answers = zip(*each_told, strict=True)
        if UNFIT in accounts or UNFIT in answers:
            fit = [hit for hit, each in zip(hits, each_told, strict=True) if UNFIT not in each]
            return len(hits) - len(fit) + (self._add(fit, _turned(fit)) if fit else 0)
        values = (
            self._worker,
            written(columns.ats[0])[:19].encode(),
            self._fragments.sources(hits[0].sources),
            encode(columns.ids),
            encode(list(map(_microsecond, columns.ats))),
            *map(encode, (accounts, addresses, places, answers)),
        )
        self._said.append(_LINE % values)
        return 0

    def _tell(self, settled: list[Settled]) -> list[_Told]:
        """What the columns hold of questions that are new; what it refers to is said before."""
        accounts, resources, actions, located, decisions = zip(*settled, strict=True)
        addresses, locations, statuses, classes = zip(*map(_parts_of, located), strict=True)
        places = list(zip(map(id, locations), statuses, classes, strict=True))
        answers = list(zip(resources, map(id, decisions), actions, strict=True))
        columns = (
            self._accounts.column(accounts, settled, self._say_accounts),
            list(map(self._recorded, addresses)),
            self._places.column(places, settled, self._say_places),
            self._answers.column(answers, settled, self._say_answers),
        )
        if len(settled) > SAID_AT_ONCE:
            self._pause()
        return list(zip(*columns, strict=True))

    def _say_accounts(self, settled: Iterable[Settled]) -> Iterator[int]:
        for account, *_ in settled:
            fresh = dict[str, Frozen]()
            try:
                id, revision = encode(clipped(account.facts.account.id)), encode(account.screening.revision)
                facts = self._fragments.account(account.facts, fresh)
            except UnicodeError:
                yield UNFIT
                continue
            number = self._accounts.next()
            line = b'{"type":"account","n":%d,"account":%b,"facts":%b,%b}\n' % (number, id, revision, facts)
            self._say(line, fresh)
            yield number

    def _say_places(self, settled: Iterable[Settled]) -> Iterator[int]:
        for _, _, _, located, _ in settled:
            fresh = dict[str, Frozen]()
            location = self._fragments.location(located.location, fresh)
            head = {"address_status": located.status}
            if located.reserved is not None:
                head["reserved"] = located.reserved
            number = self._places.next()
            self._say(b'{"type":"place","n":%d,%b,%b}\n' % (number, encode(head)[1:-1], location), fresh)
            yield number

    def _say_answers(self, settled: Iterable[Settled]) -> Iterator[int]:
        for _, resource, action, _, decision in settled:
            fresh = dict[str, Frozen]()
            answer = told(decision)
            del answer["facts"]  # those are the account's
            head = {"resource": clipped(resource.facts.resource.id), "action": clipped(action), **answer}
            try:
                members, facts = encode(head)[1:-1], self._fragments.resource(resource.facts, fresh)
            except UnicodeError:
                yield UNFIT
                continue
            number = self._answers.next()
            self._say(b'{"type":"answer","n":%d,%b,%b}\n' % (number, members, facts), fresh)
            yield number

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
