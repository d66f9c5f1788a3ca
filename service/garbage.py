"""When a server looks for garbage, and how long one of its threads keeps another waiting: chosen for short pauses.

What a decision makes dies at once, without any search. A search stops all decisions while it looks at every object that
is not frozen; so what lived through one is frozen, and never looked at again: a memo of a million entries costs no
pause. Frozen objects are freed as ever when nothing refers to them. Only those that refer to each other in a circle are
not: no such thing is left of requests, connections or replaced data. The figures: `docs/decisions/0014`.
"""

import gc
import sys
from typing import Literal

SWITCH_SECONDS = 0.0005
"""How long a thread keeps the interpreter that another waits for."""

YOUNG_LIMIT = 5_000
"""So many new objects start a search among them: more than wait for the writer of the decision log at one time."""
MIDDLE_LIMIT = 2
OLD_LIMIT = 1
"""How many searches of the younger go before one of the older."""
OLDEST = 2


def settle() -> None:
    """Never look again at what is there now, and but once at what comes."""
    gc.collect()
    gc.freeze()
    if _freeze_what_is_old not in gc.callbacks:
        gc.callbacks.append(_freeze_what_is_old)
    gc.set_threshold(YOUNG_LIMIT, MIDDLE_LIMIT, OLD_LIMIT)
    sys.setswitchinterval(SWITCH_SECONDS)


def _freeze_what_is_old(phase: Literal["start", "stop"], info: dict[str, int]) -> None:
    """After each search of everything."""
    if phase == "stop" and info["generation"] == OLDEST:
        gc.freeze()
