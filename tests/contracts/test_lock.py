"""The lock files: complete, hashed, and free of anything that belongs to one machine."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
LOCKS = ("runtime", "build", "dev")
PIN = re.compile(
    r"^(?P<name>[a-z0-9._-]+)==(?P<version>[^ ;]+)(?P<rest>[^\n]*(?:\n {4}--hash=sha256:[0-9a-f]{64}.*)*)", re.M
)


def lock(name: str) -> str:
    return (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")


def pins(name: str) -> dict[str, str]:
    return {found["name"]: found["version"] for found in PIN.finditer(lock(name))}


def wanted(name: str) -> set[str]:
    lines = (ROOT / "requirements" / f"{name}.in").read_text(encoding="utf-8").splitlines()
    return {line for line in lines if line and not line.startswith(("#", "-"))}


@pytest.mark.parametrize("name", LOCKS)
def test_every_pin_carries_a_hash(name: str) -> None:
    assert [found["name"] for found in PIN.finditer(lock(name)) if "--hash" not in found["rest"]] == []


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_names_no_index_no_address_and_no_path(name: str) -> None:
    assert re.findall(r"^-.*|\S*://\S*|(?<!\S)/\S*| @ .*", lock(name), re.M) == []


@pytest.mark.parametrize("name", LOCKS)
def test_everything_asked_for_is_locked(name: str) -> None:
    assert {re.split(r"[; \[]", line)[0] for line in wanted(name)} <= set(pins(name))


@pytest.mark.parametrize("name", ["runtime", "build"])
def test_development_runs_on_the_versions_that_ship(name: str) -> None:
    assert pins(name).items() <= pins("dev").items()


def test_the_package_declares_what_the_runtime_lock_holds() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert set(project["project"]["dependencies"]) == wanted("runtime")


def test_the_build_lock_holds_the_declared_back_end() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert {re.split(r"[><=]", line)[0] for line in project["build-system"]["requires"]} == wanted("build")
