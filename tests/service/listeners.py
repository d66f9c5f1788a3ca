"""A running `cordon serve` with every listener that it may have, and raw connections to each."""

import re
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx

from service.storage import keys
from service.storage.database import open_database
from service.storage.key_records import NewKey
from service.storage.migrate import upgrade
from service.storage.seed import import_directory
from tests.service.conftest import write_world
from tests.service.connections import JSON, plain_question, plain_request
from tests.service.test_service_process import PATIENCE_SECONDS, start

URL = re.compile(r"https?://[^/\s]+|unix:\S+")
QUESTION = plain_question("acct-near", "tool", "use", "8.8.8.8")
REQUEST = plain_request(QUESTION, JSON)
EVALUATION = "/access/v1/evaluation"


@dataclass(frozen=True, slots=True)
class Listeners:
    """What a `cordon serve` said that it answers on."""

    process: subprocess.Popen[str]
    greeting: str

    @property
    def decisions(self) -> str:
        return str(URL.findall(self.greeting)[0])

    @property
    def administration(self) -> str:
        found = re.search(r"(\S+)/admin/v1/openapi.json", self.greeting)
        assert found
        return found[1]

    @property
    def path(self) -> Path:
        """Where the Unix socket lies."""
        return Path(next(url for url in URL.findall(self.greeting) if url.startswith("unix:")).removeprefix("unix:"))

    def stop(self) -> str:
        """All that it logged, once it has stopped as it should."""
        self.process.send_signal(signal.SIGTERM)
        _, log = self.process.communicate(timeout=PATIENCE_SECONDS)
        assert self.process.returncode == 0, log
        assert "Traceback" not in log
        return log

    def connect(self) -> socket.socket:
        """To the port of decisions, in the clear."""
        host, port = self.decisions.partition("//")[2].rsplit(":", 1)
        return socket.create_connection((host, int(port)), timeout=PATIENCE_SECONDS)

    def connect_to_socket(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(PATIENCE_SECONDS)
        connection.connect(str(self.path))
        return connection

    def connect_under(self, tls: ssl.SSLContext) -> ssl.SSLSocket:
        """To the port of decisions, under TLS."""
        connection = self.connect()
        try:
            return tls.wrap_socket(connection, server_hostname="127.0.0.1")
        except OSError:
            connection.close()
            raise

    def over_socket(self) -> httpx.Client:
        return httpx.Client(transport=httpx.HTTPTransport(uds=str(self.path)), base_url="http://cordon.test")


@dataclass(frozen=True, slots=True)
class Record:
    """A database of the small world, and keys of it."""

    url: str
    gateway: str
    """Its key may ask for decisions."""
    viewer: str
    """Its key may read by the admin API."""


def recorded_world(directory: Path) -> Record:
    """A new database, in a directory of its own."""
    url = f"sqlite:///{directory / 'cordon.db'}"
    database = open_database(url, lambda: datetime.now(UTC))
    upgrade(database)
    import_directory(database, write_world(directory / "data"), "cli:test")
    with database.writing() as writing:
        _, gateway = keys.create(writing, NewKey("gateway", frozenset({"decide"})), "cli:test")
        _, viewer = keys.create(writing, NewKey("viewer", frozenset({"role:viewer"})), "cli:test")
    database.close()
    return Record(url, gateway, viewer)


@contextmanager
def listening(*options: str, **variables: str) -> Iterator[Listeners]:
    """A `cordon serve` on any free ports that has said that it is ready."""
    process = start("--port", "0", "--admin-port", "0", *options, **variables)
    assert process.stdout is not None
    greeting = ""
    while (line := process.stdout.readline()) not in ("", "Stop it with Ctrl-C.\n"):
        greeting += line
    try:
        assert line, process.communicate()
        yield Listeners(process, greeting)
    finally:
        process.kill()
        process.communicate()


def exchange(connection: socket.socket, request: bytes) -> bytes:
    """The whole answer to one request; the connection stays open."""
    connection.sendall(request)
    received = b""
    while b"\r\n\r\n" not in received:
        received += _some(connection)
    head, _, body = received.partition(b"\r\n\r\n")
    found = re.search(rb"content-length: (\d+)", head.lower())
    assert found
    while len(body) < int(found[1]):
        body += _some(connection)
    return head + b"\r\n\r\n" + body


def _some(connection: socket.socket) -> bytes:
    received = connection.recv(65536)
    assert received, "the connection was closed"
    return received


def alike(answer: bytes) -> bytes:
    """An answer without what differs between two that are the same: the time, the data's age, the decision's id."""
    answer = re.sub(rb"date: [^\r]+", b"date: DATE", answer)
    answer = re.sub(rb"content-length: [0-9]+", b"content-length: N", answer)
    answer = re.sub(rb'"age":[0-9]+', b'"age":N', answer)
    return re.sub(rb'"decision_id":"\w+"', b'"decision_id":"ID"', answer)


def trusting(authority: Path) -> ssl.SSLContext:
    """What a client without a certificate connects with."""
    return ssl.create_default_context(cafile=str(authority))
