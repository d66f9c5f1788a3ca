"""Lines of a segment -> what a decision was asked and made from, as `rules` takes it.

A segment stands alone: `Facts` gathers its lines of facts, and every decision after them refers to those.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from ipaddress import ip_network
from typing import Any, TypeAlias

from rules.facts import (
    IPV4_MAPPED,
    NOWHERE,
    Account,
    AccountFacts,
    AccountId,
    Address,
    Claim,
    Entity,
    EntityId,
    Interest,
    Location,
    OwnershipGraph,
    Request,
    Resource,
    ResourceFacts,
    ResourceId,
)
from rules.shares import UNKNOWN_SHARE, parse_bounds

Line: TypeAlias = Mapping[str, Any]
"""A line of a segment, read."""


class Incomplete(Exception):
    """The facts that a record refers to are not in its segment."""


@dataclass(frozen=True, slots=True)
class Block:
    """The addresses that one recorded text stands for."""

    first: Address
    last: Address

    @property
    def is_exact(self) -> bool:
        return self.first == self.last


@dataclass(frozen=True)
class Case:
    """One recorded decision with everything it was made from."""

    record: Line
    account: AccountFacts
    resource: ResourceFacts
    location: Location

    @cached_property
    def request(self) -> Request:
        """What was asked; of a masked address, the first of its block."""
        activity = {
            (each["count"], timedelta(seconds=each["within_seconds"])): each["value"]
            for each in self.record.get("activity", ())
        }
        block = block_of(self.record.get("address"))
        address = block.first if block else None
        return Request(moment(self.record["at"]), self.location, address, self.record["action"], activity)


@dataclass(slots=True)
class Facts:
    """The facts that the lines of one segment have given so far."""

    locations: dict[str, Location] = field(default_factory=dict)
    _parts: dict[str, dict[int, Line]] = field(default_factory=dict)
    """Of graphs, by name and number: a part that is said twice counts once."""
    _graphs: dict[tuple[str | None, str], OwnershipGraph] = field(default_factory=dict)
    """By name and revision."""
    _subjects: dict[tuple[str, str], AccountFacts | ResourceFacts] = field(default_factory=dict)
    """By id, and all that is said of them: the same facts are the same object."""

    def add(self, line: Line) -> None:
        """Take in a line that is no decision; one of an unknown type says nothing."""
        id = line["id"]
        if line["type"] == "location":
            self.locations[id] = _location(line)
        elif line["type"] == "facts":
            self._parts.setdefault(id, {})[line["part"]] = line

    def case(self, record: Line) -> Case:
        """A decision with its facts.

        Raises:
            Incomplete: some are missing.
        """
        location = record["location"]
        if location not in self.locations:
            raise Incomplete(f"location `{location}` is not in the segment")
        account = self._account_facts(record["account"], record["account_facts"])
        resource = self._resource_facts(record["resource"], record["resource_facts"])
        return Case(record, account, resource, self.locations[location])

    def _account_facts(self, id: str, said: Line) -> AccountFacts:
        key = (id, f"account {said}")
        found = self._subjects.get(key)
        if not isinstance(found, AccountFacts):
            found = self._subjects[key] = AccountFacts(_account(id, said), self._graph(said))
        return found

    def _resource_facts(self, id: str, said: Line) -> ResourceFacts:
        key = (id, f"resource {said}")
        found = self._subjects.get(key)
        if not isinstance(found, ResourceFacts):
            found = self._subjects[key] = ResourceFacts(_resource(id, said), self._graph(said))
        return found

    def _graph(self, said: Line) -> OwnershipGraph:
        id, revision = said["graph"], said["revision"]
        found = self._graphs.get((id, revision))
        if found is None:
            if id is not None and id not in self._parts:
                raise Incomplete(f"facts `{id}` are not in the segment")
            parts = list(self._parts[id].values()) if id is not None else []
            entities = [_entity(each) for part in parts for each in part["entities"]]
            interests = [_interest(each) for part in parts for each in part["interests"]]
            found = self._graphs[id, revision] = OwnershipGraph.of(entities, interests, revision)
        return found


def moment(text: str) -> datetime:
    """The moment that a line names."""
    return datetime.fromisoformat(text)


def block_of(text: str | None) -> Block | None:
    """What a recorded address stands for; None if none was recorded."""
    if text is None:
        return None
    network = ip_network(text)
    above = IPV4_MAPPED if network.version == 4 else 0
    first, last = int(network.network_address), int(network.broadcast_address)
    return Block(Address(above | first), Address(above | last))


def _account(id: str, said: Line) -> Account:
    return Account(AccountId(id), said["registered"], said["entity"], frozenset(said["tags"]), said["declared"])


def _resource(id: str, said: Line) -> Resource:
    return Resource(ResourceId(id), frozenset(said["tags"]), said["provider"])


def _location(line: Line) -> Location:
    claims = tuple(Claim(each["source"], each["code"], frozenset(each["resolves"])) for each in line["claims"])
    systems = None if line["systems"] is None else frozenset(line["systems"])
    location = Location(claims, frozenset(line["kinds"]), frozenset(line["tells"]), systems)
    return NOWHERE if location == NOWHERE else location


def _entity(said: Line) -> Entity:
    return Entity(
        EntityId(said["id"]),
        said.get("name", ""),
        said.get("kind"),
        {basis: frozenset(codes) for basis, codes in said.get("seats", {}).items()},
        frozenset(said.get("listed", ())),
        frozenset(said.get("acts_with", ())),
    )


def _interest(said: Line) -> Interest:
    return Interest(
        owner=said["owner"],
        subject=said["subject"],
        share=parse_bounds(said["share"]) if "share" in said else UNKNOWN_SHARE,
        control=said.get("control", False),
        start=moment(said["start"]) if "start" in said else None,
        end=moment(said["end"]) if "end" in said else None,
        source=said.get("source", ""),
    )
