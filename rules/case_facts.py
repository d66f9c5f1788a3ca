"""Reads the facts of a case file: entities, interests, accounts, resources, and what a case says of its request.

Everything that is left out is not known; an id that is not listed belongs to somebody of whom nothing is recorded.
"""

import ipaddress
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TypeVar

from rules.facts import (
    BASES,
    IPV4_MAPPED,
    NETWORK_KINDS,
    NOWHERE,
    Account,
    AccountId,
    Activity,
    Address,
    Basis,
    Claim,
    Entity,
    EntityId,
    Interest,
    Location,
    OwnershipGraph,
    Resource,
    ResourceId,
)
from rules.geography import PSEUDO_CODES, Jurisdiction
from rules.parse_conditions import ACTIVITY_COUNT_WORDS, NETWORK_KIND_WORDS, system, systems
from rules.parse_regions import code
from rules.parse_rules import instant
from rules.reading import Item, Members, all_read, near
from rules.shares import NO_SHARE, UNKNOWN_SHARE, Bounds, parse_bounds
from rules.times import parse_duration

_INTEREST = re.compile(r"\s*(\S.*?)\s*->\s*(.+?)\s*:\s*([^:]+)")
_PAIR = re.compile(r"\s*(\S.*?)\s*->\s*(.+?)\s*")
_SHARE = "a share such as `51%` or `(25%, 50%]`"
_ENTITY_KEYS = ("name", "kind", *BASES, "listed", "acts_with")
_INTEREST_KEYS = ("owner", "subject", "share", "control", "start", "end", "source")

V = TypeVar("V")


def read_graph(entities: Item | None, interests: Item | None) -> OwnershipGraph:
    """Who owns whom, as far as it could be read."""
    known = [_entity(item, EntityId(id)) for id, item in _by_id(entities).items()]
    items = None if interests is None else interests.items("a list of interests")
    read = [_interest(item) for item in items or ()]
    return OwnershipGraph.of(known, (interest for interest in read if interest is not None))


def read_accounts(item: Item | None) -> dict[str, Account]:
    """The registered accounts by id."""
    return {id: _account(each, AccountId(id)) for id, each in _by_id(item).items()}


def read_resources(item: Item | None) -> dict[str, Resource]:
    """The registered resources by id."""
    return {id: _resource(each, ResourceId(id)) for id, each in _by_id(item).items()}


def _by_id(item: Item | None) -> dict[str, Item]:
    return {} if item is None or item.data is None else item.entries("a mapping by id") or {}


def _members(item: Item, known: tuple[str, ...]) -> Members:
    """The members of what may also be left empty."""
    return Members(item, {}) if item.data is None else item.members(known)


def _entity(item: Item, id: EntityId) -> Entity:
    members = _members(item, _ENTITY_KEYS)
    seats: dict[Basis, frozenset[Jurisdiction]] = {}
    for basis in BASES:
        if codes := members.read(basis, _codes):
            seats[basis] = frozenset(codes)
    listed = members.read("listed", Item.any_texts) or ()
    acts_with = frozenset(map(EntityId, members.read("acts_with", Item.any_texts) or ()))
    return Entity(id, members.words("name") or "", members.text("kind"), seats, frozenset(listed), acts_with)


def _codes(item: Item) -> tuple[Jurisdiction, ...] | None:
    """A code, or a list of them."""
    if not isinstance(item.data, list):
        found = code(item)
        return None if found is None else (found,)
    return all_read(item.some_items() or [], code)


def _interest(item: Item) -> Interest | None:
    if isinstance(item.data, str):
        return _written(item, _INTEREST.fullmatch(item.data), item.data)
    if isinstance(item.data, Mapping) and len(item.data) == 1:
        (key,) = item.data
        if "->" in key:
            return _written(item.member(key), _PAIR.fullmatch(key), key)
    return _long_form(item)


def _written(item: Item, found: re.Match[str] | None, text: str) -> Interest | None:
    """`owner -> subject: share`, whole or as the mapping that YAML makes of it without quotes."""
    if found is None:
        return item.fault(f"`{text}` is not an interest: write `owner -> subject: 51%`")
    share = Item(found[3], item.at, item.problems) if found.re is _INTEREST else item
    bounds = share.parsed(parse_bounds, _SHARE)
    return None if bounds is None else Interest(EntityId(found[1]), EntityId(found[2]), bounds)


def _long_form(item: Item) -> Interest | None:
    members = item.members(_INTEREST_KEYS, ("owner", "subject"), "an interest")
    owner, subject = members.text("owner"), members.text("subject")
    control = members.read("control", Item.boolean) or False
    start, end = members.read("start", instant), members.read("end", instant)
    if start is not None and end is not None and end <= start:
        members.found["end"].fault("`end` is not after `start`: the interest would never be valid")
    share = _share(members, control)
    if owner is None or subject is None:
        return None
    source = members.words("source") or ""
    return Interest(EntityId(owner), EntityId(subject), share, control, start, end, source)


def _share(members: Members, control: bool) -> Bounds:
    """A share left out is of unknown size, and no share at all where the interest is one of control."""
    if "share" not in members:
        return NO_SHARE if control else UNKNOWN_SHARE
    return members.read("share", lambda item: item.parsed(parse_bounds, _SHARE)) or UNKNOWN_SHARE


def _account(item: Item, id: AccountId) -> Account:
    members = _members(item, ("entity", "tags", "declared"))
    entity = members.text("entity")
    signals = members.read("declared", lambda item: item.entries("a mapping of signals")) or {}
    declared = {name: found for name, signal in signals.items() if (found := code(signal))}
    tags = frozenset(members.read("tags", Item.any_texts) or ())
    return Account(id, True, EntityId(entity) if entity else None, tags, declared)


def _resource(item: Item, id: ResourceId) -> Resource:
    members = _members(item, ("tags", "provider"))
    provider = members.text("provider")
    tags = frozenset(members.read("tags", Item.any_texts) or ())
    return Resource(id, tags, EntityId(provider) if provider else None)


def read_location(location: Item | None, network: Item | None) -> tuple[Location, Address | None]:
    """What is known of the address that a request comes from, and the address itself."""
    claims = () if location is None else _claims(_members(location, ("claims", "resolves")))
    if network is None:
        return (Location(claims) if claims else NOWHERE), None
    members = _members(network, ("kind", "asn", "address"))
    kinds = members.read("kind", _kinds)
    known_systems = members.read("asn", _systems)
    address = members.read("address", lambda item: item.parsed(_parse_address, "an address"))
    return Location(
        claims=claims,
        kinds=frozenset(kinds or ()),
        tells=frozenset() if kinds is None else NETWORK_KINDS,
        systems=None if known_systems is None else frozenset(known_systems),
    ), address


def _claims(members: Members) -> tuple[Claim, ...]:
    """The claims made; a source that knows no country makes none."""
    resolves = frozenset(members.read("resolves", _codes_or_none) or ())
    sources = members.read("claims", lambda item: item.entries("a mapping of claims by source")) or {}
    made = {name: item for name, item in sources.items() if not _names_no_country(item)}
    return tuple(Claim(name, found, resolves) for name, item in made.items() if (found := code(item)))


def _names_no_country(item: Item) -> bool:
    return isinstance(item.data, str) and item.data in PSEUDO_CODES


def _codes_or_none(item: Item) -> tuple[Jurisdiction, ...] | None:
    return () if item.data == [] else _codes(item)


def _kinds(item: Item) -> tuple[str, ...] | None:
    return () if item.data == [] else item.some_of(NETWORK_KIND_WORDS, "a kind of network")


def _systems(item: Item) -> tuple[int, ...] | None:
    """One autonomous system, several, or `[]` if none announces the address."""
    if isinstance(item.data, list):
        return systems(item) if item.data else ()
    number = system(item)
    return None if number is None else (number,)


def _parse_address(text: str) -> Address:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise ValueError(f"`{text}` is not an address: write `203.0.113.9` or `2001:db8::1`") from None
    return Address(int(address) + (IPV4_MAPPED if address.version == 4 else 0))


def read_activity(item: Item | None) -> Activity:
    """How often the account did what, by what is counted and the window."""
    counts = {} if item is None else item.entries("a mapping such as `countries: {PT24H: 4}`") or {}
    activity: dict[tuple[str, timedelta], int] = {}
    for name, windows in counts.items():
        if name not in ACTIVITY_COUNT_WORDS and item is not None:
            item.key_fault(name, f"`{name}` is not counted{near(name, ACTIVITY_COUNT_WORDS)}")
        for window, count in (windows.entries("a mapping such as `PT24H: 4`") or {}).items():
            within, number = _window(windows, window), count.whole(0, 2**63 - 1)
            if within is not None and number is not None:
                activity[name, within] = number
    return activity


def _window(item: Item, text: str) -> timedelta | None:
    try:
        return parse_duration(text)
    except ValueError as error:
        item.key_fault(text, str(error))
        return None


def read_instant(*items: Item | None) -> datetime | None:
    """The first moment that is given."""
    return next((instant(item) for item in items if item is not None), None)
