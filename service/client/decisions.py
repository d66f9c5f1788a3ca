"""What an application is told, as frozen values, read from AuthZEN answers.

Reading is strict: an answer that contradicts itself, or lacks what tells a decision from a guess, is no answer. An
obligation that cannot be read is never left out.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Literal, TypeAlias, TypeVar, get_args

from service.client.errors import CordonUnreachable, Trouble

Effect: TypeAlias = Literal["allow", "challenge", "deny"]
_EFFECTS: tuple[str, ...] = get_args(Effect)

USUAL_STATUS = 403
"""Of a denial that says none."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The rule set that decided."""

    id: str
    revision: str


@dataclass(frozen=True, slots=True)
class Obligation:
    """What the application must do with the decision."""

    id: str
    type: str
    properties: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class DataSource:
    """One source of data that the decision used."""

    name: str
    revision: str
    date: str
    age: int
    """Seconds from then until the question came."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer to one question; or what stands in for one, where Cordon could not be reached."""

    decision: bool
    """True only for the effect `allow`."""
    effect: Effect
    decision_id: str | None = None
    """None: nobody decided."""
    rule: str | None = None
    """The first rule that holds with this effect; None for the default."""
    reason_user: Mapping[str, str] = field(default_factory=dict)
    """Text for the user, by reason."""
    reason_admin: Mapping[str, str] = field(default_factory=dict)
    """Text for those who run the service, by reason."""
    ruleset: RuleSet | None = None
    """None: nobody decided."""
    data: tuple[DataSource, ...] = ()
    unknown: tuple[str, ...] = ()
    """What could not be known, as `fact.why`."""
    monitored: tuple[str, ...] = ()
    """Rules in monitor mode that would have held."""
    obligations: tuple[Obligation, ...] = ()
    expires_at: datetime | None = None
    """When a date next changes what is decided; None if never."""
    status: int = 200
    """What HTTP answers to the client: 200 lets it through; 451 where a law forbids; 503 where nobody decided."""
    is_fallback: bool = False
    """Cordon could not be reached, and this is what `when_unreachable` says."""
    trouble: Trouble | None = None
    """Of a fallback: why."""


@dataclass(frozen=True, slots=True)
class FaultyItem:
    """A question of several that could not be answered."""

    status: int
    message: str
    decision: ClassVar[Literal[False]] = False


@dataclass(frozen=True, slots=True)
class Page:
    """Some of what a search finds."""

    found: tuple[str, ...]
    next_token: str | None
    """None: there is no more."""


class _Malformed(Exception):
    """Something is not what it must be."""


def fallback(decision: bool, trouble: Trouble) -> Decision:
    """What stands in for a decision."""
    effect: Effect = "allow" if decision else "deny"
    return Decision(decision, effect, status=200 if decision else 503, is_fallback=True, trouble=trouble)


def read_decision(document: object) -> Decision:
    """The answer to one question.

    Raises:
        CordonUnreachable: it is none of Cordon's.
    """
    return _read(_decision, document)


def read_answers(document: object) -> list[Decision | FaultyItem]:
    """The answers to several questions.

    Raises:
        CordonUnreachable: one of them, or what holds them, is none of Cordon's.
    """
    return _read(lambda whole: [_item(answer) for answer in _list(_member(_object(whole), "evaluations"))], document)


def read_page(document: object, member: str) -> Page:
    """A page of a search; `member` is what names a result.

    Raises:
        CordonUnreachable: it is none of Cordon's.
    """
    return _read(lambda whole: _page(_object(whole), member), document)


def _read(read: Callable[[object], T], document: object) -> T:
    try:
        return read(document)
    except _Malformed as fault:
        raise CordonUnreachable("malformed", f"an answer that is none of Cordon's: {fault}") from None


def _decision(document: object) -> Decision:
    whole = _object(document)
    context = _object(_member(whole, "context"))
    decision, effect = _bool(_member(whole, "decision")), _effect(_member(context, "effect"))
    if decision is not (effect == "allow"):
        raise _Malformed(f"`decision` and the effect `{effect}` contradict each other")
    return Decision(
        decision,
        effect,
        decision_id=_text(_member(context, "decision_id")),
        rule=_optional(_text, context.get("rule")),
        reason_user=_texts_by_name(context.get("reason_user", {})),
        reason_admin=_texts_by_name(context.get("reason_admin", {})),
        ruleset=_ruleset(_object(_member(context, "ruleset"))),
        data=tuple(map(_source, _list(context.get("data", [])))),
        unknown=tuple(_texts(context.get("unknown", []))),
        monitored=tuple(_texts(context.get("monitored", []))),
        obligations=tuple(map(_obligation, _list(context.get("obligations", [])))),
        expires_at=_optional(_moment, context.get("expires_at")),
        status=200 if decision else _refusal_status(context.get("status", USUAL_STATUS)),
    )


def _item(document: object) -> Decision | FaultyItem:
    whole = _object(document)
    context = _object(_member(whole, "context"))
    if "error" not in context:
        return _decision(whole)
    if _member(whole, "decision") is not False:
        raise _Malformed("a faulty question is not denied")
    error = _object(context["error"])
    return FaultyItem(_int(_member(error, "status")), _text(_member(error, "message")))


def _page(whole: Mapping[str, Any], member: str) -> Page:
    found = tuple(_text(_member(_object(result), member)) for result in _list(_member(whole, "results")))
    token = _optional(_text, _object(whole.get("page") or {}).get("next_token"))
    return Page(found, token or None)


def _ruleset(whole: Mapping[str, Any]) -> RuleSet:
    return RuleSet(_text(_member(whole, "id")), _text(_member(whole, "revision")))


def _source(document: object) -> DataSource:
    whole = _object(document)
    name, revision, date = (_text(_member(whole, name)) for name in ("name", "revision", "date"))
    return DataSource(name, revision, date, _int(_member(whole, "age")))


def _obligation(document: object) -> Obligation:
    whole = _object(document)
    id, kind = _text(_member(whole, "id")), _text(_member(whole, "type"))
    return Obligation(id, kind, _object(_member(whole, "properties")))


def _member(whole: Mapping[str, Any], name: str) -> object:
    if name not in whole:
        raise _Malformed(f"`{name}` is missing")
    return whole[name]


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _Malformed("no object where one belongs")
    return value


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise _Malformed("no list where one belongs")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise _Malformed("no text where some belongs")
    return value


def _texts(value: object) -> Iterator[str]:
    return map(_text, _list(value))


def _texts_by_name(value: object) -> Mapping[str, str]:
    return {name: _text(text) for name, text in _object(value).items()}


def _bool(value: object) -> bool:
    if not isinstance(value, bool):
        raise _Malformed("neither `true` nor `false` where one of them belongs")
    return value


def _int(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _Malformed("no number where one belongs")
    return value


def _refusal_status(value: object) -> int:
    status = _int(value)
    if not 400 <= status < 600:
        raise _Malformed("a status that refuses nothing")
    return status


def _effect(value: object) -> Effect:
    if value not in _EFFECTS:
        raise _Malformed("an effect that is unknown")
    return value  # type: ignore[return-value]


def _moment(value: object) -> datetime:
    try:
        moment = datetime.fromisoformat(_text(value))
    except ValueError:
        raise _Malformed("no moment where one belongs") from None
    if moment.tzinfo is None:
        raise _Malformed("a moment without an offset")
    return moment


def _optional(read: Callable[[object], T], value: object) -> T | None:
    return None if value is None else read(value)
