"""Refuses what would give somebody more than they have, and writes each refusal into the audit trail."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from service.admin.calls import Call
from service.admin.permissions import functions_in, functions_of
from service.errors import NotAllowed
from service.storage.audit import Entry


@contextmanager
def refusals_written(call: Call, object: str) -> Iterator[None]:
    """Write a refusal down, once the transaction that it ended is undone."""
    try:
        yield
    except NotAllowed as error:
        who = call.principal
        call.admin.refuse(Entry(who.id, "auth.refused", object, address=who.address, reason=str(error)))
        raise


def require_no_more(call: Call, roles: Iterable[str]) -> None:
    """Go on only if the caller may do whatever these roles may.

    Raises:
        NotAllowed: one of them may do more.
    """
    own = functions_of(call.principal)
    for role in sorted(roles):
        if not functions_in([role]) <= own:
            raise NotAllowed(f"nobody hands out a role that may do what they may not: `{role}`")


def require_somebody_else(call: Call, person: str) -> None:
    """Go on unless the caller is that person, or acts with a key that they made.

    Raises:
        NotAllowed: it is themselves.
    """
    if person == call.principal.id or person in call.principal.makers:
        raise NotAllowed("nobody gives themselves a role")
