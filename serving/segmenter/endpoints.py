"""`/api/v1/active-learning/segment`."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from starlette.concurrency import run_in_threadpool

from serving.auth.dependencies import CurrentUser, require
from serving.auth.principal import Principal
from serving.errors import NotFound
from serving.platform import Platform, PlatformDep
from serving.review import repository
from serving.segmenter.schemas import SegmenterStatus, SegmentIn, SegmentOut
from serving.tables import ReviewItem

router = APIRouter(prefix="/api/v1/active-learning/segment", tags=["active learning"])

Operator = Annotated[Principal, Depends(require("operator"))]


@router.get("")
async def get_status(platform: PlatformDep, _user: CurrentUser) -> SegmenterStatus:
    """Whether boxes and clicks can become polygons here, and if not, why."""
    return platform.segmenter.status()


@router.post(
    "/{item_id}",
    responses={
        404: {"description": "There is no such picture"},
        422: {"description": "A box or a point lies outside the picture"},
        503: {"description": "There is no segmenter here, or too many wait for it"},
    },
)
async def segment(
    platform: PlatformDep, _user: Operator, item_id: Annotated[str, Path(max_length=36)], request: SegmentIn
) -> SegmentOut:
    """The regions that a box, clicks or many boxes point at, as polygons. Nothing is stored."""
    platform.segmenter.require_possible()
    item = await run_in_threadpool(_find, platform, item_id)
    return await platform.segmenter.segment(item, request.to_prompts())


def _find(platform: Platform, item_id: str) -> ReviewItem:
    with platform.database.read() as session:
        item = repository.find(session, item_id)
    if item is None:
        raise NotFound("there is no such picture in the queue")
    return item
