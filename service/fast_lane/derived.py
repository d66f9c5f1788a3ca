"""What the fast lane works out under one program: numbers of places, answers that are ready, questions asked before."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TypeAlias

from rules.facts import AccountFacts, Address, ResourceFacts
from service.decide import Screened
from service.fast_lane.asked import AskedBefore
from service.fast_lane.places import Numbered, Places
from service.fast_lane.ready import BEGINNING, DefaultHeaders, Frame, Ready, window_of
from service.memo import Bound, Memo
from service.programs import Snapshot

ANSWERS_BYTES = 32 * 1024 * 1024
"""What the answers that are ready may take."""
ASKED_PART = 4
"""Questions that are known by their bytes may take one part in so many of what screenings may."""

Position: TypeAlias = tuple[int, int, int, int, str]
"""Faces of account and resource, number of the location, stretch of addresses, action."""


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

    def positions(
        self,
        screened: Iterable[tuple[Screened[AccountFacts], Screened[ResourceFacts]]],
        actions: Iterable[str],
        addresses: Iterable[Address | None],
        places: Iterable[Numbered],
    ) -> list[Position]:
        """HOT PATH: what decides each question."""
        # Actions that no rule names are all alike.
        named, edges = self.actions, self._edges
        if not edges:
            return [
                (account.face, resource.face, number, 0, action if action in named else "")
                for (account, resource), action, (_, number, _) in zip(screened, actions, places, strict=True)
            ]
        return [
            (account.face, resource.face, number, _stretch(edges, address), action if action in named else "")
            for (account, resource), action, address, (_, number, _) in zip(
                screened, actions, addresses, places, strict=True
            )
        ]


def _stretch(edges: Sequence[Address], address: Address | None) -> int:
    """HOT PATH: the stretch of addresses, between those that rules name, that an address lies in."""
    return -1 if address is None else bisect_right(edges, address)


def derived_of(snapshot: Snapshot) -> Derived:
    """What is worked out so far, or a new one."""
    derived: Derived | None = snapshot.screenings.derived
    if derived is None:
        derived = snapshot.screenings.derived = Derived(snapshot)
    return derived
