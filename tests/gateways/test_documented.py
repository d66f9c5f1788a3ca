"""Traefik, APISIX and Kong: Cordon is sent what their documentation says that they send, as the shipped files have it.

The programs themselves are not run: they are in no place that the tests install from.
"""

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.gateways.running import ROUTES, SHIPPED, Cordon
from tests.gateways.scenario import CRIMEA, CUSTOMER, GERMANY, SUSPENDED, UNCLEAR
from tests.pages import ROOT, Block, blocks

SCENARIOS = [
    (CUSTOMER, GERMANY, 200, "allow"),
    (CUSTOMER, CRIMEA, 451, "deny"),
    (SUSPENDED, GERMANY, 403, "deny"),
    (UNCLEAR, GERMANY, 403, "challenge"),
    (None, GERMANY, 403, "challenge"),
    (CUSTOMER, "127.0.0.1", 403, "challenge"),
]


def shipped_yaml(path: str) -> Any:
    return yaml.safe_load((SHIPPED / path).read_text(encoding="utf-8"))


def asked_at(cordon: Cordon, address: str) -> str:
    """The shipped URL, where Cordon answers here."""
    assert address.startswith("http://127.0.0.1:8080/")
    return address.replace("http://127.0.0.1:8080", cordon.url)


def forwarded(address: str) -> dict[str, str]:
    """What both send of the request by themselves."""
    return {
        "X-Forwarded-Method": "POST",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "models.quillmere.example",
        "X-Forwarded-Uri": "/v1/models",
        "X-Forwarded-For": address,
    }


@pytest.mark.parametrize(("account", "address", "status", "effect"), SCENARIOS)
def test_traefik_is_answered(demo_cordon: Cordon, account: str | None, address: str, status: int, effect: str) -> None:
    """SOURCE: https://doc.traefik.io/traefik/v3.7/reference/routing-configuration/http/middlewares/forwardauth"""
    check = shipped_yaml("traefik/dynamic.yaml")["http"]["middlewares"]["may-they"]["forwardAuth"]
    headers = forwarded(address) | ({"X-Api-Account": account} if account else {})
    assert set(headers) - set(forwarded(address)) <= set(check["authRequestHeaders"])
    answer = httpx.get(asked_at(demo_cordon, check["address"]), headers=headers)
    assert (answer.status_code, answer.headers["X-Cordon-Effect"]) == (status, effect)
    assert_told(answer, check["authResponseHeaders"], check["maxResponseBodySize"])


@pytest.mark.parametrize(("account", "address", "status", "effect"), SCENARIOS)
def test_apisix_is_answered(demo_cordon: Cordon, account: str | None, address: str, status: int, effect: str) -> None:
    """SOURCE: https://apisix.apache.org/docs/apisix/3.20/plugins/forward-auth/"""
    check = shipped_yaml("apisix/apisix.yaml")["routes"][0]["plugins"]["forward-auth"]
    variables = {"$consumer_name": account or "", "$remote_addr": address}
    extra = {name: variables[value] for name, value in check["extra_headers"].items()}
    answer = httpx.get(asked_at(demo_cordon, check["uri"]), headers=forwarded("6.6.6.6") | extra)
    assert (answer.status_code, answer.headers["X-Cordon-Effect"]) == (status, effect)
    assert_told(answer, check["upstream_headers"], 65_536)
    if status != 200:
        assert {"content-type", "cache-control", "content-language"} <= {h.lower() for h in check["client_headers"]}
        assert ("link" in answer.headers) == (status == 451)


def assert_told(answer: httpx.Response, names: list[str], limit_bytes: int) -> None:
    """The application is told what Cordon says; nobody keeps a denial."""
    if answer.status_code == 200:
        assert [name for name in names if not answer.headers.get(name)] == []
        assert answer.content == b""
        return
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json()["status"] == answer.status_code
    assert len(answer.content) < limit_bytes


@pytest.mark.parametrize(("account", "address", "status", "effect"), SCENARIOS)
def test_kongs_question_is_answered(
    demo_cordon: Cordon, account: str | None, address: str, status: int, effect: str
) -> None:
    """SOURCE: https://developer.konghq.com/plugins/post-function/"""
    subject = {"type": "account", "id": account} if account else {"type": "anonymous", "id": "anonymous"}
    question = {
        "subject": subject,
        "resource": {"type": "resource", "id": "quill-large"},
        "action": {"name": "use"},
        "context": {"ip": address},
    }
    answer = httpx.post(demo_cordon.url + "/access/v1/evaluation", json=question)
    context: Mapping[str, Any] = answer.json()["context"]
    assert (answer.status_code, answer.json()["decision"]) == (200, status == 200)
    assert (context["effect"], context.get("status", 200)) == (effect, status)
    assert context["decision_id"]
    assert isinstance(context["reason_user"], dict)


@pytest.mark.skipif(shutil.which("haproxy") is None, reason="haproxy, whose Lua reads it, is not installed")
@pytest.mark.parametrize("script", ["kong/cordon.lua", "haproxy/cordon.lua"])
def test_every_script_is_lua(tmp_path: Path, script: str) -> None:
    broken = tmp_path / "cordon.lua"
    broken.write_text((SHIPPED / script).read_text(encoding="utf-8") + "\nend end\n", encoding="utf-8")
    assert "cordon.lua" in faults_of_lua(broken, tmp_path)
    assert "cordon.lua" not in faults_of_lua(SHIPPED / script, tmp_path)


def faults_of_lua(script: Path, directory: Path) -> str:
    """What HAProxy says of a script that it reads and does not run."""
    (directory / "check.lua").write_text(f"assert(loadfile('{script}'))\n", encoding="utf-8")
    (directory / "check.cfg").write_text(f"global\n    lua-load {directory / 'check.lua'}\n", encoding="utf-8")
    command = ["haproxy", "-c", "-f", str(directory / "check.cfg")]
    return subprocess.run(command, capture_output=True, text=True, check=False).stderr


def test_every_route_that_a_shipped_file_asks_about_is_shipped() -> None:
    routes = yaml.safe_load(ROUTES.read_text(encoding="utf-8"))["routes"]
    files = [path for path in SHIPPED.rglob("*") if path.is_file()]
    text = "\n".join(path.read_text(encoding="utf-8") for path in files)
    asked = re.findall(r"(?:/check/[a-z-]+/|set \$cordon_route |lua[.]cordon )([a-z][a-z-]*)", text)
    assert {"models", "models-kept", "models-forwarded"} <= set(asked)
    assert set(asked) <= set(routes)


def test_traefik_knows_every_name_that_it_removes() -> None:
    removed = shipped_yaml("traefik/dynamic.yaml")["http"]["middlewares"]["nothing-forged"]["headers"]
    names = {name for name, value in removed["customRequestHeaders"].items() if value == ""}
    guard = (SHIPPED / "nginx" / "cordon-headers.conf").read_text(encoding="utf-8")
    assert {line.split()[1] for line in guard.splitlines() if line.startswith("proxy_set_header")} <= names


QUOTING = ("nginx", "haproxy", "caddyfile", "yaml", "lua")
QUOTED = [
    (name, block)
    for name in ("nginx", "haproxy", "caddy", "traefik", "apisix", "kong")
    for block in blocks(ROOT / "docs" / "how-to" / f"put-cordon-behind-{name}.md")
    if block.language in QUOTING
]


@pytest.mark.parametrize(("name", "block"), QUOTED, ids=str)
def test_what_a_page_shows_stands_in_a_shipped_file(name: str, block: Block) -> None:
    def lines(text: str) -> str:
        return "\n".join(line.strip() for line in text.splitlines())

    files = [path.read_text(encoding="utf-8") for path in (SHIPPED / name).iterdir()]
    assert [text for text in files if lines(block.text).strip() in lines(text)]
