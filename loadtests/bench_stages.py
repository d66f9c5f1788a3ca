"""The stages of the bench beside the ceiling: latency below it, two workers, and the same question to others."""

import json
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

from loadtests.bench_ceiling import CORDON, FEW, NGINX, answer_bytes, nginx, own
from loadtests.bench_run import Run
from loadtests.feeds import read_feed
from loadtests.lineup import cordon, nginx_constant
from loadtests.openloop import Outcome, Plan, open_loop
from loadtests.results import latency_figure
from loadtests.rounds import UNTIL_KEPT, Contender, Spread, rotated
from loadtests.scaling import Make, Scaling, layout_here, measure_scaling
from loadtests.servers import LOAD_CORES, Running, Server, on_core, running

HALF: Final = 0.5


@dataclass(frozen=True, slots=True)
class _OpenLoad:
    """A server at a part of its ceiling."""

    running: Running
    part: float
    ceiling: float

    @property
    def per_second(self) -> float:
        return self.part * self.ceiling


def measure_latency(run: Run) -> None:
    """Latency in an open loop at parts of the ceiling, in turn.

    Raises:
        NotInstalled: a program is missing.
        NotStarted: a server does not come up.
        LoadFailed: wrk could not warm it up.
    """
    ceilings = {one.name: one.rps.median for one in run.servers if one.name in (CORDON, NGINX)}
    if CORDON not in ceilings:
        return run.leave_out("its ceiling was not measured", "latency")
    script = run.script("cached")
    with ExitStack() as stack:
        server = stack.enter_context(running(own(run)))
        loads = [_OpenLoad(server, part, ceilings[CORDON]) for part in run.forms.parts]
        if NGINX in ceilings:
            other = stack.enter_context(running(nginx(run, answer_bytes(server, script))))
            loads.append(_OpenLoad(other, HALF, ceilings[NGINX]))
        Contender(server, script, times=UNTIL_KEPT).warm_up(run.forms.warm_up_seconds)
        found = _open_rounds(run, loads, read_feed(script.feed))
    for load, outcomes in zip(loads, found, strict=True):
        run.latencies.append(latency_figure(load.running.name, load.part, load.per_second, outcomes))
    _note_latency(run, next((found[place] for place, part in enumerate(run.forms.parts) if part == HALF), []))
    return None


def measure_workers(run: Run) -> None:
    """Two workers against one, and nginx beside it.

    Raises:
        NotInstalled: wrk is missing.
        NotStarted: a server does not come up.
        LoadFailed: wrk could not load one.
    """
    layout, forms = layout_here(), run.forms
    if layout is None:
        return run.leave_out("a machine of one core cannot show it", "workers")
    plan = Scaling(run.script("cached"), layout, forms.lesser_rounds, forms.seconds, forms.warm_up_seconds, run.say)
    run.scaling.extend(measure_scaling([_cordon_of(run), _nginx_of(run)], plan, run.leave_out))
    scaled = next((one for one in run.scaling if one.name == CORDON), None)
    if scaled is not None and scaled.failed:
        run.leave_out(f"{scaled.failed} requests failed", "workers")
    elif scaled is not None:
        run.ratios["workers"] = scaled.ratio
    else:
        run.leave_out(run.left_out["two workers"], "workers")
    return None


def measure_peers(run: Run) -> None:
    """The same question to others, in a process of its own."""
    forms, figures = run.forms, run.scratch / "peers.json"
    command = [sys.executable, "-m", "loadtests.peers", "--json", str(figures)]
    command += ["--rounds", str(forms.lesser_rounds), "--seconds", str(max(1, round(forms.seconds)))]
    if forms.peers:
        command += ["--only", *forms.peers]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if not figures.exists():
        last = next(iter(reversed(done.stdout.strip().splitlines())), "it said nothing")
        return run.leave_out(f"the comparison failed: {last}", "cerbos")
    run.peers = found = json.loads(figures.read_text())
    for missing in found["not_measured"]:
        run.leave_out(missing["why"], missing["name"])
    if "cerbos" in found["http"]:
        run.ratios["cerbos"] = Spread(**found["http"]["cerbos"]["ratio"])
    return None


def _open_rounds(run: Run, loads: list[_OpenLoad], requests: list[bytes]) -> list[list[Outcome]]:
    """What came of each load in each round."""
    outcomes: list[list[Outcome]] = [[] for _ in loads]
    for number in range(run.forms.lesser_rounds):
        for place in rotated(range(len(loads)), number):
            load = loads[place]
            plan = Plan(load.per_second, run.forms.latency_seconds, seed=number)
            with on_core(int(LOAD_CORES)):
                outcome = open_loop(load.running.url, requests, plan)
            p50, p99 = outcome.latencies.percentile_us(50), outcome.latencies.percentile_us(99)
            run.say(f"{load.running.name}: {load.per_second:,.0f}/s: p50 {p50:,.0f} µs, p99 {p99:,.0f} µs")
            outcomes[place].append(outcome)
    return outcomes


def _note_latency(run: Run, outcomes: list[Outcome]) -> None:
    """The ratio, unless the load generator itself was too slow to tell."""
    failed = sum(outcome.errors + outcome.non_2xx for outcome in outcomes)
    if not outcomes:
        run.leave_out("half the ceiling is not among the parts", "latency")
    elif failed:
        run.leave_out(f"{failed} requests failed", "latency")
    elif not all(outcome.kept_up for outcome in outcomes):
        run.leave_out("the load generator sent too late to tell", "latency")
    else:
        both = [outcome.latencies.percentiles_us((50, 99)) for outcome in outcomes]
        run.ratios["latency"] = Spread.of(one[99] / one[50] for one in both)


def _cordon_of(run: Run) -> Make:
    world, log = run.world(FEW), run.log_directory()
    return lambda workers, cores: cordon(CORDON, world, "--workers", str(workers), log=log, cores=cores)


def _nginx_of(run: Run) -> Make:
    length, scratch = 500, run.scratch

    def make(workers: int, cores: str) -> Server:
        return nginx_constant(NGINX, length, scratch / f"nginx-{workers}", workers=workers, cores=cores)

    return make
