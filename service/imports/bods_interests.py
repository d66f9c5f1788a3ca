"""What the interests of one BODS relationship say of ownership and control.

One stake may be told of several times in a relationship: as shares, as votes, as a right to what is left in the end.
It is counted once, as the first of `STAKES`. Votes are never added to shares; a majority of them is control. Rules see
the kinds that `service.storage.precedence` names; an interest of another kind, with its share, is there to be seen.
"""

# SOURCE: BODS 0.4, codelist interestType, and relationship-record.json, `share` (seen 2026-11-22).

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, TypeAlias, assert_never

from rules.shares import UNKNOWN_SHARE, Bounds
from service.imports.values import bounds_of

STAKES: tuple[str, ...] = (
    "shareholding",
    "beneficiaryOfLegalArrangement",
    "rightsToSurplusAssetsOnDissolution",
    "rightsToProfitOrIncome",
    "rightToProfitOrIncomeFromAssets",
    "enjoymentAndUseOfAssets",
)
"""Interests that are parts of the whole; the first of them tells of a stake that several tell of."""

Role: TypeAlias = Literal["stake", "flow", "control", "votes", "unknown", "nothing", "office"]

ROLES: Mapping[str, Role] = {
    **dict.fromkeys(STAKES, "stake"),
    "settlor": "flow",
    "nominator": "flow",
    "controlByLegalFramework": "flow",
    "trustee": "control",
    "protector": "control",
    "appointmentOfBoard": "control",
    "otherInfluenceOrControl": "control",
    "controlViaCompanyRulesOrArticles": "control",
    "votingRights": "votes",
    "unknownInterest": "unknown",
    "unpublishedInterest": "unknown",
    "nominee": "nothing",
    "rightsGrantedByContract": "nothing",
    "conditionalRightsGrantedByContract": "nothing",
    "seniorManagingOfficial": "office",
    "boardMember": "office",
    "boardChair": "office",
}
"""By type of interest. A `flow` is control through which the whole may flow, such as from a state to its ministry:
unless the statement gives a share, it lies anywhere between none and all. An `office` is neither of both."""

_HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class Stated:
    """One interest as a statement has it."""

    kind: str
    share: Bounds | None
    start: int | None
    end: int | None
    told: Mapping[str, object]
    """What is kept beside it."""

    def overlaps(self, other: "Stated") -> bool:
        """Whether both hold at some time."""
        begins_before_end = self.start is None or other.end is None or self.start < other.end
        ends_after_begin = self.end is None or other.start is None or other.start < self.end
        return begins_before_end and ends_after_begin


@dataclass(frozen=True, slots=True)
class Meant:
    """What an interest is recorded as."""

    stated: Stated
    kind: str
    share: str
    control: bool = False


def meant(interests: Sequence[Stated]) -> Iterator[Meant]:
    """What the interests of one relationship are recorded as, in an order that does not depend on theirs."""
    for stated in sorted(interests, key=lambda each: (each.kind, each.start or 0, each.end or 0, str(each.share))):
        said = "" if stated.share is None else str(stated.share)
        match ROLES[stated.kind]:
            case "stake":
                yield Meant(stated, stated.kind if _told_better(stated, interests) else "shareholding", said)
            case "flow":
                yield Meant(stated, "shareholding", said or str(UNKNOWN_SHARE), control=True)
            case "unknown":
                yield Meant(stated, "shareholding", said)
            case "control":
                yield Meant(stated, "control", said, control=True)
            case "votes":
                yield Meant(stated, "votes", said)
            case "nothing":
                yield Meant(stated, stated.kind, said)
            case "office":
                continue
            case role:
                assert_never(role)


def _told_better(stated: Stated, interests: Sequence[Stated]) -> bool:
    rank = STAKES.index(stated.kind)
    return any(other.kind in STAKES[:rank] and other.overlaps(stated) for other in interests)


def stated_share(share: object) -> Bounds | None:
    """The bounds of a `share` object; None if it gives none.

    Raises:
        ValueError: it is none; with a message for people.
    """
    if share is None or share == {}:
        return None
    if not isinstance(share, dict):
        raise ValueError("an object of percentages is expected")
    given = {name: _number(name, share[name]) for name in _LIMITS if share.get(name) is not None}
    if not given:
        return None
    if "exact" in given:
        return bounds_of(given["exact"], given["exact"])
    low, above = _limit(given, ("minimum", "exclusiveMinimum"), Decimal(0), max)
    high, below = _limit(given, ("maximum", "exclusiveMaximum"), _HUNDRED, min)
    return bounds_of(low, high, above_lower=above, below_upper=below)


_LIMITS = ("exact", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")


def _limit(
    given: Mapping[str, Decimal], names: tuple[str, str], otherwise: Decimal, tighter: Callable[..., Decimal]
) -> tuple[Decimal, bool]:
    """The tighter of an inclusive and an exclusive limit, and whether it is the exclusive one."""
    inclusive, exclusive = names
    if exclusive not in given:
        return given.get(inclusive, otherwise), False
    if inclusive in given and tighter(given[inclusive], given[exclusive]) != given[exclusive]:
        return given[inclusive], False
    return given[exclusive], True


def _number(name: str, value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError(f"`{name}` is not a number: BODS 0.4 has percentages there")
    return Decimal(value)
