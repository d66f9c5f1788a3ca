"""Checks tokens of people against the keys of their issuer (OpenID Connect, RFC 7519, RFC 9068, RFC 8725)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import (
    BadSignatureError,
    ClaimError,
    ExpiredTokenError,
    JoseError,
    MissingClaimError,
    UnsupportedAlgorithmError,
)
from joserfc.jwk import Key
from joserfc.jws import JWSRegistry

from service.admin.issuer import IssuerKeys
from service.admin.principals import ROLES, Role
from service.errors import NotAuthenticated

KEY_TYPES = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), "RSA"),
    **dict.fromkeys(("ES256", "ES384", "ES512"), "EC"),
    **dict.fromkeys(("EdDSA", "Ed25519"), "OKP"),
}
"""The algorithms that count, and the type of key of each. Only signatures that the public key checks: neither `none`
nor HMAC, for which the public key would be the secret."""
SKEW_SECONDS = 60
SUBJECT_LIMIT = 255
_TYPES = ("jwt", "at+jwt", "application/at+jwt")
_CLAIMS = {
    "iss": "the token is of another issuer",
    "aud": "the token is meant for others",
    "exp": "the token says no time of expiry that counts",
    "nbf": "the token does not count yet",
    "iat": "the token says no time of issue that counts",
    "sub": "the token names no person that counts",
}
_UNREADABLE = "the token cannot be read"


@dataclass(frozen=True, slots=True)
class OidcTerms:
    """Which tokens count."""

    issuer: str
    """Exactly as in `iss`."""
    audience: str
    """One that `aud` must name: these endpoints."""
    roles_claim: str | None = None
    """The claim that holds roles: its name, or the names on the way to it joined by full stops."""
    roles: Mapping[str, Role] | None = None
    """What each value of that claim stands for; None: roles by their own names."""


@dataclass(frozen=True, slots=True)
class Person:
    """Whom a token names."""

    subject: str
    name: str
    roles: frozenset[Role]
    """By the token alone."""


class _Registry(JWSRegistry):
    """Takes the headers of real issuers: long ones, and names of their own unless they are critical."""

    max_header_length = 8192

    def __init__(self) -> None:
        super().__init__(algorithms=tuple(KEY_TYPES), strict_check_header=False)

    def get_alg(self, name: str) -> Any:
        if name not in KEY_TYPES:
            raise UnsupportedAlgorithmError
        return self.algorithms[name]


_REGISTRY = _Registry()


@dataclass(frozen=True, slots=True)
class Oidc:
    """Checks tokens."""

    terms: OidcTerms
    keys: IssuerKeys

    def person(self, token: str, now: datetime) -> Person:
        """Whom the token names.

        Raises:
            NotAuthenticated: it does not count.
            NotAvailable: the issuer's keys are not known, so that nobody can tell.
        """
        try:
            claims = self._verified(token)
            self._check(claims, now)
        except ClaimError as error:
            raise NotAuthenticated(_said(error)) from None
        except BadSignatureError:
            raise NotAuthenticated("the token's signature is wrong") from None
        except UnsupportedAlgorithmError:
            raise NotAuthenticated("the token is signed in a way that does not count") from None
        except (JoseError, ValueError, TypeError, RecursionError):
            raise NotAuthenticated(_UNREADABLE) from None
        return Person(claims["sub"], _name(claims), self._roles(claims))

    def _verified(self, token: str) -> dict[str, Any]:
        header = jws.extract_compact(token.encode(), registry=_REGISTRY).headers()
        _REGISTRY.check_header(header)
        if str(header.get("typ", "JWT")).lower() not in _TYPES:
            raise NotAuthenticated("the token is of a type that does not count")
        return jwt.decode(token, self._key(header), registry=_REGISTRY).claims

    def _key(self, header: Mapping[str, Any]) -> Key:
        """The issuer's key that the header names: never one that the token brings along (`jwk`, `jku`, `x5c`)."""
        key_type = KEY_TYPES.get(header["alg"])
        if key_type is None:
            raise UnsupportedAlgorithmError
        key = self.keys.find(header.get("kid"), key_type)
        if key is None:
            raise NotAuthenticated("the token is signed with a key that its issuer does not publish")
        return key

    def _check(self, claims: dict[str, Any], now: datetime) -> None:
        registry = jwt.JWTClaimsRegistry(
            now=int(now.timestamp()),
            leeway=SKEW_SECONDS,
            iss={"essential": True, "value": self.terms.issuer},
            aud={"essential": True, "value": self.terms.audience},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
        )
        registry.validate(claims)
        if len(claims["sub"]) > SUBJECT_LIMIT or not claims["sub"].isprintable():
            raise ClaimError("sub")

    def _roles(self, claims: Mapping[str, Any]) -> frozenset[Role]:
        if self.terms.roles_claim is None:
            return frozenset()
        meanings: Mapping[str, Role] = {role: role for role in ROLES} if self.terms.roles is None else self.terms.roles
        values = _claim(claims, self.terms.roles_claim)
        texts = values.split() if isinstance(values, str) else values if isinstance(values, list) else []
        return frozenset(meanings[text] for text in texts if isinstance(text, str) and text in meanings)


def _said(error: ClaimError) -> str:
    if isinstance(error, ExpiredTokenError):
        return "the token has expired"
    if isinstance(error, MissingClaimError):
        return f"the token lacks `{error.claim}`"
    return _CLAIMS.get(error.claim, _UNREADABLE)


def _claim(claims: Mapping[str, Any], name: str) -> object:
    """A claim by its name, which may hold full stops, or by the names on the way to it."""
    if name in claims:
        return claims[name]
    value: object = claims
    for part in name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _name(claims: Mapping[str, Any]) -> str:
    named = (claims.get(claim) for claim in ("name", "preferred_username", "email", "sub"))
    return next((name for name in named if isinstance(name, str) and name), "")[:SUBJECT_LIMIT]
