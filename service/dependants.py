"""Which memorised screenings depend on an entity, found without looking at all of them.

In step with the memo: it is told of every entry that comes and goes. What reaches very many entities is not listed
under each of them, but looked at whenever an entity changes: so the index stays bounded by the memo.
"""

from collections.abc import Collection
from typing import Protocol

WIDE = 64
"""What reaches more entities than this is looked at by itself."""


class Reaching(Protocol):
    """An entry of the memo."""

    @property
    def reached(self) -> frozenset[str]:
        """Ids of the entities that it depends on."""


class Dependants:
    """Ids of entries by entity: see `memo.Index`."""

    def __init__(self) -> None:
        self._by_entity: dict[str, str | set[str]] = {}
        """One id stands alone: most entities have one account, and a set takes four times as much."""
        self._wide: dict[str, frozenset[str]] = {}

    def added(self, id: str, entry: Reaching) -> None:
        """List an entry."""
        if len(entry.reached) > WIDE:
            self._wide[id] = entry.reached
            return
        for entity in entry.reached:
            listed = self._by_entity.get(entity)
            if listed is None:
                self._by_entity[entity] = id
            elif isinstance(listed, set):
                listed.add(id)
            else:
                self._by_entity[entity] = {listed, id}

    def removed(self, id: str, entry: Reaching) -> None:
        """Take an entry off the lists."""
        if self._wide.pop(id, None) is None:
            for entity in entry.reached:
                self._strike(id, entity)

    def cleared(self) -> None:
        """Begin anew."""
        self._by_entity.clear()
        self._wide.clear()

    def of(self, entities: Collection[str]) -> set[str]:
        """Ids of the entries that depend on one of them."""
        found = {id for id, reached in self._wide.items() if not reached.isdisjoint(entities)}
        for entity in entities:
            listed = self._by_entity.get(entity, ())
            found.update(listed if isinstance(listed, (set, tuple)) else (listed,))
        return found

    def __len__(self) -> int:
        """How many entities and wide entries are listed."""
        return len(self._by_entity) + len(self._wide)

    def _strike(self, id: str, entity: str) -> None:
        listed = self._by_entity[entity]
        if isinstance(listed, set):
            listed.discard(id)
        if not isinstance(listed, set) or not listed:
            del self._by_entity[entity]
