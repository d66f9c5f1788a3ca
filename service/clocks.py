"""The clocks of the service: named by what joins a service or runs a command, and passed on from there."""

import time
from datetime import UTC, datetime
from functools import partial


def utc_now() -> datetime:
    """What time it is."""
    return datetime.now(UTC)


since_boot = partial(time.clock_gettime, getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
"""Seconds of a clock that never steps, and goes on while the machine sleeps where there is such a clock."""
