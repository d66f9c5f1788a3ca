"""Shares are exact, and what is not a share says why."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.shares import UNKNOWN_SHARE, Bounds, Share, Threshold, parse_bounds, parse_threshold, percent


@pytest.mark.parametrize(
    ("text", "bounds"),
    [
        ("51%", Bounds(Share(510_000), Share(510_000))),
        (" 33.3333 % ", Bounds(Share(333_333), Share(333_333))),
        ("0.0001%", Bounds(Share(1), Share(1))),
        ("50.50000%", Bounds(Share(505_000), Share(505_000))),
        ("(25%, 50%]", Bounds(Share(250_000), Share(500_000), True, False)),
        ("[75%,100%)", Bounds(Share(750_000), Share(1_000_000), False, True)),
        ("[0%, 100%]", UNKNOWN_SHARE),
        ("[5%, 5%]", Bounds(Share(50_000), Share(50_000))),
    ],
)
def test_a_share_is_read_exactly(text: str, bounds: Bounds) -> None:
    assert parse_bounds(text) == bounds


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("51", "is not a share"),
        ("51 percent", "is not a share"),
        ("-1%", "is not a share"),
        ("\u0665%", "is not a share"),
        ("", "is not a share"),
        ("100.0001%", "more than 100%"),
        ("33.33333%", "finer than a millionth"),
        ("(50%, 25%]", "is empty"),
        ("(50%, 50%]", "is empty"),
        ("(25%, 50%", "is not a share"),
    ],
)
def test_what_is_no_share_says_why(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_bounds(text)


@pytest.mark.parametrize("text", ["50%", "= 50%", "=> 50%", "< 50%", ">= 50", "> 101%"])
def test_what_is_no_threshold_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="`"):
        parse_threshold(text)


def test_a_threshold_tells_at_least_from_more_than() -> None:
    half = Share(500_000)
    assert parse_threshold(">=50%") == Threshold(half, strict=False)
    assert parse_threshold(" > 50.0% ") == Threshold(half, strict=True)
    assert (str(Threshold(half, strict=True)), str(Threshold(half, strict=False))) == ("> 50%", ">= 50%")


@pytest.mark.parametrize(
    ("value", "beyond", "at_least", "more_than"),
    [(499_999, True, False, False), (500_000, False, True, False), (500_000, True, True, True), (500_001, False, 1, 1)],
)
def test_a_lower_bound_meets_a_threshold_when_all_above_it_do(
    value: int, beyond: bool, at_least: bool, more_than: bool
) -> None:
    assert Threshold(Share(500_000), strict=False).met_by_lower(value, beyond) == at_least
    assert Threshold(Share(500_000), strict=True).met_by_lower(value, beyond) == more_than


@pytest.mark.parametrize(
    ("value", "below", "at_least", "more_than"),
    [(499_999, False, False, False), (500_000, False, True, False), (500_000, True, False, False), (500_001, 1, 1, 1)],
)
def test_an_upper_bound_reaches_a_threshold_when_something_below_it_does(
    value: int, below: bool, at_least: bool, more_than: bool
) -> None:
    assert Threshold(Share(500_000), strict=False).within_upper(value, below) == at_least
    assert Threshold(Share(500_000), strict=True).within_upper(value, below) == more_than


@given(st.integers(0, 1_000_000))
def test_a_share_survives_being_written_and_read(share: int) -> None:
    assert parse_bounds(percent(share)) == Bounds(Share(share), Share(share))


@given(st.text())
def test_any_text_is_a_share_or_a_value_error(text: str) -> None:
    try:
        bounds = parse_bounds(text)
    except ValueError:
        return
    assert parse_bounds(str(bounds)) == bounds
