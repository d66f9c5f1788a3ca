"""Counts refused credentials by where they came from, so that a flood of them costs little.

Only failures count: who shows a good credential is never held up by their own good ones. Of IPv6 a whole /64 counts as
one, since that is what one host is given.
"""

import ipaddress
import time
from functools import lru_cache

from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

TOO_MANY = "too many refused credentials from your address: wait"
"""What a peer is told who must wait."""
_NAMESPACE = "refused"
_HOST_BITS = 64


class Attempts:
    """Refused credentials of late, by peer. Lives in the memory of one process."""

    def __init__(self, limit: int, window_seconds: int) -> None:
        """`limit` refusals of one peer are counted within a window; the next ones must wait until it ends."""
        self._item = RateLimitItemPerSecond(limit, window_seconds, _NAMESPACE)
        self._storage = MemoryStorage()
        self._limiter = FixedWindowRateLimiter(self._storage)

    def failed(self, peer: str) -> None:
        """Count one. Beyond the limit nothing more is counted, so that the wait ends."""
        source = source_of(peer)
        if self._limiter.test(self._item, source):
            self._limiter.hit(self._item, source)

    def wait_seconds(self, peer: str) -> int:
        """How long the peer must wait; 0: not at all."""
        source = source_of(peer)
        if self._limiter.test(self._item, source):
            return 0
        return max(1, round(self._storage.get_expiry(self._item.key_for(source)) - time.time() + 0.5))


@lru_cache(maxsize=4096)
def source_of(peer: str) -> str:
    """What counts as one: an IPv4 address, or the network of an IPv6 one."""
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return "local"
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.IPv6Network((int(address) >> _HOST_BITS << _HOST_BITS, _HOST_BITS)))
    return str(address)
