"""Cordon over a directory, joined as the service joins it, except that nobody counts or records decisions.

What the decision log and the metrics cost is the difference. `python -m loadtests.unrecorded --data DIR --port PORT`.
"""

import argparse
from functools import partial
from pathlib import Path

from service.app_directory import DataDirectory, Unkeyed, Watch
from service.clocks import utc_now
from service.directory_facts import NoHistory
from service.listening import listen
from service.locations import open_locations
from service.parts import Parts, Service, Surroundings, Unrecorded, address_sources, join, random_ids
from service.programs import Programs
from service.server import serve
from service.settings import Settings
from service.telemetry import Telemetry


def unrecorded(data: Path) -> Service:
    """The service."""
    settings = Settings(data=data)
    around = Surroundings(settings, utc_now, random_ids(), open_locations(), Telemetry(utc_now))
    sources = partial(address_sources, around.locations)
    programs = Programs(DataDirectory(data, utc_now), around.telemetry, utc_now, sources)
    watch = Watch(programs, around.locations, around.telemetry, settings.reload_seconds)
    callers = Unkeyed(settings.permissions)
    return join(around, Parts(programs, NoHistory(), callers, Unrecorded(), watch.lifespan), None)


def main() -> None:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    service = unrecorded(options.data)
    service.programs.load()
    serve(service.app, listen("127.0.0.1", options.port), lambda: None, service.protocol)


if __name__ == "__main__":
    main()
