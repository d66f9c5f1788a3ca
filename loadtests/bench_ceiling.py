"""The stage of the bench that finds every server's ceiling, and what follows from it for the budget."""

import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

from loadtests.bench_run import Run
from loadtests.feeds import Script, read_feed
from loadtests.lineup import constant_asgi, cordon, nginx_constant, unrecorded
from loadtests.results import ServerFigure
from loadtests.rounds import UNTIL_KEPT, Contender, interleave, ratio
from loadtests.servers import NotInstalled, Running, Server, need, running
from service.gateways.authzen import EVALUATION_PATH

CORDON: Final = "cordon"
UNRECORDED: Final = "cordon, no log, no metrics"
UNLOGGED: Final = "cordon, no decision log"
FRAMEWORK: Final = "cordon, no fast lane"
FRESH: Final = "cordon, first-seen addresses, few accounts"
FEW_RULES: Final = "cordon, 10 rules, few accounts"
MANY_RULES: Final = "cordon, 10,000 rules, few accounts"
NGINX: Final = "nginx return 200"
ASGI: Final = "uvicorn, constant ASGI"

RATIOS: Final[Mapping[str, tuple[str, str]]] = {
    "nginx": (CORDON, NGINX),
    "asgi": (CORDON, ASGI),
    "recording": (CORDON, UNRECORDED),
    "rules": (MANY_RULES, FEW_RULES),
    "first_seen": (FRESH, FEW_RULES),
}
"""Measures of the budget that the ceiling tells: one server by another."""

FEW, MANY = 10, 10_000


def own(run: Run) -> Server:
    """Cordon as it is deployed: few rules, the decision log and the metrics on."""
    return cordon(CORDON, run.world(FEW), log=run.log_directory())


def nginx(run: Run, answer_bytes: int) -> Server:
    """nginx with a constant answer of that length.

    Raises:
        NotInstalled: nginx is missing.
    """
    return nginx_constant(NGINX, answer_bytes, run.scratch / "nginx")


def answer_bytes(server: Running, script: Script) -> int:
    """The length of an answer: what is compared with Cordon answers as much."""
    body = next(iter(read_feed(script.feed))).partition(b"\r\n\r\n")[2]
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(server.url + EVALUATION_PATH, data=body, headers=headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return len(answer.read())


def measure_ceiling(run: Run) -> None:
    """Requests a second of every server, in turn.

    Raises:
        NotInstalled: wrk is missing.
        NotStarted: Cordon does not come up.
        LoadFailed: wrk could not load one.
    """
    need("wrk", "wrk")
    forms = run.forms
    with ExitStack() as stack:
        cordon = stack.enter_context(running(own(run)))
        contenders = [Contender(cordon, run.script("cached"), times=UNTIL_KEPT)]
        for entry in _others(run, answer_bytes(cordon, contenders[0].script)):
            contenders += _started(run, entry, stack)
        interleave(
            contenders,
            rounds=forms.rounds,
            seconds=forms.seconds,
            warm_up_seconds=forms.warm_up_seconds,
            say=run.say,
        )
    sound = {one.name: one for one in contenders if run.is_sound(one)}
    run.servers.extend(ServerFigure.of(one) for one in sound.values())
    _note_ratios(run, sound)


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    make: Callable[[], Server]
    feed: str = "cached"
    times: int = UNTIL_KEPT


def _others(run: Run, length: int) -> Iterator[_Entry]:
    few, many = run.world(FEW), run.world(MANY)
    yield _Entry(NGINX, lambda: nginx(run, length), times=1)
    yield _Entry(ASGI, lambda: constant_asgi(ASGI, length), times=1)
    yield _Entry(UNRECORDED, lambda: unrecorded(UNRECORDED, few))
    if run.forms.beside_the_budget:
        yield _Entry(UNLOGGED, lambda: cordon(UNLOGGED, few))
        yield _Entry(FRAMEWORK, lambda: cordon(FRAMEWORK, few, "--no-fast-lane", log=run.log_directory()))
    yield _Entry(FRESH, lambda: cordon(FRESH, few, log=run.log_directory()), "first-seen")
    yield _Entry(FEW_RULES, lambda: cordon(FEW_RULES, few, log=run.log_directory()), "few-accounts")
    yield _Entry(MANY_RULES, lambda: cordon(MANY_RULES, many, log=run.log_directory()), "few-accounts")


def _started(run: Run, entry: _Entry, stack: ExitStack) -> Iterator[Contender]:
    """The server with its load; nothing if it cannot be had."""
    try:
        server = run.start(entry.make(), stack)
    except NotInstalled as reason:
        return run.leave_out(str(reason), entry.name)
    if server is not None and entry.feed == "first-seen":
        yield Contender(server, run.script(entry.feed), goes_on=True, warmed_by=run.script("few-accounts"))
    elif server is not None:
        yield Contender(server, run.script(entry.feed), times=entry.times)


def _note_ratios(run: Run, sound: Mapping[str, Contender]) -> None:
    for key, (over, under) in RATIOS.items():
        missing = [name for name in (over, under) if name not in sound]
        if missing:
            run.leave_out(f"{missing[0]}: {run.left_out[missing[0]]}", key)
        else:
            run.ratios[key] = ratio(sound[over], sound[under])
