"""Addresses to ask from: drawn from the networks of the embedded address database in proportion to their size.

An address is drawn at random, and taken if the database knows it. Deterministic for one seed and one database.
"""

from collections.abc import Iterator
from random import Random
from socket import AF_INET, AF_INET6, inet_ntop
from typing import Final

from loadtests.world import CLOSED, SEED
from service.locations import Locations

OPEN_ADDRESSES: Final = 100_000
CLOSED_ADDRESSES: Final = 5_000

IPV6_SHARE: Final = 0.2
GLOBAL_UNICAST: Final = range(0x2001, 0x2C10)
"""First 16 bits of the IPv6 addresses that registries have given out."""


class Addresses:
    """Different addresses, by whether the world of the load tests is served there; and new ones without end."""

    def __init__(
        self, locations: Locations, *, count: int = OPEN_ADDRESSES, closed: int = CLOSED_ADDRESSES, seed: int = SEED
    ) -> None:
        self._locations = locations
        self._rng = Random(seed)
        self._located = self._drawn()
        found: tuple[list[str], list[str]] = ([], [])
        wanted = (count, closed)
        while len(found[False]) < wanted[False] or len(found[True]) < wanted[True]:
            text, is_closed = next(self._located)
            if len(found[is_closed]) < wanted[is_closed]:
                found[is_closed].append(text)
        self.open, self.closed = tuple(found[False]), tuple(found[True])

    def fresh(self) -> str:
        """One that is served, and was never given before."""
        return next(text for text, is_closed in self._located if not is_closed)

    def _drawn(self) -> Iterator[tuple[str, bool]]:
        """Addresses that the database knows, each once, and whether they lie where nothing is served."""
        locate, drawn = self._locations.locate, set[str]()
        while True:
            text = self._random()
            claims = locate(text).location.claims
            if claims and text not in drawn:
                drawn.add(text)
                yield text, any(claim.code in CLOSED for claim in claims)

    def _random(self) -> str:
        rng = self._rng
        if rng.random() < IPV6_SHARE:
            lead = rng.choice(GLOBAL_UNICAST)
            return inet_ntop(AF_INET6, lead.to_bytes(2, "big") + rng.randbytes(14))
        return inet_ntop(AF_INET, rng.randbytes(4))
