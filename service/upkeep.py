"""What an instance does besides deciding: publishes what is due, says how it is, writes down what can wait.

Each piece of work is tried again at its next turn, whatever became of the last.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from service.errors import Unavailable


@dataclass(frozen=True, slots=True)
class Turn:
    """A piece of work that is done again and again, in a thread."""

    name: str
    work: Callable[[], float | None]
    """Says after how many seconds its next turn is; None: as usual."""
    every_seconds: float


Failed = Callable[[str, Exception], None]
"""Is told which work failed and why; that the database cannot be reached is not told, since all say so."""


async def keep_up(turns: Sequence[Turn], failed: Failed) -> None:
    """Do all of them side by side, until cancelled."""
    async with asyncio.TaskGroup() as group:
        for turn in turns:
            group.create_task(_again_and_again(turn, failed))


async def _again_and_again(turn: Turn, failed: Failed) -> None:
    while True:
        seconds = await asyncio.to_thread(_done, turn, failed)
        await asyncio.sleep(turn.every_seconds if seconds is None else seconds)


def _done(turn: Turn, failed: Failed) -> float | None:
    try:
        return turn.work()
    except Unavailable:
        return None
    except Exception as error:  # whatever it is, the other work and the next turn go on
        failed(turn.name, error)
        return None
