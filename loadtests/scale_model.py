"""From measured figures to a fleet: workers, memory, Redis, PostgreSQL, and the load at which each of them gives in.

Pure arithmetic over `scale_figures.json`: nothing is measured here. The same program makes the tables of
`docs/explanation/scale.md` (`python -m loadtests.scale_page`), so that a figure measured anew changes them all.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import ceil

from loadtests.scale_figures import Figure
from loadtests.scale_traffic import Popularity, Rush, rush, zipf

MIB = 2**20
DAY = 86_400
BUSY = 0.5
"""The part of a core that a worker may use at the usual load: the rest is for rushes."""
SHARD_BYTES = 16 * 2**30
"""Memory of one shard of Redis that may be full of dossiers."""
POLLS_PER_SECOND = 4.0
"""`follow.POLL_SECONDS`."""
HINTED_SECONDS = 0.01
"""`follow.HINT_SECONDS`: a worker that is told of changes without end polls after each such pause."""
SCHEDULE_PER_SECOND = 2.0
BEATS_PER_SECOND = 1.0
"""Of `housekeeping`: looks at what is scheduled; writes that a worker is alive."""
CHANGES_REMEMBERED = 200_000
"""`changelog.IDS_LIMIT`."""
CONNECTIONS = 97
"""PostgreSQL's `max_connections`, 100 unless set, less those kept for its superuser."""
REGISTERED = 0.75
"""The part of the memo that is for registered accounts: `shelf.Limits.of`."""


@dataclass(frozen=True, slots=True)
class Load:
    """What is asked, of how many accounts, and with what means."""

    accounts: int
    per_second: float
    exponent: float = 1.0
    memo_mib: int = 256
    has_affinity: bool = False
    """The gateway sends an account to the same worker each time."""
    kept_seconds: float = 3600.0
    """How long facts stay in Redis."""

    @property
    def popularity(self) -> Popularity:
        return zipf(self.accounts, self.exponent)


@dataclass(frozen=True, slots=True)
class Costs:
    """What things cost, in seconds of CPU and bytes."""

    figures: Mapping[str, Figure]

    def micros(self, name: str) -> float:
        """A figure in microseconds, as seconds."""
        return self.figures[name].value / 1e6

    def least(self, name: str) -> float:
        """The least of a figure in microseconds, as seconds: what a latency is where nobody else wants the core."""
        return self.figures[name].low / 1e6

    @property
    def hit(self) -> float:
        return self.micros("hit_cpu_us")

    @property
    def miss(self) -> float:
        """What a worker spends where Redis has the facts: the ordinary way, Redis, and a screening."""
        return self.micros("ordinary_cpu_us") + self.micros("redis_cpu_us")

    @property
    def poll(self) -> float:
        return self.micros("postgresql_poll_cpu_us")

    @property
    def upkeep(self) -> float:
        """What PostgreSQL spends in a second on a worker that nobody asks anything."""
        looks = (POLLS_PER_SECOND + SCHEDULE_PER_SECOND) * self.poll
        return looks + BEATS_PER_SECOND * self.micros("postgresql_beat_cpu_us")

    @property
    def read(self) -> float:
        """What PostgreSQL spends on the facts of one account, read with others."""
        return self.micros("postgresql_read_64_cpu_us") / 64

    def bytes(self, name: str) -> float:
        return self.figures[name].value


@dataclass(frozen=True, slots=True)
class Fleet:
    """What carries a load."""

    load: Load
    room: float
    """Accounts in the memo of a worker."""
    hits: float
    """The part of requests that a memo answers."""
    miss_seconds: float
    request_seconds: float
    """Of a worker's CPU for one request, over hits and misses."""
    workers: int
    redis_per_second: float
    redis_cores: float
    redis_bytes: float
    reads_per_second: float
    """Of facts from PostgreSQL, by expiry in Redis alone."""
    polls_per_second: float
    database_cores: float
    connections: float
    log_bytes_per_day: float
    network_bits: float
    """A second, both ways, between gateways and workers."""

    @property
    def on_misses(self) -> float:
        """The part of the workers' CPU that goes into misses."""
        return (1 - self.hits) * self.miss_seconds / self.request_seconds

    @property
    def per_worker(self) -> float:
        return self.load.per_second / self.workers

    @property
    def busiest(self) -> float:
        """The part of all requests that the busiest worker gets, if an account always goes to the same one."""
        top = self.load.popularity.top
        return top + (1 - top) / self.workers

    @property
    def shards(self) -> int:
        return max(ceil(self.redis_bytes / SHARD_BYTES), ceil(self.redis_cores / BUSY))


def fleet_for(load: Load, costs: Costs) -> Fleet:
    """What carries this load at the usual part of each core."""
    room = load.memo_mib * MIB * REGISTERED / costs.bytes("memorised_counted_bytes")
    workers, hits, seconds = _workers(load, costs, room)
    redis = load.per_second * (1 - hits)
    shared = room * workers if load.has_affinity else room
    reads = load.popularity.asked_again(load.per_second, shared, load.kept_seconds)
    log = load.per_second * costs.bytes("log_repeated_packed_bytes")
    wire = costs.bytes("request_bytes") + costs.bytes("answer_bytes")
    return Fleet(
        load=load,
        room=room,
        hits=hits,
        miss_seconds=costs.miss,
        request_seconds=seconds,
        workers=workers,
        redis_per_second=redis,
        redis_cores=redis * costs.micros("redis_get_cpu_us"),
        redis_bytes=load.accounts * costs.bytes("redis_entry_bytes"),
        reads_per_second=reads,
        polls_per_second=workers * (POLLS_PER_SECOND + SCHEDULE_PER_SECOND),
        database_cores=workers * costs.upkeep + reads * costs.read,
        connections=workers * costs.bytes("postgresql_connections"),
        log_bytes_per_day=log * DAY,
        network_bits=load.per_second * wire * 8,
    )


def _workers(load: Load, costs: Costs, room: float) -> tuple[int, float, float]:
    """How many, with the part of hits and the CPU of a request that go with so many."""
    workers = 1
    while True:
        hits = load.popularity.memo_hits(room * workers if load.has_affinity else room)
        seconds = hits * costs.hit + (1 - hits) * costs.miss
        needed = max(1, ceil(load.per_second * seconds / BUSY))
        if needed <= workers:
            return workers, hits, seconds
        workers = needed if not load.has_affinity else workers + max(1, (needed - workers) // 8)


def rush_after_publication(fleet: Fleet, costs: Costs) -> Rush:
    """Every memo is empty, and Redis knows what it knew."""
    return rush(_per_worker(fleet), fleet.per_worker, (costs.hit, costs.miss))


def _per_worker(fleet: Fleet) -> Popularity:
    """Who is asked for at one worker: everyone, or with affinity one in as many as there are workers."""
    load = fleet.load
    return zipf(load.accounts // fleet.workers, load.exponent) if load.has_affinity else load.popularity


@dataclass(frozen=True, slots=True)
class Flood:
    """What a change that touches everything asks of PostgreSQL: memos are empty, and what Redis has is refused."""

    first_second: float
    """Different accounts asked for in the first second, each to be read."""
    cores: float
    """Of PostgreSQL, to read them within it."""
    recovery_seconds: float
    """Until nine requests of ten find their facts, with eight cores of PostgreSQL and nothing else to do."""


DATABASE_CORES = 8
RECOVERED = 0.9


def flood(load: Load, costs: Costs) -> Flood:
    """All workers together: what one has read, Redis has for the others."""
    first = load.popularity.seen(load.per_second)
    needed = load.popularity.seen(_requests_until_known(load.popularity, RECOVERED))
    return Flood(first, first * costs.read, max(0.0, needed * costs.read / DATABASE_CORES))


def _requests_until_known(popularity: Popularity, part: float) -> float:
    low, high = 0.0, 1.0
    while popularity.known(high) < part:
        high *= 2
    while high - low > 1e-4 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if popularity.known(middle) < part else (low, middle)
    return high


@dataclass(frozen=True, slots=True)
class Breaking:
    """What gives in at some load, if nothing is done about it."""

    what: str
    workers: float
    """At so many; infinite if that does not depend on how many there are."""
    per_second: float
    """At so many requests a second."""
    limit: str
    """What the limit is made of."""


def breakings(load: Load, costs: Costs) -> list[Breaking]:
    """What gives in as a fleet with these means grows, in that order."""
    fleet = fleet_for(load, costs)
    return sorted(_breakings(fleet, costs), key=lambda each: each.per_second)


def _breakings(fleet: Fleet, costs: Costs) -> Iterator[Breaking]:
    each = BUSY / fleet.request_seconds
    top = fleet.load.popularity.top

    def at_workers(what: str, workers: float, limit: str) -> Breaking:
        return Breaking(what, workers, workers * each, limit)

    def at_rate(what: str, per_second: float, limit: str) -> Breaking:
        return Breaking(what, per_second / each, per_second, limit)

    held = costs.bytes("postgresql_connections")
    yield at_workers("connections to PostgreSQL", CONNECTIONS / held, f"{CONNECTIONS} by default, {held:.0f} a worker")
    flooded = _rate_that_floods(fleet.load, DATABASE_CORES / costs.read)
    limit = f"different accounts in the first second, {DATABASE_CORES} cores"
    yield at_rate("an import, or another change that touches everything", flooded, limit)
    hinted = 1 / (HINTED_SECONDS + costs.least("postgresql_poll_us"))
    limit = f"{hinted:.0f} polls/s a worker, 1 core"
    yield at_workers("hints while changes never stop", 1 / (hinted * costs.poll), limit)
    yield at_workers("polls and beats alone", 1 / costs.upkeep, "6 looks and a beat a second and worker, 1 core")
    get = costs.micros("redis_get_cpu_us")
    yield at_rate("one Redis, reads", BUSY / get / (1 - fleet.hits), f"{1 / get:,.0f} reads/s a core, half of it")
    logged = costs.bytes("log_repeated_packed_bytes") * DAY
    yield at_rate("the decision log, 1 TB a day packed", 1e12 / logged, f"{logged / DAY:.0f} bytes a decision")
    yield at_workers(
        "affinity without a bound: the most popular account", 1 / top, f"{top:.1%} of all requests are for one account"
    )


def _rate_that_floods(load: Load, reads: float) -> float:
    """Requests a second that are for so many different accounts."""
    return load.popularity.until_seen(reads)


def changes_that_age(kept_seconds: float) -> float:
    """Changed ids a second by which facts in Redis are refused before they expire."""
    return CHANGES_REMEMBERED / kept_seconds


def changes_that_fill_redis(workers: int, costs: Costs) -> float:
    """Changes a second whose hints to so many workers take half a core of Redis."""
    return BUSY / (workers * costs.micros("redis_hint_cpu_us"))


def changes_limit(costs: Costs) -> float:
    """Changes a second that one writer after the other can make."""
    return 1 / costs.least("postgresql_write_us")
