"""Who calls the admin API: a key or a person, and the roles it acts in."""

from dataclasses import dataclass
from typing import Literal, get_args

Role = Literal["viewer", "editor", "approver", "operator", "auditor"]
ROLES: tuple[Role, ...] = get_args(Role)

BOOTSTRAP = "bootstrap"
"""Id of the principal that acts with the bootstrap key."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Whoever a request was authenticated as."""

    id: str
    """`key:ID`, `oidc:ISSUER#SUBJECT` or `bootstrap`; of the command line `cli:USER`."""
    name: str
    """For people to read; nothing is decided by it."""
    roles: frozenset[Role]
    address: str
    """Where the request came from: the peer of its connection."""
    makers: tuple[str, ...] = ()
    """Of a key: who made it, who made the key that made it, and so on. They have seen the key, so what it may not do
    for itself it may not do for them."""


def key_principal(key_id: str) -> str:
    """Id of the principal that acts with a key."""
    return BOOTSTRAP if key_id == BOOTSTRAP else f"key:{key_id}"


def person_principal(issuer: str, subject: str) -> str:
    """Id of the principal that an issuer calls by that subject."""
    return f"oidc:{issuer}#{subject}"
