"""The same service twice, with the fast lane and without, and connections to both: what they give may not differ."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from service.app import assemble
from service.fast_lane.protocol import FastLaneProtocol
from service.gateways.wire import Door
from service.locations import Locations
from service.parts import Service
from service.settings import Settings
from tests.service.conftest import NOW, embedded
from tests.service.connections import Connections, Exchange

ID = "0123456789abcdef0123456789abcdef"
"""Of every decision."""


@dataclass
class Clock:
    """Says what it is told to say."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Pair:
    """The same service twice; its connections come through a door, or through none."""

    clock: Clock
    fast: Service
    plain: Service
    loop: asyncio.AbstractEventLoop
    door: Door | None = None
    connections: tuple[Connections, Connections] = field(init=False)

    def __post_init__(self) -> None:
        self.connections = (
            Connections(self.fast, self.loop, self.door),
            Connections(self.plain, self.loop, self.door),
        )

    @property
    def answered(self) -> int:
        """Requests that the fast lane answered."""
        protocol = self.fast.protocol
        assert protocol is not None
        assert issubclass(protocol, FastLaneProtocol)
        return protocol.lane.answered + protocol.admitting_lane.answered

    def both(self, pieces: list[bytes], *, leaves: bool = False) -> Exchange:
        """What both give; they may not differ."""
        fast, plain = (each.exchange(pieces, leaves=leaves) for each in self.connections)
        assert fast == plain
        return fast

    def load(self) -> None:
        """Have both take up the data of now."""
        for each in (self.fast, self.plain):
            each.programs.load()
            assert each.programs.refusal is None, each.programs.refusal


def pair_over(
    directory: Path,
    loop: asyncio.AbstractEventLoop,
    *,
    door: Door | None = None,
    locations: Locations | None = None,
    **options: Any,
) -> Pair:
    """Both over one directory. `options`: settings."""
    clock = Clock()

    def made(*, fast: bool) -> Service:
        return service_over(directory, clock, locations=locations, fast_lane=fast, **options)

    return Pair(clock, made(fast=True), made(fast=False), loop, door)


def service_over(
    directory: Path, clock: Callable[[], datetime], *, locations: Locations | None = None, **options: Any
) -> Service:
    """A service over a directory, which has loaded it."""
    settings = Settings(data=directory, host="127.0.0.1", **options)
    made = assemble(settings, clock=clock, new_id=lambda: ID, locations=locations or embedded())
    made.programs.load()
    assert made.programs.is_ready, made.programs.refusal
    return made
