"""What the real Envoy sends to Cordon by HTTP, as it ships: who the client is stands in it, once, and little else."""

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.gateways.envoys import ENVOY, LONGER, enveloped, send
from tests.gateways.programs import Gateway
from tests.gateways.running import SHIPPED
from tests.gateways.scenario import CRIMEA, CUSTOMER, GERMANY, STRANGER, ask, connected, front
from tests.gateways.upstream import Answering, Upstream
from tests.pages import ROOT, blocks

pytestmark = pytest.mark.skipif(not ENVOY.exists(), reason="envoy is not installed")

PAGE = ROOT / "docs" / "how-to" / "put-cordon-behind-envoy.md"
ALLOWING = Answering(200, (("X-Cordon-Effect", "allow"),), b"")
ENVOYS_OWN = {"host", "content-length", "x-envoy-internal", "x-envoy-expected-rq-timeout-ms"}
FORWARDED = {"{exact: x-request-id}": "{exact: x-request-id}, {exact: x-forwarded-for}"}
"""A setting that one could take for the way to tell Cordon the address."""


@contextmanager
def before(directory: Path, changes: Mapping[str, str]) -> Iterator[tuple[Gateway, Upstream]]:
    """An Envoy, and what stands in Cordon's place and allows everything."""
    place = directory / "c.sock"
    with Upstream(place, ALLOWING) as cordon, enveloped(directory, "http", place, {**LONGER, **changes}) as gateway:
        yield gateway, cordon


@pytest.fixture(scope="module")
def shipped_and_cordon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gateway, Upstream]]:
    with before(tmp_path_factory.mktemp("shipped"), {}) as found:
        yield found


def test_cordon_is_sent_the_account_the_address_and_what_the_client_wants(
    shipped_and_cordon: tuple[Gateway, Upstream],
) -> None:
    gateway, cordon = shipped_and_cordon
    wants = [("Accept", "text/html"), ("Accept-Language", "de"), ("Cookie", "a=b"), ("Authorization", "Bearer its-own")]
    assert send(gateway.port, "/v1/models?a=b", [*front(), *wants], method="PUT").status == 200
    received = cordon.last
    assert (received.method, received.path) == ("PUT", "/check/envoy/models//v1/models?a=b")
    said = {name: value for name, value in received.headers if name not in ENVOYS_OWN | {"x-request-id"}}
    assert said == {
        "accept": "text/html",
        "accept-language": "de",
        "x-cordon-account": CUSTOMER,
        "x-cordon-client-address": GERMANY,
    }


def test_the_address_is_said_once_whatever_the_client_sends(shipped_and_cordon: tuple[Gateway, Upstream]) -> None:
    gateway, cordon = shipped_and_cordon
    forged = [("X-Cordon-Client-Address", GERMANY), ("X-Cordon-Account", CUSTOMER), ("X-Cordon-Key", "key")]
    ask(gateway.port, [*forged, *front("other", f"{GERMANY}, {CRIMEA}")])
    assert cordon.last.values("X-Cordon-Client-Address") == [CRIMEA]
    assert cordon.last.values("X-Cordon-Account") == ["other"]
    assert cordon.last.values("X-Cordon-Key") == cordon.last.values("X-Forwarded-For") == []
    ask(gateway.port, [*forged, *front()], source=STRANGER)
    assert cordon.last.values("X-Cordon-Client-Address") == [STRANGER]
    assert cordon.last.values("X-Cordon-Account") == []


def test_the_address_is_right_though_envoy_adds_its_own_to_the_list_of_proxies(tmp_path: Path) -> None:
    # SOURCE: https://github.com/envoyproxy/envoy/issues/21519
    with before(tmp_path, FORWARDED) as (gateway, cordon):
        ask(gateway.port, front(address=f"{GERMANY}, {CRIMEA}"))
        [forwarded] = cordon.last.values("X-Forwarded-For")
        assert len(forwarded.split(",")) > 2
        assert forwarded.split(",")[-1].strip() not in {GERMANY, CRIMEA}
        assert cordon.last.values("X-Cordon-Client-Address") == [CRIMEA]


@pytest.mark.parametrize(("path", "questions"), [("/open", 1), ("-open", 0), ("*", 0)])
def test_a_path_without_a_slash_never_becomes_part_of_the_name_of_a_route(
    shipped_and_cordon: tuple[Gateway, Upstream], path: str, questions: int
) -> None:
    gateway, cordon = shipped_and_cordon
    asked = len(cordon.received)
    with connected(gateway.port) as connection:
        connection.sendall(_http2_request(path))
        _await_frame(connection, {1, 3, 7})
    assert len(cordon.received) == asked + questions


def test_what_the_page_shows_is_in_what_ships() -> None:
    ships = "".join(" ".join(path.read_text(encoding="utf-8").split()) for path in (SHIPPED / "envoy").glob("*.yaml"))
    shown = [block for block in blocks(PAGE) if block.language == "yaml"]
    assert len(shown) == 3
    assert [block for block in shown if " ".join(block.text.split()) not in ships] == []


def _http2_request(path: str) -> bytes:
    """A connection's beginning and one request, with nothing compressed."""
    fields = {":method": "GET", ":scheme": "http", ":authority": "a", ":path": path, "x-api-account": CUSTOMER}
    texts = [(name.encode(), value.encode()) for name, value in fields.items()]
    block = b"".join(b"\0%c%b%c%b" % (len(name), name, len(value), value) for name, value in texts)
    settings = b"\0\0\0\4\0\0\0\0\0"
    head = len(block).to_bytes(3, "big") + b"\1\5\0\0\0\1"
    return b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + settings + head + block


def _await_frame(connection: socket.socket, kinds: set[int]) -> None:
    """Read up to a frame of one of these kinds, or to the end."""
    with connection.makefile("rb") as stream:
        while len(head := stream.read(9)) == 9 and head[3] not in kinds:
            stream.read(int.from_bytes(head[:3], "big"))
