"""Endpoints of resources: its tags, and who provides each."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response
from sqlalchemy import Row

from rules.facts import EntityId, Resource, ResourceId
from service.admin.fact_filters import KnownAt, PageFilters, ResourceFilters
from service.admin.fact_models import FactPage, Id, ResourceBody, ResourceView
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
from service.storage.database import Writing
from service.storage.fact_pages import resource_page
from service.storage.fact_rows import RESOURCES
from service.storage.facts import put_all, remove_resource
from service.storage.schema import resources

router = APIRouter(prefix="/admin/v1/resources", tags=["resources"])


def _put(writing: Writing, bodies: Mapping[str, ResourceBody]) -> None:
    put_all(writing, RESOURCES, (_recorded(id, body) for id, body in bodies.items()))


def _recorded(id: str, body: ResourceBody) -> Resource:
    provider = None if body.provider is None else EntityId(body.provider)
    return Resource(ResourceId(id), frozenset(body.tags), provider)


def _view(row: Row[Any]) -> View:
    return {"tags": json.loads(row.tags), "provider": row.provider}


RESOURCE = FactKind("resource", "resources", resources, ResourceBody, _put, remove_resource, _view)


@router.get("", response_model=FactPage[ResourceView])
def list_resources(call: Reading, filters: Annotated[ResourceFilters, Query()]) -> Response:
    """Resources, in the order of their ids."""
    return list_facts(call, RESOURCE, resource_page, filters)


@router.get("/{id:path}/history", response_model=FactPage[ResourceView])
def read_resource_history(call: Reading, id: Id, filters: Annotated[PageFilters, Query()]) -> Response:
    """Everything that was ever recorded of a resource, the newest first, and by whom."""
    return read_history(call, RESOURCE, id, filters)


@router.get("/{id:path}", response_model=ResourceView)
def read_resource(call: Reading, id: Id, known_at: KnownAt = None) -> Response:
    """A resource as it is recorded, or was at a time."""
    return read_fact(call, RESOURCE, id, known_at)


@router.put("/{id:path}", response_model=ResourceView)
def put_resource_fact(call: Editing, id: Id, body: ResourceBody) -> Response:
    """Record a resource, or what is now known of it in place of what was."""
    return put_fact(call, RESOURCE, id, body)


@router.delete("/{id:path}", status_code=204)
def delete_resource(call: Editing, id: Id) -> Response:
    """Record that nothing is known of a resource any more."""
    return delete_fact(call, RESOURCE, id)
