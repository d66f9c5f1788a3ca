"""Hits as a segment holds them -> a record each, as if each had a line of its own."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any, NamedTuple

from service.decision_log.thawing import Incomplete, Line

REPEATED = ("effect", "rule", "reason", "message", "source", "ruleset", "revision")
"""What an answer says before the revision of the facts, in the order of a record."""
DOUBTS = ("unknown", "monitored", "lifted")
"""And after it."""
_ASKED = ("account", "place", "answer")
_MISSING: Any = object()


class _Question(NamedTuple):
    """Numbers of the lines that say what was asked and answered, and the address as it is recorded; each may lack."""

    account: Any
    place: Any
    answer: Any
    address: Any


_UNKNOWN = _Question(_MISSING, _MISSING, _MISSING, _MISSING)


@dataclass(slots=True)
class Shared:
    """What the hits of one segment have in common, as its lines have told so far."""

    accounts: dict[int, Line] = field(default_factory=dict)
    places: dict[int, Line] = field(default_factory=dict)
    answers: dict[int, Line] = field(default_factory=dict)
    questions: dict[int, _Question] = field(default_factory=dict)
    """Those that are kept. One that is said twice says the same, if by other numbers."""

    def add(self, line: Line) -> bool:
        """Take in a line; False if it tells nothing that hits share."""
        if line["type"] == "questions":
            self._add_questions(line)
            return True
        of_type = {"account": self.accounts, "place": self.places, "answer": self.answers}.get(line["type"])
        if of_type is not None:
            of_type[line["n"]] = line
        return of_type is not None

    def _add_questions(self, line: Line) -> None:
        own = line.get("address") or ()
        addresses = own if len(own) == len(line["n"]) else ()
        columns: list[Sequence[Any]] = [line["n"], *(line[name] for name in _ASKED), addresses]
        for number, *told in zip_longest(*columns, fillvalue=_MISSING):
            self.questions[number] = _Question(*told)

    def records(self, line: Line) -> Iterator[Line | Incomplete]:
        """The record of each hit of a line, or what is missing of it."""
        columns: list[Sequence[Any]] = [line["id"], line["at"], self._questions(line)]
        for id, at, question in zip_longest(*columns, fillvalue=_MISSING):
            account, place, answer, address = _UNKNOWN if question is _MISSING else question
            shared = self.accounts.get(account), self.places.get(place), self.answers.get(answer)
            if _MISSING in (id, at, address) or None in shared:
                yield Incomplete(f"what decision `{id}` shares with others is not in the segment")
            else:
                head = {"id": id, "time": f"{line['second']}.{at:06}Z", "address": address}
                yield _record(line, head, shared)

    def _questions(self, line: Line) -> list[_Question]:
        """What was asked and answered by each hit of a line, whatever its form."""
        if "question" in line:
            return [self.questions.get(number, _UNKNOWN) for number in line["question"]]
        columns: list[Sequence[Any]] = [line[name] for name in _ASKED]
        return [_Question(*each) for each in zip_longest(*columns, self._addresses(line), fillvalue=_MISSING)]

    def _addresses(self, line: Line) -> Sequence[object]:
        """The address of each hit that says it itself; in a line of the first form, its place says it."""
        own: Sequence[object] | None = line.get("address")
        return [self.places.get(n, {}).get("address", _MISSING) for n in line["place"]] if own is None else own


def _record(line: Line, head: Line, shared: tuple[Line | None, ...]) -> Line:
    account, place, answer = (each or {} for each in shared)
    record = {
        "type": "decision",
        "id": head["id"],
        "time": head["time"],
        "at": head["time"],
        "worker": line["worker"],
        "account": account["account"],
        "resource": answer["resource"],
        "action": answer["action"],
        "address": head["address"],
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
