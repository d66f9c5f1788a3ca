"""What every service is joined from and with, whatever its data: `app_directory` and `app_record` bring the rest."""

import asyncio
import os
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from typing import TypeAlias, TypeVar

from service.certificates import files_of
from service.collectors import LaneCollector, LogCollector, MemoCollector
from service.decide import Answer, Decider, History, Hits, Recorder, SourceState
from service.decision_log.recorder import DecisionLog
from service.decision_log.writer import Options
from service.front import Front
from service.gateways.authzen import EVALUATION_PATH, EVALUATIONS_PATH, AuthZen, Terms
from service.gateways.authzen_calls import Callers, Reception
from service.gateways.authzen_search import AuthZenSearch
from service.gateways.check_endpoints import CHECK, CheckEndpoints
from service.gateways.checks import Freshness, GatewayChecks
from service.gateways.routes import Routes
from service.gateways.wire import AsgiApp
from service.locations import InvalidDatabases, Locations
from service.programs import Programs
from service.recording import Recording
from service.searching import Searcher
from service.server import HttpProtocol
from service.settings import Settings
from service.shelf import MIB, Limits
from service.status import Notices, Status, no_notices
from service.telemetry import Telemetry

Lifespan: TypeAlias = Callable[[object], AbstractAsyncContextManager[None]]
T = TypeVar("T")

ID_BYTES = 16
IDS_DRAWN = 256

RESTART_SECONDS = 1.0
"""After which work begins again that ended, as none should."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a service over a directory and one over a database do not share."""

    programs: Programs
    history: History
    callers: Callers
    recorder: Recorder
    lifespan: Lifespan
    notices: Notices = no_notices
    admin: Mapping[str, AsgiApp] = field(default_factory=dict)
    """Applications of the listener of administration, by the beginning of their paths; none, and there is none."""
    freshness: Freshness | None = None
    """How long a decision of now may count; None: for the staleness bound."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every service has, whatever its data."""

    settings: Settings
    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    locations: Locations
    telemetry: Telemetry
    routes: Routes = field(default_factory=dict)
    """What gateways may ask about."""

    @property
    def limits(self) -> Limits:
        """What this process may remember of accounts and resources."""
        return Limits.of(self.settings.memo_mib * MIB)


@dataclass(frozen=True, slots=True)
class Service:
    """Everything that runs, joined."""

    app: Front
    """Of the listeners of decisions."""
    programs: Programs
    decider: Decider
    telemetry: Telemetry
    locations: Locations
    checks: GatewayChecks
    """What gateways are answered by."""
    administration: Front | None = None
    """Of the listener of administration; None: there is no admin API."""
    protocol: HttpProtocol | None = None
    """What answers connections; None: the server's own."""


@dataclass(frozen=True, slots=True)
class Offline:
    """What decides without a server, from the data as it is now."""

    decider: Decider
    prepare: Callable[[], Awaitable[object]] | None = None
    """What must be done first, on the same event loop."""

    def run(self, ask: Callable[[Decider], Coroutine[object, object, T]]) -> T:
        """The answer to one question."""

        async def asked() -> T:
            if self.prepare is not None:
                await self.prepare()
            return await ask(self.decider)

        return asyncio.run(asked())


def join(around: Surroundings, parts: Parts, log: DecisionLog | None) -> Service:
    """The service over these parts."""
    # Imported late: the framework takes half a second, and the command line decides without it.
    from service.api import Endpoints, make_api, make_state_api

    settings, telemetry, clock = around.settings, around.telemetry, around.clock
    explaining = ThreadPoolExecutor(1, "explain")
    decider = Decider(parts.programs, around.locations, parts.recorder, around.new_id, parts.history, explaining)
    reception = Reception(parts.callers, settings.body_limit_bytes, clock, telemetry.faulted)
    authzen = AuthZen(decider, reception, Terms(settings.evaluations_limit, settings.explanations_limit))
    search = AuthZenSearch(Searcher(parts.programs, around.locations, parts.history), reception, telemetry.searched)
    checks = _checks(around, parts, decider)
    gateways = CheckEndpoints(checks)
    status = Status(parts.programs, clock, parts.notices)
    endpoints = Endpoints(authzen, search, gateways, status, telemetry.exposition, settings.public_url)
    lifespan = _with_grpc(around, parts.lifespan, checks)
    api = make_api(endpoints, with_log(lifespan, log))
    hot = {EVALUATION_PATH: authzen.evaluation, EVALUATIONS_PATH: authzen.evaluations, **search.apps}
    front = Front(api, hot, telemetry.failed, {CHECK: gateways})
    administration = Front(make_state_api(endpoints), {}, telemetry.failed, parts.admin) if parts.admin else None
    telemetry.registry.register(MemoCollector(lambda: parts.programs.memo))
    protocol = _protocol(around, parts, checks, log) if settings.fast_lane else None
    return Service(front, parts.programs, decider, telemetry, around.locations, checks, administration, protocol)


def _checks(around: Surroundings, parts: Parts, decider: Decider) -> GatewayChecks:
    """What answers gateways, whatever their wire."""
    settings, telemetry = around.settings, around.telemetry
    return GatewayChecks(
        decider=decider,
        callers=parts.callers,
        routes=around.routes,
        keys_required=settings.keys_required,
        clock=around.clock,
        freshness=parts.freshness or (lambda: settings.max_staleness_seconds),
        count_fault=telemetry.faulted,
        count_unaddressed=telemetry.unaddressed,
    )


def _with_grpc(around: Surroundings, lifespan: Lifespan, checks: GatewayChecks) -> Lifespan:
    """The same, with Envoy answered by gRPC meanwhile, where the settings say so."""
    settings = around.settings
    if not settings.takes_grpc:
        return lifespan
    # Imported late: gRPC takes a fifth of a second, and nothing of it may be there before workers are forked.
    from service.gateways.envoy_grpc import Authorization
    from service.grpc_server import GrpcPlaces, GrpcServer, with_grpc

    places = GrpcPlaces(
        host=settings.host,
        port=settings.grpc_port,
        socket=settings.grpc_socket,
        socket_permissions=settings.socket_permissions,
        certificates=files_of(settings),
    )
    admits = settings.socket_callers == "trusted"
    authorization = Authorization(checks, around.telemetry.failed, socket_admits=admits)
    return with_grpc(lifespan, GrpcServer(places, authorization))


def _protocol(
    around: Surroundings, parts: Parts, checks: GatewayChecks, log: DecisionLog | None
) -> HttpProtocol | None:
    """What answers from memory; None where an answer must wait for its record."""
    if log is not None and log.options.required:
        return None
    # Imported late, as the framework is: the command line decides without a server.
    from service.fast_lane.lane import FastLane, Suppliers
    from service.fast_lane.protocol import protocol_with

    suppliers = Suppliers(
        programs=parts.programs,
        locations=around.locations,
        callers=parts.callers,
        checks=checks,
        recorder=parts.recorder,
        clock=around.clock,
        new_id=around.new_id,
    )
    lane, admitting = FastLane(suppliers), FastLane(suppliers, is_admitting=True)
    around.telemetry.registry.register(
        LaneCollector(lambda: lane.answered + admitting.answered, lambda: lane.questions)
    )
    return protocol_with(lane, admitting, around.telemetry.failed)


def make_log(around: Surroundings) -> DecisionLog | None:
    """Where decisions are recorded; None: nowhere."""
    settings = around.settings
    directory = settings.decision_log_directory
    if directory is None:
        return None
    options = Options(
        directory=directory,
        worker=f"{socket.gethostname()}-{os.getpid()}",
        required=settings.decision_log_required,
        addresses=settings.decision_log_addresses,
        days=settings.decision_log_days or None,
    )
    log = DecisionLog(options, around.clock)
    around.telemetry.registry.register(LogCollector(lambda: log.state))
    return log


def recorder_of(telemetry: Telemetry, log: DecisionLog | None) -> Recorder:
    """What is told of every decision."""
    return telemetry if log is None else Recording(telemetry.decisions, log)


def log_notices(log: DecisionLog | None) -> Iterator[str]:
    """What is not as it should be with the decision log."""
    if log is None:
        return
    state = log.state
    if state.error:
        yield f"decisions cannot be recorded: {state.error}"
    if state.keeping_error:
        yield f"the decision log cannot be kept in order: {state.keeping_error}"


def with_log(lifespan: Lifespan, log: DecisionLog | None) -> Lifespan:
    """The same, with the log written meanwhile, and to its end afterwards."""
    if log is None:
        return lifespan

    @asynccontextmanager
    async def logging(app: object) -> AsyncIterator[None]:
        await asyncio.to_thread(log.start)
        try:
            async with lifespan(app):
                yield
        finally:
            await asyncio.to_thread(log.close)

    return logging


def address_sources(locations: Locations) -> tuple[SourceState, ...]:
    """The address databases as decisions name them."""
    return tuple(SourceState(source.name, source.revision, source.built) for source in locations.sources)


async def look_at_addresses(programs: Programs, locations: Locations, telemetry: Telemetry) -> None:
    """Take up address databases that were replaced; a file that cannot be used is reported once, and not used."""
    try:
        if await asyncio.to_thread(locations.reload):
            programs.restate_sources()
    except InvalidDatabases as invalid:
        telemetry.addresses_refused(invalid.problems)


Work: TypeAlias = Callable[[], Coroutine[object, object, None]]


@asynccontextmanager
async def running(failed: Callable[[str, Exception], None], **works: Work) -> AsyncIterator[None]:
    """Do all of it meanwhile, whatever fails in it, and end it afterwards. `failed` is told which work, and why."""
    tasks = [asyncio.create_task(_again(name, work, failed)) for name, work in works.items()]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _again(name: str, work: Work, failed: Callable[[str, Exception], None]) -> None:
    while True:
        try:
            await work()
        except Exception as error:
            failed(name, error)
        await asyncio.sleep(RESTART_SECONDS)


class Unrecorded:
    """Keeps no record of decisions."""

    def decided(self, answer: Answer) -> None:
        """Do nothing."""

    def repeated(self, hits: Hits) -> None:
        """Do nothing."""


def random_ids() -> Callable[[], str]:
    """Gives ids that no other decision has: random numbers of 128 bits, drawn many at a time. For one thread."""
    return chain.from_iterable(iter(_drawn, None)).__next__  # without a call into Python for each


def _drawn() -> list[str]:
    digits, size = secrets.token_hex(ID_BYTES * IDS_DRAWN), 2 * ID_BYTES
    return [digits[start : start + size] for start in range(0, len(digits), size)]
