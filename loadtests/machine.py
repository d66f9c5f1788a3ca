"""What a run was made on: without it no figure means anything."""

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class CpuTime:
    """Of all cores since the machine began, in ticks."""

    worked: int
    stolen: int
    """They had work, but the hypervisor let another machine use them; how long at a time, nobody says."""

    def stolen_since(self, before: "CpuTime") -> str:
        """The part of the time with work since then that was stolen."""
        worked, stolen = self.worked - before.worked, self.stolen - before.stolen
        return f"{stolen / (worked + stolen):.1%} of the time with work" if worked + stolen else "no work"


def cpu_time(stat: str | None = None) -> CpuTime:
    """As `/proc/stat` has it; `stat`: another text of that form."""
    text = Path("/proc/stat").read_text() if stat is None else stat
    user, nice, system, _idle, _waiting, irq, softirq, stolen = map(int, text.split("\n", 1)[0].split()[1:9])
    return CpuTime(user + nice + system + irq + softirq, stolen)


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
