"""Text to address and back: strict where other readers guess, so that one text never means two addresses.

Rules: nothing here raises, whatever the text. Accepted are the dotted quad and the IPv6 forms of RFC 4291, bare or
dressed as headers carry them: blanks, double quotes, brackets, a zone id, a port. `010.8.8.8`, `0x8.8.8.8`,
`134744072` and `8.8` are no addresses here, although some database readers take each for 8.8.8.8.
"""

import re
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton

from rules.facts import IPV4_MAPPED, Address

LONGEST = 128
"""Characters of the longest text that is looked at: an address, a zone id, a port and quotes fit with room to spare."""

BLANKS = " \t\r\n"

IPV4_MASK = 0xFFFF_FFFF
SIX_TO_FOUR = 0x2002
_IPV4_HIGH = IPV4_MAPPED >> 32
_NAT64_HIGH = 0x0064_FF9B << 64
_BRACKETED = re.compile(r"\[([0-9A-Fa-f:.]+)(?:%[!-Z^-~]+)?\](?::(.*))?", re.DOTALL)
_ZONED = re.compile(r"([0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)%[!-Z^-~]+")
_PORT = re.compile(r"[0-9]{1,5}|_[A-Za-z0-9._-]+")


def address_of(text: str) -> tuple[Address, bool] | None:
    """The address that a text names, and whether it came through a tunnel; None if it names none."""
    number = number_of(text)
    return None if number is None else unwrapped(number)


def number_of(text: str) -> int | None:
    """The 128 bits that a text spells, an address embedded in them not yet taken out; None if it spells none."""
    if len(text) > LONGEST:
        return None
    bare = text.strip(BLANKS)
    if len(bare) >= 2 and bare[0] == bare[-1] == '"':
        bare = bare[1:-1].strip(BLANKS)
    host = _host_of(bare)
    return None if host is None else _number_of_host(host)


def unwrapped(number: int) -> tuple[Address, bool]:
    """The address that stands for these bits: an embedded IPv4 address where there is one; True for a tunnel."""
    if number >> 125 == 1:
        if number >> 112 == SIX_TO_FOUR:  # RFC 3056: the IPv4 address follows the prefix.
            return Address(IPV4_MAPPED | number >> 80 & IPV4_MASK), True
        if number >> 96 == 0x2001_0000:  # RFC 4380, Teredo: the client's IPv4 address, every bit inverted, comes last.
            return Address(IPV4_MAPPED | ~number & IPV4_MASK), True
    elif number >> 32 == _NAT64_HIGH:  # RFC 6052, well-known prefix 64:ff9b::/96.
        return Address(IPV4_MAPPED | number & IPV4_MASK), False
    return Address(number), False


def text_of(address: int) -> str:
    """The canonical text: dotted quad, or RFC 5952."""
    if is_ipv4(address):
        return inet_ntop(AF_INET, (address & IPV4_MASK).to_bytes(4))
    return inet_ntop(AF_INET6, address.to_bytes(16))


def is_ipv4(address: int) -> bool:
    return address >> 32 == _IPV4_HIGH


def network_of(text: str) -> tuple[Address, Address] | None:
    """First and last address of `10.0.0.0/8`, or of a single address; None if it is no network or has host bits set."""
    base, slash, length = text.partition("/")
    first = _number_of_host(base)
    if first is None or (slash and not re.fullmatch(r"[0-9]{1,3}", length)):
        return None
    width = 128 if ":" in base else 32
    bits = width - int(length) if slash else 0
    if bits < 0 or first & ((1 << bits) - 1):
        return None
    return Address(first), Address(first | (1 << bits) - 1)


def _host_of(bare: str) -> str | None:
    if bare.startswith("["):
        match = _BRACKETED.fullmatch(bare)
        return match[1] if match and ":" in match[1] and (match[2] is None or _is_port(match[2])) else None
    if bare.count(":") == 1:
        host, _, port = bare.partition(":")
        return host if _is_port(port) else None
    zoned = _ZONED.fullmatch(bare)
    return zoned[1] if zoned else bare


def _is_port(text: str) -> bool:
    """RFC 7239, section 6: digits, or an obfuscated identifier."""
    return bool(_PORT.fullmatch(text)) and (text.startswith("_") or int(text) <= 65535)


def _number_of_host(host: str) -> int | None:
    try:
        if ":" in host:
            return int.from_bytes(inet_pton(AF_INET6, host))
        return IPV4_MAPPED | int.from_bytes(inet_pton(AF_INET, host))
    except (OSError, ValueError):  # ValueError: a NUL, or what UTF-8 cannot carry.
        return None
