"""Reads conditions: a mapping with several members means all of them, a list any of its values, `not_in` not `in`."""

import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias, TypeVar, cast, get_args

from rules.facts import BASES, IPV4_MAPPED, ActivityCount, Address, Basis, NetworkKind
from rules.language import (
    AccountIs,
    AccountTagged,
    ActionIs,
    ActivityOver,
    AllOf,
    AnyOf,
    Attribution,
    Condition,
    DeclaredConflict,
    DeclaredIn,
    EntityCondition,
    EntityIs,
    EntityKind,
    EntityMatches,
    HoldingTest,
    ListedOn,
    LocatedIn,
    NetworkIs,
    NetworkRange,
    NetworkSystem,
    NotOf,
    OwnedBy,
    Party,
    ResourceIs,
    ResourceTagged,
    SeatIn,
)
from rules.parse_regions import Groups
from rules.reading import Item, Members, all_read, choice, described
from rules.shares import parse_threshold
from rules.times import parse_duration

C = TypeVar("C")
V = TypeVar("V")
Part: TypeAlias = Callable[[Item, Members, Groups], C | None]
"""Reads one member of a mapping; the mapping's other members may qualify it."""
Qualifiers: TypeAlias = Mapping[str, tuple[str, ...]]
"""Members that name no condition, and those that each qualifies."""
Range: TypeAlias = tuple[Address, Address]

DEFAULT_BASIS: tuple[Basis, ...] = ("headquarters", "incorporation")
_PARTIES: tuple[str, ...] = get_args(Party)
_ATTRIBUTIONS: tuple[str, ...] = get_args(Attribution)
NETWORK_KIND_WORDS: tuple[str, ...] = get_args(NetworkKind)
ACTIVITY_COUNT_WORDS: tuple[str, ...] = get_args(ActivityCount)

_SYSTEM = re.compile(r"(?:AS)?([0-9]{1,10})", re.ASCII | re.IGNORECASE)
_SYSTEM_LIMIT = 2**32 - 1
_OVER = re.compile(r"(>=|>)\s*([0-9]{1,18})", re.ASCII)
_IPV4_LAST = IPV4_MAPPED + 2**32 - 1


def condition(item: Item, groups: Groups) -> "Condition | None":
    """What a rule's `when` says."""
    return _every(item, _CONDITIONS, groups)


def entity_condition(item: Item, groups: Groups) -> "EntityCondition | None":
    """What `by` says, or any part of an `entity` condition."""
    return _every(item, _ENTITY, groups, _ENTITY_QUALIFIERS)


def _every(
    item: Item, parts: Mapping[str, Part[C]], groups: Groups, qualifiers: Qualifiers | None = None
) -> C | AllOf[C] | None:
    """All the conditions that a mapping names, in its order."""
    members = item.members((*parts, *(qualifiers or ())), what="a mapping of conditions")
    named = [key for key in members.found if key in parts]
    _check_qualifiers(members, qualifiers or {})
    if not named:
        return item.fault("this names no condition") if item.data == {} or "of" in members else None
    read = [parts[key](members.found[key], members, groups) for key in named]
    kept = tuple(part for part in read if part is not None)
    if len(kept) < len(read):
        return None
    return kept[0] if len(kept) == 1 else AllOf(kept)


def _check_qualifiers(members: Members, qualifiers: Qualifiers) -> None:
    for key, qualified in qualifiers.items():
        if qualified and key in members and not any(other in members for other in qualified):
            members.item.key_fault(key, f"`{key}` says nothing without {choice(qualified)}")


def _all_of(item: Item, read: Callable[[Item], C | None]) -> AllOf[C] | None:
    parts = _listed(item, read)
    return None if parts is None else AllOf(parts)


def _any_of(item: Item, read: Callable[[Item], C | None]) -> AnyOf[C] | None:
    parts = _listed(item, read)
    return None if parts is None else AnyOf(parts)


def _listed(item: Item, read: Callable[[Item], C | None]) -> tuple[C, ...] | None:
    items = item.items("a list of conditions")
    return None if items is None else all_read(items, read)


def _negated(part: C | None) -> NotOf[C] | None:
    return None if part is None else NotOf(part)


def _location(item: Item, _: Members, groups: Groups) -> "Condition | None":
    parts: dict[str, Part[Condition]] = {
        "in": lambda item, _, groups: _located(item, groups),
        "not_in": lambda item, _, groups: _negated(_located(item, groups)),
    }
    return _every(item, parts, groups)


def _located(item: Item, groups: Groups) -> "Condition | None":
    region = groups.region(item)
    return None if region is None else LocatedIn(region)


def _network(item: Item, _: Members, groups: Groups) -> "Condition | None":
    parts: dict[str, Part[Condition]] = {
        "kind": lambda item, *_: _of_set(NetworkIs, item.some_of(NETWORK_KIND_WORDS, "a kind of network")),
        "asn": lambda item, *_: _of_set(NetworkSystem, systems(item)),
        "cidr": lambda item, *_: _prefixes(item),
    }
    return _every(item, parts, groups)


def systems(item: Item) -> tuple[int, ...] | None:
    """A list of autonomous system numbers."""
    if type(item.data) is int:
        return item.fault(f"a list is wanted here: write `[{item.data}]`")
    items = item.some_items("a list of autonomous system numbers")
    return None if items is None else all_read(items, system)


def system(item: Item) -> int | None:
    """`64500` or `AS64500`."""
    found = _SYSTEM.fullmatch(item.data) if isinstance(item.data, str) else None
    number = int(found[1]) if found else item.data
    if type(number) is not int or not 1 <= number <= _SYSTEM_LIMIT:
        shown = f"`{item.data}`" if isinstance(item.data, str) else described(item.data)
        return item.fault(f"{shown} is not an autonomous system number: write 1 to {_SYSTEM_LIMIT}")
    return number


def _prefixes(item: Item) -> NetworkRange | None:
    items = item.some_items("a list of prefixes")
    ranges = None if items is None else all_read(items, lambda item: item.parsed(parse_prefix, "a prefix"))
    return None if ranges is None else NetworkRange(tuple(each for some in ranges for each in some))


def parse_prefix(text: str) -> tuple[Range, ...]:
    """The addresses of `203.0.113.0/24` or `2001:db8::/32`, or of one address alone.

    A prefix of IPv6 that holds the block where IPv4 addresses stand (`::/0`) leaves it out: it speaks of IPv6.

    Raises:
        ValueError: with a message for people, naming what is wrong.
    """
    address, slash, length = text.partition("/")
    if "%" in address or (slash and not (length.isascii() and length.isdecimal())):
        raise ValueError(f"`{text}` is not a prefix: write `203.0.113.0/24` or `2001:db8::/32`")
    try:
        network = ipaddress.ip_network(text, strict=False)
        bare = ipaddress.ip_address(address)
    except ValueError:
        raise ValueError(f"`{text}` is not a prefix: write `203.0.113.0/24` or `2001:db8::/32`") from None
    if bare != network.network_address:
        raise ValueError(f"`{text}` has host bits set: write `{network}`")
    base = IPV4_MAPPED if network.version == 4 else 0
    first, last = base + int(network.network_address), base + int(network.broadcast_address)
    if first < IPV4_MAPPED and last > _IPV4_LAST:
        return (Address(first), Address(IPV4_MAPPED - 1)), (Address(_IPV4_LAST + 1), Address(last))
    return ((Address(first), Address(last)),)


def _entity(item: Item, _: Members, groups: Groups) -> "Condition | None":
    qualifiers = {**_ENTITY_QUALIFIERS, "of": ()}
    matches: EntityCondition | None = _every(item, _ENTITY, groups, qualifiers)
    of = _of(item)
    return None if matches is None or of is None else EntityMatches(matches, of)


def _of(item: Item) -> Party | None:
    """Whose entity a condition speaks of."""
    if not isinstance(item.data, Mapping) or "of" not in item.data:
        return "account"
    return cast(Party | None, item.member("of").one_of(_PARTIES, "a party"))


def _seat(item: Item, members: Members, groups: Groups) -> "EntityCondition | None":
    region = groups.region(item)
    basis = DEFAULT_BASIS if "basis" not in members else members.read("basis", _basis)
    return None if region is None or basis is None else SeatIn(region, basis)


def _basis(item: Item) -> tuple[Basis, ...] | None:
    basis = item.some_of(BASES, "a basis")
    return None if basis is None else cast(tuple[Basis, ...], tuple(dict.fromkeys(basis)))


def _owned(item: Item, _: Members, groups: Groups) -> "Condition | None":
    members = item.members(_OWNED_KEYS, required=("by", "share"))
    by = entity_condition(members.found["by"], groups) if "by" in members else None
    test, of = _holding_test(members), _of(item)
    return None if by is None or test is None or of is None else OwnedBy(by, test, of)


def _holding_test(members: Members) -> HoldingTest | None:
    threshold = members.read("share", lambda item: item.parsed(parse_threshold, "a threshold such as `>= 50%`"))
    attribution = _setting(members, "attribution", _ATTRIBUTIONS)
    aggregate = members.read("aggregate", Item.boolean) if "aggregate" in members else True
    control = _setting(members, "control", ("ignore", "include"))
    undisclosed = _setting(members, "undisclosed", ("ignore", "unknown"))
    if threshold is None or attribution is None or aggregate is None or control is None or undisclosed is None:
        return None
    return HoldingTest(
        threshold, cast(Attribution, attribution), aggregate, control == "include", undisclosed == "unknown"
    )


def _setting(members: Members, key: str, allowed: tuple[str, ...]) -> str | None:
    """One of the words allowed, the first of them unless said."""
    return members.read(key, lambda item: item.one_of(allowed)) if key in members else allowed[0]


def _declared(item: Item, _: Members, groups: Groups) -> "Condition | None":
    qualifiers = {"signals": ("in", "not_in", "conflict"), "match": ("in", "not_in")}
    return _every(item, _DECLARED, groups, qualifiers)


def _declared_in(item: Item, members: Members, groups: Groups) -> "Condition | None":
    region, signals = groups.region(item), members.read("signals", Item.texts)
    match = _setting(members, "match", ("any", "all"))
    if region is None or match is None or ("signals" in members and signals is None):
        return None
    return DeclaredIn(region, _set_or_none(signals), cast(Literal["any", "all"], match))


def _conflict(item: Item, members: Members, _: Groups) -> "Condition | None":
    wanted, signals = item.boolean(), members.read("signals", Item.texts)
    if wanted is None or ("signals" in members and signals is None):
        return None
    conflict = DeclaredConflict(_set_or_none(signals))
    return conflict if wanted else NotOf(conflict)


def _account(item: Item, _: Members, groups: Groups) -> "Condition | None":
    parts: dict[str, Part[Condition]] = {
        "id": lambda item, *_: _of_set(AccountIs, item.texts()),
        "tags": lambda item, *_: _of_set(AccountTagged, item.texts()),
    }
    return _every(item, parts, groups)


def _resource(item: Item, _: Members, groups: Groups) -> "Condition | None":
    parts: dict[str, Part[Condition]] = {
        "id": lambda item, *_: _of_set(ResourceIs, item.texts()),
        "tags": lambda item, *_: _of_set(ResourceTagged, item.texts()),
    }
    return _every(item, parts, groups)


def _activity(item: Item, *_: object) -> "Condition | None":
    members = item.members(("count", "over", "within"), required=("count", "over", "within"))
    count = members.read("count", lambda item: item.one_of(ACTIVITY_COUNT_WORDS, "counted"))
    least = members.read("over", lambda item: item.parsed(_parse_over, "a number such as `>= 5`"))
    within = members.read("within", lambda item: item.parsed(parse_duration, "a duration such as `PT24H`"))
    if count is None or least is None or within is None:
        return None
    return ActivityOver(cast(ActivityCount, count), within, least)


def _parse_over(text: str) -> int:
    found = _OVER.fullmatch(text.strip())
    if not found:
        raise ValueError(f"`{text}` is not a number to pass: write `>= 5` or `> 5`")
    return int(found[2]) + (found[1] == ">")


def _of_set(make: Callable[[frozenset[V]], C], values: tuple[V, ...] | None) -> C | None:
    return None if values is None else make(frozenset(values))


def _set_or_none(values: tuple[str, ...] | None) -> frozenset[str] | None:
    return None if values is None else frozenset(values)


_ENTITY: Mapping[str, Part[EntityCondition]] = {
    "all": lambda item, _, groups: _all_of(item, lambda item: entity_condition(item, groups)),
    "any": lambda item, _, groups: _any_of(item, lambda item: entity_condition(item, groups)),
    "not": lambda item, _, groups: _negated(entity_condition(item, groups)),
    "seat_in": _seat,
    "seat_not_in": lambda item, members, groups: _negated(_seat(item, members, groups)),
    "listed": lambda item, *_: _of_set(ListedOn, item.texts()),
    "id": lambda item, *_: _of_set(EntityIs, item.texts()),
    "kind": lambda item, *_: _of_set(EntityKind, item.texts()),
}
_ENTITY_QUALIFIERS: Qualifiers = {"basis": ("seat_in", "seat_not_in")}
_OWNED_KEYS = ("by", "share", "attribution", "aggregate", "control", "undisclosed", "of")
_DECLARED: Mapping[str, Part[Condition]] = {
    "in": _declared_in,
    "not_in": lambda item, members, groups: _negated(_declared_in(item, members, groups)),
    "conflict": _conflict,
}
_CONDITIONS: Mapping[str, Part[Condition]] = {
    "all": lambda item, _, groups: _all_of(item, lambda item: condition(item, groups)),
    "any": lambda item, _, groups: _any_of(item, lambda item: condition(item, groups)),
    "not": lambda item, _, groups: _negated(condition(item, groups)),
    "location": _location,
    "network": _network,
    "entity": _entity,
    "owned": _owned,
    "declared": _declared,
    "account": _account,
    "resource": _resource,
    "action": lambda item, *_: _of_set(ActionIs, item.texts()),
    "activity": _activity,
}
