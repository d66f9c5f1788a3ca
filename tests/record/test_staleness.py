"""A database that is out of reach: what was confirmed lately still counts, then accounts are unknown and say why."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from tests.postgresql_server import PostgresqlServer
from tests.record.conftest import asker_of, fill, settings_for
from tests.record.worker import working
from tests.service.conftest import Asker, question
from tests.service.connections import JSON, plain_question, plain_request
from tests.valkey_server import wait_until

STALENESS_SECONDS = 1.0


@pytest.fixture
def stale_soon(postgresql_url: str, tmp_path: Path) -> Iterator[Asker]:
    """A worker that trusts its facts for a second."""
    fill(postgresql_url, tmp_path / "world")
    with working(settings_for(postgresql_url, max_staleness_seconds=STALENESS_SECONDS)) as worker:
        yield asker_of(worker)


@contextmanager
def cut_off(server: PostgresqlServer, url: str) -> Iterator[None]:
    """Nobody is connected to the database, and nobody can connect."""
    name = make_url(url).database
    server.execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS false')
    server.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
    try:
        yield
    finally:
        server.execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS true')


def unknown(asker: Asker) -> list[str]:
    return list(asker.evaluate(question())["context"]["unknown"])


def test_accounts_are_unknown_once_facts_are_too_old_and_known_again_after(
    stale_soon: Asker, postgresql_server: PostgresqlServer, postgresql_url: str
) -> None:
    assert stale_soon.evaluate(question())["decision"] is True
    with cut_off(postgresql_server, postgresql_url):
        assert stale_soon.evaluate(question())["decision"] is True
        wait_until(lambda: "entity.stale" in unknown(stale_soon), "facts that are too old")
        answer = stale_soon.evaluate(question())["context"]
        assert (answer["effect"], answer["rule"]) == ("challenge", "owned-from-afar")
        assert "entity.missing" not in answer["unknown"]
        notices = stale_soon.get("/readyz").json()["notices"]
        assert "the record could not be confirmed in time: accounts are unknown" in notices
    wait_until(lambda: "entity.stale" not in unknown(stale_soon), "facts that are confirmed again")
    assert stale_soon.evaluate(question())["decision"] is True


def test_a_question_that_came_often_is_not_answered_from_facts_that_are_too_old(
    postgresql_server: PostgresqlServer, postgresql_url: str, tmp_path: Path
) -> None:
    fill(postgresql_url, tmp_path / "world")
    ask = plain_request(plain_question("acct-near", "tool", "use", "8.8.8.8"), JSON)
    with working(settings_for(postgresql_url, max_staleness_seconds=STALENESS_SECONDS)) as worker:

        def is_stale() -> bool:
            return b"entity.stale" in worker.answer(ask)[1]

        assert not any(is_stale() for _ in range(5))
        with cut_off(postgresql_server, postgresql_url):
            wait_until(is_stale, "facts that are too old")
            assert all(is_stale() for _ in range(5))


def test_facts_that_cannot_be_read_are_unknown_at_once(
    stale_soon: Asker, postgresql_server: PostgresqlServer, postgresql_url: str
) -> None:
    stale_soon.evaluate(question())
    never_asked = {**question(), "subject": {"type": "account", "id": "acct-half"}}
    with cut_off(postgresql_server, postgresql_url):
        assert "entity.stale" in stale_soon.evaluate(never_asked)["context"]["unknown"]


def test_a_resource_that_cannot_be_read_is_no_resource_without_tags(
    stale_soon: Asker, postgresql_server: PostgresqlServer, postgresql_url: str
) -> None:
    """Tags deny: one that is taken for untagged would be open to everyone."""
    stale_soon.evaluate(question())
    never_asked = {**question(), "resource": {"type": "tool", "id": "another"}}
    with cut_off(postgresql_server, postgresql_url):
        response = stale_soon.post("/access/v1/evaluation", never_asked)
        assert response.status_code == 503
        assert response.headers["retry-after"] == "1"
        wait_until(lambda: "entity.stale" in unknown(stale_soon), "facts that are too old")  # `tool` is remembered


def test_a_position_that_is_not_reached_in_time_is_refused(stale_soon: Asker) -> None:
    position = stale_soon.evaluate(question())["context"]["data"][0]["revision"]
    epoch, _, seq = position.partition(".")
    assert stale_soon.evaluate(question(at_least=position))["decision"] is True
    ahead = stale_soon.post("/access/v1/evaluation", question(at_least=f"{epoch}.{int(seq) + 1}"))
    assert ahead.status_code == 503
    elsewhere = stale_soon.post("/access/v1/evaluation", question(at_least=f"other.{seq}"))
    assert elsewhere.status_code == 503
    assert stale_soon.post("/access/v1/evaluation", question(at_least="nonsense")).status_code == 400
