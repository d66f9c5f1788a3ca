"""Cordon: the same rules and records as a directory of data; over HTTP as it is served, and in process."""

import asyncio
import csv
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from loadtests.peers.question import DENIED, RESTRICTED, Told, World
from loadtests.peers.wire import Peer, Place, post, says_decision
from loadtests.servers import Server, free_port
from rules.evaluate import evaluate
from rules.facts import AccountId, Request, ResourceId
from service.app import assemble
from service.clocks import utc_now
from service.decide import AccessRequest, Answer
from service.gateways.authzen import EVALUATION_PATH
from service.parts import Service
from service.settings import Settings
from service.version import own_version

Decisions = Callable[[], list[bool]]
"""Decides the same questions again."""

_POLICY = f"""\
language: 1
ruleset: peers
default: allow
if_unknown: skip
groups:
  denied: {json.dumps(DENIED)}
rules:
  - {{id: located, effect: deny, when: {{location: {{in: ["@denied"]}}, resource: {{tags: [{RESTRICTED}]}}}}}}
  - {{id: billed, effect: deny, when: {{declared: {{in: ["@denied"]}}}}}}
  - {{id: seated, effect: deny, when: {{entity: {{seat_in: ["@denied"], basis: [headquarters]}}}}}}
"""


def write_directory(world: World, directory: Path) -> Path:
    """The rules and what is recorded, as Cordon reads them."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "policy.yaml").write_text(_POLICY)
    accounts = world.accounts.items()
    _write(directory / "entities.csv", ("id", "headquarters"), ((f"of-{id}", one.seat or "") for id, one in accounts))
    columns = ("id", "entity", "declared.billing")
    _write(directory / "accounts.csv", columns, ((id, f"of-{id}", one.billing or "") for id, one in accounts))
    _write(directory / "resources.csv", ("id", "tags"), ((id, ";".join(tags)) for id, tags in world.resources.items()))
    return directory


def make_cordon(place: Place) -> Peer:
    """Cordon over that directory, with metrics and the decision log on."""
    directory, port = write_directory(place.world, place.scratch / "data"), free_port()
    command = (sys.executable, "-m", "service.cli", "serve", "--data", str(directory), "--port", str(port))
    log = {"CORDON_DECISION_LOG": str(place.scratch / "decisions")}
    server = Server("cordon", command, f"http://127.0.0.1:{port}", env=log, ready_path="/readyz")
    return Peer(own_version(), server, _request, says_decision)


def open_service(directory: Path) -> Service:
    """Cordon in this process."""
    service = assemble(Settings(data=directory))
    service.programs.load()
    return service


def decisions(service: Service, asked: Sequence[Told]) -> Decisions:
    """Whole decisions: screenings at hand, the address located, the decision counted."""
    requests = _requests(asked)
    return lambda: [answer.decision.effect == "allow" for answer in asyncio.run(_answers(service, requests))]


def evaluations(service: Service, asked: Sequence[Told]) -> Decisions:
    """The rules alone, with everything looked up before: what the engines that look nothing up are compared with."""
    snapshot = service.programs.current
    program = snapshot.program
    prepared = []
    for answer in asyncio.run(_answers(service, _requests(asked))):
        found = snapshot.screenings.at_hand(answer.request)
        assert found is not None
        located = answer.located
        moment = Request(answer.request.at, located.location, located.address, answer.request.action)
        prepared.append((found[0].screening, found[1].screening, moment))
    return lambda: [evaluate(program, *one).effect == "allow" for one in prepared]


def _requests(asked: Sequence[Told]) -> list[AccessRequest]:
    now = utc_now()
    return [AccessRequest(AccountId(told.account), ResourceId(told.resource), now, told.address) for told in asked]


async def _answers(service: Service, requests: Sequence[AccessRequest]) -> list[Answer]:
    return [await service.decider.decide(request) for request in requests]


def _request(told: Told) -> bytes:
    return post(
        EVALUATION_PATH,
        {
            "subject": {"type": "account", "id": told.account},
            "resource": {"type": "resource", "id": told.resource},
            "action": {"name": "use"},
            "context": {"ip": told.address},
        },
    )


def _write(file: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with file.open("w", encoding="utf-8", newline="") as opened:
        csv.writer(opened).writerows((columns, *rows))
