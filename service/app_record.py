"""Joins a service over the database of record: with `app_directory`, the only place that names concrete classes."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from service.admin.api import make_admin_api
from service.admin.authentication import Authenticator, Watch
from service.admin.context import Admin
from service.admin.issuer import IssuerKeys
from service.admin.oidc import Oidc, OidcTerms
from service.attempts import Attempts
from service.cache.connections import connections_to
from service.cache.facts import CacheLimits, RedisFacts
from service.callers import Callers, CallerTerms, Uses
from service.clocks import since_boot, utc_now
from service.collectors import CacheState, FollowingCollector, FollowingState
from service.decide import Decider
from service.decision_log.recorder import DecisionLog
from service.decision_log.search import DecisionSearch
from service.decision_log.why import DecisionReader
from service.errors import NotAvailable, NotReady, Unavailable
from service.follow import Clocks, Follower
from service.hints import Hints
from service.history import RecordedHistory
from service.housekeeping import Housekeeping, Instance, Noticeboard, Signing
from service.in_force import InForce
from service.locations import Locations
from service.parts import (
    Offline,
    Parts,
    Service,
    Surroundings,
    Unrecorded,
    Work,
    address_sources,
    join,
    log_notices,
    look_at_addresses,
    make_log,
    random_ids,
    recorder_of,
    running,
)
from service.past_rules import RecordedPast
from service.programs import Programs, Refusal, Snapshot
from service.recorded import NoCache, RecordedDossiers
from service.recorded_catalogue import RecordedCatalogue
from service.recorded_rules import RecordedSource
from service.refusals import RefusalWriter
from service.screenings import Touched
from service.settings import Settings
from service.storage.audit_heads import audit_files, key_at
from service.storage.database import Database, Position, open_database
from service.storage.migrate import require_current
from service.upkeep import keep_up

ADMIN = "/admin/"
FAREWELL_SECONDS = 2.0
FACTS_THREADS = 4
OFFLINE_SECONDS = 3600.0
"""A command decides from the one state that it has read."""
ATTEMPTS = 20
ATTEMPTS_SECONDS = 60
"""So many refused credentials of one peer are looked at within so many seconds."""


@dataclass(frozen=True, slots=True)
class Shared:
    """What processes share beside the database."""

    facts: RedisFacts | None
    hints: Hints | None

    @property
    def is_silent(self) -> bool:
        """Redis is there by the settings, and does not answer."""
        is_left_alone = self.facts is not None and self.facts.is_open
        is_unheard = self.hints is not None and not self.hints.is_listening and self.hints.losses > 0
        return is_left_alone or is_unheard


@dataclass(frozen=True, slots=True)
class Access:
    """Who may come in."""

    attempts: Attempts
    uses: Uses
    refusals: RefusalWriter
    callers: Callers


@dataclass(frozen=True, slots=True)
class Record:
    """Everything over the record that runs beside the requests."""

    around: Surroundings
    database: Database
    reads: Database
    """The same, with connections for whoever decides and nobody else."""
    follower: Follower
    shared: Shared
    access: Access
    programs: Programs
    in_force: InForce
    log: DecisionLog | None
    threads: tuple[ThreadPoolExecutor, ...]

    def changed(self, position: Position) -> None:
        """Have a change taken up here and elsewhere. From any thread."""
        self.follower.hint()
        if self.shared.hints is not None:
            self.shared.hints.publish(position)

    def notices(self) -> tuple[str, ...]:
        """What is not as it should be."""
        found = [f"`{id}` is in force by break-glass" for id in self.in_force.publications.break_glass]
        if self.follower.is_stale and self.follower.confirmed_at is not None:
            found.append("the record could not be confirmed in time: accounts are unknown")
        if self.follower.failure:
            found.append(f"the record cannot be followed: {self.follower.failure}")
        refusal = self.programs.refusal
        if refusal is not None and self.programs.is_ready:
            found.append(f"what is published is not in force here: {refusal.reason or refusal.faults[0]}")
        if self.shared.is_silent:
            found.append("Redis does not answer: facts come from the database, and changes are found by asking it")
        if self.in_force.broken_trail:
            found.append(f"the audit trail was changed, or the database restored: {self.in_force.broken_trail}")
        found.extend(log_notices(self.log))
        return tuple(found)

    def following(self) -> FollowingState:
        """How the record is followed, in numbers."""
        facts, follower, programs = self.shared.facts, self.follower, self.programs
        cache = None
        if facts is not None:
            counts = facts.counts
            cache = CacheState(counts.hits, counts.misses, facts.failures, facts.openings, facts.is_open)
        screenings = len(programs.current.screenings) if programs.is_ready else 0
        return FollowingState(follower.position.seq, follower.is_stale, bool(follower.failure), screenings, cache)

    @asynccontextmanager
    async def lifespan(self, _: object) -> AsyncIterator[None]:
        """Follow the record, keep house and listen for as long as the app runs."""
        self.access.refusals.start()
        if self.shared.facts is not None:
            await self.shared.facts.connect()
        house = self.housekeeping()
        failed = self.around.telemetry.work_failed
        works: dict[str, Work] = {
            "follow": partial(self.follower.run, self.in_force),
            "house": partial(keep_up, house.turns(), failed),
            "addresses": self._addresses,
        }
        if self.shared.hints is not None:
            works["hints"] = self.shared.hints.run
        try:
            async with running(failed, **works):
                yield
        finally:
            await self._end(house)

    def housekeeping(self) -> Housekeeping:
        """The work of this instance."""
        clock, settings = self.around.clock, self.around.settings
        return Housekeeping(
            database=self.database,
            instance=Instance.here(secrets.token_hex(8), clock()),
            programs=self.programs,
            follower=self.follower,
            in_force=self.in_force,
            uses=self.access.uses,
            notices=self.notices,
            board=Noticeboard(self.around.telemetry.notice_begun, self.around.telemetry.notice_ended),
            changed=self.changed,
            suspended=self.around.telemetry.draft_suspended,
            approvals_required=settings.approvals_required,
            signing=_signing(settings),
        )

    async def _addresses(self) -> None:
        while True:
            await asyncio.sleep(self.around.settings.reload_seconds)
            if self.programs.is_ready:
                await look_at_addresses(self.programs, self.around.locations, self.around.telemetry)

    async def _end(self, house: Housekeeping) -> None:
        """Say farewell where somebody listens; whoever hangs at a database that does not answer is let go."""
        if self.shared.facts is not None:
            await self.shared.facts.close()
        farewells = {"leave": house.leave, "uses": house.note_uses, "refusals": self.access.refusals.close}
        for name, farewell in farewells.items():
            try:
                async with asyncio.timeout(FAREWELL_SECONDS):
                    await asyncio.to_thread(farewell)
            except (Unavailable, TimeoutError):
                self._abort()
            except Exception as error:
                self.around.telemetry.work_failed(name, error)
        if self.follower.is_silent:
            self._abort()
        for threads in self.threads:
            threads.shutdown(wait=False, cancel_futures=True)
        for database in (self.database, self.reads):
            database.close()

    def _abort(self) -> None:
        for database in (self.database, self.reads):
            database.abort()


def over_record(around: Surroundings) -> Service:
    """The service over the database of the settings.

    Raises:
        NotADatabase: it is none that Cordon can use, or is not migrated.
        NotARedis: the URL of Redis names none.
        Unavailable: the database cannot be reached.
    """
    settings, clock = around.settings, around.clock
    database = open_database(settings.database or "", clock)
    require_current(database)
    reads = open_database(settings.database or "", clock)
    following, facts, taking, asking, searching = threads = _threads()
    follower = Follower(reads, Clocks(clock, since_boot), settings.max_staleness_seconds, following)
    shared = _shared(settings, follower)
    dossiers = RecordedDossiers(reads, follower, shared.facts or NoCache(), facts)
    catalogue = RecordedCatalogue(reads, follower, searching)
    source = RecordedSource(reads, dossiers, follower, catalogue, settings.ruleset)
    sources = partial(address_sources, around.locations)
    programs = Programs(source, around.telemetry, clock, sources, around.limits)
    access = _access(database, around)
    log = make_log(around)
    in_force = InForce(reads, programs, access.callers, taking)
    record = Record(around, database, reads, follower, shared, access, programs, in_force, log, threads)
    around.telemetry.registry.register(FollowingCollector(record.following))
    history = RecordedHistory(database, follower, settings.ruleset, asking)
    admin = {ADMIN: make_admin_api(_admin(record))}
    recorder = recorder_of(around.telemetry, log)
    parts = Parts(
        programs,
        history,
        access.callers,
        recorder,
        record.lifespan,
        record.notices,
        admin,
        freshness=lambda: follower.fresh_seconds,
    )
    return join(around, parts, log)


def _threads() -> tuple[ThreadPoolExecutor, ...]:
    """To follow, to read facts, to take up rules and keys, to ask about the past, to search: none waits for another."""
    return (
        ThreadPoolExecutor(1, "follow"),
        ThreadPoolExecutor(FACTS_THREADS, "facts"),
        ThreadPoolExecutor(1, "take-up"),
        ThreadPoolExecutor(1, "history"),
        ThreadPoolExecutor(1, "search"),
    )


def offline_over_record(url: str, ruleset: str | None, locations: Locations) -> Offline:
    """What decides without a server, from the database as it is now.

    Raises:
        NotADatabase: it is none that Cordon can use, or is not migrated.
    """
    database = open_database(url, utc_now)
    require_current(database)
    threads = ThreadPoolExecutor(1)
    follower = Follower(database, Clocks(utc_now, since_boot), OFFLINE_SECONDS, threads)
    dossiers = RecordedDossiers(database, follower, NoCache(), threads)
    catalogue = RecordedCatalogue(database, follower, threads)
    source = RecordedSource(database, dossiers, follower, catalogue, ruleset)
    programs = Programs(source, Unreported(), utc_now, partial(address_sources, locations))
    history = RecordedHistory(database, follower, ruleset, threads)
    decider = Decider(programs, locations, Unrecorded(), random_ids(), history)
    return Offline(decider, partial(_prepare, follower, programs))


async def _prepare(follower: Follower, programs: Programs) -> None:
    if not await follower.poll(RulesAlone(programs)):
        raise NotAvailable(follower.failure)
    if programs.refusal is not None:
        raise NotReady(programs.refusal.reason or "; ".join(map(str, programs.refusal.faults)))


@dataclass(frozen=True, slots=True)
class RulesAlone:
    """Takes up the rules of the record, once."""

    programs: Programs

    def drop(self, touched: Touched) -> None:
        """Nothing is memorised."""

    def drop_everything(self) -> None:
        """Nothing is memorised."""

    async def take_up(self, subjects: Collection[str]) -> None:
        await asyncio.to_thread(self.programs.load)

    def confirmed(self) -> None:
        self.programs.restate_sources()


class Unreported:
    """Keeps to itself how a reading of the data ended: whoever asked is told."""

    def published(self, snapshot: Snapshot) -> None:
        """Do nothing."""

    def restated(self, snapshot: Snapshot) -> None:
        """Do nothing."""

    def refused(self, refusal: Refusal) -> None:
        """Do nothing."""


def _shared(settings: Settings, follower: Follower) -> Shared:
    if settings.redis is None:
        return Shared(None, None)
    connections, namespace = connections_to(settings.redis), settings.redis_namespace
    limits = CacheLimits(kept=timedelta(seconds=settings.facts_ttl_seconds))
    facts = RedisFacts(connections, lambda: follower.facts.epoch, namespace=namespace, limits=limits)
    return Shared(facts, Hints(connections, namespace, follower.hint))


def _access(database: Database, around: Surroundings) -> Access:
    settings = around.settings
    attempts, uses = Attempts(ATTEMPTS, ATTEMPTS_SECONDS), Uses()
    refusals = RefusalWriter(database, around.clock, partial(around.telemetry.work_failed, "write refusals"))
    terms = CallerTerms(settings.keys_required, settings.permissions)
    return Access(attempts, uses, refusals, Callers(terms, attempts, uses, refusals))


def _admin(record: Record) -> Admin:
    settings, access, clock = record.around.settings, record.access, record.around.clock
    watch = Watch(access.attempts, access.uses, access.refusals)
    signing = _signing(settings)
    return Admin(
        database=record.database,
        clock=clock,
        authenticate=Authenticator(record.database, clock, watch, _oidc(settings)),
        changed=record.changed,
        approvals_required=settings.approvals_required,
        refused=access.refusals.refuse,
        decisions=_decisions(record),
        audit_keys=(signing.key.public_key(),) if signing is not None else (),
    )


def _decisions(record: Record) -> DecisionReader | None:
    if record.log is None:
        return None
    past = RecordedPast(record.database, record.around.settings.ruleset)
    return DecisionReader(DecisionSearch(record.log.options.directory), past.ruleset_of)


def _oidc(settings: Settings) -> Oidc | None:
    if settings.oidc_issuer is None or settings.oidc_audience is None:
        return None
    terms = OidcTerms(settings.oidc_issuer, settings.oidc_audience, settings.oidc_roles_claim)
    return Oidc(terms, IssuerKeys(settings.oidc_issuer, time.monotonic))


def _signing(settings: Settings) -> Signing | None:
    files = audit_files(settings.database or "", settings.audit_key, settings.audit_heads)
    return None if files.key is None else Signing(key_at(files.key), files.heads)
