"""`/api/v1/opcua`."""

from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Depends, Query

from serving.auth.dependencies import CurrentUser, platform_account
from serving.auth.principal import Principal
from serving.errors import InvalidRequest
from serving.moments import Moment
from serving.opcua_status import service
from serving.opcua_status.schemas import Heartbeat, OpcUaStatus, PlatformState, ResultList, Snapshot
from serving.platform import PlatformDep
from serving.stations.schemas import STATION_ID_PATTERN

router = APIRouter(prefix="/api/v1/opcua", tags=["opcua"])


Platforms = Annotated[Principal, Depends(platform_account)]


@router.get("/status")
async def get_status(platform: PlatformDep, _user: CurrentUser) -> OpcUaStatus:
    """The state of the OPC UA server."""
    return platform.opcua.status()


@router.put("/heartbeat")
async def put_heartbeat(platform: PlatformDep, _user: Platforms, heartbeat: Heartbeat) -> PlatformState:
    """Takes what the OPC UA process says of itself, and says how the platform is; of its own account only."""
    platform.opcua.hear(heartbeat, platform.clock())
    return await to_thread.run_sync(service.platform_state, platform)


@router.get("/snapshot")
async def get_snapshot(platform: PlatformDep, _user: Platforms) -> Snapshot:
    """Counters, last results and the last hour of every station; of the platform's own account only."""
    return await to_thread.run_sync(service.take_snapshot, platform)


@router.get("/results")
def list_results(
    platform: PlatformDep,
    _user: CurrentUser,
    station_id: Annotated[str, Query(pattern=STATION_ID_PATTERN)],
    since: Annotated[Moment, Query(description="The earliest time")],
    until: Annotated[Moment, Query(description="The latest time")],
    newest_first: Annotated[bool, Query()] = False,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> ResultList:
    """Stored inspections of a station in the order of their times: what HistoryRead gives."""
    if since > until:
        raise InvalidRequest("since must not be after until")
    return service.results_between(platform, station_id, since, until, newest_first=newest_first, limit=limit)
