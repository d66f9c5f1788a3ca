"""What every gateway asks and is answered, whatever its wire: may the request in front of it go on?

Thin over `decide`: who asks is believed or not, the route says where the facts of the question stand, and the decision
becomes an HTTP answer. What the client wrote counts nowhere but in the headers that the gateway passes on for it:
`Accept`, `Accept-Language` and the request's id.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, Protocol, TypeAlias

from rules.facts import AccountId, Location, ResourceId
from rules.language import Decision
from service.decide import AccessRequest, Answer
from service.errors import PROBLEM_MEDIA_TYPE, BadRequest, NotAllowed, NotFound, ServiceError, headers_of, problem_of
from service.gateways.authzen import Decides
from service.gateways.authzen_answers import obligation_member, status_of
from service.gateways.authzen_calls import Callers
from service.gateways.authzen_models import NAME_LIMIT
from service.gateways.client_address import Reason, address_in, is_within
from service.gateways.denials import Denied, denial_to, kind_of
from service.gateways.routes import Route, Routes, Source
from service.gateways.wire import first

KEY_HEADER: Final = b"x-cordon-key"
OWN_HEADERS: Final = (
    b"x-cordon-account",
    b"x-cordon-client-address",
    b"x-cordon-resource",
    b"x-cordon-action",
    KEY_HEADER,
)
"""What a gateway says to Cordon, and to nobody else."""
DECISION_ID: Final = b"x-cordon-decision-id"
EFFECT: Final = b"x-cordon-effect"
RULESET: Final = b"x-cordon-ruleset"
COUNTRY: Final = b"x-cordon-country"
OBLIGATIONS: Final = b"x-cordon-obligations"
NOT_KEPT: Final = (b"cache-control", b"no-store")

Headers: TypeAlias = Sequence[tuple[bytes, bytes]]
"""Names in lower case, in the order of the request."""
Effect: TypeAlias = Literal["allow", "challenge", "deny", "unavailable", "fault"]


@dataclass(frozen=True, slots=True)
class Incoming:
    """What a gateway sent."""

    headers: Headers
    peer: str
    """Address of the gateway; a word that is none, where it has none."""
    is_admitted: bool = False
    """It came through a door that admits whoever comes: a Unix socket, or TLS with a client certificate."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer to a gateway, as HTTP has it."""

    status: int
    """200 for what may go on."""
    effect: Effect
    """`fault`: the gateway asked wrongly, and nothing was decided."""
    headers: Headers
    """Cordon's own first; then those of the body."""
    body: bytes = b""
    """Empty for what may go on; in one line."""
    answer: Answer | None = None

    @property
    def may_go_on(self) -> bool:
        """Whether the request is let through."""
        return self.status == 200

    @property
    def is_denial(self) -> bool:
        """Whether it was decided that the request may not go on."""
        return self.effect in ("challenge", "deny")


class Freshness(Protocol):
    """Knows how long what was decided now may count."""

    def __call__(self) -> float:
        """Seconds until the data would be older than the staleness bound."""


@dataclass(frozen=True, slots=True)
class GatewayChecks:
    """Answers gateways."""

    decider: Decides
    callers: Callers
    routes: Routes
    keys_required: bool
    clock: Callable[[], datetime]
    freshness: Freshness
    count_fault: Callable[[int], None]
    """Is told the status of every question that is answered by an error."""
    count_unaddressed: Callable[[Reason], None]
    """Is told why a client's address is unknown."""

    async def check(self, name: str, incoming: Incoming) -> Verdict:
        """Decide on the request that a gateway has in front of it."""
        route = self.routes.get(name)
        now = self.clock()
        try:
            if route is None:
                raise NotFound(f"there is no route `{name}`")
            self._require_gateway(route, incoming, now)
            answer = await self.decider.decide(self._question(route, incoming, now))
        except ServiceError as error:
            return self._cannot(error, route, incoming)
        return self._verdict(route, incoming, answer, now)

    def _require_gateway(self, route: Route, incoming: Incoming, now: datetime) -> None:
        """Believe who came through a door, or has a key; where no keys are required, an address of the route's.

        Raises:
            ServiceError: whoever asks is no gateway.
        """
        if incoming.is_admitted:
            return
        key = first(incoming.headers, KEY_HEADER)
        if self.keys_required:
            self.callers.identify(None, key, peer=incoming.peer, now=now)
        elif not is_within(incoming.peer, route.peers):
            raise NotAllowed(f"`{incoming.peer}` is not a gateway of route `{route.name}`")

    def _question(self, route: Route, incoming: Incoming, now: datetime) -> AccessRequest:
        account = only(incoming.headers, route.account)
        client = address_in(None, incoming.headers, route.client)
        if client.reason is not None:
            self.count_unaddressed(client.reason)
        return AccessRequest(
            account=AccountId(account or ""),
            resource=ResourceId(named(route.resource, incoming.headers, "resource")),
            at=now,
            address=client.text,
            action=named(route.action, incoming.headers, "action"),
            foreign=account is None,
        )

    def _verdict(self, route: Route, incoming: Incoming, answer: Answer, now: datetime) -> Verdict:
        decision = answer.decision
        said = headers_about(answer)
        if decision.effect == "allow":
            return Verdict(200, "allow", (*said, *self.kept(route, decision.expires_at, now)), answer=answer)
        status = status_of(decision)
        kind = kind_of(decision.effect, status)
        denied = Denied(status, kind, answer.id, decision.ruleset, decision.message)
        denial = denial_to(denied, route.denials, incoming.headers)
        return Verdict(denial.status, decision.effect, (*said, *denial.headers), denial.body, answer)

    def kept(self, route: Route, expires_at: datetime | None, now: datetime) -> Headers:
        """How long a gateway may keep a permission: never past the staleness bound, nor the next effective date."""
        if not route.keep_seconds:
            return (NOT_KEPT,)
        left = self.freshness() if expires_at is None else min(self.freshness(), (expires_at - now).total_seconds())
        seconds = min(route.keep_seconds, int(left))
        if seconds < 1:
            return (NOT_KEPT,)
        nginx = seconds - 1  # it counts from the beginning of its second, to the end of the last one
        return ((b"cache-control", b"private, max-age=%d" % seconds), (b"x-accel-expires", b"%d" % nginx))

    def _cannot(self, error: ServiceError, route: Route | None, incoming: Incoming) -> Verdict:
        """No decision: what the route says of that; but whoever asked wrongly is told so."""
        status, document = problem_of(error)
        self.count_fault(status)
        if status != 503 or route is None:
            body = json.dumps(document).encode()
            more = tuple((name.lower().encode(), value.encode()) for name, value in headers_of(error).items())
            return Verdict(status, "fault", ((b"content-type", PROBLEM_MEDIA_TYPE.encode()), NOT_KEPT, *more), body)
        said = ((EFFECT, b"unavailable"),)
        if route.if_unavailable == "allow":
            return Verdict(200, "unavailable", (*said, NOT_KEPT))
        denial = denial_to(Denied(503, "unavailable"), route.denials, incoming.headers)
        return Verdict(denial.status, "unavailable", (*said, *denial.headers), denial.body)


def headers_about(answer: Answer) -> Headers:
    """What a gateway may pass on to whatever stands behind it."""
    decision = answer.decision
    location = answer.located.location
    return (DECISION_ID, answer.id.encode()), *effect_headers(decision), *country_headers(location), *duties(decision)


def effect_headers(decision: Decision) -> Headers:
    """What was decided, and by which rule set."""
    return (
        (EFFECT, decision.effect.encode()),
        (RULESET, f"{decision.ruleset};{decision.revision}".encode()),
    )


def country_headers(location: Location) -> Headers:
    """The country or province that all sources say; nothing if they do not agree."""
    codes = {claim.code for claim in location.claims}
    return ((COUNTRY, codes.pop().encode()),) if len(codes) == 1 else ()


def duties(decision: Decision) -> Headers:
    """The obligations, if there are any."""
    if not decision.obligations:
        return ()
    members = [obligation_member(obligation) for obligation in decision.obligations]
    return ((OBLIGATIONS, json.dumps(members, separators=(",", ":")).encode()),)


def only(headers: Headers, name: bytes) -> str | None:
    """The one header of that name, if it names anything; None if there is none, or more than one."""
    values = [value for key, value in headers if key == name]
    if len(values) != 1:
        return None
    try:
        found = values[0].strip().decode()
    except UnicodeDecodeError:
        return None
    return found if found and len(found) <= NAME_LIMIT else None


def named(source: Source, headers: Headers, what: str) -> str:
    """What a route names, or the gateway in the header that the route names.

    Raises:
        BadRequest: it does not: what is asked for is never guessed.
    """
    if not source.header:
        return source.text
    found = only(headers, source.header)
    if found is None:
        raise BadRequest(f"the header `{source.header.decode()}` must name the {what}, once")
    return found
