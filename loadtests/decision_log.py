"""What the decision log costs: on the hot path, in the writer, on the disk, to whoever waits, and to search.

Prints figures and ratios, asserts nothing: machines are noisy. `python -m loadtests.decision_log [DIRECTORY]`. Hits are
offered on one core, which the thread that decides and those that write and compress share.
"""

import asyncio
import gc
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from loadtests.decided import MICRO, TURN_HITS, World
from loadtests.decisions import AT, best
from service.decide import (
    Answer,
    Decider,
    Hits,
    NewHits,
)
from service.decision_log.keeping import delete_account, tend
from service.decision_log.recorder import DecisionLog
from service.decision_log.records import Records
from service.decision_log.search import DecisionSearch, Filter
from service.decision_log.segments import segment_files
from service.decision_log.writer import Options

RECORDS = 200_000
AT_ONCE = (1, 8, 64)
HITS = 1_000_000
RATES = (20_000, 40_000, 80_000)
"""Hits a second."""
RATE_SECONDS = 4
WORK = range(400)
"""What takes about as long to add up as an answer takes to give."""


class Silent:
    """Records nothing."""

    def decided(self, answer: Answer) -> None:
        """Do nothing."""

    def repeated(self, hits: Hits) -> None:
        """Do nothing."""


def measure_hot_path(world: World) -> None:
    answers = [world.answer(number) for number in range(10_000)]
    log = DecisionLog(Options(Path("unused"), "w", queue_records=10**9, queue_bytes=10**15), lambda: AT)
    decided = best(lambda: [log.decided(answer) for answer in answers]) / len(answers)
    nothing = best(lambda: [None for _ in answers]) / len(answers)
    decider = Decider(world, world, Silent(), lambda: "0" * 32, world)
    requests = [world.request(number) for number in range(2_000)]

    async def decide() -> None:
        for request in requests:
            await decider.decide(request)

    decision = best(lambda: asyncio.run(decide())) / len(requests)
    cost = decided - nothing
    print(f"hot path: {cost * 1e6:.2f} µs, {cost / decision:.1%} of a decision in process ({decision * 1e6:.2f} µs)")


def measure_hot_path_of_hits(world: World) -> None:
    turns = list(world.hits(10_000, 80_000))
    log = DecisionLog(Options(Path("unused"), "w", queue_records=10**9, queue_bytes=10**15), lambda: AT)

    def offer() -> None:
        for turn in turns:
            log.repeated(turn)

    repeated = best(offer) / len(turns)
    nothing = best(lambda: [None for _ in turns]) / len(turns)
    print(f"hot path: {(repeated - nothing) / TURN_HITS * 1e6:.2f} µs a hit, {TURN_HITS} at a time")


def measure_hits(world: World, directory: Path, rate: int, *, are_new: bool = False) -> None:
    """Offer hits by the clock to a busy thread: what the writer takes, and how long it keeps that one from deciding."""
    again = list(world.hits(rate * RATE_SECONDS, rate))
    hits = list(world.hits(rate * RATE_SECONDS, rate, are_new=True)) if are_new else again
    log = DecisionLog(Options(directory, "w", segment_age=timedelta(days=1)), lambda: datetime.now(UTC))
    gc.collect()
    gc.freeze()
    log.start()
    alone = _offer(log, [], 1.0, rate)
    _offer(log, again, RATE_SECONDS, rate)
    said = _settled(log)  # what hits share is said once in a segment: here, before it counts
    begun = time.clock_gettime(_clock_of(log))
    gaps = _offer(log, hits, RATE_SECONDS, rate)
    raw = _settled(log) - said
    cpu = time.clock_gettime(_clock_of(log)) - begun
    packing = time.process_time()
    log.close()
    packing = time.process_time() - packing
    closed = sum(file.path.stat().st_size for file in segment_files(directory))
    count, recorded = len(hits) * TURN_HITS, log.state.recorded
    kind = "new ones" if are_new else "hits"
    each = f"{cpu / count * 1e6:.2f} µs of CPU each"
    print(f"hits:     {rate:,} {kind} a second: writer {each}, dropped {log.state.dropped}")
    print(f"          {raw / count:.0f} bytes each, and {said:,} with what is said once")
    print(f"          closing {packing / recorded * 1e6:.2f} µs each; {closed / recorded:.0f} bytes each in all")
    print(f"          the deciding thread waits {_spread(gaps)}; without hits {_spread(alone)}")


def _offer(log: DecisionLog, hits: Sequence[Hits], seconds: float, rate: int) -> list[float]:
    """Offer each when it is due; how long the thread was kept from going on, each time round."""
    gaps: list[float] = []
    number = 0
    with open(os.devnull, "wb", buffering=0) as nothing:
        begun = last = time.perf_counter()
        while last - begun < seconds:
            for turn in hits[number : int((last - begun) * rate / TURN_HITS)]:
                log.repeated(_made_now(turn))
                number += 1
            sum(WORK)
            nothing.write(b"x")  # lets other threads on, as an answer does
            now = time.perf_counter()
            gaps.append(now - last)
            last = now
    for turn in hits[number:]:
        log.repeated(_made_now(turn))
    return gaps


def _made_now(hits: Hits) -> Hits:
    """The same, of objects that were made a moment ago, and are as near to the processor as those of a request; what is
    settled, and its number, is shared by all who ask the same."""
    at, ids = hits.at + timedelta(0), [id[:16] + id[16:] for id in hits.ids]
    if isinstance(hits, NewHits):
        return hits._replace(at=at, ids=ids, settled=hits.settled.part(slice(None)))
    return hits._replace(at=at, ids=ids, settled=list(hits.settled), numbers=list(hits.numbers))


def _settled(log: DecisionLog) -> int:
    """Bytes written once nothing waits."""
    while log.state.waiting or log.state.recorded == 0:
        time.sleep(0.01)
    time.sleep(0.1)
    return log.state.written_bytes


def _clock_of(log: DecisionLog) -> int:
    """The CPU time of the thread that writes."""
    ident = log._writer._thread.ident
    assert ident is not None
    return time.pthread_getcpuclockid(ident)


def _spread(gaps: Sequence[float]) -> str:
    """Of the time, not of the times: how long is a wait that a request may run into."""
    ordered = sorted(gaps)
    total, passed, found = sum(ordered), 0.0, {}
    for gap in ordered:
        passed += gap
        for share in (0.5, 0.99, 0.999):
            if passed >= share * total and share not in found:
                found[share] = gap
    shown = ", ".join(f"{share:.1%} {gap * 1e6:,.0f} µs" for share, gap in found.items())
    return f"{shown}, at most {ordered[-1] * 1e6:,.0f} µs"


def measure_search_of_hits(world: World, directory: Path) -> None:
    """Over as many hits as a busy worker has in some seconds, closed."""
    log = DecisionLog(Options(directory, "w", segment_age=timedelta(days=1)), lambda: datetime.now(UTC))
    log.start()
    last = None
    for number, hits in enumerate(world.hits(HITS, 80_000)):
        while number % 100 == 0 and log.state.waiting > 50_000:
            time.sleep(0.001)
        log.repeated(hits)
        last = hits
    log.close()
    assert last is not None
    tend(directory, AT, None)
    search = DecisionSearch(directory)
    search.search(Filter(id="none", until=AT), 1)
    id = last.ids[0]
    timed("find one by its id", lambda: search.find(id), HITS)
    timed("the latest 50", lambda: search.search(Filter(), 50), HITS)
    timed("50 of one account", lambda: search.search(Filter(account="acct-77"), 50), HITS)
    timed("50 of a rare account", lambda: search.search(Filter(account="acct-777"), 50), HITS)
    late = Filter(since=last.at - timedelta(seconds=1.25))
    timed("50 of a tenth of the time", lambda: search.search(late, 50), HITS)
    timed("export one account", lambda: list(search.export(Filter(account="acct-77"))), HITS)
    timed("delete one account", lambda: delete_account(directory, "acct-77"), HITS)


def measure_writer(world: World) -> None:
    answers = [world.answer(number) for number in range(10_000)]
    records = Records("w", "masked")
    first = best(lambda: [Records("w", "masked").lines(answer) for answer in answers[:500]], repeats=3) / 500
    again = best(lambda: [records.lines(answer) for answer in answers]) / len(answers)
    print(f"writer:   {again * 1e6:.2f} µs a record, {first * 1e6:.1f} µs with facts seen for the first time")


def measure_recording(world: World, directory: Path) -> None:
    """Offer decisions as fast as the queue takes them, and see what the writer keeps up with."""
    answers = [world.answer(number) for number in range(RECORDS)]
    options = Options(directory, "w", queue_records=16_384, segment_age=timedelta(days=1))
    log = DecisionLog(options, lambda: AT)
    gc.collect()
    log.start()
    begun, cpu = time.perf_counter(), time.process_time()
    for number, answer in enumerate(answers):
        while number % 1_000 == 0 and log.state.waiting > 10_000:
            time.sleep(0.001)
        log.decided(answer)
    log.close()
    wall, cpu = time.perf_counter() - begun, time.process_time() - cpu
    tend(directory, AT, None)
    compressed = sum(file.path.stat().st_size for file in segment_files(directory))
    raw = log.state.written_bytes
    print(f"recorded: {RECORDS / wall:,.0f} a second ({cpu / RECORDS * 1e6:.1f} µs of CPU each), {log.state.dropped}")
    print(f"disk:     {raw / RECORDS:.0f} bytes a record, {compressed / RECORDS:.0f} compressed")


def measure_required(world: World, directory: Path) -> None:
    for count in AT_ONCE:
        seconds, rate = asyncio.run(_waited(world, directory, count))
        spread = f"median {statistics.median(seconds) * 1e3:.2f} ms, 99th percentile {_high(seconds) * 1e3:.2f} ms"
        print(f"required: {count:>3} at once: {spread}, {rate:,.0f} a second")


async def _waited(world: World, directory: Path, count: int) -> tuple[list[float], float]:
    log = DecisionLog(Options(directory, "w", required=True), lambda: AT)
    log.start()
    seconds: list[float] = []

    async def ask(first: int) -> None:
        for number in range(first, 2_000, count):
            begun = time.perf_counter()
            waiting = log.decided(world.answer(number))
            if waiting is not None:
                await waiting
            seconds.append(time.perf_counter() - begun)

    begun = time.perf_counter()
    await asyncio.gather(*(ask(first) for first in range(count)))
    wall = time.perf_counter() - begun
    log.close()
    return seconds, len(seconds) / wall


def measure_search(directory: Path) -> None:
    search = DecisionSearch(directory)
    search.search(Filter(id="none"), 1)
    last = f"{RECORDS - 1:032x}"
    timed("find one by its id", lambda: search.find(last))
    timed("50 of one account", lambda: search.search(Filter(account="acct-7"), 50))
    timed("50 of a tenth of the time", lambda: search.search(Filter(since=AT + RECORDS * 0.9 * MICRO), 50))
    timed("export one account", lambda: list(search.export(Filter(account="acct-7"))))
    timed("delete one account", lambda: delete_account(directory, "acct-7"))


def timed(name: str, work: Callable[[], object], count: int = RECORDS) -> None:
    begun, cpu = time.perf_counter(), time.process_time()
    work()
    wall, cpu = time.perf_counter() - begun, time.process_time() - cpu
    print(f"search:   {name:<28} {wall:6.2f} s ({cpu:.2f} s of CPU) of {count:,} records")


def _high(seconds: Sequence[float]) -> float:
    return sorted(seconds)[int(len(seconds) * 0.99)]


def main() -> None:
    world = World()
    measure_hot_path(world)
    measure_hot_path_of_hits(world)
    measure_writer(world)
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as directory:
        cores = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {max(cores)})
        for rate in RATES:
            measure_hits(world, Path(directory) / f"hits-{rate}", rate)
            measure_hits(world, Path(directory) / f"new-{rate}", rate, are_new=True)
        os.sched_setaffinity(0, cores)
        measure_search_of_hits(world, Path(directory) / "hits")
        measure_recording(world, Path(directory) / "many")
        measure_required(world, Path(directory) / "required")
        measure_search(Path(directory) / "many")


if __name__ == "__main__":
    main()
