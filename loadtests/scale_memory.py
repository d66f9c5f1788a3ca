"""What accounts take once they were asked for: of a worker as it is run, and of the memo alone with very many of them.

The worker is asked over HTTP for each account once. The memo is filled in this process from readings of a thousand
accounts each, as a worker fills it but for the waiting: that way a million take minutes, and little else is in memory.
"""

import asyncio
import gc
import os
import time
from dataclasses import dataclass, field
from typing import cast

import httpx

from loadtests.scale_figures import Figure
from loadtests.scale_fill import opened
from loadtests.scale_inside import request
from loadtests.scale_misses import STRIDE
from loadtests.scale_wire import logged
from loadtests.scale_worker import Means, Memory, Worker, ask, memory_of, question, worker
from loadtests.scale_world import RESOURCES, account_id, entity_id
from rules.compile import Program, compile_ruleset
from rules.evaluate import screen
from rules.facts import Account, AccountFacts, AccountId
from service.clocks import utc_now
from service.dossiers import Dossier
from service.recorded_rules import ruleset_in_force
from service.screenings import Kind, Known, Screenings
from service.shelf import Limits
from service.storage.database import Database
from service.storage.dossiers import read_accounts, read_resource

READ_AT_ONCE = 1_000
DROPS = 200
SCREENED = 1_000
MIB = 2**20


@dataclass(slots=True)
class Read:
    """Dossiers as they were read, each to be asked for once."""

    waiting: dict[tuple[Kind, str], Known] = field(default_factory=dict)

    @property
    def is_stale(self) -> bool:
        return False

    def at_hand(self, kind: Kind, id: str) -> Known | None:
        return self.waiting.pop((kind, id), None) if kind == "account" else self.waiting.get((kind, id))

    async def fetched(self, kind: Kind, id: str) -> Known:
        raise AssertionError(f"{kind} {id} was not read")

    async def with_entity(self, account: str, entity: str) -> Known:
        raise AssertionError("nobody gives an entity")

    def last_known(self, resource: str) -> Known | None:
        return None

    def stranger(self, account: str) -> Known:
        return Dossier("", 0, Account(AccountId(account), registered=False))

    def holds(self, known: Known) -> bool:
        return True


def memorised(url: str, accounts: int, limit_mib: int) -> dict[str, Figure]:
    """Fill one memo with so many accounts; what each takes, and what one entity's change costs then."""
    with opened(url) as database:
        program, read = _prepared(database)
        screenings = Screenings(program, read, Limits.of(limit_mib * MIB))
        before, began = _own_memory(), time.process_time()
        asyncio.run(_fill(screenings, database, read, accounts))
        spent, after = time.process_time() - began, _own_memory()
    kept = len(screenings) - 1
    how = f"{accounts:,} asked for, {kept:,} kept"
    state = screenings.state
    counted = Figure.once(state.size_bytes / kept, "bytes", f"{how}: as the memo counts them")
    used = Figure.once((after.uss - before.uss) * MIB / kept, "bytes", f"{how}: growth of USS")
    making = Figure.once(spent / accounts * 1e6, "µs of CPU", f"{how}: read 1,000 at a time, screened, kept")
    found = {"memorised_bytes": used, "memorised_counted_bytes": counted, "making_cpu_us": making}
    return found | _drops(screenings, kept)


def screened(url: str, accounts: int) -> dict[str, Figure]:
    """What screening alone takes, by chance accounts: it is most of what a miss costs, and a few take most of it."""
    with opened(url) as database:
        program, _ = _prepared(database)
        ids = [account_id(number * STRIDE % accounts) for number in range(SCREENED)]
        with database.reading() as connection:
            dossiers = list(read_accounts(connection, ids).values())
    seconds = sorted(_screening_seconds(program, dossier) for dossier in dossiers)
    how = f"{SCREENED:,} accounts; value: mean, low: median, high: 99th percentile"
    mean, middle, last = sum(seconds) / len(seconds), seconds[len(seconds) // 2], seconds[int(len(seconds) * 0.99)]
    return {"screening_cpu_us": Figure(mean * 1e6, middle * 1e6, last * 1e6, "µs of CPU", how)}


def _screening_seconds(program: Program, dossier: Dossier) -> float:
    now = utc_now()
    began = time.process_time()
    screen(program, cast(AccountFacts, dossier.at(now).facts), now)
    return time.process_time() - began


def _prepared(database: Database) -> tuple[Program, Read]:
    read = Read()
    with database.reading() as connection:
        program = compile_ruleset(ruleset_in_force(connection, None))
        for id, _ in RESOURCES:
            read.waiting["resource", id] = read_resource(connection, id)
    return program, read


async def _fill(screenings: Screenings, database: Database, read: Read, accounts: int) -> None:
    for start in range(0, accounts, READ_AT_ONCE):
        ids = [account_id(number) for number in range(start, min(start + READ_AT_ONCE, accounts))]
        with database.reading() as connection:
            found = read_accounts(connection, ids)
        read.waiting.update((("account", id), dossier) for id, dossier in found.items())
        for id in ids:
            await screenings.screened(request(id))


def _drops(screenings: Screenings, kept: int) -> dict[str, Figure]:
    """Changes of single entities: companies, of which few accounts depend, and the funds, of which thousands do."""
    how = f"{kept:,} memorised, {DROPS} changes of one entity each"
    seconds, before = [], len(screenings)
    for number in range(DROPS):
        began = time.perf_counter()
        screenings.drop({"entity": {entity_id(number * 31)}})
        seconds.append(time.perf_counter() - began)
    gone = before - len(screenings)
    return {"change_us": Figure.of(seconds, 1e6, "µs", f"{how}; {gone} accounts dropped in all")}


def _own_memory() -> Memory:
    gc.collect()
    return memory_of(os.getpid())


def workers_memory(means: Means, counts: list[int]) -> dict[str, Figure]:
    """Memory of a worker, empty and after each of these numbers of accounts; size of its decision log."""
    found: dict[str, Figure] = {}
    with worker(means) as asked:
        found |= _memory(asked, "worker_empty")
        done = 0
        for number in counts:
            began, spent = time.monotonic(), asked.cpu_seconds()
            done += ask(asked, (account_id(each) for each in range(done, number)))
            seconds, used = time.monotonic() - began, asked.cpu_seconds() - spent
            print(f"asked for {number:,} accounts: {seconds:.0f} s, {used:.0f} s of the worker's CPU", flush=True)
            found |= _memory(asked, f"worker_{number}")
        found |= logged(asked, "log_first") | _wire_bytes(asked)
    return found


def _memory(asked: Worker, name: str) -> dict[str, Figure]:
    memory, kept = asked.memory(), _screenings(asked)
    how = f"smaps_rollup, {kept:,.0f} screenings kept"
    parts = (("rss", memory.rss), ("pss", memory.pss), ("uss", memory.uss))
    return {f"{name}_{part}_mib": Figure.once(value, "MiB", how) for part, value in parts}


def _screenings(asked: Worker) -> float:
    lines = httpx.get(f"{asked.url}/metrics").text.splitlines()
    return next((float(line.split()[1]) for line in lines if line.startswith("cordon_screenings ")), 0.0)


def _wire_bytes(asked: Worker) -> dict[str, Figure]:
    """Of one question and its answer, heads included, without the link's own."""
    with httpx.Client() as client:
        answer = client.post(f"{asked.url}/access/v1/evaluation", json=question(account_id(1)))
    head = sum(len(name) + len(value) + 4 for name, value in answer.headers.raw) + 19
    sent = sum(len(name) + len(value) + 4 for name, value in answer.request.headers.raw) + 40
    return {
        "request_bytes": Figure.once(sent + len(answer.request.content), "bytes", "one AuthZEN request"),
        "answer_bytes": Figure.once(head + len(answer.content), "bytes", "its answer"),
    }


def starts(means: Means, times: int = 3) -> dict[str, Figure]:
    """From start to ready, several times."""
    listening, ready = [], []
    for _ in range(times):
        with worker(means) as started:
            listening.append(started.listening_seconds)
            ready.append(started.ready_seconds)
    return {
        "start_listening_s": Figure.of(listening, 1, "s", f"{times} starts, until connections are answered"),
        "start_ready_s": Figure.of(ready, 1, "s", f"{times} starts, until /readyz answers 200"),
    }
