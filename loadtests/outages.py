"""What callers see while a part fails: real processes, real servers, real signals. Prints figures, asserts nothing.

Two workers over one PostgreSQL and one Valkey, asked without pause about accounts whose answers are known. Each phase
says how many answers there were, how many were wrong or errors, how many said `stale`, and how long they took.
`python -m loadtests.outages --help`.
"""

import os
import random
import signal
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import httpx
import typer

from loadtests.owned_companies import fill, process
from tests.valkey_server import ValkeyServer

SEED = 20_261_122
NUMBER = 20_000
"""Accounts."""


@dataclass(slots=True)
class Seen:
    """What callers saw in one phase."""

    seconds: list[float] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)

    def line(self) -> str:
        if not self.seconds:
            return "no answers"
        ordered = sorted(self.seconds)
        p50, p99 = (1000 * ordered[int(len(ordered) * share)] for share in (0.5, 0.99))
        outcomes = ", ".join(f"{name} {count}" for name, count in sorted(self.outcomes.items()))
        return f"{len(ordered):>7} answers; {outcomes}; p50 {p50:.1f} p99 {p99:.1f} worst {1000 * ordered[-1]:.0f} ms"


class Callers:
    """Ask without pause, each one worker."""

    def __init__(self, workers: Sequence[str], accounts: int) -> None:
        self._workers = list(workers)
        self._accounts = accounts
        self._lock = threading.Lock()
        self._seen = Seen()
        self._ending = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(number,), daemon=True) for number in range(4)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join()

    def taken(self) -> Seen:
        """What was seen since this was asked last."""
        with self._lock:
            seen, self._seen = self._seen, Seen()
        return seen

    def _ask(self, number: int) -> None:
        chance = random.Random(SEED + number)
        worker = self._workers[number % len(self._workers)]
        with httpx.Client(timeout=30) as client:
            while not self._ending.is_set():
                account = int(self._accounts * chance.random() ** 4)  # few are asked about often, many seldom
                began = time.monotonic()
                outcome = outcome_of(client, worker, account)
                with self._lock:
                    self._seen.seconds.append(time.monotonic() - began)
                    self._seen.outcomes[outcome] += 1


def outcome_of(client: httpx.Client, worker: str, account: int) -> str:
    question = {
        "subject": {"type": "account", "id": f"account-{account}"},
        "resource": {"type": "tool", "id": "tool"},
        "action": {"name": "use"},
    }
    try:
        response = client.post(f"{worker}/access/v1/evaluation", json=question)
    except httpx.HTTPError as error:
        return type(error).__name__
    if response.status_code != 200:
        return str(response.status_code)
    context = response.json()["context"]
    if any(code.endswith(".stale") for code in context["unknown"]):
        return f"stale ({context['effect']})"
    return "right" if context["effect"] == ("deny" if account % 2 else "allow") else f"WRONG ({context['effect']})"


@dataclass(frozen=True, slots=True)
class Stage:
    """What the phases are played on."""

    callers: Callers
    redis: ValkeyServer
    postgresql: int
    """Process id of the server."""

    def phase(self, name: str, seconds: float, act: Callable[[], object] | None = None) -> None:
        """Do something, wait, and say what was seen."""
        self.callers.taken()
        if act is not None:
            act()
        time.sleep(seconds)
        print(f"{name:<44} {self.callers.taken().line()}", flush=True)

    def stop_postgresql(self) -> None:
        for id in family(self.postgresql):
            os.kill(id, signal.SIGSTOP)

    def resume_postgresql(self) -> None:
        for id in family(self.postgresql):
            os.kill(id, signal.SIGCONT)


def family(parent: int) -> list[int]:
    """A process and its children."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="utf-8").split()
    return [parent, *map(int, children)]


def play(stage: Stage, outage: float) -> None:
    """Every failure, one after another, each followed by its end."""
    redis = stage.redis
    stage.phase("first seconds, memory and Redis empty", 5)
    stage.phase("all is well", 5)
    stage.phase("Redis killed (kill -9)", 5, redis.kill)
    stage.phase("Redis back, its memory empty", 5, redis.start)
    stage.phase("Redis frozen (SIGSTOP)", 5, redis.freeze)
    stage.phase("Redis thawed", 5, redis.thaw)
    stage.phase("Redis read-only (READONLY)", 5, redis.refuse_writes)
    stage.phase("Redis writable", 5, redis.allow_writes)
    stage.phase("PostgreSQL stopped, up to 10 s", 9, stage.stop_postgresql)
    stage.phase(f"PostgreSQL stopped, up to {outage:g} s", outage - 9)
    stage.phase("PostgreSQL back, first 2 s", 2, stage.resume_postgresql)
    stage.phase("PostgreSQL back, then", 5)


def main(
    postgresql: Annotated[str, typer.Option(help="URL of an empty database on this machine.")],
    process_id: Annotated[int, typer.Option(help="Process id of its server, which is stopped and resumed.")],
    outage: Annotated[float, typer.Option(help="Seconds that the database is stopped.")] = 30,
) -> None:
    """Print what callers see while Redis and PostgreSQL fail."""
    fill(postgresql, NUMBER)
    with ExitStack() as stack:
        redis = ValkeyServer(Path(stack.enter_context(tempfile.TemporaryDirectory())) / "valkey")
        redis.start()
        stack.callback(redis.stop)
        options = ["--database", postgresql, "--redis", redis.url]
        workers = [stack.enter_context(process(options))[0] for _ in range(2)]
        callers = Callers(workers, NUMBER)
        with httpx.Client() as client:
            while any(outcome_of(client, worker, 0) != "right" for worker in workers):
                time.sleep(0.1)
        callers.start()
        stack.callback(callers.stop)
        play(Stage(callers, redis, process_id), outage)


if __name__ == "__main__":
    typer.run(main)
