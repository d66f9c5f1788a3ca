"""Tells everyone who counts or keeps decisions of each of them."""

from collections.abc import Awaitable

from service.decide import Answer, Hits, NewHits, Recorder


class Recording:
    """Counts each decision, and has it recorded."""

    def __init__(self, decisions: dict[str, int], log: Recorder) -> None:
        """`decisions`: the count of each effect, raised here."""
        self._decisions = decisions
        self._log = log
        self._repeated = log.repeated

    def decided(self, answer: Answer) -> Awaitable[None] | None:
        """HOT PATH: what the log says must have ended before the answer is given."""
        self._decisions[answer.decision.effect] += 1
        return self._log.decided(answer)

    def repeated(self, hits: Hits) -> None:
        """HOT PATH: count decisions given again, and have them recorded."""
        count(hits, self._decisions)
        self._repeated(hits)


def count(hits: Hits, decisions: dict[str, int]) -> None:
    """HOT PATH: raise the count of each hit's effect."""
    if isinstance(hits, NewHits):
        for decision in hits.settled.decisions:
            decisions[decision.effect] += 1
    else:
        for _, _, _, _, _, decision in hits.settled:
            decisions[decision.effect] += 1
