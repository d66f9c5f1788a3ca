"""Hits -> lines. Many hits share one line of columns, and refer by number to lines that say what they have in common.

Said once in a segment, each under a number: accounts with their facts, places (what is known of an address), answers
(what was asked of what, and what was answered); and the questions that are kept, each with the numbers of these three
and its address. A hit of a kept question refers to that alone, and nothing else of it is touched; a hit of any other
says what a question says. A column is made by a few calls into C: the thread that writes shares core and interpreter
with the one that decides, and nothing slower keeps up with it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import compress
from typing import Any, TypeAlias, TypeVar

from rules.facts import AccountFacts, Address, ResourceFacts
from rules.language import Decision
from service.decide import Columns, Hits, KeptHits, NewHits, Place, Screened, Settled
from service.decision_log.fragments import Fragments, clipped, told
from service.decision_log.freezing import Frozen, encode, written
from service.decision_log.numbering import UNFIT, Said, SaidNumbers

LINE_HITS = 256
"""The most in one line, of questions too: readers take two thousand lines at once into their memory."""
SAID_AT_ONCE = 32
"""So many parts said, or questions told, let another thread on."""

_HEAD = b'{"type":"hits","worker":%b,"second":"%b",%b,"id":%b,"at":%b,'
_KEPT = _HEAD + b'"question":%b}\n'
_OTHER = _HEAD + b'"account":%b,"address":%b,"place":%b,"answer":%b}\n'
_QUESTIONS = b'{"type":"questions","n":%b,"account":%b,"address":%b,"place":%b,"answer":%b}\n'

_SECOND = timedelta(seconds=1)
_NEVER = datetime.max.replace(tzinfo=UTC)

T = TypeVar("T")
H = TypeVar("H", KeptHits, NewHits)

Recorded: TypeAlias = Callable[[Iterable[Address | None]], list[str | None]]
"""HOT PATH: the texts of some addresses, as far as these are recorded."""
_Given: TypeAlias = tuple[Screened[ResourceFacts], str, Decision]
"""A resource, an action, and what is decided."""


class HitLines:
    """Makes the lines of hits for one segment after another. For one thread."""

    def __init__(
        self,
        worker: str,
        fragments: Fragments,
        recorded: Recorded,
        pause: Callable[[], None],
    ) -> None:
        """`pause` lets other threads on."""
        self._worker = encode(worker)
        self._fragments = fragments
        self._recorded = recorded
        self._pause = pause
        self._questions = SaidNumbers()
        """Those that are kept, by the numbers that they have all the time."""
        self._accounts: Said[Screened[AccountFacts], Screened[AccountFacts], int] = Said()
        self._places: Said[int, Place, int] = Said()
        """By identity: addresses that look alike share it."""
        self._answers: Said[tuple[Screened[ResourceFacts], str, int], _Given, int] = Said()
        """By resource, action, and identity of the decision."""
        self._all: tuple[Said[Any, Any, Any] | SaidNumbers, ...] = (
            self._questions,
            self._accounts,
            self._places,
            self._answers,
        )
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

    def lines(self, hits: Sequence[Hits]) -> tuple[bytes, int]:
        """The lines of some hits, and how many of them hold a text that cannot be written."""
        for said in self._all:
            said.make_room()
        self._said = []
        unfit = 0
        for second, kept in _runs([each for each in hits if isinstance(each, KeptHits)]):
            unfit += self._add_kept(self._head(second, kept[0]), kept)
        for second, others in _runs([each for each in hits if isinstance(each, NewHits)]):
            unfit += self._add_others(self._head(second, others[0]), others)
        return b"".join(self._said), unfit

    def _head(self, second: bytes, first: Hits) -> Sequence[bytes]:
        return self._worker, second, self._fragments.sources(first.sources)

    def _add_kept(self, head: Sequence[bytes], those: Sequence[KeptHits]) -> int:
        """HOT PATH: say hits of questions that are kept; how many could not be said."""
        numbers = _joined([each.numbers for each in those])
        columns: list[list[Any]] = [_ids(those), _microseconds(those), numbers]
        if not self._questions.include(numbers) and (unfit := self._say_questions(those)):
            columns = _only(columns, [number not in unfit for number in numbers])
        for start in range(0, len(columns[0]), LINE_HITS):
            self._said.append(_KEPT % (*head, *[encode(column[start : start + LINE_HITS]) for column in columns]))
        return len(numbers) - len(columns[0])

    def _say_questions(self, those: Iterable[KeptHits]) -> set[int]:
        """Say the questions that are new; the numbers of those that cannot be said."""
        new = dict[int, Settled]()
        for each in those:
            if missing := self._questions.missing(each.numbers):
                asked = zip(each.numbers, each.settled, strict=True)
                new.update((number, settled) for number, settled in asked if number in missing)
        numbers, settled = list(new), list(new.values())
        for start in range(0, len(new), LINE_HITS):
            some = slice(start, start + LINE_HITS)
            columns = self._told([numbers[some]], _columns_of(settled[some]))
            if columns[0]:
                self._said.append(_QUESTIONS % tuple(map(encode, columns)))
                self._questions.add(columns[0])
        return self._questions.missing(numbers)

    def _add_others(self, head: Sequence[bytes], those: Sequence[NewHits]) -> int:
        """HOT PATH: say hits of other questions; how many could not be said."""
        ids, microseconds = _ids(those), _microseconds(those)
        settled = Columns.none()
        for each in those:
            settled.add(each.settled)
        unfit = len(ids)
        for start in range(0, len(ids), LINE_HITS):
            some = slice(start, start + LINE_HITS)
            columns = self._told([ids[some], microseconds[some]], settled.part(some))
            if columns[0]:
                self._said.append(_OTHER % (*head, *map(encode, columns)))
                unfit -= len(columns[0])
        return unfit

    def _told(self, columns: list[list[Any]], settled: Columns) -> list[list[Any]]:
        """These columns, and those of what is told of the questions: of all that can be written."""
        accounts, addresses, places, answers = self._tell(settled)
        columns = [*columns, accounts, addresses, places, answers]
        if UNFIT in accounts or UNFIT in answers:
            return _only(columns, [UNFIT not in each for each in zip(accounts, answers, strict=True)])
        return columns

    def _tell(self, settled: Columns) -> tuple[list[int], list[str | None], list[int], list[int]]:
        """HOT PATH: what the columns hold of questions that are new; what it refers to is said before."""
        accounts, resources, actions, addresses, places, decisions = settled
        answers = list(zip(resources, actions, map(id, decisions), strict=True))
        given = zip(resources, actions, decisions, strict=True)
        columns = (
            self._accounts.column(accounts, accounts, self._say_accounts),
            self._recorded(addresses),
            self._places.column(list(map(id, places)), places, self._say_places),
            self._answers.column(answers, given, self._say_answers),
        )
        if len(accounts) > SAID_AT_ONCE:
            self._pause()
        return columns

    def _say_accounts(self, accounts: Iterable[Screened[AccountFacts]]) -> Iterator[int]:
        for account in accounts:
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

    def _say_places(self, places: Iterable[Place]) -> Iterator[int]:
        for place in places:
            fresh = dict[str, Frozen]()
            location = self._fragments.location(place.location, fresh)
            head = {"address_status": place.status}
            if place.reserved is not None:
                head["reserved"] = place.reserved
            number = self._places.next()
            self._say(b'{"type":"place","n":%d,%b,%b}\n' % (number, encode(head)[1:-1], location), fresh)
            yield number

    def _say_answers(self, given: Iterable[_Given]) -> Iterator[int]:
        for resource, action, decision in given:
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


def _runs(hits: Iterable[H]) -> Iterator[tuple[bytes, list[H]]]:
    """The hits of each second and the same sources."""
    run: list[H] = []
    first = last = _NEVER
    for each in hits:
        if run and (each.sources is not run[0].sources or not first <= each.at < last):
            yield written(first)[:19].encode(), run
            run = []
        if not run:
            first = each.at.replace(microsecond=0)
            last = first + _SECOND
        run.append(each)
    if run:
        yield written(first)[:19].encode(), run


def _columns_of(settled: Iterable[Settled]) -> Columns:
    """What some questions settle, of which there are any."""
    return Columns._make(map(list, zip(*settled, strict=True)))


def _ids(those: Iterable[Hits]) -> list[str]:
    return _joined([each.ids for each in those])


def _microseconds(those: Iterable[Hits]) -> list[int]:
    return _joined([[each.at.microsecond] * len(each.ids) for each in those])


def _joined(parts: Iterable[Sequence[T]]) -> list[T]:
    whole: list[T] = []
    for part in parts:
        whole += part
    return whole


def _only(columns: Iterable[Iterable[Any]], are_meant: Sequence[bool]) -> list[list[Any]]:
    return [list(compress(column, are_meant)) for column in columns]
