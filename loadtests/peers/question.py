"""What every peer is asked: may this account, from this address, use this resource?

Three rules that all of them can express. Denied is (1) whoever asks from one of ten countries for a resource that is
tagged `restricted`, (2) an account whose billing address is in one of them, (3) an account whose company has its
headquarters in one of them. All else is allowed, also what is not known.

Where address data disagrees about a place, so would the peers: none of the ten countries has such places in the data
that ships with Cordon.
"""

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Final

import maxminddb

from service.locations import DATA, EMBEDDED

DATABASE: Final = DATA / f"{EMBEDDED}.mmdb"
DENIED: Final = ("AF", "BY", "CD", "CN", "CU", "IR", "KP", "MM", "SD", "SY")
ELSEWHERE: Final = (
    "AU",
    "BR",
    "CA",
    "DE",
    "ES",
    "FR",
    "GB",
    "IN",
    "JP",
    "KE",
    "MX",
    "NL",
    "NO",
    "PL",
    "SE",
    "US",
    "ZA",
)
RESTRICTED: Final = "restricted"

SEED: Final = 20_261_122
ACCOUNTS: Final = 1_000
RESOURCES: Final = 20
QUESTIONS: Final = 4_096


@dataclass(frozen=True, slots=True)
class Account:
    """What is recorded of an account; None: nothing is."""

    billing: str | None
    seat: str | None

    @property
    def countries(self) -> tuple[str, ...]:
        return tuple(code for code in (self.billing, self.seat) if code is not None)


NOBODY: Final = Account(None, None)


@dataclass(frozen=True, slots=True)
class Question:
    """May this account, from this address, use this resource?"""

    account: str
    resource: str
    address: str


@dataclass(frozen=True, slots=True)
class Told:
    """A question, with everything looked up that it takes: for peers that look nothing up."""

    account: str
    resource: str
    address: str
    country: str | None
    """Of the address."""
    tags: tuple[str, ...]
    """Of the resource."""
    countries: tuple[str, ...]
    """Of the account."""


@dataclass(frozen=True, slots=True)
class World:
    """What is recorded of accounts, resources and addresses."""

    accounts: Mapping[str, Account]
    resources: Mapping[str, tuple[str, ...]]
    """Tags by id."""
    country: Callable[[str], str | None]

    def told(self, question: Question) -> Told:
        """The question with everything looked up."""
        return Told(
            question.account,
            question.resource,
            question.address,
            self.country(question.address),
            self.resources.get(question.resource, ()),
            self.accounts.get(question.account, NOBODY).countries,
        )


def oracle(told: Told) -> bool:
    """Whether it is allowed: what everybody must answer."""
    denied_here = told.country in DENIED and RESTRICTED in told.tags
    return not denied_here and not any(code in DENIED for code in told.countries)


def make_world(seed: int = SEED) -> World:
    """The same world for the same seed."""
    chance = random.Random(seed)
    accounts = {f"account-{number}": _account(chance) for number in range(ACCOUNTS)}
    resources = {f"resource-{number}": (RESTRICTED,) if number % 3 == 0 else ("open",) for number in range(RESOURCES)}
    return World(accounts, resources, country_lookup())


def country_lookup(database: Path = DATABASE) -> Callable[[str], str | None]:
    """Looks up the country of an address by the library that everyone uses, and by nothing else."""
    reader = maxminddb.open_database(str(database))

    def country(address: str) -> str | None:
        record = reader.get(address)
        return str(record["country_code"]) if isinstance(record, dict) else None

    return country


def make_questions(world: World, number: int = QUESTIONS, seed: int = SEED) -> list[Question]:
    """The same questions for the same seed: accounts, resources and addresses vary, some of each are not known."""
    chance = random.Random(seed + 1)
    denied = _denied_addresses(world, chance)
    accounts, resources = list(world.accounts), list(world.resources)
    return [
        Question(
            "nobody" if chance.random() < 0.02 else chance.choice(accounts),
            "anything" if chance.random() < 0.05 else chance.choice(resources),
            next(denied) if chance.random() < 0.25 else _address(chance),
        )
        for _ in range(number)
    ]


def _account(chance: random.Random) -> Account:
    return Account(_country(chance), _country(chance))


def _country(chance: random.Random) -> str | None:
    return chance.choices((None, chance.choice(DENIED), chance.choice(ELSEWHERE)), (10, 5, 85))[0]


def _address(chance: random.Random) -> str:
    kind = chance.random()
    if kind < 0.02:
        return f"10.{chance.randrange(256)}.{chance.randrange(256)}.{chance.randrange(256)}"
    if kind < 0.15:
        return str(IPv6Address((0x2A00_0000 + chance.randrange(1 << 20) << 96) + chance.getrandbits(64)))
    return _public(chance)


def _denied_addresses(world: World, chance: random.Random) -> Iterator[str]:
    """Addresses in the countries denied, without end."""
    while True:
        address = _public(chance)
        if world.country(address) in DENIED:
            yield address


def _public(chance: random.Random) -> str:
    while True:
        address = IPv4Address(chance.getrandbits(32))
        if address.is_global and not address.is_multicast:
            return str(address)
