"""Precedence of sources, what each kind of interest carries, and totals above the whole."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.facts import EntityId, Interest
from rules.shares import NO_SHARE, UNKNOWN_SHARE, parse_bounds
from service.storage.precedence import Excess, Stake, believed, carried, excess_of

A, B, S = EntityId("a"), EntityId("b"), EntityId("s")
DAYS = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=number) for number in range(8)]
RANKS = {"best": 1, "good": 2}
SOURCES = ["best", "good", "other", "another"]
IN_ORDER = ["best", "good", "another", "other"]
"""The sources as they are believed: those without a rank by their names."""


def stake(id: str, share: str, source: str, start: int | None = None, end: int | None = None) -> Stake:
    since, until = (None if day is None else DAYS[day] for day in (start, end))
    return Stake(id, "shareholding", Interest(A, S, parse_bounds(share), False, since, until, source))


def spans(stakes: list[Stake]) -> list[tuple[str, datetime | None, datetime | None]]:
    return [(each.id, each.interest.start, each.interest.end) for each in stakes]


def test_of_two_sources_that_speak_of_the_same_the_one_of_the_lower_rank_is_believed() -> None:
    assert spans(believed([stake("x", "30%", "good"), stake("y", "40%", "best")], RANKS)) == [("y", None, None)]


def test_interests_of_one_source_add_up() -> None:
    both = [stake("x", "30%", "good"), stake("y", "40%", "good")]
    assert believed(both, RANKS) == both


def test_a_source_without_a_rank_comes_after_those_that_have_one_below_a_thousand() -> None:
    both = [stake("x", "30%", "aaa"), stake("y", "40%", "zzz")]
    assert spans(believed(both, {"zzz": 999})) == [("y", None, None)]
    assert spans(believed(both, {})) == [("x", None, None)]


def test_a_source_counts_for_the_times_that_no_earlier_source_covers() -> None:
    found = believed(
        [stake("x", "30%", "good", 0, 6), stake("y", "40%", "best", 1, 2), stake("z", "1%", "best", 4)], RANKS
    )
    assert sorted(spans(found)) == [
        ("x", DAYS[0], DAYS[1]),
        ("x", DAYS[2], DAYS[4]),
        ("y", DAYS[1], DAYS[2]),
        ("z", DAYS[4], None),
    ]


def test_sources_that_speak_of_different_owners_or_kinds_do_not_meet() -> None:
    votes = Stake("v", "votes", Interest(A, S, parse_bounds("60%"), source="good"))
    other = Stake("o", "shareholding", Interest(B, S, parse_bounds("60%"), source="good"))
    assert set(believed([stake("x", "30%", "best"), votes, other], RANKS)) == {stake("x", "30%", "best"), votes, other}


ends = st.none() | st.integers(0, 7)
stakes = st.builds(
    lambda number, source, start, end: stake(str(number), "10%", source, start, end),
    st.integers(),
    st.sampled_from(SOURCES),
    ends,
    ends,
)


@given(st.lists(stakes, max_size=8))
def test_at_every_time_exactly_the_first_source_that_speaks_of_it_counts(held: list[Stake]) -> None:
    found = believed(held, RANKS)
    for moment in (DAYS[0] - timedelta(days=1), *DAYS, *(day + timedelta(hours=1) for day in DAYS)):
        valid = [each for each in held if is_valid(each, moment)]
        first = min((IN_ORDER.index(each.interest.source) for each in valid), default=None)
        wanted = [each.id for each in valid if IN_ORDER.index(each.interest.source) == first]
        assert sorted(each.id for each in found if is_valid(each, moment)) == sorted(wanted)


def is_valid(each: Stake, moment: datetime) -> bool:
    start, end = each.interest.start, each.interest.end
    return (start is None or start <= moment) and (end is None or moment < end)


@pytest.mark.parametrize(
    ("kind", "share", "sees"),
    [
        ("shareholding", "30%", (parse_bounds("30%"), False)),
        ("control", "30%", (NO_SHARE, True)),
        ("votes", "50%", None),
        ("votes", "(50%, 75%]", (NO_SHARE, True)),
        ("votes", "[50%, 75%]", None),
        ("votes", "50.0001%", (NO_SHARE, True)),
        ("votes", str(UNKNOWN_SHARE), None),
        ("board", "100%", None),
    ],
)
def test_rules_see_of_an_interest_what_its_kind_carries(kind: str, share: str, sees: object) -> None:
    interest = carried(Stake("x", kind, Interest(A, S, parse_bounds(share))))
    assert (interest and (interest.share, interest.control)) == sees


def test_a_shareholding_that_is_control_too_is_both() -> None:
    both = Interest(A, S, parse_bounds("10%"), control=True)
    assert carried(Stake("x", "shareholding", both)) == both


@pytest.mark.parametrize(
    ("held", "excess"),
    [
        ([stake("x", "50%", "good"), stake("y", "50%", "good")], None),
        ([stake("x", "50%", "good"), stake("y", "50.0001%", "good")], Excess(S, 1_000_001, None, None, ("x", "y"))),
        ([stake("x", "50%", "good"), stake("y", "(50%, 75%]", "good")], Excess(S, 1_000_000, None, None, ("x", "y"))),
        ([stake("x", "60%", "good", 0, 2), stake("y", "60%", "good", 2, 4)], None),
        (
            [stake("x", "60%", "good", 0, 3), stake("y", "60%", "good", 2, 4), stake("z", "[0%, 90%]", "good")],
            Excess(S, 1_200_000, DAYS[2], DAYS[3], ("x", "y")),
        ),
        (
            [stake("x", "60%", "good"), stake("y", "50%", "good", 2, 5), stake("z", "40%", "good", 4, 6)],
            Excess(S, 1_500_000, DAYS[4], DAYS[5], ("x", "y", "z")),
        ),
        ([], None),
    ],
)
def test_shares_that_add_up_to_more_than_the_whole_are_found_where_they_are_at_their_most(
    held: list[Stake], excess: Excess | None
) -> None:
    assert excess_of(held) == excess
