"""Nothing that a client sends sets its own country, account or decision: the spoofing table, by real requests."""

from collections.abc import Iterator

import pytest

from service.gateways.client_address import AddressPolicy, trusted_networks
from service.parts import Service
from tests.client.guarded import PROXIED, Noting, demo_service, guarded, in_process, send_request
from tests.client.served import CRIMEA, GERMANY, NORTHWIND, application

FORWARDED = AddressPolicy(PROXIED.trusted, "Forwarded")
UNTRUSTED = AddressPolicy(trusted_networks(["10.0.0.0/8"]), "X-Forwarded-For", required=False)
SIGNED_IN = ("X-Login", NORTHWIND)

Site = tuple[str, Noting]


@pytest.fixture(scope="module")
def service() -> Service:
    return demo_service()


def site_of(service: Service, policy: AddressPolicy) -> Iterator[Site]:
    ask = in_process(service)
    with application(guarded(ask, policy)) as url:
        yield url, ask


@pytest.fixture(scope="module")
def proxied(service: Service) -> Iterator[Site]:
    yield from site_of(service, PROXIED)


@pytest.fixture(scope="module")
def forwarded(service: Service) -> Iterator[Site]:
    yield from site_of(service, FORWARDED)


@pytest.fixture(scope="module")
def direct(service: Service) -> Iterator[Site]:
    yield from site_of(service, UNTRUSTED)


def address_seen(site: Site, name: str, *lines: str) -> str | None:
    """What Cordon was asked about, when a client sends these lines."""
    url, ask = site
    asked = len(ask.questions)
    send_request(url, "/", [SIGNED_IN, *((name, line) for line in lines)])
    assert len(ask.questions) == asked + 1
    return ask.questions[-1].address


@pytest.mark.parametrize(
    ("lines", "seen"),
    [
        (["6.6.6.6, 1.2.3.4"], "1.2.3.4"),
        (["6.6.6.6, 1.2.3.4, 10.0.0.5"], "1.2.3.4"),
        (["6.6.6.6", "1.2.3.4, 10.0.0.5"], "1.2.3.4"),
        (["1.2.3.4, ::ffff:10.0.0.5"], "1.2.3.4"),
        (["1.2.3.4, garbage"], None),
        (["10.0.0.5"], None),
        ([], None),
        (["::ffff:8.8.8.8"], "8.8.8.8"),
        (["fe80::1%eth0"], "fe80::1"),
        (["8.8.8.8:443"], "8.8.8.8"),
        (["[2001:db8::1]:443"], "2001:db8::1"),
        (["010.8.8.8"], None),
        (["0x8.8.8.8"], None),
        (["134744072"], None),
        (["8.8"], None),
        (["unknown"], None),
    ],
)
def test_a_list_is_read_from_the_right_past_trusted_proxies(proxied: Site, lines: list[str], seen: str | None) -> None:
    assert address_seen(proxied, "X-Forwarded-For", *lines) == seen


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        ("for=6.6.6.6, for=1.2.3.4", "1.2.3.4"),
        ('for=1.2.3.4, for="[::ffff:10.0.0.5]"', "1.2.3.4"),
        ('for="[2001:db8::1]:443"', "2001:db8::1"),
        ("for=unknown", None),
        ("for=_hidden", None),
        ('for="1.2.3.4', None),
    ],
)
def test_forwarded_is_read_as_its_standard_says(forwarded: Site, line: str, seen: str | None) -> None:
    assert address_seen(forwarded, "Forwarded", line) == seen


def test_who_is_no_proxy_is_the_client_whatever_it_writes(direct: Site) -> None:
    assert address_seen(direct, "X-Forwarded-For", GERMANY) == "127.0.0.1"
    assert address_seen(direct, "X_Forwarded_For", GERMANY) == "127.0.0.1"


def test_no_other_header_names_the_client(proxied: Site) -> None:
    for name in ("X_Forwarded_For", "Forwarded", "X-Real-IP", "X-Cordon-Client-Address", "True-Client-IP", "Via"):
        assert address_seen(proxied, name, GERMANY) is None


OWN = [
    "X-Cordon-Account",
    "x-cordon-client-address",
    "X-CORDON-EFFECT",
    "X_Cordon_Decision_Id",
    "X-Cordon_Country",
    "x_cordon-key",
    "X.Cordon.Effect",
    "X-Cordon-",
]


@pytest.mark.parametrize("name", OWN)
def test_what_a_client_sends_as_cordons_never_arrives(proxied: Site, name: str) -> None:
    url, ask = proxied
    reply = send_request(url, "/", [("X-Forwarded-For", GERMANY), SIGNED_IN, (name, "allow"), (name, "again")])
    assert reply.status == 200
    assert [each for each, _ in reply.json["headers"] if "cordon" in each.lower()] == []
    assert reply.json["decision"] == ask.decisions[-1].decision_id


def test_on_a_path_that_is_not_checked_it_never_arrives_either(proxied: Site) -> None:
    reply = send_request(proxied[0], "/open", [("X-Cordon-Effect", "allow"), ("X_Cordon_Effect", "allow")])
    assert (reply.json["decision"], [name for name, _ in reply.json["headers"] if "cordon" in name]) == (None, [])


def test_what_is_not_cordons_arrives(proxied: Site) -> None:
    lines = [("X-Forwarded-For", GERMANY), SIGNED_IN, ("X-Cordonbleu", "a"), ("Cordon", "b"), ("X-Not-Cordon-Key", "c")]
    reply = send_request(proxied[0], "/", lines)
    arrived = dict(reply.json["headers"])
    assert [arrived[name] for name in ("x-cordonbleu", "cordon", "x-not-cordon-key")] == ["a", "b", "c"]


@pytest.mark.parametrize("name", OWN)
def test_no_header_of_cordons_opens_what_is_closed(proxied: Site, name: str) -> None:
    for value in ("allow", NORTHWIND, GERMANY, "DE"):
        assert send_request(proxied[0], "/", [("X-Forwarded-For", CRIMEA), SIGNED_IN, (name, value)]).status == 451
        assert send_request(proxied[0], "/", [("X-Forwarded-For", GERMANY), (name, value)]).status == 403
