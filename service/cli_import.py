"""`cordon import`: the commands and their options; what they do stands in `cli_imports`."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Optional

import typer

from service.cli_output import Output

imports = typer.Typer(help="Facts from files.", no_args_is_help=True, rich_markup_mode=None)

BATCH_ROWS = 20_000

FORMATS: Mapping[str, str] = {
    "csv": "Import a table of Cordon's own.",
    "ndjson": "Import lines of JSON of Cordon's own.",
    "bods": "Import statements of the Beneficial Ownership Data Standard 0.4.",
    "gleif": "Import a golden copy of GLEIF: relationships, or reporting exceptions.",
    "ftm": "Import FollowTheMoney entities, as OpenSanctions publishes them.",
}
"""What each format is, by the name of its command."""


class OnFault(StrEnum):
    """What a fault undoes."""

    SKIP = "skip"
    BATCH = "batch"
    FILE = "file"


DatabaseOption = Annotated[str, typer.Option("--database", help="URL of the database.", envvar="CORDON_DATABASE")]
OutputOption = Annotated[Output, typer.Option("--output", "-o", help="Form of the result.")]
SourceOption = Annotated[
    Optional[str],  # noqa: UP045  typer reads it at run time
    typer.Option("--source", help="Name of whoever says this. Required, unless an import is resumed."),
]
RankOption = Annotated[
    Optional[int],  # noqa: UP045
    typer.Option("--rank", min=0, help="Precedence of the source: the lowest is believed. [default: 1000]"),
]
OnFaultOption = Annotated[
    OnFault, typer.Option("--on-fault", help="What a fault undoes: its row, its batch, the file.")
]
BatchOption = Annotated[int, typer.Option("--batch", min=1, max=1_000_000, help="Rows that are taken over together.")]
CompleteOption = Annotated[bool, typer.Option("--complete", help="The file is all that the source says.")]
TableOption = Annotated[str, typer.Option("--table", help="Of CSV: which table it is. [default: as it is named]")]
ListsOption = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option("--lists", help="Of ftm: `dataset=list`, the name of a list; may be repeated."),
]
ResumeOption = Annotated[Optional[str], typer.Option("--resume", help="Go on with this import.")]  # noqa: UP045
AnewOption = Annotated[bool, typer.Option("--anew", help="Begin again, though the same import was never ended.")]
ReportOption = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("--report", help="Write every rejected row to this CSV file."),
]
FileArgument = Annotated[Path, typer.Argument(help="A file; gzip and zip are unpacked.")]


def _command(format: str) -> Callable[..., None]:
    def run(
        file: FileArgument,
        database: DatabaseOption,
        source: SourceOption = None,
        rank: RankOption = None,
        on_fault: OnFaultOption = OnFault.SKIP,
        batch: BatchOption = BATCH_ROWS,
        complete: CompleteOption = False,
        table: TableOption = "",
        lists: ListsOption = None,
        resume: ResumeOption = None,
        anew: AnewOption = False,
        report: ReportOption = None,
        output: OutputOption = Output.TEXT,
    ) -> None:
        from service.cli_imports import Wanted, import_command

        said = {"on_fault": on_fault.value, "batch_rows": batch, "complete": complete, "table": table}
        wanted = Wanted(format, source, rank, said, lists or [], resume, anew)
        import_command(file, database, wanted, report, output)

    return run


for _name, _help in FORMATS.items():
    imports.command(_name, help=_help)(_command(_name))


@imports.command("directory")
def import_directory(
    directory: Annotated[Path, typer.Argument(help="A directory of data.")],
    database: DatabaseOption,
    output: OutputOption = Output.TEXT,
) -> None:
    """Import a directory of data: its tables, and its rule sets, which it publishes."""
    from service.cli_imports import directory_command

    directory_command(directory, database, output)


@imports.command("list")
def list_imports(database: DatabaseOption, output: OutputOption = Output.TEXT) -> None:
    """List the imports, the newest first."""
    from service.cli_imports import list_command

    list_command(database, output)


@imports.command("report")
def report_import(
    id: Annotated[str, typer.Argument(metavar="ID", help="Id of the import.")],
    database: DatabaseOption,
    output: OutputOption = Output.TEXT,
) -> None:
    """Show what became of an import, and every row that it rejected."""
    from service.cli_imports import report_command

    report_command(id, database, output)
