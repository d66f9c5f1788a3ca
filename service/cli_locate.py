"""`cordon locate`: what the address databases know of addresses."""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import typer

from service.cli_output import Output, faults_as, say, say_json
from service.locations import LocatedRow, locate_row, open_locations

LINE_LIMIT = 256
"""Longer text names no address."""


def locate_command(addresses: Sequence[str], geo: Sequence[Path], output: Output) -> None:
    """Print a row for each address, in the order in which they are given."""
    if not addresses and sys.stdin.isatty():
        raise typer.BadParameter("name an address, or send some on standard input", param_hint="ADDRESSES")
    with faults_as(output):
        locations = open_locations(geo)
    texts = addresses or _lines(sys.stdin.buffer)
    located = ((text, locations.locate(text if len(text) <= LINE_LIMIT else "")) for text in texts)
    if output is Output.JSON:
        return say_json([locate_row(found) for _, found in located])
    for text, found in located:
        say(_line(text, locate_row(found)), *_details(locations.details(found)))
    return None


def _lines(stream: Iterable[bytes]) -> Iterator[str]:
    """The lines that are not blank; bytes that are no text make a line that names no address."""
    for line in stream:
        if text := line.decode("utf-8", "backslashreplace").strip():
            yield text


def _line(text: str, row: LocatedRow) -> str:
    known = row["reserved"] or ", ".join(f"{code} says {source}" for source, code in row["claims"].items())
    parts = [
        row["address"] or text,
        row["status"],
        known,
        ", ".join(kind for kind in row["kinds"] if kind != row["status"]),
    ]
    return "  ".join(part for part in parts if part)


def _details(details: Mapping[str, Mapping[str, str]]) -> list[str]:
    """A line for each source that tells more than a country."""
    told = {source: members for source, members in details.items() if len(members) > 1}
    return [f"  {source}: " + ", ".join(f"{name} {value}" for name, value in told[source].items()) for source in told]
