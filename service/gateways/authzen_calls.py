"""What every AuthZEN endpoint does with a call: reads it, asks who calls, answers with JSON, or says what is wrong.

What is wrong with a request is a 400, never a framework's 422. Never any other exception than a fault of the service.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeAlias

from service.errors import ServiceError, TooLarge, headers_of, problem_of
from service.gateways.authzen_requests import Permission, Permissions
from service.gateways.wire import (
    Disconnected,
    Receive,
    Scope,
    Send,
    door_of,
    header,
    peer_of,
    read_json_body,
    send_json,
    send_json_and_close,
)


@dataclass(frozen=True, slots=True)
class Admission:
    """That a caller may ask for decisions, for as long as the keys are those of its generation."""

    generation: object
    key_id: str | None = None
    """None: no key was needed."""
    until: datetime | None = None
    """When the key expires; None if never."""


class Callers(Protocol):
    """Knows who may ask, and what."""

    @property
    def generation(self) -> object:
        """Of the keys: another one, once they change."""

    @property
    def unkeyed(self) -> Permissions:
        """What they may ask who need no key."""

    def identify(
        self, authorization: bytes | None, api_key: bytes | None, *, peer: str, now: datetime
    ) -> frozenset[Permission]:
        """What the bearer of these headers may ask.

        Raises:
            ServiceError: nothing.
        """

    def admission(self, authorization: bytes | None, api_key: bytes | None) -> Admission | None:
        """What these headers admit to; None if they admit to nothing, or not surely. Notes nothing."""

    def admitted(self, key_id: str, at: datetime) -> None:
        """A key was used."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call that was let in."""

    may: Permissions
    now: datetime
    body: bytes
    query: bytes


Act: TypeAlias = Callable[[Call], Awaitable[Mapping[str, Any]]]
"""What a call is answered with.

Raises:
    ServiceError: it cannot be answered.
"""


@dataclass(frozen=True, slots=True)
class Reception:
    """Lets calls in, and answers them."""

    callers: Callers
    body_limit_bytes: int
    clock: Callable[[], datetime]
    count_fault: Callable[[int], None]
    """Is told the status of every request that is answered by an error."""

    async def receive(self, scope: Scope, receive: Receive, send: Send, act: Act) -> None:
        """Answer one call with what `act` makes of it."""
        try:
            body = await read_json_body(scope, receive, self.body_limit_bytes)
            now = self.clock()  # once all of it is here: who holds a body back is not answered by an earlier moment
            await send_json(send, 200, await act(Call(self._identify(scope, now), now, body, scope["query_string"])))
        except ServiceError as error:
            await self._refuse(error, receive, send)
        except Disconnected:
            return

    def _identify(self, scope: Scope, now: datetime) -> Permissions:
        if door_of(scope) is not None:
            return self.callers.unkeyed
        authorization, api_key = header(scope, b"authorization"), header(scope, b"x-api-key")
        return self.callers.identify(authorization, api_key, peer=peer_of(scope), now=now)

    async def _refuse(self, error: ServiceError, receive: Receive, send: Send) -> None:
        status, document = problem_of(error)
        self.count_fault(status)
        if isinstance(error, TooLarge) and error.is_unread:
            await send_json_and_close(receive, send, status=status, content=document)
        else:
            await send_json(send, status, document, headers_of(error))
