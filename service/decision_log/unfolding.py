"""Hits as a segment holds them -> a record each, as if each had a line of its own."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

from service.decision_log.thawing import Incomplete, Line

REPEATED = ("effect", "rule", "reason", "message", "source", "ruleset", "revision")
"""What an answer says before the revision of the facts, in the order of a record."""
DOUBTS = ("unknown", "monitored", "lifted")
"""And after it."""


@dataclass(slots=True)
class Shared:
    """What the hits of one segment have in common, as its lines have told so far."""

    accounts: dict[int, Line] = field(default_factory=dict)
    places: dict[int, Line] = field(default_factory=dict)
    answers: dict[int, Line] = field(default_factory=dict)

    def add(self, line: Line) -> bool:
        """Take in a line; False if it tells nothing that hits share."""
        of_type = {"account": self.accounts, "place": self.places, "answer": self.answers}.get(line["type"])
        if of_type is not None:
            of_type[line["n"]] = line
        return of_type is not None

    def records(self, line: Line) -> Iterator[Line | Incomplete]:
        """The record of each hit of a line, or what is missing of it."""
        columns: Sequence[Sequence[Any]] = [line[name] for name in ("id", "at", "account", "place", "answer")]
        for id, at, account, place, answer in zip_longest(*columns):
            shared = self.accounts.get(account), self.places.get(place), self.answers.get(answer)
            if None in (id, at, *shared):
                yield Incomplete(f"what decision `{id}` shares with others is not in the segment")
            else:
                yield _record(line, id, f"{line['second']}.{at:06}Z", shared)


def _record(line: Line, id: str, time: str, shared: tuple[Line | None, ...]) -> Line:
    account, place, answer = (each or {} for each in shared)
    record = {
        "type": "decision",
        "id": id,
        "time": time,
        "at": time,
        "worker": line["worker"],
        "account": account["account"],
        "resource": answer["resource"],
        "action": answer["action"],
        "address": place["address"],
        "address_status": place["address_status"],
    }
    if "reserved" in place:
        record["reserved"] = place["reserved"]
    record |= {name: answer[name] for name in REPEATED}
    record["facts"] = account["facts"]
    record |= {name: answer[name] for name in DOUBTS}
    return record | {
        "data": line["data"],
        "claims": place["claims"],
        "location": place["location"],
        "account_facts": account["account_facts"],
        "resource_facts": answer["resource_facts"],
    }
