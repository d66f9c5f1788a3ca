"""Endpoints of entities: what is recorded of each, who owns it, whom it owns, and everything above it."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response
from sqlalchemy import Row

from rules.facts import Entity, EntityId
from rules.geography import Jurisdiction
from service.admin.calls import Call
from service.admin.fact_filters import EntityFilters, InterestFilters, KnownAt, PageFilters, ValidFilters
from service.admin.fact_models import EntityBody, EntityView, FactPage, Id, InterestView, Moment
from service.admin.facts import (
    Editing,
    FactKind,
    Reading,
    View,
    delete_fact,
    list_facts,
    put_fact,
    read_fact,
    read_history,
)
from service.admin.interests import INTEREST
from service.admin.ownership import OwnershipView, ownership_view
from service.storage.database import Writing, micros
from service.storage.dossiers import read_with_entity
from service.storage.fact_history import partners_of
from service.storage.fact_pages import entity_page, interest_page
from service.storage.fact_rows import ENTITIES, Acting, RecordedEntity, seats_of
from service.storage.facts import put_acting, put_all, remove_acting, remove_entity
from service.storage.schema import entities

router = APIRouter(prefix="/admin/v1/entities", tags=["entities"])


def _put(writing: Writing, bodies: Mapping[str, EntityBody]) -> None:
    put_all(writing, ENTITIES, (_recorded(id, body) for id, body in bodies.items()))
    for id, body in bodies.items():
        partners = {EntityId(partner) for partner in body.acts_with if partner != id}
        _act_with(writing, EntityId(id), partners, body.source)


def _recorded(id: str, body: EntityBody) -> RecordedEntity:
    seats = {basis: frozenset(map(Jurisdiction, codes)) for basis, codes in body.seats.by_basis().items()}
    return RecordedEntity(Entity(EntityId(id), body.name, body.kind, seats), body.source)


def _act_with(writing: Writing, id: EntityId, partners: set[EntityId], source: str) -> None:
    """Record whom an entity acts with, all of them; that is recorded of the others as well."""
    recorded = set(partners_of(writing.connection, id))
    for partner in recorded - partners:
        remove_acting(writing, id, partner)
    for partner in partners - recorded:
        put_acting(writing, Acting(id, partner, source))


def _retract(writing: Writing, id: str) -> None:
    _act_with(writing, EntityId(id), set(), "")
    remove_entity(writing, id)


def _view(row: Row[Any]) -> View:
    seats = {basis: sorted(codes) for basis, codes in seats_of(row.seats).items()}
    return {"name": row.name, "kind": row.kind, "seats": seats, "acts_with": [], "source": row.source}


ENTITY = FactKind("entity", "entities", entities, EntityBody, _put, _retract, _view)


@router.get("", response_model=FactPage[EntityView])
def list_entities(call: Reading, filters: Annotated[EntityFilters, Query()]) -> Response:
    """Entities, in the order of their ids."""
    if filters.list is not None and filters.valid_at is None:
        filters = filters.model_copy(update={"valid_at": call.admin.clock()})
    return list_facts(call, ENTITY, entity_page, filters)


@router.get("/{id:path}/history", response_model=FactPage[EntityView])
def read_entity_history(call: Reading, id: Id, filters: Annotated[PageFilters, Query()]) -> Response:
    """Everything that was ever recorded of an entity itself, the newest first, and by whom."""
    return read_history(call, ENTITY, id, filters)


@router.get("/{id:path}/owners", response_model=FactPage[InterestView])
def list_owners(call: Reading, id: Id, filters: Annotated[ValidFilters, Query()]) -> Response:
    """The interests in an entity that are valid at a time, now unless said."""
    return list_facts(call, INTEREST, interest_page, _of(filters, call, subject=id))


@router.get("/{id:path}/owned", response_model=FactPage[InterestView])
def list_owned(call: Reading, id: Id, filters: Annotated[ValidFilters, Query()]) -> Response:
    """The interests of an entity in others that are valid at a time, now unless said."""
    return list_facts(call, INTEREST, interest_page, _of(filters, call, owner=id))


@router.get("/{id:path}/ownership", response_model=OwnershipView)
def read_ownership(
    call: Reading, id: Id, at: Annotated[Moment | None, Query()] = None, known_at: KnownAt = None
) -> Response:
    """Everything above an entity, as rules see it: whom it is owned by, and they by whom, at a time."""
    moment = at or call.admin.clock()
    with call.admin.database.reading() as connection:
        dossier = read_with_entity(connection, "", id, None if known_at is None else micros(known_at))
    return call.read_answer(ownership_view(dossier, id, moment, known_at))


@router.get("/{id:path}", response_model=EntityView)
def read_entity(call: Reading, id: Id, known_at: KnownAt = None) -> Response:
    """An entity as it is recorded, or was at a time."""
    return read_fact(call, ENTITY, id, known_at)


@router.put("/{id:path}", response_model=EntityView)
def put_entity_fact(call: Editing, id: Id, body: EntityBody) -> Response:
    """Record an entity, or what is now known of it in place of what was."""
    return put_fact(call, ENTITY, id, body)


@router.delete("/{id:path}", status_code=204)
def delete_entity(call: Editing, id: Id) -> Response:
    """Record that nothing is known of an entity itself any more; interests and listings stay."""
    return delete_fact(call, ENTITY, id)


def _of(filters: ValidFilters, call: Call, **wanted: str) -> InterestFilters:
    valid_at = filters.valid_at or call.admin.clock()
    return InterestFilters.model_construct(**{**filters.model_dump(), "valid_at": valid_at, **wanted})
