"""The ceiling: how many requests a second a server answers, closed loop, by wrk on a core of its own.

Closed loop hides waiting (a slow answer delays the next question), so latency is measured by `openloop`; the ceiling is
about throughput, and about the CPU time that a request costs.
"""

import json
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

from loadtests.feeds import Script, write_script
from loadtests.servers import LOAD_CORES, Running, need

__all__ = ["LoadFailed", "Sample", "Script", "load", "parse_report", "requests_per_second", "write_script"]

CONNECTIONS = 64
FEED_LUA = Path(__file__).parent / "wrk" / "feed.lua"
REPORT = "JSON "
"""What the line of a report begins with."""


class LoadFailed(Exception):
    """wrk did not end as it should: what it said."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What came of one load."""

    rps: float
    p50_us: float
    p99_us: float
    errors: int
    """Connections refused, broken off or timed out."""
    non_2xx: int
    requests: int
    seconds: float
    load_cpu: float
    """Share of a core that wrk used: near 1, wrk was the limit, and not the server."""
    server_cpu_us: float | None = None
    """CPU time that the server spent on one request; None: not measured."""


def requests_per_second(
    url: str,
    script: Script,
    seconds: float,
    connections: int = CONNECTIONS,
    *,
    cores: str = LOAD_CORES,
) -> Sample:
    """Load a server with the requests of a script, over and over.

    Raises:
        NotInstalled: wrk is missing.
        LoadFailed: wrk could not load the server.
    """
    need("wrk", "wrk")
    command = ["taskset", "-c", cores, "wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s"]
    command += ["-s", str(FEED_LUA), url, "--", *options_of(script)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return parse_report(done.stdout or done.stderr)


def options_of(script: Script) -> list[str]:
    """What `feed.lua` is told."""
    return [str(script.feed), str(script.offset), *(["never-same"] if script.never_same else [])]


def load(running: Running, script: Script, seconds: float, connections: int = CONNECTIONS) -> Sample:
    """The same of a server that runs here, with the CPU time that a request cost it."""
    before = running.cpu_seconds()
    sample = requests_per_second(running.url, script, seconds, connections)
    spent = running.cpu_seconds() - before
    return replace(sample, server_cpu_us=spent * 1e6 / sample.requests if sample.requests else None)


def parse_report(said: str) -> Sample:
    """What wrk printed under `feed.lua`.

    Raises:
        LoadFailed: there is no report in it.
    """
    lines = [line for line in said.splitlines() if line.startswith(REPORT)]
    if not lines:
        raise LoadFailed(f"wrk: {said.strip() or 'it said nothing'}")
    found = json.loads(lines[-1].removeprefix(REPORT))
    seconds = found["duration_us"] / 1e6
    return Sample(
        rps=found["requests"] / seconds,
        p50_us=found["p50_us"],
        p99_us=found["p99_us"],
        errors=found["connect"] + found["read"] + found["write"] + found["timeout"],
        non_2xx=found["non_2xx"],
        requests=found["requests"],
        seconds=seconds,
        load_cpu=found["cpu_us"] / found["duration_us"],
    )
