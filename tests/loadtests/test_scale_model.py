"""What the model of a fleet makes of figures, and that the page shows what it says."""

from dataclasses import replace
from pathlib import Path

import pytest

from loadtests.scale_figures import Figure, keep_figures, kept_figures
from loadtests.scale_model import BUSY, Costs, Load, breakings, fleet_for, flood
from loadtests.scale_page import PAGE, TABLES, written

LOAD = Load(1_000_000, 100_000)
COSTS = Costs(
    {
        name: Figure.once(value, "", "made up")
        for name, value in {
            "hit_cpu_us": 10,
            "ordinary_cpu_us": 100,
            "redis_cpu_us": 100,
            "memorised_counted_bytes": 4_000,
            "redis_entry_bytes": 1_000,
            "redis_get_cpu_us": 5,
            "postgresql_poll_us": 400,
            "postgresql_poll_cpu_us": 100,
            "postgresql_read_64_cpu_us": 64 * 100,
            "postgresql_beat_cpu_us": 200,
            "postgresql_write_us": 2_000,
            "postgresql_connections": 8,
            "log_repeated_packed_bytes": 100,
            "request_bytes": 400,
            "answer_bytes": 600,
        }.items()
    }
)


def test_a_request_costs_what_hits_and_misses_do_by_their_parts() -> None:
    fleet = fleet_for(LOAD, COSTS)
    assert fleet.request_seconds == pytest.approx(fleet.hits * 10e-6 + (1 - fleet.hits) * 200e-6)
    assert fleet.redis_per_second == pytest.approx((1 - fleet.hits) * LOAD.per_second)


def test_workers_are_as_busy_as_they_may_be_and_no_busier() -> None:
    fleet = fleet_for(LOAD, COSTS)
    assert fleet.per_worker * fleet.request_seconds <= BUSY
    assert LOAD.per_second / (fleet.workers - 1) * fleet.request_seconds > BUSY


def test_a_larger_memo_and_affinity_each_spare_workers() -> None:
    large = replace(LOAD, accounts=100_000_000, per_second=1_000_000)
    plain, roomy = fleet_for(large, COSTS), fleet_for(replace(large, memo_mib=1024), COSTS)
    steady = fleet_for(replace(large, memo_mib=1024, has_affinity=True), COSTS)
    assert plain.workers > roomy.workers > steady.workers
    assert plain.hits < roomy.hits < steady.hits


def test_affinity_sends_the_most_popular_account_to_one_worker() -> None:
    fleet = fleet_for(replace(LOAD, has_affinity=True), COSTS)
    assert fleet.busiest > fleet.load.popularity.top


def test_facts_that_are_kept_longer_are_read_less_often() -> None:
    kept = [fleet_for(replace(LOAD, kept_seconds=seconds), COSTS).reads_per_second for seconds in (60, 3600, 86_400)]
    assert kept == sorted(kept, reverse=True)


def test_a_change_that_touches_everything_asks_no_more_than_is_asked_for() -> None:
    found = flood(LOAD, COSTS)
    assert found.first_second < min(LOAD.per_second, LOAD.accounts)
    assert found.cores == pytest.approx(found.first_second * 100e-6)


def test_what_gives_in_is_told_in_the_order_in_which_it_does() -> None:
    found = breakings(LOAD, COSTS)
    rates = [each.per_second for each in found]
    assert rates == sorted(rates)
    at = {each.what: each for each in found}
    assert at["connections to PostgreSQL"].workers == pytest.approx(97 / 8)
    assert at["polls and beats alone"].workers == pytest.approx(1 / (6 * 100e-6 + 200e-6))


def test_the_page_shows_what_the_program_says() -> None:
    page = PAGE.read_text("utf-8")
    assert [name for name in TABLES if f"<!-- scale_page: {name} -->" not in page] == []
    assert written(page, kept_figures()) == page


def test_a_figure_measured_anew_takes_the_place_of_the_old_one_alone(tmp_path: Path) -> None:
    path = tmp_path / "figures.json"
    keep_figures({"one": Figure.once(1, "s", "first"), "two": Figure.once(2, "s", "first")}, path)
    keep_figures({"two": Figure(3.14159, 3, 4, "s", "again")}, path)
    assert {name: figure.value for name, figure in kept_figures(path).items()} == {"one": 1, "two": 3.14}
