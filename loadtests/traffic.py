"""The questions that servers are asked under load: seeded, so that every server gets the same ones in the same order.

Accounts and addresses are popular by Zipf's law: the one of rank n is asked about in proportion to 1/n. Deterministic
for one seed, one mix and one address database. `python -m loadtests.traffic DIRECTORY` writes a world and requests.
"""

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar

from loadtests.addresses import Addresses
from loadtests.feeds import ANYTHING, post, write_script
from loadtests.world import MODELS, SEED, WorldSize, accounts_of, write_world
from service.gateways.authzen import EVALUATION_PATH
from service.locations import open_locations

STRANGERS: Final = 500
"""Ids of accounts that are not registered, and yet are asked about again and again."""
ZIPF_EXPONENT: Final = 1.0
DRAWN_AT_A_TIME: Final = 1024

Effect: TypeAlias = Literal["allow", "challenge", "deny"]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Mix:
    """The shares of the kinds of questions; together 1."""

    allow: float = 0.86
    deny: float = 0.08
    """Half of them for the account, half for the address."""
    challenge: float = 0.04
    unknown: float = 0.02
    """About accounts that are not registered."""
    cold_account: float = 0.0
    """About accounts that are not registered, a new one each time."""
    cold_address: float = 0.0
    """From a new address each time, by accounts that are allowed."""

    def __post_init__(self) -> None:
        if min(self.shares.values()) < 0 or abs(sum(self.shares.values()) - 1) > 1e-9:
            raise ValueError("the shares of a mix are not negative, and add up to 1")

    @property
    def shares(self) -> Mapping[str, float]:
        return {field.name: getattr(self, field.name) for field in fields(self)}


CACHED: Final = Mix()
"""Everything has been asked before, once the traffic has gone round."""
FIRST_SEEN: Final = Mix(allow=0, deny=0, challenge=0, unknown=0, cold_address=1)


@dataclass(frozen=True, slots=True)
class Question:
    """May this account, from this address, use this resource?"""

    account: str
    resource: str
    address: str
    effect: Effect
    """What the world of the load tests answers."""
    action: str = "use"


def as_authzen(question: Question) -> dict[str, Any]:
    """The body of an AuthZEN evaluation."""
    return {
        "subject": {"type": "account", "id": question.account},
        "resource": {"type": ANYTHING, "id": question.resource},
        "action": {"name": question.action},
        "context": {"ip": question.address},
    }


def as_http(question: Question) -> bytes:
    """The AuthZEN evaluation as a gateway sends it."""
    return post(EVALUATION_PATH, as_authzen(question))


class Zipf(Generic[T]):
    """Draws from values by popularity, in an order of popularity of its own."""

    def __init__(self, values: Sequence[T], rng: Random, exponent: float = ZIPF_EXPONENT) -> None:
        self._values = list(values)
        rng.shuffle(self._values)
        self._weights = list(accumulate(rank**-exponent for rank in range(1, len(values) + 1)))
        self._rng = rng
        self._drawn: list[T] = []

    def draw(self) -> T:
        if not self._drawn:
            self._drawn = self._rng.choices(self._values, cum_weights=self._weights, k=DRAWN_AT_A_TIME)
        return self._drawn.pop()


class Traffic:
    """Draws questions."""

    def __init__(
        self, addresses: Addresses, mix: Mix = CACHED, *, size: WorldSize | None = None, seed: int = SEED
    ) -> None:
        rng, size = Random(seed), size or WorldSize()
        self._rng = rng
        self._open, self._closed = Zipf(addresses.open, rng), Zipf(addresses.closed, rng)
        self._good = Zipf(accounts_of(size, "good"), rng)
        self._denied = Zipf([*accounts_of(size, "owned"), *accounts_of(size, "suspended")], rng)
        self._conflicting = Zipf(accounts_of(size, "conflict"), rng)
        self._strangers = Zipf([f"stranger-{number:04}" for number in range(STRANGERS)], rng)
        self._kinds = list(mix.shares)
        self._shares = list(accumulate(mix.shares.values()))
        self._ask: Mapping[str, Callable[[], Question]] = {
            "allow": lambda: self._question(self._good.draw(), self._open.draw(), "allow"),
            "deny": self._refused,
            "challenge": lambda: self._question(self._conflicting.draw(), self._open.draw(), "challenge"),
            "unknown": lambda: self._question(self._strangers.draw(), self._open.draw(), "challenge"),
            "cold_account": lambda: self._question(self._nobody(), self._open.draw(), "challenge"),
            "cold_address": lambda: self._question(self._good.draw(), addresses.fresh(), "allow"),
        }

    def questions(self, count: int) -> Iterator[Question]:
        """The next so many."""
        for kind in self._rng.choices(self._kinds, cum_weights=self._shares, k=count):
            yield self._ask[kind]()

    def _question(self, account: str, address: str, effect: Effect) -> Question:
        return Question(account, self._rng.choice(MODELS), address, effect)

    def _refused(self) -> Question:
        if self._rng.random() < 0.5:
            return self._question(self._denied.draw(), self._open.draw(), "deny")
        return self._question(self._good.draw(), self._closed.draw(), "deny")

    def _nobody(self) -> str:
        return f"nobody-{self._rng.getrandbits(64):016x}"


def main() -> None:
    """Write a world, and requests about it, for a load generator."""
    parser = argparse.ArgumentParser(prog="python -m loadtests.traffic", description=__doc__)
    parser.add_argument("directory", type=Path, help="where `data/` and `requests` are written")
    parser.add_argument("--rules", type=int, default=WorldSize().rules)
    parser.add_argument("--accounts", type=int, default=WorldSize().accounts)
    parser.add_argument("--requests", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=SEED)
    for name, share in CACHED.shares.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=float, default=share, help="share of such questions")
    options = parser.parse_args()
    size = WorldSize(options.rules, options.accounts)
    mix = Mix(**{name: getattr(options, name) for name in CACHED.shares})
    write_world(options.directory / "data", size)
    traffic = Traffic(Addresses(open_locations()), mix, size=size, seed=options.seed)
    write_script(options.directory / "requests", map(as_http, traffic.questions(options.requests)))
    print(f"{options.directory / 'data'}\n{options.directory / 'requests'}")


if __name__ == "__main__":
    main()
