"""The walls that import-linter cannot hold: what `rules` may use of the standard library, and no wall with a gap."""

import ast
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
RULES = sorted((ROOT / "rules").rglob("*.py"))

STANDARD_LIBRARY = frozenset(
    {
        "bisect",
        "collections",
        "collections.abc",
        "dataclasses",
        "datetime",
        "difflib",
        "enum",
        "fractions",
        "functools",
        "hashlib",
        "heapq",
        "ipaddress",
        "itertools",
        "json",
        "math",
        "operator",
        "re",
        "types",
        "typing",
    }
)
"""Pure parts only: nothing that reads a file, a socket, the environment, the clock or chance."""

READS_OR_WRITES = frozenset({"open", "print", "input", "exec", "eval", "__import__", "breakpoint"})
READS_THE_CLOCK = frozenset({"now", "utcnow", "today"})


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")


def called(tree: ast.Module) -> Iterator[str]:
    """Names of what is called: `open` of `open(…)`, `now` of `datetime.now(…)`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node.func.id
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield f".{node.func.attr}"


def dataclass_options(tree: ast.Module) -> Iterator[tuple[str, set[str]]]:
    """Each dataclass with the options that its decorator sets to true."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.ClassDef):
            continue
        for decorator in node.decorator_list:
            if "dataclass" in ast.unparse(decorator):
                yield node.name, true_options(decorator)


def true_options(decorator: ast.expr) -> set[str]:
    keywords = decorator.keywords if isinstance(decorator, ast.Call) else []
    return {word.arg for word in keywords if word.arg and ast.unparse(word.value) == "True"}


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


@cache
def taken_by_the_service(module: str) -> set[str]:
    """What `service` imports from one module of `rules`, by name."""
    trees = [parsed(path) for path in (ROOT / "service").rglob("*.py")]
    found = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return {alias.name for node in found if node.module == module for alias in node.names}


def contracts() -> list[dict[str, object]]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    found: list[dict[str, object]] = project["tool"]["importlinter"]["contracts"]
    return found


def layered_containers() -> set[str]:
    layered = [contract for contract in contracts() if contract["type"] == "layers"]
    return {str(name) for contract in layered for name in named(contract["containers"])}


def named(value: object) -> list[object]:
    assert isinstance(value, list)
    return value


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.name)
def test_rules_import_an_allow_list_of_the_standard_library_and_themselves(path: Path) -> None:
    foreign = {name for name in imported(parsed(path)) if name.split(".")[0] != "rules"}
    assert foreign <= STANDARD_LIBRARY


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.name)
def test_rules_neither_read_nor_write_nor_ask_the_clock(path: Path) -> None:
    calls = set(called(parsed(path)))
    assert not calls & READS_OR_WRITES
    assert not calls & {f".{name}" for name in READS_THE_CLOCK}


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.name)
def test_every_value_that_crosses_between_rules_and_service_is_frozen_and_has_slots(path: Path) -> None:
    taken = taken_by_the_service(f"rules.{path.stem}")
    values = [(name, options) for name, options in dataclass_options(parsed(path)) if name in taken]
    assert [name for name, options in values if not {"frozen", "slots"} <= options] == []


def test_every_layer_contract_is_exhaustive() -> None:
    assert all(contract.get("exhaustive") is True for contract in contracts() if contract["type"] == "layers")


def test_every_package_that_holds_modules_stands_under_a_layer_contract() -> None:
    inits = [path for root in ("rules", "service") for path in (ROOT / root).rglob("__init__.py")]
    packages = {
        ".".join(path.parent.relative_to(ROOT).parts) for path in inits if len(list(path.parent.glob("*.py"))) > 1
    }
    assert packages == layered_containers()
