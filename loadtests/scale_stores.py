"""What the database and Redis spend on what workers do to them: polls, beats, reads, writes; memory and bytes.

Each is done by this process, one at a time, for long enough to read the CPU time of the server's processes in `/proc`.
That needs a server on this machine; of another one latencies are measured alone. The CPU time of SQLite is ours.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import redis as redis_client
from sqlalchemy import text

from loadtests.scale_figures import Figure, show
from loadtests.scale_fill import opened
from loadtests.scale_misses import STRIDE
from loadtests.scale_world import account_id
from rules.facts import Account, AccountId
from service.clocks import utc_now
from service.storage.changes import changes_after
from service.storage.database import Database
from service.storage.dossiers import read_account, read_accounts
from service.storage.facts import put_account, remove_account
from service.storage.instances import InstanceState, beat, forget

TIMES = 1_500
TOGETHER = 64
"""Accounts of one reading, where many are read at once."""
SAMPLED = 2_000
ROUNDS = 20
LISTENERS, HINTS = 80, 1_000
WRITTEN = AccountId("acct-scale")
HERE = InstanceState("scale", "scale", os.getpid(), "0", utc_now(), 0)


def stores(url: str, accounts: int) -> dict[str, Figure]:
    """Costs of the database at this URL, which holds so many accounts."""
    with opened(url) as database:
        name = "sqlite" if database.is_sqlite else "postgresql"
        server = _server_processes(database)
        found: dict[str, Figure] = {}
        for what, times, act in _acts(database, accounts):
            measured = _costs(f"{name}_{what}", times, act, server)
            show(measured)  # each takes long
            found |= measured
        forget(database, HERE.id)
        with database.writing() as writing:
            remove_account(writing, WRITTEN)
        return found


def _acts(database: Database, accounts: int) -> Iterator[tuple[str, int, Callable[[int], object]]]:
    seen = database.position()
    numbers = count(17)

    def poll(_: int) -> None:
        with database.reading() as connection:
            changes_after(connection, seen)

    def read(_: int) -> None:
        with database.reading() as connection:
            read_account(connection, account_id(next(numbers) * STRIDE % accounts))

    def read_together(_: int) -> None:
        ids = [account_id(next(numbers) * STRIDE % accounts) for _ in range(TOGETHER)]
        with database.reading() as connection:
            read_accounts(connection, ids)

    def write(number: int) -> None:
        with database.writing() as writing:
            put_account(writing, Account(WRITTEN, tags=frozenset({f"written-{number}"})))

    yield "poll", TIMES, poll
    yield "read", TIMES, read
    yield "read_64", TIMES // 10, read_together
    yield "beat", TIMES // 3, lambda _: beat(database, HERE)
    yield "write", TIMES // 3, write


def _costs(name: str, times: int, act: Callable[[int], object], server: Sequence[int]) -> dict[str, Figure]:
    act(-1)
    before, own = _cpu_seconds(server), time.process_time()
    latencies = []
    for number in range(times):
        began = time.perf_counter()
        act(number)
        latencies.append(time.perf_counter() - began)
    used, ours = _cpu_seconds(server) - before, time.process_time() - own
    how = f"{times:,} in a row, one connection"
    found = {
        f"{name}_us": Figure.of(latencies, 1e6, "µs", how),
        f"{name}_own_cpu_us": Figure.once(ours / times * 1e6, "µs of CPU", f"{how}; in the worker"),
    }
    if server:
        found[f"{name}_cpu_us"] = Figure.once(used / times * 1e6, "µs of CPU", f"{how}; in the server's processes")
    return found


def connections_held(url: str) -> Figure | None:
    """Connections of others to this PostgreSQL database."""
    with opened(url) as database, database.reading() as connection:
        if database.is_sqlite:
            return None
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        return Figure.once(int(connection.scalar(text(query)) or 0), "connections", "pg_stat_activity, one worker")


def redis_costs(url: str) -> dict[str, Figure]:
    """Memory of a dossier in this Redis; CPU of what is asked of it, and of a hint to each worker that listens."""
    with redis_client.Redis.from_url(url) as client:
        return _kept(client) | _found(client) | _published(client)


def _kept(client: "redis_client.Redis") -> dict[str, Figure]:
    keys = _keys(client)[:SAMPLED]
    values = [len(client.get(key) or b"") for key in keys]
    used = sum(client.memory_usage(key) or 0 for key in keys) / len(keys)
    return {
        "redis_value_bytes": Figure.of(values, 1, "bytes", f"{len(values):,} values"),
        "redis_entry_bytes": Figure.once(used, "bytes", f"MEMORY USAGE of {len(keys):,} keys, mean"),
    }


def _found(client: "redis_client.Redis") -> dict[str, Figure]:
    keys = _keys(client)
    batches = [keys[start : start + TOGETHER] for start in range(0, len(keys) - TOGETHER, TOGETHER)][:200]
    before = _redis_cpu(client)
    for batch in batches * ROUNDS:
        client.mget(batch)
    asked = len(batches) * ROUNDS * TOGETHER
    spent = (_redis_cpu(client) - before) / asked * 1e6
    return {"redis_get_cpu_us": Figure.once(spent, "µs of CPU", f"{asked:,} keys, {TOGETHER} to an MGET")}


def _published(client: "redis_client.Redis") -> dict[str, Figure]:
    with ExitStack() as stack:
        for _ in range(LISTENERS):
            listener = stack.enter_context(client.pubsub())  # type: ignore[no-untyped-call]
            listener.subscribe("scale")
            listener.get_message(timeout=5)
        before = _redis_cpu(client)
        for _ in range(HINTS):
            client.publish("scale", "1")
        spent = (_redis_cpu(client) - before) / HINTS / LISTENERS * 1e6
    how = f"{HINTS:,} messages to {LISTENERS} listeners, for each listener"
    return {"redis_hint_cpu_us": Figure.once(spent, "µs of CPU", how)}


def _keys(client: "redis_client.Redis") -> list[bytes]:
    return list(client.scan_iter(match="cordon:*:account:*", count=1_000))


def _redis_cpu(client: "redis_client.Redis") -> float:
    info = client.info("cpu")
    return float(info["used_cpu_sys"] + info["used_cpu_user"])


def _server_processes(database: Database) -> tuple[int, ...]:
    """Ids of the processes of a PostgreSQL on this machine; none if it is elsewhere."""
    if database.is_sqlite:
        return ()
    with database.reading() as connection:
        directory = Path(str(connection.scalar(text("SHOW data_directory"))))
    try:
        return (int((directory / "postmaster.pid").read_text().split()[0]),)
    except OSError:
        return ()


def _cpu_seconds(servers: Sequence[int]) -> float:
    """What servers have used with all their children, those included that have ended."""
    return sum(map(_with_children, servers))


def _with_children(process: int) -> float:
    own = _times(process)
    children = [_times(child) for child in _children(process)]
    return sum(own) + sum(user + system for user, system, *_ in children)


def _times(process: int) -> tuple[float, float, float, float]:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    user, system, gone_user, gone_system = (int(field) / os.sysconf("SC_CLK_TCK") for field in fields[11:15])
    return user, system, gone_user, gone_system


def _children(process: int) -> list[int]:
    return [int(id) for id in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
