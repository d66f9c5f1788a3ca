"""What an application loads that asks over HTTP: the client, httpx, and nothing else of the service."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from service import client

PACKAGE = Path(client.__file__).parent


def loaded_by(*modules: str) -> set[str]:
    """Every module that is loaded once these are, in a process of its own."""
    code = f"import sys, json, {', '.join(modules)}; print(json.dumps([*sys.modules]))"
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True)
    return set(json.loads(done.stdout))


def test_who_asks_over_http_loads_the_standard_library_httpx_and_the_client() -> None:
    further = loaded_by("service.client") - loaded_by("httpx", "httpcore")
    foreign = {name for name in further if name.partition(".")[0] not in sys.stdlib_module_names}
    assert {name for name in foreign if name != "service" and not name.startswith("service.client")} == set()


@pytest.mark.parametrize("module", ["middleware", "naming"])
def test_the_middleware_loads_neither_framework_nor_storage(module: str) -> None:
    loaded = loaded_by(f"service.client.{module}")
    assert not {"fastapi", "starlette", "sqlalchemy", "uvicorn", "service.storage", "service.admin"} & loaded


def test_the_package_says_that_it_is_typed() -> None:
    assert (PACKAGE / "py.typed").exists()
