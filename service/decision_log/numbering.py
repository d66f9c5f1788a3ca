"""What a segment was told of its hits so far: numbers for what it says once and many hits refer to."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Generic, TypeVar

LIMIT = 65_536
"""Keys of one kind in each of two generations: a scan of all addresses takes no more memory."""
FREED_AT_ONCE = 1_024
"""Keys of one kind that are let go of before another thread is let on: more than come meanwhile."""
UNFIT = 0
"""The number of what cannot be written."""

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")
V = TypeVar("V")


class Said(Generic[K, T, V]):
    """What was said of one kind, by keys that are cheap to look up. For one thread.

    Two generations: what was not asked for since the last but one `age` is forgotten, and said again if need be. It is
    freed little by little: all at once would take tens of milliseconds, in which no other thread goes on.
    """

    def __init__(self) -> None:
        self._forgotten: list[tuple[dict[K, V], list[T]]] = []
        self._young: dict[K, V] = {}
        self._owners: list[T] = []
        """Of keys that are identities: kept alive, so that no other takes them."""
        self._old: tuple[dict[K, V], list[T]] = ({}, [])
        """The generation before, with its owners."""
        self.begin_segment()

    def begin_segment(self) -> None:
        """Nothing is said yet."""
        self._forgotten += [self._old, (self._young, self._owners)]
        self._old, self._young, self._owners = ({}, []), {}, []
        self._unwritten: list[K] = []
        self._last = UNFIT

    def column(self, keys: Sequence[K], owners: Iterable[T], say: Callable[[list[T]], Iterable[V]]) -> list[V]:
        """HOT PATH: what was said of each. `say` says those that are new, of each key one, and gives what was said.

        `owners`: of each key what it is made of, which is kept alive as long as the key. Not looked at if none is new.
        """
        try:
            return list(map(self._young.__getitem__, keys))
        except KeyError:
            young = self._young
            self._learn({key: owner for key, owner in zip(keys, owners, strict=True) if key not in young}, say)
            return list(map(young.__getitem__, keys))

    def next(self) -> int:
        """A number that the segment does not have."""
        self._last += 1
        return self._last

    def written(self) -> None:
        """What was said so far is in the segment."""
        self._unwritten = []

    def lost(self) -> None:
        """What was said since anything was last written is in no segment."""
        for key in self._unwritten:
            self._young.pop(key, None)
            self._old[0].pop(key, None)
        self._unwritten = []

    def age(self) -> None:
        """Begin another generation; what was forgotten before this one is freed."""
        self._forgotten = [self._old]
        self._old, self._young, self._owners = (self._young, self._owners), {}, []

    def make_room(self) -> None:
        """Begin another generation if this one is large, and free some of what is forgotten. Not within a column."""
        if len(self._young) >= LIMIT:
            self.age()
        if self._forgotten:
            said, owners = self._forgotten[-1]
            for _ in range(min(len(said), FREED_AT_ONCE)):
                said.popitem()
            del owners[-FREED_AT_ONCE:]
            if not said and not owners:
                self._forgotten.pop()

    def _learn(self, missing: dict[K, T], say: Callable[[list[T]], Iterable[V]]) -> None:
        """Have the young hold these too: what is old, and what is said now."""
        old = self._old[0]
        for key in missing.keys() & old.keys():
            self._young[key] = old[key]
            self._owners.append(missing.pop(key))
        if not missing:
            return
        self._young.update(zip(missing, say(list(missing.values())), strict=True))
        self._owners.extend(missing.values())
        self._unwritten.extend(missing)


class SaidNumbers:
    """What was said of things that have numbers of their own, which nothing else ever has. For one thread.

    Two generations, as in `Said`; but a number keeps nothing alive.
    """

    def __init__(self) -> None:
        self._forgotten: list[set[int]] = []
        self._young: set[int] = set()
        self._old: set[int] = set()
        self.begin_segment()

    def begin_segment(self) -> None:
        """Nothing is said yet."""
        self._forgotten += [self._old, self._young]
        self._old, self._young = set(), set()
        self._unwritten: list[int] = []

    def include(self, numbers: Iterable[int]) -> bool:
        """HOT PATH: whether all of these are said, and asked for of late."""
        return self._young.issuperset(numbers)

    def missing(self, numbers: Iterable[int]) -> set[int]:
        """Those of these that are not said. The others are asked for of late, from now on."""
        wanted = set(numbers) - self._young
        said = wanted & self._old
        self._young |= said
        return wanted - said

    def add(self, numbers: Sequence[int]) -> None:
        """These are said."""
        self._young.update(numbers)
        self._unwritten.extend(numbers)

    def written(self) -> None:
        """What was said so far is in the segment."""
        self._unwritten = []

    def lost(self) -> None:
        """What was said since anything was last written is in no segment."""
        self._young.difference_update(self._unwritten)
        self._old.difference_update(self._unwritten)
        self._unwritten = []

    def age(self) -> None:
        """Begin another generation; what was forgotten before this one is freed."""
        self._forgotten = [self._old]
        self._old, self._young = self._young, set()

    def make_room(self) -> None:
        """Begin another generation if this one is large, and free some of what is forgotten."""
        if len(self._young) >= LIMIT:
            self.age()
        if self._forgotten:
            said = self._forgotten[-1]
            for _ in range(min(len(said), FREED_AT_ONCE)):
                said.pop()
            if not said:
                self._forgotten.pop()
