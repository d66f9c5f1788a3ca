"""What a gateway loses by asking: each real one with its shipped configuration, asking Cordon, asking something that
answers the same always, keeping answers where it can, and not asking at all. All in interleaved rounds.

The gateway and what it asks share one core; wrk and the application behind the gateway share the other. Every request
is one that is let through. Prints a table; asserts nothing, since machines are noisy.
`python -m loadtests.gateways --help`.
"""

import csv
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Annotated, Any, Final, Optional

import httpx
import typer

from loadtests.addresses import Addresses
from loadtests.feeds import Script, write_script
from loadtests.lineup import CORDON_READY_SECONDS, nginx_constant
from loadtests.rounds import Contender, interleave, ratio
from loadtests.servers import LOAD_CORES, SERVER_CORES, Server, free_port, running
from service.locations import open_locations
from tests.gateways.envoys import ENVOY, envoy
from tests.gateways.programs import LAUNCHING, Launching, Site, is_installed, nginx
from tests.gateways.running import DEMO, ROUTES, Program

MEMORY: Final = Path("/dev/shm")
"""Where what gateways keep should lie, if it is there."""
APPLICATION_BYTES: Final = 200
BATCH: Final = 1_000
COMPARED: Final = (("cordon", "constant"), ("cordon", "none"), ("constant", "none"), ("kept", "none"), ("grpc", "none"))
REQUEST: Final = (
    "GET {path} HTTP/1.1\r\nHost: application\r\nX-Api-Account: {account}\r\nX-Forwarded-For: {address}\r\n\r\n"
)


@dataclass(frozen=True, slots=True)
class Form:
    """One way in which a gateway is run."""

    gateway: str
    way: str
    """`none`: it does not ask; `constant` and `cordon`: whom it asks; `kept`: Cordon, and it keeps answers; `grpc`."""
    launch: Launching
    path: str = "/"

    @property
    def name(self) -> str:
        return f"{self.gateway}: {self.way}"


def forms() -> Iterator[Form]:
    """Every way in which the gateways that are installed are run."""
    unguarded: Mapping[str, Launching] = {"nginx": _plain_nginx, "haproxy": _plain_haproxy, "caddy": _plain_caddy}
    for gateway, plain in unguarded.items():
        if is_installed(gateway):
            yield Form(gateway, "none", plain)
            yield Form(gateway, "constant", LAUNCHING[gateway])
            yield Form(gateway, "cordon", LAUNCHING[gateway])
    if is_installed("nginx"):
        yield Form("nginx", "kept", partial(nginx, main="kept.conf"))
    if ENVOY.exists():
        by_http, by_grpc = (partial(envoy, wire=wire, changes={}) for wire in ("http", "grpc"))
        yield Form("envoy", "none", by_http, "/healthz")  # the one path that the shipped configuration leaves open
        yield Form("envoy", "constant", by_http)
        yield Form("envoy", "cordon", by_http)
        yield Form("envoy", "grpc", by_grpc)


def _plain_nginx(site: Site) -> Program:
    file = site.directory / "nginx" / "nginx.conf"
    return _changed(nginx(site), file, "include cordon-guard.conf;", "include cordon-headers.conf;")


def _plain_haproxy(site: Site) -> Program:
    asking = "http-request lua.cordon models closed"
    allowed = "http-request set-var(txn.cordon_effect) str(allow)"
    return _changed(LAUNCHING["haproxy"](site), site.directory / "haproxy" / "haproxy.cfg", asking, allowed)


def _plain_caddy(site: Site) -> Program:
    program = LAUNCHING["caddy"](site)
    plain = f"{{\n\tadmin off\n\tauto_https off\n}}\n:{site.port} {{\n\treverse_proxy {site.application}\n}}\n"
    (site.directory / "caddy" / "Caddyfile").write_text(plain, encoding="utf-8")
    return program


def _changed(program: Program, file: Path, line: str, other: str) -> Program:
    text = file.read_text(encoding="utf-8")
    assert line in text, f"`{line}` is not in {file.name}"
    file.write_text(text.replace(line, other), encoding="utf-8")
    return program


@dataclass(frozen=True, slots=True)
class Stand:
    """What all gateways share."""

    directory: Path
    stack: ExitStack
    application: str
    """Address of the application behind them."""
    clients: Sequence[tuple[str, str]]

    def socket(self, way: str) -> Path:
        """What a gateway asks."""
        return self.directory / {"constant": "constant.sock", "grpc": "grpc.sock"}.get(way, "cordon.sock")

    def contender(self, form: Form) -> Contender:
        """A gateway that runs, with its load."""
        directory = self.directory / form.name.replace(": ", "-")
        directory.mkdir()
        site = Site(directory, free_port(), self.application, self.socket(form.way))
        program = form.launch(site)
        for file in directory.glob("nginx/*.conf"):
            file.write_text(file.read_text(encoding="utf-8").replace("processes auto", "processes 1"), encoding="utf-8")
        command = tuple(str(word) for word in program.command)
        server = Server(form.name, command, f"http://127.0.0.1:{site.port}", dict(program.variables), "/healthz")
        return Contender(self.stack.enter_context(running(server)), self._script(form, directory))

    def _script(self, form: Form, directory: Path) -> Script:
        asked = (REQUEST.format(path=form.path, account=who, address=where) for who, where in self.clients)
        return write_script(directory / "requests", (each.encode() for each in asked))


def cordon(directory: Path) -> Server:
    """Cordon over the demo, with its decision log, on the core of the gateways."""
    port = free_port()
    command = [sys.executable, "-m", "service.cli", "serve", "--data", str(DEMO), "--gateways", str(ROUTES)]
    command += ["--port", str(port), "--socket", str(directory / "cordon.sock")]
    command += ["--grpc-socket", str(directory / "grpc.sock")]
    env = {"CORDON_DECISION_LOG": str(directory / "log")}
    url = f"http://127.0.0.1:{port}"
    return Server("cordon", tuple(command), url, env, "/readyz", SERVER_CORES, CORDON_READY_SECONDS)


def clients(url: str, count: int) -> list[tuple[str, str]]:
    """So many accounts of the demo, each with an address from which it is let through."""
    with (DEMO / "accounts.csv").open(encoding="utf-8", newline="") as file:
        accounts = [row["id"] for row in csv.DictReader(file)]
    drawn = Addresses(open_locations()).open
    pairs = zip(cycle(accounts), cycle(drawn), strict=False)
    found = dict[tuple[str, str], None]()
    with httpx.Client(base_url=url, timeout=60) as client:
        while len(found) < count:
            asked = [next(pairs) for _ in range(BATCH)]
            answers = client.post("/access/v1/evaluations", json=_questions(asked)).json()["evaluations"]
            found |= {pair: None for pair, answer in zip(asked, answers, strict=True) if answer["decision"]}
    return list(found)[:count]


def _questions(pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    return {
        "resource": {"type": "model", "id": "quill-large"},
        "action": {"name": "use"},
        "evaluations": [
            {"subject": {"type": "account", "id": account}, "context": {"ip": address}} for account, address in pairs
        ],
    }


def main(
    rounds: Annotated[int, typer.Option(help="How often each is loaded.")] = 5,
    seconds: Annotated[float, typer.Option(help="For how long each time.")] = 3,
    count: Annotated[int, typer.Option("--clients", help="How many ask, each from an address of its own.")] = 200,
    only: Annotated[Optional[str], typer.Option(help="One gateway.")] = None,  # noqa: UP045
    json_file: Annotated[Optional[Path], typer.Option("--json", help="Write the figures there.")] = None,  # noqa: UP045
) -> None:
    """Print what each gateway answers a second in each way, and the ratios."""
    with ExitStack() as stack:
        directory = Path(
            stack.enter_context(
                tempfile.TemporaryDirectory(prefix="cordon-gateways-", dir=MEMORY if MEMORY.is_dir() else None)
            )
        )
        asked = stack.enter_context(running(cordon(directory)))
        constant = (sys.executable, "-m", "loadtests.constant_check", "--socket", str(directory / "constant.sock"))
        stack.enter_context(
            running(Server("constant", (*constant, "--port", str(port := free_port())), f"http://127.0.0.1:{port}"))
        )
        upstream = nginx_constant("application", APPLICATION_BYTES, directory / "application", cores=LOAD_CORES)
        application = stack.enter_context(running(upstream)).url.removeprefix("http://")
        stand = Stand(directory, stack, application, clients(asked.url, count))
        contenders = [stand.contender(form) for form in forms() if only in (None, form.gateway)]
        interleave(contenders, rounds=rounds, seconds=seconds, warm_up_seconds=1)
    figures = _figures({contender.name: contender for contender in contenders})
    if json_file is not None:
        json_file.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def _figures(contenders: Mapping[str, Contender]) -> dict[str, Any]:
    """Print the figures, and return them."""
    for name, contender in contenders.items():
        refused = sum(sample.non_2xx + sample.errors for sample in contender.samples)
        print(f"{name:<18}{contender.rps().median:>9,.0f}/s{f'  {refused} refused or failed' if refused else ''}")
    ratios = {}
    for gateway in dict.fromkeys(name.partition(":")[0] for name in contenders):
        for over, under in COMPARED:
            one, other = contenders.get(f"{gateway}: {over}"), contenders.get(f"{gateway}: {under}")
            if one is not None and other is not None:
                spread = ratios[f"{gateway}: {over} / {under}"] = ratio(one, other)
                print(f"{gateway}: {over} / {under} = {spread.median:.2f} ({spread.low:.2f}-{spread.high:.2f})")
    return {
        "rps": {name: contender.rps().median for name, contender in contenders.items()},
        "ratios": {name: [spread.median, spread.low, spread.high] for name, spread in ratios.items()},
    }


if __name__ == "__main__":
    typer.run(main)
