"""`/api/v1/statistics` and `/api/v1/trends`."""

from functools import partial
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Depends, Query

from serving.auth.dependencies import CurrentUser
from serving.platform import PlatformDep
from serving.stations.schemas import STATION_ID_PATTERN
from serving.statistics.buckets import Interval
from serving.statistics.schemas import PartList, ShiftOut, StatisticsOut, TrendsOut
from serving.statistics.scope import DEFAULT_HOURS, Scope

router = APIRouter(prefix="/api/v1", tags=["statistics"])
Hours = Annotated[int, Query(ge=1, le=168, description="Length of the window, which ends now")]
Station = Annotated[str | None, Query(alias="station_id", pattern=STATION_ID_PATTERN, description="All if left out")]


async def scope_of(user: CurrentUser, hours: Hours = DEFAULT_HOURS, station_id: Station = None) -> Scope:
    """What the query asks for.

    Raises:
        Forbidden: Of a station that the caller may not use.
    """
    if station_id is not None:
        user.require_station(station_id)
    return Scope(hours, station_id, user.stations)


ScopeQuery = Annotated[Scope, Depends(scope_of)]


@router.get("/statistics")
async def get_statistics(platform: PlatformDep, scope: ScopeQuery) -> StatisticsOut:
    """Figures of the last hours."""
    statistics = platform.statistics
    return await to_thread.run_sync(statistics.statistics, scope, limiter=statistics.threads)


@router.get("/trends")
async def get_trends(
    platform: PlatformDep, scope: ScopeQuery, interval: Annotated[Interval, Query()] = "hour"
) -> TrendsOut:
    """The last hours, hour by hour or day by day of the plant's clock."""
    statistics = platform.statistics
    return await to_thread.run_sync(statistics.trends, scope, interval, limiter=statistics.threads)


@router.get("/statistics/shift")
async def get_shift(platform: PlatformDep, _user: CurrentUser) -> ShiftOut:
    """Yield of the shift that goes on now, station by station; the configuration's `shift_starts` says since when."""
    statistics, starts = platform.statistics, platform.config.current.shift_starts
    return await to_thread.run_sync(statistics.shift, starts, limiter=statistics.threads)


@router.get("/statistics/parts")
async def list_parts(
    platform: PlatformDep,
    scope: ScopeQuery,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    offset: Annotated[int, Query(ge=0, le=10**9)] = 0,
) -> PartList:
    """Yield per part: those with most failed inspections first. Parts without an id are left out."""
    statistics = platform.statistics
    ask = partial(statistics.parts, scope, limit=limit, offset=offset)
    return await to_thread.run_sync(ask, limiter=statistics.threads)
