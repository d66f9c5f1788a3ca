"""The client's address from peer and headers: the table of the wire contracts, row by row, and what lies between."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.gateways.client_address import (
    REASONS,
    AddressPolicy,
    ClientAddress,
    Headers,
    client_address,
    trusted_networks,
)

TRUSTED = trusted_networks(["10.0.0.0/8", "192.0.2.1", "2001:db8:1::/48"])
LIST = AddressPolicy(TRUSTED, "X-Forwarded-For")
FORWARDED = AddressPolicy(TRUSTED, "Forwarded")
FIELD = AddressPolicy(TRUSTED, "X-Client-Address")
GATEWAY = "10.0.0.1"


def from_list(*lines: str, peer: str | None = GATEWAY, policy: AddressPolicy = LIST) -> ClientAddress:
    return client_address(peer, [("X-Forwarded-For", line) for line in lines], policy)


def from_forwarded(*lines: str) -> ClientAddress:
    return client_address(GATEWAY, [("Forwarded", line) for line in lines], FORWARDED)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["6.6.6.6, 1.2.3.4"], "1.2.3.4"),
        (["1.2.3.4"], "1.2.3.4"),
        (["6.6.6.6, 1.2.3.4, 10.0.0.5"], "1.2.3.4"),
        (["6.6.6.6,1.2.3.4,10.0.0.5,192.0.2.1"], "1.2.3.4"),
        (["6.6.6.6, 1.2.3.4", "10.0.0.5"], "1.2.3.4"),
        (["6.6.6.6", "1.2.3.4"], "1.2.3.4"),
        (["1.2.3.4, ::ffff:10.0.0.5"], "1.2.3.4"),
        (["1.2.3.4, [::ffff:a00:5]:443"], "1.2.3.4"),
        (["garbage, 1.2.3.4"], "1.2.3.4"),
        (["1.2.3.4, 2001:db8:1::7"], "1.2.3.4"),
        (["::ffff:8.8.8.8"], "8.8.8.8"),
        (["8.8.8.8:443"], "8.8.8.8"),
        (["[2001:db8::1]:443"], "2001:db8::1"),
        (["fe80::1%eth0"], "fe80::1"),
        (["2002:808:808::1"], "2002:808:808::1"),
        (["100.64.0.1"], "100.64.0.1"),
    ],
)
def test_a_list_is_read_from_the_right_past_trusted_proxies_only(lines: list[str], expected: str) -> None:
    assert from_list(*lines) == ClientAddress(expected)


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (["1.2.3.4, garbage"], "garbage"),
        (["1.2.3.4, garbage, 10.0.0.5"], "garbage"),
        (["1.2.3.4, "], "garbage"),
        (["1.2.3.4", ""], "garbage"),
        ([""], "garbage"),
        (["1.2.3.4, 010.8.8.8"], "garbage"),
        (["1.2.3.4, 134744072"], "garbage"),
        (["1.2.3.4, 10.0.0.5.6"], "garbage"),
        (["1.2.3.4, unknown"], "hidden"),
        (["1.2.3.4, _hidden"], "hidden"),
        (["10.0.0.5, 10.0.0.6"], "all-trusted"),
        (["10.0.0.5", "::ffff:10.0.0.6"], "all-trusted"),
        ([], "no-header"),
    ],
)
def test_where_the_client_cannot_be_told_the_address_is_unknown_with_its_own_reason(
    lines: list[str], reason: str
) -> None:
    found = from_list(*lines)
    assert (found.text, found.reason) == (None, reason)
    assert reason in REASONS


def test_a_header_from_a_peer_that_is_not_trusted_is_ignored() -> None:
    assert from_list("6.6.6.6, 1.2.3.4", peer="9.9.9.9") == ClientAddress("9.9.9.9")
    assert client_address("9.9.9.9", [("X-Client-Address", "1.2.3.4")], FIELD) == ClientAddress("9.9.9.9")


def test_without_a_header_to_believe_the_client_is_the_peer() -> None:
    policy = AddressPolicy(TRUSTED)
    assert from_list("1.2.3.4", policy=policy) == ClientAddress(GATEWAY)
    assert from_list("1.2.3.4", peer="::ffff:9.9.9.9", policy=policy) == ClientAddress("9.9.9.9")


def test_a_header_that_is_not_required_may_be_missing() -> None:
    assert from_list(policy=AddressPolicy(TRUSTED, "X-Forwarded-For", required=False)) == ClientAddress(GATEWAY)


def test_a_peer_without_an_address_is_believed_only_where_sockets_are_trusted() -> None:
    socket = AddressPolicy(TRUSTED, "X-Forwarded-For", trust_socket=True)
    assert from_list("1.2.3.4", peer=None) == ClientAddress(None, "no-peer")
    assert from_list("1.2.3.4", peer=None, policy=socket) == ClientAddress("1.2.3.4")
    assert from_list(peer=None, policy=socket) == ClientAddress(None, "no-header")
    assert from_list(peer=None, policy=AddressPolicy(trust_socket=True)) == ClientAddress(None, "no-peer")


def test_trusting_sockets_is_not_trusting_every_peer() -> None:
    socket = AddressPolicy(TRUSTED, "X-Forwarded-For", trust_socket=True)
    assert from_list("1.2.3.4", peer="9.9.9.9", policy=socket) == ClientAddress("9.9.9.9")


@pytest.mark.parametrize("outer", ["2002:a00:5::1", "64:ff9b::a00:5", "2001::f5ff:fffa"])
def test_an_address_that_only_embeds_a_trusted_one_is_not_trusted(outer: str) -> None:
    assert from_list(f"1.2.3.4, {outer}") != ClientAddress("1.2.3.4")
    assert from_list("1.2.3.4", peer=outer) != ClientAddress("1.2.3.4")


def test_trusting_all_of_ipv6_is_not_trusting_ipv4() -> None:
    policy = AddressPolicy(trusted_networks(["::/0"]), "X-Forwarded-For")
    assert from_list("1.2.3.4", peer="9.9.9.9", policy=policy) == ClientAddress("9.9.9.9")


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["for=6.6.6.6, for=1.2.3.4"], "1.2.3.4"),
        (["For=1.2.3.4;proto=https;by=10.0.0.1"], "1.2.3.4"),
        (["proto=https; for=1.2.3.4 ;by=10.0.0.1"], "1.2.3.4"),
        (["for=1.2.3.4, for=10.0.0.5"], "1.2.3.4"),
        (["for=6.6.6.6", "for=1.2.3.4, for=10.0.0.5"], "1.2.3.4"),
        (['for="[2001:db8:cafe::17]:4711"'], "2001:db8:cafe::17"),
        (['for="1.2.3.4:47011"'], "1.2.3.4"),
        (["for=1.2.3.4:47011;host=example.org:80"], "1.2.3.4"),
        (['for="1.2.3.4:_port"'], "1.2.3.4"),
        (['for="\\1.2.3.4"'], "1.2.3.4"),
        (['for=1.2.3.4;host="a, for=6.6.6.6;b"'], "1.2.3.4"),
        (['for=1.2.3.4;host="a\\", for=6.6.6.6;b"'], "1.2.3.4"),
        (['for="::ffff:10.0.0.5", for=1.2.3.4, for="[::ffff:10.0.0.5]"'], "1.2.3.4"),
        (['broken", "for=1.2.3.4', "for=1.2.3.4"], "1.2.3.4"),
    ],
)
def test_forwarded_is_read_from_the_right_with_its_quoting(lines: list[str], expected: str) -> None:
    assert from_forwarded(*lines) == ClientAddress(expected)


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (["for=unknown"], "hidden"),
        (["for=_hidden"], "hidden"),
        (['for="_hidden:_port"'], "hidden"),
        (["for=1.2.3.4, for=unknown"], "hidden"),
        (["for=1.2.3.4, by=10.0.0.1"], "garbage"),
        (["for=1.2.3.4, "], "garbage"),
        (["for=1.2.3.4;for=5.6.7.8"], "garbage"),
        (["for="], "garbage"),
        (["for"], "garbage"),
        (["1.2.3.4"], "garbage"),
        (['for="1.2.3.4'], "garbage"),
        (['for=6.6.6.6;x=", for=1.2.3.4'], "garbage"),
        (['for=6.6.6.6;x=", for="[2001:db8::1]:80"'], "garbage"),
        (['for="6.6.6.6" x, for=10.0.0.1'], "garbage"),
        (["for=10.0.0.5, for=10.0.0.6"], "all-trusted"),
        ([""], "garbage"),
        ([], "no-header"),
    ],
)
def test_a_forwarded_hop_that_cannot_be_told_is_unknown(lines: list[str], reason: str) -> None:
    assert from_forwarded(*lines) == ClientAddress(None, reason)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([("x-client-address", "1.2.3.4")], ClientAddress("1.2.3.4")),
        ([("X-CLIENT-ADDRESS", " 1.2.3.4 ")], ClientAddress("1.2.3.4")),
        ([("X-Client-Address", "10.0.0.9")], ClientAddress("10.0.0.9")),
        ([("X-Client-Address", "1.2.3.4"), ("X-Client-Address", "5.6.7.8")], ClientAddress(None, "several-values")),
        ([("X-Client-Address", "1.2.3.4, 5.6.7.8")], ClientAddress(None, "garbage")),
        ([("X-Client-Address", "unknown")], ClientAddress(None, "hidden")),
        ([("X_Client_Address", "1.2.3.4")], ClientAddress(None, "no-header")),
        ([("X-Forwarded-For", "1.2.3.4")], ClientAddress(None, "no-header")),
    ],
)
def test_an_explicit_field_holds_one_address(headers: Headers, expected: ClientAddress) -> None:
    assert client_address(GATEWAY, headers, FIELD) == expected


@pytest.mark.parametrize("texts", [["10.0.0.1/8"], ["nonsense"], ["10.0.0.0/8", "::/129", ""]])
def test_what_is_no_network_cannot_be_trusted(texts: list[str]) -> None:
    with pytest.raises(ValueError, match="not a network"):
        trusted_networks(texts)


POLICIES = st.sampled_from([LIST, FORWARDED, FIELD, AddressPolicy(TRUSTED), AddressPolicy()])
LINES = st.lists(st.tuples(st.sampled_from(["X-Forwarded-For", "forwarded", "x-client-address"]), st.text()))


@given(st.none() | st.text(), LINES, POLICIES)
def test_no_header_raises_and_an_unknown_address_always_has_a_reason(
    peer: str | None, headers: list[tuple[str, str]], policy: AddressPolicy
) -> None:
    found = client_address(peer, headers, policy)
    assert (found.text is None) == (found.reason in REASONS)


@given(st.text(alphabet='for=;,"\\ 1.2:[]x', max_size=60))
def test_what_a_client_puts_before_a_proxys_entry_never_becomes_the_address(client: str) -> None:
    for entry in ("for=203.0.113.9", 'for="[2001:db8::9]:443";proto=https'):
        assert from_forwarded(f"{client}, {entry}").text in (None, "203.0.113.9", "2001:db8::9")
    assert from_list(f"{client}, 203.0.113.9") == ClientAddress("203.0.113.9")
