"""Composition root: a service over a directory or over a database, whichever the settings name."""

from collections.abc import Callable, Sequence
from datetime import datetime
from importlib import import_module
from pathlib import Path

from service.app_directory import offline_over_directory, over_directory
from service.clocks import utc_now
from service.gateway_routes import load_routes
from service.locations import Locations, open_locations
from service.parts import Offline, Service, Surroundings, random_ids
from service.settings import Settings
from service.telemetry import Telemetry


def load_parts(settings: Settings) -> None:
    """Load the modules that `assemble` needs, for the processes that are forked from this one."""
    import_module("service.api")
    if settings.database is not None:
        import_module("service.app_record")


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
        NotADatabase: the database is none that Cordon can use.
        Unusable: the file of routes is faulty.
    """
    clock = clock or utc_now
    around = Surroundings(
        settings=settings,
        clock=clock,
        new_id=new_id or random_ids(),
        locations=locations or open_locations(settings.geo),
        telemetry=Telemetry(clock),
        routes=load_routes(settings.gateways) if settings.gateways is not None else {},
    )
    if settings.database is None:
        return over_directory(around)
    # Imported late: the database's library takes half a second, and a directory is served without it.
    from service.app_record import over_record

    return over_record(around)


def assemble_offline(data: Path | None, database: str | None, ruleset: str | None, geo: Sequence[Path]) -> Offline:
    """What decides without a server, from a directory or from a database.

    Raises:
        InvalidDirectory: with every fault of the data.
        InvalidDatabases: an address database cannot be used.
        NotADatabase: the database is none that Cordon can use.
    """
    locations = open_locations(geo)
    if data is not None:
        return offline_over_directory(data, locations)
    from service.app_record import offline_over_record

    return offline_over_record(database or "", ruleset, locations)
