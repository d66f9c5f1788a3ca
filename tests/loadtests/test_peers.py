"""Everybody who is compared decides the same question alike; who does not is not measured."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from loadtests.peers.applications import make_endpoint, make_plain
from loadtests.peers.cerbos import make_cerbos
from loadtests.peers.engines import ENGINES, make_engine
from loadtests.peers.in_process import measure_in_process
from loadtests.peers.nginx import make_nginx
from loadtests.peers.over_http import PEERS, Plan, measure_over_http
from loadtests.peers.own import decisions, evaluations, make_cordon, open_service, write_directory
from loadtests.peers.question import DENIED, Account, Told, World, make_questions, make_world, oracle
from loadtests.peers.result import Result, lines
from loadtests.peers.wire import Disagrees, Peer, Place, check
from loadtests.servers import NotInstalled, running

KEPT = Path(__file__).parents[2] / "build" / "peers"
ASKED_OF_SERVERS = 200


@pytest.fixture(scope="module")
def world() -> World:
    return make_world()


@pytest.fixture(scope="module")
def asked(world: World) -> list[Told]:
    return [world.told(question) for question in make_questions(world, 600)]


@pytest.fixture(scope="module")
def expected(asked: list[Told]) -> list[bool]:
    return [oracle(told) for told in asked]


@pytest.mark.parametrize(
    ("told", "allowed"),
    [
        (Told("a", "r", "::", "CN", ("restricted",), ("DE",)), False),
        (Told("a", "r", "::", "CN", ("open",), ("DE",)), True),
        (Told("a", "r", "::", "DE", ("restricted",), ("DE", "IR")), False),
        (Told("a", "r", "::", "DE", ("open",), ("IR",)), False),
        (Told("a", "r", "::", "DE", ("restricted",), ("DE", "FR")), True),
        (Told("a", "r", "::", None, ("restricted",), ()), True),
    ],
)
def test_the_oracle_denies_by_address_and_tag_or_by_account(told: Told, allowed: bool) -> None:
    assert oracle(told) is allowed


def test_the_questions_are_the_same_for_the_same_seed_and_meet_every_rule(world: World, asked: list[Told]) -> None:
    assert [world.told(question) for question in make_questions(make_world(), 600)] == asked
    facts = {(told.country in DENIED, "restricted" in told.tags, not oracle(told)) for told in asked}
    assert len(facts) == 7  # all but the one in which the oracle would not deny what it must
    assert any(told.country is None for told in asked)
    assert any(told.countries == () for told in asked)


@pytest.mark.parametrize("name", ENGINES)
def test_an_engine_decides_as_the_oracle_does(name: str, world: World, asked: list[Told], expected: list[bool]) -> None:
    engine = make_engine(name, world)
    assert [engine.allows(told) for told in asked] == expected


def test_cordon_decides_as_the_oracle_does(
    world: World, asked: list[Told], expected: list[bool], tmp_path: Path
) -> None:
    service = open_service(write_directory(world, tmp_path))
    assert evaluations(service, asked)() == expected
    assert decisions(service, asked)() == expected


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(make_cordon, id="cordon"),
        pytest.param(make_nginx, id="nginx"),
        pytest.param(make_cerbos, id="cerbos"),
        pytest.param(make_plain(access_log=False), id="plain"),
        pytest.param(make_endpoint("cedarpy"), id="cedarpy"),
    ],
)
def test_a_server_decides_as_the_oracle_does(
    make: Callable[[Place], Peer], world: World, asked: list[Told], tmp_path: Path
) -> None:
    try:
        peer = make(Place(world, tmp_path, KEPT))
        with running(peer.server) as server:
            check(peer, server.url, asked[:ASKED_OF_SERVERS])
            with pytest.raises(Disagrees, match="allowed what is to be denied: Told"):
                check(Peer("", peer.server, peer.request, lambda *_: True), server.url, asked[:ASKED_OF_SERVERS])
    except NotInstalled as missing:
        pytest.skip(str(missing))


def test_who_decides_otherwise_is_not_measured_and_the_case_is_shown(asked: list[Told], expected: list[bool]) -> None:
    found, missing = measure_in_process(
        {"cordon-evaluate": lambda: lambda: expected, "open": lambda: lambda: [True] * len(asked)}, asked, 1
    )
    assert list(found) == ["cordon-evaluate"]
    assert [one.name for one in missing] == ["open"]
    first = asked[expected.index(False)]
    assert missing[0].why == f"allowed what is to be denied: {first}"
    assert not Result(1, 0.5, {}, found, None, tuple(missing)).is_agreed


def test_who_is_missing_is_named_with_what_to_install(world: World, asked: list[Told], tmp_path: Path) -> None:
    def absent(place: Place) -> Peer:
        return make_cerbos(Place(place.world, place.scratch, tmp_path / "nothing"))

    http, missing = measure_over_http(Plan(world, asked, tmp_path, tmp_path), {"cordon": absent})
    assert http == {}
    result = Result(len(asked), 0.5, {}, {}, None, tuple(missing))
    assert result.is_agreed
    assert list(lines(result))[-1].startswith("not measured: cordon: `cerbos` is not installed (npm package `cerbos`")


def test_an_account_of_which_nothing_is_recorded_has_no_countries() -> None:
    assert Account(None, None).countries == ()
    assert Account("DE", None).countries == ("DE",)


def test_the_figures_are_json_by_name(asked: list[Told], expected: list[bool]) -> None:
    found, _ = measure_in_process({"cordon-evaluate": lambda: lambda: expected}, asked, 1)
    document = json.loads(json.dumps(Result(600, 0.8, {}, found, None, ()).document()))
    assert document["in_process"]["cordon-evaluate"]["ratio"] == {"median": 1, "low": 1, "high": 1, "count": 1}
    assert document.keys() == {"cases", "allowed", "http", "in_process", "country_lookup_us", "not_measured"}


def test_everybody_who_is_promised_is_asked() -> None:
    assert {"cordon", "nginx-geoip2", "cerbos", "fastapi-geoip2", "fastapi-geoip2-access-log"} <= PEERS.keys()
    assert {"cedarpy-http", "regopy-http", "casbin-http"} <= PEERS.keys()
