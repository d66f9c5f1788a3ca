"""Which facts, as of which change, are still right: what a worker knows of the changes of the record.

Nothing is ever dropped by being told to. Each value says of which change it is and what it depends on; whoever holds
one asks here whether a change since has touched that. Pure, and never raises. Not for several threads at once: it
lives on the event loop.
"""

from collections import OrderedDict
from collections.abc import Collection, Iterable
from typing import TypeAlias

Touched: TypeAlias = tuple[str, str]
"""Subject and id, as the record keeps them: see `storage.database.Subject`."""

ENTITY = "entity"
EVERYTHING = "everything"
OF_FACTS = frozenset(("entity", "account", "resource"))
"""Subjects that facts depend on; rule sets and keys are none."""

IDS_LIMIT = 200_000


class _LastChanges:
    """The number of the last change of each id, in the order of those numbers."""

    def __init__(self) -> None:
        self._last: OrderedDict[str, int] = OrderedDict()  # a dict is slow to lose its oldest key

    def __len__(self) -> int:
        return len(self._last)

    @property
    def oldest(self) -> int:
        return next(iter(self._last.values()))

    def note(self, id: str, seq: int) -> None:
        """The id changed, later than all others."""
        self._last[id] = seq
        self._last.move_to_end(id)

    def forget_oldest(self) -> None:
        self._last.popitem(last=False)

    def forget(self) -> None:
        self._last.clear()

    def has_touched(self, ids: Collection[str], since: int) -> bool:
        """Whether one of the ids changed after that. Takes as long as the smaller: the ids, or the changes since."""
        for steps, (id, seq) in enumerate(reversed(self._last.items())):
            if seq <= since:
                return False
            if id in ids:
                return True
            if steps >= len(ids):
                return any(self._last.get(id, 0) > since for id in ids)
        return False


class ChangeLog:
    """The changes of one epoch: all after `floor`, up to `applied`. Of others it cannot say what they touched."""

    def __init__(self, epoch: str, seq: int, limit: int = IDS_LIMIT) -> None:
        """Nothing is known yet of what came before change `seq`, and nothing has come after it."""
        self.epoch = epoch
        self.floor = seq
        """No value that is older is right, as far as can be told."""
        self.applied = seq
        """The number of the last change that is known."""
        self._limit = limit
        self._changes = {subject: _LastChanges() for subject in OF_FACTS}

    def __len__(self) -> int:
        return sum(map(len, self._changes.values()))

    def apply(self, seq: int, touched: Iterable[Touched]) -> None:
        """Take note of all that one change touched. Changes come in order; one that is known says nothing new."""
        if seq <= self.applied:
            return
        self.applied = seq
        for subject, id in touched:
            if subject == EVERYTHING:
                self._rise(seq)
            elif subject in OF_FACTS:
                self._changes[subject].note(id, seq)
        self._keep_within_limit()

    def holds(self, epoch: str, seq: int, own: Touched, entities: frozenset[str]) -> bool:
        """Whether facts as of change `seq` are still right.

        `own` is the account or resource that they are of, `entities` every entity that they depend on. Facts newer
        than `applied` are right: they are read from the record, which is ahead of this log.
        """
        if epoch != self.epoch or seq < self.floor:
            return False
        subject, id = own
        if self._changes[subject].has_touched((id,), seq):
            return False
        return not self._changes[ENTITY].has_touched(entities, seq)

    def _keep_within_limit(self) -> None:
        while len(self) > self._limit:
            self._rise(min(kept.oldest for kept in self._changes.values() if kept))

    def _rise(self, floor: int) -> None:
        """Values older than this are refused from now on, so changes up to it need not be remembered."""
        self.floor = max(self.floor, floor)
        for kept in self._changes.values():
            while kept and kept.oldest <= self.floor:
                kept.forget_oldest()
