"""Which of many blocks an address lies in, the most specific one winning."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

V = TypeVar("V")
Block = tuple[int, int, V]
"""First address, last address, what stands there. Blocks are nested or apart, as networks are."""


class IntervalTable(Generic[V]):
    """A table of blocks, flattened at construction so that a look-up is one binary search."""

    __slots__ = ("_starts", "_values", "blocks")

    def __init__(self, blocks: Iterable[Block[V]]) -> None:
        self.blocks: tuple[Block[V], ...] = tuple(sorted(blocks, key=lambda block: (block[0], -block[1])))
        edges: dict[int, V | None] = {0: None}
        for start, value in _edges(self.blocks):
            edges[start] = value
        self._starts = list(edges)
        self._values = list(edges.values())

    def find(self, address: int) -> V | None:
        """What stands in the smallest block around the address."""
        return self._values[bisect_right(self._starts, address) - 1]


def _edges(blocks: Iterable[Block[V]]) -> Iterator[tuple[int, V | None]]:
    """Where what stands there changes, ascending; a later edge at the same place counts."""
    around: list[tuple[int, V]] = []
    for first, last, value in blocks:
        yield from _closed(around, before=first)
        yield first, value
        around.append((last, value))
    yield from _closed(around, before=1 << 128)


def _closed(around: list[tuple[int, V]], *, before: int) -> Iterator[tuple[int, V | None]]:
    while around and around[-1][0] < before:
        last, _ = around.pop()
        yield last + 1, around[-1][1] if around else None
