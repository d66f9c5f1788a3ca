"""What the worker's own memo answers of Zipf's traffic, by its size: simulated with the class that the worker uses.

Beside it stands what the model says, so that the one can be held against the other: `scale_traffic`.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from loadtests.scale_traffic import zipf
from service.memo import CELL_BYTES, Bound, Memo

SEED = 20_261_122
WINDOW = 50_000
SETTLED = 0.99
"""A memo is warm once it answers so much of what it answers in the end."""


@dataclass(frozen=True, slots=True)
class Simulated:
    """One memo under one traffic."""

    room: int
    """Accounts that it has room for, had it nothing else to remember."""
    hits: float
    """The part that it answered in the last third of the traffic."""
    modelled: float
    best: float
    """What no memo of that size does better than."""
    warm_after: int
    """Requests until it answered nearly as much for the first time, from empty."""


def simulate(accounts: int, exponent: float, room: int, requests: int, entry_bytes: int) -> Simulated:
    """So many requests through one memo."""
    memo: Memo[int, None] = Memo(Bound(room * (entry_bytes + CELL_BYTES)))
    parts = [_through(memo, drawn, entry_bytes) for drawn in _drawn(accounts, exponent, requests)]
    hits = sum(parts[-len(parts) // 3 :]) / len(parts[-len(parts) // 3 :])
    warm = next(number for number, part in enumerate(parts, 1) if part >= SETTLED * hits)
    popularity = zipf(accounts, exponent)
    return Simulated(room, hits, popularity.memo_hits(room), popularity.most_popular(room), warm * WINDOW)


def _through(memo: Memo[int, None], drawn: Sequence[int], entry_bytes: int) -> float:
    hits = 0
    for rank in drawn:
        cell = memo.find(rank)
        if cell is None:
            memo.put(rank, None, entry_bytes)
        else:
            hits += 1
            cell.visits = min(3, cell.visits + 1)
    return hits / len(drawn)


def _drawn(accounts: int, exponent: float, requests: int) -> Iterator[list[int]]:
    """Ranks by chance, a window at a time."""
    chance = random.Random(SEED)
    weights = list(accumulate(rank**-exponent for rank in range(1, accounts + 1)))
    ranks = range(accounts)
    for _ in range(max(3, requests // WINDOW)):
        yield chance.choices(ranks, cum_weights=weights, k=WINDOW)
