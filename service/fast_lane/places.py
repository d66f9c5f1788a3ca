"""Numbers for locations that decide alike under one program: most addresses of the world are in one of a few places."""

from collections.abc import Callable, Iterable
from typing import Final, TypeAlias

from rules.compile import Program
from rules.evaluate import location_profile
from rules.facts import Location
from rules.profiles import Screening
from service.decide import Located
from service.faces import Faces
from service.fast_lane.heads import header_lines
from service.gateways.checks import country_headers

PLACES: Final = 65_536
"""So many locations are remembered; beyond that, all are looked at anew."""
FACES_BYTES: Final = 8 * 1024 * 1024


Place: TypeAlias = tuple[Location, int, bytes]
"""A location; its number, the same for those that leave the same of every rule; and how gateways are told of it."""


class Places:
    """The locations that were seen under one program."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._faces = Faces(FACES_BYTES)
        self._known: dict[int, Place] = {}
        """By identity of the location, which the entry keeps alive."""
        self._find: Callable[[int], Place | None] = self._known.get

    def each(self, located: Iterable[Located]) -> list[Place]:
        """HOT PATH: what is needed of the locations of some addresses."""
        find = self._find
        return [find(id(one.location)) or self.place(one.location) for one in located]

    def place(self, location: Location) -> Place:
        """What is needed of a location."""
        profile = location_profile(self._program, location)
        face = self._faces.faced(Screening(profile, None, None, "")).face
        if len(self._known) >= PLACES:
            self._known.clear()
        place = self._known[id(location)] = (location, face, header_lines(country_headers(location)))
        return place
