"""How long a publication takes to be in force on every worker: from its answer, and from its beginning.

Several real processes over one database, with or without Redis; one of them is told to publish, all are asked until
each answers by the new revision. Prints figures, asserts nothing. `python -m loadtests.publication --help`.
"""

import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Optional

import httpx
import typer

from service.clocks import utc_now
from service.storage import keys
from service.storage.database import open_database
from service.storage.key_records import NewKey
from service.storage.migrate import upgrade
from service.storage.rulesets import publish_imported

POLICY = """
language: 1
ruleset: measured
default: {default}
if_unknown: challenge
"""
QUESTION = {
    "subject": {"type": "account", "id": "somebody"},
    "resource": {"type": "tool", "id": "something"},
    "action": {"name": "use"},
}
READY_SECONDS = 60
SETTLE_SECONDS = 0.3


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds from the beginning of a publication, and from its answer, until the last worker decides by it."""

    from_beginning: float
    from_answer: float


@dataclass(frozen=True, slots=True)
class Worker:
    """Where one worker answers."""

    decisions: str
    administration: str


@contextmanager
def process(url: str, redis: str | None) -> Iterator[Worker]:
    """A worker on any free ports."""
    options = ["--database", url, "--port", "0", "--admin-port", "0", *(["--redis", redis] if redis else [])]
    environment = {**os.environ, "CORDON_KEYS": "none"}
    command = [str(Path(sys.executable).with_name("cordon")), "serve", *options]
    worker = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment)
    try:
        assert worker.stdout is not None
        greeting = "".join(worker.stdout.readline() for _ in range(3))
        found = re.findall(r"http://[^/\s]+(?= *$|/admin)", greeting, re.MULTILINE)
        assert len(found) == 2, greeting
        yield Worker(*found)
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.wait(READY_SECONDS)


def prepare(url: str) -> str:
    """A database with two revisions of a rule set; a key that may roll back."""
    database = open_database(url, utc_now)
    upgrade(database)
    with database.writing() as writing:
        for default in ("allow", "deny"):
            publish_imported(writing, "measured", POLICY.format(default=default), "yaml", "cli:measure")
        _, key = keys.create(writing, NewKey("measure", frozenset({"role:operator", "role:viewer"})), "cli:measure")
    database.close()
    return key


def decides(client: httpx.Client, worker: Worker) -> str:
    """The effect that a worker answers with."""
    response = client.post(f"{worker.decisions}/access/v1/evaluation", json=QUESTION)
    return str(response.json()["context"]["effect"]) if response.status_code == 200 else ""


def wait_for(worker: Worker, effect: str) -> float:
    """When a worker first answers so, by the monotonic clock."""
    with httpx.Client() as client:
        deadline = time.monotonic() + READY_SECONDS
        while decides(client, worker) != effect:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{worker.decisions} never answers {effect}")
            time.sleep(0.002)
    return time.monotonic()


def publish(worker: Worker, key: str, revision: str) -> tuple[float, float]:
    """Put a revision in force by one call; when it was sent, and when it was answered."""
    headers = {"Authorization": f"Bearer {key}"}
    body = {"revision": revision, "reason": "measured"}
    sent = time.monotonic()
    response = httpx.post(f"{worker.administration}/admin/v1/rulesets/measured/rollback", json=body, headers=headers)
    answered = time.monotonic()
    assert response.status_code < 300, response.text
    return sent, answered


def revisions_of(worker: Worker, key: str) -> list[str]:
    """Every revision of the rule set."""
    headers = {"Authorization": f"Bearer {key}"}
    listed = httpx.get(f"{worker.administration}/admin/v1/rulesets/measured/revisions", headers=headers).json()
    return [item["revision"] for item in listed["items"]]


def measure(workers: Sequence[Worker], key: str, times: int) -> list[Measured]:
    """Publish so many times, each time the other of two revisions."""
    revisions = {"allow": "", "deny": ""}
    with httpx.Client() as client, ThreadPoolExecutor(len(workers)) as threads:
        for revision in revisions_of(workers[0], key):
            publish(workers[0], key, revision)
            time.sleep(1.5)
            revisions[decides(client, workers[0])] = revision
        found: list[Measured] = []
        for number in range(times):
            effect = "allow" if decides(client, workers[0]) == "deny" else "deny"
            waiting = [threads.submit(wait_for, worker, effect) for worker in workers]
            sent, answered = publish(workers[number % len(workers)], key, revisions[effect])
            last = max(each.result() for each in waiting)
            found.append(Measured(last - sent, last - answered))
            time.sleep(SETTLE_SECONDS)
    return found


def shown(name: str, seconds: Sequence[float]) -> str:
    milliseconds = sorted(1000 * each for each in seconds)
    p95 = milliseconds[int(len(milliseconds) * 0.95)]
    return (
        f"{name:<18} median {statistics.median(milliseconds):6.0f} ms   p95 {p95:6.0f}   worst {milliseconds[-1]:6.0f}"
    )


def main(
    database: Annotated[Optional[str], typer.Option(help="URL of an empty database; SQLite unless given.")] = None,  # noqa: UP045
    redis: Annotated[Optional[str], typer.Option(help="URL of Redis; none unless given.")] = None,  # noqa: UP045
    workers: int = 4,
    times: int = 100,
) -> None:
    """Print how long publications take to reach every worker."""
    with ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory())
        url = database or f"sqlite:///{directory}/cordon.db"
        key = prepare(url)
        running = [stack.enter_context(process(url, redis)) for _ in range(workers)]
        for worker in running:
            wait_for(worker, "deny")
        found = measure(running, key, times)
        print(f"{workers} workers, {times} publications, {'with' if redis else 'without'} Redis")
        print(shown("from its answer", [each.from_answer for each in found]))
        print(shown("from its sending", [each.from_beginning for each in found]))


if __name__ == "__main__":
    typer.run(main)
