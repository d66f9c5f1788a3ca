"""The client's address, from the peer of the connection and the headers that trusted proxies have written.

Rules: a header is believed only if the peer is trusted. Lists are read from right to left, past trusted proxies only;
the left-most entry is whatever the client chose to write. Where the address cannot be known, that is a value with a
reason: never an exception, never another hop's address, never a rule skipped.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from service.geo.addresses import is_ipv4, network_of, number_of, text_of

Headers: TypeAlias = Sequence[tuple[str, str]]
"""Name and value of each line, in the order received; names in any case."""

Network: TypeAlias = tuple[int, int]
"""First and last address, 128 bits."""

Reason: TypeAlias = Literal["no-peer", "no-header", "several-values", "garbage", "hidden", "all-trusted"]

REASONS: Final[dict[Reason, str]] = {
    "no-peer": "the connection has no address and is not trusted",
    "no-header": "the header that names the client is missing",
    "several-values": "the header that names the client is there more than once",
    "garbage": "no address stands where the client's should",
    "hidden": "a proxy withheld the client's address",
    "all-trusted": "every hop is a trusted proxy",
}
"""Why a client's address is unknown."""

X_FORWARDED_FOR: Final = "x-forwarded-for"
FORWARDED: Final = "forwarded"


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """Whom to believe about the client's address."""

    trusted: tuple[Network, ...] = ()
    """Proxies; see `trusted_networks`."""
    header: str | None = None
    """`X-Forwarded-For`, `Forwarded`, or any other name: a header that holds the one address. None: only the peer."""
    required: bool = True
    """Without the header the client is unknown; otherwise it is then the peer."""
    trust_socket: bool = False
    """A peer without an address (a Unix socket) is trusted."""


@dataclass(frozen=True, slots=True)
class ClientAddress:
    """An address as text, or why there is none."""

    text: str | None
    reason: Reason | None = None


Hop: TypeAlias = int | Reason
"""The 128 bits that an entry spells, or what is wrong with it."""

_TOKEN: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_BARE: Final = r'[^\s",;\\]+'
"""Wider than the RFC's token: many proxies leave `192.0.2.1:443` and `host=example.org:80` unquoted."""
_QUOTED: Final = r'"(?:[^"\\]|\\.)*"'
_PAIR: Final = re.compile(
    rf"[ \t]*(?:(?P<name>{_TOKEN})=(?P<value>{_QUOTED}|{_BARE})[ \t]*)?(?P<end>;|,|\Z)", re.DOTALL
)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_HIDDEN: Final = re.compile(r"unknown|_[A-Za-z0-9._-]+", re.IGNORECASE)


def trusted_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Networks (`10.0.0.0/8`) and single addresses.

    Raises:
        ValueError: every text that is neither, in one message.
    """
    networks = {text: network_of(text.strip()) for text in texts}
    wrong = [f"`{text}`" for text, network in networks.items() if network is None]
    if wrong:
        raise ValueError(f"not a network, or with host bits set: {', '.join(wrong)}")
    return tuple(network for network in networks.values() if network)


def is_within(text: str, networks: Iterable[Network]) -> bool:
    """Whether a text is an address of one of these networks."""
    number = number_of(text)
    return number is not None and _is_among(number, networks)


def client_address(peer: str | None, headers: Headers, policy: AddressPolicy) -> ClientAddress:
    """The address of the client behind a peer; `peer` is None for a connection that has no address."""
    number = number_of(peer) if peer else None
    if number is None and not policy.trust_socket:
        return _unknown("no-peer")
    believed = policy.trust_socket if number is None else _is_trusted(number, policy)
    if policy.header is None or not believed:
        return _unknown("no-peer") if number is None else _known(number)
    lines = [value for name, value in headers if name.lower() == policy.header.lower()]
    if not lines:
        return _unknown("no-header") if policy.required or number is None else _known(number)
    return _from_lines(lines, policy)


def address_in(peer: str | None, headers: Iterable[tuple[bytes, bytes]], policy: AddressPolicy) -> ClientAddress:
    """The same, from headers as they are sent, their names in lower case."""
    wanted = (policy.header or "").lower()
    lines = [(wanted, value.decode("latin-1")) for name, value in headers if name == wanted.encode()]
    return client_address(peer, lines, policy)


def _from_lines(lines: list[str], policy: AddressPolicy) -> ClientAddress:
    header = (policy.header or "").lower()
    if header == X_FORWARDED_FOR:
        return _first_untrusted(_forwarded_for_hops(lines), policy)
    if header == FORWARDED:
        return _first_untrusted(_forwarded_hops(lines), policy)
    if len(lines) > 1:
        return _unknown("several-values")
    hop = _hop(lines[0])
    return _known(hop) if isinstance(hop, int) else _unknown(hop)


def _first_untrusted(hops: Iterable[Hop], policy: AddressPolicy) -> ClientAddress:
    """The first hop that is no trusted proxy, of hops given from right to left."""
    for hop in hops:
        if not isinstance(hop, int):
            return _unknown(hop)
        if not _is_trusted(hop, policy):
            return _known(hop)
    return _unknown("all-trusted")


def _forwarded_for_hops(lines: list[str]) -> Iterator[Hop]:
    """Entries of `X-Forwarded-For` lines, joined in order, from right to left."""
    for line in reversed(lines):
        yield from map(_hop, reversed(line.split(",")))


def _forwarded_hops(lines: list[str]) -> Iterator[Hop]:
    """The `for` of each element of `Forwarded` lines (RFC 7239), from right to left.

    A line is read as a whole, since only its start tells what is quoted: one that breaks the grammar anywhere is one
    hop of garbage, or else a client could hide a proxy's entry inside an open quote.
    """
    for line in reversed(lines):
        elements = _elements(line)
        if elements is None:
            yield "garbage"
            return
        yield from (_element_hop(element) for element in reversed(elements))


def _element_hop(element: list[tuple[str, str]]) -> Hop:
    values = [value for name, value in element if name == "for"]
    return _hop(values[0]) if len(values) == 1 else "garbage"


def _elements(line: str) -> list[list[tuple[str, str]]] | None:
    """The elements of a `Forwarded` line, each the pairs of name and unquoted value; None if it is malformed."""
    elements: list[list[tuple[str, str]]] = [[]]
    position, end = 0, ","
    while end:
        match = _PAIR.match(line, position)
        if match is None:
            return None
        name, value, end = match["name"], match["value"], match["end"]
        if name:
            elements[-1].append((name.lower(), _unquoted(value)))
        if end == ",":
            elements.append([])
        position = match.end()
    return elements


def _unquoted(value: str) -> str:
    return _ESCAPED.sub(r"\1", value[1:-1]) if value.startswith('"') else value


def _hop(text: str) -> Hop:
    number = number_of(text)
    if number is not None:
        return number
    bare = text.strip(' \t"').partition(":")[0]
    return "hidden" if _HIDDEN.fullmatch(bare) else "garbage"


def _is_trusted(number: int, policy: AddressPolicy) -> bool:
    return _is_among(number, policy.trusted)


def _is_among(number: int, networks: Iterable[Network]) -> bool:
    """INVARIANT: an address that only embeds a trusted one (6to4, NAT64) is not trusted; a mapped one is the same."""
    family = is_ipv4(number)
    return any(first <= number <= last and is_ipv4(first) == family for first, last in networks)


def _known(number: int) -> ClientAddress:
    return ClientAddress(text_of(number))


def _unknown(reason: Reason) -> ClientAddress:
    return ClientAddress(None, reason)
