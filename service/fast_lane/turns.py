"""Turns of the event loop: what arrives in one is decided as of its beginning."""

from datetime import datetime

from service.fast_lane.derived import derived_of
from service.fast_lane.ready import DefaultHeaders
from service.programs import Snapshot


class Turn:
    """What all requests of one turn of the event loop are decided by."""

    __slots__ = ("at", "derived", "find_request", "frame", "goings", "snapshot", "window")

    def __init__(self, snapshot: Snapshot, at: datetime, headers: DefaultHeaders, *, is_admitting: bool) -> None:
        self.snapshot = snapshot
        self.goings = snapshot.screenings.goings
        self.at = at
        derived = self.derived = derived_of(snapshot)
        self.frame = derived.frame(snapshot, headers, at)
        self.window = derived.window
        """INVARIANT: the other lane, whose turn began later, may have come to another: then this turn is over."""
        self.find_request = derived.asked.requests[is_admitting].find
