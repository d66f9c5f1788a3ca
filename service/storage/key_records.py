"""What is kept of a key, and what its scopes mean. A decision key may only ask, a key with a role may never."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, get_args

from typing_extensions import TypedDict

from service.settings import Permission

DECIDE = "decide"
ROLE = "role:"
Scope = Literal[
    "decide",
    "decide:time",
    "decide:facts",
    "decide:explain",
    "decide:search",
    "role:viewer",
    "role:editor",
    "role:approver",
    "role:operator",
    "role:auditor",
]
SCOPES: tuple[Scope, ...] = get_args(Scope)
FIRST = "bootstrap"
"""Id of the key that a new database is given."""
_PERMISSIONS: Mapping[str, Permission] = {
    "decide:time": "time",
    "decide:facts": "facts",
    "decide:explain": "explain",
    "decide:search": "search",
}

NAME_LIMIT = 200
_KEY = re.compile(r"cordon_([a-z0-9]{1,32})_[A-Za-z0-9_-]{43}", re.ASCII)

Status = Literal["active", "expired", "revoked"]


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """What is kept of a key."""

    id: str
    name: str
    digest: str
    scopes: frozenset[str]
    created_at: datetime
    created_by: str
    """Id of a principal."""
    expires_at: datetime | None
    """None: never."""
    revoked_at: datetime | None
    revoked_by: str | None
    used_at: datetime | None
    """Of its last use, or of one some minutes before: uses are written down now and then."""
    version: int

    @property
    def may_decide(self) -> bool:
        """Whether it is a decision key."""
        return DECIDE in self.scopes

    @property
    def permissions(self) -> frozenset[Permission]:
        """What a question under a decision key may hold."""
        return frozenset(_PERMISSIONS[scope] for scope in self.scopes if scope in _PERMISSIONS)

    @property
    def is_first(self) -> bool:
        """Whether it is the first credential, which is nobody's to prolong."""
        return self.id == FIRST

    @property
    def role_names(self) -> frozenset[str]:
        """The roles that it acts in."""
        return role_names_in(self.scopes)

    def status(self, now: datetime) -> Status:
        """Whether it counts."""
        if self.revoked_at is not None:
            return "revoked"
        if self.expires_at is not None and self.expires_at <= now:
            return "expired"
        return "active"


@dataclass(frozen=True, slots=True)
class NewKey:
    """What a key is to be."""

    name: str
    scopes: frozenset[str]
    expires_at: datetime | None = None


class KeyRow(TypedDict):
    """A key as it is shown, and written into the audit trail: without the key itself."""

    id: str
    name: str
    scopes: list[str]
    status: Status
    created_at: str
    created_by: str
    expires_at: str | None
    revoked_at: str | None
    revoked_by: str | None
    used_at: str | None
    version: int


def key_row(record: KeyRecord, now: datetime) -> KeyRow:
    """What is shown of a key."""
    return KeyRow(
        id=record.id,
        name=record.name,
        scopes=sorted(record.scopes),
        status=record.status(now),
        created_at=text_of(record.created_at),
        created_by=record.created_by,
        expires_at=_text_or_null(record.expires_at),
        revoked_at=_text_or_null(record.revoked_at),
        revoked_by=record.revoked_by,
        used_at=_text_or_null(record.used_at),
        version=record.version,
    )


def text_of(moment: datetime) -> str:
    """A moment in UTC, as `2026-01-31T12:00:00Z`."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _text_or_null(moment: datetime | None) -> str | None:
    return None if moment is None else text_of(moment)


def fault_of_scopes(scopes: Iterable[str]) -> str | None:
    """What is wrong with the scopes of one key."""
    wanted = set(scopes)
    if not wanted:
        return "a key needs a scope"
    if unknown := sorted(wanted - set(SCOPES)):
        return f"`{unknown[0]}` is no scope: {', '.join(SCOPES)}"
    asks = {scope for scope in wanted if not scope.startswith(ROLE)}
    if asks and asks != wanted:
        return "a decision key has no role: make one key to ask, and another for the role"
    if asks and DECIDE not in wanted:
        return f"`{min(asks)}` adds to `{DECIDE}`: name both"
    return None


def role_names_in(scopes: Iterable[str]) -> frozenset[str]:
    """The roles that scopes name."""
    return frozenset(scope.removeprefix(ROLE) for scope in scopes if scope.startswith(ROLE))


def digest_of(key: str | bytes) -> str:
    """What is kept of a key's text."""
    return hashlib.sha256(key.encode() if isinstance(key, str) else key).hexdigest()


def key_id_in(text: str) -> str | None:
    """The id that a text of the form of a key names; None: it has not that form."""
    found = _KEY.fullmatch(text)
    return found[1] if found else None
