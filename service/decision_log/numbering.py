"""Numbers for what a segment says once and many hits refer to."""

from collections.abc import Callable, Hashable, Iterable

LIMIT = 65_536
"""Numbers of one kind in each of two generations: a scan of all addresses takes no more memory."""
UNFIT = 0
"""The number of what cannot be written."""


class Numbers:
    """The numbers of one kind, by keys that are cheap to look up. For one thread.

    Two generations: what was not asked for since the last but one `age` is forgotten, and said again if need be.
    """

    def __init__(self) -> None:
        self.begin_segment()

    def begin_segment(self) -> None:
        """Nothing is said yet."""
        self._young: dict[Hashable, int] = {}
        self._old: dict[Hashable, int] = {}
        self._owners: tuple[list[object], list[object]] = ([], [])
        """Of keys that are identities, young and old: kept alive, so that no other takes them."""
        self._unwritten: list[Hashable] = []
        self._last = UNFIT
        self.has_unfit = False
        """Whether there is anything that cannot be written."""

    def column(self, keys: Callable[[], Iterable[Hashable]], say: Callable[[int], None]) -> list[int]:
        """HOT PATH: a number for each key. `say` gives one to the key in that place; it must `keep` it."""
        try:
            return list(map(self._young.__getitem__, keys()))
        except KeyError:
            for place, key in enumerate(keys()):
                if key not in self._young:
                    say(place)
            return list(map(self._young.__getitem__, keys()))

    def known(self, key: Hashable, owner: object = None) -> bool:
        """Whether the key has a number; it belongs to the young from now on."""
        if key not in self._young and key in self._old:
            self._young[key] = self._old[key]
            self._owners[0].append(owner)
        return key in self._young

    def next(self) -> int:
        """A number that the segment does not have."""
        self._last += 1
        return self._last

    def keep(self, number: int, key: Hashable, owner: object = None) -> None:
        """Have a key stand for what was said under a number."""
        self._young[key] = number
        self._owners[0].append(owner)
        self._unwritten.append(key)
        self.has_unfit = self.has_unfit or number == UNFIT

    def number(self, key: Hashable) -> int:
        """The number of a key that is known."""
        return self._young[key]

    def written(self) -> None:
        """What was said so far is in the segment."""
        self._unwritten = []

    def lost(self) -> None:
        """What was said since anything was last written is in no segment."""
        for key in self._unwritten:
            self._young.pop(key, None)
            self._old.pop(key, None)
        self._unwritten = []

    def age(self) -> None:
        """Begin another generation."""
        self._old, self._young = self._young, {}
        self._owners = ([], self._owners[0])

    def make_room(self) -> None:
        """Begin another generation if this one is large. Never while a column is made."""
        if len(self._young) >= LIMIT:
            self.age()
