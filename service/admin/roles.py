"""Endpoints of roles of people, and of what one may do oneself."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import Response
from typing_extensions import TypedDict

from service.admin.calls import Call, requires
from service.admin.characters import refuse_in_target
from service.admin.context import Admin
from service.admin.escalation import refusals_written, require_somebody_else
from service.admin.pagination import Cursor, Limit, page_of, read_cursor
from service.admin.permissions import Function, functions_of
from service.admin.principals import Principal, Role
from service.errors import BadRequest, NotAuthenticated, NotFound
from service.storage import roles
from service.storage.audit import Entry
from service.storage.key_records import text_of
from service.storage.roles import Grant

router = APIRouter(prefix="/admin/v1", tags=["access"])

Managing = Annotated[Call, Depends(requires("roles.manage"))]
Person = Annotated[
    str,
    Path(
        description="`oidc:ISSUER#SUBJECT`, with every `#` as `%23`.",
        max_length=2_000,
        pattern=r"^oidc:https?://[^\x00-\x20\x7f#]+#[^\x00-\x1f\x7f]+$",
    ),
]


def somebody(request: Request) -> Principal:
    """The dependency of an endpoint that asks for no role: whoever sends the request has proved who they are."""
    admin: Admin = request.app.state.admin
    refuse_in_target(request.scope)
    try:
        return admin.authenticate(request)
    except NotAuthenticated as error:
        address = request.client.host if request.client else ""
        admin.refuse(Entry("unknown", "auth.refused", "", address=address, reason=str(error)))
        raise


class GrantView(TypedDict):
    """One role of one person."""

    person: str
    role: str
    granted_at: str
    granted_by: str


class GrantsView(TypedDict):
    """One page of roles, in the order of persons."""

    items: list[GrantView]
    next: str | None


class MeView(TypedDict):
    """Who the caller is, and what they may do."""

    id: str
    name: str
    roles: list[Role]
    functions: list[Function]


@router.get("/me", response_model=MeView)
def read_me(who: Annotated[Principal, Depends(somebody)]) -> MeView:
    """Who the caller is; a person who has no role yet finds here what an operator needs."""
    return MeView(id=who.id, name=who.name, roles=sorted(who.roles), functions=sorted(functions_of(who)))


@router.get("/roles", response_model=GrantsView)
def list_roles(
    call: Managing,
    person: Annotated[str | None, Query(description="Id of the person.")] = None,
    role: Role | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Roles that people were given here. Those that their tokens hold are not listed."""
    with call.admin.database.reading() as connection:
        found = roles.listed(connection, roles.GrantFilter(person, role), _after(cursor), limit + 1)
    return call.read_answer(page_of(found, limit, roles.place_of, item=grant_view))


@router.put("/roles/{person:path}/{role}", response_model=GrantView)
def give_role(person: Person, role: Role, call: Managing) -> Response:
    """Give a person a role; one that they have stays as it is."""
    with refusals_written(call, f"role:{person}/{role}"), call.write() as change:
        require_somebody_else(call, person)
        existing = roles.get(change.connection, person, role)
        if existing is not None:
            return change.answer(200, grant_view(existing))
        given = roles.give(change.writing, person, role, call.principal.id)
        change.audit("role.give", f"role:{person}/{role}", after=grant_view(given))
        return change.answer(201, grant_view(given))


@router.delete("/roles/{person:path}/{role}", status_code=204)
def take_role(person: Person, role: Role, call: Managing) -> Response:
    """Take a role from a person."""
    with call.write() as change:
        grant = roles.get(change.connection, person, role)
        if grant is None:
            raise NotFound(f"`{person}` was not given the role `{role}` here")
        roles.take(change.writing, grant)
        change.audit("role.take", f"role:{person}/{role}", before=grant_view(grant))
        return change.answer(204, None)


def grant_view(grant: Grant) -> GrantView:
    """What is shown of a role, and written into the audit trail."""
    return GrantView(
        person=grant.person, role=grant.role, granted_at=text_of(grant.granted_at), granted_by=grant.granted_by
    )


def _after(cursor: str | None) -> tuple[str, str] | None:
    match read_cursor(cursor):
        case []:
            return None
        case [str(person), str(role)] if person.isprintable() and role.isprintable():
            return person, role
        case _:
            raise BadRequest("the cursor is none that a page was given with: start without one")
