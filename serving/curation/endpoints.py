"""`/api/v1/active-learning`, the part that fills the queue."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from serving.audit.dependencies import CurrentActor
from serving.auth.dependencies import CurrentUser, require_or_platform
from serving.auth.principal import Principal
from serving.curation import service
from serving.curation.repository import CandidateFilter, Place
from serving.curation.schemas import AuditOut, CandidateList, DrawIn, DrawOut
from serving.errors import InvalidRequest
from serving.inspections.schemas import Decision
from serving.moments import Moment
from serving.platform import PlatformDep
from serving.stations.schemas import STATION_ID_PATTERN

router = APIRouter(prefix="/api/v1/active-learning", tags=["active learning"])

Curator = Annotated[Principal, Depends(require_or_platform("engineer"))]
StationFilter = Annotated[str | None, Query(pattern=STATION_ID_PATTERN)]


@router.get("/candidates")
def list_candidates(
    platform: PlatformDep,
    _user: CurrentUser,
    since: Annotated[Moment, Query(description="First moment")],
    until: Annotated[Moment | None, Query(description="The moment after the last; the present")] = None,
    station_id: StationFilter = None,
    decision: Annotated[Decision | None, Query()] = None,
    cursor: Annotated[str | None, Query(max_length=100, description="`next_cursor` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> CandidateList:
    """Inspections that curation may choose: those whose picture is still here, oldest first."""
    chosen = CandidateFilter(since, until or platform.clock(), station_id, decision)
    found = service.list_candidates(platform, chosen, after=_place(cursor), limit=limit)
    last = found[-1] if len(found) == limit else None
    return CandidateList(
        candidates=found, next_cursor=f"{last.created_at.isoformat()}_{last.inspection_id}" if last else None
    )


@router.post("/audit/draws")
async def draw(platform: PlatformDep, _user: Curator, actor: CurrentActor, request: DrawIn) -> DrawOut:
    """Draws passes by lot and puts them into the queue. A pass has one chance: drawn again, nothing is drawn twice."""
    return await service.draw(platform, request, actor)


@router.get("/audit")
def get_audit(
    platform: PlatformDep,
    _user: CurrentUser,
    days: Annotated[int, Query(ge=1, le=3660, description="Draws whose window reaches into these")] = 30,
    station_id: StationFilter = None,
    model_version: Annotated[str | None, Query(max_length=64)] = None,
) -> AuditOut:
    """How many of the passed parts have a defect, by the passes that were drawn by lot and looked at."""
    with platform.database.read() as session:
        return service.audit(
            session, days=days, now=platform.clock(), station_id=station_id, model_version=model_version
        )


def _place(cursor: str | None) -> Place | None:
    if cursor is None:
        return None
    moment, _, inspection_id = cursor.partition("_")
    try:
        at = datetime.fromisoformat(moment)
    except ValueError:
        raise InvalidRequest("the cursor is none of ours") from None
    if at.tzinfo is None or not inspection_id:
        raise InvalidRequest("the cursor is none of ours")
    return at, inspection_id
