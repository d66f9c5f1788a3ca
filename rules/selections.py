"""What facts say of one facet: a verdict on each value, from which every condition about the facet has its own."""

from collections.abc import Callable, Collection, Container, Hashable, Iterable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

from rules.geography import LABELLED_AS, OTHER_CODE, Jurisdiction, Region, country_of
from rules.marks import Marks
from rules.verdicts import FALSE, TRUE, Verdict, unknown


class Selection(NamedTuple):
    """The verdicts of values, those that differ from the others."""

    default: Verdict
    """Of every condition that is filed under none of these values."""
    found: Iterable[tuple[Hashable, Verdict]] = ()
    key: Hashable = None
    """Stands for `found`: within a facet, equal keys have equal verdicts."""


class Joined(NamedTuple):
    """Several facts count: each condition is decided by each of them, and the verdicts are joined."""

    join: Callable[[Sequence[Marks]], Marks]
    parts: tuple[Selection, ...]


Selected: TypeAlias = Selection | Joined


def joined(join: Callable[[Sequence[Marks]], Marks], parts: Sequence[Selection]) -> Selected:
    """The facts as one of several, or one alone."""
    return parts[0] if len(parts) == 1 else Joined(join, tuple(parts))


def having(values: Iterable[Hashable], filed: Container[Hashable]) -> Selection:
    """The facts have these values and no other."""
    hits = frozenset([value for value in values if value in filed])
    return Selection(FALSE, [(value, TRUE) for value in hits], hits)


def lying_in(
    code: Jurisdiction, filed: Collection[Hashable], cause: str, resolves: frozenset[Jurisdiction] = frozenset()
) -> Selection:
    """A place known by this code lies there; `cause` is what to name where that is too coarse to tell."""
    return Selection(FALSE, _around(code, resolves, filed, unknown(cause)), (code, resolves))


def _around(
    code: Jurisdiction, resolves: frozenset[Jurisdiction], filed: Iterable[Hashable], coarse: Verdict
) -> Iterator[tuple[Hashable, Verdict]]:
    # A region covers what one of its codes does, and may cover what one of them may.
    near = names_near(code)
    for named in filed:
        if named in near or str(named).startswith(code):
            covered = Region(frozenset((Jurisdiction(str(named)),))).covers(code, resolves)
            if covered is not False:
                yield named, TRUE if covered else coarse


def names_near(code: Jurisdiction) -> frozenset[Jurisdiction]:
    """Beside the provinces of a country: every code that may name a place known by this one."""
    near = {country_of(code), *LABELLED_AS.get(code, ())}
    near.update(named for named, other in OTHER_CODE.items() if other == code)
    if code in OTHER_CODE:
        near.add(OTHER_CODE[code])
    return frozenset(near)
