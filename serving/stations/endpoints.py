"""`/api/v1/stations`."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Path
from starlette.concurrency import run_in_threadpool

from serving.audit.dependencies import CurrentActor
from serving.auth.dependencies import CurrentUser, require
from serving.auth.principal import Principal
from serving.errors import NotFound, NotReady
from serving.platform import PlatformDep
from serving.stations import repository, service
from serving.stations.calibration import CalibrationOut, CheckerboardIn, calibrate
from serving.stations.schemas import STATION_ID_PATTERN, StationList, StationOut, StationUpdate

router = APIRouter(prefix="/api/v1/stations", tags=["stations"])

StationId = Annotated[str, Path(pattern=STATION_ID_PATTERN)]
Engineer = Annotated[Principal, Depends(require("engineer"))]


@router.get("")
def list_stations(platform: PlatformDep, user: CurrentUser) -> StationList:
    """Every station, by id."""
    with platform.database.read() as session:
        rows = [row for row in repository.list_all(session) if user.may_use(row.id)]
        return StationList(stations=[StationOut.model_validate(row) for row in rows])


@router.get("/{station_id}")
def get_station(platform: PlatformDep, user: CurrentUser, station_id: StationId) -> StationOut:
    """One station with the rules that hold there."""
    with platform.database.read() as session:
        station = repository.find(session, station_id)
        if station is None or not user.may_use(station_id):
            raise NotFound("there is no such station")
        return StationOut.model_validate(station)


@router.put("/{station_id}")
async def put_station(
    platform: PlatformDep, _user: Engineer, actor: CurrentActor, station_id: StationId, update: StationUpdate
) -> StationOut:
    """Configures a station, and makes it if it is new. The next inspection follows the new rules."""
    if update.class_names:
        runtime = platform.live.runtime
        if runtime is None:
            raise NotReady("no model is loaded to check the class names against")
        service.require_known_classes(update, runtime.manifest.classes)
    now = platform.clock()
    written = platform.database.write(lambda session: service.configure(session, station_id, update, by=actor, now=now))
    try:
        return await asyncio.wrap_future(written)
    finally:
        platform.live.stations.forget(station_id)


@router.post("/{station_id}/calibrate")
async def calibrate_by_board(
    platform: PlatformDep, _user: Engineer, station_id: StationId, board: CheckerboardIn
) -> CalibrationOut:
    """Millimetres per pixel from a checkerboard in one of the station's pictures. Nothing is stored."""
    return await run_in_threadpool(calibrate, platform, station_id, board)
