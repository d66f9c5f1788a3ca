"""Numbers for places that decide alike under one program: most addresses of the world are in one of a few places."""

from collections.abc import Callable, Iterable
from typing import Final, TypeAlias

from rules.compile import Program
from rules.evaluate import location_profile
from rules.profiles import Screening
from service.decide import Place
from service.faces import Faces
from service.fast_lane.heads import header_lines
from service.gateways.checks import country_headers

PLACES: Final = 65_536
"""So many places are remembered; beyond that, all are looked at anew."""
FACES_BYTES: Final = 8 * 1024 * 1024


Numbered: TypeAlias = tuple[Place, int, bytes]
"""A place; its number, the same for those that leave the same of every rule; and how gateways are told of it."""


class Places:
    """The places that were seen under one program."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._faces = Faces(FACES_BYTES)
        self._known: dict[int, Numbered] = {}
        """By identity of the place, which the entry keeps alive."""
        self._find: Callable[[int], Numbered | None] = self._known.get

    def each(self, places: Iterable[Place]) -> list[Numbered]:
        """HOT PATH: what is needed of some places."""
        find = self._find
        return [find(id(place)) or self.numbered(place) for place in places]

    def numbered(self, place: Place) -> Numbered:
        """What is needed of a place."""
        profile = location_profile(self._program, place.location)
        face = self._faces.faced(Screening(profile, None, None, "")).face
        if len(self._known) >= PLACES:
            self._known.clear()
        numbered = self._known[id(place)] = (place, face, header_lines(country_headers(place.location)))
        return numbered
