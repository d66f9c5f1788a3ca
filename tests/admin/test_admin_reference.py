"""The reference of the admin API names every endpoint with what it requires, and no other."""

import json
import re
import subprocess
import sys

from starlette.routing import BaseRoute

from service.admin.api import ROUTERS
from service.admin.calls import Requires
from service.storage.audit import document_of, entries
from service.storage.database import Database
from tests.pages import ROOT, all_blocks
from tests.storage.test_audit import write

PAGE = ROOT / "docs" / "reference" / "admin-api.md"
HOW_TO = ROOT / "docs" / "how-to" / "verify-the-audit-trail.md"


def required(route: BaseRoute) -> str:
    """The function that a route requires."""
    calls = [dependency.call for dependency in route.dependant.dependencies]  # type: ignore[attr-defined]
    functions = [call.function for call in calls if isinstance(call, Requires)]
    return f"`{functions[0]}`" if functions else "none"


def test_every_endpoint_is_in_the_reference_with_the_function_that_it_requires() -> None:
    shown = re.findall(r"^\| `([A-Z]+ /[^`]+)` \| .+ \| (\S+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    served = [
        (f"{method} {route.path.replace(':path', '')}", required(route))  # type: ignore[attr-defined]
        for router in ROUTERS
        for route in router.routes
        for method in route.methods  # type: ignore[attr-defined]
    ]
    assert sorted(shown) == sorted(served)


def test_an_export_can_be_followed_without_cordon(sqlite_database: Database) -> None:
    write(sqlite_database, "a", "ü", "c")
    with sqlite_database.reading() as connection:
        documents = [document_of(row) for row in entries(connection)]
    digest = documents[-1]["digest"]
    assert followed(documents) == f"3 entries, ending in {digest}\n"
    documents[1]["actor"] = "test:b"
    assert "entry 2 is not what was written" in followed(documents)


def followed(documents: list[dict[str, object]]) -> str:
    """What the program on the page says of an export."""
    [program] = [block.text for block in all_blocks("python") if block.page == HOW_TO]
    lines = "".join(json.dumps(document) + "\n" for document in documents)
    done = subprocess.run([sys.executable, "-c", program], input=lines, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr
