"""`cordon serve`: the service, until it is stopped; by this process, or by several workers that it starts."""

import json
import shlex
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import typer
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from service.app import assemble, load_parts
from service.cli_output import complain, counted, fail, say
from service.errors import Unavailable, Unusable
from service.garbage import settle
from service.gateways.authzen import EVALUATION_PATH
from service.locations import InvalidDatabases, Locations, open_locations
from service.parts import Service
from service.programs import Snapshot
from service.server import Listening, hold, listen, load_server, serve
from service.settings import Settings
from service.telemetry import configure_log, mark_log
from service.worker_metrics import Board, Figures
from service.workers import Supervisor, Worker

EXAMPLE_ADDRESS = "8.8.8.8"
"""A well-known public resolver: every database of countries knows it."""

FIRST_LOAD_ATTEMPTS = 20
SECONDS_BETWEEN_ATTEMPTS = 0.25


@dataclass(frozen=True, slots=True)
class Inheritance:
    """What the workers have from their parent."""

    held: Listening
    """Keeps the address that they share."""
    board: Board
    locations: Locations
    """Opened once, since that takes a second, and shared in memory."""


def serve_command(options: dict[str, Any]) -> None:
    """Serve a directory of data, or a database. Ends for faults in it, or in the settings, before it serves."""
    settings = _settings({name: value for name, value in options.items() if value not in (None, [])})
    configure_log(settings.log_level, is_json=settings.log_format == "json")
    if settings.worker_count == 1:
        return _serve_alone(settings)
    _serve_by_several(settings)


def _serve_alone(settings: Settings) -> None:
    service = _assembled(settings)
    snapshot = _first_snapshot(service) if settings.data is not None else None
    with _refusing_addresses(settings):
        listening = listen(settings.host, settings.port)
    greeting = _greeting(settings, snapshot, listening.url)
    serve(service.app, listening, partial(_say_ready, greeting), service.protocol)


def _serve_by_several(settings: Settings) -> None:
    """Return in the parent, and in each worker, when that has ended."""
    with _refusing_addresses(settings):
        held = hold(settings.host, settings.port)
    load_server()
    load_parts(settings)
    inheritance = Inheritance(held, Board(settings.worker_count), open_locations(settings.geo))
    settle()
    worker = Supervisor(settings.worker_count, inheritance.board, _say_ready).run()
    if isinstance(worker, Worker):
        return _work(settings, worker, inheritance)
    if worker:
        raise typer.Exit(worker)


def _work(settings: Settings, worker: Worker, inheritance: Inheritance) -> None:
    """Serve as one of several."""
    mark_log(worker=worker.number)
    held = inheritance.held
    service = _assembled(settings, inheritance.locations)
    _renew_addresses(service)
    snapshot = _first_snapshot(service) if settings.data is not None else None
    with _refusing_addresses(settings):
        address, port = held.socket.getsockname()[:2]
        listening = replace(held, socket=listen(address, port, is_shared=True).socket)
    held.socket.close()
    greeting = _greeting(settings, snapshot, listening.url) if worker.greets else []
    figures = Figures(inheritance.board, worker.number, worker.restarts, service.telemetry.registry)
    service.telemetry.expose(figures.exposition)

    def ready() -> None:
        figures.keep_published()
        worker.tell_ready(greeting)

    serve(service.app, listening, ready, service.protocol)


def _assembled(settings: Settings, locations: Locations | None = None) -> Service:
    try:
        return assemble(settings, locations=locations)
    except Unavailable as error:
        fail(f"cordon: not serving: the database cannot be reached: {error}")
    except Unusable as error:
        fail(f"cordon: not serving: {error}")


def _renew_addresses(service: Service) -> None:
    """Take up address databases that were replaced since the parent opened them."""
    try:
        service.locations.reload()
    except InvalidDatabases as invalid:
        service.telemetry.addresses_refused(invalid.problems)


@contextmanager
def _refusing_addresses(settings: Settings) -> Iterator[None]:
    """End for an address that cannot be listened on."""
    try:
        yield
    except OSError as error:
        fail(f"cordon: cannot listen on {settings.host}:{settings.port}: {error.strerror or error}".lower())


def _settings(options: dict[str, Any]) -> Settings:
    try:
        return Settings(**options)
    except ValidationError as invalid:
        errors = invalid.errors(include_url=False, include_input=False)
        raise typer.BadParameter("; ".join(map(_said, errors)), param_hint="settings") from None


def _said(error: ErrorDetails) -> str:
    place = ".".join(map(str, error["loc"]))
    message = error["msg"].removeprefix("Value error, ").lower()
    return f"`{place}`: {message}" if place else message


def _first_snapshot(service: Service) -> Snapshot:
    """The data; a directory that is being written is waited for."""
    programs = service.programs
    for _ in range(FIRST_LOAD_ATTEMPTS):
        programs.load()
        if programs.is_ready:
            return programs.current
        if programs.refusal:
            fail(f"cordon: not serving: {counted(len(programs.refusal.faults), 'fault')} in the data, see above")
        time.sleep(SECONDS_BETWEEN_ATTEMPTS)
    fail("cordon: not serving: the data never stops changing")


def _greeting(settings: Settings, snapshot: Snapshot | None, url: str) -> list[str]:
    """Says where to look, once connections are answered."""
    if snapshot is None:
        return _record_greeting(settings, url)
    ruleset = snapshot.ruleset
    may_explain = "explain" in settings.permissions
    return [
        f"Cordon serves `{ruleset.id}`, revision {ruleset.revision}, at {url}",
        f"  {url}/readyz        the rules and data in force",
        f"  {url}/openapi.json  every endpoint",
        f"Ask it something{' (add ?explain=true to be told why)' if may_explain else ''}:",
        f"  {example(snapshot, url)}",
        "Stop it with Ctrl-C.",
    ]


def _record_greeting(settings: Settings, url: str) -> list[str]:
    """The same over a database: rules may still have to come, by the admin API."""
    from service.cli_first_key import first_key_lines

    return [
        f"Cordon serves a database at {url}",
        f"  {url}/readyz                 the rules and data in force",
        f"  {url}/admin/v1/openapi.json  the admin API",
        *first_key_lines(settings, url),
        "Stop it with Ctrl-C.",
    ]


def _say_ready(lines: Sequence[str]) -> None:
    try:
        say(*lines, flush=True)
    except OSError:
        complain(lines[0])


def example(snapshot: Snapshot, url: str) -> str:
    """A command that asks about the first account and resource there are."""
    account, resource = snapshot.world.example()
    question = {
        "subject": {"type": "account", "id": account},
        "resource": {"type": "resource", "id": resource},
        "action": {"name": "use"},
        "context": {"ip": EXAMPLE_ADDRESS},
    }
    body = shlex.quote(json.dumps(question))
    return f"curl -s {url}{EVALUATION_PATH} -H 'Content-Type: application/json' -d {body}"
