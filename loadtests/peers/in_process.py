"""Every peer that is a library, in this process: checked, and timed in turn by the CPU time that decisions take."""

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeAlias

from loadtests.peers.engines import ENGINES, engine_version, make_engine
from loadtests.peers.own import Decisions, decisions, evaluations, open_service, write_directory
from loadtests.peers.question import Told, World
from loadtests.peers.result import OWN_RULES_ALONE, InProcess, NotMeasured
from loadtests.peers.wire import Disagrees, compare
from loadtests.rounds import Spread, rotated
from loadtests.servers import NotInstalled
from service.version import own_version

OWN_WHOLE = "cordon-decide"
TURN_SECONDS = 0.25

Makers: TypeAlias = Mapping[str, Callable[[], Decisions]]


def makers(world: World, asked: Sequence[Told], scratch: Path) -> dict[str, Callable[[], Decisions]]:
    """What makes each of them ready to decide these questions."""
    service = open_service(write_directory(world, scratch / "data"))
    found: dict[str, Callable[[], Decisions]] = {
        OWN_RULES_ALONE: lambda: evaluations(service, asked),
        OWN_WHOLE: lambda: decisions(service, asked),
    }
    return found | {name: partial(_engine_decisions, name, world, asked) for name in ENGINES}


def measure_in_process(
    makers: Makers, asked: Sequence[Told], rounds: int
) -> tuple[dict[str, InProcess], list[NotMeasured]]:
    """Measure all that decide as they should."""
    ready: dict[str, Decisions] = {}
    missing: list[NotMeasured] = []
    for name, make in makers.items():
        try:
            ready[name] = _checked(make(), asked)
        except (NotInstalled, Disagrees) as reason:
            missing.append(NotMeasured(name, str(reason), isinstance(reason, Disagrees)))
    turns: dict[str, list[float]] = {name: [] for name in ready}
    for number in range(rounds):
        for name in rotated(list(ready), number):
            turns[name].append(_turn(ready[name]) / len(asked) * 1e6)
    base = turns.get(OWN_RULES_ALONE)
    return {name: _figure(name, found, base) for name, found in turns.items()} if base else {}, missing


def country_lookup_us(world: World, asked: Sequence[Told], rounds: int) -> Spread:
    """CPU time for looking up the country of an address: what the engines leave to the caller."""
    look_up = lambda: [world.country(told.address) is None for told in asked]  # noqa: E731
    return Spread.of(_turn(look_up) / len(asked) * 1e6 for _ in range(rounds))


def _engine_decisions(name: str, world: World, asked: Sequence[Told]) -> Decisions:
    allows = make_engine(name, world).allows
    return lambda: [allows(told) for told in asked]


def _checked(decide: Decisions, asked: Sequence[Told]) -> Decisions:
    for told, allowed in zip(asked, decide(), strict=True):
        compare(told, allowed)
    return decide


def _turn(decide: Decisions) -> float:
    """CPU seconds for all questions once, over a turn of some length."""
    gc.collect()
    begun, times, spent = time.process_time(), 0, 0.0
    while spent < TURN_SECONDS:
        decide()
        times += 1
        spent = time.process_time() - begun
    return spent / times


def _figure(name: str, turns: Sequence[float], base: Sequence[float]) -> InProcess:
    version = engine_version(name) if name in ENGINES else own_version()
    ratios = Spread.of(one / own for one, own in zip(turns, base, strict=True))
    return InProcess(version, Spread.of(turns), ratios)
