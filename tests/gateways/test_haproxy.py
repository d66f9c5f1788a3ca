"""What is HAProxy's own: a door that is left open on purpose, and a Cordon that goes away and comes back."""

from pathlib import Path

import pytest

from tests.gateways.programs import Site, guarding, haproxy, is_installed
from tests.gateways.running import Cordon, Program
from tests.gateways.scenario import CRIMEA, ask, connected, exchange, front
from tests.gateways.upstream import Answering, Upstream

pytestmark = pytest.mark.skipif(not is_installed("haproxy"), reason="haproxy is not installed")


def left_open(site: Site) -> Program:
    """HAProxy as it ships, but for one word."""
    program = haproxy(site)
    path = site.directory / "haproxy" / "haproxy.cfg"
    text = path.read_text(encoding="utf-8")
    assert "lua.cordon models closed" in text
    path.write_text(text.replace("lua.cordon models closed", "lua.cordon models open"), encoding="utf-8")
    return program


def test_a_door_is_open_without_cordon_only_where_the_configuration_says_so(
    demo_cordon: Cordon, tmp_path: Path
) -> None:
    with guarding(tmp_path / "haproxy", "haproxy", demo_cordon.socket, left_open) as gateway:
        assert ask(gateway.port, front(address=CRIMEA)).status == 451
        with demo_cordon.frozen():
            assert ask(gateway.port, front()).status == 200
        assert gateway.application.last.values("X-Cordon-Effect") == ["unavailable"]
        assert gateway.application.last.values("X-Cordon-Decision-Id") == [""]


@pytest.mark.parametrize(("status", "seen"), [(400, 503), (404, 503), (500, 200)])
def test_an_open_door_is_closed_to_a_question_that_is_asked_wrongly(
    tmp_path: Path, place: Path, status: int, seen: int
) -> None:
    with (
        Upstream(place, Answering(status, (), b"")),
        guarding(tmp_path / "haproxy", "haproxy", place, left_open) as gateway,
    ):
        assert ask(gateway.port, front()).status == seen


def test_a_script_that_fails_lets_nobody_in(place: Path, tmp_path: Path) -> None:
    def broken(site: Site) -> Program:
        program = haproxy(site)
        path = site.directory / "haproxy" / "cordon.lua"
        path.write_text(path.read_text(encoding="utf-8").replace("core.httpclient()", "core.nothing()"), "utf-8")
        return program

    allowing = Answering(200, (("X-Cordon-Effect", "allow"),), b"")
    with Upstream(place, allowing), guarding(tmp_path / "haproxy", "haproxy", place, broken) as gateway:
        assert ask(gateway.port, front()).status == 503
        assert gateway.application.received == []
        assert "runtime error" in gateway.program.log


def test_a_connection_to_cordon_that_was_closed_is_opened_again(place: Path, tmp_path: Path) -> None:
    allowing = Answering(200, (("X-Cordon-Effect", "allow"),), b"")
    with guarding(tmp_path / "haproxy", "haproxy", place) as gateway, connected(gateway.port) as connection:
        for _ in range(3):
            with Upstream(place, allowing):
                assert exchange(connection, front()).status == 200
            assert exchange(connection, front()).status == 503
