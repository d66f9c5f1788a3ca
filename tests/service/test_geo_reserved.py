"""Reserved classes, against the registries and against another implementation of them."""

from ipaddress import IPv4Network, IPv6Network, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.facts import IPV4_MAPPED
from service.geo.addresses import network_of, number_of
from service.geo.intervals import IntervalTable
from service.geo.reserved import BLOCKS, CLASSES, REACHABLE, reserved_class

# SOURCE: the two IANA special-purpose registries, last updated 2025-10-09: blocks whose entry is not "globally
# reachable: true", and the IPv4 and IPv6 address space registries for the last six.
TABLE = [
    ("0.0.0.1", "this-network"),
    ("0.0.0.0", "unspecified"),
    ("10.0.0.1", "private"),
    ("100.64.0.1", "cgnat"),
    ("100.127.255.255", "cgnat"),
    ("127.0.0.1", "loopback"),
    ("169.254.169.254", "link-local"),
    ("172.16.0.1", "private"),
    ("172.31.255.255", "private"),
    ("192.0.0.1", "protocol-assignments"),
    ("192.0.0.8", "protocol-assignments"),
    ("192.0.0.170", "protocol-assignments"),
    ("192.0.2.1", "documentation"),
    ("192.88.99.1", "deprecated"),
    ("192.88.99.2", "deprecated"),
    ("192.168.1.1", "private"),
    ("198.18.0.1", "benchmarking"),
    ("198.51.100.1", "documentation"),
    ("203.0.113.1", "documentation"),
    ("224.0.0.1", "multicast"),
    ("239.255.255.255", "multicast"),
    ("240.0.0.1", "future-use"),
    ("255.255.255.255", "broadcast"),
    ("::", "unspecified"),
    ("::1", "loopback"),
    ("::2", "unallocated"),
    ("::8.8.8.8", "unallocated"),
    ("64:ff9b:1::1", "translation"),
    ("64:ff9b:2::1", "unallocated"),
    ("100::1", "discard"),
    ("100:0:0:1::1", "dummy"),
    ("2001:1::4", "protocol-assignments"),
    ("2001:2::1", "benchmarking"),
    ("2001:10::1", "deprecated"),
    ("2001:db8::1", "documentation"),
    ("3fff::1", "documentation"),
    ("4000::1", "unallocated"),
    ("5f00::1", "segment-routing"),
    ("fc00::1", "unique-local"),
    ("fd12:3456::1", "unique-local"),
    ("fe80::1", "link-local"),
    ("fec0::1", "site-local"),
    ("ff02::1", "multicast"),
]
REACHABLE_ADDRESSES = [
    "8.8.8.8",
    "192.0.0.9",
    "192.0.0.10",
    "192.31.196.1",
    "192.52.193.1",
    "192.175.48.1",
    "100.63.255.255",
    "100.128.0.0",
    "223.255.255.255",
    "2001:1::1",
    "2001:1::2",
    "2001:1::3",
    "2001:3::1",
    "2001:4:112::1",
    "2001:20::1",
    "2001:30::1",
    "2001:200::1",
    "2620:4f:8000::1",
    "2a00::1",
    "3ffe::1",
    "3fff:1000::1",
]


def _class_of(text: str) -> str | None:
    number = number_of(text)
    assert number is not None
    return reserved_class(number)


@pytest.mark.parametrize(("text", "name"), TABLE)
def test_an_address_of_a_special_purpose_block_is_of_its_class(text: str, name: str) -> None:
    assert _class_of(text) == name


@pytest.mark.parametrize("text", REACHABLE_ADDRESSES)
def test_an_address_that_the_registries_call_globally_reachable_is_not_reserved(text: str) -> None:
    assert _class_of(text) is None


def test_every_class_stands_in_the_table_of_examples() -> None:
    assert {name for _, name in TABLE} == CLASSES


@pytest.mark.parametrize("text", [text for text, _ in BLOCKS])
def test_the_first_and_last_of_a_block_and_their_neighbours_are_of_the_smallest_block_around_them(text: str) -> None:
    network = network_of(text)
    assert network is not None
    for number in (network[0] - 1, network[0], network[1], network[1] + 1):
        if 0 <= number < 2**128:
            assert reserved_class(number) == _smallest_block(number)


@given(st.one_of(st.integers(0, 2**128 - 1), st.integers(IPV4_MAPPED, IPV4_MAPPED + 2**32 - 1)))
def test_an_address_is_of_the_class_of_the_smallest_block_around_it(number: int) -> None:
    assert reserved_class(number) == _smallest_block(number)


PREFIXES = st.integers(0, 10).flatmap(lambda bits: st.integers(0, 2**bits - 1).map(lambda n: (bits, n)))


@given(st.lists(PREFIXES, max_size=20), st.integers(0, 1023))
def test_a_flattened_table_finds_what_a_search_of_all_blocks_finds(prefixes: list[tuple[int, int]], at: int) -> None:
    blocks = {(n << 10 - bits, (n + 1 << 10 - bits) - 1): f"{bits}/{n}" for bits, n in prefixes}
    around = [(last - first, name) for (first, last), name in blocks.items() if first <= at <= last]
    table = IntervalTable([(first, last, name) for (first, last), name in blocks.items()])
    assert table.find(at) == (min(around)[1] if around else None)


def _smallest_block(number: int) -> str | None:
    """By a search of all blocks, with other code than the one tested."""
    around = [
        (network.num_addresses, name)
        for network, name in ((ip_network(text), name) for text, name in BLOCKS)
        if _first(network) <= number < _first(network) + network.num_addresses
    ]
    name = min(around)[1] if around else REACHABLE
    return name or None


def _first(network: IPv4Network | IPv6Network) -> int:
    return int(network[0]) | (IPV4_MAPPED if network.version == 4 else 0)
