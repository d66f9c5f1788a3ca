"""Reads rules and exemptions, with the posture that a rule inherits already filled in."""

import json
import re
from collections.abc import Collection
from datetime import datetime
from typing import Literal, cast, get_args

from rules.language import (
    ALWAYS,
    DEFAULT_STATUS,
    Effect,
    Exemption,
    Mode,
    Obligation,
    Period,
    Posture,
    Rule,
)
from rules.parse_conditions import condition
from rules.parse_regions import Groups
from rules.reading import Item, Members, all_read, near
from rules.times import parse_instant

EFFECTS: tuple[str, ...] = get_args(Effect)
POSTURES: tuple[str, ...] = get_args(Posture)
MODES: tuple[str, ...] = get_args(Mode)

_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}", re.ASCII)
_REASON = re.compile(r"[!-~]{1,128}", re.ASCII)
_SHARED_KEYS = ("id", "when", "source", "if_unknown", "effective")
_RULE_KEYS = (*_SHARED_KEYS, "effect", "reason", "message", "status", "mode", "obligations")
_EXEMPTION_KEYS = (*_SHARED_KEYS, "lifts")


def read_rule(item: Item, groups: Groups, posture: Posture) -> Rule | None:
    """One rule; `posture` is what a denial or a challenge inherits."""
    faults = len(item.problems)
    members = item.members(_RULE_KEYS, required=("id", "effect", "when"), what="a rule")
    id, effect = members.read("id", rule_id), cast(Effect | None, _one_of(members, "effect", EFFECTS))
    when = condition(members.found["when"], groups) if "when" in members else None
    own_posture = cast(Posture | None, _one_of(members, "if_unknown", POSTURES))
    reason, message, source = members.read("reason", _reason), members.words("message"), members.words("source")
    status = members.read("status", lambda item: item.whole(400, 599))
    mode = cast(Mode | None, _one_of(members, "mode", MODES))
    effective = members.read("effective", _period)
    obligations = members.read("obligations", lambda item: _obligations(item, id or ""))
    if len(item.problems) > faults or id is None or effect is None or when is None:
        return None
    return Rule(
        id=id,
        effect=effect,
        when=when,
        if_unknown=own_posture or ("skip" if effect == "allow" else posture),
        reason=reason or id,
        message=message,
        source=source,
        status=status or DEFAULT_STATUS,
        mode=mode or "enforce",
        effective=effective or ALWAYS,
        obligations=obligations or (),
    )


def read_exemption(item: Item, groups: Groups, rules: Collection[str]) -> Exemption | None:
    """One exemption; `rules` are the ids that it may lift."""
    faults = len(item.problems)
    members = item.members(_EXEMPTION_KEYS, required=("id", "lifts", "when"), what="an exemption")
    id, lifts = members.read("id", rule_id), members.read("lifts", lambda item: _lifts(item, rules))
    when = condition(members.found["when"], groups) if "when" in members else None
    posture = members.read("if_unknown", lambda item: item.one_of(("apply", "skip"), "what an exemption can do"))
    source, effective = members.words("source"), members.read("effective", _period)
    if len(item.problems) > faults or id is None or lifts is None or when is None:
        return None
    own_posture = cast(Literal["apply", "skip"], posture or "skip")
    return Exemption(id, frozenset(lifts), when, own_posture, source, effective or ALWAYS)


def rule_id(item: Item) -> str | None:
    """The id of a rule or an exemption."""
    text = item.text("an id")
    if text is None or _ID.fullmatch(text):
        return text
    return item.fault(
        f"`{text}` is not an id: use letters, digits, `.`, `_` and `-`, 64 at most, the first no `.` or `-`"
    )


def _one_of(members: Members, key: str, allowed: tuple[str, ...]) -> str | None:
    what = {"effect": "an effect", "mode": "a mode"}.get(key, "allowed here")
    return members.read(key, lambda item: item.one_of(allowed, what))


def _reason(item: Item) -> str | None:
    text = item.text("a code for programs")
    if text is None or _REASON.fullmatch(text):
        return text
    return item.fault(f"`{text}` is not a code for programs: use ASCII without blanks, 128 at most")


def _lifts(item: Item, rules: Collection[str]) -> tuple[str, ...] | None:
    items = item.some_items("a list of rules")
    return None if items is None else all_read(items, lambda item: _lifted(item, rules))


def _lifted(item: Item, rules: Collection[str]) -> str | None:
    id = item.text("the id of a rule")
    if id is None or id in rules:
        return id
    return item.fault(f"unknown rule `{id}`{near(id, rules)}")


def _period(item: Item) -> Period | None:
    members = item.members(("from", "until"), what="a mapping with `from` or `until`")
    if item.data == {}:
        return item.fault("this names neither `from` nor `until`")
    start = members.read("from", instant)
    until = members.read("until", instant)
    if start is not None and until is not None and until <= start:
        members.found["until"].fault("`until` is not after `from`: the rule would never be in force")
    return Period(start, until)


def instant(item: Item) -> datetime | None:
    """A moment, aware and in UTC."""
    return item.parsed(parse_instant, "a time such as `2026-01-31T12:00:00Z`")


def _obligations(item: Item, rule: str) -> tuple[Obligation, ...] | None:
    items = item.items("a list of obligations")
    if items is None:
        return None
    read = [_obligation(each, f"{rule}#{number}") for number, each in enumerate(items, 1)]
    return tuple(obligation for obligation in read if obligation is not None)


def _obligation(item: Item, default_id: str) -> Obligation | None:
    members = item.members(("type", "properties", "id"), required=("type",), what="an obligation")
    type, id = members.text("type"), members.text("id")
    properties = members.read("properties", json_text) if "properties" in members else "{}"
    return None if type is None or properties is None else Obligation(id or default_id, type, properties)


def json_text(item: Item) -> str | None:
    """A mapping as JSON text with sorted keys."""
    if item.entries("a mapping") is None:
        return None
    try:
        return json.dumps(item.data, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except ValueError:
        return item.fault("JSON has no infinite number and no `.nan`")
