"""Where gRPC is taken: ports that workers share, certificates that change, and settings that would let anyone in."""

import asyncio
import os
import re
import socket
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
import typer
from pydantic import ValidationError

from service.certificates import CertificateFiles
from service.cli_listeners import grpc_held
from service.gateways.envoy_grpc import Authorization
from service.grpc_server import GrpcPlaces, GrpcServer
from service.settings import Settings
from tests.gateways.running import cordon
from tests.gateways.test_envoy_grpc import SECONDS, FakeChecks, asked, asking, check_request, said
from tests.service.authorities import Authority, Identity
from tests.valkey_server import HOST, free_port, wait_until


@dataclass(frozen=True, slots=True)
class Certified:
    """A place under TLS, and the authorities of its organisation and of another."""

    directory: Path
    own: Authority
    foreign: Authority

    def show(self, identity: Identity) -> None:
        """Put an identity where the server looks for its own, both files at once."""
        pair = identity.key.read_bytes() + identity.certificate.read_bytes()
        (self.directory / "new.pem").write_bytes(pair)
        (self.directory / "new.pem").rename(self.directory / "shown.pem")

    @property
    def places(self) -> GrpcPlaces:
        files = CertificateFiles(self.directory / "shown.pem", client_ca=self.own.certificate)
        return GrpcPlaces(port=free_port(), certificates=files)


@pytest.fixture
def certified(tmp_path: Path) -> Certified:
    now = datetime.now(UTC)  # certificates are judged by it
    found = Certified(tmp_path, Authority(tmp_path, "own-ca", now), Authority(tmp_path, "foreign-ca", now))
    found.show(found.own.server("first"))
    return found


async def ask_under_tls(places: GrpcPlaces, authority: Authority, identity: Identity | None) -> Any:
    shown = (identity.key.read_bytes(), identity.certificate.read_bytes()) if identity else (None, None)
    credentials = grpc.ssl_channel_credentials(authority.certificate.read_bytes(), *shown)
    async with grpc.aio.secure_channel(places.address, credentials) as channel:
        return await asking(channel)(check_request(), timeout=SECONDS)


async def is_refused(places: GrpcPlaces, authority: Authority, identity: Identity | None) -> bool:
    try:
        await ask_under_tls(places, authority, identity)
    except grpc.aio.AioRpcError as error:
        return error.code() is grpc.StatusCode.UNAVAILABLE
    return False


def test_a_socket_is_made_with_the_mode_of_the_settings_and_removed_at_the_end(tmp_path: Path) -> None:
    places = GrpcPlaces(socket=tmp_path / "g.sock", socket_permissions=0o640)

    async def run() -> int:
        async with GrpcServer(places, Authorization(FakeChecks(), raise_it, socket_admits=True)).serving():
            return (tmp_path / "g.sock").stat().st_mode & 0o777

    before = os.umask(0)
    try:
        assert asyncio.run(run()) == 0o640
        assert os.umask(0) == 0
    finally:
        os.umask(before)
    assert not (tmp_path / "g.sock").exists()


def test_only_a_certificate_of_the_authority_that_is_named_admits(certified: Certified) -> None:
    checks, places = FakeChecks(), certified.places

    async def run() -> None:
        async with GrpcServer(places, Authorization(checks, raise_it, socket_admits=True)).serving():
            assert await is_refused(places, certified.own, None)
            assert await is_refused(places, certified.own, certified.foreign.gateway("stranger"))
            assert await is_refused(places, certified.foreign, certified.own.gateway("deceived"))
            await ask_under_tls(places, certified.own, certified.own.gateway("gateway"))

    asyncio.run(run())
    assert [(incoming.peer, incoming.is_admitted) for incoming in checks.ended] == [(HOST, True)]


def raise_it(error: Exception) -> None:
    raise error


def test_a_certificate_that_was_replaced_is_shown_to_whoever_comes_next(certified: Certified) -> None:
    places, gateway = certified.places, certified.own.gateway("gateway")

    async def run() -> None:
        async with GrpcServer(places, Authorization(FakeChecks(), raise_it, socket_admits=True)).serving():
            await ask_under_tls(places, certified.own, gateway)
            (certified.directory / "shown.pem").write_text("nothing of the kind", encoding="utf-8")
            await ask_under_tls(places, certified.own, gateway)
            certified.show(certified.foreign.server("second"))
            assert await is_refused(places, certified.own, gateway)
            await ask_under_tls(places, certified.foreign, gateway)

    asyncio.run(run())


def cannot_serve(places: GrpcPlaces) -> None:
    """Fails where calls can be taken."""

    async def run() -> None:
        async with GrpcServer(places, Authorization(FakeChecks(), raise_it, socket_admits=True)).serving():
            raise AssertionError("it serves")

    with pytest.raises(OSError, match="cannot take gRPC calls"):
        asyncio.run(run())


def test_a_port_that_is_taken_is_an_error_and_not_shared() -> None:
    with socket.create_server((HOST, 0)) as taken:
        cannot_serve(GrpcPlaces(host=HOST, port=taken.getsockname()[1]))


def test_an_address_that_is_not_this_machines_is_an_error() -> None:
    cannot_serve(GrpcPlaces(host="203.0.113.1", port=free_port()))


def listening_sockets(port: int) -> int:
    """How many sockets of this machine take connections on a port."""
    tables = "".join(Path(f"/proc/net/{name}").read_text(encoding="ascii") for name in ("tcp", "tcp6"))
    return len(re.findall(rf":{port:04X} [0-9A-F]+:0000 0A ", tables))


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="this system does not tell who listens")
def test_every_worker_takes_its_part_of_the_calls(tmp_path: Path) -> None:
    port = free_port()
    with cordon(tmp_path, "--workers", "2", "--grpc-port", str(port)):
        wait_until(lambda: listening_sockets(port) == 2, "both workers listen")
        answers = [asked(f"{HOST}:{port}", check_request(), said()) for _ in range(8)]
    assert {answer.WhichOneof("http_response") for answer in answers} == {"ok_response"}


def test_a_socket_that_was_left_behind_is_made_room_for_and_one_in_use_is_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "g.sock"
    settings = Settings(data=tmp_path, gateways=tmp_path, grpc_socket=place)
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(place))
        left.listen()
        with pytest.raises(typer.Exit), grpc_held(settings):
            pass
    assert f"cannot listen on {place}: address already in use" in capsys.readouterr().err
    with grpc_held(settings):
        assert not place.exists()
    with (
        pytest.raises(typer.Exit),
        grpc_held(settings.model_copy(update={"grpc_socket": tmp_path / "none" / "g.sock"})),
    ):
        pass
    assert "no such file or directory" in capsys.readouterr().err


def test_a_port_is_held_before_grpc_takes_it_and_one_in_use_is_not(tmp_path: Path) -> None:
    with grpc_held(Settings(data=tmp_path, gateways=tmp_path, grpc_port=0)) as settings:
        assert settings.grpc_port
        with socket.create_server((HOST, 0)) as taken:
            port = taken.getsockname()[1]
            with pytest.raises(typer.Exit), grpc_held(Settings(data=tmp_path, gateways=tmp_path, grpc_port=port)):
                pass


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"grpc_port": 0}, "need their routes"),
        ({"grpc_socket": "s"}, "need their routes"),
        ({"grpc_port": 0, "gateways": "g", "host": "0.0.0.0"}, "needs a certificate"),
        ({"grpc_socket": "s", "gateways": "g", "workers": 2}, "is for one worker"),
        ({"grpc_socket": "s", "gateways": "g", "socket": "s"}, "needs a Unix socket of its own, and not `s`"),
        ({"grpc_port": 9000, "gateways": "g", "port": 9000}, "needs a port of its own, and not 9000"),
    ],
)
def test_settings_that_would_let_anyone_in_or_nobody_are_refused(options: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        Settings(data=Path("demo"), **options)


def test_grpc_is_not_taken_on_the_port_of_the_admin_api_where_there_is_one() -> None:
    ports: dict[str, Any] = {"gateways": "g", "grpc_port": 9000, "admin_port": 9000}
    with pytest.raises(ValidationError, match="needs a port of its own"):
        Settings(database="sqlite:///x.db", **ports)
    assert Settings(data=Path("demo"), **ports).grpc_port == 9000
