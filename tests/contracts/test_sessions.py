"""The sessions that the pages show can be pasted: each command runs, and prints what is shown."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pages import PAGES, ROOT, Step, agrees, session

PAGES_WITH_SESSIONS = [page for page in PAGES if any(isinstance(part, Step) for part in session(page))]
START_SECONDS = 30.0
BIN = str(Path(sys.executable).parent)


def environment() -> dict[str, str]:
    return {
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "HOME": "/nonexistent",
        "COLUMNS": "120",
        "LANG": "C.UTF-8",
    }


def printed(command: str, directory: Path) -> str:
    """What a terminal shows: results and messages."""
    words = ["bash", "-c", f"exec 2>&1; {command}"]
    done = subprocess.run(words, cwd=directory, env=environment(), stdout=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 0, f"$ {command}\n{done.stdout}"
    return done.stdout


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A directory with what a session finds in a clone, and may write into."""
    for name in ("demo", "tests/cases"):
        shutil.copytree(ROOT / name, tmp_path / name)
    return tmp_path


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Where `cordon serve` answers with the demo's data."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free: int = probe.getsockname()[1]
    words = [f"{BIN}/cordon", "serve", "--data", "demo", "--gateways", "deploy/gateways/gateways.yaml"]
    server = subprocess.Popen(
        [*words, "--host", "127.0.0.1", "--port", str(free)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(free)
        yield free
    finally:
        server.terminate()
        server.wait(timeout=START_SECONDS)


def wait_for(port: int) -> None:
    last = time.monotonic() + START_SECONDS
    while time.monotonic() < last:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("the service did not start")


def test_the_readme_opens_with_the_two_commands() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.search(r"^make run$", text, re.MULTILINE)
    assert re.search(r"^make test$", text, re.MULTILINE)


@pytest.mark.skipif(shutil.which("curl") is None, reason="the sessions ask by curl")
@pytest.mark.parametrize("page", PAGES_WITH_SESSIONS, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_reader_who_follows_the_page_sees_what_it_shows(page: Path, checkout: Path, port: int) -> None:
    for part in session(page):
        if isinstance(part, Step):
            got = printed(part.command.replace("127.0.0.1:8080", f"127.0.0.1:{port}"), checkout)
            assert agrees(part.shown, got), f"$ {part.command}\n{got}"
        else:
            write(checkout / str(part.file), part.text)


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
