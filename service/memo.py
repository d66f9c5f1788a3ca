"""Memos within a bound of bytes, kept so that a scan of keys that never come again pushes out nothing that does.

S3-FIFO (Yang, Zhang, Qiu, Yue and Rashmi, "FIFO queues are all you need for cache eviction", SOSP 2023): what is new
waits in a small queue, and goes on to the main one only if it is asked for there; of what does not, the key is
remembered for a while, and goes to the main queue if it comes back. What is hit is not moved: only its visits are
counted, up to three. Several memos may share one bound. Never more than the bound, by the sizes that it is told.

Not for several threads at once: it lives on the event loop.
"""

from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
K_contra = TypeVar("K_contra", bound=Hashable, contravariant=True)
V_contra = TypeVar("V_contra", contravariant=True)

MOST_VISITS = 3
"""Visits are counted up to here: two bits."""
VISITS_TO_MAIN = 2
"""So many in the small queue let a cell go on to the main one."""
SMALL_PART = 10
"""The small queue is one part in so many."""
LARGEST_PART = 4
"""What is larger than one part in so many of the bound is not kept: it would push out too much."""
CHANCES = 128
"""So many cells are given another chance before one goes whatever its visits: nobody waits for a whole round."""

FEW = 64
"""So many cells that are gone may wait in a queue."""

GONE, SMALL, MAIN = range(3)
"""Where a cell may be."""

CELL_BYTES = 208
"""About what a cell takes with its places in the table and the queue, apart from its key and its value."""
GHOST_BYTES = 104
"""About what the memory of a key that is gone takes."""


class Cell(Generic[V]):
    """One value and how often it was asked for."""

    __slots__ = ("key", "place", "size_bytes", "table", "value", "visits")

    def __init__(self, key: Hashable, value: V, size_bytes: int, table: int) -> None:
        self.key = key
        self.value = value
        """INVARIANT: of a cell that a memo holds, it never changes; one that is gone has none."""
        self.visits = 0
        """Of late. INVARIANT: whoever raises it stops at `MOST_VISITS`."""
        self.size_bytes = size_bytes
        self.table = table
        """Number of the memo that it is of."""
        self.place = GONE
        """Number of the queue that it waits in; `GONE` once no memo holds it, whatever took it away.

        INVARIANT: cells refer to nothing that refers to them, so that a memo that is let go is freed at once.
        """


class Index(Protocol[K_contra, V_contra]):
    """Is told what a memo holds."""

    def added(self, key: K_contra, value: V_contra) -> None: ...

    def removed(self, key: K_contra, value: V_contra) -> None: ...

    def cleared(self) -> None: ...


class NoIndex:
    """Is not interested."""

    def added(self, key: object, value: object) -> None:
        """Do nothing."""

    def removed(self, key: object, value: object) -> None:
        """Do nothing."""

    def cleared(self) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True)
class MemoState:
    """How full memos are, and what became of what was in them."""

    entries: int
    size_bytes: int
    limit_bytes: int
    misses: int
    evictions: int
    """Entries that went for others to come; those that a change dropped are not counted."""


class _Queue:
    """Cells in the order they came; those that were dropped are passed over, and swept out before they are the most."""

    __slots__ = ("_cells", "_gone", "_number", "size_bytes")

    def __init__(self, number: int) -> None:
        self._number = number
        self._gone = 0
        self._cells: deque[Cell[Any]] = deque()
        self.size_bytes = 0

    def push(self, cell: Cell[Any]) -> None:
        self._cells.append(cell)
        self.size_bytes += cell.size_bytes
        cell.place = self._number

    def pop(self) -> Cell[Any] | None:
        """Take out the cell that came first; None if there is none."""
        while self._cells:
            cell = self._cells.popleft()
            if cell.place == self._number:
                self.size_bytes -= cell.size_bytes
                cell.place = GONE
                return cell
            self._gone -= 1
        return None

    def leave(self, cell: Cell[Any]) -> None:
        """Count a cell as gone."""
        cell.place = GONE
        self.size_bytes -= cell.size_bytes
        self._gone += 1
        if self._gone > FEW and self._gone * 2 > len(self._cells):
            self._cells = deque(cell for cell in self._cells if cell.place == self._number)
            self._gone = 0


class Goings:
    """How many cells have gone from the bounds that share it: while the count stays, none has."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0


@dataclass(frozen=True, slots=True)
class _Table:
    cells: dict[Any, Cell[Any]]
    index: Index[Any, Any]


class Bound:
    """So many bytes, for all memos that share it."""

    def __init__(self, limit_bytes: int, goings: Goings | None = None) -> None:
        self.limit_bytes = limit_bytes
        self.goings = goings or Goings()
        self.largest_bytes = limit_bytes // LARGEST_PART
        self.evictions = 0
        self._tables: list[_Table] = []
        self._count = 0
        self._small, self._main = _Queue(SMALL), _Queue(MAIN)
        self._ghosts: deque[int] = deque()
        self._remembered: set[int] = set()
        """Hashes of keys: two that share one harm nobody."""

    def __len__(self) -> int:
        return self._count

    @property
    def size_bytes(self) -> int:
        return self._small.size_bytes + self._main.size_bytes + GHOST_BYTES * len(self._ghosts)

    def join(self, cells: dict[Any, Cell[Any]], index: Index[Any, Any]) -> int:
        """Keep the cells of one more memo within this bound; its number."""
        self._tables.append(_Table(cells, index))
        return len(self._tables) - 1

    def admit(self, cell: Cell[Any]) -> None:
        """Make room for a new cell, and let it in: to the main queue if it was here of late."""
        self._make_room(cell.size_bytes)
        self._count += 1
        mark = hash(cell.key)
        if mark in self._remembered:
            self._remembered.discard(mark)
            self._main.push(cell)
        elif (self._small.size_bytes + cell.size_bytes) * SMALL_PART > self.limit_bytes and self._has_room(cell):
            # As the paper's authors do by now: what fills an empty memo need not pass through the small queue.
            self._main.push(cell)
        else:
            self._small.push(cell)

    def replace(self, old: Cell[Any], cell: Cell[Any]) -> None:
        """Let a cell in for another of the same key; it may have to go at once."""
        queue = self._queue(old)
        queue.leave(old)
        self.goings.count += 1
        cell.visits = old.visits
        queue.push(cell)
        self._make_room(0)

    def release(self, cell: Cell[Any]) -> None:
        """Count a cell as gone that was dropped."""
        self._queue(cell).leave(cell)
        self._count -= 1
        self.goings.count += 1
        self._trim_ghosts()

    def _queue(self, cell: Cell[Any]) -> _Queue:
        return self._small if cell.place == SMALL else self._main

    def _has_room(self, cell: Cell[Any]) -> bool:
        return not self.evictions and self.size_bytes + cell.size_bytes <= self.limit_bytes

    def _make_room(self, needed_bytes: int) -> None:
        chances = CHANCES
        while self._count and self.size_bytes + needed_bytes > self.limit_bytes:
            is_small_full = self._small.size_bytes * SMALL_PART >= self.limit_bytes
            if is_small_full or not self._main.size_bytes:
                self._pass_on()
            elif self._pass_by(is_last=not chances):
                chances = CHANCES
            else:
                chances -= 1

    def _pass_on(self) -> None:
        """Let the first of the small queue go, or go on to the main one."""
        cell = self._small.pop()
        if cell is None:
            return
        if cell.visits >= VISITS_TO_MAIN:
            cell.visits = 0
            self._main.push(cell)
        else:
            self._evict(cell, is_remembered=True)

    def _pass_by(self, *, is_last: bool) -> bool:
        """Let the first of the main queue go, or begin anew with a visit less; whether it is gone."""
        cell = self._main.pop()
        if cell is None:
            return False
        if cell.visits and not is_last:
            cell.visits -= 1
            self._main.push(cell)
            return False
        self._evict(cell, is_remembered=is_last)
        return True

    def _evict(self, cell: Cell[Any], *, is_remembered: bool) -> None:
        self.evictions += 1
        self._count -= 1
        self.goings.count += 1
        table = self._tables[cell.table]
        del table.cells[cell.key]
        if is_remembered:
            mark = hash(cell.key)
            self._remembered.add(mark)
            self._ghosts.append(mark)
        self._trim_ghosts()
        table.index.removed(cell.key, cell.value)
        del cell.value  # somebody may hold the cell, to see whether it is gone

    def _trim_ghosts(self) -> None:
        """As many keys are remembered as there are cells, at most."""
        while len(self._ghosts) > self._count:
            self._remembered.discard(self._ghosts.popleft())


class Memo(Generic[K, V]):
    """Values by key, as many as its bound has room for."""

    def __init__(self, bound: Bound, index: Index[K, V] | None = None) -> None:
        self._cells: dict[K, Cell[V]] = {}
        self._index: Index[K, V] = NoIndex() if index is None else index
        self._bound = bound
        self._table = bound.join(self._cells, self._index)
        self.find: Callable[[K], Cell[V] | None] = self._cells.get
        """HOT PATH: the cell of a key, if there is one. Whoever uses its value counts the visit: see `get`."""

    def __len__(self) -> int:
        return len(self._cells)

    @property
    def size_bytes(self) -> int:
        """Of its cells, what they take for the bound."""
        return sum(cell.size_bytes for cell in self._cells.values())

    def get(self, key: K) -> V | None:
        """HOT PATH: the value put last, if it is still here."""
        cell = self.find(key)
        if cell is None:
            return None
        if cell.visits < MOST_VISITS:
            cell.visits += 1
        return cell.value

    def put(self, key: K, value: V, size_bytes: int) -> None:
        """Keep a value of so many bytes, key included, if there can be room for it; in any case not the one before."""
        self.keep(key, value, size_bytes)

    def keep(self, key: K, value: V, size_bytes: int) -> Cell[V]:
        """The same; and the cell, which is gone at once if there can be no room for it."""
        size_bytes += CELL_BYTES
        old, cell = self._cells.get(key), Cell(key, value, size_bytes, self._table)
        if size_bytes > self._bound.largest_bytes:
            self.drop(key)
        elif old is None:
            self._bound.admit(cell)
            self._cells[key] = cell
            self._index.added(key, value)
        else:
            self._index.removed(key, old.value)
            del old.value
            self._cells[key] = cell
            self._index.added(key, value)
            self._bound.replace(old, cell)
        return cell

    def drop(self, key: K) -> None:
        """Forget the value of a key, if there is one."""
        cell = self._cells.pop(key, None)
        if cell is not None:
            self._bound.release(cell)
            self._index.removed(key, cell.value)
            del cell.value  # its queue holds the cell for a while yet

    def clear(self) -> None:
        """Forget everything."""
        cells = list(self._cells.values())
        self._cells.clear()
        for cell in cells:
            self._bound.release(cell)
            del cell.value
        self._index.cleared()
