"""Nothing that a client sends sets its account, address, country or decision: what Cordon and the application saw."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from tests.gateways.programs import LAUNCHING, Gateway, guarding, is_installed
from tests.gateways.scenario import (
    CRIMEA,
    CUSTOMER,
    GERMANY,
    STRANGER,
    SUSPENDED,
    Headers,
    ask,
    connected,
    front,
    read,
    written,
)
from tests.gateways.upstream import Answering, Upstream

DECISION_ID = "decision-of-cordon"
FORGED = "6.6.6.6"
ALLOWING = Answering(200, (("X-Cordon-Decision-Id", DECISION_ID), ("X-Cordon-Effect", "allow")), b"")
"""As Cordon answers where the sources do not agree on a country."""

NAMES = ("Account", "Client-Address", "Country", "Decision-Id", "Effect", "Key", "Resource", "Action", "Ruleset")
DASHED = [(f"X-Cordon-{name}", "forged") for name in NAMES]
TABLE: dict[str, Headers] = {
    "own names": DASHED,
    "own names twice": [*DASHED, *DASHED],
    "own names in lower case": [(name.lower(), value) for name, value in DASHED],
    "underscores": [(name.replace("-", "_"), value) for name, value in DASHED],
    "one underscore": [(name.replace("X-", "X_"), value) for name, value in DASHED],
    "another underscore": [(name.replace("X-Cordon-", "X-Cordon_"), value) for name, value in DASHED],
    "dots": [(name.replace("-", "."), value) for name, value in DASHED],
    "another sign": [(name.replace("-", "~"), value) for name, value in DASHED],
    "capitals": [(name.upper(), value) for name, value in DASHED],
    "account twice": [("X-Cordon-Account", SUSPENDED), ("X-Cordon-Account", CUSTOMER)],
    "country": [("X-Cordon-Country", "DE")],
    "forwarded": [("Forwarded", f"for={FORGED}"), ("X-Real-IP", FORGED), ("True-Client-IP", FORGED)],
    "names as hop-by-hop": [("Connection", ", ".join(name for name, _ in DASHED))],
    "names as hop-by-hop, kept alive": [
        ("Connection", "keep-alive, X-Cordon-Account, X-Cordon-Effect, X-Forwarded-For")
    ],
}


@dataclass(frozen=True, slots=True)
class Watched:
    """A gateway, and something in Cordon's place that lets everything through and sees what is asked."""

    gateway: Gateway
    asked: Upstream

    def cordon_was_told(self, name: str) -> list[str]:
        return self.asked.last.values(f"X-Cordon-{name}")

    @property
    def application_was_told(self) -> dict[str, str]:
        """Every header that reads like one of Cordon's, and says something."""
        headers = self.gateway.application.last.headers
        found = [(key.lower(), value) for key, value in headers if "cordon" in key.lower() and value]
        assert len(found) == len(dict(found)), found
        return dict(found)


@pytest.fixture(scope="module")
def all_watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Watched]]:
    directory = tmp_path_factory.mktemp("watched")
    with ExitStack() as stack:
        found = {}
        for name in filter(is_installed, LAUNCHING):
            asked = stack.enter_context(Upstream(directory / f"{name}.sock", ALLOWING))
            assert isinstance(asked.address, type(directory))
            gateway = stack.enter_context(guarding(directory / name, name, asked.address))
            found[name] = Watched(gateway, asked)
        yield found


@pytest.fixture
def watched(gateway_name: str, all_watched: dict[str, Watched]) -> Watched:
    return all_watched[gateway_name]


@pytest.mark.parametrize("forged", TABLE.values(), ids=TABLE)
def test_a_name_of_cordons_own_is_never_the_clients(watched: Watched, forged: Headers) -> None:
    assert ask(watched.gateway.port, [*forged, *front(), *forged]).status == 200
    assert watched.cordon_was_told("Account") == [CUSTOMER]
    assert watched.cordon_was_told("Client-Address") == [GERMANY]
    assert [name for name, value in watched.asked.last.headers if value == "forged"] == []
    assert watched.application_was_told == {"x-cordon-decision-id": DECISION_ID, "x-cordon-effect": "allow"}


@pytest.mark.parametrize(
    "lines",
    [[f"{FORGED}, {GERMANY}"], [FORGED, GERMANY], [f"garbage,{GERMANY}"], [f"{CRIMEA}, {FORGED} ,  {GERMANY} "]],
    ids=["a list", "two lines", "garbage before it", "white space"],
)
def test_the_address_is_what_the_part_in_front_has_seen(watched: Watched, lines: list[str]) -> None:
    ask(watched.gateway.port, [*front(address=None), *(("X-Forwarded-For", line) for line in lines)])
    assert watched.cordon_was_told("Client-Address") == [GERMANY]


@pytest.mark.parametrize("line", [f"{GERMANY}, garbage", f"{GERMANY}, unknown", f"{GERMANY}, {GERMANY} {FORGED}"])
def test_what_is_no_address_is_not_walked_past(watched: Watched, line: str) -> None:
    ask(watched.gateway.port, [*front(address=None), ("X-Forwarded-For", line)])
    assert watched.cordon_was_told("Client-Address") != [GERMANY]


def test_who_passes_the_part_in_front_by_is_not_believed(watched: Watched) -> None:
    ask(watched.gateway.port, front(), source=STRANGER)
    assert watched.cordon_was_told("Client-Address") == [STRANGER]
    assert [account for account in watched.cordon_was_told("Account") if account] == []
    assert GERMANY not in " ".join(watched.gateway.application.last.values("X-Forwarded-For"))


def test_two_accounts_are_none_or_the_first_line_of_the_part_in_front(watched: Watched) -> None:
    ask(watched.gateway.port, [*front(), ("X-Api-Account", SUSPENDED)])
    assert watched.cordon_was_told("Account") != [SUSPENDED]


def test_a_long_list_of_addresses_is_read_from_its_end(watched: Watched) -> None:
    forged = ", ".join([FORGED] * 300)
    ask(watched.gateway.port, [*front(address=None), ("X-Forwarded-For", f"{forged}, {GERMANY}")])
    assert watched.cordon_was_told("Client-Address") == [GERMANY]


@pytest.mark.parametrize("announced", [[], [("Trailer", ", ".join(name for name, _ in DASHED))]], ids=["not", "and"])
def test_what_comes_after_a_body_is_never_the_first_word(watched: Watched, announced: Headers) -> None:
    after = "".join(f"{name}: {value}\r\n" for name, value in DASHED)
    head = written([*front(), ("Transfer-Encoding", "chunked"), *announced], method="POST")
    with connected(watched.gateway.port) as connection:
        connection.sendall(head + f"1\r\nx\r\n0\r\n{after}\r\n".encode())
        assert read(connection, "POST").status == 200
    words = [
        watched.gateway.application.last.values(f"X-Cordon-{name}") for name in ("Country", "Decision-Id", "Effect")
    ]
    assert [said[0] if said else "" for said in words] == ["", DECISION_ID, "allow"]
    assert watched.cordon_was_told("Account") == [CUSTOMER]


def test_secrets_of_the_client_are_not_told_to_cordon(watched: Watched) -> None:
    secrets = [("Authorization", "Bearer of-the-client"), ("Cookie", "session=of-the-client")]
    ask(watched.gateway.port, [*front(), *secrets])
    assert [value for _, value in watched.asked.last.headers if "of-the-client" in value] == []
    assert watched.gateway.application.last.values("Authorization") == ["Bearer of-the-client"]
