"""Every peer over HTTP: started, checked, and loaded in turn."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from loadtests.ceiling import write_script
from loadtests.peers.applications import make_endpoint, make_plain
from loadtests.peers.cerbos import make_cerbos
from loadtests.peers.engines import ENGINES
from loadtests.peers.nginx import make_nginx
from loadtests.peers.own import make_cordon
from loadtests.peers.question import Told, World, oracle
from loadtests.peers.result import OWN, NotMeasured, OverHttp
from loadtests.peers.wire import Disagrees, NoAnswer, Peer, Place, check
from loadtests.rounds import Contender, Spread, interleave, ratio
from loadtests.servers import NotInstalled, NotStarted, running

PEERS: Final[Mapping[str, Callable[[Place], Peer]]] = {
    OWN: make_cordon,
    "nginx-geoip2": make_nginx,
    "cerbos": make_cerbos,
    "fastapi-geoip2": make_plain(access_log=False),
    "fastapi-geoip2-access-log": make_plain(access_log=True),
    **{f"{engine}-http": make_endpoint(engine) for engine in ENGINES},
}

FAILED_TOLERANCE = 0.001
"""The share of requests that may fail under load: on a machine with other work one may wait longer than wrk does."""
STATUS_TOLERANCE = 0.02
"""By how much the share of denials under load may differ from that of the questions, where a denial is a status: the
last round through them is not a whole one."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is to do."""

    world: World
    asked: Sequence[Told]
    scratch: Path
    kept: Path
    rounds: int = 4
    seconds: float = 3
    say: Callable[[str], None] = print


@dataclass(frozen=True, slots=True)
class _Ready:
    peer: Peer
    contender: Contender


def measure_over_http(
    plan: Plan, peers: Mapping[str, Callable[[Place], Peer]] = PEERS
) -> tuple[dict[str, OverHttp], list[NotMeasured]]:
    """Measure all that can be measured, Cordon the first of them; of the others it is said why they are not.

    Raises:
        LoadFailed: wrk could not load one of them.
    """
    ready: list[_Ready] = []
    missing: list[NotMeasured] = []
    with ExitStack() as stack:
        for name, make in peers.items():
            try:
                ready.append(_readied(name, make, plan, stack))
            except (NotInstalled, NotStarted, NoAnswer, Disagrees) as reason:
                missing.append(NotMeasured(name, str(reason), isinstance(reason, Disagrees)))
            if not ready:
                return {}, missing  # without Cordon there is nothing to compare with
        contenders = [one.contender for one in ready]
        interleave(contenders, rounds=plan.rounds, seconds=plan.seconds, warm_up_seconds=1, say=plan.say)
    faults = {one.peer.name: why for one in ready if (why := _unsound(one, plan.asked))}
    missing += [NotMeasured(name, why) for name, why in faults.items()]
    return _figures([one for one in ready if one.peer.name not in faults]), missing


def _readied(name: str, make: Callable[[Place], Peer], plan: Plan, stack: ExitStack) -> _Ready:
    """The peer, started and found to decide as it should."""
    scratch = plan.scratch / name
    scratch.mkdir()
    peer = make(Place(plan.world, scratch, plan.kept))
    server = stack.enter_context(running(peer.server))
    check(peer, server.url, plan.asked)
    plan.say(f"{name}: decides all {len(plan.asked):,} questions as it should")
    script = write_script(scratch / "requests", map(peer.request, plan.asked))
    return _Ready(peer, Contender(server, script))


def _unsound(ready: _Ready, asked: Sequence[Told]) -> str:
    """What went wrong under load; empty if nothing did."""
    denied = sum(not oracle(told) for told in asked) / len(asked) if ready.peer.denies_by_status else 0.0
    for sample in ready.contender.samples:
        if sample.errors > FAILED_TOLERANCE * sample.requests:
            return f"{sample.errors} of {sample.requests} requests failed under load"
        if abs(sample.non_2xx / sample.requests - denied) > (STATUS_TOLERANCE if denied else 0):
            return f"{sample.non_2xx} of {sample.requests} answers under load were errors"
    return ""


def _figures(ready: Sequence[_Ready]) -> dict[str, OverHttp]:
    own = next((one.contender for one in ready if one.peer.name == OWN), None)
    if own is None:
        return {}
    return {one.peer.name: _figure(one, own) for one in ready}


def _figure(ready: _Ready, own: Contender) -> OverHttp:
    contender = ready.contender
    return OverHttp(
        version=ready.peer.version,
        requests_per_second=contender.rps(),
        cpu_us=contender.server_cpu_us(),
        p50_us=Spread.of(sample.p50_us for sample in contender.samples),
        load_cpu=Spread.of(sample.load_cpu for sample in contender.samples),
        ratio=ratio(own, contender),
        cpu_ratio=_cpu_ratio(own, contender),
    )


def _cpu_ratio(own: Contender, other: Contender) -> Spread | None:
    pairs = [(one.server_cpu_us, two.server_cpu_us) for one, two in zip(own.samples, other.samples, strict=True)]
    found = [theirs / ours for ours, theirs in pairs if ours and theirs]
    return Spread.of(found) if found else None
