"""Endpoint of the fleet: every instance that serves from the record, and how far each is behind it."""

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import Response
from typing_extensions import TypedDict

from service.admin.calls import POSITION_HEADER, Call, requires
from service.fleet import InstanceRow, instance_row, read_fleet

router = APIRouter(prefix="/admin/v1/instances", tags=["instances"])

Reading = Annotated[Call, Depends(requires("instances.read"))]


class FleetView(TypedDict):
    """Every instance that has served in the last hour."""

    position: str
    """How far the record has come."""
    items: list[InstanceRow]


@router.get("", response_model=FleetView)
def list_instances(call: Reading) -> Response:
    """Every instance that has served in the last hour, and what it lacks."""
    admin = call.admin
    with admin.database.reading() as connection:
        found = read_fleet(connection, admin.clock())
    view: FleetView = {"position": str(found.position), "items": [instance_row(*each) for each in found.instances]}
    response = call.read_answer(view)
    response.headers[POSITION_HEADER] = view["position"]
    return response
