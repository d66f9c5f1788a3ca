"""The heads of gateways' questions that the fast lane may answer: all of such a request, read once while it recurs.

INVARIANT: what is read here is read by the ordinary way to the same question. What is not as plain as this (a body, an
account or an address that is not known) is not read here at all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from service.decide import ACTION_LENGTH
from service.errors import BadRequest
from service.fast_lane.heads import Headers, ending_of, header_lines, is_odd, recurs
from service.fast_lane.questions import Action, Context, Question, Resource, Subject
from service.gateways.check_endpoints import CHECK, Wire, asked_at
from service.gateways.checks import KEY_HEADER, Verdict, named, only
from service.gateways.client_address import address_in
from service.gateways.routes import Route, Routes

CHECK_PATH: Final = CHECK.encode()
_SAME: Final = "resource"
"""Type of every resource: nothing is decided by it."""


@dataclass(frozen=True, slots=True)
class CheckHead:
    """What counts of a gateway's request."""

    wire: Wire
    route: Route
    question: Question
    key: bytes | None
    ending: bytes
    recurs: bool


def read_check(url: bytes, headers: Headers, routes: Routes) -> CheckHead | None:
    """What counts of a plain question; None if the ordinary way must look at it."""
    path = url.partition(b"?")[0]
    if b"%" in path or not path.isascii():
        return None
    wire, name = asked_at(path.decode())
    route = routes.get(name)
    first = dict(reversed(headers))
    if wire is None or route is None or is_odd(first) or first.get(b"content-length", b"0") != b"0":
        return None
    question = _question(route, headers)
    if question is None:
        return None
    return CheckHead(wire, route, question, first.get(KEY_HEADER), ending_of(first), recurs(headers))


def _question(route: Route, headers: Headers) -> Question | None:
    account, client = only(headers, route.account), address_in(None, headers, route.client)
    if account is None or client.text is None:
        return None
    try:
        resource = named(route.resource, headers, "resource")
        action = named(route.action, headers, "action")
    except BadRequest:
        return None
    if len(action) > ACTION_LENGTH:
        return None
    return Question(Subject("account", account), Resource(_SAME, resource), Action(action), Context(client.text))


def tail_of(wire: Wire, kept: Sequence[tuple[bytes, bytes]]) -> bytes:
    """What follows Cordon's own headers in a permission. `kept`: how long it may be."""
    answer = wire.answer(Verdict(200, "allow", kept))
    return header_lines((*answer.headers, (b"content-length", b"0")))
