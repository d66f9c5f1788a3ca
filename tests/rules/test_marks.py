"""Logic on many places at once is the logic of each place."""

from collections.abc import Callable, Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.marks import Marks, all_of, any_of, marks, mask_of, none_of, packed, places_in, union, verdict_at
from rules.truth import negation
from rules.verdicts import FALSE, TRUE, Verdict, conjunction, disjunction, unknown

PLACES = 70
VERDICTS = (TRUE, FALSE, unknown("one"), unknown("two"), (None, frozenset({"one", "two"})))

rows = st.lists(st.sampled_from(VERDICTS), min_size=PLACES, max_size=PLACES)
place_sets = st.sets(st.integers(0, 2_000), max_size=80)


def marked(verdicts: Sequence[Verdict]) -> Marks:
    true = mask_of(place for place, (truth, _) in enumerate(verdicts) if truth)
    possible = mask_of(place for place, (truth, _) in enumerate(verdicts) if truth is not False)
    why = [Marks(0, 0, tuple((cause, 1 << place) for cause in causes)) for place, (_, causes) in enumerate(verdicts)]
    return marks(true, possible, why)


def at_each(found: Marks) -> list[Verdict]:
    return [verdict_at(place, found) for place in range(PLACES)]


@given(rows)
def test_marks_say_of_each_place_what_was_marked(row: list[Verdict]) -> None:
    assert at_each(marked(row)) == row


@pytest.mark.parametrize(("together", "each"), [(all_of, conjunction), (any_of, disjunction)])
@given(st.lists(rows, max_size=4))
def test_joining_marks_joins_the_verdicts_at_each_place(
    together: Callable[[Sequence[Marks]], Marks],
    each: Callable[[Iterable[Verdict]], Verdict],
    found: list[list[Verdict]],
) -> None:
    assert at_each(together([marked(row) for row in found])) == [
        each(row[place] for row in found) for place in range(PLACES)
    ]


@given(rows)
def test_denying_marks_denies_the_verdict_at_each_place(row: list[Verdict]) -> None:
    assert at_each(none_of(marked(row))) == [(negation(truth), causes) for truth, causes in row]


@given(place_sets)
def test_a_mask_holds_the_places_that_it_was_made_of(places: set[int]) -> None:
    assert places_in(mask_of(places)) == sorted(places)
    assert mask_of(places) == sum(1 << place for place in places)


@given(st.lists(place_sets, max_size=5))
def test_a_union_holds_the_places_of_every_set_in_whichever_form(sets: list[set[int]]) -> None:
    assert places_in(union(packed(sorted(places)) for places in sets)) == sorted(set().union(*sets))


@pytest.mark.parametrize(("places", "form"), [([0], int), ([3, 9], int), ([5_000], tuple), ([64_000, 64_001], tuple)])
def test_few_places_far_out_are_kept_one_by_one(places: list[int], form: type) -> None:
    assert isinstance(packed(places), form)
