"""Requests per second of the evaluation endpoint, against a constant answer on the same server settings.

Both servers run in processes of their own, and are loaded in turn, so that what else the machine does weighs on both.
Needs `wrk`. Run it as `python -m loadtests.evaluation --data demo`.
"""

import argparse
import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from service.gateways.authzen import EVALUATION_PATH
from service.gateways.wire import Receive, Scope, Send
from service.server import listen, serve
from service.storage.directory import World, load_directory

ADDRESSES = 4096
"""Different ones asked from, spread over the public space, so that the memo of addresses is hit and missed."""
ANSWER = b'{"decision":true,"context":{"decision_id":"' + b"0" * 32 + b'","padding":"' + b"x" * 500 + b'"}}'

_LUA = """
local requests, number = {}, 0
init = function()
  for body in io.lines("%s") do
    requests[#requests + 1] = wrk.format("POST", "%s", {["Content-Type"] = "application/json"}, body)
  end
end
request = function()
  number = number + 1
  return requests[number %% #requests + 1]
end
"""


@dataclass(slots=True)
class Rounds:
    """What was measured of one server."""

    requests_per_second: list[float] = field(default_factory=list)
    peak_mib: float = 0.0

    @property
    def median(self) -> float:
        return statistics.median(self.requests_per_second)


@dataclass(frozen=True, slots=True)
class Load:
    """How each round loads a server."""

    script: Path
    seconds: int
    connections: int


async def constant(scope: Scope, receive: Receive, send: Send) -> None:
    """The cheapest answer there is: the body is read, and nothing is looked at."""
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        return await send({"type": "lifespan.shutdown.complete"})
    while (await receive()).get("more_body"):
        pass
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(ANSWER))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    return await send({"type": "http.response.body", "body": ANSWER})


def serve_constant() -> None:
    """Serve the constant answer on any free port, which is printed."""
    listening = listen("127.0.0.1", 0)
    serve(constant, listening, lambda: print(f"at {listening.url}", flush=True))


def questions(world: World) -> list[str]:
    """Bodies in which accounts, resources and addresses vary."""
    accounts, resources = [*world.accounts, "nobody"], [*world.resources, "anything"]
    bodies = []
    for number in range(ADDRESSES):
        ip = f"{1 + number * 37 % 222}.{number * 101 % 256}.{number * 13 % 256}.{number % 256}"
        question = {
            "subject": {"type": "account", "id": accounts[number % len(accounts)]},
            "resource": {"type": "resource", "id": resources[number % len(resources)]},
            "action": {"name": "use"},
            "context": {"ip": ip},
        }
        bodies.append(json.dumps(question))
    return bodies


def started(arguments: Sequence[str], stack: ExitStack) -> tuple[subprocess.Popen[str], str]:
    """A server process and its URL, once it says that it is ready."""
    command = [sys.executable, "-m", *arguments]
    process = stack.enter_context(
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    )
    stack.callback(process.terminate)
    assert process.stdout is not None
    for line in process.stdout:
        if found := re.search(r"at (http://[0-9.:]+)", line):
            return process, found[1]
    raise SystemExit(f"`{' '.join(arguments)}` never became ready")


def loaded(url: str, load: Load) -> float:
    """Requests per second of one round."""
    command = ["wrk", "-t1", f"-c{load.connections}", f"-d{load.seconds}s", "-s", str(load.script), url]
    report = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in report or "Socket errors" in report:
        raise SystemExit(f"not every request was answered:\n{report}")
    return float(re.findall(r"Requests/sec:\s+([0-9.]+)", report)[0])


def peak_mib(process_id: int) -> float:
    """The most memory that a process ever held, where the system says so."""
    try:
        status = Path(f"/proc/{process_id}/status").read_text()
    except OSError:
        return float("nan")
    return int(re.findall(r"VmHWM:\s+([0-9]+)", status)[0]) / 1024


def measure(data: Path, load: Load, rounds: int) -> Mapping[str, Rounds]:
    """Load both servers in turn."""
    measured = {"constant": Rounds(), "evaluation": Rounds()}
    with ExitStack() as stack:
        servers = {
            "constant": started(["loadtests.evaluation", "--serve-constant"], stack),
            "evaluation": started(["service.cli", "serve", "--data", str(data), "--port", "0"], stack),
        }
        for round in range(rounds + 1):
            for name, (process, url) in servers.items():
                found = loaded(url, load)
                if round:  # the first one only warms up
                    measured[name].requests_per_second.append(found)
                measured[name].peak_mib = peak_mib(process.pid)
    return measured


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("demo"))
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--serve-constant", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve_constant:
        return serve_constant()
    if not shutil.which("wrk"):
        raise SystemExit("`wrk` is not installed: nothing was measured")
    with tempfile.TemporaryDirectory() as scratch:
        bodies, script = Path(scratch, "bodies"), Path(scratch, "load.lua")
        bodies.write_text("\n".join(questions(load_directory(options.data))))
        script.write_text(_LUA % (bodies, EVALUATION_PATH))
        measured = measure(options.data, Load(script, options.seconds, options.connections), options.rounds)
    report(measured)
    return None


def report(measured: Mapping[str, Rounds]) -> None:
    """Print the medians, the ratio to the constant answer, and the memory."""
    base = measured["constant"].median
    print(f"{'':<12}{'requests/s':>12}{'ratio':>8}{'peak MiB':>10}")
    for name, rounds in measured.items():
        print(f"{name:<12}{rounds.median:>12,.0f}{rounds.median / base:>8.2f}{rounds.peak_mib:>10.0f}")


if __name__ == "__main__":
    main()
