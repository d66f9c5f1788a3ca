"""The image, checked as far as it can be without an engine: its sources exist and its commands run elsewhere."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
START_SECONDS = 30.0


def instructions() -> list[tuple[str, str]]:
    """Every instruction of the Dockerfile with its argument, continued lines joined."""
    text = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text(encoding="utf-8"))
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines)]


def arguments(word: str) -> list[str]:
    return [rest for found, rest in instructions() if found == word]


def copied() -> list[str]:
    """What is copied from the tree, and not from another stage."""
    copies = [rest.split() for rest in arguments("COPY") if "--from" not in rest]
    return [source for words in copies for source in words[:-1]]


def command(text: str) -> list[str]:
    words: list[str] = json.loads(text[text.index("[") :])
    return words


def pip_command(word: str) -> list[str]:
    """The words after `python -m pip` of the one RUN that does `pip <word> --no-index`."""
    found = [rest for rest in arguments("RUN") if f"pip {word} --no-index" in rest]
    assert len(found) == 1
    return found[0].split(" -m pip ")[1].split()


def run(*words: str, cwd: Path, path: str = os.defpath) -> str:
    """Run in a clean environment; what it printed."""
    done = subprocess.run(words, cwd=cwd, env={"PATH": path}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def in_image(words: list[str], places: dict[str, str]) -> list[str]:
    """The words with the image's places exchanged for this machine's."""
    return [re.sub("|".join(map(re.escape, places)), lambda found: places[found[0]], word) for word in words]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory like the image: `cordon`, an environment with the wheel and the locked packages, and `empty`."""
    place = tmp_path_factory.mktemp("image")
    source, wheels, environment = place / "source", place / "wheels", place / "cordon"
    for name in copied():
        copy(ROOT / name, source / name)
    build = in_image(pip_command("wheel"), {"/wheels": str(wheels)})
    run(sys.executable, "-m", "pip", *build, cwd=source)
    run(sys.executable, "-m", "venv", "--without-pip", str(environment), cwd=place)
    install = in_image(pip_command("install"), {"/wheels": str(wheels)})
    run(sys.executable, "-m", "pip", "--python", str(environment / "bin" / "python"), *install, cwd=place)
    lend_packages(environment)
    (place / "empty").mkdir()
    return place


def copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)


def lend_packages(environment: Path) -> None:
    """Let the environment see the packages installed here, but not the tree: a nested `.pth` is not followed."""
    found = next(environment.glob("lib/python*/site-packages"))
    (found / "lent.pth").write_text(sysconfig.get_paths()["purelib"] + "\n", encoding="utf-8")


@contextmanager
def serving(image: Path, places: dict[str, str]) -> Iterator[None]:
    """The image's own command, while it runs."""
    words = in_image(command(arguments("CMD")[0]), places)
    words[0] = str(image / "cordon" / "bin" / words[0])
    with (image / "log").open("w", encoding="utf-8") as log:
        server = subprocess.Popen(words, cwd=image / "empty", env={"PATH": os.defpath}, stdout=log, stderr=log)
        try:
            yield
        finally:
            server.terminate()
            server.wait(timeout=START_SECONDS)


def healthy(image: Path, places: dict[str, str]) -> bool:
    words = in_image(command(arguments("HEALTHCHECK")[0]), places)
    words[0] = str(image / "cordon" / "bin" / words[0])
    return subprocess.run(words, cwd=image / "empty", stderr=subprocess.DEVNULL, check=False).returncode == 0


def test_every_source_that_the_image_copies_exists() -> None:
    assert [name for name in copied() if not (ROOT / name).exists()] == []


def test_the_ignore_file_lets_exactly_those_sources_through() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert {line[1:].rstrip("/") for line in lines if line.startswith("!")} == {name.split("/")[0] for name in copied()}


def test_the_licences_of_code_and_data_are_in_the_image() -> None:
    assert "LICENSE" in copied()
    assert (ROOT / "service" / "geo" / "data" / "DBIP-LICENSE.txt").exists()


def test_every_stage_starts_from_one_pinned_base() -> None:
    bases = {rest.split()[0] for rest in arguments("FROM")}
    assert len(bases) == 1
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-[a-z]+", bases.pop())


def test_everything_from_outside_is_installed_by_hash() -> None:
    installs = [rest for rest in arguments("RUN") if "pip install" in rest]
    assert [rest for rest in installs if "--require-hashes" not in rest and "--no-index" not in rest] == []


def test_the_service_runs_as_an_unprivileged_user() -> None:
    user = arguments("USER")[-1].split(":")[0]
    assert user.isdecimal()
    assert int(user) > 0


def test_the_installed_command_works_outside_the_tree(image: Path) -> None:
    cordon = str(image / "cordon" / "bin" / "cordon")
    assert "0.1.0" in run(cordon, "--version", cwd=image / "empty")
    assert "us-embargo" in run(cordon, "packs", "list", cwd=image / "empty")
    assert "located" in run(cordon, "locate", "8.8.8.8", "--output", "json", cwd=image / "empty")


def test_the_image_serves_and_its_health_check_tells(image: Path) -> None:
    places = {"/data": str(ROOT / "demo"), "0.0.0.0": "127.0.0.1", "8080": str(free_port())}
    assert not healthy(image, places)
    with serving(image, places):
        assert becomes_healthy(image, places), (image / "log").read_text(encoding="utf-8")


def becomes_healthy(image: Path, places: dict[str, str]) -> bool:
    """Ask as the engine would, until it is healthy or time is up."""
    last = time.monotonic() + START_SECONDS
    while time.monotonic() < last:
        if healthy(image, places):
            return True
    return False
