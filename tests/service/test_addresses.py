"""Text to address: what is accepted, what is rejected, what is taken out of what."""

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.facts import IPV4_MAPPED
from service.geo.addresses import LONGEST, address_of, network_of, number_of, text_of

EIGHTS = IPV4_MAPPED | 0x08080808
IPV4 = st.integers(0, 2**32 - 1)
IPV6 = st.integers(0, 2**128 - 1)


@pytest.mark.parametrize(
    "text",
    [
        "8.8.8.8",
        " 8.8.8.8\t",
        "8.8.8.8\n",
        "8.8.8.8:443",
        '"8.8.8.8"',
        '"8.8.8.8:443"',
        "8.8.8.8:_port",
        "::ffff:8.8.8.8",
        "::FFFF:808:808",
        "[::ffff:8.8.8.8]:443",
        '"[::ffff:808:808]"',
        "64:ff9b::808:808",
        "64:ff9b::8.8.8.8",
    ],
)
def test_one_address_in_many_dresses_is_one_address(text: str) -> None:
    assert address_of(text) == (EIGHTS, False)


@pytest.mark.parametrize(
    "text",
    [
        "2002:808:808::1",
        "2002:0808:0808:ffff:ffff:ffff:ffff:ffff",
        "2001::f7f7:f7f7",
        "2001:0:4136:e378:8000:63bf:f7f7:f7f7",
        "[2002:808:808::1]:80",
    ],
)
def test_an_address_found_inside_6to4_or_teredo_came_through_a_tunnel(text: str) -> None:
    assert address_of(text) == (EIGHTS, True)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("fe80::1%eth0", "fe80::1"),
        ("[fe80::1%eth0]:443", "fe80::1"),
        ("fe80::1%25eth0", "fe80::1"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ('"[2001:db8:cafe::17]:4711"', "2001:db8:cafe::17"),
        ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"),
        ("2a02:6b8:0:1::feed:0ff", "2a02:6b8:0:1::feed:ff"),
    ],
)
def test_zone_port_brackets_and_quotes_come_off(text: str, plain: str) -> None:
    found = address_of(text)
    assert found is not None
    assert text_of(found[0]) == plain


@pytest.mark.parametrize(
    "text",
    [
        "010.8.8.8",
        "8.8.8.010",
        "0x8.8.8.8",
        "0x08080808",
        "134744072",
        "8.8",
        "8.8.8",
        "8.8.8.8.8",
        "8.8.8.256",
        "8.8.8.8.",
        ".8.8.8.8",
        "8. 8.8.8",
        "+8.8.8.8",
        "-8.8.8.8",
        "8.8.8.8/32",
        "8.8.8.8%eth0",
        "8.8.8.8:",
        "8.8.8.8:65536",
        "8.8.8.8:443:443",
        "8.8.8.8:4x3",
        "[8.8.8.8]",
        "[8.8.8.8]:443",
        "[::1",
        "::1]",
        "[]",
        "[::1]443",
        "[::1]:",
        "[[::1]]",
        "::ffff:010.8.8.8",
        "::ffff:8.8.8",
        ":::1",
        "1::2::3",
        "12345::1",
        "fe80::1%",
        "fe80::1%a b",
        "fe80::1%\0",
        "%eth0",
        "unknown",
        "_hidden",
        "localhost",
        "example.org",
        "",
        " ",
        '"',
        '""',
        "'8.8.8.8'",
        "8.8.8.8\0",
        "8.8.8.8\x008",
        "\0",
        "\u0668.8.8.8",
        "\uff18.8.8.8",
        "8\u30028\u30028\u30028",
        "\u00a08.8.8.8",
        "\udc80",
        "8.8.8.8, 1.1.1.1",
        "1" * 100_000,
        "8.8.8.8" + " " * LONGEST,
        ":" * 100,
    ],
)
def test_what_readers_disagree_on_or_nobody_understands_is_no_address(text: str) -> None:
    assert address_of(text) is None


@given(st.text())
def test_no_text_raises(text: str) -> None:
    address_of(text)


@given(st.text(alphabet="0123456789abcdefx:.%[]\"_ ,;/'\0\u0660", max_size=50))
def test_no_text_that_looks_like_an_address_raises(text: str) -> None:
    address_of(text)


@given(IPV4)
def test_the_plain_text_of_an_ipv4_address_names_it(number: int) -> None:
    text = str(IPv4Address(number))
    assert address_of(text) == (IPV4_MAPPED | number, False)
    assert text_of(IPV4_MAPPED | number) == text


@given(IPV6)
def test_the_bits_of_an_ipv6_address_are_those_that_other_readers_find(number: int) -> None:
    assert number_of(str(IPv6Address(number))) == number


@given(IPV6)
def test_normalising_a_text_twice_changes_nothing_more(number: int) -> None:
    first = address_of(str(IPv6Address(number)))
    assert first is not None
    assert address_of(text_of(first[0])) == (first[0], False)


@given(IPV4, st.integers(0, 2**80 - 1))
def test_every_embedding_of_an_ipv4_address_names_it(number: int, rest: int) -> None:
    forms = {
        IPV4_MAPPED | number: False,
        0x64FF9B << 96 | number: False,
        0x2002 << 112 | number << 80 | rest: True,
        0x20010000 << 96 | (rest & 0xFFFF_FFFF_FFFF_FFFF) << 32 | number ^ 0xFFFF_FFFF: True,
    }
    for bits, tunnel in forms.items():
        assert address_of(str(IPv6Address(bits))) == (IPV4_MAPPED | number, tunnel)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("10.0.0.0/8", "10.0.0.0", "10.255.255.255"),
        ("8.8.8.8", "8.8.8.8", "8.8.8.8"),
        ("0.0.0.0/0", "0.0.0.0", "255.255.255.255"),
        ("2a00::/12", "2a00::", "2a0f:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("::ffff:10.0.0.0/104", "10.0.0.0", "10.255.255.255"),
    ],
)
def test_a_network_is_its_first_and_last_address(text: str, first: str, last: str) -> None:
    assert network_of(text) == (number_of(first), number_of(last))


@pytest.mark.parametrize(
    "text", ["10.0.0.1/8", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/-1", "10/8", "", "/8", "a/8", "10.0.0.0/8/8"]
)
def test_what_is_no_network_is_none(text: str) -> None:
    assert network_of(text) is None
