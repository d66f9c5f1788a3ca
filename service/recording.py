"""Tells everyone who counts or keeps decisions of each of them."""

from collections.abc import Awaitable

from service.decide import Answer, Hit, Recorder


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

    def repeated(self, hit: Hit) -> None:
        """HOT PATH: count a decision given again, and have it recorded."""
        self._decisions[hit.settled.decision.effect] += 1
        self._repeated(hit)
