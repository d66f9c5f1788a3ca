"""A worker as it is run, a process of its own: how soon it is ready, how much memory it takes, how it is asked.

Memory is read from `/proc/PID/smaps_rollup`: RSS is all that is resident, PSS counts what is shared in parts, and USS
is what the process alone holds. Linux only.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import httpx

READY_SECONDS = 120
STOP_SECONDS = 30
BATCH = 200
ASKERS = 4
ADDRESS = "8.8.8.8"
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class Memory:
    """MiB of one process."""

    rss: float
    pss: float
    uss: float


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker that runs."""

    url: str
    process_id: int
    listening_seconds: float
    """From its start until it answers connections."""
    ready_seconds: float
    """From its start until rules are in force and accounts are known."""
    log: Path
    """Directory of its decision log."""

    def memory(self) -> Memory:
        """What it takes now."""
        return memory_of(self.process_id)

    def cpu_seconds(self) -> float:
        """What it has used so far."""
        fields = Path(f"/proc/{self.process_id}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Means:
    """What a worker is started with."""

    database: str
    redis: str | None = None
    memo_mib: int | None = None
    """None: as the settings have it."""
    environment: dict[str, str] = field(default_factory=dict)


@contextmanager
def worker(means: Means) -> Iterator[Worker]:
    """A worker on any free port, stopped afterwards."""
    with ExitStack() as stack:
        log = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cordon-scale-")))
        began = time.monotonic()
        process = stack.enter_context(_process(means, log))
        assert process.stdout is not None
        first = process.stdout.readline()
        found = re.search(r"http://\S+", first)
        assert found, first
        listening = time.monotonic() - began
        _wait_until_ready(found[0])
        yield Worker(found[0], process.pid, listening, time.monotonic() - began, log)


@contextmanager
def _process(means: Means, log: Path) -> Iterator["subprocess.Popen[str]"]:
    options = ["--database", means.database, "--port", "0", "--admin-port", "0"]
    options += ["--redis", means.redis] if means.redis else []
    own = {"CORDON_KEYS": "none", "CORDON_DECISION_LOG": str(log), **means.environment}
    if means.memo_mib is not None:
        own["CORDON_MEMO_MIB"] = str(means.memo_mib)
    command = [str(Path(sys.executable).with_name("cordon")), "serve", *options]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env={**os.environ, **own}
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(STOP_SECONDS)


def memory_of(process_id: int) -> Memory:
    """What a process takes now."""
    lines = Path(f"/proc/{process_id}/smaps_rollup").read_text().splitlines()[1:]
    kib = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}
    return Memory(kib["Rss"] / 1024, kib["Pss"] / 1024, (kib["Private_Clean"] + kib["Private_Dirty"]) / 1024)


def _wait_until_ready(url: str) -> None:
    deadline = time.monotonic() + READY_SECONDS
    with httpx.Client() as client:
        while client.get(f"{url}/readyz").status_code != 200:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{url} is not ready")
            time.sleep(0.005)


def question(account: str, address: str = ADDRESS) -> dict[str, object]:
    """One question about an account, all else alike."""
    return {
        "subject": {"type": "account", "id": account},
        "resource": {"type": "model", "id": "model-small"},
        "action": {"name": "use"},
        "context": {"ip": address},
    }


def ask(asked: Worker, accounts: Iterator[str]) -> int:
    """Ask for each of these accounts once, many in one request; how many that were."""
    with httpx.Client(timeout=60) as client, ThreadPoolExecutor(ASKERS) as threads:

        def post(ids: Sequence[str]) -> int:
            body = json.dumps({"evaluations": [question(id) for id in ids]})
            answer = client.post(f"{asked.url}/access/v1/evaluations", content=body, headers=JSON)
            answer.raise_for_status()
            return len(answer.json()["evaluations"])

        return sum(threads.map(post, _batches(accounts)))


def _batches(ids: Iterator[str]) -> Iterator[list[str]]:
    while batch := list(islice(ids, BATCH)):
        yield batch
