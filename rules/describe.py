"""Conditions in words, for explanations."""

from collections.abc import Iterable
from datetime import timedelta

from rules.geography import Region
from rules.language import (
    AccountIs,
    AccountTagged,
    ActionIs,
    ActivityOver,
    AllOf,
    AnyOf,
    DeclaredConflict,
    DeclaredIn,
    EntityCondition,
    EntityIs,
    EntityKind,
    EntityMatches,
    HoldingTest,
    Leaf,
    ListedOn,
    LocatedIn,
    NetworkIs,
    NetworkRange,
    NetworkSystem,
    NotOf,
    OwnedBy,
    ResourceIs,
    ResourceTagged,
    SeatIn,
)

MAX_NAMED = 8
"""Values listed in a sentence; the rest is counted."""


def leaf(condition: Leaf) -> str:
    """One condition in words, without its truth."""
    match condition:
        case LocatedIn(region):
            return f"the address lies in {_region(region)}"
        case NetworkIs(kinds):
            return f"the network is any of {_names(kinds)}"
        case NetworkSystem(systems):
            return f"the autonomous system is {_names(map(str, systems))}"
        case NetworkRange(ranges):
            return f"the address lies in one of {len(ranges)} prefixes"
        case EntityMatches(matches, of):
            return f"{_party(of)} {entity(matches)}"
        case OwnedBy(by, test, of):
            return f"{_party(of)} is owned {test.threshold} by a party that {entity(by)} ({attribution(test)})"
        case ResourceIs(ids):
            return f"the resource is {_names(ids)}"
        case ResourceTagged(tags):
            return f"the resource is tagged {_names(tags)}"
        case ActionIs(names):
            return f"the action is {_names(names)}"
        case _:
            return _account_leaf(condition)


def entity(condition: EntityCondition) -> str:
    """A condition on an entity, as the end of a sentence about it."""
    match condition:
        case AllOf(parts):
            return "(" + " and ".join(map(entity, parts)) + ")"
        case AnyOf(parts):
            return "(" + " or ".join(map(entity, parts)) + ")"
        case NotOf(part):
            return f"is none that {entity(part)}"
        case SeatIn(region, basis):
            return f"has its {' or '.join(basis)} in {_region(region)}"
        case ListedOn(lists):
            return f"is listed on {_names(lists)}"
        case EntityIs(ids):
            return f"is {_names(ids)}"
        case EntityKind(kinds):
            return f"is a {_names(kinds)}"


def attribution(test: HoldingTest) -> str:
    """How shares are attributed, in words."""
    words = [test.attribution, "holders added up" if test.aggregate else "a single holder"]
    if test.control:
        words.append("or control")
    if test.undisclosed:
        words.append("undisclosed parts may be anyone's")
    return ", ".join(words)


def _account_leaf(condition: Leaf) -> str:
    match condition:
        case AccountIs(ids):
            return f"the account is {_names(ids)}"
        case AccountTagged(tags):
            return f"the account is tagged {_names(tags)}"
        case DeclaredIn(region, signals, match):
            return f"{match} declared {_signals(signals)} lies in {_region(region)}"
        case DeclaredConflict(signals):
            return f"declared {_signals(signals)} name different countries"
        case ActivityOver(count, within, least):
            return f"at least {least} {count} within {_span(within)}"
        case _:
            raise AssertionError(f"no words for {condition}")


def _party(of: str) -> str:
    return "the account's entity" if of == "account" else "the resource's provider"


def _signals(signals: frozenset[str] | None) -> str:
    return "signals" if signals is None else _names(signals)


def _region(region: Region) -> str:
    return _names(region.codes)


def _names(values: Iterable[str]) -> str:
    names = sorted(values)
    shown = ", ".join(names[:MAX_NAMED])
    rest = len(names) - MAX_NAMED
    return f"{shown} and {rest} more" if rest > 0 else shown


def _span(span: timedelta) -> str:
    return str(span)
