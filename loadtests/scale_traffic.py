"""Traffic in numbers, without drawing any: how often accounts repeat, and what of it a memo of some size answers.

Accounts are asked for by Zipf's law: the one of rank k with a probability in proportion to 1 / k^s. Ranks are taken in
groups, exact at the head and so narrow behind it that their mean serves. A memo is taken as one that lets go of what
was not asked for the longest, by Che, Tung and Wang ("Hierarchical web caching systems", IEEE JSAC 20, 2002): it holds
what was asked for among the last T requests, T being so long that this is just what it has room for. That same T is how
long an empty one takes to fill.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import exp, expm1, log

EXACT_RANKS = 1_000
GROWTH = 1.02
"""Each group behind the exact ranks ends at a rank so many times that of the one before."""
STEPS = 200


@dataclass(frozen=True, slots=True)
class Ranks:
    """So many accounts that are asked for alike."""

    count: int
    each: float
    """The part of all requests that is for one of them."""


@dataclass(frozen=True, slots=True)
class Popularity:
    """Who is asked for, the most popular first."""

    groups: tuple[Ranks, ...]

    @property
    def accounts(self) -> int:
        return sum(group.count for group in self.groups)

    @property
    def top(self) -> float:
        """The part of all requests that is for the most popular account."""
        return self.groups[0].each

    def seen(self, requests: float) -> float:
        """How many different accounts so many requests are for."""
        return sum(group.count * -expm1(-group.each * requests) for group in self.groups)

    def known(self, requests: float) -> float:
        """The part of requests that is for an account of the last so many requests."""
        return sum(group.count * group.each * -expm1(-group.each * requests) for group in self.groups)

    def until_seen(self, accounts: float) -> float:
        """After how many requests so many different accounts were asked for; infinite if there are no more."""
        if accounts >= self.accounts:
            return float("inf")
        return _root(self.seen, accounts)

    def most_popular(self, accounts: float) -> float:
        """The part of requests for the so many most popular: what no memo of that many does better than."""
        part, left = 0.0, accounts
        for group in self.groups:
            taken = min(left, group.count)
            part, left = part + taken * group.each, left - taken
        return part

    def memo_hits(self, accounts: float) -> float:
        """The part of requests that a memo with room for so many accounts answers."""
        requests = self.until_seen(accounts)
        return 1.0 if requests == float("inf") else self.known(requests)

    def asked_again(self, per_second: float, memo_accounts: float, kept_seconds: float) -> float:
        """Readings a second of a store behind memos and behind a cache that keeps each account so long and no longer.

        An account comes to the cache as often as the memos do not know it. It is read anew when it is asked for there,
        and was not for that long.
        """
        requests = self.until_seen(memo_accounts)
        missed = [(group.count, per_second * group.each * _unseen(group.each, requests)) for group in self.groups]
        return sum(count / (kept_seconds + 1 / rate) for count, rate in missed if rate > 0)


def _unseen(each: float, requests: float) -> float:
    return 0.0 if requests == float("inf") else exp(-each * requests)


@lru_cache(maxsize=64)
def zipf(accounts: int, exponent: float) -> Popularity:
    """So many accounts by Zipf's law."""
    exact = min(EXACT_RANKS, accounts)
    weighed = [(1, float(rank) ** -exponent) for rank in range(1, exact + 1)]
    last = exact
    while last < accounts:
        end = min(accounts, max(last + 1, int(last * GROWTH)))
        weighed.append((end - last, _weight(last + 0.5, end + 0.5, exponent) / (end - last)))
        last = end
    whole = sum(count * weight for count, weight in weighed)
    return Popularity(tuple(Ranks(count, weight / whole) for count, weight in weighed))


def _weight(start: float, end: float, exponent: float) -> float:
    """The sum of the weights of the ranks in between, as an integral: right to a millionth behind rank 1,000."""
    if exponent == 1:
        return log(end / start)
    return float((end ** (1 - exponent) - start ** (1 - exponent)) / (1 - exponent))


def _root(rising: Callable[[float], float], wanted: float) -> float:
    """Where a rising function of numbers above 0 has the wanted value."""
    low, high = 0.0, 1.0
    while rising(high) < wanted:
        low, high = high, high * 2
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < wanted else (low, middle)
        if high - low <= 1e-6 * high:
            break
    return high


@dataclass(frozen=True, slots=True)
class Rush:
    """What becomes of requests that come to empty memos."""

    longest_wait: float
    """Seconds that a request waits at the worst; those who ask may give up sooner."""
    until_caught_up: float
    """Seconds until nobody waits any more."""
    missed: float
    """Requests that the memo did not answer until then."""


def rush(popularity: Popularity, per_second: float, costs: Sequence[float], longest: float = 600.0) -> Rush:
    """One worker with an empty memo, at a steady rate: it does what it can, and the rest waits in a queue.

    `costs`: seconds of a hit and of a miss on its one core.
    """
    hit_seconds, miss_seconds = costs
    done, waiting, now, worst, missed = 0.0, 0.0, 0.0, 0.0, 0.0
    step = 0.05
    while now < longest:
        missing = 1 - popularity.known(done)
        can = step / (hit_seconds + missing * (miss_seconds - hit_seconds))
        waiting += per_second * step
        served = min(waiting, can)
        waiting, done, missed, now = waiting - served, done + served, missed + served * missing, now + step
        worst = max(worst, waiting / can * step)
        if waiting < per_second * step * 0.01:
            return Rush(worst, now, missed)
    return Rush(worst, float("inf"), missed)
