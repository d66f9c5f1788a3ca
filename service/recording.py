"""Tells everyone who counts or keeps decisions of each of them."""

from collections.abc import Awaitable
from dataclasses import dataclass

from service.decide import Answer, Recorder


@dataclass(frozen=True, slots=True)
class Recording:
    """Counts each decision, and has it recorded."""

    counter: Recorder
    log: Recorder

    def decided(self, answer: Answer) -> Awaitable[None] | None:
        """HOT PATH: what the log says must have ended before the answer is given."""
        self.counter.decided(answer)
        return self.log.decided(answer)
