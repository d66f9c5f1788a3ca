"""Decisions given again, of the small world: each with the answer that would be the same decision made now."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

from rules.compile import compile_ruleset
from rules.evaluate import screen, screen_resource
from rules.facts import AccountFacts, Location, ResourceFacts
from rules.language import Decision
from service.decide import Answer, Columns, Hits, KeptHits, NewHits, Place, Screened, Settled, SourceState
from service.decision_log.keeping import tend
from service.decision_log.recorder import DecisionLog
from service.decision_log.replay import recorded_cases
from service.decision_log.thawing import Case, Line
from tests.log.answers import RULES, START, Located, answer, facts, logging

MICROSECOND = timedelta(microseconds=1)
PROGRAM = compile_ruleset(RULES)


@cache
def screened(account: str) -> tuple[Screened[AccountFacts], Screened[ResourceFacts]]:
    """The screenings of an account and of the tool: the same ones every time."""
    own, tool = facts(account)
    return Screened(screen(PROGRAM, own, START), own), Screened(screen_resource(PROGRAM, tool, START), tool)


_kept: dict[tuple[object, ...], tuple[int, Settled]] = {}
_numbers = count(1)


def number_of(settled: Settled) -> int:
    """The number of a question that is kept: of the same one the same, every time."""
    account, resource, action, address, place, decision = settled
    known = id(account), id(resource), action, address, id(place), id(decision)
    if known not in _kept:
        _kept[known] = next(_numbers), settled  # kept alive, so that no other has its identities
    return _kept[known][0]


@cache
def ready(effect: str, decision: Decision) -> Decision:
    """A decision as it is kept to be given again: right but for the facts."""
    return replace(decision, facts="of another account")


@cache
def place_of(location: Location, status: str, reserved: str | None) -> Place:
    """What addresses that look alike share: the same one every time."""
    return Located(None, location, status, reserved)


def settled_by(made: Answer) -> Settled:
    """What a question settles that is answered like this."""
    account, resource = screened(made.request.account)
    located, decision = made.located, ready(made.decision.effect, made.decision)
    where = place_of(located.location, located.status, located.reserved)
    return account, resource, made.request.action, located.address, where, decision


def hits_of(
    at: datetime, sources: tuple[SourceState, ...], ids: list[str], settled: list[Settled], *, is_kept: bool
) -> Hits:
    """Hits of questions that are kept or not."""
    if is_kept:
        return KeptHits(at, sources, ids, settled, [number_of(one) for one in settled])
    return NewHits(at, sources, ids, Columns._make(map(list, zip(*settled, strict=True))))


def repeated(made: Answer, *, is_kept: bool = False) -> Hits:
    """The same decision, given again, to a question that is kept or not."""
    return turn([made], is_kept=is_kept)


def turn(made: Sequence[Answer], *, is_kept: bool) -> Hits:
    """The same of several at one moment."""
    ids, settled = [one.id for one in made], [settled_by(one) for one in made]
    return hits_of(made[0].request.at, made[0].sources, ids, settled, is_kept=is_kept)


def again(number: int, account: str = "acct-half", *, country: str = "DE", **more: Any) -> Answer:
    """An answer like `answer`, with an id and facts as those of hits are."""
    made = _like(account, country)
    request = replace(made.request, **{"at": START + number * 17 * MICROSECOND, **more})
    return replace(made, id=f"{number:032x}", request=replace(request, asked_at=request.at))


@cache
def _like(account: str, country: str) -> Answer:
    own, tool = screened(account)
    return replace(answer(0, account, country=country), facts=(own.facts, tool.facts))


def many(count: int, **more: Any) -> list[Answer]:
    """Several answers, to two accounts in turn, asked from two countries."""
    return [
        again(number, ("acct-half", "acct-near")[number % 2], country=("DE", "CN")[number // 2 % 2], **more)
        for number in range(count)
    ]


def record_hits(directory: Path, those: Iterable[Answer], *, are_kept: bool = False, **options: Any) -> DecisionLog:
    """Have answers recorded as hits, of questions that are kept or not."""
    with logging(directory, **options) as log:
        for each in those:
            log.repeated(repeated(each, is_kept=are_kept))
    return log


def close(directory: Path) -> None:
    """Close every segment that nobody writes."""
    tend(directory, START, None)


def cases(directory: Path) -> list[Case]:
    """Every decision with what it was made from; none lacks anything."""
    found = list(recorded_cases(directory, None, None))
    assert all(isinstance(each, Case) for each in found)
    return [each for each in found if isinstance(each, Case)]


def records(directory: Path) -> list[Line]:
    """The record of every decision, however it was written down."""
    return [case.record for case in cases(directory)]
