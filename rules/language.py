"""The rule language as frozen values: what a document means once it has been read.

Names in a document that are shorthand (`not_in`, groups, includes, a rule's inherited posture) are gone here: `parse`
resolves them, so that the two meanings (`explain`, and `compile` with `evaluate`) start from the same plain tree.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, Literal, TypeAlias, TypeVar

from rules.facts import ActivityCount, Address, Basis
from rules.geography import Region
from rules.shares import Threshold

LANGUAGE_VERSION = 1

Effect: TypeAlias = Literal["allow", "challenge", "deny"]
Posture: TypeAlias = Literal["apply", "challenge", "skip"]
"""What a rule does when its condition is unknown."""
Mode: TypeAlias = Literal["enforce", "monitor"]
Party: TypeAlias = Literal["account", "provider"]
"""Whose entity a condition speaks of: the account's, or that of the resource's provider."""
Attribution: TypeAlias = Literal["cascade", "proportional", "hybrid"]

DEFAULT_STATUS = 403
DEFAULT_ACTION = "use"

C = TypeVar("C")


@dataclass(frozen=True, slots=True)
class AllOf(Generic[C]):
    parts: tuple[C, ...]


@dataclass(frozen=True, slots=True)
class AnyOf(Generic[C]):
    parts: tuple[C, ...]


@dataclass(frozen=True, slots=True)
class NotOf(Generic[C]):
    part: C


@dataclass(frozen=True, slots=True)
class SeatIn:
    """Seated there on any of the bases."""

    region: Region
    basis: tuple[Basis, ...]


@dataclass(frozen=True, slots=True)
class ListedOn:
    lists: frozenset[str]


@dataclass(frozen=True, slots=True)
class EntityIs:
    ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class EntityKind:
    kinds: frozenset[str]


EntityCondition: TypeAlias = (
    "AllOf[EntityCondition] | AnyOf[EntityCondition] | NotOf[EntityCondition]"
    " | SeatIn | ListedOn | EntityIs | EntityKind"
)


@dataclass(frozen=True, slots=True)
class EntityMatches:
    matches: EntityCondition
    of: Party = "account"


@dataclass(frozen=True, slots=True)
class HoldingTest:
    """How shares are attributed, and what they must reach."""

    threshold: Threshold
    attribution: Attribution = "cascade"
    aggregate: bool = True
    control: bool = False
    """A control interest counts as holding, whatever the share."""
    undisclosed: bool = False
    """The part of an entity that no interest discloses may belong to anyone."""


@dataclass(frozen=True, slots=True)
class OwnedBy:
    by: EntityCondition
    test: HoldingTest
    of: Party = "account"


@dataclass(frozen=True, slots=True)
class LocatedIn:
    region: Region


@dataclass(frozen=True, slots=True)
class NetworkIs:
    kinds: frozenset[str]


@dataclass(frozen=True, slots=True)
class NetworkSystem:
    systems: frozenset[int]


@dataclass(frozen=True, slots=True)
class NetworkRange:
    ranges: tuple[tuple[Address, Address], ...]
    """First and last address of each prefix, both included."""


@dataclass(frozen=True, slots=True)
class DeclaredIn:
    region: Region
    signals: frozenset[str] | None
    """None: every signal that the account declares."""
    match: Literal["any", "all"]


@dataclass(frozen=True, slots=True)
class DeclaredConflict:
    signals: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class AccountIs:
    ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class AccountTagged:
    tags: frozenset[str]


@dataclass(frozen=True, slots=True)
class ResourceIs:
    ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class ResourceTagged:
    tags: frozenset[str]


@dataclass(frozen=True, slots=True)
class ActionIs:
    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class ActivityOver:
    count: ActivityCount
    within: timedelta
    least: int
    """The smallest count that holds: 5 for `>= 5`, 6 for `> 5`."""


Leaf: TypeAlias = (
    LocatedIn
    | NetworkIs
    | NetworkSystem
    | NetworkRange
    | EntityMatches
    | OwnedBy
    | DeclaredIn
    | DeclaredConflict
    | AccountIs
    | AccountTagged
    | ResourceIs
    | ResourceTagged
    | ActionIs
    | ActivityOver
)
Condition: TypeAlias = "AllOf[Condition] | AnyOf[Condition] | NotOf[Condition] | Leaf"


@dataclass(frozen=True, slots=True)
class Period:
    """`start` <= time < `until`; None is open."""

    start: datetime | None = None
    until: datetime | None = None

    def covers(self, at: datetime) -> bool:
        return (self.start is None or self.start <= at) and (self.until is None or at < self.until)


ALWAYS = Period()


@dataclass(frozen=True, slots=True)
class Obligation:
    """What the caller must do with a decision; `properties` is JSON text with sorted keys."""

    id: str
    type: str
    properties: str = "{}"


@dataclass(frozen=True, slots=True)
class Rule:
    id: str
    """`document/rule` if it came by `include`."""
    effect: Effect
    when: Condition
    if_unknown: Posture
    """Its own, or inherited: never inherited by an allow."""
    reason: str
    message: str | None = None
    source: str | None = None
    status: int = DEFAULT_STATUS
    mode: Mode = "enforce"
    effective: Period = ALWAYS
    obligations: tuple[Obligation, ...] = ()


@dataclass(frozen=True, slots=True)
class Exemption:
    id: str
    lifts: frozenset[str]
    """Ids of rules, qualified like `Rule.id`."""
    when: Condition
    if_unknown: Literal["apply", "skip"] = "skip"
    source: str | None = None
    effective: Period = ALWAYS


@dataclass(frozen=True, slots=True)
class RuleSet:
    id: str
    revision: str
    """Twelve hexadecimal digits of the SHA-256 of the document and those it includes."""
    default: Literal["allow", "deny"]
    rules: tuple[Rule, ...] = ()
    """Those of included documents first."""
    exemptions: tuple[Exemption, ...] = ()
    title: str = ""
    includes: tuple[str, ...] = ()
    """`document@revision` of every document that is part of this one."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer, and what it rests on."""

    effect: Effect
    rule: str | None
    """The first rule in document order that holds with this effect; None for the default."""
    ruleset: str
    revision: str
    reason: str | None = None
    message: str | None = None
    source: str | None = None
    status: int = DEFAULT_STATUS
    obligations: tuple[Obligation, ...] = ()
    """Of every enforced rule that holds with this effect, in document order."""
    monitored: tuple[str, ...] = ()
    """Rules in monitor mode that would have held, in document order."""
    unknown: tuple[str, ...] = ()
    """What left the condition of a rule in force unknown, as `fact.why`, sorted: see `rules.language.UNKNOWNS`."""
    lifted: tuple[str, ...] = ()
    """Rules that would have held and were lifted by an exemption, in document order."""
    expires_at: datetime | None = None
    """When a rule's or an interest's dates next change; None if never."""
    facts: str = ""
    """Revision of the entities, interests and accounts used."""


UNKNOWNS: dict[str, str] = {
    "location.missing": "no source makes a claim about the address",
    "location.disputed": "sources disagree about the address",
    "location.coarse": "the country is known, the province is not",
    "network.kind": "no loaded source can tell this kind of network",
    "network.asn": "no loaded source knows autonomous systems",
    "entity.missing": "the entity behind the account is not known",
    "entity.seat": "the entity's seat is not recorded, or not finely enough",
    "entity.kind": "the entity's kind is not recorded",
    "owned.bounds": "what is known of the shares allows either answer",
    "provider.missing": "the entity behind the resource is not known",
    "provider.seat": "the provider's seat is not recorded, or not finely enough",
    "provider.kind": "the provider's kind is not recorded",
    "provider.owned": "what is known of the shares in the provider allows either answer",
    "declared.missing": "the account declares too few of the signals asked for",
    "declared.coarse": "a declared country is known, its province is not",
    "account.missing": "the account is not registered",
    "activity.missing": "no source counts this account's activity",
}
"""Every code that `Decision.unknown` may hold, with its meaning."""
