"""What is known when a decision is asked for: frozen values in which ignorance is a value, never an exception."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, NewType, TypeAlias, get_args

from rules.geography import Jurisdiction
from rules.shares import Bounds

EntityId = NewType("EntityId", str)
AccountId = NewType("AccountId", str)
ResourceId = NewType("ResourceId", str)

Address = NewType("Address", int)
"""128 bits. An IPv4 address stands at ::ffff:0:0/96, so that one order covers both families."""

IPV4_MAPPED = 0xFFFF_0000_0000

NetworkKind: TypeAlias = Literal[
    "vpn", "tor", "public_proxy", "residential_proxy", "hosting", "relay", "satellite", "tunnel", "reserved"
]
NETWORK_KINDS: frozenset[str] = frozenset(get_args(NetworkKind))

Basis: TypeAlias = Literal["headquarters", "incorporation", "residence", "operations"]
BASES: tuple[Basis, ...] = get_args(Basis)

ActivityCount: TypeAlias = Literal["addresses", "countries", "networks", "requests"]


@dataclass(frozen=True, slots=True)
class Claim:
    """What one source says of an address."""

    source: str
    code: Jurisdiction
    resolves: frozenset[Jurisdiction] = frozenset()
    """Countries whose provinces the source tells apart, and single provinces that it does: see `Region.covers`."""


@dataclass(frozen=True, slots=True)
class Location:
    """Everything the sources say of one address, the address itself apart. Shared by all addresses that look alike."""

    claims: tuple[Claim, ...] = ()
    kinds: frozenset[str] = frozenset()
    """Network kinds that some source found, of `NETWORK_KINDS`."""
    tells: frozenset[str] = frozenset()
    """Network kinds that some loaded source could have found; a kind outside both sets is unknown."""
    systems: frozenset[int] | None = None
    """Autonomous system numbers; None if no source could tell, empty if none announces the address."""


NOWHERE = Location()
"""An address about which no source says anything."""


@dataclass(frozen=True, slots=True)
class Entity:
    """A person, company, state or arrangement that owns or is owned."""

    id: EntityId
    name: str = ""
    kind: str | None = None
    seats: Mapping[Basis, frozenset[Jurisdiction]] = field(default_factory=dict)
    """By basis; a basis that is absent is not known."""
    listed: frozenset[str] = frozenset()
    """Lists are closed: an entity is known to be on no other."""
    acts_with: frozenset[EntityId] = frozenset()


@dataclass(frozen=True, slots=True)
class Interest:
    """What `owner` has in `subject`, while `start` <= time < `end`."""

    owner: EntityId
    subject: EntityId
    share: Bounds
    control: bool = False
    """Decides without regard to the share: board majority, golden share, voting majority."""
    start: datetime | None = None
    end: datetime | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class OwnershipGraph:
    """Entities and who owns them. `revision` names this state of the facts."""

    entities: Mapping[EntityId, Entity] = field(default_factory=dict)
    owners: Mapping[EntityId, tuple[Interest, ...]] = field(default_factory=dict)
    """By subject: every interest held in it, valid or not."""
    revision: str = ""
    acting_together: tuple[Entity, ...] = ()
    """Every entity that names a partner in `acts_with`; the relation holds both ways."""

    @classmethod
    def of(cls, entities: Iterable[Entity], interests: Iterable[Interest], revision: str = "") -> "OwnershipGraph":
        """The graph of these entities and interests."""
        known = {entity.id: entity for entity in entities}
        owners: dict[EntityId, list[Interest]] = {}
        for interest in interests:
            owners.setdefault(interest.subject, []).append(interest)
        return cls(
            entities=known,
            owners={subject: tuple(held) for subject, held in owners.items()},
            revision=revision,
            acting_together=tuple(entity for entity in known.values() if entity.acts_with),
        )

    def entity(self, id: EntityId) -> Entity:
        """The entity, or one of whom nothing is recorded."""
        return self.entities.get(id) or Entity(id)


@dataclass(frozen=True, slots=True)
class Account:
    """Who asks, as far as it is known."""

    id: AccountId
    registered: bool = True
    entity: EntityId | None = None
    tags: frozenset[str] = frozenset()
    declared: Mapping[str, Jurisdiction] = field(default_factory=dict)
    """By signal: billing, kyc, phone, …"""


@dataclass(frozen=True, slots=True)
class Resource:
    """What is asked for; a resource that is not registered has no tags and no known provider."""

    id: ResourceId
    tags: frozenset[str] = frozenset()
    provider: EntityId | None = None


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """What `screen` needs of an account: itself and the graph above its entity."""

    account: Account
    graph: OwnershipGraph


@dataclass(frozen=True, slots=True)
class ResourceFacts:
    """What `screen` needs of a resource: itself and the graph above its provider."""

    resource: Resource
    graph: OwnershipGraph


Activity: TypeAlias = Mapping[tuple[str, timedelta], int]
"""Distinct values used, by what is counted and the window; absent is unknown."""


@dataclass(frozen=True, slots=True)
class Request:
    """What changes from one request to the next."""

    at: datetime
    """Aware, UTC. The clock enters here and nowhere else."""
    location: Location = NOWHERE
    address: Address | None = None
    action: str = "use"
    activity: Activity = field(default_factory=dict)
