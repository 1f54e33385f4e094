"""`/api/v1/export`."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, Final

from anyio import to_thread
from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import StreamingResponse

from serving.audit.dependencies import CurrentActor
from serving.audit.record import record
from serving.auth.dependencies import CurrentUser
from serving.auth.principal import Principal
from serving.export import service
from serving.export.period import Period, read_period
from serving.export.report import ReportedInspection, ReportOrder, make_report
from serving.export.stream import FileFormat, RowStream, encoder_of
from serving.inspections.filtering import AskedFor
from serving.inspections.repository import InspectionFilter
from serving.inspections.upload import PartText
from serving.platform import Platform, PlatformDep
from serving.stations.schemas import STATION_ID_PATTERN

router = APIRouter(prefix="/api/v1/export", tags=["export"])
_MOMENT_TEXT: Final = "A day (2024-01-15) on the plant's clock, or a moment (2024-01-15T08:00:00Z)"
Station = Annotated[str | None, Query(alias="station_id", pattern=STATION_ID_PATTERN, description="All if left out")]
_FILES: Final = {
    "text/csv": {"schema": {"type": "string"}},
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": {},
    "application/vnd.apache.parquet": {},
}
Gather = Callable[[], tuple[list[ReportedInspection], str | None]]
_PDF: Final[dict[int | str, dict[str, Any]]] = {200: {"content": {"application/pdf": {}}, "description": "The report"}}


@router.get(
    "/csv",
    response_class=StreamingResponse,
    responses={200: {"content": _FILES, "description": "One row per inspection, oldest first"}},
)
async def export_inspections(
    platform: PlatformDep,
    actor: CurrentActor,
    asked: AskedFor,
    date_from: Annotated[str | None, Query(max_length=40, description=_MOMENT_TEXT)] = None,
    date_to: Annotated[str | None, Query(max_length=40, description=f"{_MOMENT_TEXT}; a day is included")] = None,
    file_format: Annotated[FileFormat, Query(alias="format")] = "csv",
    bom: Annotated[bool, Query(description="Begin CSV with a byte order mark, for Excel")] = False,
) -> StreamingResponse:
    """All inspections, or those that the filters leave, as a file: CSV, XLSX or Parquet."""
    zone = platform.config.current.zone
    chosen = _within(asked, read_period(date_from, date_to, zone))
    stream = RowStream(platform.database, platform.exports, chosen, encoder_of(file_format, bom=bom), zone)
    await stream.open()
    after = {"format": file_format, **_told(asked), "date_from": date_from, "date_to": date_to}
    told = partial(record, actor=actor, action="inspections.exported", subject="inspections", after=after)
    await asyncio.wrap_future(platform.database.write(told))
    name = f"ussop-inspections-{platform.clock().astimezone(zone):%Y-%m-%d}.{stream.ending}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return StreamingResponse(stream.pieces(), media_type=stream.media_type, headers=headers)


@router.get("/report", response_class=Response, responses=_PDF)
async def report_part(
    platform: PlatformDep,
    user: CurrentUser,
    part_id: Annotated[PartText, Query(min_length=1)],
    station_id: Station = None,
) -> Response:
    """A PDF report of the newest inspections of a part."""
    stations = _stations_of(user, station_id)

    def gather() -> tuple[list[ReportedInspection], str | None]:
        with platform.database.read() as session:
            return service.report_of_part(session, platform.live.media, part_id, stations)

    return await to_thread.run_sync(_report, platform, user, gather, "part", limiter=platform.exports.threads)


@router.get("/report/{inspection_id}", response_class=Response, responses=_PDF)
async def report_inspection(
    platform: PlatformDep, user: CurrentUser, inspection_id: Annotated[str, Path(max_length=64)]
) -> Response:
    """A PDF report of one inspection: picture with overlay, decision, defects, model, recipe, thresholds."""

    def gather() -> tuple[list[ReportedInspection], str | None]:
        with platform.database.read() as session:
            found = service.report_of_inspection(session, platform.live.media, inspection_id, user.stations)
        return found, None

    return await to_thread.run_sync(_report, platform, user, gather, inspection_id, limiter=platform.exports.threads)


def _within(asked: InspectionFilter, period: Period) -> InspectionFilter:
    """Those of them that were made in the period."""
    since = [moment for moment in (asked.since, period.since) if moment is not None]
    until = [moment for moment in (asked.until, period.until) if moment is not None]
    return replace(asked, since=max(since, default=None), until=min(until, default=None))


def _told(asked: InspectionFilter) -> dict[str, str | None]:
    """What was asked for, for the audit log."""
    told = {name: getattr(asked, name) for name in ("station_id", "decision")}
    more = {name: getattr(asked, name) for name in ("effective_decision", "class_name", "part", "model_version")}
    moments = {name: moment.isoformat() for name in ("since", "until") if (moment := getattr(asked, name)) is not None}
    return told | {name: value for name, value in more.items() if value is not None} | moments


def _report(platform: Platform, user: Principal, gather: Gather, name: str) -> Response:
    inspections, note = gather()
    order = ReportOrder(user.username, platform.clock(), platform.config.current.zone, note)
    headers = {"Content-Disposition": f'inline; filename="ussop-report-{name}.pdf"', "Cache-Control": "no-store"}
    return Response(make_report(inspections, order), media_type="application/pdf", headers=headers)


def _stations_of(user: Principal, station_id: str | None) -> frozenset[str] | None:
    """The stations that are asked for and may be seen; None for all.

    Raises:
        Forbidden: The caller may not use that station.
    """
    if station_id is None:
        return user.stations
    user.require_station(station_id)
    return frozenset({station_id})
