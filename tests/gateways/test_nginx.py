"""What is nginx's own: permissions that it keeps, doors that are left open on purpose, and error pages that are not."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.gateways.programs import Gateway, Site, guarding, is_installed, nginx
from tests.gateways.running import Cordon, Program, cordon
from tests.gateways.scenario import CRIMEA, STRANGER, SUSPENDED, ask, connected, front, read, written
from tests.gateways.upstream import Answering, Upstream
from tests.valkey_server import wait_until

pytestmark = pytest.mark.skipif(not is_installed("nginx"), reason="nginx is not installed")

OTHER = "acct-pelham"
"""Of the demo; may use the models in Germany too."""
REVOKED = "acct-quietgate"
KEPT_SECONDS = 2.0
"""At most, as the route says."""
CLOSED = "include cordon-guard.conf;"
OPEN = "include cordon-fail-open.conf;"


@pytest.fixture(scope="module")
def own_cordon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cordon]:
    """Its data are these tests' to change."""
    with cordon(tmp_path_factory.mktemp("own")) as serving:
        yield serving


@pytest.fixture(scope="module")
def keeping(own_cordon: Cordon, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """nginx with kept.conf."""
    launch = partial(nginx, main="kept.conf")
    with guarding(tmp_path_factory.mktemp("keeping"), "nginx", own_cordon.socket, launch) as gateway:
        yield gateway


def decision_id(gateway: Gateway) -> str:
    """Of the decision that let the last request through."""
    return gateway.application.last.values("X-Cordon-Decision-Id")[0]


def edited(old: str, new: str) -> Callable[[Site], Program]:
    """nginx as it ships, but for one line."""

    def launch(site: Site) -> Program:
        program = nginx(site)
        path = site.directory / "nginx" / "nginx.conf"
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")
        return program

    return launch


def test_after_a_revocation_only_what_was_kept_before_it_is_given_and_then_nothing(
    keeping: Gateway, own_cordon: Cordon
) -> None:
    before = own_cordon.revisions
    given: set[str] = set()

    def statuses() -> Iterator[int]:
        while True:
            seen = ask(keeping.port, front(REVOKED))
            if seen.status == 200:
                given.add(decision_id(keeping))
            yield seen.status

    asked = statuses()
    assert next(asked) == 200
    own_cordon.change("accounts.csv", f"{REVOKED},quietgate-labs,enterprise,", f"{REVOKED},quietgate-labs,suspended,")
    wait_until(lambda: next(asked) > 0 and own_cordon.revisions != before, "the change is in force")
    given_before = frozenset(given)
    wait_until(lambda: next(asked) == 403, "the gateway denies")
    assert given == given_before
    assert {next(asked) for _ in range(50)} == {403}


def test_a_permission_is_kept_for_the_same_account_and_address_only(keeping: Gateway) -> None:
    wait_until(lambda: len(decisions_of(keeping, [front()] * 20)) < 20, "some permission is kept")
    pairs = [front(), front(OTHER), front(address="5.1.128.2"), front(OTHER, "5.1.128.2")]
    decisions = [decisions_of(keeping, [pair]) for pair in pairs]
    assert len(set().union(*decisions)) == 4
    assert ask(keeping.port, front(SUSPENDED)).status == 403
    assert ask(keeping.port, front(address=CRIMEA)).status == 451
    assert ask(keeping.port, front(), source=STRANGER).status == 403


def decisions_of(gateway: Gateway, clients: list[list[tuple[str, str]]]) -> set[str]:
    """Which decisions let them through."""
    found = set()
    for client in clients:
        assert ask(gateway.port, client).status == 200
        found.add(decision_id(gateway))
    return found


def test_a_permission_is_kept_no_longer_than_the_route_says(keeping: Gateway) -> None:
    first_answered: dict[str, float] = {}
    last_asked: dict[str, float] = {}
    while len(first_answered) < 4:
        asked = time.monotonic()
        [decision] = decisions_of(keeping, [front()])
        first_answered.setdefault(decision, time.monotonic())
        last_asked[decision] = asked
    assert max(last_asked[decision] - first_answered[decision] for decision in first_answered) < KEPT_SECONDS


def test_a_denial_is_never_kept(keeping: Gateway) -> None:
    denials = [ask(keeping.port, front(address=CRIMEA)).document["decision_id"] for _ in range(10)]
    assert len(set(denials)) == 10
    assert ask(keeping.port, [*front(address=CRIMEA), ("Accept", "text/html")]).media_type == "text/html"


def test_without_that_setting_nothing_is_kept(gateways: dict[str, Gateway]) -> None:
    assert len(decisions_of(gateways["nginx"], [front()] * 10)) == 10


@pytest.mark.parametrize(("line", "status"), [(CLOSED, 503), (OPEN, 200)])
def test_a_door_is_open_without_cordon_only_where_the_configuration_says_so(
    own_cordon: Cordon, tmp_path: Path, line: str, status: int
) -> None:
    with guarding(tmp_path / "nginx", "nginx", own_cordon.socket, edited(CLOSED, line)) as gateway:
        assert ask(gateway.port, front(address=CRIMEA)).status == 451
        assert ask(gateway.port, front()).status == 200
        with own_cordon.frozen():
            assert ask(gateway.port, front()).status == status
            told = gateway.application.last.values("X-Cordon-Effect")
        assert told == ["unavailable" if status == 200 else "allow"]


@pytest.mark.parametrize("status", [500, 502, 503])
def test_an_open_door_is_open_when_something_else_answers(tmp_path: Path, place: Path, status: int) -> None:
    with (
        Upstream(place, Answering(status, (), b"")),
        guarding(tmp_path / "nginx", "nginx", place, edited(CLOSED, OPEN)) as gateway,
    ):
        assert ask(gateway.port, front()).status == 200


def test_an_open_door_is_closed_to_a_gateway_that_is_not_believed(tmp_path: Path) -> None:
    launch = edited(CLOSED, OPEN)
    with (
        cordon(tmp_path, "--socket-callers", "keys") as asked,
        guarding(tmp_path / "nginx", "nginx", asked.socket, launch) as gateway,
    ):
        assert ask(gateway.port, front()).status == 500
        assert gateway.application.received == []


def test_an_error_page_of_the_server_opens_no_door(tmp_path: Path, place: Path) -> None:
    page = (
        "listen 127.0.0.1:8000; error_page 403 404 500 502 503 504 =200 /sorry; location = /sorry { return 200 sorry; }"
    )

    def launch(site: Site) -> Program:
        shown = page.replace("127.0.0.1:8000", f"127.0.0.1:{site.port}")
        return edited(f"listen 127.0.0.1:{site.port};", shown)(site)

    with guarding(tmp_path / "nginx", "nginx", place, launch) as gateway:
        assert ask(gateway.port, front()).status == 503
        with Upstream(place, Answering(500, (), b"")):
            assert ask(gateway.port, front()).status == 503
        assert gateway.application.received == []


def test_the_question_cannot_be_asked_from_outside(gateways: dict[str, Gateway]) -> None:
    with connected(gateways["nginx"].port) as connection:
        connection.sendall(written(front(), path="/.cordon/check"))
        assert read(connection).status == 404


def test_an_application_that_is_down_is_no_error_of_cordons(own_cordon: Cordon, tmp_path: Path) -> None:
    def launch(site: Site) -> Program:
        return edited(site.application, "127.0.0.1:9")(site)

    with guarding(tmp_path / "nginx", "nginx", own_cordon.socket, launch) as gateway:
        assert ask(gateway.port, front()).status == 502
