"""The memo: within its bound whatever happens, and kept by a scan that pushes out everything elsewhere."""

import gc
import random
import weakref
from collections import OrderedDict
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.memo import CELL_BYTES, CHANCES, GONE, MOST_VISITS, Bound, Cell, Goings, Memo

CELL = 1_000
VALUE = CELL - CELL_BYTES
"""So that a cell takes a thousand bytes."""


def memo_of(cells: int) -> tuple[Bound, Memo[str, str]]:
    bound = Bound(cells * CELL)
    return bound, Memo(bound)


def ask(memo: Memo[str, str], keys: Iterable[str], size_bytes: int = VALUE) -> int:
    """Ask for each, and put what is missing; how many were there."""
    hits = 0
    for key in keys:
        if memo.get(key) is None:
            memo.put(key, key, size_bytes)
        else:
            hits += 1
    return hits


def numbered(name: str, count: int) -> list[str]:
    return [f"{name}-{number}" for number in range(count)]


def held(memo: Memo[str, str], keys: Iterable[str]) -> list[str]:
    """Those that are there; looking is no visit."""
    return [key for key in keys if memo.find(key) is not None]


def test_a_scan_of_keys_that_never_come_again_leaves_what_does() -> None:
    _, memo = memo_of(100)
    hot = numbered("hot", 50)
    for _ in range(4):
        ask(memo, hot)
    ask(memo, numbered("scan", 10_000))
    assert held(memo, hot) == hot


def test_a_scan_leaves_what_came_back_even_if_the_memo_was_full_before_it_came() -> None:
    _, memo = memo_of(100)
    ask(memo, numbered("before", 1_000))
    hot = numbered("hot", 50)
    for _ in range(3):  # new, remembered as gone, and back
        ask(memo, hot)
    ask(memo, numbered("scan", 10_000))
    assert held(memo, hot) == hot


@pytest.mark.parametrize(("visits", "stays"), [(0, False), (1, False), (2, True), (3, True), (9, True)])
def test_what_is_new_stays_if_it_is_asked_for_twice_while_it_waits(visits: int, stays: bool) -> None:
    _, memo = memo_of(100)
    ask(memo, numbered("before", 200))
    memo.put("new", "new", VALUE)
    for _ in range(visits):
        memo.get("new")
    ask(memo, numbered("scan", 200))
    assert bool(held(memo, ["new"])) is stays


def test_a_key_that_comes_back_soon_is_kept_like_one_that_was_asked_for() -> None:
    _, memo = memo_of(100)
    ask(memo, numbered("before", 200))
    memo.put("back", "back", VALUE)
    ask(memo, numbered("scan", 30))
    assert not held(memo, ["back"])
    memo.put("back", "back", VALUE)
    ask(memo, numbered("other scan", 1_000))
    assert held(memo, ["back"])


def test_a_key_that_comes_back_late_is_like_a_new_one() -> None:
    _, memo = memo_of(100)
    memo.put("back", "back", VALUE)
    ask(memo, numbered("scan", 1_000))
    memo.put("back", "back", VALUE)
    ask(memo, numbered("other scan", 100))
    assert not held(memo, ["back"])


def test_visits_are_counted_up_to_three() -> None:
    _, memo = memo_of(10)
    memo.put("key", "value", VALUE)
    for expected in (1, 2, 3, 3, 3):
        memo.get("key")
        cell = memo.find("key")
        assert cell is not None
        assert cell.visits == min(expected, MOST_VISITS)


def test_nobody_waits_until_every_cell_has_had_its_chance() -> None:
    _, memo = memo_of(2_000)
    hot = numbered("hot", 1_900)
    for _ in range(5):
        ask(memo, hot)
    visits = sum(cell.visits for key in hot if (cell := memo.find(key)))
    # Each of these comes back from where it was remembered, so that the main queue must make room.
    for key in [*numbered("new", 250), *numbered("new", 250)]:
        before = visits
        ask(memo, [key])
        visits = sum(cell.visits for key in hot if (cell := memo.find(key)))
        assert before - visits <= 3 * (CHANCES + MOST_VISITS)


def test_what_is_too_large_is_not_kept_nor_is_what_it_replaces() -> None:
    bound, memo = memo_of(100)
    hot = numbered("hot", 50)
    ask(memo, hot)
    memo.put("hot-0", "huge", 100 * CELL)
    assert held(memo, hot) == hot[1:]
    assert bound.size_bytes == 49 * CELL


def test_what_grows_in_its_place_makes_room() -> None:
    bound, memo = memo_of(100)
    ask(memo, numbered("key", 90))
    memo.put("key-0", "larger", 20 * CELL)
    assert bound.size_bytes <= bound.limit_bytes
    assert memo.get("key-0") in (None, "larger")
    assert len(memo) < 90


def test_what_is_replaced_keeps_its_place_and_what_is_dropped_gives_room() -> None:
    bound, memo = memo_of(100)
    for number in range(1_000):
        memo.put("key", str(number), VALUE)
    assert (memo.get("key"), len(memo), bound.size_bytes) == ("999", 1, CELL)
    for number in range(1_000):
        memo.put("other", str(number), VALUE)
        memo.drop("other")
    assert (len(memo), len(bound), bound.size_bytes, bound.evictions) == (1, 1, CELL, 0)


def test_two_memos_share_a_bound_and_never_a_key() -> None:
    bound = Bound(100 * CELL)
    one: Memo[str, str] = Memo(bound)
    other: Memo[str, str] = Memo(bound)
    one.put("key", "one", VALUE)
    other.put("key", "other", VALUE)
    assert (one.get("key"), other.get("key")) == ("one", "other")
    ask(other, numbered("other", 1_000))
    assert len(one) + len(other) == len(bound) <= 100
    other.clear()
    assert (one.get("missing"), len(other), len(bound)) == (None, 0, len(one))


class Value:
    """Something that can be watched."""


def test_a_memo_that_is_let_go_is_freed_at_once() -> None:
    memo: Memo[str, Value] = Memo(Bound(100 * CELL))
    value = Value()
    watched = weakref.ref(value)
    memo.put("key", value, VALUE)
    gc.disable()
    try:
        del value, memo
        assert watched() is None
    finally:
        gc.enable()


def test_what_is_dropped_replaced_or_cleared_is_freed_at_once() -> None:
    memo: Memo[str, Value] = Memo(Bound(100 * CELL))
    watched = []
    for key in ("dropped", "replaced", "cleared"):
        value = Value()
        watched.append(weakref.ref(value))
        memo.put(key, value, VALUE)
    del value
    memo.drop("dropped")
    memo.put("replaced", Value(), VALUE)
    assert [each() is None for each in watched] == [True, True, False]
    memo.clear()
    assert [each() is None for each in watched] == [True, True, True]


def test_a_cell_that_made_room_says_that_it_is_gone_and_holds_nothing() -> None:
    _, memo = memo_of(100)
    ask(memo, ["first"])
    cell = memo.find("first")
    assert cell is not None
    assert cell.place != GONE
    ask(memo, numbered("scan", 1_000))
    assert (cell.place, hasattr(cell, "value")) == (GONE, False)


def test_a_cell_whose_key_has_another_value_is_gone() -> None:
    _, memo = memo_of(100)
    ask(memo, ["key"])
    before = memo.find("key")
    memo.put("key", "other", VALUE)
    after = memo.find("key")
    assert before is not None
    assert after is not None
    assert (before.place, after.place != GONE, after.value) == (GONE, True, "other")


class Mirror:
    """An index that keeps what it is told."""

    def __init__(self) -> None:
        self.held: dict[str, int] = {}

    def added(self, key: str, value: int) -> None:
        assert key not in self.held
        self.held[key] = value

    def removed(self, key: str, value: int) -> None:
        assert self.held.pop(key) == value

    def cleared(self) -> None:
        self.held.clear()


def cells_of(memo: Memo[str, int], mirror: Mirror) -> list[Cell[int]]:
    """Those of all that the memo holds."""
    return [cell for key in mirror.held if (cell := memo.find(key))]


def test_bounds_may_share_a_count_of_goings() -> None:
    goings = Goings()
    one, other = (Memo[str, str](Bound(10 * CELL, goings)) for _ in range(2))
    for memo in (one, other):
        memo.put("one", "one", VALUE)
        memo.put("two", "two", VALUE)
    assert goings.count == 0
    one.put("one", "another", VALUE)
    assert goings.count == 1
    other.drop("one")
    assert goings.count == 2
    other.drop("one")
    assert goings.count == 2
    one.clear()
    assert goings.count == 4


keys = st.sampled_from([f"k{number}" for number in range(12)])
steps = st.one_of(
    st.tuples(st.just("put"), st.booleans(), keys, st.sampled_from([0, 300, 1_000, 2_500, 9_000])),
    st.tuples(st.just("get"), st.booleans(), keys, st.just(0)),
    st.tuples(st.just("drop"), st.booleans(), keys, st.just(0)),
    st.tuples(st.just("clear"), st.booleans(), keys, st.just(0)),
)


@given(st.lists(steps, max_size=120), st.sampled_from([0, 500, 5_000, 20_000]))
def test_whatever_happens_the_bound_holds_and_what_is_got_is_what_was_put_last(
    taken: list[tuple[str, bool, str, int]], limit_bytes: int
) -> None:
    bound = Bound(limit_bytes)
    before: list[Cell[int]] = []
    mirrors = Mirror(), Mirror()
    memos: tuple[Memo[str, int], Memo[str, int]] = Memo(bound, mirrors[0]), Memo(bound, mirrors[1])
    put: tuple[dict[str, int], dict[str, int]] = {}, {}
    for number, (what, which, key, size_bytes) in enumerate(taken):
        memo, model = memos[which], put[which]
        goings = bound.goings.count
        if what == "put":
            model[key] = number
            memo.put(key, number, size_bytes)
        elif what == "drop":
            model.pop(key, None)
            memo.drop(key)
        elif what == "clear":
            model.clear()
            memo.clear()
        assert bound.goings.count > goings or all(cell.place for cell in before), "none goes uncounted"
        before = [cell for each, mirror in zip(memos, mirrors, strict=True) for cell in cells_of(each, mirror)]
        assert memo.get(key) in (None, model.get(key))
        assert bound.size_bytes <= limit_bytes
        assert len(bound) == sum(map(len, memos))
        for each, mirror in zip(memos, mirrors, strict=True):
            assert len(each) == len(mirror.held)
            assert [cell.value for cell in cells_of(each, mirror)] == list(mirror.held.values())


def zipf_and_scans(seed: int) -> list[str]:
    """Ids asked for by rank, as accounts are, with a scan of ids that never come again between them."""
    chance = random.Random(seed)
    ranks = range(1, 5_001)
    popular = chance.choices(ranks, weights=[1 / rank for rank in ranks], k=40_000)
    asked = [f"account-{rank}" for rank in popular]
    for number, begin in enumerate(range(5_000, 45_000, 5_000)):
        asked[begin:begin] = [f"scan-{number}-{each}" for each in range(500)]
    return asked


def lru_hits(asked: Iterable[str], size: int) -> int:
    kept: OrderedDict[str, None] = OrderedDict()
    hits = 0
    for key in asked:
        if key in kept:
            hits += 1
        elif len(kept) >= size:
            kept.popitem(last=False)
        kept[key] = None
        kept.move_to_end(key)
    return hits


@pytest.mark.parametrize("cells", [100, 500, 1_500])
def test_more_is_found_than_if_the_least_recently_used_went_first(cells: int) -> None:
    asked = zipf_and_scans(seed=7)
    _, memo = memo_of(cells)
    assert ask(memo, asked) > 1.05 * lru_hits(asked, cells)
