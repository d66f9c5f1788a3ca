"""Writes refused credentials into the audit record, so that neither a flood of them nor an outage holds up a request.

Refusals within one moment that are alike are one entry, with their number. The entries of one moment are few, whoever
sends what, and under a flood the moments grow longer.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol, TypeAlias

from service.storage import audit
from service.storage.database import Database, Unavailable
from service.storage.key_records import text_of

ENTRIES_LIMIT = 20
"""Kinds that are told apart within one moment; the rest count as one."""
CLAIMED_LIMIT = 5
"""Ids of keys that one entry names."""
MOMENT_SECONDS = 1.0
LONGEST_MOMENT_SECONDS = 30.0

UNKNOWN = "unknown"
"""The actor of an entry before it is known who it is."""
ELSEWHERE = audit.Entry(UNKNOWN, "auth.refused", "", reason="more refusals than are told apart")
"""What stands for all beyond the limit."""


Kind: TypeAlias = tuple[str, str, str, str, str]


class OnRefused(Protocol):
    """Is told of every refused credential, and never blocks."""

    def __call__(self, reason: str, peer: str, claimed: str) -> None: ...


@dataclass(slots=True)
class _Refused:
    """Refusals that are alike."""

    entry: audit.Entry

    first: datetime
    last: datetime
    count: int = 0
    claimed: set[str] = field(default_factory=set)

    def add(self, at: datetime, claimed: str, count: int = 1) -> None:
        self.first, self.last = min(self.first, at), max(self.last, at)
        self.count += count
        if claimed and len(self.claimed) < CLAIMED_LIMIT:
            self.claimed.add(claimed)

    def counted(self) -> audit.Entry:
        """The one entry that stands for all of them."""
        after: dict[str, object] = {
            "count": self.count,
            "first": text_of(self.first),
            "last": text_of(self.last),
        }
        if self.claimed:
            after["claimed"] = sorted(self.claimed)
        return replace(self.entry, after=after)


class RefusalWriter:
    """Gathers refusals in memory and writes them from a thread of its own."""

    def __init__(self, database: Database, clock: Callable[[], datetime], failed: Callable[[Exception], None]) -> None:
        """`failed` is told of what keeps the writer from writing; outages pass by themselves and are not told."""
        self._database = database
        self._clock = clock
        self._failed = failed
        self._lock = threading.Lock()
        self._pending: dict[Kind, _Refused] = {}
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None

    def __call__(self, reason: str, peer: str, claimed: str) -> None:
        """Remember a refused credential. `claimed`: whose it says it is, if anybody's."""
        self._remember(audit.Entry(UNKNOWN, "auth.refused", "", address=peer, reason=reason), claimed)

    def refuse(self, entry: audit.Entry) -> None:
        """Remember a refusal of any other kind; its `before` and `after` are not kept."""
        self._remember(entry, "")

    def _remember(self, entry: audit.Entry, claimed: str) -> None:
        at = self._clock()
        with self._lock:
            self._alike(entry, at).add(at, claimed)

    def _alike(self, entry: audit.Entry, at: datetime) -> _Refused:
        if _kind(entry) not in self._pending and len(self._pending) >= ENTRIES_LIMIT:
            entry = ELSEWHERE
        return self._pending.setdefault(_kind(entry), _Refused(entry, at, at))

    def start(self) -> None:
        """Begin to write."""
        self._thread = threading.Thread(target=self._run, name="refusals", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Write what is left, and end."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        moment = MOMENT_SECONDS
        while not self._ending.wait(moment):
            written = self._try_flush()
            moment = min(moment * 2, LONGEST_MOMENT_SECONDS) if written >= ENTRIES_LIMIT else MOMENT_SECONDS
        self._try_flush()

    def _try_flush(self) -> int:
        try:
            return self.flush()
        except Unavailable:
            return 0
        except Exception as error:
            self._failed(error)
            return 0

    def flush(self) -> int:
        """Write what has gathered, and return how many entries that took.

        Raises:
            Unavailable: the database cannot be reached; nothing is lost.
        """
        with self._lock:
            gathered, self._pending = self._pending, {}
        if not gathered:
            return 0
        try:
            self._write(gathered)
        except Unavailable:
            self._take_back(gathered)
            raise
        return len(gathered)

    def _write(self, gathered: dict[Kind, _Refused]) -> None:
        with self._database.writing() as writing:
            at = self._clock()
            for refused in gathered.values():
                audit.append(writing.connection, refused.counted(), at)

    def _take_back(self, gathered: dict[Kind, _Refused]) -> None:
        with self._lock:
            for refused in gathered.values():
                kept = self._alike(refused.entry, refused.first)
                kept.add(refused.last, "", refused.count)
                kept.claimed |= refused.claimed


def _kind(entry: audit.Entry) -> Kind:
    return entry.actor, entry.action, entry.object, entry.address, entry.reason
