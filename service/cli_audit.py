"""`cordon audit`: the commands and their options; what they do stands in `cli_audit_trail`."""

from pathlib import Path
from typing import Annotated, Optional

import typer

from service.cli_output import Output

audit = typer.Typer(help="The audit trail.", no_args_is_help=True, rich_markup_mode=None)

DatabaseOption = Annotated[str, typer.Option("--database", help="URL of the database.", envvar="CORDON_DATABASE")]
KeyOption = Annotated[
    Optional[Path],  # noqa: UP045  typer reads it at run time
    typer.Option("--key", help="The key that signs heads; else beside an SQLite file.", envvar="CORDON_AUDIT_KEY"),
]


@audit.command("verify")
def verify(
    database: DatabaseOption,
    heads: Annotated[
        Optional[list[Path]],  # noqa: UP045
        typer.Option("--heads", help="Heads that were kept; may be repeated.", envvar="CORDON_AUDIT_HEADS"),
    ] = None,
    public_key: Annotated[
        Optional[list[Path]],  # noqa: UP045
        typer.Option("--public-key", help="Whose signatures count; may be repeated. Else the one beside the key."),
    ] = None,
    key: KeyOption = None,
    output: Annotated[Output, typer.Option("--output", "-o", help="Form of the result.")] = Output.TEXT,
) -> None:
    """Find what was edited, removed, moved, inserted or cut off."""
    from service.cli_audit_trail import Evidence, verify_command

    verify_command(database, Evidence(heads or [], public_key or []), key, output)


@audit.command("export")
def export(database: DatabaseOption) -> None:
    """Write every entry as a line of JSON.

    That it was exported is an entry itself.
    """
    from service.cli_audit_trail import export_command

    export_command(database)


@audit.command("head")
def head(
    database: DatabaseOption,
    key: KeyOption = None,
    heads: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--heads", help="File that heads are exported to.", envvar="CORDON_AUDIT_HEADS"),
    ] = None,
) -> None:
    """Sign how far the trail has come, and print the newest signed head.

    Keep what it prints where nobody can change it who can change the database.
    """
    from service.cli_audit_trail import head_command

    head_command(database, key, heads)
