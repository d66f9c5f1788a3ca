"""What the commands write: results on standard output, everything else on standard error, never wrapped when piped."""

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from enum import StrEnum
from typing import NoReturn

import typer
from rich.console import Console, RenderableType

from service.documents import Fault
from service.locations import InvalidDatabases
from service.storage.directory import InvalidDirectory

FAULTS = 1
"""Exit code: faults were found, or cases failed."""

_WIDE = 100_000
"""Columns of an output that is no terminal."""


class Output(StrEnum):
    """In which form results are written."""

    TEXT = "text"
    JSON = "json"


def say(*lines: str, flush: bool = False) -> None:
    """Write lines of the result."""
    for line in lines:
        sys.stdout.write(visible(line) + "\n")
    if flush:
        sys.stdout.flush()


def say_json(value: object) -> None:
    """Write the result as one JSON document."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


@contextmanager
def faults_as(output: Output) -> Iterator[None]:
    """Where the result is wanted as JSON, write faults of data and databases so too; they go on and end the command."""
    try:
        yield
    except InvalidDirectory as invalid:
        if output is Output.JSON:
            say_json({"faults": [asdict(fault) for fault in invalid.faults]})
        raise
    except InvalidDatabases as invalid:
        if output is Output.JSON:
            say_json({"faults": [{"message": problem} for problem in invalid.problems]})
        raise


def say_rich(renderable: RenderableType) -> None:
    """Write something laid out for people; to anything but a terminal without a width."""
    is_terminal = sys.stdout.isatty()
    console = Console(width=None if is_terminal else _WIDE, highlight=False, markup=False, emoji=False)
    console.print(renderable, soft_wrap=not is_terminal)


def complain(*lines: str) -> None:
    """Write lines that are not part of the result."""
    for line in lines:
        sys.stderr.write(visible(line) + "\n")


def fault_lines(faults: Iterable[Fault]) -> list[str]:
    """Faults for people: one line each."""
    return [str(fault) for fault in faults]


def fail(*lines: str) -> NoReturn:
    """End the command for faults in what it was given."""
    complain(*lines)
    raise typer.Exit(FAULTS)


def visible(text: str) -> str:
    """The text with control characters spelt out: names in data must not move the cursor of whoever reads them."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def counted(number: int, one: str) -> str:
    """`1 fault`, `2 faults`."""
    return f"{number} {one}" if number == 1 else f"{number} {one}s"
