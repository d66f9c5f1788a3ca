"""What locating an address costs, with the databases that ship: `python -m loadtests.locate [DATABASE…]`.

Figures are the best of several rounds, each over addresses that the round has not seen, and a ratio to what
`ipaddress.ip_address` alone costs for the same texts: read the ratio, since machines differ and are noisy.
"""

import random
import sys
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from pathlib import Path
from socket import AF_INET, AF_INET6, inet_ntop
from time import perf_counter_ns
from typing import Final

from service.locations import Locations, open_locations

ROUNDS: Final = 400
ADDRESSES: Final = 1_000
SEED: Final = 20261122


def main(paths: Sequence[str]) -> None:
    locations = open_locations([Path(path) for path in paths])
    for source in locations.sources:
        print(f"{source.name}: {source.database_type}, {source.node_count:,} nodes, built {source.built:%Y-%m-%d}")
    for name, texts in _workloads(random.Random(SEED)).items():
        _report(name, texts, locations)


def _report(name: str, texts: list[str], locations: Locations) -> None:
    baseline = _best(ip_address, texts, lambda: None)
    unseen = _best(locations.locate, texts, lambda: locations.swap(locations.snapshot))
    seen = _best(locations.locate, texts, lambda: None)
    print(f"{name}: not seen {unseen:.2f} µs ({unseen / baseline:.2f} of ip_address, {baseline:.2f} µs)", end=", ")
    print(f"seen {seen:.2f} µs ({seen / baseline:.2f})")


def _workloads(rng: random.Random) -> dict[str, list[str]]:
    return {
        "IPv4, the whole space": [_ipv4(rng, 1, 223) for _ in range(ADDRESSES)],
        "IPv4, finely divided space": [_ipv4(rng, 185, 185) for _ in range(ADDRESSES)],
        "IPv6": [_ipv6(rng) for _ in range(ADDRESSES)],
    }


def _ipv4(rng: random.Random, lowest: int, highest: int) -> str:
    return inet_ntop(AF_INET, bytes((rng.randint(lowest, highest), *rng.randbytes(3))))


def _ipv6(rng: random.Random) -> str:
    return inet_ntop(AF_INET6, bytes((0x2A, rng.randrange(16), *rng.randbytes(14))))


def _best(ask: Callable[[str], object], texts: list[str], forget: Callable[[], None]) -> float:
    """Microseconds for one text, in the best round."""
    best = min(_round(ask, texts, forget) for _ in range(ROUNDS))
    return best / len(texts) / 1000


def _round(ask: Callable[[str], object], texts: list[str], forget: Callable[[], None]) -> int:
    forget()
    start = perf_counter_ns()
    for text in texts:
        ask(text)
    return perf_counter_ns() - start


if __name__ == "__main__":
    main(sys.argv[1:])
