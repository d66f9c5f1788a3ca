"""What a million accounts cost: to fill, to start on, to remember, to look up at each level, to change, to forget.

Every phase can be run alone (`--only fill,start`), and a filled database can be kept and used again (`--keep PATH`, or
`--database URL`). Figures are printed with the way they were measured; `--figures` also writes them to the file from
which `loadtests.scale_model` makes the tables of `docs/explanation/scale.md`. Asserts nothing. Linux.

    python -m loadtests.scale --keep /tmp/scale/million.db
    python -m loadtests.scale --keep /tmp/scale/million.db --only misses,stores --figures
    python -m loadtests.scale --database postgresql://…/scale --only fill,misses,stores
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from loadtests.scale_figures import Figure, keep_figures, show
from loadtests.scale_fill import counted, fill, size_of
from loadtests.scale_memory import memorised, screened, starts, workers_memory
from loadtests.scale_misses import Plan, misses
from loadtests.scale_stores import connections_held, redis_costs, stores
from loadtests.scale_wire import wire_costs
from loadtests.scale_worker import Means, ask, worker
from loadtests.scale_world import Sizes, account_id
from loadtests.scale_zipf import simulate
from tests.valkey_server import ValkeyServer

MEMO_PARTS = (100, 30, 10, 3)
"""Room of the simulated memos: one part of the accounts in so many."""
ENTRY_BYTES = 2_000
"""Of a simulated entry; its room is counted in entries, so that little depends on it."""
WARM = 4_000
"""Accounts that Redis is filled with, to be measured."""


@dataclass(frozen=True, slots=True)
class Run:
    """What is measured, and on what."""

    url: str
    redis: str
    sizes: Sizes
    asked: list[int]
    memorised: int
    memo_mib: int
    requests: int

    @property
    def store(self) -> str:
        return "sqlite" if self.url.startswith("sqlite") else "postgresql"


def filled(run: Run) -> dict[str, Figure]:
    """Fill the database."""
    began = time.process_time()
    done = fill(run.url, run.sizes)
    spent = time.process_time() - began
    how = f"{done.rows:,} rows, bulk inserts in transactions of 50,000; {spent:.0f} s of this process's CPU"
    return {
        f"{run.store}_fill_s": Figure.once(done.seconds, "s", how),
        f"{run.store}_gib": Figure.once(done.bytes / 2**30, "GiB", how),
    }


def started(run: Run) -> dict[str, Figure]:
    """Start workers."""
    return starts(Means(run.url))


def remembered(run: Run) -> dict[str, Figure]:
    """Ask one worker for many accounts."""
    return workers_memory(Means(run.url, memo_mib=run.memo_mib), run.asked)


def memo(run: Run) -> dict[str, Figure]:
    """Fill the memo alone."""
    return screened(run.url, run.sizes.accounts) | memorised(run.url, run.memorised, run.memo_mib)


def wired(run: Run) -> dict[str, Figure]:
    """Ask one worker for what it knows."""
    return wire_costs(run.url)


def missed(run: Run) -> dict[str, Figure]:
    """Ask at every level."""
    return asyncio.run(misses(run.url, run.redis, Plan(run.sizes.accounts)))


def stored(run: Run) -> dict[str, Figure]:
    """Do to the database what workers do."""
    return stores(run.url, run.sizes.accounts)


def shared(run: Run) -> dict[str, Figure]:
    """Have a worker fill Redis, and do to that what workers do."""
    means = Means(run.url, run.redis)
    with worker(means) as asked:
        ask(asked, (account_id(number) for number in range(WARM)))
        held = connections_held(run.url)
    found = redis_costs(run.redis)
    return found if held is None else {**found, "postgresql_connections": held}


def simulated(run: Run) -> dict[str, Figure]:
    """Zipf's traffic through memos of several sizes, and how long an empty one takes to be warm."""
    found: dict[str, Figure] = {}
    for part in MEMO_PARTS:
        room = run.sizes.accounts // part
        done = simulate(run.sizes.accounts, 1.0, room, run.requests, ENTRY_BYTES)
        how = f"Zipf 1.0, {run.sizes.accounts:,} accounts, room for {room:,}; low: the model, high: the best there is"
        found[f"zipf_hits_{part}"] = Figure(done.hits, done.modelled, done.best, "of requests", how)
        warm = f"requests from empty to 99 % of that, room for {room:,}"
        found[f"zipf_warm_{part}"] = Figure.once(done.warm_after, "requests", warm)
    return found


PHASES: Mapping[str, Callable[[Run], dict[str, Figure]]] = {
    "fill": filled,
    "start": started,
    "memory": remembered,
    "memo": memo,
    "wire": wired,
    "misses": missed,
    "stores": stored,
    "redis": shared,
    "zipf": simulated,
}


@contextmanager
def _stores(chosen: argparse.Namespace) -> Iterator[tuple[str, str]]:
    """URLs of a database and of an empty Redis, which go afterwards unless they were given."""
    with tempfile.TemporaryDirectory(prefix="cordon-scale-") as directory:
        file = chosen.keep or Path(directory) / "scale.db"
        file.parent.mkdir(parents=True, exist_ok=True)
        url = chosen.database or f"sqlite:///{file}"
        if chosen.redis:
            yield url, chosen.redis
            return
        server = ValkeyServer(Path(directory) / "valkey")
        server.start()
        try:
            yield url, server.url
        finally:
            server.stop()


def _chosen() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sizes = Sizes()
    parser.add_argument("--accounts", type=int, default=sizes.accounts)
    parser.add_argument("--entities", type=int, default=sizes.entities)
    parser.add_argument("--interests", type=int, default=sizes.interests)
    parser.add_argument("--database", help="URL; a SQLite file of its own unless given")
    parser.add_argument("--redis", help="URL of an empty server; one of its own unless given")
    parser.add_argument("--keep", type=Path, help="SQLite file that is kept, and not filled again")
    parser.add_argument("--only", default=",".join(PHASES), help="phases, of " + ",".join(PHASES))
    parser.add_argument("--asked", default="10000,100000,1000000", help="accounts that a worker is asked for in all")
    parser.add_argument("--memorised", type=int, default=1_000_000, help="accounts that the memo alone is filled with")
    parser.add_argument("--memo-mib", type=int, default=256, help="bound of the memo")
    parser.add_argument("--requests", type=int, default=3_000_000, help="simulated requests")
    parser.add_argument("--figures", action="store_true", help="write what was measured to scale_figures.json")
    return parser.parse_args()


def main() -> None:
    """Measure, and print."""
    chosen = _chosen()
    phases = chosen.only.split(",")
    with _stores(chosen) as (url, redis):
        sizes = Sizes(chosen.accounts, chosen.entities, chosen.interests)
        asked = [int(number) for number in chosen.asked.split(",")]
        run = Run(url, redis, sizes, asked, chosen.memorised, chosen.memo_mib, chosen.requests)
        if chosen.keep and chosen.keep.exists():
            phases = [phase for phase in phases if phase != "fill"]
            print(f"{url}: {size_of(url) / 2**20:,.0f} MiB, {counted(url)}", flush=True)
        for phase in phases:
            print(f"\n{phase}: {PHASES[phase].__doc__}", flush=True)
            found = PHASES[phase](run)
            show(found)
            if chosen.figures:
                keep_figures(found)


if __name__ == "__main__":
    main()
