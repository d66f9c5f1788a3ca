"""Where facts come from that a test lays out itself: it says how large they are, and when they are read."""

import asyncio
import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from rules.facts import Account, AccountId
from service.dossiers import Dossier
from service.misses import Key
from service.storage.closure import TooMuch


def account(id: str) -> Key:
    return "account", id


@dataclass(slots=True)
class Shelf:
    """Knows every account, and reads none before it may."""

    sizes: Mapping[str, int] = field(default_factory=dict)
    """How many entities an account reaches; others reach one."""
    shut: set[str] = field(default_factory=set)
    """Accounts that nobody has read before `opened`."""
    opened: threading.Event = field(default_factory=threading.Event)
    faults: int = 0
    """So many readings fail."""
    is_old: bool = False
    """A change is ahead of everything that is read."""
    is_silent: bool = False
    at_hand: set[str] = field(default_factory=set)
    """Accounts that others left."""
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)
    """What others left is not found before it is set; it is, to begin with."""
    asked: list[tuple[str, ...]] = field(default_factory=list)
    """What others were asked for, together."""
    readings: list[tuple[str, ...]] = field(default_factory=list)
    """What was read, together."""
    kept: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.may_answer.set()

    async def remembered(self, keys: Sequence[Key]) -> Mapping[Key, Dossier]:
        self.asked.append(tuple(id for _, id in keys))
        await self.may_answer.wait()
        return {key: _dossier(key[1]) for key in keys if key[1] in self.at_hand}

    def read(self, keys: Collection[Key], at_most: int | None) -> Mapping[Key, Dossier]:
        ids = tuple(id for _, id in keys)
        self.readings.append(ids)
        if at_most is not None and sum(self.sizes.get(id, 1) for id in ids) > at_most:
            raise TooMuch
        if self.shut.intersection(ids):
            assert self.opened.wait(10)
        if self.faults > 0:
            self.faults -= 1
            raise OSError("the disk is on fire")
        return {key: _dossier(key[1]) for key in keys}

    def holds(self, dossier: Dossier) -> bool:
        return not self.is_old

    def keep(self, key: Key, dossier: Dossier) -> None:
        self.kept.append(key[1])


def _dossier(id: str) -> Dossier:
    return Dossier("e0", 1, Account(AccountId(id)))
