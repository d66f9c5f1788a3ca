"""Follows the changes of the record: each is soon in force here after its commit, or facts are said to be stale.

The database is asked several times a second, and at once on a hint. What was true when a poll began is confirmed from
the moment before its query, once all that it makes old is dropped. Staleness is measured by a clock that never steps.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from service.changelog import ChangeLog
from service.errors import BadRequest, NotCaughtUp, Unavailable
from service.screenings import Touched
from service.storage.changes import Change, Page, changes_after
from service.storage.database import Database, Position

POLL_SECONDS = 0.25
HINT_SECONDS = 0.01
READ_SECONDS = 2.5
"""How long the database may take to say what has changed."""
SILENCE_SECONDS = 2.0
REACH_SECONDS = 1.0
"""How long a request waits for the data that it asks for."""

BEGINNING = Position("", 0)
RULES_AND_KEYS: frozenset[str] = frozenset(("ruleset", "key"))
"""What is read again when it changes; all else is dropped."""


class Listener(Protocol):
    """Puts changes in force."""

    def drop(self, touched: Touched) -> None:
        """Forget what they make old. On the event loop."""

    def drop_everything(self) -> None: ...

    async def take_up(self, subjects: Collection[str]) -> None:
        """Put new rule sets and keys in force."""

    def confirmed(self) -> None:
        """All that was found is in force."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """What time it is, and what no change of the clock moves."""

    now: Callable[[], datetime]
    monotonic: Callable[[], float]


class Follower:
    """How far this process has followed the record."""

    def __init__(self, database: Database, clocks: Clocks, max_staleness: float, threads: Executor) -> None:
        """`max_staleness`: seconds. `database` and `threads` serve whoever decides and nobody else."""
        self._database = database
        self._clocks = clocks
        self._monotonic = clocks.monotonic
        self._max_staleness = max_staleness
        self._threads = threads
        self._loop: asyncio.AbstractEventLoop | None = None
        self._confirmed = float("-inf")
        self._taken_up = float("-inf")
        self._stale_after = float("-inf")
        self._pending: set[str] = set()
        self._taking: asyncio.Task[None] | None = None
        self._hinted = asyncio.Event()
        self._moved = asyncio.Condition()
        self.changes = ChangeLog("", 0)
        self.facts = BEGINNING
        """The last change that no fact here is older than; rules and keys may still be on their way."""
        self.position = BEGINNING
        """The last change that is in force here, whatever it changed."""
        self.confirmed_at: datetime | None = None
        """When nothing newer was known to be missing; None before the first time."""
        self.started_at = clocks.now()
        self._unread = ""
        self._untaken = ""

    @property
    def failure(self) -> str:
        """Why the last poll, or what it found, could not be followed; empty if it could."""
        return self._unread or self._untaken

    @property
    def is_stale(self) -> bool:
        """Whether it has been too long since the record could be confirmed, and what it holds be put in force.

        HOT PATH: asked on every decision.
        """
        return self._monotonic() > self._stale_after

    @property
    def fresh_seconds(self) -> float:
        """How long what is known now may still count."""
        return max(0.0, self._stale_after - self._monotonic())

    @property
    def is_silent(self) -> bool:
        """Whether the database has said nothing for so long that waiting for it helps nobody."""
        return self._monotonic() - self._confirmed > SILENCE_SECONDS

    def hint(self) -> None:
        """Have the database asked at once: something may have changed. From any thread."""
        if self._loop is not None and not self._loop.is_closed():
            with suppress(RuntimeError):  # it was closed meanwhile
                self._loop.call_soon_threadsafe(self._hinted.set)

    async def run(self, listener: Listener) -> None:
        """Poll until cancelled; whatever fails is tried again, and a rule set that takes long holds up nothing else."""
        self._loop = asyncio.get_running_loop()
        while True:
            await self._look(listener)
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS):
                    await self._hinted.wait()
                    await asyncio.sleep(HINT_SECONDS)  # many hints are one
            self._hinted.clear()

    async def poll(self, listener: Listener) -> bool:
        """Put in force what has changed; False if that could not be found out, or not be done."""
        await self._look(listener)
        if self._taking is not None:
            await self._taking
        return not self.failure

    async def _look(self, listener: Listener) -> None:
        began, began_at = self._monotonic(), self._clocks.now()
        try:
            page = await self._page()
            self._forget(page, listener)
            self.confirmed_at, self._unread = began_at, ""
            self._trust(confirmed=began)
            self._begin_to_take_up(page, listener, began)
            listener.confirmed()
        except Exception as error:  # whatever it is, following goes on, and staleness says the rest
            self._unread = str(error) or type(error).__name__
        async with self._moved:
            self._moved.notify_all()

    async def _page(self) -> Page:
        """What has changed. A database that is frozen is left: its connections are broken off, and made anew."""
        try:
            async with asyncio.timeout(READ_SECONDS):
                return await asyncio.get_running_loop().run_in_executor(self._threads, self._read)
        except TimeoutError:
            self._database.abort()
            raise Unavailable("the database does not answer in time") from None

    def _read(self) -> Page:
        with self._database.reading() as connection:
            return changes_after(connection, self.facts)

    def _forget(self, page: Page, listener: Listener) -> None:
        """From here on nothing is used that these changes make old."""
        if page.is_anew:
            self.changes = ChangeLog(page.position.epoch, page.since)
        self._note(page)
        touched = _touched(page.changes)
        if page.is_anew or "everything" in touched:
            listener.drop_everything()
        elif touched:
            listener.drop(touched)
        self._pending |= {"ruleset", "key"} if page.is_anew else RULES_AND_KEYS & touched.keys()
        self.facts = page.position

    def _begin_to_take_up(self, page: Page, listener: Listener, began: float) -> None:
        """Put in force what is new, beside all else; the position moves when that is done, and not before."""
        if self.position == BEGINNING and self._taken_up < 0:
            self._trust(taken_up=began)  # there is nothing old here that could be in force
        if self._taking is not None and not self._taking.done():
            return
        if self._pending:
            self._taking = asyncio.create_task(self._take_up(listener, began))
        else:
            self.position = page.position
            self._trust(taken_up=began)

    def _trust(self, *, confirmed: float | None = None, taken_up: float | None = None) -> None:
        """Say as of when all changes were known, or in force: what is here counts for so long after the earlier."""
        self._confirmed = self._confirmed if confirmed is None else confirmed
        self._taken_up = self._taken_up if taken_up is None else taken_up
        self._stale_after = min(self._confirmed, self._taken_up) + self._max_staleness

    async def _take_up(self, listener: Listener, began: float) -> None:
        pending, upto = self._pending, self.facts
        self._pending = set()
        try:
            await listener.take_up(pending)
        except Exception as error:
            self._pending |= pending
            self._untaken = str(error) or type(error).__name__
            return
        self.position, self._untaken = upto, ""
        self._trust(taken_up=began)
        listener.confirmed()
        async with self._moved:
            self._moved.notify_all()

    def _note(self, page: Page) -> None:
        """Tell the log of changes, those without a trace too."""
        by_seq: dict[int, list[tuple[str, str]]] = {}
        for change in page.changes:
            by_seq.setdefault(change.seq, []).append((change.subject, change.id))
        for seq, ids in by_seq.items():
            self.changes.apply(seq, ids)
        self.changes.apply(page.position.seq, ())

    async def reach(self, token: str) -> None:
        """Wait until the change of this token is in force here.

        Raises:
            BadRequest: it is no token of this database.
            NotCaughtUp: it is not in force in time.
        """
        wanted = self._wanted(token)
        if self._has_reached(wanted):
            return
        self.hint()
        try:
            async with asyncio.timeout(REACH_SECONDS), self._moved:
                await self._moved.wait_for(lambda: self._has_reached(wanted))
        except TimeoutError:
            raise NotCaughtUp(f"the data here has not reached `{token}` yet: ask again") from None

    def _has_reached(self, wanted: Position) -> bool:
        return self.position.epoch == wanted.epoch and self.position.seq >= wanted.seq

    def _wanted(self, token: str) -> Position:
        epoch, _, number = token.rpartition(".")
        if not number.isascii() or not number.isdigit() or len(number) > 18:
            raise BadRequest(f"`{token}` is not a position: give what a write answered with")
        if epoch != self.facts.epoch:
            raise NotCaughtUp(f"`{token}` is a position of another database, or of a time before a restore")
        return Position(epoch, int(number))


def _touched(changes: Iterable[Change]) -> dict[str, set[str]]:
    touched: dict[str, set[str]] = {}
    for change in changes:
        touched.setdefault(change.subject, set()).add(change.id)
    return touched
