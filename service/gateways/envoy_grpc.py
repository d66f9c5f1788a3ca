"""Envoy, by its filter `ext_authz` over gRPC: `envoy.service.auth.v3.Authorization/Check`, thin over the checks.

INVARIANT: what the gateway says of a client, its address included, stands in the metadata of its call
(`initial_metadata`), which no client can write to. Of the request's own headers, which the client wrote, those alone
count that say in which form and language it wants to be told. `attributes.source` counts for nothing: the peer of the
connection, whom Envoy itself may know to be a proxy.

Nothing but a verdict is answered, and a question that is no question is one too: Envoy takes an error of the call for
an outage, which may let the request through (`failure_mode_allow`).
SOURCE: https://www.envoyproxy.io/docs/envoy/latest/api-v3/service/auth/v3/external_auth.proto
"""

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Final, Protocol, TypeAlias

import grpc
from envoy.config.core.v3.base_pb2 import HeaderValueOption  # type: ignore[import-untyped]
from envoy.service.auth.v3.attribute_context_pb2 import AttributeContext  # type: ignore[import-untyped]
from envoy.service.auth.v3.external_auth_pb2 import CheckRequest, CheckResponse  # type: ignore[import-untyped]
from google.protobuf.message import DecodeError

from service.errors import FAILURE, PROBLEM_MEDIA_TYPE, problem
from service.gateways.authzen_answers import obligation_member
from service.gateways.checks import (
    COUNTRY,
    DECISION_ID,
    EFFECT,
    NOT_KEPT,
    OBLIGATIONS,
    OWN_HEADERS,
    RULESET,
    Incoming,
    Verdict,
)
from service.gateways.wire import NO_PEER

SERVICE: Final = "envoy.service.auth.v3.Authorization"
ROUTE: Final = "cordon_route"
"""The member of `context_extensions` that names the route."""
PASSED_ON: Final = (DECISION_ID, EFFECT, COUNTRY)
"""What the application behind the gateway is told."""
NOT_PASSED_ON: Final = (RULESET, OBLIGATIONS)
"""What Envoy itself is told, as metadata."""

_OWN: Final = b"x-cordon-"
_WANTED: Final = ("accept", "accept-language")
_SOCKET: Final = "unix:"
_CODES: Final[Mapping[int, grpc.StatusCode]] = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    404: grpc.StatusCode.NOT_FOUND,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    503: grpc.StatusCode.UNAVAILABLE,
}
"""By status, where nothing was decided."""

_UNNAMED: Final = Verdict(
    status=400,
    effect="fault",
    headers=((b"content-type", PROBLEM_MEDIA_TYPE.encode()), NOT_KEPT),
    body=json.dumps(problem(400, f"the filter's `context_extensions` must name a route: `{ROUTE}`")).encode(),
)

Context: TypeAlias = "grpc.aio.ServicerContext[bytes, CheckResponse]"


class Checks(Protocol):
    """Decides on what a gateway asks."""

    async def check(self, name: str, incoming: Incoming) -> Verdict: ...


class Authorization:
    """The service."""

    def __init__(self, checks: Checks, report: Callable[[Exception], None], *, socket_admits: bool) -> None:
        """`report` is told of every fault of Cordon's own. Who comes by a Unix socket needs no key if it admits."""
        self._checks = checks
        self._report = report
        self._socket_admits = socket_admits
        self._asked: set[asyncio.Task[CheckResponse | None]] = set()

    @property
    def handler(self) -> "grpc.GenericRpcHandler[bytes, CheckResponse]":
        """What a server answers calls with."""
        check = grpc.unary_unary_rpc_method_handler(
            self.check,
            response_serializer=CheckResponse.SerializeToString,
        )
        return grpc.method_handlers_generic_handler(SERVICE, {"Check": check})

    async def check(self, request: bytes, context: Context) -> CheckResponse:
        """Answer one question. What was begun is ended, and recorded, where Envoy no longer waits for it."""
        task = asyncio.create_task(self._answer(request, context))
        self._asked.add(task)
        task.add_done_callback(self._asked.discard)
        response = await asyncio.shield(task)
        if response is None:
            await context.abort(grpc.StatusCode.INTERNAL, FAILURE)
        return response

    async def _answer(self, request: bytes, context: Context) -> CheckResponse | None:
        """None for a fault of Cordon's own, of which the caller learns no more than that."""
        try:
            attributes = CheckRequest.FromString(request).attributes
            route = attributes.context_extensions.get(ROUTE)
            if not route:
                return response_of(_UNNAMED)
            incoming = incoming_of(attributes, context, socket_admits=self._socket_admits)
            return response_of(await self._checks.check(route, incoming))
        except DecodeError:
            return response_of(_UNNAMED)
        except Exception as error:
            self._report(error)
            return None

    async def ended(self) -> None:
        """Wait for what was begun."""
        await asyncio.gather(*self._asked)


def incoming_of(attributes: AttributeContext, context: Context, *, socket_admits: bool) -> Incoming:
    """What Envoy said in its metadata, and what the client wants."""
    peer = _peer(context.peer())
    said = [(key.encode(), _bytes(value)) for key, value in context.invocation_metadata() or ()]
    return Incoming(
        headers=(*(header for header in said if header[0].decode() not in _WANTED), *_wanted(attributes.request.http)),
        peer=peer,
        is_admitted=bool(context.peer_identities()) or (socket_admits and peer == NO_PEER),
    )


def _wanted(http: AttributeContext.HttpRequest) -> Iterable[tuple[bytes, bytes]]:
    """The headers of the client that count: Envoy sends all of them as a map, or as a list."""
    for name in _WANTED:
        if (value := http.headers.get(name)) is not None:
            yield name.encode(), value.encode()
    for header in http.header_map.headers:
        if header.key in _WANTED:
            yield header.key.encode(), header.raw_value or header.value.encode()


def _bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value


def _peer(text: str) -> str:
    """The address of the gateway, or that it came by a Unix socket; empty if it cannot be told."""
    if text.startswith(_SOCKET):
        return NO_PEER
    kind, _, place = text.partition(":")
    if kind not in ("ipv4", "ipv6"):
        return ""
    return place.rpartition(":")[0].replace("%5B", "").replace("%5D", "").strip("[]")


def response_of(verdict: Verdict) -> CheckResponse:
    """The answer to the filter."""
    response = CheckResponse()
    if verdict.may_go_on:
        _let_through(response, verdict)
    else:
        _deny(response, verdict)
    response.dynamic_metadata.update(metadata_of(verdict))
    return response


def _let_through(response: CheckResponse, verdict: Verdict) -> None:
    """INVARIANT: of Cordon's names, none reaches the application that Cordon has not said this time."""
    ok = response.ok_response
    said = {name: value for name, value in verdict.headers if name in PASSED_ON}
    ok.headers.extend(_option(name, value) for name, value in said.items())
    unsaid = [name for name in (*OWN_HEADERS, *NOT_PASSED_ON, *PASSED_ON) if name not in said]
    ok.headers_to_remove.extend(name.decode() for name in unsaid)


def _deny(response: CheckResponse, verdict: Verdict) -> None:
    denied_code = grpc.StatusCode.PERMISSION_DENIED
    code = denied_code if verdict.is_denial else _CODES.get(verdict.status, denied_code)
    response.status.code = code.value[0]
    response.status.message = verdict.effect
    denied = response.denied_response
    denied.status.code = verdict.status
    denied.body = verdict.body.decode()
    shown = [header for header in verdict.headers if header[0] == DECISION_ID or not header[0].startswith(_OWN)]
    denied.headers.extend(_option(name, value) for name, value in shown)


def _option(name: bytes, value: bytes) -> HeaderValueOption:
    option = HeaderValueOption(append_action=HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD)
    option.header.key, option.header.value = name.decode(), value.decode("latin-1")
    return option


def metadata_of(verdict: Verdict) -> dict[str, object]:
    """What Envoy's access log and other filters may read, under `envoy.filters.http.ext_authz`."""
    said: dict[str, object] = {"effect": verdict.effect}
    headers = dict(verdict.headers)
    if (country := headers.get(COUNTRY)) is not None:
        said["country"] = country.decode()
    if verdict.answer is None:
        return said
    decision = verdict.answer.decision
    said |= {"decision_id": verdict.answer.id, "ruleset": f"{decision.ruleset};{decision.revision}"}
    if decision.rule is not None:
        said["rule"] = decision.rule
    if decision.obligations:
        said["obligations"] = [dict(obligation_member(obligation)) for obligation in decision.obligations]
    return said
