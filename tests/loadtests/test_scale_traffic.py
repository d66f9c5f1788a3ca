"""The arithmetic of traffic, against sums, simulations and cases that can be worked out by hand."""

import pytest

from loadtests.scale_traffic import Popularity, Ranks, rush, zipf
from loadtests.scale_zipf import simulate

ALIKE = Popularity((Ranks(1_000, 0.001),))
"""A thousand accounts that are asked for equally often."""


@pytest.mark.parametrize("exponent", [0.8, 1.0, 1.2])
def test_grouped_ranks_weigh_as_much_as_single_ones(exponent: float) -> None:
    accounts, head = 50_000, 7_000
    weights = [rank**-exponent for rank in range(1, accounts + 1)]
    popularity = zipf(accounts, exponent)
    assert popularity.accounts == accounts
    assert sum(group.count * group.each for group in popularity.groups) == pytest.approx(1)
    assert popularity.top == pytest.approx(weights[0] / sum(weights), rel=1e-5)
    assert popularity.most_popular(head) == pytest.approx(sum(weights[:head]) / sum(weights), rel=1e-3)


def test_a_memo_of_equal_accounts_answers_the_part_that_it_has_room_for() -> None:
    assert ALIKE.memo_hits(250) == pytest.approx(0.25, abs=1e-3)
    assert ALIKE.most_popular(250) == pytest.approx(0.25)


def test_a_memo_with_room_for_all_answers_everything() -> None:
    assert ALIKE.memo_hits(1_000) == 1
    assert ALIKE.asked_again(10_000, 1_000, 60) == 0


def test_an_empty_memo_fills_after_as_many_requests_as_it_takes_to_see_so_many_accounts() -> None:
    requests = ALIKE.until_seen(500)
    assert ALIKE.seen(requests) == pytest.approx(500, rel=1e-3)
    assert requests == pytest.approx(693, rel=0.01)  # 1,000 · ln 2


def test_a_cache_that_forgets_is_filled_anew_once_in_that_time_at_most() -> None:
    without_memo = ALIKE.asked_again(1_000_000, 0, 10)
    assert without_memo == pytest.approx(100, rel=0.02)  # 1,000 accounts every 10 s
    assert ALIKE.asked_again(1_000_000, 500, 10) < without_memo


def test_a_memo_never_answers_more_than_the_most_popular_accounts_make_up() -> None:
    popularity = zipf(1_000_000, 1.0)
    hits = [popularity.memo_hits(room) for room in (1_000, 10_000, 100_000)]
    best = [popularity.most_popular(room) for room in (1_000, 10_000, 100_000)]
    assert hits == sorted(hits)
    assert all(real < ideal for real, ideal in zip(hits, best, strict=True))


def test_the_worker_s_own_memo_answers_what_the_model_says_or_more() -> None:
    found = simulate(20_000, 1.0, 2_000, 200_000, 2_000)
    assert found.modelled - 0.01 < found.hits < found.best


def test_nobody_waits_where_a_core_can_miss_every_request() -> None:
    found = rush(ALIKE, 1_000, (0.00001, 0.0001))
    assert found.longest_wait < 0.05
    assert found.until_caught_up <= 0.1


def test_a_rush_ends_once_enough_is_known_again() -> None:
    found = rush(ALIKE, 20_000, (0.00001, 0.0002))
    assert 0.1 < found.until_caught_up < 10
    assert found.longest_wait > 0.05


def test_a_worker_that_cannot_even_answer_hits_never_catches_up() -> None:
    assert rush(ALIKE, 20_000, (0.0001, 0.0002), longest=5).until_caught_up == float("inf")
