"""The reference says what there is: every command, option, setting, endpoint and code, and no other."""

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import typer.main
from typer.core import TyperGroup

from rules.language import UNKNOWNS
from service.app import assemble
from service.cli import app
from service.settings import Settings
from tests.pages import ROOT

REFERENCE = ROOT / "docs" / "reference"
UNSAID = {"--help", "-h", "-o", "--output"}
"""What every command has is said once."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command of `cordon`."""

    name: str
    options: frozenset[str]


def commands() -> list[Command]:
    top = typer.main.get_command(app)
    assert isinstance(top, TyperGroup)
    return list(commands_under("cordon", top))


def commands_under(name: str, group: TyperGroup) -> list[Command]:
    found: list[Command] = []
    for part, command in group.commands.items():
        if isinstance(command, TyperGroup):
            found.extend(commands_under(f"{name} {part}", command))
        else:
            options = {option for parameter in command.params for option in parameter.opts if option[:1] == "-"}
            found.append(Command(f"{name} {part}", frozenset(options - UNSAID)))
    return found


def page(name: str) -> str:
    return (REFERENCE / name).read_text(encoding="utf-8")


def section(command: Command) -> str:
    """What the page says of one command."""
    sections = re.split(r"^## ", page("cli.md"), flags=re.MULTILINE)[1:]
    named = [part for part in sections if re.search(rf"`{command.name}[ `]", part.splitlines()[0])]
    assert len(named) == 1, command.name
    return named[0]


def first_cells(text: str) -> list[str]:
    """What stands in code in the first column of a page's tables."""
    rows = re.findall(r"^\| (`[^|]*) \|", text, re.MULTILINE)
    return [code for row in rows for code in re.findall(r"`([^`]+)`", row)]


@pytest.mark.parametrize("command", commands(), ids=lambda command: command.name)
def test_every_option_of_a_command_is_in_its_section_and_no_other(command: Command) -> None:
    said = set(re.findall(r"(?<![\w-])--[a-z]+(?:-[a-z]+)*", section(command))) - UNSAID
    assert said == command.options


def test_every_setting_is_in_the_reference_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `CORDON_(\w+)` \| (.+?) \|", page("settings.md"), re.MULTILINE))
    assert {name.lower() for name in rows} == Settings.model_fields.keys()
    plain = {name: field.default for name, field in Settings.model_fields.items() if field.default}
    shown = {name: rows[name.upper()].strip("`") for name in plain if not field_is_required(name)}
    assert shown == {name: str(default) for name, default in plain.items() if name in shown}


def field_is_required(name: str) -> bool:
    return Settings.model_fields[name].is_required()


def test_every_code_of_what_can_be_unknown_is_in_the_reference_with_its_meaning() -> None:
    shown = dict(re.findall(r"^\| `(\w+\.\w+)` \| (.+) \|$", page("rule-language.md"), re.MULTILINE))
    assert shown == UNKNOWNS


def test_every_endpoint_is_in_the_reference(tmp_path: Path) -> None:
    shown = {cell.split()[1] for cell in first_cells(page("http-api.md")) if cell.startswith(("GET ", "POST "))}
    assert shown == {*asyncio.run(paths_described(tmp_path)), "/openapi.json"}


async def paths_described(data: Path) -> set[str]:
    """What the service says it serves."""
    served = httpx.ASGITransport(assemble(Settings(data=data)).app)
    async with httpx.AsyncClient(transport=served, base_url="http://cordon.test") as client:
        answer = await client.get("/openapi.json")
    return set(answer.json()["paths"])
