"""A small world on disk, and the service over it: with a clock that stands still and ids that count."""

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvloop

from service.app import assemble
from service.locations import Locations, open_locations
from service.parts import Service
from service.settings import Permission, Settings

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)

WORLD: Mapping[str, str] = {
    "policy.yaml": """
language: 1
ruleset: small-world
default: allow
if_unknown: challenge
include: [beside]
rules:
  - id: owned-from-afar
    effect: deny
    when: {owned: {by: {seat_in: [CN]}, share: ">= 50%"}}
    reason: owner.afar
    message: The organisation is owned from afar.
    source: A law
    obligations: [{type: suggest, properties: {resource: other}}]
  - id: declared-afar
    effect: deny
    when: {declared: {signals: [billing], in: [CN]}}
    reason: declared.afar
    if_unknown: skip
  - id: busy
    effect: deny
    when: {activity: {count: countries, over: ">= 3", within: PT24H}}
    reason: activity.busy
    if_unknown: skip
  - id: watched
    effect: deny
    mode: monitor
    when: {action: [use]}
    reason: watched
  - id: from-2030
    effect: deny
    when: {action: [use]}
    reason: later
    effective: {from: 2030-01-01T00:00:00Z}
""",
    "beside.yaml": """
language: 1
ruleset: beside
default: allow
if_unknown: challenge
rules:
  - id: located-afar
    effect: deny
    when: {location: {in: [CN]}}
    reason: location.afar
    if_unknown: skip
""",
    "entities.csv": """id,name,headquarters,incorporation,acts_with
far,Far Ltd,CN,CN,
near,Near AG,DE,DE,
half,Half SA,FR,FR,
""",
    "interests.csv": "owner,subject,share,source\nfar,half,50%,register\n",
    "accounts.csv": "id,entity,tags,declared.billing\nacct-near,near,trial;eu,DE\nacct-half,half,,FR\nacct-bare,,,\n",
    "resources.csv": "id,tags,provider\ntool,high-risk,near\n",
}


def write_world(directory: Path, changes: Mapping[str, str] | None = None) -> Path:
    """The small world as files; what `changes` names is different, or new."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in {**WORLD, **(changes or {})}.items():
        directory.joinpath(name).write_text(text, encoding="utf-8")
    return directory


def question(**context: object) -> dict[str, Any]:
    """A question that is in order."""
    return {
        "subject": {"type": "account", "id": "acct-near"},
        "resource": {"type": "tool", "id": "tool"},
        "action": {"name": "use"},
        "context": {"ip": "8.8.8.8", **context},
    }


@dataclass(frozen=True, slots=True)
class Asker:
    """Speaks HTTP with the application, in the same process."""

    service: Service
    run: Callable[[Coroutine[Any, Any, httpx.Response]], httpx.Response] = asyncio.run
    """On which event loop."""

    def send(
        self, method: str, path: str, content: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        return self.run(
            self._send(httpx.Request(method, f"http://cordon.test{path}", content=content, headers=headers))
        )

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
        return self.send("GET", path, headers=headers)

    def post(self, path: str, document: object, headers: Mapping[str, str] | None = None) -> httpx.Response:
        headers = {"content-type": "application/json", **(headers or {})}
        return self.send("POST", path, json.dumps(document).encode(), headers)

    def evaluate(self, document: object) -> dict[str, Any]:
        """The answer to a question that is in order."""
        response = self.post("/access/v1/evaluation", document)
        assert response.status_code == 200, response.text
        return dict(response.json())

    async def _send(self, request: httpx.Request) -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self.service.app)) as client:
            return await client.send(request)


@cache
def embedded() -> Locations:
    """The address data that ships, opened once."""
    return open_locations()


def serving(directory: Path, *, may: frozenset[Permission] | None = None, **settings: Any) -> Asker:
    """The service over a directory, its data loaded."""
    ids = count(1)
    caller_may: frozenset[Permission] = frozenset({"time", "facts", "explain", "search"}) if may is None else may
    service = assemble(
        Settings(data=directory, caller_may=caller_may, **settings),
        clock=lambda: NOW,
        new_id=lambda: f"decision-{next(ids)}",
        locations=open_locations(settings["geo"]) if "geo" in settings else embedded(),
    )
    service.programs.load()
    assert service.programs.refusal is None
    return Asker(service)


@pytest.fixture(scope="session")
def asker(tmp_path_factory: pytest.TempPathFactory) -> Asker:
    """The small world, served to a caller who may do everything."""
    return serving(write_world(tmp_path_factory.mktemp("data")))


@pytest.fixture(scope="session")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Asker:
    """The small world, served to a caller who may only ask."""
    return serving(write_world(tmp_path_factory.mktemp("data")), may=frozenset())


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """The server's kind of event loop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        yield runner.get_loop()
