"""Refuses what would give somebody more than they have, and writes each refusal into the audit trail."""

from collections.abc import Iterable
from typing import NoReturn

from service.admin.calls import Call
from service.errors import NotAllowed
from service.storage.audit import Entry


def require_own_roles(call: Call, roles: Iterable[str], object: str) -> None:
    """Go on only if the caller acts in all these roles. To be asked outside a transaction that writes.

    Raises:
        NotAllowed: they lack one.
    """
    if lacking := sorted(set(roles) - call.principal.roles):
        _refuse(call, object, f"nobody hands out a role that they lack: `{lacking[0]}`")


def require_somebody_else(call: Call, person: str, object: str) -> None:
    """Go on unless the caller is that person, or acts with a key that they made. To be asked as the other.

    Raises:
        NotAllowed: it is themselves.
    """
    if person == call.principal.id or person in call.principal.makers:
        _refuse(call, object, "nobody gives themselves a role")


def _refuse(call: Call, object: str, message: str) -> NoReturn:
    who = call.principal
    call.admin.refuse(Entry(who.id, "auth.refused", object, address=who.address, reason=message))
    raise NotAllowed(message)
