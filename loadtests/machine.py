"""What a run was made on: without it no figure means anything."""

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

LIBRARIES: Final = ("uvicorn", "uvloop", "httptools", "msgspec", "fastapi", "locust")
PROGRAMS: Final[Mapping[str, tuple[str, ...]]] = {"nginx": ("nginx", "-v"), "wrk": ("wrk", "-v")}


def machine() -> dict[str, str]:
    """Facts about this machine, and the versions of what is measured and what measures."""
    facts = {
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "cpu": _cpu(),
        "cores": str(len(os.sched_getaffinity(0))),
        "kernel": platform.release(),
        "load before": " ".join(f"{value:.2f}" for value in os.getloadavg()),
        "python": platform.python_version(),
        "libraries": ", ".join(f"{name} {version(name)}" for name in LIBRARIES),
        "cordon": version("cordon"),
    }
    return facts | {name: _said(command) for name, command in PROGRAMS.items()}


def _cpu() -> str:
    try:
        found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found[1] if found else platform.machine()


def _said(command: tuple[str, ...]) -> str:
    """The version that a program prints first of all."""
    program = shutil.which(command[0], path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if program is None:
        return "not installed"
    done = subprocess.run([program, *command[1:]], capture_output=True, text=True, check=False)
    return next(iter((done.stdout + done.stderr).splitlines()), "").strip()
