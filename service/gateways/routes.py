"""Routes: what a gateway asks about when it asks under a name, and how it is answered. Read from one document.

A route says where the account, the client's address and the resource stand in a request, so that neither the gateway's
configuration nor its client decides which header is believed.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError
from pydantic_core import ErrorDetails

from rules.errors import InvalidDocument, Problem, pointer
from rules.language import DEFAULT_ACTION
from service.errors import said_plainly
from service.gateways.authzen_models import NAME_LIMIT
from service.gateways.client_address import AddressPolicy, Network, trusted_networks
from service.gateways.denials import DenialTerms

ACCOUNT_HEADER: Final = "X-Cordon-Account"
ADDRESS_HEADER: Final = "X-Cordon-Client-Address"
LOOPBACK: Final = ("127.0.0.0/8", "::1")
KEEP_LIMIT_SECONDS: Final = 300

Unavailable: TypeAlias = Literal["deny", "allow"]


class InvalidRoutes(InvalidDocument):
    """A document that is none of routes."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a text stands: in the document itself, or in a header that the gateway sets."""

    text: str = ""
    header: bytes = b""
    """In lower case; empty: the text counts."""


@dataclass(frozen=True, slots=True)
class Route:
    """How one kind of request is decided on."""

    name: str
    resource: Source
    action: Source
    account: bytes
    """Name of the header, in lower case."""
    client: AddressPolicy
    """Read for a gateway that is believed."""
    peers: tuple[Network, ...]
    """Addresses that are believed to be the gateway's where no keys are required."""
    if_unavailable: Unavailable
    """What is answered where no decision can be made."""
    keep_seconds: int
    """How long the gateway may keep a permission; 0: not at all."""
    denials: DenialTerms


Routes: TypeAlias = Mapping[str, Route]


def _header_name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", text):
        raise ValueError(f"`{text}` is no name of a header")
    return text


def _networks(texts: tuple[str, ...]) -> tuple[str, ...]:
    trusted_networks(texts)
    return texts


def _link(text: str) -> str:
    if not re.fullmatch(r"https?://[!-;=?-~]+", text):
        raise ValueError(f"`{text}` is no http or https URL")
    return text


Text = Annotated[str, Field(min_length=1, max_length=NAME_LIMIT, pattern=r"^[^\x00-\x1f\x7f]*$")]
HeaderName = Annotated[str, AfterValidator(_header_name)]
Networks = Annotated[tuple[str, ...], AfterValidator(_networks)]
Link = Annotated[str, AfterValidator(_link)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class HeaderModel(_Model):
    """A header that the gateway sets."""

    header: HeaderName


def _written(value: object) -> str:
    return "[text]" if isinstance(value, str) else "[header]"


TextOrHeader = Annotated[
    Annotated[Text, Tag("[text]")] | Annotated[HeaderModel, Tag("[header]")], Discriminator(_written)
]


class ClientModel(_Model):
    """Where the client's address stands."""

    header: HeaderName = ADDRESS_HEADER
    trusted: Networks = ()


class DenialsModel(_Model):
    """What denials say beside the decision."""

    contact: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    blocked_by: Link | None = None
    verify: Link | None = None


class RouteModel(_Model):
    """One route."""

    resource: TextOrHeader
    action: TextOrHeader = DEFAULT_ACTION
    account: HeaderModel = HeaderModel(header=ACCOUNT_HEADER)
    client: ClientModel = ClientModel()
    peers: Networks = Field(default=LOOPBACK, alias="from")
    if_unavailable: Unavailable = "deny"
    keep_seconds: Annotated[int, Field(ge=0, le=KEEP_LIMIT_SECONDS, strict=True)] = 0
    denials: DenialsModel = DenialsModel()


RouteName = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9_-]{0,62}[a-z0-9])?$")]


class RoutesModel(_Model):
    """The document."""

    gateways: Literal[1]
    denials: DenialsModel = DenialsModel()
    routes: Annotated[dict[RouteName, RouteModel], Field(min_length=1)]


def read_routes(document: object) -> Routes:
    """The routes of a document, by name.

    Raises:
        InvalidRoutes: with every fault of it.
    """
    try:
        model = RoutesModel.model_validate(document)
    except ValidationError as invalid:
        errors = invalid.errors(include_url=False, include_input=False)
        raise InvalidRoutes(tuple(map(_problem, errors))) from None
    return {name: _route(name, route, model.denials) for name, route in model.routes.items()}


def _route(name: str, model: RouteModel, denials: DenialsModel) -> Route:
    terms = {**denials.model_dump(exclude_none=True), **model.denials.model_dump(exclude_none=True)}
    policy = AddressPolicy(trusted_networks(model.client.trusted), model.client.header, trust_socket=True)
    return Route(
        name=name,
        resource=_source(model.resource),
        action=_source(model.action),
        account=_lower(model.account.header),
        client=policy,
        peers=trusted_networks(model.peers),
        if_unavailable=model.if_unavailable,
        keep_seconds=model.keep_seconds,
        denials=DenialTerms(**terms),
    )


def _source(model: str | HeaderModel) -> Source:
    return Source(text=model) if isinstance(model, str) else Source(header=_lower(model.header))


def _lower(name: str) -> bytes:
    return name.lower().encode("ascii")


_KINDS = ("[text]", "[header]", "[key]")
"""Steps of the validator's own within a place."""

_KEEP: Final = f"must be a whole number from 0 to {KEEP_LIMIT_SECONDS}"
"""Of the only number that a route has."""

_NAME: Final = (
    "is no name of a route: up to 64 of a-z, 0-9, `-` and `_`, the first and last of them a letter or a digit"
)

_MESSAGES = {
    "missing": "is missing",
    "extra_forbidden": "there is no such member",
    "string_type": "must be text",
    "int_type": _KEEP,
    "less_than_equal": _KEEP,
    "greater_than_equal": _KEEP,
    "model_type": "must be a mapping",
    "model_attributes_type": "must be a mapping",
    "dict_type": "must be a mapping",
    "tuple_type": "must be a list",
    "string_too_short": "must not be empty",
    "too_short": "must name a route at least",
    "string_pattern_mismatch": "holds characters that are not allowed here",
}


def _problem(error: ErrorDetails) -> Problem:
    steps = [step for step in error["loc"] if step not in _KINDS]
    on_key = error["type"] == "extra_forbidden" or error["loc"][-1:] == ("[key]",)
    return Problem(reduce(pointer, steps, ""), _said(error), on_key=on_key)


def _said(error: ErrorDetails) -> str:
    match error["type"], error["loc"][-1:]:
        case "string_pattern_mismatch", ("[key]",):
            return _NAME
        case "model_type" | "model_attributes_type", ("[header]",):
            return "must be text, or `{header: NAME}`"
        case kind, _ if kind in _MESSAGES:
            return _MESSAGES[kind]
        case _:
            return said_plainly(error["msg"])
