"""Says what a caller of the decision endpoints may ask, from keys in memory: no question waits for the database.

A key that is revoked or made is known here once the keys are read again, which happens on every change of them. Whether
a key has expired, the time of the question tells.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

from sqlalchemy import Connection

from service.attempts import TOO_MANY, Attempts
from service.errors import NotAllowed, NotAuthenticated, NotReady, TooManyRequests
from service.gateways.authzen_calls import Admission
from service.settings import Permission
from service.storage import keys
from service.storage.database import Database
from service.storage.key_records import KeyRecord, digest_of, key_id_in

NOTED_EVERY = timedelta(minutes=1)
"""How often a last use is written down, at most."""
_BEARER = b"bearer "


class Uses:
    """When keys were last used: remembered at once, written down now and then."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._used: dict[str, datetime] = {}
        self._noted: dict[str, datetime] = {}

    def used(self, key_id: str, at: datetime) -> None:
        """Remember a use."""
        self._used[key_id] = at

    def flush(self, database: Database) -> None:
        """Write down the last uses that are not known yet, of each key at most once a minute.

        Raises:
            Unavailable: the database cannot be reached; they are written another time.
        """
        with self._lock:
            due = {key_id: at for key_id, at in tuple(self._used.items()) if self._is_due(key_id, at)}
            keys.note_use(database, due)
            self._noted.update(due)

    def _is_due(self, key_id: str, at: datetime) -> bool:
        noted = self._noted.get(key_id)
        return noted is None or at >= noted + NOTED_EVERY


@dataclass(frozen=True, slots=True)
class CallerTerms:
    """Who may ask."""

    keys_required: bool
    unkeyed: frozenset[Permission]
    """What anyone may who can connect, where no key is required; and who came through a door that asks for none."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What counts of a key on every question, looked up once."""

    id: str
    may_decide: bool
    may: frozenset[Permission]
    expires_at: datetime | None

    @classmethod
    def of(cls, record: KeyRecord) -> "_Known":
        return cls(record.id, record.may_decide, record.permissions, record.expires_at)


class Callers:
    """The keys that count, and what each of them allows."""

    def __init__(
        self, terms: CallerTerms, attempts: Attempts, uses: Uses, on_refused: Callable[[str, str, str], None]
    ) -> None:
        """`on_refused` is told reason, peer and claimed key of every refusal; it must not block."""
        self._terms = terms
        self._attempts = attempts
        self._uses = uses
        self._on_refused = on_refused
        self._known: Mapping[str, _Known] | None = None
        self.generation: object = object()
        """Of the keys: admissions of another one no longer count."""

    @property
    def unkeyed(self) -> frozenset[Permission]:
        """What they may ask who need no key."""
        return self._terms.unkeyed

    def reload(self, connection: Connection) -> None:
        """Read the keys again, and swap them in at once."""
        active = keys.active_keys(connection)
        self._known = MappingProxyType({digest: _Known.of(record) for digest, record in active.items()})
        self.generation = object()

    def identify(
        self, authorization: bytes | None, api_key: bytes | None, *, peer: str, now: datetime
    ) -> frozenset[Permission]:
        """What the bearer of these headers may ask (`Authorization: Bearer …`, or `X-API-Key`).

        A good key is let through however many bad ones came from the same place: behind a proxy, they share it.

        Raises:
            NotReady: no keys were read yet, so that nobody can tell.
            NotAuthenticated: there is no key, or none that counts.
            NotAllowed: it is no decision key.
            TooManyRequests: it does not count, and too many from there did not of late.
        """
        if not self._terms.keys_required:
            return self._terms.unkeyed
        if self._known is None:
            raise NotReady("no keys are read yet: ask again")
        text = _credential(authorization, api_key)
        if text is None:
            raise self._refusal("no key", peer, "")
        known = self._known.get(digest_of(text))
        if known is None:
            raise self._refusal("unknown or revoked key", peer, _claimed(text))
        if known.expires_at is not None and known.expires_at <= now:
            raise self._refusal("expired key", peer, f"key:{known.id}")
        if not known.may_decide:
            self._on_refused("no decision key", peer, f"key:{known.id}")
            raise NotAllowed("this key may not ask for decisions: its scopes lack `decide`")
        self._uses.used(known.id, now)
        return known.may

    def admission(self, authorization: bytes | None, api_key: bytes | None) -> Admission | None:
        """What these headers admit to while the keys stay as they are; None if `identify` must say what is wrong."""
        generation = self.generation  # read first: keys that are swapped in meanwhile make this admission an old one
        if not self._terms.keys_required:
            return Admission(generation)
        text = _credential(authorization, api_key)
        known = None if self._known is None or text is None else self._known.get(digest_of(text))
        if known is None or not known.may_decide:
            return None
        return Admission(generation, known.id, known.expires_at)

    def admitted(self, key_id: str, at: datetime) -> None:
        """HOT PATH: remember that a key was used."""
        self._uses.used(key_id, at)

    def flush(self, database: Database) -> None:
        """Write down last uses.

        Raises:
            Unavailable: the database cannot be reached; they are written another time.
        """
        self._uses.flush(database)

    def _refusal(self, reason: str, peer: str, claimed: str) -> NotAuthenticated | TooManyRequests:
        self._on_refused(reason, peer, claimed)
        if wait := self._attempts.wait_seconds(peer):
            return TooManyRequests(TOO_MANY, wait)
        self._attempts.failed(peer)
        return NotAuthenticated(
            f"{reason}: send one with the scope `decide` as `Authorization: Bearer …`, a gateway as `X-Cordon-Key`"
        )


def _credential(authorization: bytes | None, api_key: bytes | None) -> bytes | None:
    if authorization is not None and authorization[: len(_BEARER)].lower() == _BEARER:
        return authorization[len(_BEARER) :].strip()
    return api_key


def _claimed(text: bytes) -> str:
    key_id = key_id_in(text.decode("latin-1"))
    return f"key:{key_id}" if key_id else ""
