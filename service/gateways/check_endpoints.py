"""The endpoints that gateways ask by plain HTTP: `/check/{wire}/{route}`, with whatever method, body and query."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from service.errors import NotFound, problem_of
from service.gateways.checks import GatewayChecks, Incoming, Verdict
from service.gateways.envoy import answer_to_envoy
from service.gateways.forward_auth import answer_to_forward_auth
from service.gateways.nginx import answer_to_nginx
from service.gateways.wire import HttpAnswer, Receive, Scope, Send, door_of, peer_of, send_answer, send_json

CHECK: Final = "/check/"

STOPPED: Final = (400, 401, 403, 404, 429, 451, 503)

Answering: TypeAlias = Callable[[Verdict], HttpAnswer]


@dataclass(frozen=True, slots=True)
class Wire:
    """How one kind of gateway asks and is answered."""

    answer: Answering
    summary: str
    stopped_by: Sequence[int]
    """Statuses of what is not let through."""
    is_open_ended: bool = False
    """The path of the request in front of the gateway follows the route."""


WIRES: Final[Mapping[str, Wire]] = {
    "nginx": Wire(answer_to_nginx, "Answer a subrequest of nginx (`auth_request`)", (400, 403, 404, 429)),
    "forward-auth": Wire(answer_to_forward_auth, "Answer Traefik, Caddy, APISIX or HAProxy", STOPPED),
    "envoy": Wire(answer_to_envoy, "Answer Envoy (`ext_authz` over HTTP)", STOPPED, is_open_ended=True),
}


@dataclass(frozen=True, slots=True)
class CheckEndpoints:
    """One ASGI application for all wires and routes."""

    checks: GatewayChecks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one gateway. Its request's body, if it has one, is not read."""
        wire, route = asked_at(scope["path"])
        if wire is None:
            status, document = problem_of(NotFound(f"no gateway asks at `{scope['path']}`"))
            self.checks.count_fault(status)
            await send_json(send, status, document)
            return
        incoming = Incoming(scope["headers"], peer_of(scope), is_admitted=door_of(scope) is not None)
        await send_answer(send, wire.answer(await self.checks.check(route, incoming)))


def asked_at(path: str) -> tuple[Wire | None, str]:
    """How, and by which route, a gateway asks that asks at this path; None: nobody asks there."""
    name, _, rest = path.removeprefix(CHECK).partition("/")
    route, _, more = rest.partition("/")
    wire = WIRES.get(name)
    return (wire if wire is not None and (wire.is_open_ended or not more) else None), route
