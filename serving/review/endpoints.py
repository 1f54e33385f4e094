"""`/api/v1/active-learning`."""

import asyncio
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from serving.audit.dependencies import CurrentActor
from serving.auth.dependencies import CurrentUser, require, require_or_platform
from serving.auth.principal import Principal
from serving.errors import Forbidden
from serving.images.links import ImageLinks
from serving.platform import Platform, PlatformDep
from serving.review import repository, service
from serving.review.schemas import AnnotatedOut, AnnotateIn, ItemsIn, ItemsOut, QueueItemOut, QueueOut, StatsOut
from serving.tables import ReviewItem

router = APIRouter(prefix="/api/v1/active-learning", tags=["active learning"])

ItemId = Annotated[str, Path(max_length=36)]
Operator = Annotated[Principal, Depends(require("operator"))]
Curator = Annotated[Principal, Depends(require_or_platform("engineer"))]


@router.get("/stats")
def get_stats(platform: PlatformDep, _user: CurrentUser) -> StatsOut:
    """How many pictures wait, are labelled, and have been learned from."""
    with platform.database.read() as session:
        return service.stats(session)


@router.get("/queue")
def get_queue(platform: PlatformDep, _user: CurrentUser, limit: Annotated[int, Query(ge=1, le=100)] = 1) -> QueueOut:
    """The next pictures to look at, most useful first, with what the model suggests."""
    now = platform.clock()
    with platform.database.read() as session:
        rows = repository.next_pending(session, limit)
        total = repository.count_by_state(session).get("pending", 0)
        classes = service.known_classes(session, _model_classes(platform))
    return QueueOut(items=[_to_item(row, platform.live.links, now) for row in rows], total=total, class_names=classes)


@router.post("/annotate/{item_id}")
async def annotate(
    platform: PlatformDep,
    user: Operator,
    actor: CurrentActor,
    item_id: ItemId,
    request: AnnotateIn,
    replace: Annotated[bool, Query(description="Label anew what is labelled already")] = False,
    allow_new_classes: Annotated[bool, Query(description="Engineers: accept class names nobody used before")] = False,
) -> AnnotatedOut:
    """Stores what a person says of a picture. No annotations at all say that the part is good."""
    if allow_new_classes and not user.reaches("engineer"):
        raise Forbidden("new classes need the role engineer")
    labels, classes, now = [each.to_label() for each in request.annotations], _model_classes(platform), platform.clock()
    written = platform.database.write(
        lambda session: service.annotate(
            session,
            item_id,
            labels,
            model_classes=classes,
            reviewed_by=request.reviewed_by or user.username,
            by=actor,
            now=now,
            replace=replace,
            allow_new_classes=allow_new_classes,
        )
    )
    return await asyncio.wrap_future(written)


@router.post("/skip/{item_id}")
async def skip(platform: PlatformDep, _user: Operator, actor: CurrentActor, item_id: ItemId) -> AnnotatedOut:
    """Takes a picture out of the queue without a label."""
    now = platform.clock()
    written = platform.database.write(lambda session: service.skip(session, item_id, by=actor, now=now))
    return await asyncio.wrap_future(written)


@router.post("/items")
async def put_items(platform: PlatformDep, _user: Curator, actor: CurrentActor, request: ItemsIn) -> ItemsOut:
    """Puts inspections into the queue, each with the strategies that chose it; sent twice, nothing doubles."""
    written = platform.database.write(lambda session: service.put_items(session, request, by=actor))
    return await asyncio.wrap_future(written)


def _model_classes(platform: Platform) -> tuple[str, ...]:
    runtime = platform.live.runtime
    return tuple(runtime.manifest.classes) if runtime is not None else ()


def _to_item(row: ReviewItem, links: ImageLinks, now: datetime) -> QueueItemOut:
    values = row.model_dump(include=set(QueueItemOut.model_fields))
    values |= {"image_url": links.link_to(row.image_path, now), "width": row.width_px, "height": row.height_px}
    return QueueItemOut.model_validate(values)
