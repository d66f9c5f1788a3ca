"""`cordon serve`: the service, until it is stopped; by this process, or by several workers that it starts."""

import json
import shlex
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import typer
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from service.app import assemble, load_parts
from service.cli_listeners import Places, grpc_held, held, opened, shared
from service.cli_output import complain, counted, fail, say
from service.errors import Unavailable, Unusable, said_plainly
from service.garbage import settle
from service.gateways.authzen import EVALUATION_PATH
from service.locations import InvalidDatabases, Locations, open_locations
from service.parts import Service
from service.programs import Snapshot
from service.server import Listener, load_server, serve_all
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

    places: Places
    """The addresses that they share."""
    board: Board
    locations: Locations
    """Opened once, since that takes a second, and shared in memory."""


def serve_command(options: dict[str, Any]) -> None:
    """Serve a directory of data, or a database. Ends for faults in it, or in the settings, before it serves."""
    settings = _settings({name: value for name, value in options.items() if value not in (None, [])})
    configure_log(settings.log_level, is_json=settings.log_format == "json")
    with grpc_held(settings) as held_settings:
        if held_settings.worker_count == 1:
            return _serve_alone(held_settings)
        _serve_by_several(held_settings)


def _serve_alone(settings: Settings) -> None:
    service = _assembled(settings)
    snapshot = _first_snapshot(service) if settings.data is not None else None
    with opened(settings) as places:
        greeting = _greeting(settings, snapshot, places)
        serve_all(_listeners(service, places), partial(_say_ready, greeting))


def _listeners(service: Service, places: Places) -> list[Listener]:
    """What answers where: decisions nowhere but on the listeners of decisions, and the admin API on its own."""
    decisions = [place for place in (places.decisions, places.socket) if place is not None]
    listeners = [Listener(service.app, place, service.protocol) for place in decisions]
    if places.admin is not None and service.administration is not None:
        listeners.append(Listener(service.administration, places.admin))
    return listeners


def _serve_by_several(settings: Settings) -> None:
    """Return in the parent, and in each worker, when that has ended."""
    with held(settings) as places:
        load_server()
        load_parts(settings)
        inheritance = Inheritance(places, Board(settings.worker_count), open_locations(settings.geo))
        settle()
        worker = Supervisor(settings.worker_count, inheritance.board, _say_ready).run()
        if isinstance(worker, Worker):
            return _work(settings, worker, inheritance)
    if worker:
        raise typer.Exit(worker)


def _work(settings: Settings, worker: Worker, inheritance: Inheritance) -> None:
    """Serve as one of several."""
    mark_log(worker=worker.number)
    service = _assembled(settings, inheritance.locations)
    _renew_addresses(service)
    snapshot = _first_snapshot(service) if settings.data is not None else None
    places = shared(inheritance.places, settings)
    greeting = _greeting(settings, snapshot, places) if worker.greets else []
    figures = Figures(inheritance.board, worker.number, worker.restarts, service.telemetry.registry)
    service.telemetry.expose(figures.exposition)

    def ready() -> None:
        figures.keep_published()
        worker.tell_ready(greeting)

    serve_all(_listeners(service, places), ready)


def _assembled(settings: Settings, locations: Locations | None = None) -> Service:
    try:
        return assemble(settings, locations=locations)
    except Unavailable as error:
        fail(f"cordon: not serving: the database cannot be reached: {error}")
    except Unusable as error:
        fail(*(f"cordon: not serving: {line}" for line in str(error).splitlines()))


def _renew_addresses(service: Service) -> None:
    """Take up address databases that were replaced since the parent opened them."""
    try:
        service.locations.reload()
    except InvalidDatabases as invalid:
        service.telemetry.addresses_refused(invalid.problems)


def _settings(options: dict[str, Any]) -> Settings:
    try:
        return Settings(**options)
    except ValidationError as invalid:
        errors = invalid.errors(include_url=False, include_input=False)
        raise typer.BadParameter("; ".join(map(_said, errors)), param_hint="settings") from None


def _said(error: ErrorDetails) -> str:
    place = ".".join(map(str, error["loc"]))
    message = said_plainly(error["msg"]).partition(", unable to parse")[0]
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


def _greeting(settings: Settings, snapshot: Snapshot | None, places: Places) -> list[str]:
    """Says where to look, once connections are answered."""
    if snapshot is None:
        return _record_greeting(settings, places)
    ruleset, url = snapshot.ruleset, places.decisions.url
    may_explain = "explain" in settings.permissions
    return [
        f"Cordon serves `{ruleset.id}`, revision {ruleset.revision}, at {url}",
        *_aligned(
            (f"{url}/readyz", "the rules and data in force"),
            (f"{url}/openapi.json", "every endpoint"),
            *_gateway_places(settings, places),
        ),
        f"Ask it something{' (add ?explain=true to be told why)' if may_explain else ''}:",
        f"  {example(snapshot, url, _identification(settings))}",
        "Stop it with Ctrl-C.",
    ]


def _record_greeting(settings: Settings, places: Places) -> list[str]:
    """The same over a database: rules may still have to come, by the admin API."""
    from service.cli_first_key import first_key_lines

    assert places.admin is not None
    url, admin_url = places.decisions.url, places.admin.url
    return [
        f"Cordon serves a database at {url}",
        *_aligned(
            (f"{url}/readyz", "the rules and data in force"),
            (f"{admin_url}/admin/v1/openapi.json", "the admin API"),
            *_gateway_places(settings, places),
        ),
        *first_key_lines(settings, admin_url),
        "Stop it with Ctrl-C.",
    ]


def _gateway_places(settings: Settings, places: Places) -> Iterator[tuple[str, str]]:
    """Where gateways ask, and which."""
    if places.socket is not None:
        yield places.socket.url, "decisions, for gateways of this machine"
    if settings.grpc_socket is not None:
        yield f"unix:{settings.grpc_socket}", "decisions, for Envoy by gRPC"
    if settings.grpc_port is not None:
        yield f"{settings.host}:{settings.grpc_port}", "decisions, for Envoy by gRPC"


def _aligned(*rows: tuple[str, str]) -> list[str]:
    """Places, and in a column of its own what is there."""
    width = max(len(place) for place, _ in rows)
    return [f"  {place:<{width}}  {what}" for place, what in rows]


def _identification(settings: Settings) -> str:
    """What a client must have beside a URL under TLS, as options of `curl`."""
    if settings.tls_certificate is None:
        return ""
    return " --cacert CA.pem" + (" --cert CLIENT.pem --key CLIENT.key" if settings.tls_client_ca is not None else "")


def _say_ready(lines: Sequence[str]) -> None:
    try:
        say(*lines, flush=True)
    except OSError:
        complain(lines[0])


def example(snapshot: Snapshot, url: str, identification: str = "") -> str:
    """A command that asks about the first account and resource there are."""
    account, resource = snapshot.world.example()
    question = {
        "subject": {"type": "account", "id": account},
        "resource": {"type": "resource", "id": resource},
        "action": {"name": "use"},
        "context": {"ip": EXAMPLE_ADDRESS},
    }
    body = shlex.quote(json.dumps(question))
    return f"curl -s{identification} {url}{EVALUATION_PATH} -H 'Content-Type: application/json' -d {body}"
