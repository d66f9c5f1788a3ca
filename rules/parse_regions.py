"""Reads codes and groups of them into regions: groups are gone here, only countries and provinces are left."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from rules.geography import PREDEFINED_GROUPS, Jurisdiction, Region, fault_of
from rules.reading import KNOWN_LIMIT, Item, near

_CIRCLE_LIMIT = 8
"""How many groups of a circle are named."""
GROUP_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)


@dataclass(slots=True)
class Groups:
    """The groups that a document may name."""

    codes: dict[str, frozenset[Jurisdiction]] = field(default_factory=lambda: dict(PREDEFINED_GROUPS))
    named: set[str] = field(default_factory=lambda: set(PREDEFINED_GROUPS))
    """Every name, those of faulty groups too: whoever uses one is not at fault."""
    regions: dict[tuple[str, ...], Region] = field(default_factory=dict)
    """Regions read so far: rules that say the same share one."""

    def region(self, item: Item) -> Region | None:
        """The region that a list of codes and groups names."""
        members = item.some_items("a list of codes")
        if members is None:
            return None
        key = tuple(member.data for member in members if isinstance(member.data, str))
        if len(key) == len(members) and key in self.regions:
            return self.regions[key]
        codes = [self._codes(member) for member in members]
        known = [found for found in codes if found is not None]
        if len(known) < len(codes):
            return None
        return self.regions.setdefault(key, Region(frozenset().union(*known)))

    def _codes(self, item: Item) -> frozenset[Jurisdiction] | None:
        name = self.code_or_group(item)
        if name is None:
            return None
        return self.codes.get(name[1:], frozenset()) if name[0] == "@" else frozenset({Jurisdiction(name)})

    def code_or_group(self, item: Item) -> str | None:
        """A code, or a group that exists with its `@`."""
        name = item.text("a country, a province or an `@group`")
        if name is None:
            return None
        if name[0] == "@":
            return name if name[1:] in self.named else item.fault(self._unknown_group(name))
        fault = fault_of(name)
        if fault and name in self.named:
            fault = f"`{name}` is a group, not a country: write `@{name}`"
        return item.fault(fault) if fault else name

    def _unknown_group(self, name: str) -> str:
        known = [f"@{known}" for known in self.named] if len(self.named) <= KNOWN_LIMIT else []
        return f"unknown group `{name}`{near(name.lower(), known)}"


def code(item: Item) -> Jurisdiction | None:
    """One country or province."""
    text = item.text("a country or a province")
    if text is None:
        return None
    fault = fault_of(text)
    return item.fault(fault) if fault else Jurisdiction(text)


def read_groups(item: Item) -> Groups:
    """The groups that a document defines, and those that all may name."""
    groups = Groups()
    if item.data is None:
        return groups
    entries = item.entries("a mapping of groups") or {}
    own = {name: entry for name, entry in entries.items() if _may_define(item, name)}
    groups.named |= set(own)
    members = {name: _members(entry, groups) for name, entry in own.items()}
    for name in _from_the_bottom(members):
        used = (groups.codes.get(str(member.data)[1:], frozenset()) for member in members[name] if _is_group(member))
        codes = frozenset(Jurisdiction(str(member.data)) for member in members[name] if not _is_group(member))
        groups.codes[name] = codes.union(*used)
    return groups


def _may_define(item: Item, name: str) -> bool:
    if name in PREDEFINED_GROUPS:
        item.key_fault(name, f"`{name}` is a predefined group: choose another name")
    elif not GROUP_NAME.fullmatch(name):
        item.key_fault(name, f"`{name}` is not a name for a group: use letters, digits, `.`, `_` and `-`, 64 at most")
    else:
        return True
    return False


def _members(item: Item, groups: Groups) -> list[Item]:
    """The members of one group that are codes or groups."""
    members = item.some_items("a list of codes") or []
    return [member for member in members if groups.code_or_group(member)]


def _is_group(member: Item) -> bool:
    return str(member.data).startswith("@")


def _from_the_bottom(members: Mapping[str, list[Item]]) -> Iterator[str]:
    """Each group after those that it names; a circle is a fault of the member that closes it.

    Walks without recursion: groups may be chained as long as their author likes.
    """
    done: set[str] = set()
    for start in members:
        path = {start: iter(members[start])} if start not in done else {}
        while path:
            name = next(reversed(path))
            member = next((member for member in path[name] if _is_group(member)), None)
            if member is None:
                del path[name]
                done.add(name)
                yield name
                continue
            used = str(member.data)[1:]
            if used in path:
                _circle(member, [*path], used)
            elif used in members and used not in done:
                path[used] = iter(members[used])


def _circle(member: Item, path: list[str], used: str) -> None:
    names = [f"`@{name}`" for name in (*path[path.index(used) :], used)]
    if len(names) > _CIRCLE_LIMIT:
        names = [*names[: _CIRCLE_LIMIT - 2], "…", names[-1]]
    member.fault(f"groups go in a circle: {' -> '.join(names)}")
