"""`cordon`: the command line. No input, however broken, ends in a traceback.

Exit codes: 0 done, 1 found faults or failed cases, 2 usage. Results go to standard output, all else to standard error.
Each command imports what it needs when it runs, so that help and completion are quick.
"""

import io
import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn, Optional

import typer

from service.cli_audit import audit
from service.cli_decisions import decisions
from service.cli_import import imports
from service.cli_output import FAULTS, Output, complain, say
from service.version import own_version

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""

app = typer.Typer(
    name="cordon",
    help="May this account, from this address, use this resource now?",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
packs = typer.Typer(help="The rule packs that ship.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(packs, name="packs")
app.add_typer(decisions, name="decisions")
app.add_typer(audit, name="audit")
app.add_typer(imports, name="import")
keys = typer.Typer(help="The keys of gateways and of automation.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(keys, name="keys")

DataOption = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("--data", help="Directory of data.", envvar="CORDON_DATA"),
]
DatabaseOption = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option("--database", help="URL of the database, in place of a directory.", envvar="CORDON_DATABASE"),
]
RulesetOption = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option("--ruleset", help="Rule set of the database that decides.", envvar="CORDON_RULESET"),
]
GeoOption = Annotated[
    Optional[list[Path]],  # noqa: UP045  typer reads it at run time
    typer.Option("--geo", help="An address database beside the embedded one; may be repeated.", envvar="CORDON_GEO"),
]
SocketModeOption = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(help="Who may open it. [default: 0660]", metavar="OCTAL"),
]
SocketCallersOption = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(help="Who opens it is `trusted`, or needs `keys`. [default: trusted]", metavar="WHO"),
]
WorkersOption = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(help="How many processes answer; `auto`: one a core. [default: 1]", metavar="N"),
]
FastLaneOption = Annotated[
    Optional[bool],  # noqa: UP045
    typer.Option("--fast-lane/--no-fast-lane", help="Answer hits without the framework. [default: fast-lane]"),
]
OutputOption = Annotated[Output, typer.Option("--output", "-o", help="Form of the result.")]
PathsArgument = Annotated[list[Path], typer.Argument(help="Files or directories.")]
AccountOption = Annotated[str, typer.Option("--account", help="Id of the account.")]
IpOption = Annotated[Optional[str], typer.Option("--ip", help="The client's address.")]  # noqa: UP045
ResourceOption = Annotated[str, typer.Option("--resource", help="Id of the resource.")]
ActionOption = Annotated[str, typer.Option("--action", help="What is to be done with it.")]
AtOption = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option("--at", help="Decide as of then: 2026-01-31 or 2026-01-31T12:00:00Z.", show_default="now"),
]
KnownAtOption = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option("--known-at", help="From what the database knew then, by the rules of then.", show_default="now"),
]


def _print_version(wanted: bool) -> None:
    if wanted:
        say(f"cordon {own_version()}")
        raise typer.Exit


@app.callback()
def cordon(
    wanted: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """May this account, from this address, use this resource now?"""


@app.command()
def serve(
    data: DataOption = None,
    database: DatabaseOption = None,
    redis: Annotated[Optional[str], typer.Option(help="URL of the Redis that workers share facts by.")] = None,  # noqa: UP045
    ruleset: RulesetOption = None,
    host: Annotated[Optional[str], typer.Option(help="Address to listen on. [default: 127.0.0.1]")] = None,  # noqa: UP045
    port: Annotated[Optional[int], typer.Option(help="Port; 0 for any. [default: 8080]")] = None,  # noqa: UP045
    socket: Annotated[Optional[Path], typer.Option(help="Unix socket for decisions too.")] = None,  # noqa: UP045
    socket_mode: SocketModeOption = None,
    socket_callers: SocketCallersOption = None,
    tls_certificate: Annotated[Optional[Path], typer.Option(help="Certificate of the port.")] = None,  # noqa: UP045
    tls_key: Annotated[Optional[Path], typer.Option(help="Its key. [default: in the same file]")] = None,  # noqa: UP045
    tls_client_ca: Annotated[Optional[Path], typer.Option(help="Whose certificates clients must show.")] = None,  # noqa: UP045
    grpc_port: Annotated[Optional[int], typer.Option(help="Port for Envoy by gRPC; 0 for any.")] = None,  # noqa: UP045
    grpc_socket: Annotated[Optional[Path], typer.Option(help="Unix socket for Envoy by gRPC.")] = None,  # noqa: UP045
    admin_host: Annotated[Optional[str], typer.Option(help="Address of the admin API. [default: 127.0.0.1]")] = None,  # noqa: UP045
    admin_port: Annotated[Optional[int], typer.Option(help="Its port; 0 for any. [default: 8081]")] = None,  # noqa: UP045
    workers: WorkersOption = None,
    geo: GeoOption = None,
    gateways: Annotated[Optional[Path], typer.Option(help="File of the routes that gateways ask about.")] = None,  # noqa: UP045
    fast_lane: FastLaneOption = None,
) -> None:
    """Serve decisions from a directory of data, or from a database.

    Every other setting is a CORDON_* variable.
    """
    options = dict(locals())
    from service.cli_serve import serve_command

    serve_command(options)


@app.command()
def decide(
    account: AccountOption,
    data: DataOption = None,
    database: DatabaseOption = None,
    ruleset: RulesetOption = None,
    ip: IpOption = None,
    resource: ResourceOption = "",
    action: ActionOption = "use",
    at: AtOption = None,
    geo: GeoOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Make one decision without a server."""
    from service.cli_decide import Question, Source, decide_command

    source = Source(data, database, ruleset, geo or [])
    decide_command(source, Question(account, ip, resource, action, at), output)


@app.command()
def explain(
    account: AccountOption,
    data: DataOption = None,
    database: DatabaseOption = None,
    ruleset: RulesetOption = None,
    ip: IpOption = None,
    resource: ResourceOption = "",
    action: ActionOption = "use",
    at: AtOption = None,
    known_at: KnownAtOption = None,
    geo: GeoOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Make one decision, and say why.

    Every rule's truth, what was unknown, and who holds how much of whom.
    """
    from service.cli_decide import Question, Source, explain_command

    source = Source(data, database, ruleset, geo or [])
    explain_command(source, Question(account, ip, resource, action, at, known_at), output)


@app.command()
def check(paths: PathsArgument, output: OutputOption = Output.TEXT) -> None:
    """Find every fault of documents and data.

    Rule sets, case files, and directories of data.
    """
    from service.cli_documents import check_command

    check_command(paths, output)


@app.command("test")
def run_cases(paths: PathsArgument, output: OutputOption = Output.TEXT) -> None:
    """Run case files.

    Prints a line for each case that fails, then how many passed.
    """
    from service.cli_documents import run_cases_command

    run_cases_command(paths, output)


@app.command()
def locate(
    addresses: Annotated[Optional[list[str]], typer.Argument(help="Addresses; else one a line, from input.")] = None,  # noqa: UP045
    geo: GeoOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Say what is known of addresses.

    IP Geolocation by DB-IP (https://db-ip.com).
    """
    from service.cli_locate import locate_command

    locate_command(addresses or [], geo or [], output)


@app.command()
def instances(
    database: Annotated[str, typer.Option("--database", help="URL of the database.", envvar="CORDON_DATABASE")],
    output: OutputOption = Output.TEXT,
) -> None:
    """Show who serves from a database, and who lags."""
    from service.cli_instances import instances_command

    instances_command(database, output)


@app.command()
def migrate(
    database: Annotated[str, typer.Option("--database", help="URL of the database.", envvar="CORDON_DATABASE")],
    restored: Annotated[bool, typer.Option("--restored", help="It comes from a backup.")] = False,
) -> None:
    """Bring a database to what this version needs.

    Creates what is missing; safe to run again, and by several at once.
    """
    from service.cli_migrate import migrate_command

    migrate_command(database, is_restored=restored)


@packs.command("list")
def list_packs(output: OutputOption = Output.TEXT) -> None:
    """List the packs."""
    from service.cli_documents import list_packs_command

    list_packs_command(output)


@packs.command("show")
def show_pack(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Id of the pack.")], output: OutputOption = Output.TEXT
) -> None:
    """Show a pack as its authors wrote it."""
    from service.cli_documents import show_pack_command

    show_pack_command(name, output)


@keys.command("create")
def create_key(
    database: Annotated[str, typer.Option("--database", help="URL of the database.", envvar="CORDON_DATABASE")],
    name: Annotated[str, typer.Option("--name", help="Which gateway, or which automation.")],
    scope: Annotated[Optional[list[str]], typer.Option("--scope", help="What it may do; may be repeated.")] = None,  # noqa: UP045
    role: Annotated[Optional[list[str]], typer.Option("--role", help="Short for --scope role:ROLE.")] = None,  # noqa: UP045
    expires: Annotated[Optional[str], typer.Option("--expires", help="When it ends.", show_default="never")] = None,  # noqa: UP045
    output: OutputOption = Output.TEXT,
) -> None:
    """Make a key.

    It is written to standard output, and nowhere else.
    """
    from service.cli_keys import WantedKey, create_key_command

    create_key_command(database, WantedKey(name, scope or [], role or [], expires), output)


class KeyStatus(StrEnum):
    """Which keys are wanted."""

    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


@keys.command("list")
def list_keys(
    database: Annotated[str, typer.Option("--database", help="URL of the database.", envvar="CORDON_DATABASE")],
    status: Annotated[Optional[KeyStatus], typer.Option("--status", help="Only these.")] = None,  # noqa: UP045
    output: OutputOption = Output.TEXT,
) -> None:
    """List the keys, and when each was last used."""
    from service.cli_keys import list_keys_command

    list_keys_command(database, status.value if status else None, output)


@keys.command("revoke")
def revoke_key(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="Id of the key.")],
    database: Annotated[str, typer.Option("--database", help="URL of the database.", envvar="CORDON_DATABASE")],
) -> None:
    """Put a key out of force, for good."""
    from service.cli_keys import revoke_key_command

    revoke_key_command(database, key_id)


def main() -> NoReturn:
    """Run the command that the arguments name, and exit by its code."""
    _open_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        app(prog_name="cordon")
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else FAULTS
    except BrokenPipeError:
        code = FAULTS
    except KeyboardInterrupt:
        code = INTERRUPTED
    except Exception as error:
        code = FAULTS
        complain(*_lines_of(error))
    sys.exit(_flushed(code))


def _open_streams() -> None:
    """Put the null device in place of standard streams that are closed; else the next files would get their numbers."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115  open until the process ends


def _lines_of(error: Exception) -> list[str]:
    """What an error that a command let pass says to whoever called it."""
    from rules.errors import RuleError
    from service.locations import InvalidDatabases
    from service.storage.directory import InvalidDirectory

    match error:
        case InvalidDirectory():
            return [str(fault) for fault in error.faults]
        case InvalidDatabases():
            return list(error.problems)
        case RuleError():
            return [f"cordon: {error}"]
        case OSError():
            name = f"{error.filename}: " if error.filename else ""
            return [f"cordon: {name}{(error.strerror or str(error)).lower()}"]
        case _:
            return [f"cordon: a fault of its own, please report it: {type(error).__name__}: {error}"]


def _flushed(code: int) -> int:
    """The exit code once everything is written; a reader that left is no reason for a traceback at the end."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return code or FAULTS
    return code


if __name__ == "__main__":
    main()
