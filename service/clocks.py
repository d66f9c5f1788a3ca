"""The clocks of the service: named by what joins a service or runs a command, and passed on from there."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

utc_now: Callable[[], datetime] = partial(datetime.now, UTC)
"""What time it is; aware, UTC."""

since_boot = partial(time.clock_gettime, getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
"""Seconds of a clock that never steps, and goes on while the machine sleeps where there is such a clock."""
