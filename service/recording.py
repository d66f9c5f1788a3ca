"""Tells everyone who counts or keeps decisions of each of them."""

from collections.abc import Awaitable, Iterable, Sequence

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

    def repeated(self, hits: Sequence[Hit]) -> None:
        """HOT PATH: count decisions given again, and have them recorded."""
        count(hits, self._decisions)
        self._repeated(hits)


def count(hits: Iterable[Hit], decisions: dict[str, int]) -> None:
    """HOT PATH: raise the count of each hit's effect."""
    for _, _, settled, _ in hits:
        decisions[settled[4].effect] += 1
