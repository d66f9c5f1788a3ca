"""All of the budget in one run: `make bench`, or `python -m loadtests.bench --long` for figures to rely on.

Writes `report.html` and `report.json`. Ends with status 1 if the budget is broken. What cannot be measured here is left
out, and said to be so: it never counts as held.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from loadtests.bench_ceiling import measure_ceiling
from loadtests.bench_run import Forms, Run
from loadtests.bench_stages import measure_latency, measure_peers, measure_workers
from loadtests.ceiling import LoadFailed
from loadtests.machine import cpu_time, machine
from loadtests.report import verdict, write
from loadtests.servers import NotInstalled, NotStarted

OUT: Final = Path("build/bench")

SHORT: Final = Forms()
LONG: Final = Forms(
    rounds=10,
    lesser_rounds=8,
    seconds=5,
    warm_up_seconds=3,
    latency_seconds=10,
    parts=(0.1, 0.25, 0.5, 0.75, 0.9),
    beside_the_budget=True,
    peers=(),
)

STAGES: Final[Mapping[str, tuple[Callable[[Run], None], tuple[str, ...]]]] = {
    "ceiling": (measure_ceiling, ("nginx", "asgi", "recording", "rules", "first_seen")),
    "latency": (measure_latency, ("latency",)),
    "workers": (measure_workers, ("workers",)),
    "peers": (measure_peers, ("cerbos",)),
}
"""In this order, since latency is measured at a part of the ceiling; each with its measures of the budget."""


@dataclass(frozen=True, slots=True)
class _Told:
    """Prints what is done, and when."""

    since: float

    def __call__(self, line: str) -> None:
        print(f"{time.monotonic() - self.since:5.0f} s  {line}", file=sys.stderr, flush=True)


def bench(run: Run, stages: list[str]) -> None:
    """Measure what can be measured."""
    for name, (measure, keys) in STAGES.items():
        if name not in stages:
            continue
        run.say(f"{name} …")
        try:
            measure(run)
        except (NotInstalled, NotStarted, LoadFailed) as reason:
            run.leave_out(str(reason), *(key for key in keys if key not in run.ratios))


def main() -> int:
    """Measure, write the report, and judge it."""
    options = _options()
    forms = LONG if options.long else SHORT
    told = {name: value for name in asdict(forms) if (value := getattr(options, name, None)) is not None}
    forms = Forms(**{**asdict(forms), **told})
    say = _Told(time.monotonic())
    facts, before = machine(), cpu_time()
    with tempfile.TemporaryDirectory(prefix="cordon-bench-") as scratch:
        run = Run(forms, Path(scratch), say)
        bench(run, options.only or list(STAGES))
    results = run.results(facts | {"stolen by the hypervisor": cpu_time().stolen_since(before)})
    page = write(results, options.out)
    status, lines = verdict(results, complete=options.complete)
    print("\n".join([*lines, f"report: {page}"]))
    return status


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m loadtests.bench", description=__doc__)
    parser.add_argument("--long", action="store_true", help="more rounds, longer ones, every peer, latency by load")
    parser.add_argument("--rounds", type=int, help="of every server")
    parser.add_argument("--seconds", type=float, help="of a round")
    parser.add_argument("--latency-seconds", type=float, dest="latency_seconds", help="of a round in an open loop")
    parser.add_argument("--only", nargs="+", choices=list(STAGES), help="leave the rest out")
    parser.add_argument("--complete", action="store_true", help="fail too for what was not measured")
    parser.add_argument("--out", type=Path, default=OUT, help="directory of the report")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
