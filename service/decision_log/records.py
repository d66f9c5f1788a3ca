"""A decision -> the lines that record it: the facts it rests on where the segment has none yet, then itself.

An answer has a line of its own; hits have one together.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from socket import AF_INET6, inet_ntop
from typing import Literal, TypeAlias

from rules.facts import IPV4_MAPPED, Address
from service.decide import Answer, Hits
from service.decision_log.fragments import Fragments, clipped
from service.decision_log.freezing import Frozen, encode, written
from service.decision_log.hits import HitLines, Recorded
from service.geo.addresses import text_of

Addresses: TypeAlias = Literal["masked", "full", "none"]
"""How much of an address is recorded."""

MASKED_BITS = {4: 24, 6: 48}
"""Leading bits that a masked address keeps, by version."""
_MASKED_LOW_BITS = 128 - MASKED_BITS[6]
_IPV6_LENGTH = f"/{MASKED_BITS[6]}"
_IPV4_LEAD = IPV4_MAPPED >> 32
_OCTETS = tuple(f"{octet}." for octet in range(256))
_LAST_OCTETS = tuple(f"{octet}.0/{MASKED_BITS[4]}" for octet in range(256))


class Records:
    """Makes the lines of decisions for one segment after another. For one thread."""

    def __init__(self, worker: str, addresses: Addresses, pause: Callable[[], None] = lambda: None) -> None:
        """`pause` lets other threads on."""
        self._worker = worker
        self._addresses: Addresses = addresses
        self._fragments = Fragments()
        self._hits = HitLines(worker, self._fragments, RECORDED[addresses], pause)

    def begin_segment(self) -> None:
        """Nothing is said yet in the segment that the next lines go to."""
        self._fragments.begin_segment()
        self._hits.begin_segment()

    def written(self) -> None:
        """All lines made so far are in the segment."""
        self._fragments.written()
        self._hits.written()

    def lost(self) -> None:
        """The lines made since the last that were written are not in the segment, and never will be."""
        self._fragments.lost()
        self._hits.lost()

    def age(self) -> None:
        """Let go of what no recent decision refers to."""
        self._fragments.age()
        self._hits.age()

    def of_hits(self, hits: Sequence[Hits]) -> tuple[bytes, int]:
        """The lines of some hits, and how many of them hold a text that cannot be written."""
        return self._hits.lines(hits)

    def lines(self, answer: Answer) -> bytes:
        """The lines of one answer: facts that the segment lacks, then the decision.

        Raises:
            UnicodeError: a text of the answer cannot be written.
        """
        fragments, fresh = self._fragments, dict[str, Frozen]()
        account, resource = answer.facts
        parts = (
            self._head(answer),
            fragments.decision(answer.decision),
            fragments.sources(answer.sources),
            fragments.location(answer.located.location, fresh),
            fragments.account(account, fresh),
            fragments.resource(resource, fresh),
        )
        return fragments.lines_of(fresh) + b",".join(parts) + b"}\n"

    def _head(self, answer: Answer) -> bytes:
        request, located = answer.request, answer.located
        at = written(request.at)
        asked_at = request.asked_at
        head: dict[str, object] = {
            "type": "decision",
            "id": answer.id,
            "time": at if asked_at is None or asked_at is request.at else written(asked_at),
            "at": at,
            "worker": self._worker,
            "account": clipped(request.account),
            "resource": clipped(request.resource),
            "action": clipped(request.action),
            "address": recorded_address(located.address, self._addresses),
            "address_status": located.status,
        }
        if located.reserved is not None:
            head["reserved"] = located.reserved
        if request.foreign:
            head["foreign"] = True
        if request.inline is not None:
            head["inline"] = True
        if request.activity:
            head["activity"] = [
                {"count": count, "within_seconds": int(within.total_seconds()), "value": value}
                for (count, within), value in request.activity.items()
            ]
        return encode(head)[:-1]


def recorded_address(address: Address | None, addresses: Addresses) -> str | None:
    """The text of an address as far as it is recorded: `203.0.113.0/24`, `2001:db8:1::/48`, whole, or nothing."""
    (text,) = RECORDED[addresses]((address,))
    return text


def _masked(addresses: Iterable[Address | None]) -> list[str | None]:
    octets, last_octets, ipv4 = _OCTETS, _LAST_OCTETS, _IPV4_LEAD
    texts: list[str | None] = []
    for address in addresses:
        if address is None:
            texts.append(None)
        elif address >> 32 == ipv4:
            part = address >> 8 & 0xFFFFFF
            texts.append(f"{octets[part >> 16]}{octets[part >> 8 & 0xFF]}{last_octets[part & 0xFF]}")
        else:
            kept = address >> _MASKED_LOW_BITS
            if kept & 0xFFFF:  # then the zeros that `::` stands for are those that were masked
                texts.append(f"{kept >> 32:x}:{kept >> 16 & 0xFFFF:x}:{kept & 0xFFFF:x}::{_IPV6_LENGTH}")
            else:
                texts.append(inet_ntop(AF_INET6, (kept << _MASKED_LOW_BITS).to_bytes(16)) + _IPV6_LENGTH)
    return texts


def _whole(addresses: Iterable[Address | None]) -> list[str | None]:
    return [None if address is None else text_of(address) for address in addresses]


def _nothing(addresses: Iterable[Address | None]) -> list[str | None]:
    return [None for _ in addresses]


RECORDED: Mapping[Addresses, Recorded] = {"masked": _masked, "full": _whole, "none": _nothing}
"""By how much of an address is recorded."""
