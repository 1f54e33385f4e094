"""`/api/v1/inspect` and `/api/v1/inspections`."""

import asyncio
from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from sqlmodel import Session

from serving.audit.dependencies import CurrentActor
from serving.auth.dependencies import CurrentUser, require
from serving.auth.principal import Principal
from serving.errors import NotFound, PayloadTooLarge
from serving.inspections import holds, overruling, repository, service
from serving.inspections.filtering import AskedFor
from serving.inspections.part_route import KEY_PATTERN, MOST_KEY_CHARACTERS, OPERATOR, PartRoute
from serving.inspections.records import InspectionOrder, row_to_schema
from serving.inspections.schemas import (
    DeletedOut,
    HoldIn,
    InspectionList,
    InspectionOut,
    OverruledOut,
    OverruleIn,
)
from serving.inspections.upload import UPLOAD_BODY, PartText, read_upload
from serving.live.precedence import is_background
from serving.platform import Platform, PlatformDep
from serving.stations.schemas import STATION_ID_PATTERN
from serving.tables import Inspection, ReviewItem

_log = structlog.get_logger(__name__)
router = APIRouter(prefix="/api/v1", tags=["inspections"])


StationQuery = Annotated[
    str | None, Query(alias="station_id", pattern=STATION_ID_PATTERN, description="As the form field, which wins")
]
PartQuery = Annotated[PartText | None, Query(alias="part_id", description="As the form field")]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        max_length=MOST_KEY_CHARACTERS,
        pattern=KEY_PATTERN,
        description="The same key gives the same inspection again, however often the request is sent",
    ),
]
PriorityHeader = Annotated[
    str | None,
    Header(alias="Priority", description="RFC 9218: `u=4` to `u=7` gives way to the parts of the line"),
]
InspectionId = Annotated[str, Path(max_length=64)]
Operator = Annotated[Principal, Depends(OPERATOR)]
Engineer = Annotated[Principal, Depends(require("engineer"))]


async def inspect(
    platform: PlatformDep,
    user: Operator,
    request: Request,
    station_query: StationQuery = None,
    part_query: PartQuery = None,
    idempotency_key: IdempotencyKey = None,
    priority: PriorityHeader = None,
) -> Response:
    """Inspects a picture. When the answer is here, the picture and the verdict are on disk."""
    async with read_upload(request) as part:
        size_bytes = part.file.size or 0
        if size_bytes > platform.settings.max_upload_bytes:
            raise PayloadTooLarge(f"the picture is larger than {platform.settings.max_upload_mb} MiB")
        order = InspectionOrder(
            station_id=part.station_id or station_query or "default",
            part_id=part.part_id or part_query or None,
            source="upload",
            requested_by=user.id,
            idempotency_key=idempotency_key,
            is_background=is_background(priority),
        )
        user.require_station(order.station_id)
        with platform.live.admission.hold(size_bytes):
            return _answer(await service.inspect_upload(platform, order, await part.file.read()))


router.add_api_route(
    "/inspect",
    inspect,
    methods=["POST"],
    response_model=InspectionOut,
    openapi_extra=UPLOAD_BODY,
    route_class_override=PartRoute,
)


@router.post("/inspect/camera", response_model=InspectionOut)
async def inspect_camera(
    platform: PlatformDep,
    user: Operator,
    station_id: Annotated[str, Query(pattern=STATION_ID_PATTERN)] = "default",
    part_id: Annotated[PartText | None, Query()] = None,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Takes a picture with the configured camera and inspects it."""
    user.require_station(station_id)
    order = InspectionOrder(station_id, part_id or None, "camera", user.id, idempotency_key)
    return _answer(await service.inspect_camera(platform, order))


@router.get("/inspect/{inspection_id}")
def get_inspection(platform: PlatformDep, user: CurrentUser, inspection_id: InspectionId) -> InspectionOut:
    """A stored inspection."""
    with platform.database.read() as session:
        row = repository.find(session, inspection_id)
        if row is None or not user.may_use(row.station_id):
            raise NotFound("there is no such inspection")
        detections = repository.detections_of(session, [row.id]).get(row.id, [])
        return row_to_schema(row, detections, platform.live.links.link_to(row.image_path, platform.clock()))


@router.get("/inspections")
def list_inspections(
    platform: PlatformDep,
    chosen: AskedFor,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    offset: Annotated[int, Query(ge=0, le=10**9)] = 0,
) -> InspectionList:
    """Stored inspections, newest first."""
    now = platform.clock()
    with platform.database.read() as session:
        rows = repository.list_page(session, chosen, limit=limit, offset=offset)
        detections = repository.detections_of(session, [row.id for row in rows])
        total = repository.count(session, chosen)
    links = platform.live.links
    shown = [row_to_schema(row, detections.get(row.id, []), links.link_to(row.image_path, now)) for row in rows]
    return InspectionList(inspections=shown, total=total, limit=limit, offset=offset)


@router.delete("/inspect/{inspection_id}")
async def delete_inspection(
    platform: PlatformDep, _user: Engineer, actor: CurrentActor, inspection_id: InspectionId
) -> DeletedOut:
    """Deletes an inspection and its picture."""
    now = platform.clock()
    deleted = platform.database.write(
        lambda session: service.delete_inspection(session, inspection_id, by=actor, now=now)
    )
    path = await asyncio.wrap_future(deleted)
    platform.statistics.note_changed()
    try:
        await asyncio.to_thread(platform.live.media.discard, path)
    except OSError as error:
        # The row is gone, which is what was asked for; the repair removes the file at the next start.
        _log.error("picture_not_removed", path=path, error=str(error))
    return DeletedOut(id=inspection_id)


@router.post("/inspect/{inspection_id}/overrule")
async def overrule_inspection(
    platform: PlatformDep, user: Operator, actor: CurrentActor, inspection_id: InspectionId, wanted: OverruleIn
) -> OverruledOut:
    """Says something else than the verdict, and why. The picture becomes training data."""
    now, runtime = platform.clock(), platform.live.runtime
    classes = tuple(runtime.manifest.classes) if runtime is not None else ()

    def overrule(session: Session) -> tuple[Inspection, ReviewItem | None]:
        row = repository.find(session, inspection_id)
        if row is not None and not user.may_use(row.station_id):
            raise NotFound("there is no such inspection")
        return overruling.overrule(session, inspection_id, wanted, model_classes=classes, actor=actor, now=now)

    row, item = await asyncio.wrap_future(platform.database.write(overrule))
    platform.statistics.note_changed()
    shown = await asyncio.to_thread(_shown, platform, row)
    place = {"review_item_id": item.id if item else None, "review_state": item.state if item else None}
    return OverruledOut.model_validate({"inspection": shown, **place})


@router.put("/inspect/{inspection_id}/hold")
async def hold_inspection(
    platform: PlatformDep, _user: Engineer, actor: CurrentActor, inspection_id: InspectionId, wanted: HoldIn
) -> InspectionOut:
    """Puts an inspection on hold: neither its picture nor its record may be deleted."""
    now = platform.clock()
    held = platform.database.write(
        lambda session: holds.put(session, inspection_id, wanted.reason, actor=actor, now=now)
    )
    return await asyncio.to_thread(_shown, platform, await asyncio.wrap_future(held))


@router.delete("/inspect/{inspection_id}/hold")
async def release_inspection(
    platform: PlatformDep, _user: Engineer, actor: CurrentActor, inspection_id: InspectionId
) -> InspectionOut:
    """Lifts the hold of an inspection."""
    now = platform.clock()
    lifted = platform.database.write(lambda session: holds.lift(session, inspection_id, actor=actor, now=now))
    return await asyncio.to_thread(_shown, platform, await asyncio.wrap_future(lifted))


def _shown(platform: Platform, row: Inspection) -> InspectionOut:
    with platform.database.read() as session:
        detections = repository.detections_of(session, [row.id]).get(row.id, [])
    return row_to_schema(row, detections, platform.live.links.link_to(row.image_path, platform.clock()))


def _answer(outcome: service.Outcome) -> Response:
    # Written out by Pydantic at once: FastAPI would validate the whole answer a second time.
    headers = {"Idempotency-Replayed": "true"} if outcome.replayed else {}
    return Response(outcome.inspection.model_dump_json(), media_type="application/json", headers=headers)
