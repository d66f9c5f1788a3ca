"""How long decisions at hand take while many others must wait for facts: accounts that nobody made up before, and
registered ones that are not memorised.

A real `cordon serve` over a database (SQLite, or the one that is named), with Valkey if that is asked for; a process of
its own asks by the clock. Prints a table, and writes JSON for the report; asserts nothing, since machines are noisy.
`python -m loadtests.storm --help`.
"""

import json
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any, Literal, Optional, TypeAlias
from urllib.parse import urlsplit

import typer

from loadtests.owned_companies import fill, process
from loadtests.servers import cpu_seconds
from loadtests.storm_asking import Plan, Seen, asked
from tests.valkey_server import ValkeyServer

ACCOUNTS_AT_LEAST = 20_000
HIT_ACCOUNTS = 1_000
SHARES = (0.1, 0.5)

Missing: TypeAlias = Literal["nothing", "made-up", "not memorised"]
"""What the misses of a phase ask about."""


@dataclass(frozen=True, slots=True)
class Phase:
    """One rate, one share of misses, of one kind."""

    rate: int
    share: float
    missing: Missing

    @property
    def name(self) -> str:
        return "hits alone" if self.missing == "nothing" else f"{self.share:.0%} {self.missing}"

    def misses(self, seconds: float) -> int:
        """More than will be asked for."""
        return int(self.rate * seconds * self.share * 1.2) + 100 if self.share else 0


def phases(rates: Sequence[int]) -> list[Phase]:
    """All that are measured, in their order."""
    kinds: tuple[Missing, ...] = ("made-up", "not memorised")
    return [
        phase
        for rate in rates
        for phase in (Phase(rate, 0.0, "nothing"), *(Phase(rate, share, kind) for kind in kinds for share in SHARES))
    ]


@dataclass(slots=True)
class Names:
    """Gives ids out, each once."""

    registered: int = HIT_ACCOUNTS
    made_up: int = 0

    def take(self, missing: Missing, count: int) -> list[str]:
        if missing == "not memorised":
            self.registered += count
            return [f"account-{number}" for number in range(self.registered - count, self.registered)]
        self.made_up += count
        return [f"nobody-{number}" for number in range(self.made_up - count, self.made_up)]


@dataclass(frozen=True, slots=True)
class Measured:
    """What was seen in a phase."""

    phase: Phase
    seen: Seen
    cpu: float
    """Share of one processor that the server used."""
    mget: tuple[int, int]
    """Questions to Redis in that time, and of how many keys in all."""

    def as_json(self) -> dict[str, Any]:
        named = {"name": self.phase.name, "rate": self.phase.rate, "share": self.phase.share}
        counted = {"mget": self.mget[0], "mget_keys": self.mget[1], "cpu": round(self.cpu, 3)}
        return {**named, **asdict(self.seen), **counted}

    def line(self) -> str:
        hits, misses = self.seen.hits, self.seen.misses
        return (
            f"{self.phase.rate:>6} {self.phase.name:<19}"
            f"{hits.p50_us:>8,.0f}{hits.p99_us:>9,.0f}{hits.p999_us:>9,.0f} |"
            f"{misses.p50_us:>9,.0f}{misses.p99_us:>11,.0f} |"
            f"{self.seen.stale:>7}{self.seen.errors:>7}{self.cpu:>7.0%}{self.seen.late_p99_us:>8,.0f}"
        )


HEADINGS = (
    f"{'rate':>6} {'phase':<19}{'hits p50':>8}{'p99':>9}{'p99.9':>9} |{'misses p50':>9}{'p99':>10} |"
    f"{'stale':>7}{'errors':>7}{'CPU':>7}{'late':>8}   (µs)"
)


@dataclass(frozen=True, slots=True)
class Stage:
    """What is asked, and by whom."""

    port: int
    process_id: int
    redis: ValkeyServer | None
    own: ProcessPoolExecutor
    seconds: float

    def play(self, phase: Phase, names: Names) -> Measured:
        """Ask as the phase says."""
        missing = names.take(phase.missing, phase.misses(self.seconds)) if phase.share else []
        hit_ids = [f"account-{number}" for number in range(HIT_ACCOUNTS)]
        cpu, before = cpu_seconds(self.process_id), self._mget()
        seen = self._asked(Plan(self.port, phase.rate, self.seconds, phase.share, hit_ids, missing))
        used, after = cpu_seconds(self.process_id) - cpu, self._mget()
        return Measured(phase, seen, used / self.seconds, (after[0] - before[0], after[1] - before[1]))

    def warm(self) -> None:
        """Have every account of the hits memorised."""
        ids = [f"account-{number}" for number in range(HIT_ACCOUNTS)]
        self._asked(Plan(self.port, 500, HIT_ACCOUNTS / 500 - 0.2, 1.0, ids, ids * 2))
        self._asked(Plan(self.port, 1_000, 3.0, 0.0, ids, []))

    def _asked(self, plan: Plan) -> Seen:
        return self.own.submit(asked, plan).result()

    def _mget(self) -> tuple[int, int]:
        if self.redis is None:
            return 0, 0
        counted: Any = self.redis.command("INFO", "commandstats")
        looked: Any = self.redis.command("INFO", "stats")
        calls = counted.get("cmdstat_mget", {}).get("calls", 0)
        return int(calls), int(looked["keyspace_hits"]) + int(looked["keyspace_misses"])


def main(
    database: Annotated[Optional[str], typer.Option(help="URL of an empty database; SQLite unless given.")] = None,  # noqa: UP045
    redis: Annotated[bool, typer.Option(help="With a Valkey of its own.")] = False,
    rate: Annotated[Optional[list[int]], typer.Option(help="Questions a second; may be given again.")] = None,  # noqa: UP045
    seconds: Annotated[float, typer.Option(help="How long each phase takes.")] = 4,
    json_file: Annotated[Optional[Path], typer.Option("--json", help="Write the figures there.")] = None,  # noqa: UP045
) -> None:
    """Print how long decisions at hand take while others wait for facts."""
    planned = phases(rate or [2_000, 5_000])
    wanted = HIT_ACCOUNTS + sum(phase.misses(seconds) for phase in planned if phase.missing == "not memorised")
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cordon-storm-")))
        url = database or f"sqlite:///{directory / 'cordon.db'}"
        fill(url, max(wanted, ACCOUNTS_AT_LEAST))
        options, server = ["--database", url], None
        if redis:
            server = ValkeyServer(directory / "valkey")
            server.start()
            stack.callback(server.stop)
            options += ["--redis", server.url]
        address, worker = stack.enter_context(process(options))
        own = stack.enter_context(ProcessPoolExecutor(1, mp_context=get_context("spawn")))
        measured = measure(Stage(urlsplit(address).port or 80, worker.pid, server, own, seconds), planned)
    if json_file is not None:
        found = {"phases": [each.as_json() for each in measured]}
        json_file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def measure(stage: Stage, planned: Sequence[Phase]) -> list[Measured]:
    """Play all phases, and print what was seen."""
    names, measured = Names(), []
    stage.warm()
    print(HEADINGS)
    for phase in planned:
        measured.append(stage.play(phase, names))
        print(measured[-1].line(), flush=True)
        if measured[-1].mget[0]:
            print(f"{'':>26}{measured[-1].mget[1]:,} keys in {measured[-1].mget[0]:,} MGET")
    return measured


if __name__ == "__main__":
    typer.run(main)
