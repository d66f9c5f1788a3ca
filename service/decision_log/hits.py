"""Hits -> lines. Many hits share one line of columns, and refer by number to lines that say what they have in common.

Said once in a segment, each under a number of its own: accounts with their facts, places (what is known of an address),
and answers (what was asked of what, and what was answered). Addresses are too many for that, and stand in a column of
their own. A column is made by a few calls into C: the thread that writes shares core and interpreter with the one that
decides, and nothing slower keeps up with it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain, compress, repeat
from operator import attrgetter
from typing import Any, NamedTuple, TypeAlias

from rules.facts import AccountFacts, Address, ResourceFacts
from service.decide import Hits, Screened, Settled, SourceState
from service.decision_log.fragments import Fragments, clipped, told
from service.decision_log.freezing import Frozen, encode, written
from service.decision_log.numbering import UNFIT, Said

LINE_HITS = 256
"""The most in one line: readers take two thousand lines at once into their memory."""
SAID_AT_ONCE = 32
"""So many parts said, or questions told, let another thread on."""

_LINE = (
    b'{"type":"hits","worker":%b,"second":"%b",%b,"id":%b,"at":%b,"account":%b,"address":%b,"place":%b,"answer":%b}\n'
)

_parts_of = attrgetter("address", "location", "status", "reserved")

_Told: TypeAlias = tuple[int, str | None, int, int]
"""What the columns hold of a hit: number of the account, address as it is recorded, numbers of place and answer."""


class _Run(NamedTuple):
    """Hits of one second and the same sources, all of questions that are kept or none of any."""

    second: bytes
    sources: tuple[SourceState, ...]
    are_kept: bool
    microseconds: Sequence[int]
    ids: Sequence[str]
    settled: Sequence[Settled]

    def slice(self, start: int) -> "_Run":
        """The hits of one line."""
        some = slice(start, start + LINE_HITS)
        return self._replace(microseconds=self.microseconds[some], ids=self.ids[some], settled=self.settled[some])

    def only(self, are_meant: Sequence[bool]) -> "_Run":
        """Some of the hits."""
        microseconds, ids = list(compress(self.microseconds, are_meant)), list(compress(self.ids, are_meant))
        return self._replace(microseconds=microseconds, ids=ids, settled=list(compress(self.settled, are_meant)))


class HitLines:
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
        """By the identity of a question that is kept: those who ask it again refer to it."""
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

    def lines(self, hits: Iterable[Hits]) -> tuple[bytes, int]:
        """The lines of some hits, and how many of them hold a text that cannot be written."""
        for said in self._all:
            said.make_room()
        self._said = []
        unfit = 0
        for run in _runs(hits):
            for start in range(0, len(run.ids), LINE_HITS):
                unfit += self._add(run.slice(start))
        return b"".join(self._said), unfit

    def _add(self, run: _Run) -> int:
        """Say hits in one line; how many could not be said."""
        accounts, addresses, places, answers = self._columns(run)
        if UNFIT in accounts or UNFIT in answers:
            fit = [UNFIT not in each for each in zip(accounts, answers, strict=True)]
            return fit.count(False) + (self._add(run.only(fit)) if any(fit) else 0)
        sources = self._fragments.sources(run.sources)
        columns = (run.ids, run.microseconds, accounts, addresses, places, answers)
        self._said.append(_LINE % (self._worker, run.second, sources, *map(encode, columns)))
        return 0

    def _columns(self, run: _Run) -> Iterable[Sequence[Any]]:
        """What is told of the questions: see `_Told`."""
        if not run.are_kept:
            return self._tell(run.settled)
        keys = list(map(id, run.settled))
        return zip(*self._told.column(keys, run.settled, self._tell_each), strict=True)

    def _tell_each(self, settled: list[Settled]) -> Iterator[_Told]:
        return zip(*self._tell(settled), strict=True)

    def _tell(self, settled: Sequence[Settled]) -> tuple[list[int], list[str | None], list[int], list[int]]:
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
        return columns

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


def _runs(hits: Iterable[Hits]) -> Iterator[_Run]:
    """The hits of each second, each state of the sources, and each kind of question."""
    runs: dict[tuple[datetime, int, bool], list[Hits]] = {}
    for each in hits:
        runs.setdefault((each.at.replace(microsecond=0), id(each.sources), each.numbers is not None), []).append(each)
    for (second, _, are_kept), those in runs.items():
        microseconds = [repeat(each.at.microsecond, len(each.ids)) for each in those]
        yield _Run(
            written(second)[:19].encode(),
            those[0].sources,
            are_kept,
            list(chain.from_iterable(microseconds)),
            [id for each in those for id in each.ids],
            [settled for each in those for settled in each.settled],
        )
