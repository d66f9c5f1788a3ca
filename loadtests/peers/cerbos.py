"""Cerbos, from npm: CheckResources over HTTP, one core, no audit log, policies from disk that are not watched.

It looks up neither addresses nor accounts: the caller does, and sends the country, the tags and the account's
countries as attributes. That work is not in its figure, but is in Cordon's.
"""

import json
import platform
import shutil
import subprocess
import sys
from pathlib import Path

from loadtests.peers.question import DENIED, RESTRICTED, Told
from loadtests.peers.wire import Peer, Place, post
from loadtests.servers import NotInstalled, Server, free_port

VERSION = "0.51.0"
PATH = "/api/check/resources"
_CODES = json.dumps(DENIED)

_POLICY = f"""\
apiVersion: api.cerbos.dev/v1
resourcePolicy:
  resource: resource
  version: default
  rules:
    - actions: [use]
      effect: EFFECT_ALLOW
      roles: [account]
    - actions: [use]
      effect: EFFECT_DENY
      roles: [account]
      condition:
        match:
          any:
            of:
              - expr: '"{RESTRICTED}" in R.attr.tags && P.attr.country in {_CODES}'
              - expr: 'hasIntersection(P.attr.countries, {_CODES})'
"""

_CONFIGURATION = """\
server:
  httpListenAddr: 127.0.0.1:{http}
  grpcListenAddr: 127.0.0.1:{grpc}
storage:
  driver: disk
  disk:
    directory: {policies}
    watchForChanges: false
telemetry:
  disabled: true
"""


def make_cerbos(place: Place) -> Peer:
    """Cerbos, with one policy.

    Raises:
        NotInstalled: it has not been fetched.
    """
    program = cerbos_program(place.kept)
    if program is None:
        raise NotInstalled("`cerbos` is not installed (npm package `cerbos`: run this with `--fetch`)")
    policies, file, port = place.scratch / "policies", place.scratch / "cerbos.yaml", free_port()
    policies.mkdir()
    (policies / "resource.yaml").write_text(_POLICY)
    file.write_text(_CONFIGURATION.format(http=port, grpc=free_port(), policies=policies))
    command = (str(program), "server", "--config", str(file), "--log-level", "error")
    one_core = {"GOMAXPROCS": "1", "CERBOS_NO_TELEMETRY": "1"}
    server = Server("cerbos", command, f"http://127.0.0.1:{port}", env=one_core, ready_path="/_cerbos/health")
    return Peer(VERSION, server, _request, _allowed)


def cerbos_program(kept: Path) -> Path | None:
    """The program, if it has been fetched."""
    system, machine = sys.platform, platform.machine()
    package = f"cerbos-{system}-{ {'x86_64': 'x64', 'aarch64': 'arm64'}.get(machine, machine) }"
    program = kept / "cerbos" / "node_modules" / "@cerbos" / package / package
    return program if program.exists() else None


def fetch_cerbos(kept: Path) -> None:
    """Install it from npm into the directory of what is kept.

    Raises:
        NotInstalled: npm is missing, or could not install it.
    """
    if shutil.which("npm") is None:
        raise NotInstalled("`npm` is not installed (Debian package `npm`)")
    directory = kept / "cerbos"
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "package.json").write_text('{"private": true}\n')
    command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--save-exact", f"cerbos@{VERSION}"]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotInstalled(f"npm could not install `cerbos`: {done.stderr.strip().splitlines()[-1:]}")


def _request(told: Told) -> bytes:
    attributes = {"country": told.country or "", "countries": told.countries}
    resource = {"kind": "resource", "id": told.resource, "attr": {"tags": told.tags}}
    return post(
        PATH,
        {
            "principal": {"id": told.account, "roles": ["account"], "attr": attributes},
            "resources": [{"resource": resource, "actions": ["use"]}],
        },
    )


def _allowed(status: int, body: bytes) -> bool:
    effect = json.loads(body)["results"][0]["actions"]["use"] if status == 200 else None
    if effect not in ("EFFECT_ALLOW", "EFFECT_DENY"):
        raise ValueError(f"no effect in {body[:200]!r}, status {status}")
    return bool(effect == "EFFECT_ALLOW")
