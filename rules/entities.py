"""What is known of one entity."""

from collections.abc import Collection, Hashable, Sequence
from typing import cast

from rules.facets import ANYTHING, Facet
from rules.facts import Basis, Entity
from rules.geography import Jurisdiction
from rules.marks import any_of
from rules.selections import Selected, Selection, having, joined, lying_in
from rules.verdicts import unknown


class EntityReader:
    """An entity, if it is known."""

    def __init__(self, entity: Entity | None, prefix: str) -> None:
        """`prefix`: whose entity it is, in what leaves conditions unknown."""
        self._entity = entity
        self._prefix = prefix

    def select(self, facet: Facet, filed: Collection[Hashable]) -> Selected:
        entity = self._entity
        if entity is None:
            return Selection(unknown(f"{self._prefix}.missing"))
        match facet.name:
            case "seat":
                return self._seats(entity, cast(Sequence[Basis], facet.of), filed)
            case "lists":
                return having(entity.listed, filed)
            case "entity":
                return having((entity.id,), filed)
            case "kind" if entity.kind is None:
                return Selection(unknown(f"{self._prefix}.kind"))
            case "kind":
                return having((entity.kind,), filed)
            case "known":
                return having((ANYTHING,), filed)
            case _:
                raise AssertionError(f"not about an entity: {facet}")

    def _seats(self, entity: Entity, bases: Sequence[Basis], filed: Collection[Hashable]) -> Selected:
        """Any seat on any basis; a basis of which no seat is recorded may be anywhere."""
        cause = f"{self._prefix}.seat"
        seats = [entity.seats.get(basis) for basis in bases]
        codes = frozenset[Jurisdiction]().union(*(each for each in seats if each))
        parts = [lying_in(code, filed, cause) for code in codes]
        if not all(seats):
            parts.append(Selection(unknown(cause)))
        return joined(any_of, parts)
