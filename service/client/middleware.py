"""Checks every request of an ASGI application before the application sees it.

What a client sends as `X-Cordon-*` never arrives, however it is spelt. The application finds the decision in
`scope["state"]["cordon"]`, where no client can write. What is not let through never reaches it, and streams are not
touched: a body is read by the application alone.
"""

import re
from collections.abc import Awaitable, Callable, MutableMapping
from inspect import isawaitable
from typing import Any, Final, Protocol, TypeAlias

from service.client.decisions import Decision, fallback
from service.client.errors import CordonUnreachable
from service.client.naming import Named, Names, Scope
from service.client.questions import Question
from service.gateways.client_address import AddressPolicy, address_in
from service.gateways.denials import Denial, DenialTerms, Denied, denial_to, kind_of

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

CHECKED: Final = ("http", "websocket")
POLICY_VIOLATION: Final = 1008
DENIAL_RESPONSE: Final = "websocket.http.response"
_OWN: Final = re.compile(rb"x[^a-z0-9]cordon[^a-z0-9]")

PEER: Final = AddressPolicy()
"""The client is who connects."""


class Asks(Protocol):
    """`AsyncCordonClient`, or `service.client.in_process.InProcess`."""

    async def evaluate(self, question: Question) -> Decision: ...


class CordonMiddleware:
    """Stands before an ASGI application."""

    def __init__(
        self, app: App, *, ask: Asks, names: Names, client: AddressPolicy = PEER, denials: DenialTerms | None = None
    ) -> None:
        """`client`: how the client's address is found. `denials`: what a denial says beside the decision."""
        self._app = app
        self._ask = ask
        self._names = names
        self._client = client
        self._denials = denials or DenialTerms()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        if scope["type"] not in CHECKED:
            raise ValueError(f"a connection of a kind that cannot be checked: `{scope['type']}`")
        scope = {**scope, "headers": [header for header in scope["headers"] if not is_own(header[0])]}
        named = self._names(scope)
        if isawaitable(named):
            named = await named
        decision = None if named is None else await self._decided(scope, named)
        if decision is None or decision.decision:
            scope["state"] = {**scope.get("state", {}), "cordon": decision}
            return await self._app(scope, receive, send)
        await self._refuse(decision, scope, receive, send)

    async def _decided(self, scope: Scope, named: Named) -> Decision:
        question = Question(named.account, named.resource, named.action, address_of(scope, self._client))
        try:
            return await self._ask.evaluate(question)
        except CordonUnreachable as error:
            return fallback(False, error.trouble)

    async def _refuse(self, decision: Decision, scope: Scope, receive: Receive, send: Send) -> None:
        denial = denial_to(_denied(decision), self._denials, scope["headers"])
        if scope["type"] == "http":
            return await _answer(denial, "http.response", send)
        await receive()  # the client's wish to connect
        if DENIAL_RESPONSE in (scope.get("extensions") or {}):
            return await _answer(denial, DENIAL_RESPONSE, send)
        await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": ""})


def is_own(name: bytes) -> bool:
    """Whether a header is one of Cordon's own, or would be taken for one where `_` and `-` are the same."""
    return _OWN.match(name.lower()) is not None


def address_of(scope: Scope, policy: AddressPolicy) -> str | None:
    """The client's address; None if it cannot be known."""
    peer = scope.get("client")
    return address_in(peer[0] if peer else None, scope["headers"], policy).text


def _denied(decision: Decision) -> Denied:
    """What everyone may know of a decision."""
    if decision.is_fallback:
        return Denied(decision.status, "unavailable")
    policy = decision.ruleset.id if decision.ruleset else None
    message = next(iter(decision.reason_user.values()), None)
    kind = kind_of(decision.effect, decision.status)
    return Denied(decision.status, kind, decision.decision_id, policy, message)


async def _answer(denial: Denial, kind: str, send: Send) -> None:
    headers = [*denial.headers, (b"content-length", b"%d" % len(denial.body))]
    await send({"type": f"{kind}.start", "status": denial.status, "headers": headers})
    await send({"type": f"{kind}.body", "body": denial.body})
