"""What is believed where several sources speak of the same, and what of it rules see. Pure.

Sources speak of the same where owner, subject and kind are the same. Of those that do, the one of the lowest rank is
believed for as long as any interest of it is valid; the others count for the rest of the time only. Interests of one
source add up: they are different stakes.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal, NamedTuple, TypeAlias

from rules.facts import EntityId, Interest
from rules.shares import NO_SHARE, WHOLE, Share

DEFAULT_RANK = 1_000
"""Of a source that has none of its own. Sources of one rank stand in the order of their names."""

Carried: TypeAlias = Literal["share", "control", "majority"]
CARRIED: Mapping[str, Carried] = {"shareholding": "share", "control": "control", "votes": "majority"}
"""What each kind of interest is to rules; one of any other kind is recorded and shown, and carries nothing.

`share`: a share of ownership, and control where the interest says so. `control`: control, without a share. `majority`:
votes are no share of ownership, but more than half of them are control.
"""

HALF = Share(WHOLE // 2)

Span: TypeAlias = tuple[datetime, datetime]
"""From the first moment until the second, which is not in it."""

_OPEN_START = datetime.min.replace(tzinfo=UTC)
_OPEN_END = datetime.max.replace(tzinfo=UTC)


class Stake(NamedTuple):
    """An interest as it is recorded."""

    id: str
    kind: str
    interest: Interest


@dataclass(frozen=True, slots=True)
class Excess:
    """Shares in one entity that add up to more than the whole: sources contradict one another, or one is wrong."""

    subject: EntityId
    total: int
    """What the lower bounds add up to where they are at their most, in millionths."""
    since: datetime | None
    until: datetime | None
    """When that is so; None is open."""
    interests: tuple[str, ...]
    """Ids of those that are valid then."""


def believed(stakes: Sequence[Stake], ranks: Mapping[str, int]) -> list[Stake]:
    """The stakes that count, each for the times in which no source before its own speaks of the same."""
    if len({stake.interest.source for stake in stakes}) < 2:
        return list(stakes)
    groups: dict[tuple[str, str, str], list[Stake]] = defaultdict(list)
    for stake in stakes:
        groups[stake.interest.owner, stake.interest.subject, stake.kind].append(stake)
    return [stake for group in groups.values() for stake in _group_believed(group, ranks)]


def carried(stake: Stake) -> Interest | None:
    """What rules see of a stake."""
    interest = stake.interest
    match CARRIED.get(stake.kind):
        case "share":
            return interest
        case "control":
            return _as_control(interest)
        case "majority" if _is_majority(interest):
            return _as_control(interest)
        case _:
            return None


def excess_of(stakes: Iterable[Stake]) -> Excess | None:
    """Where the believed shareholdings in one entity exceed the whole the most; None if they never do."""
    held = [stake for stake in stakes if stake.kind == "shareholding" and stake.interest.share.lower]
    steps: dict[datetime, list[int]] = defaultdict(lambda: [0, 0])
    for stake in held:
        share = stake.interest.share
        for edge, sign in zip(_span(stake.interest), (1, -1), strict=True):
            steps[edge][0] += sign * share.lower
            steps[edge][1] += sign * share.above_lower
    worst, total, strict_count = (WHOLE, False, _OPEN_START), 0, 0
    for edge in sorted(steps):
        total, strict_count = total + steps[edge][0], strict_count + steps[edge][1]
        worst = max(worst, (Share(total), strict_count > 0, edge), key=lambda found: found[:2])
    if worst[:2] == (WHOLE, False):
        return None
    return _excess(held, worst[0], worst[2], min(edge for edge in steps if edge > worst[2]))


def _excess(held: Sequence[Stake], total: int, since: datetime, until: datetime) -> Excess:
    valid = [stake for stake in held if _covers(_span(stake.interest), since)]
    ids = tuple(sorted({stake.id for stake in valid}))
    return Excess(valid[0].interest.subject, total, *_opened(since, until), ids)


def _group_believed(group: Sequence[Stake], ranks: Mapping[str, int]) -> Iterable[Stake]:
    """Of stakes that speak of the same: the spans that earlier sources cover are cut out of the later ones."""
    by_source: dict[str, list[Stake]] = defaultdict(list)
    for stake in group:
        by_source[stake.interest.source].append(stake)
    if len(by_source) < 2:
        return group
    kept: list[Stake] = []
    covered: list[Span] = []
    for source in sorted(by_source, key=lambda name: (ranks.get(name, DEFAULT_RANK), name)):
        for stake in by_source[source]:
            kept.extend(_without(stake, covered))
        covered = _merged([*covered, *(_span(stake.interest) for stake in by_source[source])])
    return kept


def _without(stake: Stake, covered: Sequence[Span]) -> Iterator[Stake]:
    """The stake for the spans of its validity that are not covered."""
    whole = _span(stake.interest)
    left = list(_uncovered(whole, covered))
    if left == [whole]:
        yield stake
        return
    for span in left:
        start, end = _opened(*span)
        yield stake._replace(interest=replace(stake.interest, start=start, end=end))


def _uncovered(span: Span, covered: Sequence[Span]) -> Iterator[Span]:
    start, end = span
    for since, until in covered:
        if until <= start or end <= since:
            continue
        if start < since:
            yield start, since
        start = until
    if start < end:
        yield start, end


def _merged(spans: Iterable[Span]) -> list[Span]:
    """The same times as spans in order, none of which touch."""
    merged: list[Span] = []
    for since, until in sorted(span for span in spans if span[0] < span[1]):
        if merged and since <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(until, merged[-1][1])
        else:
            merged.append((since, until))
    return merged


def _span(interest: Interest) -> Span:
    return interest.start or _OPEN_START, interest.end or _OPEN_END


def _opened(since: datetime, until: datetime) -> tuple[datetime | None, datetime | None]:
    return None if since == _OPEN_START else since, None if until == _OPEN_END else until


def _covers(span: Span, moment: datetime) -> bool:
    return span[0] <= moment < span[1]


def _as_control(interest: Interest) -> Interest:
    return replace(interest, share=NO_SHARE, control=True)


def _is_majority(interest: Interest) -> bool:
    share = interest.share
    return share.lower > HALF or (share.lower == HALF and share.above_lower)
