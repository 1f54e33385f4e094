"""Every query on the parts that the rules judge. All follow the index by station and time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, func, select

from serving.tables import Inspection, InspectionDetection, Station


@dataclass(frozen=True, slots=True)
class PartSample:
    """What the rules need of one inspection."""

    created_at: datetime
    decision: str
    total_time_ms: float


@dataclass(frozen=True, slots=True)
class Look:
    """Some parts as the model saw them.

    Attributes:
        scores: Confidence of each.
        classes: How often each class was found in them.
    """

    scores: Sequence[float]
    classes: Mapping[str, int]


def newest_parts(session: Session) -> Mapping[str, datetime]:
    """By station, when its newest part was inspected; stations without parts are left out."""
    newest = (
        select(func.max(Inspection.created_at)).where(col(Inspection.station_id) == col(Station.id)).scalar_subquery()
    )
    rows = session.exec(select(Station.id, newest)).all()
    return {station_id: created_at for station_id, created_at in rows if created_at is not None}


def parts_since(session: Session, station_id: str, since: datetime, limit: int) -> Sequence[PartSample]:
    """The newest parts of a station since then, newest first."""
    created_at = col(Inspection.created_at)
    query = select(created_at, Inspection.decision, Inspection.total_time_ms).where(
        Inspection.station_id == station_id, created_at >= since
    )
    return [PartSample(*row) for row in session.exec(query.order_by(created_at.desc()).limit(limit))]


def count_since(session: Session, station_id: str, since: datetime) -> int:
    """How many parts a station has inspected since then."""
    query = select(func.count()).select_from(Inspection)
    return session.exec(query.where(Inspection.station_id == station_id, col(Inspection.created_at) >= since)).one()


def rejections(session: Session, station_id: str, *, skip: int, limit: int) -> list[bool]:
    """Whether each part did not pass, oldest first, without so many of the newest parts."""
    query = select(Inspection.decision).where(Inspection.station_id == station_id)
    query = query.order_by(col(Inspection.created_at).desc()).offset(skip).limit(limit)
    return [decision != "pass" for decision in session.exec(query)][::-1]


def look_at(session: Session, station_id: str, *, skip: int, limit: int) -> Look:
    """Some parts of a station, judged by the model version of its newest part, without so many of the newest ones."""
    created_at, own_id = col(Inspection.created_at), col(Inspection.id)
    version = session.exec(
        select(Inspection.model_version).where(Inspection.station_id == station_id).order_by(created_at.desc()).limit(1)
    ).first()
    chosen = (
        select(own_id, Inspection.confidence)
        .where(Inspection.station_id == station_id, Inspection.model_version == version)
        .order_by(created_at.desc(), own_id)
        .offset(skip)
        .limit(limit)
        .subquery()
    )
    scores = session.exec(select(chosen.c.confidence)).all()
    found = (
        select(InspectionDetection.class_name, func.count())
        .join(chosen, chosen.c.id == col(InspectionDetection.inspection_id))
        .group_by(col(InspectionDetection.class_name))
    )
    return Look([float(score) for score in scores], {name: int(count) for name, count in session.exec(found)})
