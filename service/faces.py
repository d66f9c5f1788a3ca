"""Numbers for screenings that decide alike, and one profile for all of them.

Most accounts of a million look like one of a few to a rule set. What they share is kept once, and numbered, so that a
finished answer is found by number. A number is never given again, and never means two things.
"""

from dataclasses import dataclass, replace
from itertools import count
from sys import getsizeof
from typing import NamedTuple, TypeAlias

from rules.profiles import Profile, Screening

FACES = 8_192
"""So many are kept; beyond that, screenings have numbers and profiles of their own."""

UNKNOWN_BYTES = 72
"""A cause of what is unknown, its mask apart."""
SCREENING_BYTES = 80
FACE_BYTES = 600
"""About what a face takes beside its profile: the key, the place in the table, the screening."""

Look: TypeAlias = tuple[object, ...]
"""All that a decision takes from a screening, the revision of the facts apart."""


class Faced(NamedTuple):
    """A screening, known by its face."""

    screening: Screening
    face: int
    own_bytes: int
    """What it takes that no other screening does."""


@dataclass(frozen=True, slots=True)
class _Face:
    number: int
    screening: Screening
    """Of the first one the profile, of the last one the revision."""


class Faces:
    """The faces of the screenings of one kind, made under one program."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.size_bytes = 0
        self._numbers = count()
        self._known: dict[Look, _Face] = {}

    def __len__(self) -> int:
        return len(self._known)

    def faced(self, screening: Screening) -> Faced:
        """The screening with what it shares; one of a new face that there is no room for shares nothing."""
        profile = screening.profile
        # INVARIANT: the masks say what is known of each atom of every rule, walked or not, and so do these.
        look = (profile.true, profile.possible, profile.unknown, screening.since, screening.until)
        known = self._known.get(look)
        if known is not None:
            return self._shared(look, known, screening)
        number, own_bytes = next(self._numbers), profile_bytes(profile)
        if len(self._known) >= FACES or self.size_bytes + own_bytes + FACE_BYTES > self.limit_bytes:
            return Faced(screening, number, SCREENING_BYTES + own_bytes)
        self._known[look] = _Face(number, screening)
        self.size_bytes += own_bytes + FACE_BYTES
        return Faced(screening, number, 0)

    def _shared(self, look: Look, known: _Face, screening: Screening) -> Faced:
        if screening.revision == known.screening.revision:
            return Faced(known.screening, known.number, 0)
        shared = replace(screening, profile=known.screening.profile)
        self._known[look] = _Face(known.number, shared)  # those that come next are of this revision too, most likely
        return Faced(shared, known.number, SCREENING_BYTES)

    def clear(self) -> None:
        """Forget all faces; their numbers are not given again."""
        self._known.clear()
        self.size_bytes = 0


def profile_bytes(profile: Profile) -> int:
    """About how much memory a profile takes."""
    doubts = sum(UNKNOWN_BYTES + getsizeof(places) for _, places in profile.unknown)
    return 80 + getsizeof(profile.true) + getsizeof(profile.possible) + doubts
