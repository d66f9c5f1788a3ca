"""What the fast lane works out under one program: numbers of places, answers that are ready, questions asked before."""

from bisect import bisect_right
from collections.abc import Iterable
from datetime import datetime
from typing import TypeAlias

from rules.facts import AccountFacts, ResourceFacts
from service.decide import Located, Screened
from service.fast_lane.asked import AskedBefore
from service.fast_lane.places import Place, Places
from service.fast_lane.ready import BEGINNING, DefaultHeaders, Frame, Ready, window_of
from service.memo import Bound, Memo
from service.programs import Snapshot

ANSWERS_BYTES = 32 * 1024 * 1024
"""What the answers that are ready may take."""
ASKED_PART = 4
"""Questions that are known by their bytes may take one part in so many of what screenings may."""

Position: TypeAlias = tuple[int, int, int, int, str]
"""Faces of account and resource, number of the location, stretch of addresses, action."""
Settling: TypeAlias = tuple[Screened[AccountFacts], Screened[ResourceFacts], str, Located]
"""A question, as far as it is known before its answer: see `Settled`."""


class Derived:
    """What is worked out under one program; it is kept with the screenings, and goes with them."""

    def __init__(self, snapshot: Snapshot) -> None:
        program = snapshot.program
        self.actions = program.actions
        self.places = Places(program)
        self.answers: Memo[Position, Ready] = Memo(Bound(ANSWERS_BYTES, snapshot.screenings.goings))
        self.find_answer = self.answers.find
        self.asked = AskedBefore(snapshot.screenings.limits.whole_bytes // ASKED_PART)
        self._edges = program.address_edges
        self._boundaries = program.boundaries
        self._frame = Frame((), (), BEGINNING)
        self.window = (BEGINNING, BEGINNING)
        """From when until when the answers are right; another object once they are others."""

    def frame(self, snapshot: Snapshot, headers: DefaultHeaders, at: datetime) -> Frame:
        """What the answers of now share; those that are ready for another time are forgotten."""
        frame = self._frame
        if snapshot.sources is frame.sources and headers is frame.headers and frame.since <= at < frame.until:
            return frame
        window = window_of(self._boundaries, at)
        if window != self.window:
            self.answers.clear()
            self.window = window
        frame = self._frame = Frame(headers, snapshot.sources, at)
        frame.until = min(frame.until, window[1])
        return frame

    def positions(self, settling: Iterable[Settling], places: Iterable[Place]) -> list[Position]:
        """HOT PATH: what decides each question."""
        # Actions that no rule names are all alike.
        named, stretch = self.actions, self._stretch if self._edges else _no_stretch
        return [
            (account.face, resource.face, number, stretch(located), action if action in named else "")
            for (account, resource, action, located), (_, number, _) in zip(settling, places, strict=True)
        ]

    def _stretch(self, located: Located) -> int:
        """HOT PATH: the stretch of addresses, between those that rules name, that an address lies in."""
        return -1 if located.address is None else bisect_right(self._edges, located.address)


def _no_stretch(_: Located) -> int:
    return 0


def derived_of(snapshot: Snapshot) -> Derived:
    """What is worked out so far, or a new one."""
    derived: Derived | None = snapshot.screenings.derived
    if derived is None:
        derived = snapshot.screenings.derived = Derived(snapshot)
    return derived
