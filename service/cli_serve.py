"""`cordon serve`: the service, until it is stopped."""

import json
import shlex
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import typer
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from service.app import assemble
from service.cli_output import complain, counted, fail, say
from service.errors import Unavailable, Unusable
from service.gateways.authzen import EVALUATION_PATH
from service.parts import Service
from service.programs import Snapshot
from service.server import listen, serve
from service.settings import Settings
from service.telemetry import configure_log

EXAMPLE_ADDRESS = "8.8.8.8"
"""A well-known public resolver: every database of countries knows it."""

FIRST_LOAD_ATTEMPTS = 20
SECONDS_BETWEEN_ATTEMPTS = 0.25


def serve_command(options: dict[str, Any]) -> None:
    """Serve a directory of data, or a database. Ends for faults in it, or in the settings, before it serves."""
    settings = _settings({name: value for name, value in options.items() if value not in (None, [])})
    configure_log(settings.log_level, is_json=settings.log_format == "json")
    try:
        service = assemble(settings)
    except Unavailable as error:
        fail(f"cordon: not serving: the database cannot be reached: {error}")
    except Unusable as error:
        fail(f"cordon: not serving: {error}")
    snapshot = _first_snapshot(service) if settings.data is not None else None
    try:
        listening = listen(settings.host, settings.port)
    except OSError as error:
        fail(f"cordon: cannot listen on {settings.host}:{settings.port}: {error.strerror or error}".lower())
    if snapshot is None:
        return serve(service.app, listening, _record_ready(settings, listening.url))
    may_explain = "explain" in settings.permissions
    return serve(service.app, listening, _ready(snapshot, listening.url, may_explain=may_explain))


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


def _ready(snapshot: Snapshot, url: str, *, may_explain: bool) -> Callable[[], None]:
    """Says where to look, once connections are answered."""
    ruleset = snapshot.ruleset
    lines = [
        f"Cordon serves `{ruleset.id}`, revision {ruleset.revision}, at {url}",
        f"  {url}/readyz        the rules and data in force",
        f"  {url}/openapi.json  every endpoint",
        f"Ask it something{' (add ?explain=true to be told why)' if may_explain else ''}:",
        f"  {example(snapshot, url)}",
        "Stop it with Ctrl-C.",
    ]
    return partial(_say_ready, lines)


def _record_ready(settings: Settings, url: str) -> Callable[[], None]:
    """The same over a database: rules may still have to come, by the admin API."""
    from service.cli_first_key import first_key_lines

    lines = [
        f"Cordon serves a database at {url}",
        f"  {url}/readyz                 the rules and data in force",
        f"  {url}/admin/v1/openapi.json  the admin API",
        *first_key_lines(settings, url),
        "Stop it with Ctrl-C.",
    ]
    return partial(_say_ready, lines)


def _say_ready(lines: list[str]) -> None:
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
