"""Says who sends a request to the admin API: the bearer of a key, or a person by a token of their issuer.

Keys are looked up in the database on every request, so that a revoked one is out of force at once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from fastapi import Request

from service.admin.oidc import Oidc
from service.admin.principals import ROLES, Principal, Role, key_principal, person_principal
from service.attempts import TOO_MANY, Attempts
from service.callers import Uses
from service.errors import NotAllowed, NotAuthenticated, TooManyRequests
from service.refusals import OnRefused
from service.storage import keys, roles
from service.storage.database import Database
from service.storage.key_records import digest_of

GOOD_LIMIT = 4096
"""Credentials that are remembered as good."""
_SCHEME = "bearer "
_KEY_PREFIX = "cordon_"


@dataclass(frozen=True, slots=True)
class Watch:
    """What is told of good and of bad credentials."""

    attempts: Attempts
    uses: Uses
    on_refused: OnRefused
    """Told of those refusals that are not `NotAuthenticated`; whoever asks for a principal hears of the others."""


class Authenticator:
    """Authenticates requests. Safe for threads."""

    def __init__(self, database: Database, clock: Callable[[], datetime], watch: Watch, oidc: Oidc | None) -> None:
        self._database = database
        self._clock = clock
        self._watch = watch
        self._oidc = oidc
        self._good: dict[str, None] = {}

    def __call__(self, request: Request) -> Principal:
        """Who sends the request.

        From a place where too many were refused, only credentials are looked at that were good before: others wait,
        and nobody is locked out by strangers behind the same proxy.

        Raises:
            NotAuthenticated: it bears no credential that counts.
            NotAllowed: it bears a decision key.
            TooManyRequests: too many from there were refused of late.
            NotAvailable: the issuer's keys are not known.
            Unavailable: the database cannot be reached.
        """
        peer = request.client.host if request.client else ""
        text = _credential(request)
        if text is None:
            raise NotAuthenticated("send a key or a token as `Authorization: Bearer …`")
        digest = digest_of(text)
        if digest not in self._good:
            self._refuse_if_too_many(peer)
        try:
            principal = self._principal(text, digest, peer)
        except NotAuthenticated:
            self._good.pop(digest, None)
            self._watch.attempts.failed(peer)
            raise
        self._remember(digest)
        return principal

    def _refuse_if_too_many(self, peer: str) -> None:
        if wait := self._watch.attempts.wait_seconds(peer):
            self._watch.on_refused("too many refused credentials before it", peer, "")
            raise TooManyRequests(TOO_MANY, wait)

    def _remember(self, digest: str) -> None:
        if len(self._good) >= GOOD_LIMIT:
            self._good = {}
        self._good[digest] = None

    def _principal(self, text: str, digest: str, peer: str) -> Principal:
        if text.startswith(_KEY_PREFIX):
            return self._bearer_of_key(digest, peer)
        if self._oidc is None:
            raise NotAuthenticated("the credential is no key, and tokens do not count here")
        return self._person(text, peer, self._oidc)

    def _bearer_of_key(self, digest: str, peer: str) -> Principal:
        with self._database.reading() as connection:
            record = keys.by_digest(connection, digest)
            if record is None:
                raise NotAuthenticated("the key is not known")
            makers = (record.created_by, *keys.makers_of(connection, record.created_by))
        now = self._clock()
        if (status := record.status(now)) != "active":
            raise NotAuthenticated(f"the key `{record.id}` is {status}")
        if record.may_decide:
            self._watch.on_refused("a decision key may only ask", peer, f"key:{record.id}")
            raise NotAllowed("a decision key may only ask for decisions")
        self._watch.uses.used(record.id, now)
        return Principal(key_principal(record.id), record.name, as_roles(record.role_names), peer, makers)

    def _person(self, token: str, peer: str, oidc: Oidc) -> Principal:
        person = oidc.person(token, self._clock())
        principal = person_principal(oidc.terms.issuer, person.subject)
        with self._database.reading() as connection:
            given = roles.roles_of(connection, principal)
        return Principal(principal, person.name, person.roles | as_roles(given), peer)


def as_roles(names: frozenset[str]) -> frozenset[Role]:
    """The roles of those names."""
    return frozenset(role for role in ROLES if role in names)


def _credential(request: Request) -> str | None:
    """What the request bears, as `Authorization: Bearer …` or `X-API-Key`; None where it is not just one."""
    given = request.headers.getlist("authorization")
    if len(given) == 1 and given[0][: len(_SCHEME)].lower() == _SCHEME:
        return given[0][len(_SCHEME) :].strip() or None
    alone = request.headers.getlist("x-api-key")
    return alone[0] if len(alone) == 1 and not given else None
