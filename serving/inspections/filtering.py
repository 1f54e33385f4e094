"""Which inspections a request asks for."""

from typing import Annotated

from fastapi import Depends, Query

from serving.auth.dependencies import CurrentUser
from serving.inspections.repository import InspectionFilter
from serving.inspections.schemas import Decision
from serving.inspections.upload import PartText
from serving.moments import Moment
from serving.stations.schemas import STATION_ID_PATTERN

Verdict = Annotated[Decision | None, Query(description="Of the model")]
Effective = Annotated[
    Decision | None, Query(description="The verdict that holds: a person's where one overruled it, else the model's")
]


async def filter_of(
    user: CurrentUser,
    station_id: Annotated[str | None, Query(pattern=STATION_ID_PATTERN, description="All if left out")] = None,
    decision: Verdict = None,
    effective_decision: Effective = None,
    since: Annotated[Moment | None, Query(description="The earliest moment, with its offset from UTC")] = None,
    until: Annotated[Moment | None, Query(description="The moment before which it was")] = None,
    class_name: Annotated[str | None, Query(max_length=64, description="With a defect of this class")] = None,
    part: Annotated[PartText | None, Query(description="How the part's id begins")] = None,
    model_version: Annotated[str | None, Query(max_length=64)] = None,
) -> InspectionFilter:
    """What the query asks for, of what the caller may see.

    Raises:
        Forbidden: Of a station that the caller may not use.
    """
    if station_id is not None:
        user.require_station(station_id)
    return InspectionFilter(
        station_id=station_id,
        decision=decision,
        effective_decision=effective_decision,
        stations=user.stations,
        since=since,
        until=until,
        class_name=class_name or None,
        part=part or None,
        model_version=model_version or None,
    )


AskedFor = Annotated[InspectionFilter, Depends(filter_of)]
