"""What the page on Python applications shows works as it stands; its sessions are run with those of all pages."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.client.served import DEMO, GERMANY, Cordon, application
from tests.pages import ROOT, blocks

PAGE = ROOT / "docs" / "how-to" / "ask-from-a-python-application.md"
SHOWN = {block.file: block.text for block in blocks(PAGE) if block.file}


def shown(name: str, directory: Path) -> Any:
    """The application of a file that the page shows."""
    file = directory / name
    file.write_text(SHOWN[name], encoding="utf-8")
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.app


@pytest.fixture
def signed_in(cordon: Cordon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx.Client]:
    """Somebody at the guarded application."""
    monkeypatch.setenv("CORDON", cordon.socket)
    with application(shown("app.py", tmp_path)) as url, httpx.Client(base_url=url) as client:
        assert client.post("/sign-in/acct-northwind").json() == {"signed in": "acct-northwind"}
        yield client


def test_the_guarded_application_lets_in_who_may_come_in(signed_in: httpx.Client) -> None:
    allowed = signed_in.get("/models/large", headers={"X-Forwarded-For": GERMANY})
    assert allowed.json() == {"decided by": "serve-models"}
    blocked = signed_in.get("/models/large", headers={"X-Forwarded-For": "31.28.224.1"})
    assert (blocked.status_code, blocked.json()["contact"]) == (451, "compliance@quillmere.example")
    unknown = httpx.get(f"{signed_in.base_url}/models/large", headers={"X-Forwarded-For": GERMANY})
    assert (unknown.status_code, unknown.json()["kind"]) == (403, "challenged")


def test_the_application_with_a_service_inside_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA", str(DEMO))
    with application(shown("inside.py", tmp_path)) as url:
        reply = httpx.get(url)
    assert (reply.status_code, reply.json()["kind"]) == (403, "challenged")  # this machine lies nowhere


def test_every_program_that_the_page_shows_is_run() -> None:
    assert SHOWN.keys() == {"ask.py", "several.py", "app.py", "inside.py"}
