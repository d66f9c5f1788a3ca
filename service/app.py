"""Composition root: the only place that names concrete classes and joins them into a service."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from service.decide import Answer, Decider, SourceState
from service.front import Front
from service.gateways.authzen import EVALUATION_PATH, EVALUATIONS_PATH, AuthZen, Terms
from service.locations import InvalidDatabases, Locations, open_locations
from service.programs import Programs, Snapshot, snapshot_of
from service.settings import Settings
from service.status import Status
from service.storage.directory import Stamp, World, directory_stamp, load_directory
from service.telemetry import Telemetry


@dataclass(frozen=True, slots=True)
class DataDirectory:
    """The source of data that is a directory of files."""

    path: Path

    def stamp(self) -> Stamp:
        return directory_stamp(self.path)

    def load(self) -> World:
        return load_directory(self.path)


@dataclass(frozen=True, slots=True)
class Service:
    """Everything that runs, joined."""

    app: Front
    programs: Programs
    decider: Decider
    telemetry: Telemetry
    watch: "Watch"


def assemble(
    settings: Settings,
    *,
    clock: Callable[[], datetime] | None = None,
    new_id: Callable[[], str] | None = None,
    locations: Locations | None = None,
) -> Service:
    """Join the parts. Opens the address databases; the data is read by `programs.load()`, or once the app starts.

    Raises:
        InvalidDatabases: an address database cannot be used.
    """
    # Imported late: the framework takes half a second, and the command line decides without it.
    from service.api import Endpoints, make_api

    clock = clock or utc_now
    locations = locations or open_locations(settings.geo)
    telemetry = Telemetry(clock)
    programs = Programs(DataDirectory(settings.data), telemetry, clock, partial(address_sources, locations))
    watch = Watch(programs, locations, telemetry, settings.reload_seconds)
    decider = Decider(programs, locations, telemetry, new_id or random_id)
    terms = Terms(
        settings.permissions, settings.body_limit_bytes, settings.evaluations_limit, settings.explanations_limit
    )
    authzen = AuthZen(decider, terms, clock, telemetry.faulted)
    endpoints = Endpoints(authzen, Status(programs, clock), telemetry.exposition, settings.public_url)
    api = make_api(endpoints, watch.lifespan)
    hot = {EVALUATION_PATH: authzen.evaluation, EVALUATIONS_PATH: authzen.evaluations}
    return Service(Front(api, hot, telemetry.failed), programs, decider, telemetry, watch)


def address_sources(locations: Locations) -> tuple[SourceState, ...]:
    """The address databases as decisions name them."""
    return tuple(SourceState(source.name, source.revision, source.built) for source in locations.sources)


@dataclass(frozen=True, slots=True)
class FixedPrograms:
    """The one program of decisions without a server."""

    current: Snapshot


class Unrecorded:
    """Keeps no record of decisions."""

    def decided(self, answer: Answer) -> None:
        """Do nothing."""


def assemble_offline(data: Path, geo: Sequence[Path]) -> Decider:
    """What decides without a server, from the data as it is now.

    Raises:
        InvalidDirectory: with every fault of the data.
        InvalidDatabases: an address database cannot be used.
    """
    locations = open_locations(geo)
    snapshot = snapshot_of(load_directory(data), utc_now(), address_sources(locations))
    return Decider(FixedPrograms(snapshot), locations, Unrecorded(), random_id)


@dataclass(frozen=True, slots=True)
class Watch:
    """Takes up changed data and replaced address databases for as long as the app runs."""

    programs: Programs
    locations: Locations
    telemetry: Telemetry
    every_seconds: float

    @asynccontextmanager
    async def lifespan(self, _: object) -> AsyncIterator[None]:
        """Load the data unless that is done, and look for changes until the app ends."""
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def look_at_addresses(self) -> None:
        """Take up address databases that were replaced; a file that cannot be used is reported once, and not used."""
        try:
            if await asyncio.to_thread(self.locations.reload):
                self.programs.restate_sources()
        except InvalidDatabases as invalid:
            self.telemetry.addresses_refused(invalid.problems)

    async def _run(self) -> None:
        if not self.programs.is_ready:
            await asyncio.to_thread(self.programs.load)
        while True:
            await asyncio.sleep(self.every_seconds)
            await self.programs.look()
            await self.look_at_addresses()


def utc_now() -> datetime:
    """The clock of the service."""
    return datetime.now(UTC)


def random_id() -> str:
    """An id that no other decision has."""
    return secrets.token_hex(16)
