"""The port of decisions under TLS: whom it lets in, and certificates that change while it answers."""

import shutil
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from service.certificates import CertificateFiles, Certificates, InvalidCertificates
from tests.service.authorities import Authority, Identity
from tests.service.conftest import write_world
from tests.service.listeners import REQUEST, Listeners, alike, exchange, listening, recorded_world, trusting
from tests.service.test_service_process import PATIENCE_SECONDS, start
from tests.service.test_workers import until


@dataclass(frozen=True, slots=True)
class World:
    """An organisation with two authorities, of which the service trusts one."""

    directory: Path
    own: Authority
    foreign: Authority

    def copy(self, identity: Identity) -> None:
        """Put an identity where the service looks for its own."""
        for source, name in ((identity.certificate, "shown.pem"), (identity.key, "shown.key")):
            shutil.copy(source, self.directory / f"{name}.new")
            (self.directory / f"{name}.new").rename(self.directory / name)

    @property
    def options(self) -> tuple[str, ...]:
        return ("--tls-certificate", str(self.directory / "shown.pem"), "--tls-key", str(self.directory / "shown.key"))

    def client(self, identity: Identity | None, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
        context = trusting(self.own.certificate)
        context.minimum_version = context.maximum_version = version
        if identity is not None:
            context.load_cert_chain(*identity.pair)
        return context


@pytest.fixture(scope="module")
def now() -> datetime:
    """The time that the service's clock shows, about: certificates are judged by it."""
    return datetime.now(UTC)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, now: datetime) -> World:
    directory = tmp_path_factory.mktemp("tls")
    found = World(directory, Authority(directory, "own-ca", now), Authority(directory, "foreign-ca", now))
    found.copy(found.own.server("first"))
    return found


@pytest.fixture(scope="module")
def open_to_all(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listeners]:
    """Over a directory, with a certificate of its own, and a Unix socket beside it."""
    data = write_world(tmp_path_factory.mktemp("data"))
    with listening("--data", str(data), *world.options, "--socket", str(data / "s")) as listeners:
        yield listeners


def serial(listeners: Listeners, context: ssl.SSLContext) -> object:
    """Which certificate is shown to a new connection."""
    with listeners.connect_under(context) as connection:
        certificate = connection.getpeercert()
    assert certificate is not None
    return certificate["serialNumber"]


def test_decisions_under_tls_are_those_in_the_clear_and_take_the_fast_lane(
    open_to_all: Listeners, world: World
) -> None:
    assert open_to_all.decisions.startswith("https://")
    with (
        open_to_all.connect_under(world.client(None)) as port,
        open_to_all.connect_to_socket() as unix,
        open_to_all.over_socket() as state,
    ):
        over_socket = {alike(exchange(unix, REQUEST)) for _ in range(2)}
        before = state.get("/metrics").text.partition("\ncordon_fast_lane_answers_total ")[2].split()[0]
        over_port = {alike(exchange(port, REQUEST)) for _ in range(4)}
        after = state.get("/metrics").text.partition("\ncordon_fast_lane_answers_total ")[2].split()[0]
    assert over_port == over_socket
    assert len(over_port) == 1
    assert float(after) - float(before) >= 3


def test_the_greeting_says_what_a_client_must_have(open_to_all: Listeners) -> None:
    assert "curl -s --cacert CA.pem https://127.0.0.1:" in open_to_all.greeting


def test_nothing_is_answered_in_the_clear_on_a_port_under_tls(open_to_all: Listeners) -> None:
    with open_to_all.connect() as connection:
        connection.sendall(REQUEST)
        assert not b"".join(iter(lambda: received(connection), b"")).startswith(b"HTTP/")


def received(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65536)
    except ConnectionResetError:
        return b""


def test_a_certificate_that_was_replaced_is_shown_to_new_connections_and_old_ones_go_on(
    open_to_all: Listeners, world: World
) -> None:
    context = world.client(None)
    first = serial(open_to_all, context)
    with open_to_all.connect_under(context) as old:
        assert exchange(old, REQUEST).startswith(b"HTTP/1.1 200 ")
        world.copy(world.own.server("second"))
        until(lambda: serial(open_to_all, context) != first)
        assert exchange(old, REQUEST).startswith(b"HTTP/1.1 200 ")


def test_a_faulty_certificate_is_reported_and_the_old_one_stays(tmp_path: Path, now: datetime) -> None:
    authority = Authority(tmp_path, "ca", now)
    first, second = authority.server("first"), authority.server("second")
    shown = Identity(tmp_path / "shown.pem", tmp_path / "shown.key")
    shutil.copy(first.certificate, shown.certificate)
    shutil.copy(first.key, shown.key)
    faults: list[str] = []
    certificates = Certificates(CertificateFiles(shown.certificate, shown.key), faults.append)
    newest = shown_by(certificates, authority)
    shutil.copy(second.certificate, shown.certificate)
    for _ in range(4):
        certificates.look()
    assert len(faults) == 1
    assert "key values mismatch" in faults[0]
    assert shown_by(certificates, authority) == newest
    shutil.copy(second.key, shown.key)
    for _ in range(2):
        certificates.look()
    assert len(faults) == 1
    assert shown_by(certificates, authority) != newest


def test_files_that_are_being_written_are_left_until_they_are_still(tmp_path: Path, now: datetime) -> None:
    authority = Authority(tmp_path, "ca", now)
    first, second = authority.server("first"), authority.server("second")
    faults: list[str] = []
    certificates = Certificates(CertificateFiles(first.certificate, first.key), faults.append)
    shutil.copy(second.certificate, first.certificate)
    certificates.look()
    shutil.copy(second.key, first.key)
    certificates.look()
    certificates.look()
    assert faults == []


def shown_by(certificates: Certificates, authority: Authority, gateway: Identity | None = None) -> object:
    """The serial number of what a client is shown, from a handshake in memory.

    Raises:
        SSLError: one side refuses the other.
    """
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = certificates.context.wrap_bio(to_server, to_client, server_side=True)
    context = trusting(authority.certificate)
    if gateway is not None:
        context.load_cert_chain(*gateway.pair)
    client = context.wrap_bio(to_client, to_server, server_hostname="127.0.0.1")
    done: set[ssl.SSLObject] = set()
    while len(done) < 2:
        for side in (client, server):
            try:
                side.do_handshake()
                done.add(side)
            except ssl.SSLWantReadError:
                continue
    certificate = client.getpeercert()
    assert certificate is not None
    return certificate["serialNumber"]


def test_an_authority_that_was_replaced_no_longer_lets_anybody_in(tmp_path: Path, now: datetime) -> None:
    old, new = Authority(tmp_path, "old", now), Authority(tmp_path, "new", now)
    server, trusted = old.server("server"), tmp_path / "trusted.pem"
    shutil.copy(old.certificate, trusted)
    certificates = Certificates(CertificateFiles(server.certificate, server.key, trusted), print)
    before, after = old.gateway("before"), new.gateway("after")
    assert shown_by(certificates, old, before)
    with pytest.raises(ssl.SSLError):
        shown_by(certificates, old, after)
    shutil.copy(new.certificate, trusted)
    for _ in range(2):
        certificates.look()
    assert shown_by(certificates, old, after)
    with pytest.raises(ssl.SSLError):
        shown_by(certificates, old, before)


@pytest.mark.parametrize("missing", ["certificate", "key", "client_ca"])
def test_files_that_cannot_be_used_are_named(tmp_path: Path, now: datetime, missing: str) -> None:
    authority = Authority(tmp_path, "ca", now)
    server = authority.server("server")
    files = {"certificate": server.certificate, "key": server.key, "client_ca": authority.certificate}
    with pytest.raises(InvalidCertificates, match="nowhere") as refused:
        Certificates(CertificateFiles(**{**files, missing: tmp_path / "nowhere.pem"}), print)
    assert "\n" not in str(refused.value)


@pytest.fixture(scope="module")
def certified(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listeners]:
    """Over a database that wants keys, by two workers, for gateways with a certificate."""
    directory = tmp_path_factory.mktemp("certified")
    record, path = recorded_world(directory), directory / "s"
    options = ("--database", record.url, *world.options, "--tls-client-ca", str(world.own.certificate))
    with listening(*options, "--socket", str(path), "--workers", "2", CORDON_RULESET="small-world") as listeners:
        with listeners.over_socket() as client:
            until(lambda: client.get("/readyz").status_code == 200)
        yield listeners


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_gateway_with_a_certificate_needs_no_key(certified: Listeners, world: World, version: ssl.TLSVersion) -> None:
    context = world.client(world.own.gateway("gateway"), version)

    def decided() -> bool:
        with certified.connect_under(context) as connection:
            answers = {alike(exchange(connection, REQUEST)) for _ in range(3)}
        return len(answers) == 1 and answers.pop().startswith(b"HTTP/1.1 200 ")

    until(decided)


@pytest.mark.parametrize("kind", ["none", "foreign", "expired", "server's"])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_nobody_else_is_answered(
    certified: Listeners, world: World, now: datetime, kind: str, version: ssl.TLSVersion
) -> None:
    shown: dict[str, Callable[[], Identity | None]] = {
        "none": lambda: None,
        "foreign": lambda: world.foreign.gateway("gateway-of-others"),
        "expired": lambda: world.own.gateway("gateway-of-old", now - timedelta(days=1)),
        "server's": lambda: world.own.server("another-server"),
    }
    with (
        pytest.raises((ssl.SSLError, ConnectionError, AssertionError)),
        certified.connect_under(world.client(shown[kind](), version)) as connection,
    ):
        exchange(connection, REQUEST)


def test_the_admin_port_and_the_socket_are_in_the_clear_and_all_end_together(certified: Listeners) -> None:
    assert certified.decisions.startswith("https://")
    assert certified.administration.startswith("http://")
    with certified.connect_to_socket() as idle:
        assert exchange(idle, REQUEST).startswith(b"HTTP/1.1 200 ")
        log = certified.stop()
    assert "Cancel" not in log
    assert not certified.path.exists()


def test_a_certificate_that_cannot_be_used_is_a_fault_in_one_line(tmp_path: Path, world: World) -> None:
    data = write_world(tmp_path / "data")
    process = start("--data", str(data), "--port", "0", "--tls-certificate", str(data / "policy.yaml"))
    _, log = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 1
    assert "cordon: not serving: the certificate" in log
    assert "Traceback" not in log
