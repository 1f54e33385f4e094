"""Every query of the exports."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, or_
from sqlalchemy import select as select_columns
from sqlmodel import Session, SQLModel, col, func, select

from serving.export.columns import STORED, FoundDefect
from serving.inspections.repository import InspectionFilter, conditions_of
from serving.tables import Inspection, InspectionDetection, Station

_INSPECTIONS: Final = SQLModel.metadata.tables["inspections"].c


@dataclass(frozen=True, slots=True)
class Place:
    """The place of an inspection in the order of an export: by time, and by id among equal times."""

    created_at: datetime
    inspection_id: str


def newest_of(session: Session, chosen: InspectionFilter) -> datetime | None:
    """The time of the newest one, None if there is none."""
    return session.exec(select(func.max(Inspection.created_at)).where(*conditions_of(chosen, in_order=True))).one()


def page(
    session: Session, chosen: InspectionFilter, upto: datetime, after: Place | None, limit: int
) -> Sequence[Mapping[str, Any]]:
    """The next inspections in the order of the export, as values by `STORED` column."""
    rows = session.connection().execute(page_query(chosen, upto, after, limit))
    return [dict(zip(STORED, row, strict=True)) for row in rows]


def page_query(chosen: InspectionFilter, upto: datetime, after: Place | None, limit: int) -> Select[Any]:
    """The same as a query: it begins where the last page ended, so that the last page costs what the first did."""
    at, own_id = col(Inspection.created_at), col(Inspection.id)
    query = select_columns(*(_INSPECTIONS[name] for name in STORED)).where(
        *conditions_of(chosen, in_order=True), at <= upto
    )
    if after is not None:
        query = query.where(at >= after.created_at, or_(at > after.created_at, own_id > after.inspection_id))
    return query.order_by(at, own_id).limit(limit)


def defects_of(session: Session, inspection_ids: Sequence[str]) -> Mapping[str, list[FoundDefect]]:
    """What was found, by inspection id."""
    table = InspectionDetection
    columns = (col(table.inspection_id), col(table.class_name), col(table.area_px), col(table.area_mm2))
    query = select_columns(*columns).where(col(table.inspection_id).in_(inspection_ids))
    found: dict[str, list[FoundDefect]] = {}
    for values in session.connection().execute(query.order_by(columns[0], col(table.position))):
        found.setdefault(values[0], []).append(FoundDefect(*values))
    return found


def of_part(session: Session, part_id: str, stations: frozenset[str] | None, limit: int) -> Sequence[Inspection]:
    """The newest inspections of a part, newest first."""
    query = select(Inspection).where(Inspection.part_id == part_id)
    if stations is not None:
        query = query.where(col(Inspection.station_id).in_(stations))
    return session.exec(query.order_by(col(Inspection.created_at).desc(), col(Inspection.id)).limit(limit)).all()


def number_of_part(session: Session, part_id: str, stations: frozenset[str] | None) -> int:
    """The number of inspections of a part."""
    query = select(func.count()).select_from(Inspection).where(Inspection.part_id == part_id)
    if stations is not None:
        query = query.where(col(Inspection.station_id).in_(stations))
    return session.exec(query).one()


def station_name(session: Session, station_id: str) -> str:
    """What a station is called."""
    return session.exec(select(Station.name).where(Station.id == station_id)).one_or_none() or station_id
