"""Addresses that no database can place: the special-purpose blocks, asked before any database.

Rule: a block is reserved unless its registry entry says that it is globally reachable, or unless it carries an IPv4
address that is looked at in its stead (`service.geo.addresses.unwrapped`). The most specific entry decides.

SOURCE: IANA IPv4 Special-Purpose Address Registry and IANA IPv6 Special-Purpose Address Registry, both as last updated
2025-10-09 (https://www.iana.org/assignments/iana-ipv4-special-registry/, …/iana-ipv6-special-registry/).
SOURCE: IANA IPv4 Address Space Registry for 224.0.0.0/4; IANA Internet Protocol Version 6 Address Space for
`fec0::/10`, `ff00::/8` and for everything outside `2000::/3`. Seen 2026-11-22.
"""

from typing import Final

from service.geo.addresses import network_of
from service.geo.intervals import IntervalTable

REACHABLE: Final = ""
"""Stands for the blocks that the registries call globally reachable: a database may be asked."""

BLOCKS: Final[tuple[tuple[str, str], ...]] = (
    ("0.0.0.0/0", REACHABLE),
    ("0.0.0.0/8", "this-network"),  # RFC 791
    ("0.0.0.0/32", "unspecified"),  # RFC 1122
    ("10.0.0.0/8", "private"),  # RFC 1918
    ("100.64.0.0/10", "cgnat"),  # RFC 6598, shared address space
    ("127.0.0.0/8", "loopback"),  # RFC 1122
    ("169.254.0.0/16", "link-local"),  # RFC 3927
    ("172.16.0.0/12", "private"),  # RFC 1918
    ("192.0.0.0/24", "protocol-assignments"),  # RFC 6890
    ("192.0.0.9/32", REACHABLE),  # RFC 7723, Port Control Protocol anycast
    ("192.0.0.10/32", REACHABLE),  # RFC 8155, TURN anycast
    ("192.0.2.0/24", "documentation"),  # RFC 5737
    ("192.88.99.0/24", "deprecated"),  # RFC 7526, 6to4 relay anycast; holds the 6a44 relay, 192.88.99.2
    ("192.168.0.0/16", "private"),  # RFC 1918
    ("198.18.0.0/15", "benchmarking"),  # RFC 2544
    ("198.51.100.0/24", "documentation"),  # RFC 5737
    ("203.0.113.0/24", "documentation"),  # RFC 5737
    ("224.0.0.0/4", "multicast"),  # RFC 5771
    ("240.0.0.0/4", "future-use"),  # RFC 1112
    ("255.255.255.255/32", "broadcast"),  # RFC 919
    ("::/3", "unallocated"),  # RFC 4291, section 2.4: only 2000::/3 is given out
    ("4000::/2", "unallocated"),
    ("8000::/1", "unallocated"),
    ("::/128", "unspecified"),  # RFC 4291
    ("::1/128", "loopback"),  # RFC 4291
    ("64:ff9b:1::/48", "translation"),  # RFC 8215, local-use translation
    ("100::/64", "discard"),  # RFC 6666
    ("100:0:0:1::/64", "dummy"),  # RFC 9780
    ("2001::/23", "protocol-assignments"),  # RFC 2928
    ("2001:1::1/128", REACHABLE),  # RFC 7723, Port Control Protocol anycast
    ("2001:1::2/128", REACHABLE),  # RFC 8155, TURN anycast
    ("2001:1::3/128", REACHABLE),  # RFC 9665, DNS-SD service registration anycast
    ("2001:2::/48", "benchmarking"),  # RFC 5180
    ("2001:3::/32", REACHABLE),  # RFC 7450, AMT
    ("2001:4:112::/48", REACHABLE),  # RFC 7535, AS112
    ("2001:10::/28", "deprecated"),  # RFC 4843, ORCHID
    ("2001:20::/28", REACHABLE),  # RFC 7343, ORCHIDv2
    ("2001:30::/28", REACHABLE),  # RFC 9374, drone remote identification
    ("2001:db8::/32", "documentation"),  # RFC 3849
    ("3fff::/20", "documentation"),  # RFC 9637
    ("5f00::/16", "segment-routing"),  # RFC 9602
    ("fc00::/7", "unique-local"),  # RFC 4193
    ("fe80::/10", "link-local"),  # RFC 4291
    ("fec0::/10", "site-local"),  # RFC 3879, deprecated
    ("ff00::/8", "multicast"),  # RFC 4291
)
"""By network, its class. 192.31.196.0/24, 192.52.193.0/24, 192.175.48.0/24 and 2620:4f:8000::/48 (AS112, AMT) are
globally reachable and lie in no other entry, so they need no row."""

CLASSES: Final = frozenset(name for _, name in BLOCKS if name != REACHABLE)


def _table() -> IntervalTable[str]:
    networks = ((network_of(text), name) for text, name in BLOCKS)
    return IntervalTable([(*network, name) for network, name in networks if network is not None])


RESERVED: Final = _table()


def reserved_class(address: int) -> str | None:
    """The class of a reserved address, one of `CLASSES`; None if a database may know it."""
    return RESERVED.find(address) or None
