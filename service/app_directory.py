"""Joins a service over a directory of data: with `app_record`, the only place that names concrete classes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from service.clocks import utc_now
from service.decide import Decider
from service.directory_facts import DirectoryWorld, NoHistory
from service.gateways.authzen_calls import Admission
from service.locations import Locations
from service.parts import (
    Offline,
    Parts,
    Service,
    Surroundings,
    Unrecorded,
    address_sources,
    join,
    look_at_addresses,
    make_log,
    random_ids,
    recorder_of,
    running,
)
from service.programs import Programs, Snapshot, snapshot_of
from service.settings import Permission
from service.storage.directory import Stamp, directory_stamp, load_directory
from service.telemetry import Telemetry


@dataclass(frozen=True, slots=True)
class DataDirectory:
    """The source of data that is a directory of files."""

    path: Path
    clock: Callable[[], datetime]

    def stamp(self) -> Stamp:
        return directory_stamp(self.path)

    def load(self) -> DirectoryWorld:
        return DirectoryWorld(load_directory(self.path), self.clock())


@dataclass(frozen=True, slots=True)
class Unkeyed:
    """Lets everyone ask who can connect."""

    unkeyed: frozenset[Permission]
    generation: object = None

    def identify(
        self, authorization: bytes | None, api_key: bytes | None, *, peer: str, now: datetime
    ) -> frozenset[Permission]:
        return self.unkeyed

    def admission(self, authorization: bytes | None, api_key: bytes | None) -> Admission:
        """Everyone's."""
        return Admission(self.generation)

    def admitted(self, key_id: str, at: datetime) -> None:
        """Do nothing: there are no keys."""


def over_directory(around: Surroundings) -> Service:
    """The service over the directory of the settings."""
    assert around.settings.data is not None
    source = DataDirectory(around.settings.data, around.clock)
    sources = partial(address_sources, around.locations)
    programs = Programs(source, around.telemetry, around.clock, sources, around.limits)
    watch = Watch(programs, around.locations, around.telemetry, around.settings.reload_seconds)
    callers = Unkeyed(around.settings.permissions)
    log = make_log(around)
    recorder = recorder_of(around.telemetry, log)
    return join(around, Parts(programs, NoHistory(), callers, recorder, watch.lifespan), log)


@dataclass(frozen=True, slots=True)
class FixedPrograms:
    """The one program of decisions without a server."""

    current: Snapshot


def offline_over_directory(data: Path, locations: Locations) -> Offline:
    """What decides without a server, from the directory as it is now.

    Raises:
        InvalidDirectory: with every fault of the data.
    """
    snapshot = snapshot_of(DataDirectory(data, utc_now).load(), address_sources(locations))
    return Offline(Decider(FixedPrograms(snapshot), locations, Unrecorded(), random_ids(), NoHistory()))


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
        async with running(self.telemetry.work_failed, watch=self._run):
            yield

    async def _run(self) -> None:
        if not self.programs.is_ready:
            await asyncio.to_thread(self.programs.load)
        while True:
            await asyncio.sleep(self.every_seconds)
            await self.programs.look()
            await look_at_addresses(self.programs, self.locations, self.telemetry)
