"""The clocks of the service: named by what joins a service or runs a command, and passed on from there."""

import time
from datetime import UTC, datetime


def utc_now() -> datetime:
    """What time it is."""
    return datetime.now(UTC)


def since_boot() -> float:
    """Seconds of a clock that never steps, and goes on while the machine sleeps where there is such a clock."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()
